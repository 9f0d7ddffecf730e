// Numbers the pages of ArrayBuffers, and counts how often they are held: what every PageSource over buffers does.
import { assert } from './assert.js';
import { errors } from './errors.js';
import { PAGE_SIZE } from './integers.js';
import { PageNumbers } from './page-numbers.js';
import type { PageSource } from './page-source.js';

/** Where a buffer's first byte lies: its address (NaN: not known), and where in its page (−1: not known). */
export interface Place {
  readonly address: number;
  readonly inPage: number;
}

/** What is known of one buffer. Reached from the buffer, weakly, and from its page numbers while any page is pinned. */
interface Registration {
  readonly address: number;
  readonly inPage: number;
  /** Strong while pins > 0, so that what is pinned is not collected; null otherwise. */
  buffer: ArrayBufferLike | null;
  /** The number of its first page; −1 while nothing is pinned. */
  firstPage: number;
  /** How many pages are taken, each as often as it was taken. */
  pins: number;
}

const PUT_ONCE = 'a page is put back once for each time that it was taken';

/**
 * A buffer has page numbers while at least one of its pages is pinned, and is held strongly so long: nothing is kept
 * alive that nobody holds, and numbers do not run out.
 */
export class BufferPages implements PageSource {
  readonly #registrations = new WeakMap<ArrayBufferLike, Registration>();
  readonly #numbers = new PageNumbers<Registration>();
  readonly #placeOf: (buffer: ArrayBufferLike) => Place;
  #held = 0;

  /** `placeOf` is asked once per buffer: it never moves, save by detaching, which shows as length 0. */
  constructor(placeOf: (buffer: ArrayBufferLike) => Place) {
    this.#placeOf = placeOf;
  }

  /** Pages that are pinned now, each as often as it was taken. Zero between operations. */
  get held(): number {
    return this.#held;
  }

  /** Where the first byte of the buffer lies in memory, or NaN where that is not known; so of empty and detached ones. */
  addressOf(buffer: ArrayBufferLike): number {
    if (buffer.byteLength === 0) return Number.NaN;
    return (this.#registrations.get(buffer) ?? this.#register(buffer)).address;
  }

  offsetInPage(buffer: ArrayBufferLike): number {
    if (buffer.byteLength === 0) return -1;
    return (this.#registrations.get(buffer) ?? this.#register(buffer)).inPage;
  }

  get(
    buffer: ArrayBufferLike,
    byteOffset: number,
    length: number,
    pages: Int32Array,
    at: number,
    maxPages: number,
  ): number {
    assert(length > 0 && byteOffset >= 0, 'pages are taken of bytes');
    assert(maxPages > 0 && at >= 0 && at + maxPages <= pages.length, 'there is room for what is asked');
    const registration = this.#usable(buffer, byteOffset + length);
    const begin = registration.inPage + byteOffset;
    const first = Math.floor(begin / PAGE_SIZE);
    const count = Math.min(Math.floor((begin + length - 1) / PAGE_SIZE) - first + 1, maxPages);
    if (registration.pins === 0) this.#open(registration, buffer);
    registration.pins += count;
    this.#held += count;
    const number = registration.firstPage + first;
    for (let i = 0; i < count; i++) pages[at + i] = number + i;
    return count;
  }

  hold(buffer: ArrayBufferLike): number {
    const registration = this.#usable(buffer, 1);
    if (registration.pins === 0) this.#open(registration, buffer);
    registration.pins++;
    this.#held++;
    return registration.firstPage;
  }

  release(buffer: ArrayBufferLike): void {
    const registration = this.#registrations.get(buffer);
    assert(registration !== undefined && registration.pins > 0, PUT_ONCE);
    this.#held--;
    if (--registration.pins === 0) this.#close(registration);
  }

  put(pages: Int32Array, at: number, count: number): void {
    assert(at >= 0 && at + count <= pages.length, 'the pages put back lie in the array');
    for (let i = at; i < at + count; i++) {
      const registration = this.#numbers.ownerOf(pages[i] ?? -1);
      assert(registration !== undefined, PUT_ONCE);
      this.#held--;
      if (--registration.pins === 0) this.#close(registration);
    }
  }

  viewOf(page: number, from: number, size: number): Uint8Array {
    const registration = this.#numbers.ownerOf(page);
    assert(registration?.buffer != null, 'only pages that are held can be seen');
    assert(from >= 0 && size >= 0 && from + size <= PAGE_SIZE, 'a fragment lies in its page');
    const { buffer, firstPage, inPage } = registration;
    const byteOffset = (page - firstPage) * PAGE_SIZE + from - inPage;
    if (byteOffset + size > buffer.byteLength) throw gone();
    return new Uint8Array(buffer, byteOffset, size);
  }

  /** The registration of memory that reaches to `end` and has pages. */
  #usable(buffer: ArrayBufferLike, end: number): Registration {
    if (end > buffer.byteLength) throw gone();
    const registration = this.#registrations.get(buffer) ?? this.#register(buffer);
    if (registration.inPage < 0)
      throw errors.make('ERR_DIORITE_UNSUPPORTED', 'Pages were asked of memory whose address is not known');
    return registration;
  }

  #register(buffer: ArrayBufferLike): Registration {
    const { address, inPage } = this.#placeOf(buffer);
    // `| 0`, here and below: V8 then keeps these as small integers, not as doubles.
    const registration: Registration = { address, inPage: inPage | 0, buffer: null, firstPage: -1, pins: 0 };
    this.#registrations.set(buffer, registration);
    return registration;
  }

  #open(registration: Registration, buffer: ArrayBufferLike): void {
    const pages = Math.ceil((registration.inPage + mostBytes(buffer)) / PAGE_SIZE);
    registration.firstPage = this.#numbers.take(pages, registration) | 0;
    registration.buffer = buffer;
  }

  #close(registration: Registration): void {
    this.#numbers.free(registration.firstPage);
    registration.firstPage = -1;
    registration.buffer = null;
  }
}

function gone(): Error {
  return errors.make('ERR_DIORITE_DETACHED', 'Pages were asked of memory that was transferred, detached or shrunk');
}

/** A resizable buffer may grow while it is held: its numbers cover what it may become. */
function mostBytes(buffer: ArrayBufferLike): number {
  // ES2024: newer than the types, and not in every host.
  if ('maxByteLength' in buffer && typeof buffer.maxByteLength === 'number') return buffer.maxByteLength;
  return buffer.byteLength;
}
