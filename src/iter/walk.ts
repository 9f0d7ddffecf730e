// The walkers: runs and pages of memory, in order, without moving further than what was accepted.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { PAGE_SIZE } from '../base/integers.js';
import { bufferOf } from '../base/views.js';
import { Position, stepForward } from './movement.js';
import type { PageSource } from './page-source.js';
import { ABSENT, mustHold, pageAbsent, type Segments } from './segments.js';

/** A contiguous piece of memory. A plain object that `peekRun` fills, to be used again and again. */
export interface Run {
  buffer: ArrayBufferLike;
  byteOffset: number;
  length: number;
}

/** `false` stops, and the fragment is not consumed; anything else accepts it. A promise is an error. */
// biome-ignore lint/suspicious/noConfusingVoidType: a callback that returns nothing accepts
export type PageCallback = (page: number, from: number, size: number) => void | boolean;
// biome-ignore lint/suspicious/noConfusingVoidType: a callback that returns nothing accepts
export type RunCallback = (buffer: ArrayBufferLike, byteOffset: number, size: number) => void | boolean;

const HELD = 'the segments hold what the count says';
const NO_MEMORY: ArrayBuffer = new ArrayBuffer(0);

/** One at a time is peeked at: nothing is allocated. */
const peeked: Position = new Position(0);
const found: Run = { buffer: NO_MEMORY, byteOffset: 0, length: 0 };

function noteRun(buffer: ArrayBufferLike, byteOffset: number, length: number): boolean {
  Object.assign(found, { buffer, byteOffset, length });
  return false;
}

/** The longest run at the position, at most `maxBytes`, to `run`. It looks no further than it must to fill that. */
export function peekRun(segments: Segments, at: Position, run: Run, maxBytes: number): number {
  peeked.set(at.segment, at.iovOffset, at.count, at.dropped);
  offerRuns(segments, peeked, Math.min(maxBytes, at.count), noteRun, true);
  Object.assign(run, found);
  found.buffer = NO_MEMORY;
  found.length = 0;
  return run.length;
}

/** Whether a callback accepted. */
function accepted(result: unknown): boolean {
  if (result === undefined) return true;
  if (result === false) return false;
  if (result !== null && typeof result === 'object' && 'then' in result && typeof result.then === 'function')
    throw errors.make(
      'ERR_DIORITE_ASYNC_CALLBACK',
      'The callback returned a promise. It must accept its fragment by returning',
    );
  return true;
}

/** One step of a walk: at least a byte of `maxBytes`, or false to stop. */
interface Walker {
  step(segments: Segments, at: Position, maxBytes: number): boolean;
}

/**
 * Walks until `size` bytes are accepted or the iterator ends. Returns what was accepted. Where that is nothing, the
 * position is as it was: not even empty segments are dropped.
 */
function walk(segments: Segments, at: Position, size: number, walker: Walker): number {
  const { segment, iovOffset, count: start } = at;
  const end = size < start ? start - size : 0; // small integers remain small integers
  at.walked = true;
  segments.walks++;
  try {
    while (at.count > end) {
      const before = at.count;
      if (!walker.step(segments, at, before - end)) break;
      assert(at.count < before, 'each step of a walk consumes a byte');
    }
  } finally {
    segments.walks--;
    at.walked = false;
    if (at.count === start) at.set(segment, iovOffset, start, at.dropped);
    else stepForward(segments, at, 0);
  }
  return start - at.count;
}

/** `own`: f is the library's, runs no code of the caller's, and returns a boolean. */
export function forEachRun(segments: Segments, at: Position, size: number, f: RunCallback, own = false): number {
  return walk(segments, at, size, { step: (_, __, maxBytes) => offerRuns(segments, at, maxBytes, f, own) });
}

/**
 * With the position in locals: nobody else may move it, and f sees it in `at`. Neighbours merge inside one ArrayBuffer
 * only: two buffers have two owners, however their addresses lie.
 */
function offerRuns(segments: Segments, at: Position, maxBytes: number, f: RunCallback, own: boolean): boolean {
  const { lengths, views, starts } = segments;
  const end = at.count - maxBytes;
  stepForward(segments, at, 0);
  let { segment, iovOffset, count } = at;
  const buffers = segments.buffersFor(0);
  const first = segment;
  // A buffer that cannot shrink holds all its views' bytes until it is detached: to look at each view costs as much as
  // all the rest.
  let fixed: ArrayBufferLike | undefined;
  let last: ArrayBufferLike | undefined;
  while (count > end) {
    const whole = lengths[segment];
    const from = starts[segment];
    assert(whole !== undefined && from !== undefined, HELD);
    const buffer = (buffers === null ? bufferOf(views[segment] ?? ABSENT) : buffers[segment]) ?? NO_MEMORY;
    if (buffer === last && buffer !== fixed && !isResizable(buffer)) fixed = buffer;
    if (buffer !== fixed || !own) at.set(segment, iovOffset, count, at.dropped);
    if (buffer !== fixed || (!own && buffer.byteLength === 0)) mustHold(views[segment] ?? ABSENT, whole);
    last = buffer;
    const start = from + iovOffset;
    const limit = count - end;
    let length = whole - iovOffset;
    // Over its neighbours, and over empty pieces.
    let next = segment + 1;
    for (let more = lengths[next]; more !== undefined && length <= limit; more = lengths[++next]) {
      if (more === 0) continue;
      if (length === limit || starts[next] !== start + length) break;
      if ((buffers === null ? bufferOf(views[next] ?? ABSENT) : buffers[next]) !== buffer) break;
      if (buffer !== fixed && !isResizable(buffer)) fixed = buffer;
      if (buffer !== fixed) mustHold(views[next] ?? ABSENT, more);
      length += more;
    }
    // What is too much lies in the last one.
    const over = length > limit ? length - limit : 0;
    const result = f(buffer, start, length - over);
    if (own ? result === false : !accepted(result)) break;
    count -= length - over;
    segment = over > 0 ? next - 1 : next;
    iovOffset = over > 0 ? (lengths[segment] ?? 0) - over : 0;
  }
  at.set(segment, iovOffset, count, at.dropped);
  segments.buffersFor(segment - first);
  return count <= end;
}

function isResizable(buffer: ArrayBufferLike): boolean {
  return 'resizable' in buffer && buffer.resizable === true;
}

/**
 * Moves over runs of fewer than `short` bytes, up to one that is longer or `maxBytes` in all; returns how many bytes. Of
 * such small pieces, which can only be copied, nobody needs to know more; and a view is asked for its buffer only where
 * two may be one run. Not to `look` whether memory is still there is for who copies it next, and is told then.
 */
export function skipShortRuns(
  segments: Segments,
  at: Position,
  maxBytes: number,
  short: number,
  look: boolean,
): number {
  const { lengths, views, starts } = segments;
  const begin = at.count;
  const end = begin - Math.min(maxBytes, begin);
  let { segment, iovOffset, count } = at;
  // The piece before, and where in its buffer it ends. `at` stays where their run began.
  let last = ABSENT;
  let stop = -1;
  while (count > end) {
    const view = views[segment];
    const whole = lengths[segment];
    const start = (starts[segment] ?? 0) + iovOffset;
    assert(view !== undefined && whole !== undefined, HELD);
    const left = whole - iovOffset;
    const length = Math.min(left, count - end);
    if (length > 0) {
      if (look) mustHold(view, whole);
      if (start !== stop || bufferOf(view) !== bufferOf(last)) at.set(segment, iovOffset, count, at.dropped);
      if (at.count - count + length >= short) return begin - at.count;
      last = view;
      stop = start + length;
      count -= length;
    }
    iovOffset = length < left ? iovOffset + length : 0;
    if (length === left) segment++;
  }
  at.set(segment, iovOffset, count, at.dropped);
  return begin - count;
}

/** The medium-sized batch: large enough that what a call of the source costs vanishes in the pages. */
const BATCH_PAGES = 64;
/** A longer walk has one of its own, sized by what is asked, up to 4 KiB of numbers: more holds more, and wins nothing. */
const LONG_BATCH_PAGES = 1024;
/** Walks that are not under way. A walk within a walk takes another one; beyond this depth they are garbage. */
const SPARE_MAX = 8;
/** Buffers that a walk holds at a time. */
const HELD_MAX = 16;
const spareWalks: PageWalk[] = [];
/** V8 folds a module's own constants into its code, and loads imported ones, and divides by them, each time. */
const PAGE = PAGE_SIZE;
const IN_PAGE = PAGE_SIZE - 1;

/**
 * Pages are held while they are offered, and given back afterwards, all of them, accepted or not: who wants one for
 * longer takes it from the source itself. With `keep`, those that were accepted stay taken, for the caller to put.
 *
 *      segment     |······[=====|=========|=========|=====]·|
 *      fragments          from..PAGE  0..PAGE    …   0..size       from + size ≤ PAGE_SIZE
 */
export function forEachPage(
  segments: Segments,
  at: Position,
  size: number,
  f: PageCallback,
  source: PageSource,
  keep = false,
): number {
  const walker = spareWalks.pop() ?? new PageWalk();
  walker.begin(segments, f, source, keep);
  try {
    return walk(segments, at, size, walker);
  } finally {
    walker.end();
    if (spareWalks.length < SPARE_MAX) spareWalks.push(walker);
  }
}

const NO_CALLBACK: PageCallback = () => false;

/** Pages that are numbered in a row are offered as they come; others come from the source in batches. */
class PageWalk implements Walker {
  readonly #spare: Int32Array = new Int32Array(BATCH_PAGES);
  #batch: Int32Array = this.#spare;
  #f: PageCallback = NO_CALLBACK;
  #source: PageSource | null = null;
  #keep = false;
  #inRows = false;
  /** What is held, the oldest at #next; the numbers of its first pages, and where in those it begins. */
  readonly #held: ArrayBufferLike[] = [];
  readonly #firsts: number[] = [];
  readonly #inPages: number[] = [];
  #next = 0;

  begin(segments: Segments, f: PageCallback, source: PageSource, keep: boolean): void {
    this.#f = f;
    this.#source = source;
    this.#keep = keep;
    this.#inRows = segments.paged !== null || (source.hold !== undefined && !keep);
  }

  end(): void {
    const source = this.#source;
    this.#batch = this.#spare;
    this.#f = NO_CALLBACK;
    this.#source = null;
    this.#next = 0;
    for (let buffer = this.#held.pop(); buffer !== undefined; buffer = this.#held.pop()) source?.release?.(buffer);
  }

  step(segments: Segments, at: Position, maxBytes: number): boolean {
    stepForward(segments, at, 0);
    const source = this.#source;
    assert(source !== null, 'a walk is begun before it steps');
    return this.#inRows
      ? this.#offerRow(segments, at, maxBytes, source)
      : this.#offerBatch(segments, at, maxBytes, source);
  }

  /** Bvecs name their pages, which somebody holds anyway; and the source holds whole buffers. */
  #offerRow(segments: Segments, at: Position, maxBytes: number, source: PageSource): boolean {
    const f = this.#f;
    const { lengths, starts, buffers } = segments;
    const bvecs = segments.paged?.bvecs;
    const end = at.count - maxBytes;
    // The position lives in locals: nobody else may move it meanwhile, and f sees it in `at`.
    let { segment, iovOffset, count } = at;
    let piece = -1;
    let length = 0;
    let first = 0;
    let begin = 0;
    let buffer: ArrayBufferLike | undefined;
    let inPage = 0;
    let room = 0;
    // What is known of a buffer is looked at again after so many: f may have taken it away.
    for (let pages = 0; pages < BATCH_PAGES && count > end; pages++) {
      if (segment !== piece) {
        piece = segment;
        length = lengths[piece] ?? 0;
        if (length === 0) {
          at.segment = ++segment;
          continue;
        }
        const bvec = bvecs?.[piece];
        if (bvec !== undefined) {
          if (bvec.page < 0) throw pageAbsent();
          first = bvec.page;
          begin = bvec.offset;
        } else {
          const start = starts[piece] ?? 0;
          if (buffers[piece] !== buffer || start + length > room) {
            buffer = buffers[piece] ?? NO_MEMORY;
            room = buffer.byteLength;
            const known = start + length > room ? -1 : this.#held.indexOf(buffer);
            const held = known >= 0 ? known : this.#hold(segments, piece, source);
            first = this.#firsts[held] ?? 0;
            inPage = this.#inPages[held] ?? 0;
          }
          begin = inPage + start;
        }
      }
      const from = (begin + iovOffset) & IN_PAGE;
      const size = Math.min(PAGE - from, length - iovOffset, count - end);
      assert(size > 0, HELD);
      if (!accepted(f(first + (begin + iovOffset - from) / PAGE, from, size))) return false;
      count -= size;
      iovOffset += size;
      if (iovOffset === length) {
        iovOffset = 0;
        segment++;
      }
      at.count = count;
      at.segment = segment;
      at.iovOffset = iovOffset;
    }
    return true;
  }

  /** Holds the buffer of a piece, and says where it is noted. The last few stay: scattered memory comes back to them. */
  #hold(segments: Segments, piece: number, source: PageSource): number {
    const inPage = inPageOf(segments, piece, source);
    const buffer = segments.buffers[piece] ?? NO_MEMORY;
    const first = source.hold?.(buffer) ?? 0;
    const at = this.#next;
    const oldest = this.#held[at];
    if (oldest !== undefined) source.release?.(oldest);
    this.#held[at] = buffer;
    this.#firsts[at] = first;
    this.#inPages[at] = inPage;
    this.#next = (at + 1) % HELD_MAX;
    return at;
  }

  #offerBatch(segments: Segments, at: Position, maxBytes: number, source: PageSource): boolean {
    const { segment } = at;
    const buffer = segments.buffers[segment] ?? NO_MEMORY;
    const inPage = inPageOf(segments, segment, source);
    const byteOffset = (segments.starts[segment] ?? 0) + at.iovOffset;
    let left = Math.min(segments.lengthOf(segment) - at.iovOffset, maxBytes);
    let from = (inPage + byteOffset) & IN_PAGE;
    const batch = this.#batchFor(maxBytes);
    const wanted = Math.min(batch.length, Math.ceil((from + left) / PAGE));
    const got = source.get(buffer, byteOffset, left, batch, 0, wanted);
    assert(got >= 1 && got <= wanted, 'a page source gives at least one page and no more than asked');
    let offered = 0;
    try {
      for (; offered < got; offered++) {
        const size = Math.min(PAGE - from, left);
        if (!accepted(this.#f(batch[offered] ?? -1, from, size))) return false;
        stepForward(segments, at, size);
        left -= size;
        from = 0;
      }
      return true;
    } finally {
      const kept = this.#keep ? offered : 0;
      source.put(batch, kept, got - kept);
    }
  }

  /** Made once, for what is left at the first step. */
  #batchFor(bytes: number): Int32Array {
    if (bytes > BATCH_PAGES * PAGE && this.#batch === this.#spare)
      this.#batch = new Int32Array(Math.min(LONG_BATCH_PAGES, Math.ceil(bytes / PAGE) + 1));
    return this.#batch;
  }
}

/** Where in its page the buffer of a piece begins. */
function inPageOf(segments: Segments, piece: number, source: PageSource): number {
  const view = segments.views[piece];
  const buffer = segments.buffers[piece];
  assert(view !== undefined && buffer !== undefined, HELD);
  mustHold(view, segments.lengthOf(piece));
  const inPage = source.offsetInPage(buffer);
  if (inPage < 0) throw errors.make('ERR_DIORITE_UNSUPPORTED', 'Pages were asked of memory whose address is not known');
  return inPage;
}
