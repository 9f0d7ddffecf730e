// Reads XDR (RFC 4506) out of received bytes: nothing is believed, and nothing allocated, before it is known to be there.
import { TWO_32 } from '../../../base/integers.js';
import { decodeText } from './text.js';
import { paddingOf } from './writer.js';

/** The bytes are not what the protocol says. Whoever decodes turns it into EIO: "the server's answer makes no sense". */
export class XdrError extends Error {
  override readonly name = 'XdrError';
}

const EMPTY = new Uint8Array(0);
/** The upper word of 2^53: a number holds what is below. */
const UPPER_WORD_LIMIT = 0x200000;

/**
 * Over a part of one Uint8Array. Views that it gives are into the connection's own buffer, which the next reply
 * overwrites: what is kept is copied.
 */
export class XdrReader {
  #bytes: Uint8Array = EMPTY;
  #from = 0;
  #at = 0;
  #end = 0;

  constructor(bytes: Uint8Array = EMPTY) {
    this.reset(bytes);
  }

  reset(bytes: Uint8Array, from = 0, to: number = bytes.length): void {
    this.#bytes = bytes;
    this.#from = from;
    this.#at = from;
    this.#end = to;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  /** How many bytes were read. */
  get offset(): number {
    return this.#at - this.#from;
  }

  /** Steps over `bytes` and says where they begin. */
  #take(bytes: number): number {
    const at = this.#at;
    if (bytes > this.#end - at) throw new XdrError(`${bytes} bytes are due and ${this.#end - at} are there`);
    this.#at = at + bytes;
    return at;
  }

  i32(): number {
    const at = this.#take(4);
    const bytes = this.#bytes;
    return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
  }

  u32(): number {
    return this.i32() >>> 0;
  }

  u64(): bigint {
    const upper = this.u32();
    return (BigInt(upper) << 32n) | BigInt(this.u32());
  }

  i64(): bigint {
    return BigInt.asIntN(64, this.u64());
  }

  /** An XdrError above 2^53−1. */
  u64Number(): number {
    const upper = this.u32();
    const lower = this.u32();
    if (upper >= UPPER_WORD_LIMIT) throw new XdrError('a number is above 2^53−1');
    return upper * TWO_32 + lower;
  }

  bool(): boolean {
    const value = this.u32();
    if (value > 1) throw new XdrError(`a truth value is ${value}`);
    return value === 1;
  }

  /** opaque[n]: a view. */
  fixed(bytes: number): Uint8Array {
    const at = this.#take(bytes);
    this.#take(paddingOf(bytes));
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, bytes);
  }

  /** opaque<max>: a view. */
  opaque(max: number): Uint8Array {
    return this.fixed(this.#length(max));
  }

  /** opaque<max>: a copy, to be kept. */
  opaqueCopy(max: number): Uint8Array {
    return this.opaque(max).slice();
  }

  /** Of at most `max` bytes, as UTF-8; a writer's `string` gives the same bytes, whatever they are. */
  string(max: number): string {
    return decodeText(this.opaque(max));
  }

  skip(bytes: number): void {
    this.#take(bytes);
  }

  /** Throws unless all was read. */
  end(): void {
    if (this.remaining > 0) throw new XdrError(`${this.remaining} bytes follow the end`);
  }

  #length(max: number): number {
    const length = this.u32();
    if (length > max) throw new XdrError(`a length is ${length}, and at most ${max} is allowed`);
    return length;
  }
}
