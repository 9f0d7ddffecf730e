// The host's PageSource: page numbers for any ArrayBuffer, real addresses from the addon, counted pins.
import { isSharedArrayBuffer } from 'node:util/types';
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { PAGE_SIZE } from '../base/integers.js';
import type { PageSource } from '../iter/page-source.js';
import { loadAddon } from './addon.js';
import { PageNumbers } from './page-numbers.js';
import { portableRegionsAligned, regionOf } from './region.js';

/** What is known of one buffer. Reached from the buffer, weakly, and from its page numbers while any page is pinned. */
interface Registration {
  /** NaN: not known. */
  readonly address: number;
  /** address % PAGE_SIZE; −1: not known. */
  readonly inPage: number;
  /** Strong while pins > 0, so that what is pinned is not collected; null otherwise. */
  buffer: ArrayBufferLike | null;
  /** The number of its first page; −1 while nothing is pinned. */
  firstPage: number;
  /** How many pages are taken, each as often as it was taken. */
  pins: number;
}

let host: HostPages | undefined;

/** This isolate's. */
export function hostPages(): HostPages {
  host ??= new HostPages();
  return host;
}

/**
 * A buffer has page numbers while at least one of its pages is pinned, and is held strongly so long.
 * The address is asked once per buffer: it never moves, save by detaching, which shows as length 0.
 */
export class HostPages implements PageSource {
  readonly #registrations = new WeakMap<ArrayBufferLike, Registration>();
  readonly #numbers = new PageNumbers<Registration>();
  #held = 0;

  /** Pages that are pinned now, each as often as it was taken. Zero between operations. */
  get held(): number {
    return this.#held;
  }

  /**
   * Where the first byte of the buffer lies in memory, or NaN where that is not known: without the addon, of an empty or
   * detached buffer, and of resizable and shared ones that are not the library's own, which somebody may shrink or
   * rewrite while the kernel uses them.
   */
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
    const { inPage } = registration;
    const first = Math.floor((inPage + byteOffset) / PAGE_SIZE);
    const last = Math.floor((inPage + byteOffset + length - 1) / PAGE_SIZE);
    const count = Math.min(last - first + 1, maxPages);
    if (registration.pins === 0) this.#open(registration, buffer);
    registration.pins += count;
    this.#held += count;
    const number = registration.firstPage + first;
    for (let i = 0; i < count; i++) pages[at + i] = number + i;
    return count;
  }

  put(pages: Int32Array, at: number, count: number): void {
    assert(at >= 0 && at + count <= pages.length, 'the pages put back lie in the array');
    for (let i = at; i < at + count; i++) {
      const registration = this.#numbers.ownerOf(pages[i] ?? -1);
      assert(registration !== undefined, 'a page is put back once for each time that it was taken');
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

  #register(buffer: ArrayBufferLike): Registration {
    const address = addressIn(buffer);
    const inPage = Number.isNaN(address) ? inPageOfPortable(buffer) : address % PAGE_SIZE;
    const registration: Registration = { address, inPage, buffer: null, firstPage: -1, pins: 0 };
    this.#registrations.set(buffer, registration);
    return registration;
  }

  /** The registration of memory that reaches to `end` and has pages. */
  #usable(buffer: ArrayBufferLike, end: number): Registration {
    if (end > buffer.byteLength) throw gone();
    const registration = this.#registrations.get(buffer) ?? this.#register(buffer);
    if (registration.inPage < 0)
      throw errors.make('ERR_DIORITE_UNSUPPORTED', 'Pages were asked of memory whose address is not known');
    return registration;
  }

  #open(registration: Registration, buffer: ArrayBufferLike): void {
    const pages = Math.ceil((registration.inPage + buffer.byteLength) / PAGE_SIZE);
    registration.firstPage = this.#numbers.take(pages, registration);
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

function mayChange(buffer: ArrayBufferLike): boolean {
  // ES2024: in every Node that this runs on, not in the types.
  return isSharedArrayBuffer(buffer) || ('resizable' in buffer && buffer.resizable === true);
}

function addressIn(buffer: ArrayBufferLike): number {
  const addon = loadAddon();
  if (addon === null) return Number.NaN;
  if (mayChange(buffer) && regionOf(buffer) === undefined) return Number.NaN;
  return addon.addressOf(buffer);
}

/** Without addresses, only the library's own regions are known to start a page. */
function inPageOfPortable(buffer: ArrayBufferLike): number {
  return regionOf(buffer) !== undefined && portableRegionsAligned() !== false ? 0 : -1;
}
