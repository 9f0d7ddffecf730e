// Alignment arithmetic and the checks of integers that come from callers. Offsets are 0 … 2^53−1: no bit operators here.
import { errors } from './errors.js';

/** The page that memory and the page cache are counted in. x86-64 and most arm64 kernels (getconf PAGESIZE). */
export const PAGE_SIZE = 4096;
/** Numbers beyond it are written as two words. */
export const TWO_32: number = 2 ** 32;

export function isPowerOfTwo(n: number): boolean {
  if (n > 0 && n <= 0x40000000) return (n & (n - 1)) === 0 && Number.isInteger(n);
  return Number.isSafeInteger(n) && n > 0 && Number.isInteger(Math.log2(n));
}

export function alignDown(n: number, alignment: number): number {
  return n - (n % alignment);
}

export function alignUp(n: number, alignment: number): number {
  const over = n % alignment;
  return over === 0 ? n : n - over + alignment;
}

/**
 * An offset or length as the caller gave it: an integer 0 … 2^53−1, or a bigint in that range.
 * Anything else is ERR_INVALID_ARG_TYPE or ERR_OUT_OF_RANGE, as node:fs has it.
 */
export function toOffset(value: unknown, name: string): number {
  if (typeof value === 'bigint') {
    if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER))
      throw errors.outOfRange(name, '>= 0 and <= 2 ** 53 - 1', value);
    return Number(value);
  }
  if (typeof value !== 'number') throw errors.invalidType(name, 'an integer or a bigint', value);
  if (!Number.isInteger(value)) throw errors.outOfRange(name, 'an integer', value);
  if (value < 0 || value > Number.MAX_SAFE_INTEGER) throw errors.outOfRange(name, '>= 0 and <= 2 ** 53 - 1', value);
  return value === 0 ? 0 : value; // -0 becomes 0
}

/** What caps a number of bytes: an offset, or infinity, which says "as many as there are". */
export function toCap(value: unknown, name: string): number {
  return value === Number.POSITIVE_INFINITY ? value : toOffset(value, name);
}
