// A struct msghdr with its iovecs, in mapped memory: written here, piece by piece, and read by the kernel.
import { assert } from '../../base/assert.js';
import { TWO_32 } from '../../base/integers.js';
import { memoryGone } from '../../iter/segments.js';
import type { Addon } from '../../memory/addon.js';
import { type AddressOf, IOVEC_BYTES, IOVEC_WORDS } from '../file/engines/iovecs.js';
import type { Pieces } from './transport.js';

/** UIO_MAXIOV: what one call takes. */
const PIECES_PER_CALL = 1024;

/** struct msghdr of 64-bit Linux: name, its length, iovecs, their number, control, its length, flags. */
const MSGHDR_WORDS = 16;
const MSG_IOV = 4;
const MSG_IOVLEN = 6;

/**
 *      [ msghdr | sent already | first … | … count ]      what is left is named to the kernel again
 *
 * The memory itself is kept by whoever named it, until the kernel is done.
 */
export class MessageVector implements Pieces {
  /** In the memory that it names and that has not moved yet. */
  bytes = 0;
  /** Of the msghdr. */
  readonly address: number;
  readonly #what: string;
  readonly #max: number;
  readonly #words: Uint32Array;
  readonly #addressOf: AddressOf;
  readonly #release: () => void;
  #first = 0;
  #count = 0;
  /** `put` takes no more than this. */
  #bytesMax = Number.POSITIVE_INFINITY;
  /** The buffer of the last piece: neighbours come from the same few, and asking each time costs a look-up. */
  #buffer: ArrayBufferLike | null = null;
  #base = 0;
  #length = 0;

  /** `what` the memory is in use for, should it be gone. Throws where there is no memory. */
  constructor(what: string, max: number, addon: Addon, addressOf: AddressOf) {
    this.#what = what;
    this.#max = max;
    this.#addressOf = addressOf;
    const { buffer, handle } = addon.regionCreate(MSGHDR_WORDS * 4 + max * IOVEC_BYTES);
    this.#words = new Uint32Array(buffer);
    this.address = addon.addressOf(buffer);
    this.#release = () => {
      addon.regionDetach(buffer);
      addon.regionRelease(handle);
    };
  }

  /** Unmaps it. Nothing of it is in flight. */
  release(): void {
    this.#buffer = null;
    this.#release();
  }

  /** Empty, with room for `reserved` pieces before the others. */
  clear(reserved = 0, bytesMax: number = Number.POSITIVE_INFINITY): void {
    this.bytes = 0;
    this.#first = 0;
    this.#count = reserved;
    this.#bytesMax = bytesMax;
    this.#buffer = null;
  }

  put(buffer: ArrayBufferLike, byteOffset: number, length: number): boolean {
    if (this.#count === this.#max || this.bytes >= this.#bytesMax) return false;
    const address = this.#addressIn(buffer, byteOffset, length);
    if (Number.isNaN(address)) return false;
    this.#write(this.#count++, address, length);
    this.bytes += length;
    return true;
  }

  /** Fills a place that was reserved. False: it cannot be reached. */
  set(index: number, { buffer, byteOffset, length }: Uint8Array): boolean {
    const address = this.#addressIn(buffer, byteOffset, length);
    if (Number.isNaN(address)) return false;
    this.#write(index, address, length);
    this.bytes += length;
    return true;
  }

  #addressIn(buffer: ArrayBufferLike, byteOffset: number, length: number): number {
    if (buffer !== this.#buffer) {
      this.#length = buffer.byteLength;
      this.#base = this.#addressOf(buffer);
      this.#buffer = buffer;
    }
    if (byteOffset + length > this.#length) throw memoryGone(this.#what);
    return this.#base + byteOffset;
  }

  #write(index: number, address: number, length: number): void {
    const words = this.#words;
    const word = MSGHDR_WORDS + index * IOVEC_WORDS;
    words[word] = address; // modulo 2^32
    words[word + 1] = Math.floor(address / TWO_32);
    words[word + 2] = length;
    words[word + 3] = 0;
  }

  /** The first `bytes` have moved. */
  advance(bytes: number): void {
    assert(bytes <= this.bytes, 'no more moves than was named');
    const words = this.#words;
    this.bytes -= bytes;
    for (let rest = bytes; rest > 0; ) {
      const word = MSGHDR_WORDS + this.#first * IOVEC_WORDS;
      const length = words[word + 2] as number;
      if (rest < length) {
        const address = (words[word] as number) + (words[word + 1] as number) * TWO_32;
        this.#write(this.#first, address + rest, length - rest);
        return;
      }
      rest -= length;
      this.#first++;
    }
  }

  /** Writes the msghdr of what is left, or of as much as one call takes. */
  seal(): void {
    const words = this.#words;
    const iovecs = this.address + (MSGHDR_WORDS + this.#first * IOVEC_WORDS) * 4;
    words.fill(0, 0, MSGHDR_WORDS);
    words[MSG_IOV] = iovecs; // modulo 2^32
    words[MSG_IOV + 1] = Math.floor(iovecs / TWO_32);
    words[MSG_IOVLEN] = Math.min(this.#count - this.#first, PIECES_PER_CALL);
    // A buffer may be gone when the next piece of it is put.
    this.#buffer = null;
  }
}
