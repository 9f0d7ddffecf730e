// How far the next request goes, by which route, and what ends it: from the target's limits, before memory is looked at.
import type { IovIter } from '../iter/iov-iter.js';
import type { Limits } from './limits.js';
import type { Cut, PlannedRequest } from './request.js';

/*
 * Writes have ends: what does not fill endAlignment goes by route 'end'. Write of 100 … 9000, endAlignment 4096:
 *
 *      target    |..............|..............|..............|
 *      requests     [   end     ][    direct   ][end ]              100 … 4096 … 8192 … 9000
 */

/** More pieces than this take milliseconds to walk and copy: a million of one byte each would hold the event loop. */
const PIECES_MAX = 16_384;

/** `n % (mask + 1)` for a power of two below 2^31: exact for every integer to 2^53, as ToInt32 keeps the low bits. */
export function phase(n: number, mask: number): number {
  return n & mask;
}

/** How many bytes PIECES_MAX pieces hold, as far as their average tells. */
export function bytesOfPieces({ count, nrSegs }: IovIter, limits: Limits): number {
  if (nrSegs <= PIECES_MAX) return limits.bestBytes;
  const bytes = Math.floor((count * PIECES_MAX) / nrSegs);
  return Math.max(limits.endAlignment, bytes - phase(bytes, limits.endAlignment - 1));
}

/**
 * How many payload bytes the request may have: of the `left` ones of its range or unit (`isLast`: nothing comes behind
 * them), of which the first `untilBytes` lie where the limits hold, and `piecewise` in as many pieces as are walked at a
 * time. Sets route and cut, and widens the start of a read.
 */
export function reachOf(
  request: PlannedRequest,
  limits: Limits,
  left: number,
  isLast: boolean,
  untilBytes: number,
  piecewise: number,
): number {
  let bytes = left;
  let cut: Cut = isLast ? 'end' : 'unit';
  if (untilBytes < bytes) {
    bytes = untilBytes;
    cut = 'limits';
  }
  request.route = 'direct';
  let most = Math.min(limits.bestBytes, piecewise);
  if (request.direction === 'write') {
    const mask = limits.endAlignment - 1;
    const into = phase(request.offset, mask);
    if (into !== 0 || bytes < limits.endAlignment) return reachOfEnd(request, limits, bytes, cut);
    const over = phase(bytes, mask);
    if (over !== 0) {
      bytes -= over;
      cut = 'route';
    }
    most -= phase(most, mask);
  }
  if (limits.boundaryBytes !== 0) {
    const toBoundary = limits.boundaryBytes - (request.offset % limits.boundaryBytes);
    if (toBoundary < bytes) {
      bytes = toBoundary;
      cut = 'boundary';
    }
  }
  if (request.direction === 'read') {
    request.headPadBytes = phase(request.offset, limits.offsetAlignment - 1);
    request.offset -= request.headPadBytes;
    most -= request.headPadBytes;
  }
  if (most < bytes) {
    bytes = most;
    cut = piecewise < limits.bestBytes ? 'best-segments' : 'best-bytes';
  }
  request.cut = cut;
  return bytes;
}

/** The end of a write: up to the next multiple of endAlignment, or as far as the range goes in this block. */
function reachOfEnd(request: PlannedRequest, limits: Limits, bytes: number, cut: Cut): number {
  request.route = 'end';
  const toBlock = limits.endAlignment - phase(request.offset, limits.endAlignment - 1);
  request.cut = bytes <= toBlock ? cut : 'route';
  return Math.min(bytes, toBlock);
}
