// Writes Ceph's little-endian encoding (doc/dev/encoding) into one buffer that grows and is reused.
import { assert } from '../../../base/assert.js';
import { TWO_32 } from '../../../base/integers.js';

/** Holds the front of a usual MOSDOp. */
const FIRST_BYTES = 512;

/** version u8, compat u8, length u32. */
const LENGTH_AT = 2;
const HEADER_BYTES = 6;

/** What is written must be in range: values that come from outside are checked where they come in. */
export class DencWriter {
  #scratch: Buffer;
  #at = 0;
  /** Where the structures that are being written begin. */
  readonly #scopes: number[] = [];

  constructor(firstBytes: number = FIRST_BYTES) {
    this.#scratch = Buffer.allocUnsafeSlow(firstBytes);
  }

  reset(): this {
    this.#at = 0;
    this.#scopes.length = 0;
    return this;
  }

  get length(): number {
    return this.#at;
  }

  /** All that was written: a view, valid until the next write or reset. */
  get bytes(): Buffer {
    assert(this.#scopes.length === 0, 'each enter has its leave');
    return this.#scratch.subarray(0, this.#at);
  }

  /** A copy of all that was written. */
  copy(): Buffer {
    return Buffer.from(this.bytes);
  }

  /** Makes room for `bytes` more and says where they go. */
  #take(bytes: number): number {
    const at = this.#at;
    const end = at + bytes;
    if (end > this.#scratch.length) this.#grow(end);
    this.#at = end;
    return at;
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(bytes, 2 * this.#scratch.length));
    larger.set(this.#scratch.subarray(0, this.#at));
    this.#scratch = larger;
  }

  // A Buffer's own writers throw where a value is out of range: that is the assertion.

  u8(value: number): void {
    const at = this.#take(1);
    this.#scratch.writeUInt8(value, at);
  }

  u16(value: number): void {
    const at = this.#take(2);
    this.#scratch.writeUInt16LE(value, at);
  }

  u32(value: number): void {
    const at = this.#take(4);
    this.#scratch.writeUInt32LE(value, at);
  }

  u64(value: bigint): void {
    const at = this.#take(8);
    this.#scratch.writeBigUInt64LE(value, at);
  }

  s16(value: number): void {
    const at = this.#take(2);
    this.#scratch.writeInt16LE(value, at);
  }

  s32(value: number): void {
    const at = this.#take(4);
    this.#scratch.writeInt32LE(value, at);
  }

  s64(value: bigint): void {
    const at = this.#take(8);
    this.#scratch.writeBigInt64LE(value, at);
  }

  /** u64 from a number: a length or an offset. */
  size(value: number): void {
    assert(value >= 0 && Number.isSafeInteger(value), 'a size on the wire is 0 … 2^53−1');
    const at = this.#take(8);
    this.#scratch.writeUInt32LE(value % TWO_32, at);
    this.#scratch.writeUInt32LE(Math.floor(value / TWO_32), at + 4);
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  /** As they are: the length is known to both sides. */
  raw(bytes: Uint8Array): void {
    const at = this.#take(bytes.length);
    this.#scratch.set(bytes, at);
  }

  zeros(bytes: number): void {
    const at = this.#take(bytes);
    this.#scratch.fill(0, at, this.#at);
  }

  /** u32 length, then the bytes. */
  blob(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.raw(bytes);
  }

  /** As UTF-8. */
  string(text: string): void {
    const length = Buffer.byteLength(text);
    this.u32(length);
    const at = this.#take(length);
    this.#scratch.write(text, at);
  }

  /** Begins a versioned structure, whose length `leave` puts in. */
  enter(version: number, compat: number): void {
    this.#scopes.push(this.#at);
    this.u8(version);
    this.u8(compat);
    this.u32(0);
  }

  leave(): void {
    const start = this.#scopes.pop();
    assert(start !== undefined, 'each leave has its enter');
    this.#scratch.writeUInt32LE(this.#at - start - HEADER_BYTES, start + LENGTH_AT);
  }

  /** A word that `patchU32` fills in later. */
  reserveU32(): number {
    return this.#take(4);
  }

  patchU32(at: number, value: number): void {
    assert(at >= 0 && at + 4 <= this.#at, 'a word is patched within what was written');
    this.#scratch.writeUInt32LE(value, at);
  }
}
