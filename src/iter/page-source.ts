// Where the iterator's pages come from.
export type { PageSource } from '../base/page-source.js';
