// What one request to a target may look like, by place. Pure data: a target hands it out, the planner obeys it.
import { assert } from '../base/assert.js';
import { isPowerOfTwo } from '../base/integers.js';

/** `write`: bytes go from memory to the target (the kernel's ITER_SOURCE). `read`: the other way (ITER_DEST). */
export type Direction = 'read' | 'write';

/**
 * Limits hold for the place and direction that they were asked for, and up to `until`.
 * Alignments are powers of two; 1 means that anything goes.
 */
export interface Limits {
  /** What the address of every segment must be a multiple of. */
  readonly memoryAlignment: number;
  /** What the offset of a request, and the length of each of its segments, must be a multiple of. */
  readonly offsetAlignment: number;
  /**
   * Writes only: the part of a write that does not fill a whole unit of this size goes as a request of its own with
   * route 'end', of any offset, length and memory, and the target knows how. At least `offsetAlignment`, a multiple of it.
   */
  readonly endAlignment: number;
  /** The most bytes that one request may carry, and how many are best: requests are filled to `bestBytes`. */
  readonly maxBytes: number;
  readonly bestBytes: number;
  readonly maxSegments: number;
  readonly bestSegments: number;
  /** A run shorter than this is copied through staging although the target would take it: that is cheaper. */
  readonly copyBreakBytes: number;
  /** No request crosses a multiple of this; 0: no such boundary. */
  readonly boundaryBytes: number;
  /** The limits hold for target offsets below this; Infinity: everywhere. A multiple of endAlignment, or Infinity. */
  readonly until: number;
}

/** Refuses limits that no request could obey: a target's bug must not become a planner's endless loop. */
export function assertLimits(limits: Limits, offset: number): void {
  assert(isPowerOfTwo(limits.memoryAlignment), 'memoryAlignment is a power of two');
  assert(isPowerOfTwo(limits.offsetAlignment), 'offsetAlignment is a power of two');
  assert(isPowerOfTwo(limits.endAlignment), 'endAlignment is a power of two');
  assert(limits.endAlignment >= limits.offsetAlignment, 'endAlignment is at least offsetAlignment');
  assert(
    limits.bestBytes >= limits.endAlignment && limits.bestBytes <= limits.maxBytes,
    'endAlignment <= bestBytes <= maxBytes',
  );
  assert(limits.bestBytes % limits.offsetAlignment === 0, 'bestBytes is a multiple of offsetAlignment');
  assert(limits.bestSegments >= 1 && limits.bestSegments <= limits.maxSegments, '1 <= bestSegments <= maxSegments');
  assert(
    limits.boundaryBytes === 0 || limits.boundaryBytes % limits.endAlignment === 0,
    'boundaryBytes is a multiple of endAlignment',
  );
  assert(limits.until > offset, 'limits hold for at least one byte');
}
