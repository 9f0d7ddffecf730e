// The list of segments that an iterator walks: copied from the caller once, never changed again, shared by duplicates.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { PAGE_SIZE, toOffset } from '../base/integers.js';
import type { PageSource } from './page-source.js';

/** As in linux/uio.h. `ubuf`, `iovec`: the caller's memory. `kvec`, `bvec`: the library's, which needs no pin. */
export type IterKind = 'ubuf' | 'iovec' | 'kvec' | 'bvec' | 'discard';

/** `length` bytes from byte `offset` of a page on. Both may pass PAGE_SIZE: the pages that follow have the next numbers. */
export interface Bvec {
  readonly page: number;
  readonly offset: number;
  readonly length: number;
}

/** Page numbers are held in Int32Arrays. */
const PAGES_MAX = 2 ** 31;
const MEMORY = 'an ArrayBufferView (a typed array, Buffer or DataView)';

function entry(numbers: Float64Array, index: number): number {
  const value = numbers[index];
  assert(value !== undefined, 'an index lies within its list');
  return value;
}

/**
 * Segments are what the kernel counts; pieces are where their bytes lie. Views are one piece each; a bvec whose pages
 * lie apart is several, and one of length 0 is none.
 *
 *      segment        0              1        2
 *                |---------|------------------|         before:      0, 10, 30, 30      (segment 2 is empty)
 *      piece          0         1        2
 *                |---------|--------|---------|         pieceBefore: 0, 10, 20, 30
 */
export class Segments {
  readonly kind: IterKind;
  readonly count: number;
  /** The sum of all lengths. */
  readonly bytes: number;
  /** Where a bvec's page numbers come from. */
  readonly pages: PageSource | null;
  readonly pieces: number;
  /** count + 1 entries: bytes of all segments before this one. */
  readonly #before: Float64Array;
  /** pieces + 1 entries; the very same array where segments are pieces. */
  readonly #pieceBefore: Float64Array;
  readonly #buffers: readonly ArrayBufferLike[];
  readonly #starts: Float64Array;
  readonly #bvecs: readonly Bvec[];

  constructor(kind: IterKind, parts: SegmentParts) {
    assert(parts.pieceBefore.length === parts.buffers.length + 1, 'a length for every piece');
    this.kind = kind;
    this.count = parts.before.length - 1;
    this.bytes = entry(parts.before, this.count);
    this.pages = parts.pages;
    this.pieces = parts.buffers.length;
    this.#before = parts.before;
    this.#pieceBefore = parts.pieceBefore;
    this.#buffers = parts.buffers;
    this.#starts = parts.starts;
    this.#bvecs = parts.bvecs;
  }

  /** Bytes of all segments before this one; `segment` may be `count`. */
  before(segment: number): number {
    return entry(this.#before, segment);
  }

  lengthOf(segment: number): number {
    return entry(this.#before, segment + 1) - entry(this.#before, segment);
  }

  bvecAt(segment: number): Bvec {
    const bvec = this.#bvecs[segment];
    assert(bvec !== undefined, 'a bvec iterator has a bvec for every segment');
    return bvec;
  }

  /** The piece that a position lies in, or an empty one before it. `offset` counts from the segment's start. */
  pieceAt(segment: number, offset: number): number {
    if (this.#before === this.#pieceBefore) return segment;
    const wanted = entry(this.#before, segment) + offset;
    let low = 0;
    let high = this.pieces;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (entry(this.#pieceBefore, middle) <= wanted) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Bytes of all pieces before this one; `piece` may be `pieces`. */
  pieceBefore(piece: number): number {
    return entry(this.#pieceBefore, piece);
  }

  pieceLength(piece: number): number {
    return entry(this.#pieceBefore, piece + 1) - entry(this.#pieceBefore, piece);
  }

  /** The piece's buffer, and where in it the piece starts. */
  bufferOf(piece: number): ArrayBufferLike {
    const buffer = this.#buffers[piece];
    assert(buffer !== undefined, 'a buffer for every piece');
    return buffer;
  }

  startOf(piece: number): number {
    return entry(this.#starts, piece);
  }
}

interface SegmentParts {
  readonly before: Float64Array;
  readonly pieceBefore: Float64Array;
  readonly buffers: readonly ArrayBufferLike[];
  readonly starts: Float64Array;
  readonly bvecs: readonly Bvec[];
  readonly pages: PageSource | null;
}

/**
 * Refuses memory that is gone, asked right before it is touched. A detached buffer has length 0, and a resizable one
 * may have shrunk: neither holds the bytes that the segment was made of any more.
 */
export function mustHold(buffer: ArrayBufferLike, end: number): void {
  if (end > buffer.byteLength) throw gone('a buffer of the iterator');
}

function gone(what: string, cause?: unknown): Error {
  return errors.make('ERR_DIORITE_DETACHED', `The memory of ${what} was transferred, detached or shrunk`, { cause });
}

/** Lengths to prefix sums, with the sum kept within what a number holds exactly. */
class Sums {
  readonly values: Float64Array;
  #at = 0;

  constructor(count: number) {
    this.values = new Float64Array(count + 1);
  }

  push(length: number): void {
    const sum = entry(this.values, this.#at) + length;
    if (sum > Number.MAX_SAFE_INTEGER) throw errors.outOfRange('memory', 'at most 2 ** 53 - 1 bytes in all', sum);
    this.values[++this.#at] = sum;
  }
}

/** The length of a view, which is 0 for one whose buffer is gone too: those are refused, empty ones are not. */
function lengthOfView(view: ArrayBufferView, name: string): number {
  try {
    // Both throw a TypeError for a view whose buffer is detached or too short for it by now; nothing else does.
    if (view instanceof DataView) return view.byteLength;
    if (view.byteLength === 0) Uint8Array.prototype.keys.call(view);
  } catch (error) {
    if (error instanceof TypeError) throw gone(`"${name}"`, error);
    throw error;
  }
  return view.byteLength;
}

function mustBeView(value: unknown, name: string): asserts value is ArrayBufferView {
  if (!ArrayBuffer.isView(value)) throw errors.invalidType(name, MEMORY, value);
}

export function segmentOfView(memory: ArrayBufferView): Segments {
  mustBeView(memory, 'memory');
  return fromViews('ubuf', [memory], () => 'memory');
}

export function segmentsOfViews(kind: 'iovec' | 'kvec', memory: readonly ArrayBufferView[]): Segments {
  if (!Array.isArray(memory)) throw errors.invalidType('memory', `an array of ${MEMORY}`, memory);
  return fromViews(kind, memory, (index) => `memory[${index}]`);
}

function fromViews(
  kind: 'ubuf' | 'iovec' | 'kvec',
  views: readonly ArrayBufferView[],
  nameOf: (index: number) => string,
): Segments {
  const count = views.length;
  const sums = new Sums(count);
  const starts = new Float64Array(count);
  const buffers: ArrayBufferLike[] = [];
  for (let i = 0; i < count; i++) {
    const view: unknown = views[i];
    if (!ArrayBuffer.isView(view)) throw errors.invalidType(nameOf(i), MEMORY, view);
    sums.push(view.byteLength === 0 || view instanceof DataView ? lengthOfView(view, nameOf(i)) : view.byteLength);
    starts[i] = view.byteOffset;
    buffers.push(view.buffer);
  }
  return new Segments(kind, {
    before: sums.values,
    pieceBefore: sums.values,
    buffers,
    starts,
    bvecs: [],
    pages: null,
  });
}

export function segmentsOfBvecs(bvecs: readonly Bvec[], pages: PageSource): Segments {
  if (!Array.isArray(bvecs)) throw errors.invalidType('bvecs', 'an array of { page, offset, length }', bvecs);
  if (typeof pages?.viewOf !== 'function') throw errors.invalidType('pages', 'a PageSource', pages);
  const count = bvecs.length;
  const copies: Bvec[] = [];
  const sums = new Sums(count);
  for (let i = 0; i < count; i++) {
    const bvec = checkedBvec(bvecs[i], `bvecs[${i}]`);
    copies.push(bvec);
    sums.push(bvec.length);
  }
  const pieces = new PieceList(pages);
  for (const bvec of copies) pieces.push(bvec);
  return new Segments('bvec', {
    before: sums.values,
    pieceBefore: Float64Array.from(pieces.before),
    buffers: pieces.buffers,
    starts: Float64Array.from(pieces.starts),
    bvecs: copies,
    pages,
  });
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
class PieceList {
  readonly before: number[] = [0];
  readonly buffers: ArrayBufferLike[] = [];
  readonly starts: number[] = [];
  readonly #pages: PageSource;

  constructor(pages: PageSource) {
    this.#pages = pages;
  }

  push(bvec: Bvec): void {
    let page = bvec.page + Math.floor(bvec.offset / PAGE_SIZE);
    let from = bvec.offset % PAGE_SIZE;
    for (let left = bvec.length, first = true; left > 0; first = false) {
      const size = Math.min(PAGE_SIZE - from, left);
      const view = this.#pages.viewOf(page, from, size);
      assert(view.byteLength === size, 'viewOf gives as many bytes as it is asked for');
      this.#add(view, !first);
      left -= size;
      from = 0;
      page++;
    }
  }

  #add(view: Uint8Array, mayMerge: boolean): void {
    const last = this.buffers.length - 1;
    const end = this.before[last + 1] ?? 0;
    const lastStart = this.starts[last] ?? 0;
    const lastLength = end - (this.before[last] ?? 0);
    if (mayMerge && this.buffers[last] === view.buffer && lastStart + lastLength === view.byteOffset) {
      this.before[last + 1] = end + view.byteLength;
      return;
    }
    this.buffers.push(view.buffer);
    this.starts.push(view.byteOffset);
    this.before.push(end + view.byteLength);
  }
}

/** One segment of `count` bytes that lie nowhere. */
export function segmentOfNothing(count: number): Segments {
  const before = Float64Array.of(0, toOffset(count, 'count'));
  return new Segments('discard', {
    before,
    pieceBefore: new Float64Array(1),
    buffers: [],
    starts: new Float64Array(0),
    bvecs: [],
    pages: null,
  });
}
