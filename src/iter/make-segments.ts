// What callers pass, checked and copied into a list of segments.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { PAGE_SIZE, toOffset } from '../base/integers.js';
import { bytesOf, listViews, numbersOf, oneNumber, startOf, VIEW } from '../base/views.js';
import type { PageSource } from './page-source.js';
import { ABSENT, type Bvec, type Paged, Segments } from './segments.js';

/** Page numbers are held in Int32Arrays. */
const PAGES_MAX = 2 ** 31;

export function segmentOfView(memory: ArrayBufferView): Segments {
  const view = bytesOf(memory, 'memory');
  return new Segments('ubuf', [view], oneNumber(view.length), oneNumber(startOf(view)));
}

export function segmentsOfViews(kind: 'iovec' | 'kvec', memory: readonly ArrayBufferView[]): Segments {
  if (!Array.isArray(memory)) throw errors.invalidType('memory', `${VIEW} or an array of them`, memory);
  const { views, lengths, starts } = listViews(memory, (index) => `memory[${index}]`);
  return new Segments(kind, views, lengths, starts);
}

/** The pages of a cache, by index. */
export interface PageCacheIndex {
  /** The number of the page at this index, as its source has it; −1: the cache does not have that page. */
  pageAt(index: number): number;
}

export function segmentsOfBvecs(bvecs: readonly Bvec[], pages: PageSource): Segments {
  if (!Array.isArray(bvecs)) throw errors.invalidType('bvecs', 'an array of { page, offset, length }', bvecs);
  const copies: Bvec[] = [];
  for (let i = 0, count = bvecs.length; i < count; i++) copies.push(checkedBvec(bvecs[i], `bvecs[${i}]`));
  const list = new PieceList(pages);
  for (const bvec of copies) list.segment(bvec);
  return list.end('bvec', 0);
}

/** One segment, of a piece for each page, present or not. */
export function segmentsOfCache(cache: PageCacheIndex, pages: PageSource, start: number, count: number): Segments {
  if (typeof cache?.pageAt !== 'function') throw errors.invalidType('cache', 'an object with pageAt(index)', cache);
  const first = toOffset(start, 'start');
  const bytes = toOffset(count, 'count');
  const list = new PieceList(pages);
  list.segmentLengths.push(bytes);
  for (let at = first, end = toOffset(first + bytes, 'start + count'); at < end; ) {
    const offset = at % PAGE_SIZE;
    const length = Math.min(PAGE_SIZE - offset, end - at);
    const index = (at - offset) / PAGE_SIZE;
    const page = cache.pageAt(index);
    if (!Number.isInteger(page) || page < -1 || page >= PAGES_MAX)
      throw errors.outOfRange(`cache.pageAt(${index})`, 'a page number below 2 ** 31, or -1', page);
    list.piece({ page, offset, length }, page < 0 ? ABSENT : list.viewOf(page, offset, length), at - first);
    at += length;
  }
  return list.end('xarray', bytes);
}

function checkedBvec(value: unknown, name: string): Bvec {
  if (value === null || typeof value !== 'object') throw errors.invalidType(name, '{ page, offset, length }', value);
  const { page, offset, length } = value as Partial<Record<keyof Bvec, unknown>>; // each is checked right here
  const bvec: Bvec = {
    page: toOffset(page, `${name}.page`),
    offset: toOffset(offset, `${name}.offset`),
    length: toOffset(length, `${name}.length`),
  };
  const end = bvec.page + Math.max(1, Math.ceil((bvec.offset + bvec.length) / PAGE_SIZE));
  if (end > PAGES_MAX) throw errors.outOfRange(`${name}.page`, 'such that the last page is below 2 ** 31', page);
  return bvec;
}

/** Where pages lie. Those of one bvec whose memory meets in one buffer are one piece. */
class PieceList implements Paged {
  readonly pages: PageSource;
  readonly bvecs: Bvec[] = [];
  readonly segmentOf: number[] = [];
  readonly offsets: number[] = [];
  readonly segmentLengths: number[] = [];
  readonly #views: Uint8Array[] = [];

  constructor(pages: PageSource) {
    if (typeof pages?.viewOf !== 'function') throw errors.invalidType('pages', 'a PageSource', pages);
    this.pages = pages;
  }

  segment(bvec: Bvec): void {
    this.segmentLengths.push(bvec.length);
    let { page, offset } = bvec;
    let view = ABSENT;
    let length = 0;
    for (let done = 0; done < bvec.length; ) {
      const at = bvec.offset + done;
      const size = Math.min(PAGE_SIZE - (at % PAGE_SIZE), bvec.length - done);
      const next = this.viewOf(bvec.page + Math.floor(at / PAGE_SIZE), at % PAGE_SIZE, size);
      if (length > 0 && (next.buffer !== view.buffer || next.byteOffset !== view.byteOffset + length)) {
        this.piece({ page, offset, length }, view, done - length);
        page = bvec.page + Math.floor(at / PAGE_SIZE);
        offset = at % PAGE_SIZE;
        length = 0;
      }
      if (length === 0) view = next;
      length += size;
      done += size;
    }
    this.piece({ page, offset, length }, view, bvec.length - length);
  }

  viewOf(page: number, from: number, size: number): Uint8Array {
    const view = this.pages.viewOf(page, from, size);
    assert(view.byteLength === size, 'viewOf gives as many bytes as it is asked for');
    return view;
  }

  /** `view` is where it begins. */
  piece(bvec: Bvec, view: Uint8Array, offsetInSegment: number): void {
    const isWhole = view.length === bvec.length || view === ABSENT;
    this.bvecs.push(bvec);
    this.#views.push(isWhole ? view : new Uint8Array(view.buffer, view.byteOffset, bvec.length));
    this.segmentOf.push(this.segmentLengths.length - 1);
    this.offsets.push(offsetInSegment);
  }

  /** `endOffset`: bytes consumed of the current segment, as it is told at the end. */
  end(kind: 'bvec' | 'xarray', endOffset: number): Segments {
    this.offsets.push(endOffset);
    const lengths = numbersOf(this.bvecs.map((bvec) => bvec.length));
    return new Segments(kind, this.#views, lengths, numbersOf(this.#views.map(startOf)), this);
  }
}

/** One segment of `count` bytes that lie nowhere. */
export function segmentOfNothing(count: number): Segments {
  return new Segments('discard', [], [toOffset(count, 'count')], []);
}
