// A PageSource for where there are no addresses to be had, as in a browser: each ArrayBuffer starts a page.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { PAGE_SIZE } from '../base/integers.js';
import type { PageSource } from './page-source.js';

/** Page numbers are held in Int32Arrays. */
const PAGES_MAX = 2 ** 31;

/** A buffer, and the numbers first … first+span−1 that its pages have while one of them is held. */
interface Numbered {
  readonly buffer: ArrayBufferLike;
  first: number;
  readonly span: number;
  /** How often each page is held. */
  pins: Uint32Array;
  /** The sum of pins. */
  held: number;
}

/**
 * A buffer has numbers while one of its pages is held, and loses them with the last: nothing is kept alive that nobody
 * holds, and numbers do not run out.
 */
export class PortablePages implements PageSource {
  /** Also of buffers of which nothing is held now, so that walking one again makes nothing new. */
  readonly #byBuffer = new WeakMap<ArrayBufferLike, Numbered>();
  /** Those of which a page is held, sorted by `first`. */
  readonly #sorted: Numbered[] = [];
  #next = 0;
  #held = 0;

  /** How many pages are held, each as often as it was taken. */
  get held(): number {
    return this.#held;
  }

  offsetInPage(_buffer: ArrayBufferLike): number {
    return 0;
  }

  get(
    buffer: ArrayBufferLike,
    byteOffset: number,
    length: number,
    pages: Int32Array,
    at: number,
    maxPages: number,
  ): number {
    assert(byteOffset >= 0 && length > 0 && maxPages > 0, 'at least one page is asked for');
    if (byteOffset + length > buffer.byteLength)
      throw errors.make('ERR_DIORITE_DETACHED', 'Pages were asked of memory that is gone');
    const numbered = this.#byBuffer.get(buffer) ?? this.#know(buffer);
    if (numbered.held === 0) this.#number(numbered);
    const firstPage = Math.floor(byteOffset / PAGE_SIZE);
    const count = Math.min(maxPages, Math.ceil((byteOffset + length) / PAGE_SIZE) - firstPage);
    if (firstPage + count > numbered.pins.length) growPins(numbered);
    for (let page = firstPage; page < firstPage + count; page++) {
      numbered.pins[page] = pinsOf(numbered, page) + 1;
      pages[at + page - firstPage] = numbered.first + page;
    }
    numbered.held += count;
    this.#held += count;
    return count;
  }

  put(pages: Int32Array, at: number, count: number): void {
    for (let i = at; i < at + count; i++) {
      const number = pages[i];
      assert(number !== undefined, 'pages are put back from within their array');
      const numbered = this.#numberedBy(number);
      const page = number - numbered.first;
      const pins = pinsOf(numbered, page);
      assert(pins > 0, 'a page is put back once for each time that it was taken');
      numbered.pins[page] = pins - 1;
      numbered.held--;
      this.#held--;
      if (numbered.held === 0) this.#sorted.splice(this.#indexAfter(numbered.first) - 1, 1);
    }
  }

  viewOf(page: number, from: number, size: number): Uint8Array {
    assert(from >= 0 && size >= 0 && from + size <= PAGE_SIZE, 'a fragment lies within its page');
    const numbered = this.#numberedBy(page);
    const index = page - numbered.first;
    assert(pinsOf(numbered, index) > 0, 'a page is looked at while it is held');
    const byteOffset = index * PAGE_SIZE + from;
    if (byteOffset + size > numbered.buffer.byteLength)
      throw errors.make('ERR_DIORITE_DETACHED', 'A page was looked at whose memory is gone');
    return new Uint8Array(numbered.buffer, byteOffset, size);
  }

  #know(buffer: ArrayBufferLike): Numbered {
    const span = Math.ceil(mostBytes(buffer) / PAGE_SIZE);
    const pins = new Uint32Array(Math.ceil(buffer.byteLength / PAGE_SIZE));
    const numbered: Numbered = { buffer, first: this.#next, span, pins, held: 0 };
    this.#byBuffer.set(buffer, numbered);
    return numbered;
  }

  /** The numbers that it had last, where they are free. */
  #number(numbered: Numbered): void {
    const first = this.#freeNumbers(numbered.span, numbered.first) ?? this.#freeNumbers(numbered.span, 0);
    if (first === undefined)
      throw errors.make('ERR_DIORITE_UNSUPPORTED', 'More memory is held than pages can be numbered');
    numbered.first = first;
    this.#next = first + numbered.span;
    this.#sorted.splice(this.#indexAfter(first), 0, numbered);
  }

  /** The first of `span` free numbers in a row, none below `from`. */
  #freeNumbers(span: number, from: number): number | undefined {
    for (let index = this.#indexAfter(from); index <= this.#sorted.length; index++) {
      const start = Math.max(from, index > 0 ? endOf(this.#sorted[index - 1]) : 0);
      if (start + span <= (this.#sorted[index]?.first ?? PAGES_MAX)) return start;
    }
    return undefined;
  }

  /** How many entries have a `first` of at most `number`. */
  #indexAfter(number: number): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sorted[middle]?.first ?? PAGES_MAX) <= number) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #numberedBy(page: number): Numbered {
    const numbered = this.#sorted[this.#indexAfter(page) - 1];
    assert(numbered !== undefined && page < endOf(numbered), 'a page number is of a page that is held');
    return numbered;
  }
}

function endOf(numbered: Numbered | undefined): number {
  assert(numbered !== undefined, 'an index lies within its list');
  return numbered.first + numbered.span;
}

function pinsOf(numbered: Numbered, page: number): number {
  return numbered.pins[page] ?? 0;
}

/** A resizable buffer may grow while it is held: its numbers cover what it may become. */
function mostBytes(buffer: ArrayBufferLike): number {
  // ES2024: newer than the types, and not in every host.
  if ('maxByteLength' in buffer && typeof buffer.maxByteLength === 'number') return buffer.maxByteLength;
  return buffer.byteLength;
}

function growPins(numbered: Numbered): void {
  const pins = new Uint32Array(Math.ceil(numbered.buffer.byteLength / PAGE_SIZE));
  pins.set(numbered.pins);
  numbered.pins = pins;
}
