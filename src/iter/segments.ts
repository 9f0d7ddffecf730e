// The list of segments that an iterator walks: never changed once it is made, and shared by duplicates.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import type { PageSource } from './page-source.js';

/** As in linux/uio.h. `ubuf`, `iovec`: the caller's memory. `kvec`, `bvec`: the library's, which needs no pin. */
export type IterKind = 'ubuf' | 'iovec' | 'kvec' | 'bvec' | 'discard';

/** `length` bytes from byte `offset` of a page on. Both may pass PAGE_SIZE: the pages that follow have the next numbers. */
export interface Bvec {
  readonly page: number;
  readonly offset: number;
  readonly length: number;
}

/** Where the bytes of segments lie. */
export interface Pieces {
  /** By piece: exactly its bytes. */
  readonly views: readonly Uint8Array[];
  /** Left out where each segment is one piece. */
  readonly apart?: Apart;
  readonly bvecs?: readonly Bvec[];
  readonly pages?: PageSource;
}

/** Pieces that are not segments. */
export interface Apart {
  /** By segment, and one more: the pieces up to there. */
  readonly firstPiece: readonly number[];
  /** By piece: bytes of the same segment before it. */
  readonly offsets: readonly number[];
}

const IN_LIST = 'an index lies within its list';

/**
 * Segments are what the kernel counts; pieces are where their bytes lie. A view is one piece; a bvec whose pages lie
 * apart is several, and an empty one is none.
 *
 *      segment        0              1           2 (empty)
 *                |---------|-------------------|          lengths: 10, 20, 0      firstPiece: 0, 1, 3, 3
 *      piece          0         1         2
 *                |---------|---------|---------|          piece lengths: 10, 10, 10    offsets: 0, 0, 10
 *
 * The arrays are open to the walkers, which read them in place: a page costs less than a few calls that V8 does not
 * inline. Plain arrays, as it then knows that nearly all these numbers are small integers.
 */
export class Segments {
  readonly kind: IterKind;
  readonly count: number;
  /** The sum of all lengths. */
  readonly bytes: number;
  /** Where a bvec's page numbers come from. */
  readonly pages: PageSource | null;
  /** By segment. */
  readonly lengths: readonly number[];
  readonly bvecs: readonly Bvec[];
  /** By piece: exactly its bytes; and what they said of themselves at first, since that changes with their buffer. */
  readonly views: readonly Uint8Array[];
  readonly buffers: readonly ArrayBufferLike[];
  readonly starts: readonly number[];
  readonly pieceLengths: readonly number[];
  readonly #apart: Apart | null;
  /** Bytes of all segments before this one, count + 1 of them; made when it is first asked for. */
  #before: Float64Array | null = null;

  constructor(kind: IterKind, lengths: readonly number[], pieces: Pieces) {
    let bytes = 0;
    for (const length of lengths) bytes += length;
    if (bytes > Number.MAX_SAFE_INTEGER) throw errors.outOfRange('memory', 'at most 2 ** 53 - 1 bytes in all', bytes);
    this.kind = kind;
    this.count = lengths.length;
    this.bytes = bytes;
    this.pages = pieces.pages ?? null;
    this.lengths = lengths;
    this.bvecs = pieces.bvecs ?? [];
    this.views = pieces.views;
    this.buffers = pieces.views.map((view) => view.buffer);
    this.starts = pieces.views.map((view) => view.byteOffset);
    this.pieceLengths = pieces.apart === undefined ? lengths : pieces.views.map((view) => view.length);
    this.#apart = pieces.apart ?? null;
  }

  lengthOf(segment: number): number {
    const length = this.lengths[segment];
    assert(length !== undefined, IN_LIST);
    return length;
  }

  /** Bytes of all segments before this one; `segment` may be `count`. */
  before(segment: number): number {
    this.#before ??= sumsOf(this.lengths);
    const sum = this.#before[segment];
    assert(sum !== undefined, IN_LIST);
    return sum;
  }

  /** The piece that a byte lies in; `offset` counts from the segment's start, and lies within it. */
  pieceAt(segment: number, offset: number): number {
    if (this.#apart === null) return segment;
    const { firstPiece, offsets } = this.#apart;
    let low = firstPiece[segment];
    let high = firstPiece[segment + 1];
    assert(low !== undefined && high !== undefined && low < high, 'a segment that holds a byte has a piece');
    while (low + 1 < high) {
      const middle: number = (low + high) >>> 1;
      if ((offsets[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Bytes of the same segment before this piece. */
  pieceOffset(piece: number): number {
    if (this.#apart === null) return 0;
    const offset = this.#apart.offsets[piece];
    assert(offset !== undefined, IN_LIST);
    return offset;
  }
}

/**
 * Refuses a piece whose memory is gone, right before it is touched: a view on a detached buffer has length 0, and one
 * on a resizable buffer that has shrunk is shorter than it was. (Asking the buffer itself is a call.)
 */
export function mustHold(view: Uint8Array, length: number): void {
  if (view.length < length) throw memoryGone('a segment of the iterator');
}

export function memoryGone(what: string, cause?: unknown): Error {
  return errors.make('ERR_DIORITE_DETACHED', `The memory of ${what} was transferred, detached or shrunk`, { cause });
}

function sumsOf(lengths: readonly number[]): Float64Array {
  const sums = new Float64Array(lengths.length + 1);
  let sum = 0;
  for (const [index, length] of lengths.entries()) {
    sum += length;
    sums[index + 1] = sum;
  }
  return sums;
}
