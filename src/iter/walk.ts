// The walkers: runs and pages of memory, in order, without moving further than what was accepted.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { PAGE_SIZE } from '../base/integers.js';
import { type IterState, type Position, stepForward } from './movement.js';
import type { PageSource } from './page-source.js';
import { mustHold, type Segments } from './segments.js';

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

const NO_MEMORY: ArrayBuffer = new ArrayBuffer(0);

export function newRun(): Run {
  return { buffer: NO_MEMORY, byteOffset: 0, length: 0 };
}

/**
 * The longest run at the position, at most `maxBytes`, to `run`. Neighbours merge inside one ArrayBuffer only: two
 * buffers have two owners, however their addresses lie. It looks no further than it must to fill `maxBytes`.
 */
export function peekRun(segments: Segments, at: IterState, run: Run, maxBytes: number): number {
  const limit = Math.min(maxBytes, at.count);
  run.length = 0;
  if (limit === 0) return 0;
  const { lengths, views, buffers, starts, pieceLengths } = segments;
  // A position may stand before empty segments, or at the end of its own: the byte that it means is further on.
  let segment = at.segment;
  let offset = at.iovOffset;
  for (let passed = lengths[segment]; passed !== undefined && offset >= passed; passed = lengths[++segment])
    offset -= passed;
  const piece = segments.pieceAt(segment, offset);
  offset -= segments.pieceOffset(piece);
  const view = views[piece];
  const buffer = buffers[piece];
  const whole = pieceLengths[piece];
  assert(view !== undefined && buffer !== undefined && whole !== undefined, 'the segments hold what the count says');
  mustHold(view, whole);
  const start = (starts[piece] ?? 0) + offset;
  let length = whole - offset;
  for (let next = piece + 1; length < limit; next++) {
    const neighbour = views[next];
    const more = pieceLengths[next];
    if (neighbour === undefined || more === undefined) break;
    if (more === 0) continue;
    if (buffers[next] !== buffer || starts[next] !== start + length) break;
    mustHold(neighbour, more);
    length += more;
  }
  if (length > limit) length = limit;
  run.buffer = buffer;
  run.byteOffset = start;
  run.length = length;
  return length;
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

/** Walks until `size` bytes are accepted or the iterator ends; `step` returns false to stop. Returns what was accepted. */
function walk(at: Position, size: number, step: (maxBytes: number) => boolean): number {
  const start = at.count;
  const end = start - Math.min(size, start);
  at.walked = true;
  try {
    while (at.count > end) {
      const before = at.count;
      if (!step(before - end)) break;
      assert(at.count < before, 'each step of a walk consumes a byte');
    }
  } finally {
    at.walked = false;
  }
  return start - at.count;
}

export function forEachRun(segments: Segments, at: Position, size: number, f: RunCallback): number {
  const run = newRun(); // its own: f may start other walks
  return walk(at, size, (maxBytes) => {
    const length = peekRun(segments, at, run, maxBytes);
    if (!accepted(f(run.buffer, run.byteOffset, length))) return false;
    stepForward(segments, at, length);
    return true;
  });
}

/** The medium-sized batch: large enough that what `get` and `put` cost by the call vanishes in the pages. */
const BATCH_PAGES = 64;
/** Arrays that no walk uses now. A walk within a walk takes another one; beyond this depth they are garbage. */
const SPARE_MAX = 8;
const spareBatches: Int32Array[] = [];

/**
 * Pages are held while they are offered, and put back batch by batch, all of them, accepted or not: who wants one
 * for longer takes it from the source itself.
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
): number {
  const batch = spareBatches.pop() ?? new Int32Array(BATCH_PAGES);
  try {
    return walk(at, size, (maxBytes) => offerBatch(segments, at, maxBytes, f, source, batch));
  } finally {
    if (spareBatches.length < SPARE_MAX) spareBatches.push(batch);
  }
}

/** Takes as many pages of the current segment as the source gives at once, offers them, and puts them back. */
function offerBatch(
  segments: Segments,
  at: Position,
  maxBytes: number,
  f: PageCallback,
  source: PageSource,
  batch: Int32Array,
): boolean {
  stepForward(segments, at, 0);
  // Views are one piece each.
  const view = segments.views[at.segment];
  const buffer = segments.buffers[at.segment];
  const whole = segments.lengths[at.segment];
  assert(view !== undefined && buffer !== undefined && whole !== undefined, 'the segments hold what the count says');
  mustHold(view, whole);
  const byteOffset = (segments.starts[at.segment] ?? 0) + at.iovOffset;
  const length = Math.min(whole - at.iovOffset, maxBytes);
  const inPage = source.offsetInPage(buffer);
  if (inPage < 0) throw errors.make('ERR_DIORITE_UNSUPPORTED', 'Pages were asked of memory whose address is not known');
  const from = (inPage + byteOffset) % PAGE_SIZE;
  const wanted = Math.min(BATCH_PAGES, Math.ceil((from + length) / PAGE_SIZE));
  const got = source.get(buffer, byteOffset, length, batch, 0, wanted);
  assert(got >= 1 && got <= wanted, 'a page source gives at least one page and no more than asked');
  try {
    return offerPages(segments, at, f, batch, got, from, length);
  } finally {
    source.put(batch, 0, got);
  }
}

function offerPages(
  segments: Segments,
  at: Position,
  f: PageCallback,
  batch: Int32Array,
  pages: number,
  firstFrom: number,
  bytes: number,
): boolean {
  let from = firstFrom;
  let left = bytes;
  for (let i = 0; i < pages; i++) {
    const page = batch[i];
    assert(page !== undefined, 'a batch holds the pages that the source gave');
    const size = Math.min(PAGE_SIZE - from, left);
    if (!accepted(f(page, from, size))) return false;
    stepForward(segments, at, size);
    left -= size;
    from = 0;
  }
  return true;
}

/** A bvec names its pages, which the library holds anyway: nothing is taken and nothing put back. */
export function forEachPageOfBvecs(segments: Segments, at: Position, size: number, f: PageCallback): number {
  return walk(at, size, (maxBytes) => {
    stepForward(segments, at, 0);
    const bvec = segments.bvecs[at.segment];
    assert(bvec !== undefined, 'the segments hold what the count says');
    const offset = bvec.offset + at.iovOffset;
    const from = offset % PAGE_SIZE;
    const fragment = Math.min(PAGE_SIZE - from, bvec.length - at.iovOffset, maxBytes);
    if (!accepted(f(bvec.page + (offset - from) / PAGE_SIZE, from, fragment))) return false;
    stepForward(segments, at, fragment);
    return true;
  });
}
