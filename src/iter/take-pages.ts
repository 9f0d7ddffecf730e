// Pages that outlive the call: getPages, getPagesAlloc and extractBvecs. Who calls puts them back.
import { errors } from '../base/errors.js';
import { isPowerOfTwo, PAGE_SIZE, toOffset } from '../base/integers.js';
import { alignment, reach } from './measure.js';
import { type Position, stepBack } from './movement.js';
import type { PageSource } from './page-source.js';
import type { Bvec, Segments } from './segments.js';
import { forEachPage, type PageCallback } from './walk.js';

/** Pages of `bytes` bytes of memory with no hole, from byte `start` of the first on. */
export interface PageSpan {
  readonly bytes: number;
  readonly start: number;
  readonly pages: Int32Array;
}

/** Walks and keeps the pages. A fault ends it short: the next call meets it first, and throws with nothing moved. */
function keepPages(segments: Segments, at: Position, bytes: number, f: PageCallback, source: PageSource): number {
  const before = at.count;
  try {
    return forEachPage(segments, at, bytes, f, source, true);
  } catch (error) {
    if (at.count === before) throw error;
    return before - at.count;
  }
}

/** `into` null: an array is made, by what the first look says, and filled by the second. */
export function getPages(
  segments: Segments,
  at: Position,
  maxBytes: number,
  maxPages: number,
  stitch: boolean,
  source: PageSource,
  into: Int32Array | null,
): PageSpan {
  const span = reach(segments, at, maxBytes, maxPages, stitch, source);
  const pages = into ?? new Int32Array(Math.ceil((span.start + span.bytes) / PAGE_SIZE));
  if (span.bytes === 0) return { bytes: 0, start: 0, pages };
  let taken = 0;
  const f = (page: number): void => {
    pages[taken++] = page;
  };
  const bytes = keepPages(segments, at, span.bytes, f, source);
  return { bytes, start: span.start, pages: into ?? pages.subarray(0, taken) };
}

export interface ExtractOptions {
  /** The most that are added. */
  readonly maxVecs?: number;
  /** What every address and every length of the memory must be a multiple of: a power of two, at most a page. */
  readonly memoryAlignment?: number;
  /** What the sum of the bytes is cut down to a multiple of: a power of two. */
  readonly lengthAlignment?: number;
  readonly source?: PageSource;
}

export function extractBvecs(
  segments: Segments,
  at: Position,
  maxBytes: number,
  into: Bvec[],
  options: ExtractOptions,
  source: PageSource,
): number {
  const { maxVecs = Number.MAX_SAFE_INTEGER, memoryAlignment = 1, lengthAlignment = 1 } = options;
  mustBeAlignment(memoryAlignment, 'options.memoryAlignment', PAGE_SIZE);
  mustBeAlignment(lengthAlignment, 'options.lengthAlignment', 2 ** 30);
  if ((alignment(segments, at, maxBytes, source) & (memoryAlignment - 1)) !== 0)
    throw errors.invalidValue('options.memoryAlignment', 'what the memory is aligned to', memoryAlignment);
  const { segment, iovOffset } = at;
  const bytes = Math.min(maxBytes, at.count);
  if (bytes === 0 || toOffset(maxVecs, 'options.maxVecs') === 0) return 0;
  const vecs = new VecList(segments, at, maxVecs, source);
  const taken = keepPages(segments, at, bytes, (page, from, size) => vecs.add(page, from, size), source);
  const over = taken % lengthAlignment;
  vecs.cut(over);
  stepBack(segments, at, over);
  if (taken === over) {
    at.set(segment, iovOffset, at.count, at.dropped);
    throw errors.invalidValue('options.lengthAlignment', `at most the ${taken} bytes that there are`, lengthAlignment);
  }
  for (const vec of vecs.list) into.push(vec);
  return taken - over;
}

function mustBeAlignment(value: number, name: string, most: number): void {
  if (!isPowerOfTwo(value) || value > most) throw errors.outOfRange(name, `a power of two up to ${most}`, value);
}

/** A Bvec that still grows. */
type Vec = { -readonly [Key in keyof Bvec]: Bvec[Key] };

/** Fragments become vectors: one that goes on where the last ended, in the same buffer, makes that longer. */
class VecList {
  readonly list: Vec[] = [];
  readonly #segments: Segments;
  readonly #at: Position;
  readonly #maxVecs: number;
  /** Null: the segments name their pages, and nothing was taken. */
  readonly #source: PageSource | null;
  readonly #page: Int32Array = new Int32Array(1);
  #buffer: ArrayBufferLike | undefined;

  constructor(segments: Segments, at: Position, maxVecs: number, source: PageSource) {
    this.#segments = segments;
    this.#at = at;
    this.#maxVecs = maxVecs;
    this.#source = segments.paged === null ? source : null;
  }

  /** False: there is no room, and the fragment is not taken. */
  add(page: number, from: number, size: number): boolean {
    const buffer = this.#segments.buffers[this.#at.segment];
    const last = this.list.at(-1);
    if (
      last !== undefined &&
      buffer === this.#buffer &&
      (page - last.page) * PAGE_SIZE + from === last.offset + last.length
    ) {
      last.length += size;
      // The same page again: a vector holds each of its pages once.
      if (from > 0) this.#put(page);
      return true;
    }
    if (this.list.length >= this.#maxVecs) return false;
    this.#buffer = buffer;
    this.list.push({ page, offset: from, length: size });
    return true;
  }

  /** Takes `bytes` off the tail, and puts back the pages that no byte is left of. */
  cut(bytes: number): void {
    for (let left = bytes, last = this.list.at(-1); left > 0 && last !== undefined; last = this.list.at(-1)) {
      let pages = Math.ceil((last.offset + last.length) / PAGE_SIZE);
      const less = Math.min(left, last.length);
      left -= less;
      last.length -= less;
      const kept = last.length === 0 ? 0 : Math.ceil((last.offset + last.length) / PAGE_SIZE);
      while (pages > kept) this.#put(last.page + --pages);
      if (last.length === 0) this.list.pop();
    }
  }

  #put(page: number): void {
    this.#page[0] = page;
    this.#source?.put(this.#page, 0, 1);
  }
}
