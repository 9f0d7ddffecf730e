// Writes XDR (RFC 4506) into one scratch buffer that is reused from call to call; payload is referred to, never copied.
import { assert } from '../../../base/assert.js';
import { TWO_32 } from '../../../base/integers.js';
import type { SegmentList } from '../../../plan/request.js';
import { encodeText, isEscaped } from './text.js';

/** Holds the head of any READ or WRITE call, AUTH_SYS with 16 groups and a handle of 128 bytes included. */
const FIRST_BYTES = 1024;

const UINT32_MAX = 0xffffffff;

/** Zeros that fill an opaque of so many bytes up to a multiple of four: RFC 4506 §3. */
export function paddingOf(bytes: number): number {
  return (4 - (bytes % 4)) % 4;
}

/**
 * What is written must be in range: values that come from outside are checked where they come in.
 *
 *      | head: bytes | payload: segments, by reference | padding |
 */
export class XdrWriter {
  /** Memory of the payload, if there is one. */
  payloadSegments: SegmentList | null = null;
  payloadBytes = 0;
  #scratch: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;

  reset(): void {
    this.truncate(0);
  }

  /** Forgets everything from byte `at` of the head on, the payload included. */
  truncate(at: number): void {
    assert(at <= this.#at, 'a writer is cut within what was written');
    this.#at = at;
    this.payloadSegments = null;
    this.payloadBytes = 0;
  }

  /** All that was written, but the payload and its padding: valid until the next reset. */
  get bytes(): Uint8Array {
    return this.#scratch.subarray(0, this.#at);
  }

  get headBytes(): number {
    return this.#at;
  }

  /** With payload and padding. */
  get length(): number {
    return this.#at + this.payloadBytes + paddingOf(this.payloadBytes);
  }

  /** Makes room for `bytes` more and says where they go. */
  #take(bytes: number): number {
    assert(this.payloadSegments === null, 'a payload is the last thing written');
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

  #put(at: number, value: number): void {
    const scratch = this.#scratch;
    scratch[at] = value >>> 24;
    scratch[at + 1] = value >>> 16;
    scratch[at + 2] = value >>> 8;
    scratch[at + 3] = value;
  }

  u32(value: number): void {
    assert(value >= 0 && value <= UINT32_MAX && Number.isInteger(value), 'an unsigned word is 0 … 2^32−1');
    this.#put(this.#take(4), value);
  }

  i32(value: number): void {
    assert(value === (value | 0), 'a signed word is −2^31 … 2^31−1');
    this.#put(this.#take(4), value);
  }

  u64(value: number | bigint): void {
    const at = this.#take(8);
    if (typeof value === 'bigint') {
      assert(BigInt.asUintN(64, value) === value, 'an unsigned hyper is 0 … 2^64−1');
      this.#scratch.writeBigUInt64BE(value, at);
      return;
    }
    assert(value >= 0 && Number.isSafeInteger(value), 'a number on the wire is 0 … 2^53−1');
    this.#put(at, Math.floor(value / TWO_32));
    this.#put(at + 4, value);
  }

  i64(value: bigint): void {
    assert(BigInt.asIntN(64, value) === value, 'a signed hyper is −2^63 … 2^63−1');
    this.#scratch.writeBigInt64BE(value, this.#take(8));
  }

  bool(value: boolean): void {
    this.#put(this.#take(4), value ? 1 : 0);
  }

  /** opaque[n]: the length is known to both sides. */
  fixed(bytes: Uint8Array): void {
    const at = this.#take(bytes.length + paddingOf(bytes.length));
    this.#scratch.set(bytes, at);
    this.#scratch.fill(0, at + bytes.length, this.#at);
  }

  /** opaque<>: with its length. */
  opaque(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.fixed(bytes);
  }

  /** As UTF-8, or as the bytes that a reader's `string` was. */
  string(text: string): void {
    if (isEscaped(text)) {
      this.opaque(encodeText(text));
      return;
    }
    const length = Buffer.byteLength(text);
    this.u32(length);
    const at = this.#take(length + paddingOf(length));
    this.#scratch.write(text, at);
    this.#scratch.fill(0, at + length, this.#at);
  }

  /** opaque<> whose bytes are the first `bytes` of the segments, by reference. The last thing that may be written. */
  payload(segments: SegmentList, bytes: number): void {
    this.u32(bytes);
    this.payloadSegments = segments;
    this.payloadBytes = bytes;
  }

  /** A word that is patched later. */
  reserveU32(): number {
    return this.#take(4);
  }

  patchU32(at: number, value: number): void {
    assert(at + 4 <= this.#at, 'a word is patched within what was written');
    this.#put(at, value);
  }
}
