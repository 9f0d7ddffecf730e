// A range that is one request just as its memory lies: it is known without a planner, and nothing is made for it.
import type { Direction, Limits } from '../plan/limits.js';
import type { PlannedRequest } from '../plan/request.js';

/**
 * Whether the planner would make one direct request, of one segment that is not staged, of a range whose memory is one
 * run. `inPage`: where the memory begins in its page; below 0: not known. Masks of ToInt32's low bits are exact for every
 * integer to 2^53, because alignments stay below 2^31.
 */
export function isWhole(limits: Limits, direction: Direction, offset: number, bytes: number, inPage: number): boolean {
  const grain = direction === 'write' ? limits.endAlignment : limits.offsetAlignment;
  if (bytes <= 0 || bytes > limits.bestBytes || ((offset | bytes) & (grain - 1)) !== 0) return false;
  if (limits.boundaryBytes !== 0 || offset + bytes > limits.until) return false;
  return limits.anyMemory === true || (inPage >= 0 && (inPage & (limits.memoryAlignment - 1)) === 0);
}

/** Fills `request` as `Planner.next` would, for a range of which `isWhole` holds. */
export function fillWhole(
  request: PlannedRequest,
  limits: Limits,
  direction: Direction,
  offset: number,
  bytes: number,
  buffer: ArrayBufferLike,
  byteOffset: number,
): void {
  request.clear();
  request.direction = direction;
  request.route = 'direct';
  request.unit = '';
  request.offset = offset;
  request.bytes = bytes;
  request.payloadOffset = offset;
  request.payloadBytes = bytes;
  request.pieces.count = 0;
  request.headPadBytes = 0;
  request.memoryAlignment = limits.memoryAlignment;
  request.segments.push(buffer, byteOffset, bytes, false);
  request.cut = 'end';
  const { state } = request;
  state.segment = 0;
  state.iovOffset = 0;
  state.count = bytes;
}
