// The list of segments that an iterator walks, shared by duplicates: never changed once it is made, but for a queue's.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { bufferOf, buffersOf, memoryGone, type Numbers, startOf, sumOf } from '../base/views.js';
import type { PageSource } from './page-source.js';

export { memoryGone } from '../base/views.js';

/**
 * As in linux/uio.h. `ubuf`, `iovec`: the caller's memory. `kvec`, `bvec`: the library's, which needs no pin. `xarray`:
 * pages of a cache by index. `folioq`: a queue that grows.
 */
export type IterKind = 'ubuf' | 'iovec' | 'kvec' | 'bvec' | 'xarray' | 'folioq' | 'discard';

/** `length` bytes from byte `offset` of a page on. Both may pass PAGE_SIZE: the pages that follow have the next numbers. */
export interface Bvec {
  readonly page: number;
  readonly offset: number;
  readonly length: number;
}

/** Pages by number, and what the kernel calls segments, where they are not the pieces. */
export interface Paged {
  readonly pages: PageSource;
  /** By piece. A page below 0: it is not there. */
  readonly bvecs: Bvec[];
  /** By piece: the segment that it belongs to; and, one more for the end, how many bytes of it come before. */
  readonly segmentOf: number[];
  readonly offsets: number[];
  /** By segment. */
  readonly segmentLengths: number[];
}

/** Where somebody stands: `segment` counts from the first piece behind the `dropped` that were gone at the time. */
interface Place {
  readonly segment: number;
  readonly dropped: number;
}

/** Stands for the memory of a page that is not there. */
export const ABSENT: Uint8Array = new Uint8Array(0);

/**
 * Segments are what the kernel counts; pieces are where their bytes lie, and what positions count. A view is one piece;
 * a bvec whose pages lie apart is several, and an xarray has one for each page.
 *
 *      segment        0              1           2 (empty)
 *                |---------|-------------------|
 *      piece          0         1         2      3        lengths: 10, 10, 10, 0     segmentOf: 0, 1, 1, 2
 *
 * The lists are open to the walkers, which read them in place: a page costs less than a few calls that V8 does not
 * inline.
 */
export class Segments {
  readonly kind: IterKind;
  /** The sum of all lengths. */
  bytes = 0;
  /** Pieces that a queue has let go of. */
  dropped = 0;
  /** Walks that are under way: the lists may not shrink. */
  walks = 0;
  /** Places that others may go on from: what lies behind the foremost stays. */
  #claims: Place[] | null = null;
  readonly lengths: Numbers;
  /** Exactly the bytes of each; and where each began at first, since that changes when its buffer is gone. */
  readonly views: Uint8Array[];
  readonly starts: Numbers;
  readonly paged: Paged | null;
  #buffers: ArrayBufferLike[] | null = null;
  #asked = 0;
  /** Bytes of all pieces before this one, one more than there are pieces; made when it is first asked for. */
  #before: Float64Array | null = null;
  /** The same of a queue, which is asked at every push: counted from the first piece that it ever had. */
  readonly #beforeEver: number[] | null;

  constructor(kind: IterKind, views: Uint8Array[], lengths: Numbers, starts: Numbers, paged: Paged | null = null) {
    this.kind = kind;
    this.views = views;
    this.lengths = lengths;
    this.starts = starts;
    this.paged = paged;
    this.#beforeEver = kind === 'folioq' ? [0] : null;
    this.#add(sumOf(lengths));
  }

  /** The views' buffers. Made when they are first asked for, as a view takes its time to tell. */
  get buffers(): ArrayBufferLike[] {
    this.#buffers ??= buffersOf(this.views);
    return this.#buffers;
  }

  /** For who looks at `pieces`: null until views have been asked as often as a list of all of them would have asked. */
  buffersFor(pieces: number): ArrayBufferLike[] | null {
    if (this.#buffers !== null) return this.#buffers;
    this.#asked += pieces;
    return this.#asked > this.views.length ? this.buffers : null;
  }

  #add(bytes: number): void {
    const sum = this.bytes + bytes;
    if (sum > Number.MAX_SAFE_INTEGER) throw errors.outOfRange('memory', 'at most 2 ** 53 - 1 bytes in all', sum);
    this.bytes = sum;
  }

  /** One more at a queue's tail. */
  append(view: Uint8Array): void {
    const [lengths, starts] = this.#growing();
    this.#add(view.length);
    this.#beforeEver?.push((this.#beforeEver.at(-1) ?? 0) + view.length);
    lengths.push(view.length);
    this.views.push(view);
    starts.push(startOf(view));
    this.#buffers?.push(bufferOf(view));
  }

  /** A queue lets go of its first `count`, or as many as nobody claims; returns how many. */
  drop(count: number): number {
    if (this.walks > 0) throw errors.make('ERR_DIORITE_ITERATOR_BUSY', 'The queue is being walked and may only grow');
    let most = count;
    for (const place of this.#claims ?? []) most = Math.min(most, place.segment + place.dropped - this.dropped);
    this.#add(-this.before(most));
    for (const list of [...this.#growing(), this.views, this.#buffers, this.#beforeEver]) list?.splice(0, most);
    this.dropped += most;
    return most;
  }

  /** Nothing is dropped behind the place, wherever it moves, until the function that this returns is called. */
  claim(place: Place): () => void {
    this.#claims ??= [];
    const claims = this.#claims;
    let claimed = true;
    claims.push(place);
    return () => {
      if (claimed) claims.splice(claims.indexOf(place), 1);
      claimed = false;
    };
  }

  #growing(): [lengths: number[], starts: number[]] {
    const { lengths, starts } = this;
    assert(Array.isArray(lengths) && Array.isArray(starts), 'only a queue is made of lists that grow');
    return [lengths, starts];
  }

  lengthOf(piece: number): number {
    const length = this.lengths[piece];
    assert(length !== undefined, 'the segments hold what the count says');
    return length;
  }

  /** Bytes of all pieces before this one, which may be one past the last. */
  before(piece: number): number {
    const sums = this.#beforeEver ?? this.#sums();
    const sum = sums[piece];
    assert(sum !== undefined, 'an index lies within its list');
    return sum - (sums[0] ?? 0);
  }

  #sums(): Float64Array {
    if (this.#before !== null) return this.#before;
    this.#before = new Float64Array(this.lengths.length + 1);
    let sum = 0;
    for (let i = 0; i < this.lengths.length; i++) this.#before[i + 1] = sum += this.lengthOf(i);
    return this.#before;
  }

  /** Segments from the one of this piece on. */
  segmentsFrom(piece: number): number {
    if (this.paged === null) return this.lengths.length - piece;
    const { segmentOf, segmentLengths } = this.paged;
    return segmentLengths.length - (segmentOf[piece] ?? segmentLengths.length);
  }

  /** Bytes of the segment before this piece, and of the whole segment: 0 at the end. */
  offsetOf(piece: number): number {
    return this.paged?.offsets[piece] ?? 0;
  }

  segmentLength(piece: number): number {
    return (
      (this.paged === null ? this.lengths[piece] : this.paged.segmentLengths[this.paged.segmentOf[piece] ?? -1]) ?? 0
    );
  }
}

/**
 * Refuses a piece whose memory is gone, right before it is touched: a view on a detached buffer has length 0, and one
 * on a resizable buffer that has shrunk is shorter than it was.
 */
export function mustHold(view: Uint8Array, length: number): void {
  // The buffer is asked too: optimized code of V8 11 goes on telling a detached view's old length.
  if (view.length >= length && (length === 0 || bufferOf(view).byteLength >= startOf(view) + length)) return;
  throw view === ABSENT ? pageAbsent() : memoryGone('a segment of the iterator');
}

export function pageAbsent(): Error {
  return errors.make('ERR_DIORITE_ITERATOR_BOUNDS', 'The cache had no page at the position when the iterator was made');
}
