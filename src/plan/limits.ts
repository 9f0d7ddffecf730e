// What one request to a target may look like, by place. Pure data: a target hands it out, the planner obeys it.
import { assert } from '../base/assert.js';
import { isPowerOfTwo, PAGE_SIZE } from '../base/integers.js';

/** `write`: bytes go from memory to the target (the kernel's ITER_SOURCE). `read`: the other way (ITER_DEST). */
export type Direction = 'read' | 'write';

/**
 * Limits hold for the place and direction that they were asked for, and up to `until`.
 * Alignments are powers of two; 1 means that anything goes.
 */
export interface Limits {
  /** What the address of every segment must be a multiple of. */
  readonly memoryAlignment: number;
  /** Memory is handed over as a view: nobody needs to know where it lies (a socket). Then memoryAlignment is 1. */
  readonly anyMemory?: boolean;
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

/** Alignments stay below this, so that a planner can mask with 32-bit operators whatever the size of an offset. */
const ALIGNMENT_MAX = 2 ** 30;

/** What is wrong with limits that no request could obey, or null. */
export function limitsProblem(limits: Limits, offset: number): string | null {
  const { memoryAlignment, offsetAlignment, endAlignment, boundaryBytes, until } = limits;
  if (!isPowerOfTwo(memoryAlignment)) return 'memoryAlignment must be a power of two';
  // Pages are all that is known of where memory lies.
  if (memoryAlignment > PAGE_SIZE) return `memoryAlignment must be at most ${PAGE_SIZE}`;
  if (limits.anyMemory === true && memoryAlignment !== 1) return 'anyMemory goes with a memoryAlignment of 1';
  if (!isPowerOfTwo(offsetAlignment)) return 'offsetAlignment must be a power of two';
  if (!isPowerOfTwo(endAlignment)) return 'endAlignment must be a power of two';
  if (endAlignment < offsetAlignment) return 'endAlignment must be at least offsetAlignment';
  if (endAlignment > ALIGNMENT_MAX) return `endAlignment must be at most ${ALIGNMENT_MAX}`;
  if (!(limits.bestBytes >= endAlignment && limits.bestBytes <= limits.maxBytes))
    return 'endAlignment <= bestBytes <= maxBytes must hold';
  if (limits.bestBytes % offsetAlignment !== 0) return 'bestBytes must be a multiple of offsetAlignment';
  if (!(limits.bestSegments >= 1 && limits.bestSegments <= limits.maxSegments))
    return '1 <= bestSegments <= maxSegments must hold';
  if (!(limits.copyBreakBytes >= 0)) return 'copyBreakBytes must be at least 0';
  if (!(boundaryBytes >= 0 && boundaryBytes % endAlignment === 0))
    return 'boundaryBytes must be 0 or a multiple of endAlignment';
  if (until !== Number.POSITIVE_INFINITY && until % endAlignment !== 0)
    return 'until must be Infinity or a multiple of endAlignment';
  if (!(until > offset)) return 'until must lie behind the offset that limits are asked for';
  return null;
}

/** Refuses limits that no request could obey: a target's bug must not become a planner's endless loop. */
export function assertLimits(limits: Limits, offset: number): void {
  const problem = limitsProblem(limits, offset);
  assert(problem === null, problem ?? '');
}
