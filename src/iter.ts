/**
 * diorite/iter: IovIter, a position in a list of segments of memory, and what its pages are seen through.
 * @module
 */
import './memory/host.js';

export { Crc32c } from './base/crc32c.js';
export { FolioQueue } from './iter/folio-queue.js';
export {
  type Bvec,
  type ExtractOptions,
  IovIter,
  type IterKind,
  type IterState,
  type PageCacheIndex,
  type PageCallback,
  type PageSpan,
  type PagesOptions,
  type Run,
  type RunCallback,
} from './iter/iov-iter.js';
export type { PageSource } from './iter/page-source.js';
