// What callers pass, checked and copied into a list of segments.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { PAGE_SIZE, toOffset } from '../base/integers.js';
import type { PageSource } from './page-source.js';
import { type Apart, type Bvec, memoryGone, Segments } from './segments.js';

/** Page numbers are held in Int32Arrays. */
const PAGES_MAX = 2 ** 31;
const VIEW = 'an ArrayBufferView (a typed array, Buffer or DataView)';

export function segmentOfView(memory: ArrayBufferView): Segments {
  return fromViews('ubuf', [memory], () => 'memory');
}

export function segmentsOfViews(kind: 'iovec' | 'kvec', memory: readonly ArrayBufferView[]): Segments {
  if (!Array.isArray(memory)) throw errors.invalidType('memory', `${VIEW} or an array of them`, memory);
  return fromViews(kind, memory, (index) => `memory[${index}]`);
}

function fromViews(
  kind: 'ubuf' | 'iovec' | 'kvec',
  memory: readonly ArrayBufferView[],
  nameOf: (index: number) => string,
): Segments {
  const views: Uint8Array[] = [];
  const lengths: number[] = [];
  // By index up to the length that it had: a hole in the array is refused like anything else that is no view.
  for (let i = 0, count = memory.length; i < count; i++) {
    const view = bytesOf(memory[i], nameOf, i);
    views.push(view);
    lengths.push(view.length);
  }
  return new Segments(kind, lengths, { views });
}

/** The view as bytes. One whose buffer is gone has length 0, too: it is refused, an empty one is not. */
function bytesOf(view: unknown, nameOf: (index: number) => string, index: number): Uint8Array {
  if (view instanceof Uint8Array && view.length > 0) return view;
  if (!ArrayBuffer.isView(view)) throw errors.invalidType(nameOf(index), VIEW, view);
  try {
    // A DataView's length, and this, throw a TypeError when the buffer is detached or too short for the view by now.
    if (view.byteLength === 0 && !(view instanceof DataView)) Uint8Array.prototype.keys.call(view);
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  } catch (error) {
    if (error instanceof TypeError) throw memoryGone(`"${nameOf(index)}"`, error);
    throw error;
  }
}

export function segmentsOfBvecs(bvecs: readonly Bvec[], pages: PageSource): Segments {
  if (!Array.isArray(bvecs)) throw errors.invalidType('bvecs', 'an array of { page, offset, length }', bvecs);
  if (typeof pages?.viewOf !== 'function') throw errors.invalidType('pages', 'a PageSource', pages);
  const copies: Bvec[] = [];
  for (let i = 0, count = bvecs.length; i < count; i++) copies.push(checkedBvec(bvecs[i], `bvecs[${i}]`));
  const list = new PieceList(pages);
  for (const bvec of copies) list.push(bvec);
  const lengths = copies.map((bvec) => bvec.length);
  return new Segments('bvec', lengths, { views: list.views, apart: list, bvecs: copies, pages });
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

/** Where the bytes of bvecs lie. Pages of one bvec whose memory meets in one buffer are one piece. */
class PieceList implements Apart {
  readonly views: Uint8Array[] = [];
  readonly offsets: number[] = [];
  readonly firstPiece: number[] = [0];
  readonly #pages: PageSource;

  constructor(pages: PageSource) {
    this.#pages = pages;
  }

  push(bvec: Bvec): void {
    let page = bvec.page + Math.floor(bvec.offset / PAGE_SIZE);
    let from = bvec.offset % PAGE_SIZE;
    let piece: Uint8Array | null = null;
    let length = 0;
    for (let done = 0; done < bvec.length; page++) {
      const size = Math.min(PAGE_SIZE - from, bvec.length - done);
      const view = this.#pages.viewOf(page, from, size);
      assert(view.byteLength === size, 'viewOf gives as many bytes as it is asked for');
      if (piece?.buffer !== view.buffer || piece.byteOffset + length !== view.byteOffset) {
        this.#add(piece, length);
        this.offsets.push(done);
        piece = view;
        length = 0;
      }
      length += size;
      done += size;
      from = 0;
    }
    this.#add(piece, length);
    this.firstPiece.push(this.views.length);
  }

  #add(piece: Uint8Array | null, length: number): void {
    if (piece === null) return;
    this.views.push(piece.length === length ? piece : new Uint8Array(piece.buffer, piece.byteOffset, length));
  }
}

/** One segment of `count` bytes that lie nowhere. */
export function segmentOfNothing(count: number): Segments {
  return new Segments('discard', [toOffset(count, 'count')], {
    views: [],
    apart: { firstPiece: [0, 0], offsets: [] },
  });
}
