// copyTo, copyFrom and zero: ranges of the shapes that the kernel tests, every kind, empty segments, and memory that is gone.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FakePages } from '../../test/support/fake-pages.js';
import {
  aKind,
  makeBuffers,
  makeIterator,
  naiveBytes,
  pattern,
  piecesOf,
  SEEDED,
  somePieces,
  valuesOf,
} from '../../test/support/iterators.js';
import { IovIter } from './iov-iter.js';

const PAGE = 4096;

interface Resizable extends ArrayBuffer {
  resize(bytes: number): void;
}

/** ES2024's, which every Node that is supported has, and the types do not. */
function makeResizable(bytes: number, maxByteLength: number): Resizable {
  const Constructor = ArrayBuffer as new (bytes: number, options: object) => ArrayBuffer;
  return new Constructor(bytes, { maxByteLength }) as Resizable;
}

const BYTES = 256 * PAGE;

type Range = readonly [from: number, to: number];

/** The shapes of lib/tests/kunit_iov_iter.c: empty, unaligned at either end, whole pages, direct neighbours, huge, 1 byte. */
const RANGES: readonly Range[] = [
  [0x2, 0x2],
  [0x3a7, 0x1000],
  [0x1fe3, 0x8f39],
  [0x9000, 0x9000],
  [0xa000, 0xe000],
  [0xe000, 0xf001],
  [0x20000, BYTES - 0x8005],
  [BYTES - 0x1000, BYTES - 0xfff],
];

/** The same for bvecs: (page, from, to). Three whole pages in a row; one page twice, with a gap of two bytes. */
const BVEC_RANGES: readonly (readonly [page: number, from: number, to: number])[] = [
  [0, 0x10, 0x10],
  [0, 0x13, 0x2f1],
  [1, 0x7c1, 0xf03],
  [3, 0, PAGE],
  [4, 0, PAGE],
  [5, 0, PAGE],
  [6, 0x5, 0x7f1],
  [6, 0x7f3, 0x7f4],
];

/** A buffer whose pages stand in an order of their own: each fourth is swapped with the one half the buffer away. */
function shuffledPages(page: number): number {
  if (page % 4 !== 0) return page;
  return (page + 128) % 256;
}

function tables(): { name: string; ranges: readonly Range[]; make: (buffer: ArrayBuffer) => IovIter }[] {
  const views = (buffer: ArrayBuffer, ranges: readonly Range[]): Uint8Array[] =>
    ranges.map(([from, to]) => new Uint8Array(buffer, from, to - from));
  const shuffled: Range[] = [];
  for (let page = 0; page < 256; page++) shuffled.push([shuffledPages(page) * PAGE, (shuffledPages(page) + 1) * PAGE]);
  const bvecRanges = BVEC_RANGES.map(([page, from, to]): Range => [page * PAGE + from, page * PAGE + to]);
  const bvec = (buffer: ArrayBuffer, ranges: readonly Range[]): IovIter => {
    const pages = new FakePages();
    const bvecs = ranges.map(([from, to]) => ({ page: pages.pageOf(buffer, 0), offset: from, length: to - from }));
    return IovIter.bvec(bvecs, pages);
  };
  return [
    { name: 'iovec', ranges: RANGES, make: (buffer) => IovIter.iovec(views(buffer, RANGES)) },
    { name: 'kvec', ranges: RANGES, make: (buffer) => IovIter.kvec(views(buffer, RANGES)) },
    { name: 'kvec of shuffled pages', ranges: shuffled, make: (buffer) => IovIter.kvec(views(buffer, shuffled)) },
    { name: 'bvec', ranges: bvecRanges, make: (buffer) => bvec(buffer, bvecRanges) },
    { name: 'bvec of many pages each', ranges: RANGES, make: (buffer) => bvec(buffer, RANGES) },
    { name: 'ubuf', ranges: [[5, BYTES - 3]], make: (buffer) => IovIter.ubuf(new Uint8Array(buffer, 5, BYTES - 8)) },
  ];
}

function sizeOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0);
}

for (const { name, ranges, make } of tables()) {
  describe(`the kernel's ranges as ${name}`, () => {
    it('copyTo lays the stream at the ranges, and nowhere else', () => {
      const buffer = new ArrayBuffer(BYTES);
      const stream = pattern(BYTES);
      const iter = make(buffer);
      const size = sizeOf(ranges);
      assert.equal(iter.count, size);
      assert.equal(iter.copyTo(stream.subarray(0, size)), size);
      assert.equal(iter.count, 0);
      assert.equal(iter.nrSegs, 0);
      const expected = new Uint8Array(BYTES);
      let done = 0;
      for (const [from, to] of ranges) {
        expected.set(stream.subarray(done, done + to - from), from);
        done += to - from;
      }
      assert.equal(Buffer.compare(new Uint8Array(buffer), expected), 0);
    });

    it('copyFrom gathers the ranges, and writes no further', () => {
      const memory = pattern(BYTES);
      const iter = make(memory.buffer as ArrayBuffer); // pattern makes an ordinary one
      const size = sizeOf(ranges);
      const target = new Uint8Array(BYTES + 1);
      assert.equal(iter.copyFrom(target), size);
      assert.equal(iter.count, 0);
      assert.equal(iter.nrSegs, 0);
      const expected = new Uint8Array(BYTES + 1);
      let done = 0;
      for (const [from, to] of ranges) {
        expected.set(memory.subarray(from, to), done);
        done += to - from;
      }
      assert.equal(Buffer.compare(target, expected), 0);
    });
  });
}

describe('copying any segments', () => {
  const cases = fc.tuple(aKind, somePieces, fc.nat({ max: 20_000 }), fc.nat({ max: 20_000 }));

  it('copyTo and zero write exactly the bytes from the position on', () => {
    const property = fc.property(cases, fc.boolean(), ([kind, drawn, skip, wanted], zeroing) => {
      const buffers = makeBuffers(true);
      const expected = makeBuffers(true).map((buffer) => new Uint8Array(buffer));
      const iter = makeIterator(kind, drawn, buffers);
      const bytes = naiveBytes(piecesOf(kind, drawn));
      const start = Math.min(skip, bytes.length);
      iter.advance(start);
      const stream = pattern(wanted, 1_000_003);
      const copied = zeroing ? iter.zero(wanted) : iter.copyTo(stream);
      assert.equal(copied, Math.min(wanted, bytes.length - start));
      assert.equal(iter.count, bytes.length - start - copied);
      for (const [index, { buffer, at }] of bytes.slice(start, start + copied).entries()) {
        const memory = expected[buffer];
        if (memory !== undefined) memory[at] = zeroing ? 0 : (stream[index] ?? 0);
      }
      for (const [index, buffer] of buffers.entries())
        assert.equal(Buffer.compare(new Uint8Array(buffer), expected[index] ?? new Uint8Array(0)), 0);
    });
    fc.assert(property, SEEDED);
  });

  it('copyFrom reads exactly the bytes from the position on', () => {
    const property = fc.property(cases, ([kind, drawn, skip, wanted]) => {
      const buffers = makeBuffers(true);
      const iter = makeIterator(kind, drawn, buffers);
      const bytes = naiveBytes(piecesOf(kind, drawn));
      const start = Math.min(skip, bytes.length);
      iter.advance(start);
      const target = new Uint8Array(wanted).fill(0xee);
      const copied = iter.copyFrom(target);
      assert.deepEqual([...target.subarray(0, copied)], valuesOf(bytes.slice(start, start + wanted), buffers));
      assert.ok(target.subarray(copied).every((byte) => byte === 0xee));
      assert.equal(iter.count, bytes.length - start - copied);
    });
    fc.assert(property, SEEDED);
  });
});

describe('copying', () => {
  it('takes other views than bytes', () => {
    const memory = new Uint8Array(8);
    const words: ArrayBufferView = Uint16Array.of(0x0201, 0x0403);
    assert.equal(IovIter.ubuf(memory).copyTo(words as Uint8Array), 4); // what a JavaScript caller may do
    assert.deepEqual([...memory], [1, 2, 3, 4, 0, 0, 0, 0]);
    const text: unknown = 'text';
    assert.throws(() => IovIter.ubuf(memory).copyTo(text as Uint8Array), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('of nothing changes nothing', () => {
    const iter = IovIter.iovec([new Uint8Array(0), new Uint8Array(4)]);
    assert.equal(iter.copyTo(new Uint8Array(0)), 0);
    assert.equal(iter.copyFrom(new Uint8Array(0)), 0);
    assert.equal(iter.zero(0), 0);
    assert.equal(iter.nrSegs, 2);
  });

  it('moves data within one buffer as if there were a copy in between', () => {
    const memory = Uint8Array.of(1, 2, 3, 4, 5, 6);
    IovIter.ubuf(memory.subarray(2)).copyTo(memory.subarray(0, 4));
    assert.deepEqual([...memory], [1, 2, 1, 2, 3, 4]);
  });

  it('into a discard iterator counts, and out of it has no meaning', () => {
    const iter = IovIter.discard(10);
    assert.equal(iter.copyTo(new Uint8Array(4)), 4);
    assert.equal(iter.zero(3), 3);
    assert.equal(iter.copyTo(new Uint8Array(9)), 3);
    assert.equal(iter.count, 0);
    const run = { buffer: new ArrayBuffer(0), byteOffset: 0, length: 0 };
    const fresh = IovIter.discard(10);
    for (const operation of [
      () => fresh.copyFrom(new Uint8Array(4)),
      () => fresh.peekRun(run, 4),
      () => fresh.forEachRun(4, () => {}),
      () => fresh.forEachPage(4, () => {}),
    ])
      assert.throws(operation, { code: 'ERR_DIORITE_UNSUPPORTED' });
    assert.equal(fresh.count, 10);
  });
});

describe('memory that is gone', () => {
  const DETACHED = { code: 'ERR_DIORITE_DETACHED' };

  it('is refused by every operation, before a byte moves', () => {
    const first = new Uint8Array(10);
    const second = new Uint8Array(10);
    const iter = IovIter.iovec([first, second]);
    structuredClone(second.buffer, { transfer: [second.buffer] });
    const run = { buffer: new ArrayBuffer(0), byteOffset: 0, length: 0 };
    assert.throws(() => iter.copyTo(new Uint8Array(20).fill(1)), DETACHED);
    assert.throws(() => iter.copyFrom(new Uint8Array(20)), DETACHED);
    assert.throws(() => iter.zero(20), DETACHED);
    assert.equal(iter.count, 20);
    assert.ok(first.every((byte) => byte === 0));
    assert.equal(iter.copyTo(new Uint8Array(10).fill(1)), 10);
    assert.throws(() => iter.peekRun(run, 5), DETACHED);
    assert.throws(() => iter.forEachPage(5, () => {}, new FakePages()), DETACHED);
    assert.throws(() => iter.forEachRun(5, () => {}), DETACHED);
    assert.equal(iter.count, 10);
  });

  it('is refused at construction, when empty memory is not', () => {
    for (const make of [
      (buffer: ArrayBuffer) => new Uint8Array(buffer),
      (buffer: ArrayBuffer) => new Float64Array(buffer),
      (buffer: ArrayBuffer) => new DataView(buffer),
    ]) {
      const buffer = new ArrayBuffer(16);
      const view = make(buffer);
      assert.equal(IovIter.ubuf(make(new ArrayBuffer(0))).count, 0);
      structuredClone(buffer, { transfer: [buffer] });
      assert.throws(() => IovIter.ubuf(view), { ...DETACHED, message: /"memory"/ });
      assert.throws(() => IovIter.iovec([new Uint8Array(1), view]), { ...DETACHED, message: /"memory\[1\]"/ });
    }
  });

  it('is noticed when a resizable buffer shrinks, and fine while it is there', () => {
    const buffer = makeResizable(8, 16);
    const tracking = IovIter.ubuf(new Uint8Array(buffer));
    const fixed = IovIter.ubuf(new Uint8Array(buffer, 0, 8));
    buffer.resize(16);
    assert.equal(tracking.count, 8);
    assert.equal(tracking.dup().copyFrom(new Uint8Array(16)), 8);
    assert.equal(tracking.dup().copyTo(new Uint8Array(16).fill(7)), 8);
    assert.deepEqual([...new Uint8Array(buffer)].slice(6, 10), [7, 7, 0, 0]);
    buffer.resize(4);
    assert.throws(() => tracking.copyFrom(new Uint8Array(8)), DETACHED);
    assert.throws(() => fixed.copyFrom(new Uint8Array(8)), DETACHED);
  });
});
