// IovIter: a position in a list of segments, and how many bytes are left. The kernel's struct iov_iter, in user space.
import { errors } from '../base/errors.js';
import { toOffset } from '../base/integers.js';
import * as copy from './copy.js';
import { hostPageSource } from './host-pages.js';
import { segmentOfNothing, segmentOfView, segmentsOfBvecs, segmentsOfViews } from './make-segments.js';
import { consumed, type IterState, Position, stepBack, stepForward } from './movement.js';
import type { PageSource } from './page-source.js';
import type { Bvec, IterKind, Segments } from './segments.js';
import type { PageCallback, Run, RunCallback } from './walk.js';
import * as walks from './walk.js';

export type { IterState } from './movement.js';
export type { Bvec, IterKind } from './segments.js';
export type { PageCallback, Run, RunCallback } from './walk.js';

/** A number of bytes that caps something: as many as there are is allowed to say. */
function toCap(value: number, name: string): number {
  return value === Number.POSITIVE_INFINITY ? value : toOffset(value, name);
}

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
    return new IovIter(segmentOfView(memory));
  }

  /** Many pieces of the caller's memory. */
  static iovec(memory: readonly ArrayBufferView[]): IovIter {
    return new IovIter(segmentsOfViews('iovec', memory));
  }

  /** Many pieces of the library's memory, which needs no pin. */
  static kvec(memory: readonly ArrayBufferView[]): IovIter {
    return new IovIter(segmentsOfViews('kvec', memory));
  }

  /** Pages that the caller holds, by the numbers of their source, for as long as the iterator is used. */
  static bvec(bvecs: readonly Bvec[], pages: PageSource): IovIter {
    return new IovIter(segmentsOfBvecs(bvecs, pages));
  }

  /** Takes up to `count` bytes, and keeps none. */
  static discard(count: number): IovIter {
    return new IovIter(segmentOfNothing(count));
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

  /** Bytes consumed of the current segment. */
  get iovOffset(): number {
    return this.#at.iovOffset;
  }

  /** Segments from the current one on, empty ones included. They may hold more than `count`. */
  get nrSegs(): number {
    return this.#segments.count - this.#at.segment;
  }

  /** Bytes left of the current segment: what the kernel would handle in one go. 0 at an empty segment. */
  singleSegCount(): number {
    if (this.nrSegs === 0) return 0;
    return Math.min(this.#at.count, this.#segments.lengthOf(this.#at.segment) - this.#at.iovOffset);
  }

  /**
   * Consumes `bytes`, and drops the segments that are then covered, empty ones too; `advance(0)` does only the latter,
   * and nothing at all once `count` is 0. More than `count` is an error (the kernel clamps, and says nothing).
   */
  advance(bytes: number): void {
    const step = toOffset(bytes, 'bytes');
    this.#mustBeStill();
    const at = this.#at;
    if (step > at.count) throw bounds(`Cannot advance by ${step} bytes: ${at.count} are left`);
    if (at.count > 0) stepForward(this.#segments, at, step);
  }

  /** Gives consumed bytes back. Further back than the start is an error (the kernel would leave the array). */
  revert(bytes: number): void {
    const step = toOffset(bytes, 'bytes');
    this.#mustBeStill();
    const most = consumed(this.#segments, this.#at);
    if (step > most) throw bounds(`Cannot revert by ${step} bytes: ${most} are consumed`);
    stepBack(this.#segments, this.#at, step);
  }

  /** Lowers `count` to `bytes`. A cap, not a size: it never raises. The segments stay. */
  truncate(bytes: number): void {
    const cap = toCap(bytes, 'bytes');
    this.#mustBeStill();
    this.#at.count = Math.min(this.#at.count, cap);
  }

  /** Sets `count` again after `truncate`: at most what the segments hold from here on. */
  reexpand(count: number): void {
    const wanted = toOffset(count, 'count');
    this.#mustBeStill();
    const most = this.#segments.bytes - consumed(this.#segments, this.#at);
    if (wanted > most) throw bounds(`Cannot reexpand to ${wanted} bytes: the segments hold ${most} from here on`);
    this.#at.count = wanted;
  }

  /** Where the iterator stands, to `into` or a new object. */
  saveState(into: IterState = { segment: 0, iovOffset: 0, count: 0 }): IterState {
    into.segment = this.#at.segment;
    into.iovOffset = this.#at.iovOffset;
    into.count = this.#at.count;
    return into;
  }

  /** Back, or forth, to where it stood, in one step; undoes truncation too. */
  restore(state: IterState): void {
    const { segment, iovOffset, count } = checkedState(state);
    this.#mustBeStill();
    const segments = this.#segments;
    if (segment > segments.count || iovOffset > (segment < segments.count ? segments.lengthOf(segment) : 0))
      throw bounds('Cannot restore a state that lies outside of the segments: is it of another iterator?');
    if (count > segments.bytes - segments.before(segment) - iovOffset)
      throw bounds(`Cannot restore a count of ${count} bytes: the segments hold fewer from there on`);
    this.#at.set({ segment, iovOffset, count });
  }

  /** Another iterator at the same place. Cheap: the list of segments never changes, and is shared. */
  dup(): IovIter {
    const twin = new IovIter(this.#segments);
    twin.#at.set(this.#at);
    return twin;
  }

  /** Bytes go into the iterator's memory (the kernel's copy_to_iter). Returns how many: fewer only where it ends. */
  copyTo(source: Uint8Array): number {
    const bytes = bytesOf(source, 'source');
    this.#mustBeStill();
    if (this.kind === 'discard') return this.#discard(bytes.byteLength);
    return copy.copyTo(this.#segments, this.#at, bytes);
  }

  /** Bytes come out of the iterator's memory (the kernel's copy_from_iter). */
  copyFrom(target: Uint8Array): number {
    const bytes = bytesOf(target, 'target');
    this.#mustBeStill();
    this.#mustHaveMemory('copyFrom');
    return copy.copyFrom(this.#segments, this.#at, bytes);
  }

  /** Writes zeros; returns how many: fewer only where the iterator ends. */
  zero(bytes: number): number {
    const wanted = toCap(bytes, 'bytes');
    this.#mustBeStill();
    if (this.kind === 'discard') return this.#discard(wanted);
    return copy.zero(this.#segments, this.#at, wanted);
  }

  /**
   * The longest contiguous piece of memory at the position, at most `maxBytes`, merged across neighbouring segments of
   * the same ArrayBuffer. Fills `run` and returns its length: 0 at the end. Does not move, allocates nothing.
   */
  peekRun(run: Run, maxBytes: number): number {
    this.#mustHaveMemory('peekRun');
    return walks.peekRun(this.#segments, this.#at, run, toCap(maxBytes, 'maxBytes'));
  }

  /**
   * Offers up to `size` bytes as runs, and moves over those that `f` accepts by returning. `false` stops, a throw
   * propagates; that run is then not consumed. Returns the bytes accepted. See `forEachPage` for what `f` may do.
   */
  forEachRun(size: number, f: RunCallback): number {
    const most = toCap(size, 'size');
    if (typeof f !== 'function') throw errors.invalidType('f', 'a function', f);
    this.#mustBeStill();
    this.#mustHaveMemory('forEachRun');
    return walks.forEachRun(this.#segments, this.#at, most, f);
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
  forEachPage(size: number, f: PageCallback, source?: PageSource): number {
    const most = toCap(size, 'size');
    if (typeof f !== 'function') throw errors.invalidType('f', 'a function', f);
    const own = this.#segments.pages;
    if (own !== null && source !== undefined && source !== own)
      throw errors.invalidValue('source', 'left out, or what the bvecs are numbered by', source);
    this.#mustBeStill();
    this.#mustHaveMemory('forEachPage');
    if (own !== null) return walks.forEachPageOfBvecs(this.#segments, this.#at, most, f);
    return walks.forEachPage(this.#segments, this.#at, most, f, source ?? hostPageSource());
  }

  #discard(bytes: number): number {
    const step = Math.min(bytes, this.#at.count);
    stepForward(this.#segments, this.#at, step);
    return step;
  }

  #mustBeStill(): void {
    if (this.#at.walked)
      throw errors.make('ERR_DIORITE_ITERATOR_BUSY', 'The iterator is being walked and may not be moved: move a dup()');
  }

  #mustHaveMemory(operation: string): void {
    if (this.kind === 'discard')
      throw errors.make('ERR_DIORITE_UNSUPPORTED', `A discard iterator has no memory: ${operation} has no meaning`);
  }
}

function bounds(message: string): Error {
  return errors.make('ERR_DIORITE_ITERATOR_BOUNDS', message);
}

function checkedState(state: IterState): IterState {
  if (state === null || typeof state !== 'object') throw errors.invalidType('state', 'a saved state', state);
  return {
    segment: toOffset(state.segment, 'state.segment'),
    iovOffset: toOffset(state.iovOffset, 'state.iovOffset'),
    count: toOffset(state.count, 'state.count'),
  };
}

/** Any view will do, though the types ask for bytes. */
function bytesOf(view: ArrayBufferView, name: string): Uint8Array {
  if (view instanceof Uint8Array) return view;
  if (!ArrayBuffer.isView(view)) throw errors.invalidType(name, 'a Uint8Array', view);
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
