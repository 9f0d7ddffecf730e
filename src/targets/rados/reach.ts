// Where a request's bytes lie in the file, of which it may have several pieces.
import type { Request } from '../../transfer/request.js';

/** Behind its last byte. Pieces are in the order of the file. */
export function endOf({ pieces, payloadOffset, payloadBytes }: Request): number {
  const last = pieces.count - 1;
  if (last < 0) return payloadOffset + payloadBytes;
  return (pieces.offset[last] ?? 0) + (pieces.bytes[last] ?? 0);
}

/** How many of its bytes lie before this place in the file. */
export function bytesBefore({ pieces, payloadOffset, payloadBytes }: Request, place: number): number {
  if (pieces.count === 0) return Math.min(payloadBytes, Math.max(0, place - payloadOffset));
  let before = 0;
  for (let i = 0; i < pieces.count; i++)
    before += Math.min(pieces.bytes[i] ?? 0, Math.max(0, place - (pieces.offset[i] ?? 0)));
  return before;
}
