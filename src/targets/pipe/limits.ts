// What a request to a stream may look like: any memory, any length, in order.
import type { Limits } from '../../plan/limits.js';
import type { Engine } from '../file/engines/engine.js';

/** MAX_RW_COUNT, include/linux/fs.h: INT_MAX rounded down to a page. */
const MAX_RW_BYTES = 0x7ffff000;
const BEST_SEGMENTS = 256;
/** The kernel copies anyway; below this one copy of ours costs less than one more segment of its. */
const COPY_BREAK_BYTES = 512;
/** PIPE_BUF, pipe(7): a pipe that is ready takes so many bytes without waiting. */
const PIPE_BUF_BYTES = 4096;

/** Engines that reach memory by address need one that is known, and small pieces are cheaper copied; node:fs takes all. */
export function streamLimits(bestBytes: number, engine: Engine): Limits {
  return {
    memoryAlignment: 1,
    offsetAlignment: 1,
    endAlignment: 1,
    maxBytes: MAX_RW_BYTES,
    bestBytes,
    maxSegments: engine.maxSegments,
    bestSegments: Math.min(BEST_SEGMENTS, engine.maxSegments),
    copyBreakBytes: engine.addresses ? COPY_BREAK_BYTES : 0,
    boundaryBytes: 0,
    until: Number.POSITIVE_INFINITY,
  };
}

/** For a pipe whose writes may wait, and are asked for only when it is ready. */
export function pageLimits(limits: Limits): Limits {
  return { ...limits, maxBytes: PIPE_BUF_BYTES, bestBytes: PIPE_BUF_BYTES };
}
