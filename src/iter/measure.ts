// What can be said of an iterator's memory without touching it: pages, alignment, and how far a list of pages reaches.
import { PAGE_SIZE } from '../base/integers.js';
import type { IterState } from './movement.js';
import type { PageSource } from './page-source.js';
import type { Segments } from './segments.js';

const IN_PAGE = PAGE_SIZE - 1;
const NONE: ArrayBuffer = new ArrayBuffer(0);

/** Where memory lies. A PageSource will do. */
export type Addresses = Pick<PageSource, 'offsetInPage'>;

/**
 * Of each piece that holds a byte, of at most `bytes` from the position on: where in its page what is left begins (−1:
 * not known), and how long it is. `f` returns false to stop.
 */
function eachPart(
  segments: Segments,
  at: IterState,
  bytes: number,
  pages: Addresses,
  f: (inPage: number, length: number) => boolean,
): void {
  const { buffers, starts, paged, kind } = segments;
  let offset = at.iovOffset;
  for (let i = at.segment, left = kind === 'discard' ? 0 : Math.min(bytes, at.count); left > 0; i++, offset = 0) {
    const length = Math.min(segments.lengthOf(i) - offset, left);
    if (length === 0) continue;
    const start = paged?.bvecs[i]?.offset ?? pages.offsetInPage(buffers[i] ?? NONE);
    const inPage = start < 0 ? -1 : (start + offset + (paged === null ? (starts[i] ?? 0) : 0)) & IN_PAGE;
    if (!f(inPage, length)) return;
    left -= length;
  }
}

/** An upper bound: neighbours that share a page count it twice, and memory at an unknown address as if it lay badly. */
export function npages(segments: Segments, at: IterState, maxPages: number, pages: Addresses): number {
  let sum = 0;
  eachPart(segments, at, at.count, pages, (inPage, length) => {
    sum += Math.ceil(((inPage < 0 ? IN_PAGE : inPage) + length) / PAGE_SIZE);
    return sum < maxPages;
  });
  return Math.min(sum, maxPages);
}

/** Of every part, its start and its length. */
export function alignment(segments: Segments, at: IterState, bytes: number, pages: Addresses): number {
  let bits = 0;
  eachPart(segments, at, bytes, pages, (inPage, length) => {
    bits |= (inPage < 0 ? 1 : inPage) | (length & IN_PAGE);
    return true;
  });
  return bits;
}

/** Of every seam between two parts, the end of the one and the start of the other. */
export function gapAlignment(segments: Segments, at: IterState, pages: Addresses): number {
  let bits = 0;
  let end: number | null = null;
  eachPart(segments, at, at.count, pages, (inPage, length) => {
    const start = inPage < 0 ? 1 : inPage;
    if (end !== null) bits |= end | start;
    end = inPage < 0 ? 1 : (inPage + length) & IN_PAGE;
    return true;
  });
  return bits;
}

/**
 * How far a list of pages reaches that has no hole but before its first byte and after its last: on to the next segment
 * where one ends and the next begins on a page boundary. At an unknown address, or one that is not: only so far.
 *
 *      segments    ··[====|=====] [=====|===]  [==            pages 4, start 2, bytes to ^ : the third begins in mid-page
 *                  page  0     1      2     3 ^
 */
export function reach(
  segments: Segments,
  at: IterState,
  maxBytes: number,
  maxPages: number,
  stitch: boolean,
  pages: Addresses,
): { bytes: number; start: number } {
  let start = 0;
  let bytes = 0;
  eachPart(segments, at, Math.min(maxBytes, maxPages * PAGE_SIZE), pages, (inPage, length) => {
    if (bytes === 0) start = Math.max(0, inPage);
    else if (!stitch || inPage !== 0 || ((start + bytes) & IN_PAGE) !== 0) return false;
    bytes += length;
    return true;
  });
  return { bytes: Math.min(bytes, maxPages * PAGE_SIZE - start), start };
}
