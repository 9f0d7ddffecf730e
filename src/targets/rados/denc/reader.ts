// Reads Ceph's little-endian encoding (doc/dev/encoding): nothing is believed, and nothing allocated, before it is known to be there.
import { assert } from '../../../base/assert.js';
import { TWO_32 } from '../../../base/integers.js';
import { DencError } from './error.js';

/** The upper word of 2^53: a number holds what is below. */
const UPPER_WORD_LIMIT = 0x200000;

/** Structures within structures: nothing that Ceph sends goes deeper than ten. */
const DEPTH_MAX = 32;

/** A versioned structure that is being read. */
interface Scope {
  readonly what: string;
  /** Where what surrounds it ends. */
  readonly outerEnd: number;
}

/**
 * Over one Uint8Array, from `reset` to `reset`. Every view that it gives is into that array: what is kept longer than
 * the array's owner keeps it is copied.
 *
 *      | v u8 | compat u8 | len u32 | fields that we know ····· | fields of later versions ····· | what follows
 *      enter ─────────────────────▶                              leave ─────────────────────────▶
 */
export class DencReader {
  #bytes: Uint8Array;
  #view: DataView;
  #what: string;
  #at = 0;
  #end: number;
  readonly #scopes: Scope[] = [];

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
    this.#end = bytes.length;
  }

  reset(bytes: Uint8Array, what: string): this {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
    this.#at = 0;
    this.#end = bytes.length;
    this.#scopes.length = 0;
    return this;
  }

  /** Of the innermost structure. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** How many bytes were read. */
  get offset(): number {
    return this.#at;
  }

  /** What is being read, for messages: outermost first. */
  get what(): string {
    return [this.#what, ...this.#scopes.map((scope) => scope.what)].join(', ');
  }

  /** To be thrown by whoever finds a value that cannot be. */
  error(problem: string): DencError {
    return new DencError(this.what, problem);
  }

  /** Steps over `bytes` and says where they begin. */
  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#end - at) throw this.error(`${bytes} bytes are due and ${this.#end - at} are there`);
    this.#at = at + bytes;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }

  s16(): number {
    return this.#view.getInt16(this.#take(2), true);
  }

  s32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  s64(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }

  f32(): number {
    return this.#view.getFloat32(this.#take(4), true);
  }

  /** u64, which is a length or an offset: refused above 2^53−1. */
  size(): number {
    const at = this.#take(8);
    const upper = this.#view.getUint32(at + 4, true);
    if (upper >= UPPER_WORD_LIMIT) throw this.error('a number is above 2^53−1');
    return upper * TWO_32 + this.#view.getUint32(at, true);
  }

  /** Any byte but 0 is true: old encoders wrote what they had. */
  bool(): boolean {
    return this.u8() !== 0;
  }

  /** A view. */
  bytes(length: number): Uint8Array {
    assert(length >= 0, 'a length is no less than 0');
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** u32 length, then so many bytes: a view. */
  blob(maxBytes: number = Number.POSITIVE_INFINITY): Uint8Array {
    return this.bytes(this.#length(maxBytes));
  }

  /** As UTF-8: bytes that are none become U+FFFD. */
  string(maxBytes: number): string {
    const length = this.#length(maxBytes);
    const at = this.#take(length);
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + at, length).toString();
  }

  /** u32 count of what follows, each of at least `minBytesEach`: all of it can be there. */
  list(maxCount: number, minBytesEach: number): number {
    assert(minBytesEach > 0, 'what is counted takes room');
    const count = this.u32();
    if (count > maxCount) throw this.error(`a count is ${count}, and at most ${maxCount} is allowed`);
    if (count * minBytesEach > this.remaining)
      throw this.error(`a count is ${count}, and ${this.remaining} bytes are there`);
    return count;
  }

  skip(bytes: number): void {
    assert(bytes >= 0, 'nothing is read twice');
    this.#take(bytes);
  }

  /** Into a versioned structure; gives its version. One that asks for a decoder above `maxCompat` is refused. */
  enter(what: string, maxCompat: number): number {
    if (this.#scopes.length >= DEPTH_MAX) throw this.error(`structures go deeper than ${DEPTH_MAX}`);
    const version = this.u8();
    const compat = this.u8();
    const length = this.u32();
    if (compat > maxCompat)
      throw this.error(
        `${what} of version ${version} asks for a decoder of version ${compat}, and this is ${maxCompat}`,
      );
    if (length > this.remaining) throw this.error(`${what} has ${length} bytes and ${this.remaining} are there`);
    this.#scopes.push({ what, outerEnd: this.#end });
    this.#end = this.#at + length;
    return version;
  }

  /** Out of the innermost structure, over what a later version put at its end. */
  leave(): void {
    const scope = this.#scopes.pop();
    assert(scope !== undefined, 'each leave has its enter');
    this.#at = this.#end;
    this.#end = scope.outerEnd;
  }

  /** Throws unless all was read. */
  end(): void {
    assert(this.#scopes.length === 0, 'each enter has its leave');
    if (this.remaining > 0) throw this.error(`${this.remaining} bytes follow the end`);
  }

  #length(maxBytes: number): number {
    const length = this.u32();
    if (length > maxBytes) throw this.error(`a length is ${length}, and at most ${maxBytes} is allowed`);
    return length;
  }
}
