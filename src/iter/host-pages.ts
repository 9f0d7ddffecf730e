// The page source that iterators use when they are given none: the host's, set by the library's entry.
import { assert } from '../base/assert.js';
import type { PageSource } from './page-source.js';
import { PortablePages } from './portable-pages.js';

let host: PageSource | null = null;
let portable: PageSource | null = null;

/** Once: page numbers of one source mean nothing to another. */
export function setHostPages(source: PageSource): void {
  assert(host === null || host === source, 'the host has one page source');
  host = source;
}

/** The host's source, or, where nothing has set one, the portable one. */
export function hostPageSource(): PageSource {
  if (host !== null) return host;
  portable ??= new PortablePages();
  return portable;
}
