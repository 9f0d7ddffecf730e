// IovIter: a position in a list of segments, and how many bytes are left. The kernel's struct iov_iter, in user space.
import type { Crc32c } from '../base/crc32c.js';
import { errors } from '../base/errors.js';
import { toCap, toOffset } from '../base/integers.js';
import { bytesOf } from '../base/views.js';
import * as copy from './copy.js';
import { type FolioQueue, segmentsOf } from './folio-queue.js';
import { hostPageSource } from './host-pages.js';
import * as make from './make-segments.js';
import * as measure from './measure.js';
import { catchUp, consumed, type IterState, Position, stepBack, stepForward } from './movement.js';
import type { PageSource } from './page-source.js';
import type { Bvec, IterKind, Segments } from './segments.js';
import * as take from './take-pages.js';
import * as walks from './walk.js';

export type { PageCacheIndex } from './make-segments.js';
export type { IterState } from './movement.js';
export type { Bvec, IterKind } from './segments.js';
export type { ExtractOptions, PageSpan } from './take-pages.js';
export type { PageCallback, Run, RunCallback } from './walk.js';

export interface PagesOptions {
  /** False: only the first segment that holds a byte, as the kernel does it for vectors of user memory. */
  readonly stitch?: boolean;
  readonly source?: PageSource;
}

/** For planners, of iterators that have memory: see there. */
export let forEachOwnRun: (iter: IovIter, size: number, f: walks.RunCallback) => number;
export let skipShortRuns: (iter: IovIter, maxBytes: number, short: number, look: boolean) => number;

/**
 * The list of segments is copied when the iterator is made, as are the views' bounds: the caller may change the array,
 * and what happens to a view's buffer afterwards is noticed when its memory is next touched.
 *
 *      segments      |-------|··|-----------|----|            iovOffset: bytes consumed of the current segment
 *      position               ^ consumed → count              count: bytes left, at most what the segments hold
 *
 * Differences from the kernel: moving past the end or before the start is an error, not clamped and not undefined;
 * `ubuf` and `discard` are lists of one segment like any other, so that full consumption leaves `nrSegs` 0 in each kind;
 * no total is capped at 2 GiB. Arguments are checked before anything changes.
 */
export class IovIter {
  static {
    forEachOwnRun = (iter, size, f) => walks.forEachRun(iter.#segments, iter.#still(), size, f, true);
    skipShortRuns = (iter, ...how) => walks.skipShortRuns(iter.#segments, iter.#still(), ...how);
  }

  readonly kind: IterKind;
  readonly #segments: Segments;
  readonly #at: Position;

  private constructor(segments: Segments) {
    this.kind = segments.kind;
    this.#segments = segments;
    this.#at = new Position(segments.bytes);
  }

  /** One piece of the caller's memory. */
  static ubuf(memory: ArrayBufferView): IovIter {
    return new IovIter(make.segmentOfView(memory));
  }

  /** Many pieces of the caller's memory. */
  static iovec(memory: readonly ArrayBufferView[]): IovIter {
    return new IovIter(make.segmentsOfViews('iovec', memory));
  }

  /** Many pieces of the library's memory, which needs no pin. */
  static kvec(memory: readonly ArrayBufferView[]): IovIter {
    return new IovIter(make.segmentsOfViews('kvec', memory));
  }

  /** Pages that the caller holds, by the numbers of their source, for as long as the iterator is used. */
  static bvec(bvecs: readonly Bvec[], pages: PageSource): IovIter {
    return new IovIter(make.segmentsOfBvecs(bvecs, pages));
  }

  /**
   * `count` bytes from byte `start` on of what a cache holds, page by page: page `start / PAGE_SIZE` of the index first.
   * Looked up now, as every list is copied; the caller holds the pages. A page that is not there ends whatever
   * reaches it, and is an error at the position.
   */
  static xarray(cache: make.PageCacheIndex, pages: PageSource, start: number, count: number): IovIter {
    return new IovIter(make.segmentsOfCache(cache, pages, start, count));
  }

  /** `count` bytes of a queue, all of them by default, from byte `offset` of slot `firstSlot` on. See FolioQueue. */
  static folioq(queue: FolioQueue, options: { firstSlot?: number; offset?: number; count?: number } = {}): IovIter {
    const segments = segmentsOf(queue);
    const iter = new IovIter(segments);
    const { firstSlot = segments.dropped, offset = 0, count } = options;
    iter.restore({ segment: firstSlot, iovOffset: offset, count: 0 });
    iter.reexpand(count ?? segments.bytes - consumed(segments, iter.#at));
    return iter;
  }

  /** Takes up to `count` bytes, and keeps none. */
  static discard(count: number): IovIter {
    return new IovIter(make.segmentOfNothing(count));
  }

  /** What stands where memory is asked for: a view, an array of views, or an iterator, which passes through. */
  static from(memory: ArrayBufferView | readonly ArrayBufferView[] | IovIter): IovIter {
    if (memory instanceof IovIter) return memory;
    return ArrayBuffer.isView(memory) ? IovIter.ubuf(memory) : IovIter.iovec(memory);
  }

  /** Bytes left. */
  get count(): number {
    return this.#at.count;
  }

  /** Bytes consumed of the current segment. An xarray is one segment, and says at its end what it held. */
  get iovOffset(): number {
    return this.#segments.offsetOf(this.#at.segment) + this.#at.iovOffset;
  }

  /** Segments from the current one on, empty ones included. They may hold more than `count`. */
  get nrSegs(): number {
    return this.#segments.segmentsFrom(this.#here().segment);
  }

  /** Whether pages that getPages and extractBvecs give must be put back to their source: bvecs and caches hold theirs. */
  get extractWillPin(): boolean {
    return this.#segments.paged === null && this.kind !== 'discard';
  }

  /** Bytes left of the current segment: what the kernel would handle in one go. 0 at an empty segment. */
  singleSegCount(): number {
    const { segment, count } = this.#here();
    return Math.min(count, Math.max(0, this.#segments.segmentLength(segment) - this.iovOffset));
  }

  /**
   * Consumes `bytes`, and drops the segments that are then covered, empty ones too; `advance(0)` does only the latter,
   * and nothing at all once `count` is 0. More than `count` is an error (the kernel clamps, and says nothing).
   */
  advance(bytes: number): void {
    const step = toOffset(bytes, 'bytes');
    const at = this.#still();
    if (step > at.count) throw bounds(`Cannot advance by ${step} bytes: ${at.count} are left`);
    if (at.count > 0) stepForward(this.#segments, at, step);
  }

  /** Gives consumed bytes back. Further back than the start is an error (the kernel would leave the array). */
  revert(bytes: number): void {
    const step = toOffset(bytes, 'bytes');
    const most = consumed(this.#segments, this.#still());
    if (step > most) throw bounds(`Cannot revert by ${step} bytes: ${most} are consumed`);
    stepBack(this.#segments, this.#at, step);
  }

  /** Lowers `count` to `bytes`. A cap, not a size: it never raises. The segments stay. */
  truncate(bytes: number): void {
    const cap = toCap(bytes, 'bytes');
    this.#still().count = Math.min(this.#at.count, cap);
  }

  /** Sets `count` again after `truncate`: at most what the segments hold from here on. */
  reexpand(count: number): void {
    const wanted = toOffset(count, 'count');
    const most = this.#segments.bytes - consumed(this.#segments, this.#still());
    if (wanted > most) throw bounds(`Cannot reexpand to ${wanted} bytes: the segments hold ${most} from here on`);
    this.#at.count = wanted;
  }

  /** Where the iterator stands, to `into` or a new object. */
  saveState(into: IterState = { segment: 0, iovOffset: 0, count: 0 }): IterState {
    into.segment = this.#at.segment + this.#at.dropped;
    into.iovOffset = this.#at.iovOffset;
    into.count = this.#at.count;
    return into;
  }

  /** Back, or forth, to where it stood, in one step; undoes truncation too. */
  restore(state: IterState): void {
    if (state === null || typeof state !== 'object') throw errors.invalidType('state', 'a saved state', state);
    const segment = toOffset(state.segment, 'state.segment') - this.#segments.dropped;
    const iovOffset = toOffset(state.iovOffset, 'state.iovOffset');
    const count = toOffset(state.count, 'state.count');
    const at = this.#unwalked();
    const { lengths, bytes, dropped } = this.#segments;
    // There it is already, as often with copies that follow each other: no list of what lies before each piece is made.
    if (segment === at.segment && iovOffset === at.iovOffset && count === at.count && dropped === at.dropped) return;
    if (!(segment >= 0 && segment <= lengths.length && iovOffset <= (lengths[segment] ?? 0)))
      throw bounds('Cannot restore a state that lies outside of the segments: is it of another iterator?');
    if (count > bytes - this.#segments.before(segment) - iovOffset)
      throw bounds(`Cannot restore a count of ${count} bytes: the segments hold fewer from there on`);
    at.set(segment, iovOffset, count, dropped);
  }

  /** Another iterator at the same place. Cheap: the list of segments never changes, and is shared. */
  dup(): IovIter {
    const at = this.#at;
    const twin = new IovIter(this.#segments);
    twin.#at.set(at.segment, at.iovOffset, at.count, at.dropped);
    return twin;
  }

  /**
   * Of a queue: lets go of the segments before the position, or as many of them as nobody claims. Returns how many.
   * Nobody can go back there.
   */
  dropConsumed(): number {
    this.#mustBeQueue();
    return this.#segments.drop(this.#still().segment);
  }

  /**
   * Of a queue: what lies from the position on stays, wherever it moves to, until the function that this returns is
   * called: for one that comes behind another. Transfers claim what they have before them.
   */
  claim(): () => void {
    this.#mustBeQueue();
    return this.#segments.claim(this.#here());
  }

  /**
   * Bytes go into the iterator's memory (the kernel's copy_to_iter). Returns how many: fewer only where it ends.
   * Those are added to `crc`, where one is given.
   */
  copyTo(source: Uint8Array, crc?: Crc32c): number {
    const bytes = bytesOf(source, 'source');
    const at = this.#still();
    if (this.kind !== 'discard') return copy.copyTo(this.#segments, at, bytes, crc);
    const step = this.#discard(bytes.byteLength);
    crc?.update(bytes.subarray(0, step));
    return step;
  }

  /** Bytes come out of the iterator's memory (the kernel's copy_from_iter). */
  copyFrom(target: Uint8Array, crc?: Crc32c): number {
    return copy.copyFrom(this.#segments, this.#still('copyFrom'), bytesOf(target, 'target'), crc);
  }

  /** As copyTo: all of the bytes or, where the iterator ends before, none of them and false. */
  copyToFull(source: Uint8Array, crc?: Crc32c): boolean {
    return source.byteLength <= this.#at.count && this.copyTo(source, crc) === source.byteLength;
  }

  copyFromFull(target: Uint8Array, crc?: Crc32c): boolean {
    return target.byteLength <= this.#at.count && this.copyFrom(target, crc) === target.byteLength;
  }

  /** Writes zeros; returns how many: fewer only where the iterator ends. */
  zero(bytes: number): number {
    const wanted = toCap(bytes, 'bytes');
    const at = this.#still();
    return this.kind === 'discard' ? this.#discard(wanted) : copy.zero(this.#segments, at, wanted);
  }

  /**
   * The longest contiguous piece of memory at the position, at most `maxBytes`, merged across neighbouring segments of
   * the same ArrayBuffer. Fills `run` and returns its length: 0 at the end. Does not move, allocates nothing.
   */
  peekRun(run: walks.Run, maxBytes: number): number {
    this.#mustHaveMemory('peekRun');
    return walks.peekRun(this.#segments, this.#here(), run, toCap(maxBytes, 'maxBytes'));
  }

  /**
   * Offers up to `size` bytes as runs, and moves over those that `f` accepts by returning. `false` stops, a throw
   * propagates; that run is then not consumed. Returns the bytes accepted. See `forEachPage` for what `f` may do.
   */
  forEachRun(size: number, f: walks.RunCallback): number {
    const most = toCap(size, 'size');
    if (typeof f !== 'function') throw errors.invalidType('f', 'a function', f);
    return walks.forEachRun(this.#segments, this.#still('forEachRun'), most, f);
  }

  /**
   * Offers up to `size` bytes as fragments of pages (`from + fragment size ≤ PAGE_SIZE`), in order, a segment's after
   * the other's, and moves over those that `f` accepts by returning. `false` stops, a throw propagates; the fragment
   * of that call is then not consumed. Returns the bytes accepted.
   *
   * Pages come from `source` (the host's by default; a bvec's are its own) a batch at a time, and are valid while `f`
   * runs. When the source fails, what it gave before has been offered, and the iterator stands behind what was
   * accepted. `f` may start other walks over the same memory, and move other iterators; moving this one is
   * ERR_DIORITE_ITERATOR_BUSY, and returning a promise ERR_DIORITE_ASYNC_CALLBACK.
   */
  forEachPage(size: number, f: walks.PageCallback, source?: PageSource): number {
    const most = toCap(size, 'size');
    if (typeof f !== 'function') throw errors.invalidType('f', 'a function', f);
    const pages = this.#sourceOr(source);
    return walks.forEachPage(this.#segments, this.#still('forEachPage'), most, f, pages);
  }

  /**
   * Fills `pages` with the numbers of up to `maxPages` pages that hold up to `maxSize` bytes, and moves over those
   * (iov_iter_get_pages2). It goes on to the next segment where one ends and the next begins on a page boundary, so
   * that there is no hole; `{ stitch: false }` does not. The ceil((start + bytes) / PAGE_SIZE) pages are the caller's to
   * put back to the source (see extractWillPin). One that cannot be had ends the list; as the first it is an error.
   */
  getPages(pages: Int32Array, maxSize: number, maxPages?: number, options: PagesOptions = {}): take.PageSpan {
    if (!(pages instanceof Int32Array)) throw errors.invalidType('pages', 'an Int32Array', pages);
    const most = toOffset(maxPages ?? pages.length, 'maxPages');
    if (most > pages.length) throw errors.outOfRange('maxPages', `<= ${pages.length}, what the array holds`, most);
    return this.#getPages(maxSize, most, options, pages);
  }

  /** As getPages, into an array that is made for what there is, and has as many entries as there are pages. */
  getPagesAlloc(maxSize: number, options: PagesOptions = {}): take.PageSpan {
    return this.#getPages(maxSize, Number.POSITIVE_INFINITY, options, null);
  }

  #getPages(maxSize: number, maxPages: number, options: PagesOptions, into: Int32Array | null): take.PageSpan {
    const most = toCap(maxSize, 'maxSize');
    const source = this.#sourceOr(options.source);
    const stitch = options.stitch !== false || this.kind === 'xarray' || this.kind === 'folioq';
    return take.getPages(this.#segments, this.#still('getPages'), most, maxPages, stitch, source, into);
  }

  /**
   * Adds up to `maxSize` bytes to `into` as vectors (iov_iter_extract_bvecs), moves over them and returns how many.
   * What is contiguous in one buffer becomes one vector. The caller puts the pages back, each once for each vector (see
   * extractWillPin). Memory that is not aligned as asked is refused before anything happens; of a sum that is no
   * multiple of `lengthAlignment` the tail is given back. Pages that cannot be had: as with getPages.
   */
  extractBvecs(into: Bvec[], maxSize: number, options: take.ExtractOptions = {}): number {
    const most = toCap(maxSize, 'maxSize');
    if (!Array.isArray(into)) throw errors.invalidType('into', 'an array', into);
    const source = this.#sourceOr(options.source);
    return take.extractBvecs(this.#segments, this.#still('extractBvecs'), most, into, options, source);
  }

  /**
   * How many pages hold what is left, at most `maxPages`: as many as forEachPage offers fragments. An upper bound where
   * neighbours share a page or an address is not known. 0 of a discard iterator.
   */
  npages(maxPages: number = Number.POSITIVE_INFINITY, source?: measure.Addresses): number {
    return measure.npages(this.#segments, this.#here(), toCap(maxPages, 'maxPages'), this.#addresses(source));
  }

  /**
   * The starts and lengths of all segments or-ed, within a page: `alignment() & (n - 1)` is 0 where all are multiples of
   * n, a power of two up to a page. Memory at an unknown address counts as misaligned: 1.
   */
  alignment(source?: measure.Addresses): number {
    return measure.alignment(this.#segments, this.#here(), this.count, this.#addresses(source));
  }

  /** The ends and starts that meet between segments or-ed, within a page: 0 where every seam is on a page boundary. */
  gapAlignment(source?: measure.Addresses): number {
    return measure.gapAlignment(this.#segments, this.#here(), this.#addresses(source));
  }

  #addresses(source: measure.Addresses | undefined): measure.Addresses {
    return source ?? hostPageSource();
  }

  /** Where pages come from: bvecs' are numbered by their own source. */
  #sourceOr(source: PageSource | undefined): PageSource {
    const own = this.#segments.paged?.pages;
    if (own !== undefined && source !== undefined && source !== own)
      throw errors.invalidValue('source', 'left out, or what the bvecs are numbered by', source);
    return own ?? source ?? hostPageSource();
  }

  #discard(bytes: number): number {
    const step = Math.min(bytes, this.#at.count);
    stepForward(this.#segments, this.#at, step);
    return step;
  }

  /** Where it stands. */
  #here(): Position {
    catchUp(this.#segments, this.#at);
    return this.#at;
  }

  /** Where it stands, to be moved, by an operation that needs memory where one is named. */
  #still(operation?: string): Position {
    this.#unwalked();
    if (operation !== undefined) this.#mustHaveMemory(operation);
    return this.#here();
  }

  /** Its position, which may lie in what a queue has dropped. */
  #unwalked(): Position {
    if (this.#at.walked)
      throw errors.make('ERR_DIORITE_ITERATOR_BUSY', 'The iterator is being walked and may not be moved: move a dup()');
    return this.#at;
  }

  #mustBeQueue(): void {
    if (this.kind !== 'folioq') throw errors.make('ERR_DIORITE_UNSUPPORTED', 'Only a queue can drop segments');
  }

  #mustHaveMemory(operation: string): void {
    if (this.kind === 'discard')
      throw errors.make('ERR_DIORITE_UNSUPPORTED', `A discard iterator has no memory: ${operation} has no meaning`);
  }
}

function bounds(message: string): Error {
  return errors.make('ERR_DIORITE_ITERATOR_BOUNDS', message);
}
