// What a request to a file may look like, by how its bytes go.
import { alignDown } from '../../base/integers.js';
import type { Direction, Limits } from '../../plan/limits.js';
import type { FileFacts } from '../../transfer/facts.js';
import type { Engine } from './engines/engine.js';

/** MAX_RW_COUNT, include/linux/fs.h: INT_MAX rounded down to a page. */
const MAX_RW_BYTES = 0x7ffff000;
/** Four writev of 1 MiB beat one of 4 MiB, and the disk is busy while the next is made (measured on virtio). */
export const BEST_BYTES_DEFAULT: number = 1024 * 1024;
/**
 * O_APPEND: one request lands in one piece, whoever else appends (the kernel holds the inode's lock for all of it), so a
 * write is not cut before it must be. What is staged of it has to fit into the staging pool, twice.
 */
export const APPEND_BYTES_DEFAULT: number = 32 * 1024 * 1024;
/** BIO_MAX_VECS, include/linux/bio.h: more segments than one bio holds are split by the kernel anyway. */
const BEST_SEGMENTS = 256;
/**
 * Each fragment costs the device a segment, and staging lies on huge pages: copying is cheaper up to and including single
 * pages (measured on virtio: 1,024 scattered pages in 1.1 ms copied and 1.4 ms as they lie; from two pages on a tie).
 */
const DIRECT_COPY_BREAK_BYTES = 8192;
/** Buffered: the kernel copies anyway; below this one copy of ours costs less than one more segment of its. */
const BUFFERED_COPY_BREAK_BYTES = 512;

export function directLimits(facts: FileFacts, direction: Direction, bestBytes: number, segmentsMax: number): Limits {
  const offsetAlignment = (direction === 'read' ? facts.readAlignment : facts.writeAlignment).value;
  const endAlignment = Math.max(facts.endAlignment.value, offsetAlignment);
  return {
    memoryAlignment: facts.memoryAlignment.value,
    offsetAlignment,
    endAlignment,
    maxBytes: alignDown(MAX_RW_BYTES, endAlignment),
    bestBytes: Math.max(endAlignment, alignDown(bestBytes, endAlignment)),
    maxSegments: segmentsMax,
    bestSegments: Math.min(BEST_SEGMENTS, segmentsMax),
    copyBreakBytes: DIRECT_COPY_BREAK_BYTES,
    boundaryBytes: 0,
    until: Number.POSITIVE_INFINITY,
  };
}

/** An engine that reaches memory by address needs one that is known, and small pieces are cheaper copied; node:fs takes all. */
export function bufferedLimits(bestBytes: number, engine: Engine): Limits {
  return {
    memoryAlignment: 1,
    offsetAlignment: 1,
    endAlignment: 1,
    maxBytes: MAX_RW_BYTES,
    bestBytes,
    maxSegments: engine.maxSegments,
    bestSegments: Math.min(BEST_SEGMENTS, engine.maxSegments),
    copyBreakBytes: engine.addresses ? BUFFERED_COPY_BREAK_BYTES : 0,
    boundaryBytes: 0,
    until: Number.POSITIVE_INFINITY,
  };
}
