// Iterators of every kind over the same memory, and the naive walk over its bytes that they are compared with.
import fc from 'fast-check';
import { PAGE_SIZE } from '../../src/base/integers.js';
import { FolioQueue } from '../../src/iter/folio-queue.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import { FakePages } from './fake-pages.js';
import { runSeed } from './random.js';

/** fast-check prints the seed when a property fails; DIORITE_SEED repeats it. */
export const SEEDED: { seed: number; numRuns: number } = { seed: runSeed() | 0, numRuns: 200 };

/** A segment: which buffer, and which of its bytes. */
export interface Piece {
  buffer: number;
  from: number;
  length: number;
}

export const BUFFERS = 3;
export const BUFFER_BYTES: number = 6 * PAGE_SIZE;

/** Differs between neighbours, pages and far pages, so that swapped pages and slipped offsets show. */
export function patternAt(position: number): number {
  return ((position & 0xff) + ((position >>> 8) & 0xff) + ((position >>> 16) & 0xff)) & 0xff;
}

export function pattern(length: number, from = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => patternAt(from + i));
}

export function makeBuffers(filled: boolean): ArrayBuffer[] {
  return Array.from({ length: BUFFERS }, (_, index) => {
    const buffer = new ArrayBuffer(BUFFER_BYTES);
    if (filled) new Uint8Array(buffer).set(pattern(BUFFER_BYTES, index * 77_777));
    return buffer;
  });
}

export const MEMORY_KINDS = ['ubuf', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq'] as const;
export type MemoryKind = (typeof MEMORY_KINDS)[number];

/** A ubuf has one segment: the first that has a byte. A cache has pages, whole ones between its ends. */
export function piecesOf(kind: MemoryKind, pieces: readonly Piece[]): readonly Piece[] {
  if (kind === 'ubuf')
    return [pieces.find(({ length }) => length > 0) ?? pieces[0] ?? { buffer: 0, from: 0, length: 0 }];
  if (kind !== 'xarray') return pieces;
  const full = pieces.filter(({ length }) => length > 0);
  return full.map(({ from, length }, index) => {
    const begin = index === 0 ? from % PAGE_SIZE : 0;
    const end = index === full.length - 1 ? Math.max(begin + 1, length % PAGE_SIZE) : PAGE_SIZE;
    return { buffer: 0, from: from - (from % PAGE_SIZE) + begin, length: end - begin };
  });
}

/** The index of the first page of a cache. */
const FIRST_INDEX = 7;

export function makeIterator(
  kind: MemoryKind,
  pieces: readonly Piece[],
  buffers: readonly ArrayBufferLike[],
  pages: FakePages = new FakePages(),
): IovIter {
  const parts = piecesOf(kind, pieces);
  const views = parts.map(({ buffer, from, length }) => {
    return new Uint8Array(buffers[buffer] ?? new ArrayBuffer(0), from, length);
  });
  switch (kind) {
    case 'ubuf':
      return IovIter.ubuf(views[0] ?? new Uint8Array(0));
    case 'iovec':
      return IovIter.iovec(views);
    case 'kvec':
      return IovIter.kvec(views);
    case 'folioq': {
      const queue = new FolioQueue();
      for (const view of views) queue.push(view);
      return IovIter.folioq(queue);
    }
    case 'xarray': {
      const numbers = views.map((view) => pages.pageOf(view.buffer, view.byteOffset));
      const pageAt = (index: number): number => numbers[index - FIRST_INDEX] ?? -1;
      const start = FIRST_INDEX * PAGE_SIZE + ((parts[0]?.from ?? 0) % PAGE_SIZE);
      const count = parts.reduce((sum, { length }) => sum + length, 0);
      return IovIter.xarray({ pageAt }, pages, start, count);
    }
    case 'bvec':
      return IovIter.bvec(
        views.map((view) => ({
          page: pages.pageOf(view.buffer, view.byteOffset),
          offset: (pages.offsetInPage(view.buffer) + view.byteOffset) % PAGE_SIZE,
          length: view.byteLength,
        })),
        pages,
      );
  }
}

/** Buffer 0 starts on a page, 1 and 2 somewhere within one. */
export function placed(buffers: readonly ArrayBufferLike[]): (buffer: ArrayBufferLike) => number {
  return (buffer) => [0, 512, 4095][buffers.indexOf(buffer)] ?? 0;
}

/** Every byte of the segments, one by one. */
export interface Byte {
  readonly segment: number;
  readonly buffer: number;
  readonly at: number;
}

export function naiveBytes(pieces: readonly Piece[]): Byte[] {
  const bytes: Byte[] = [];
  for (const [segment, { buffer, from, length }] of pieces.entries())
    for (let i = 0; i < length; i++) bytes.push({ segment, buffer, at: from + i });
  return bytes;
}

export function valuesOf(bytes: readonly Byte[], buffers: readonly ArrayBufferLike[]): number[] {
  const memories = buffers.map((buffer) => new Uint8Array(buffer));
  return bytes.map(({ buffer, at }) => memories[buffer]?.[at] ?? -1);
}

const aPiece: fc.Arbitrary<Piece> = fc
  .tuple(
    fc.nat({ max: BUFFERS - 1 }),
    fc.nat({ max: BUFFER_BYTES }),
    fc.nat({ max: 3 * PAGE_SIZE }),
    fc.nat({ max: 9 }),
  )
  .map(([buffer, from, length, shape]) => {
    if (shape === 0) return { buffer, from, length: 0 };
    // Half of them on pages, where neighbours meet.
    const start = shape < 5 ? from - (from % PAGE_SIZE) : from;
    const wanted = shape < 4 ? length - (length % PAGE_SIZE) : shape < 7 ? length % 40 : length;
    return { buffer, from: start, length: Math.min(wanted, BUFFER_BYTES - start) };
  });

/** Segments of any shape; sometimes one goes on where the other ended. */
export const somePieces: fc.Arbitrary<Piece[]> = fc
  .array(fc.tuple(aPiece, fc.boolean()), { maxLength: 8 })
  .map((drawn) => {
    const pieces: Piece[] = [];
    for (const [piece, follows] of drawn) {
      const last = pieces.at(-1);
      if (!follows || last === undefined) {
        pieces.push(piece);
        continue;
      }
      const from = last.from + last.length;
      pieces.push({ buffer: last.buffer, from, length: Math.min(piece.length, BUFFER_BYTES - from) });
    }
    return pieces;
  });

export const aKind: fc.Arbitrary<MemoryKind> = fc.constantFrom(...MEMORY_KINDS);
