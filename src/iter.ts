/**
 * diorite/iter: IovIter, a position in a list of segments of memory, and what its pages are seen through.
 * @module
 */
import './memory/host.js';

export { type Bvec, IovIter, type IterKind, type IterState, type Run } from './iter/iov-iter.js';
export type { PageSource } from './iter/page-source.js';
