// Memory of an operation as the kernel wants it: addresses, and arrays of struct iovec.
import type { SegmentList } from '../../../plan/request.js';

const TWO_32 = 2 ** 32;

/** MAX_RW_COUNT: the kernel moves at most this many bytes per call, and silently no more. */
export const MAX_OPERATION_BYTES = 0x7ffff000;
/** struct iovec: address low, high, length low, high. */
export const IOVEC_WORDS = 4;
export const IOVEC_BYTES = 16;

export type AddressOf = (buffer: ArrayBufferLike) => number;

/** The address of segment `i`, or −1: its buffer was detached or shrunk, so that there is no such memory (EFAULT). */
export function segmentAddress(segments: SegmentList, i: number, addressOf: AddressOf): number {
  const buffer = segments.buffer[i];
  const byteOffset = segments.byteOffset[i] as number;
  // Asked of the buffer itself each time: an address remembered from before a transfer belongs to somebody else now.
  if (buffer === null || buffer === undefined || byteOffset + (segments.length[i] as number) > buffer.byteLength)
    return -1;
  const address = addressOf(buffer);
  return address >= 0 ? address + byteOffset : -1; // NaN: not known
}

/** Writes the segments to `words` from index `at`. False: EFAULT, as above. */
export function writeIovecs(words: Uint32Array, at: number, segments: SegmentList, addressOf: AddressOf): boolean {
  let word = at;
  for (let i = 0; i < segments.count; i++) {
    const address = segmentAddress(segments, i, addressOf);
    if (address < 0) return false;
    words[word] = address; // modulo 2^32
    words[word + 1] = Math.floor(address / TWO_32);
    words[word + 2] = segments.length[i] as number;
    words[word + 3] = 0; // no segment reaches 2^32 bytes: MAX_OPERATION_BYTES
    word += IOVEC_WORDS;
  }
  return true;
}
