// Which vectors an O_DIRECT call would refuse (EINVAL). Pure.
// Source: Linux 6.x, fs/iomap/direct-io.c and block/bio.c (bio_iov_iter_get_pages); measured on ext4 and XFS, 6.18.
import { PAGE_SIZE } from '../../base/integers.js';
import type { Vector } from '../vectors.js';

export interface Asked {
  readonly memoryAlignment: number;
  readonly offsetAlignment: number;
}

/** What of one call O_DIRECT does not take: the first vector of wrong place or size, or the offset; null: it takes it. */
export function refusedByDirect(vectors: readonly Vector[], offset: number, asked: Asked): string | null {
  const { memoryAlignment, offsetAlignment } = asked;
  if (offset % offsetAlignment !== 0) return `offset ${offset}`;
  const filled = vectors.filter(({ size }) => size > 0);
  const [first] = filled;
  // A single vector within a page is looked at by its length alone: measured.
  if (filled.length === 1 && first !== undefined && (first.offset % PAGE_SIZE) + first.size <= PAGE_SIZE)
    return first.size % offsetAlignment === 0 ? null : `${first.size} bytes`;
  const wrong = filled.find((each) => each.offset % memoryAlignment !== 0 || each.size % offsetAlignment !== 0);
  if (wrong === undefined) return null;
  return wrong.size % offsetAlignment === 0 ? `memory ${wrong.offset % PAGE_SIZE} into a page` : `${wrong.size} bytes`;
}
