// A page source for tests: it counts what it gives and gets back, gives short batches, and fails at the page it is told.
import assert from 'node:assert/strict';
import { PAGE_SIZE } from '../../src/base/integers.js';
import type { PageSource } from '../../src/iter/page-source.js';

export interface FakePagesOptions {
  /** The most pages that one `get` gives. */
  batchMax?: number;
  /** The page, counted over all calls from 0, that cannot be had. */
  failAt?: number;
  /** Whether it can hold whole buffers, which walks then prefer. */
  holds?: boolean;
  /** Where in its page each buffer starts; 0 when left out. */
  offsetInPage?: (buffer: ArrayBufferLike) => number;
}

export class FakeFault extends Error {
  readonly code = 'EFAULT';
}

interface Numbered {
  readonly buffer: ArrayBufferLike;
  readonly first: number;
}

/** Buffers get numbers far apart, in the order in which they are first seen; a page keeps its number for good. */
const SPAN = 100_000;

export class FakePages implements PageSource {
  readonly #options: FakePagesOptions;
  readonly #numbered: Numbered[] = [];
  readonly #pins = new Map<number, number>();
  readonly #heldBuffers: ArrayBufferLike[] = [];
  readonly hold?: (buffer: ArrayBufferLike) => number;
  readonly release?: (buffer: ArrayBufferLike) => void;
  getCalls = 0;
  pagesTaken = 0;
  pagesPutBack = 0;

  constructor(options: FakePagesOptions = {}) {
    this.#options = options;
    if (options.holds !== true) return;
    this.hold = (buffer) => {
      this.#heldBuffers.push(buffer);
      this.pagesTaken++;
      return this.pageOf(buffer, 0);
    };
    this.release = (buffer) => {
      assert.ok(this.#heldBuffers.includes(buffer), 'a buffer is released once for each time that it was held');
      this.#heldBuffers.splice(this.#heldBuffers.indexOf(buffer), 1);
      this.pagesPutBack++;
    };
  }

  /** Pages that are held now, each as often as it was taken. */
  get held(): number {
    return this.pagesTaken - this.pagesPutBack;
  }

  offsetInPage(buffer: ArrayBufferLike): number {
    return this.#options.offsetInPage?.(buffer) ?? 0;
  }

  /** The number of the page that a byte of the buffer lies in. */
  pageOf(buffer: ArrayBufferLike, byteOffset: number): number {
    let numbered = this.#numbered.find((candidate) => candidate.buffer === buffer);
    if (numbered === undefined) {
      numbered = { buffer, first: (this.#numbered.length + 1) * SPAN };
      this.#numbered.push(numbered);
    }
    return numbered.first + Math.floor((this.offsetInPage(buffer) + byteOffset) / PAGE_SIZE);
  }

  get(
    buffer: ArrayBufferLike,
    byteOffset: number,
    length: number,
    pages: Int32Array,
    at: number,
    maxPages: number,
  ): number {
    this.getCalls++;
    assert.ok(length > 0 && maxPages > 0 && at + maxPages <= pages.length);
    assert.ok(byteOffset + length <= buffer.byteLength);
    const first = this.pageOf(buffer, byteOffset);
    const last = this.pageOf(buffer, byteOffset + length - 1);
    const { batchMax = Number.POSITIVE_INFINITY, failAt = Number.POSITIVE_INFINITY } = this.#options;
    const count = Math.min(last - first + 1, maxPages, batchMax, failAt - this.pagesTaken);
    if (count <= 0) throw new FakeFault('page cannot be had');
    for (let i = 0; i < count; i++) {
      pages[at + i] = first + i;
      this.#pins.set(first + i, (this.#pins.get(first + i) ?? 0) + 1);
    }
    this.pagesTaken += count;
    return count;
  }

  put(pages: Int32Array, at: number, count: number): void {
    for (let i = at; i < at + count; i++) {
      const page = pages[i] ?? -1;
      const pins = this.#pins.get(page) ?? 0;
      assert.ok(pins > 0, `page ${page} is put back more often than it was taken`);
      this.#pins.set(page, pins - 1);
    }
    this.pagesPutBack += count;
  }

  isHeld(page: number): boolean {
    if ((this.#pins.get(page) ?? 0) > 0) return true;
    return this.#heldBuffers.some((buffer) => page >= this.pageOf(buffer, 0) && page < this.pageOf(buffer, 0) + SPAN);
  }

  /** Of pages that are not held, too: bvecs name pages that somebody else holds. */
  viewOf(page: number, from: number, size: number): Uint8Array {
    assert.ok(from >= 0 && size > 0 && from + size <= PAGE_SIZE);
    const numbered = this.#numbered.find(({ first }) => page >= first && page < first + SPAN);
    assert.ok(numbered !== undefined, `page ${page} has a buffer`);
    const byteOffset = (page - numbered.first) * PAGE_SIZE + from - this.offsetInPage(numbered.buffer);
    return new Uint8Array(numbered.buffer, byteOffset, size);
  }
}
