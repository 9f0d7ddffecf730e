// Memory of an operation as the kernel wants it: addresses, and arrays of struct iovec.
import { TWO_32 } from '../../../base/integers.js';
import type { SegmentList } from '../../../plan/request.js';

/** MAX_RW_COUNT: the kernel moves at most this many bytes per call, and silently no more. */
export const MAX_OPERATION_BYTES = 0x7ffff000;
/** struct iovec: address low, high, length low, high. */
export const IOVEC_WORDS = 4;
export const IOVEC_BYTES = 16;

export type AddressOf = (buffer: ArrayBufferLike) => number;

/**
 * Writes the segments to `words` from index `at`. False: a buffer was detached or shrunk, so that there is no such memory
 * (EFAULT). Asked of the buffers each time: an address remembered from before a transfer belongs to somebody else now.
 */
export function writeIovecs(words: Uint32Array, at: number, segments: SegmentList, addressOf: AddressOf): boolean {
  let word = at;
  // Neighbours lie in the same few buffers, and nothing detaches one meanwhile.
  let last: ArrayBufferLike | null = null;
  let base = Number.NaN;
  let bytes = 0;
  for (let i = 0; i < segments.count; i++) {
    const buffer = segments.buffer[i];
    const length = segments.length[i] as number;
    const byteOffset = segments.byteOffset[i] as number;
    if (buffer === null || buffer === undefined) return false;
    if (buffer !== last) {
      last = buffer;
      bytes = buffer.byteLength;
      base = addressOf(buffer);
    }
    const address = base + byteOffset;
    if (byteOffset + length > bytes || !(address >= 0)) return false; // NaN: not known
    words[word] = address; // modulo 2^32
    words[word + 1] = Math.floor(address / TWO_32);
    words[word + 2] = length;
    words[word + 3] = 0; // no segment reaches 2^32 bytes: MAX_OPERATION_BYTES
    word += IOVEC_WORDS;
  }
  return true;
}

/** The one buffer that all segments lie in; null: there are several. */
export function soleBuffer({ buffer, count }: SegmentList): ArrayBufferLike | null {
  const first = buffer[0] ?? null;
  for (let i = 1; i < count; i++) if (buffer[i] !== first) return null;
  return first;
}
