// Simulated memory: one ArrayBuffer that vectors are views of, so that a place in it is an address of its own.
import { errors } from '../base/errors.js';
import { IovIter } from '../iter/iov-iter.js';
import type { Vector } from './vectors.js';

/** The buffer begins a page, wherever it really lies. */
export const SIMULATED_PAGES: { offsetInPage(buffer: ArrayBufferLike): number } = { offsetInPage: () => 0 };

/**
 * An iterator over the vectors. Nothing touches the bytes, so that an operating system that hands out zeroed pages when
 * they are first used gives none: 4 GiB cost milliseconds.
 */
export function simulate(vectors: readonly Vector[]): IovIter {
  const span = vectors.reduce((most, { offset, size }) => Math.max(most, offset + size), 0);
  const buffer = allocate(span);
  return IovIter.iovec(vectors.map(({ offset, size }) => new Uint8Array(buffer, offset, size)));
}

function allocate(bytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes);
  } catch (cause) {
    throw errors.make(
      'ERR_DIORITE_BUDGET',
      `The vectors span ${bytes} bytes, more than this machine lets a program map`,
      {
        cause,
      },
    );
  }
}
