// What lib/tests/kunit_iov_iter.c checks, in our own words: copying, taking pages, and vectors, for each kind of memory.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FolioQueue } from '../../src/iter/folio-queue.js';
import { type Bvec, IovIter } from '../../src/iter/iov-iter.js';
import { FakePages } from '../support/fake-pages.js';
import { pattern } from '../support/iterators.js';

const PAGE = 4096;
const PAGES = 256;
const BYTES = PAGES * PAGE;

type Range = readonly [from: number, to: number];

/** Empty, unaligned at either end, whole pages, direct neighbours, huge, one byte. */
const RANGES: readonly Range[] = [
  [0x2, 0x2],
  [0x4e1, 0x1000],
  [0x1fd1, 0x9e37],
  [0xa000, 0xa000],
  [0xb000, 0xf000],
  [0xf000, 0x10001],
  [0x21000, BYTES - 0x2005],
  [BYTES - 0x1000, BYTES - 0xfff],
];

/** Of single pages: the three whole ones in a row are one vector where they meet in memory. */
const PAGE_RANGES: readonly Range[] = [
  [0x10, 0x10],
  [0x13, 0x2f1],
  [PAGE + 0x7c1, PAGE + 0xf03],
  [3 * PAGE, 6 * PAGE],
  [6 * PAGE + 0x5, 6 * PAGE + 0x7f1],
  [6 * PAGE + 0x7f3, 6 * PAGE + 0x7f4],
];

/** Pages in an order of their own: each fourth is swapped with the one half the buffer away. */
function placeOf(page: number): number {
  return page % 4 === 0 ? (page + PAGES / 2) % PAGES : page;
}

/** A "virtual" range of shuffled pages, as whole pages in memory and what is cut off at both ends. */
function scattered(buffer: ArrayBuffer, [from, to]: Range): Uint8Array[] {
  const views: Uint8Array[] = [];
  for (let at = from; at < to; ) {
    const end = Math.min(to, at - (at % PAGE) + PAGE);
    views.push(new Uint8Array(buffer, placeOf(Math.floor(at / PAGE)) * PAGE + (at % PAGE), end - at));
    at = end;
  }
  return views.length > 0 ? views : [new Uint8Array(buffer, from, 0)];
}

interface Fixture {
  readonly name: string;
  readonly ranges: readonly Range[];
  /** One iterator for all ranges, or one for each. */
  readonly make: (buffer: ArrayBuffer, pages: FakePages, ranges: readonly Range[]) => IovIter;
  readonly each: boolean;
}

const FIXTURES: readonly Fixture[] = [
  {
    name: 'kvec',
    ranges: RANGES,
    each: false,
    make: (buffer, _pages, ranges) => IovIter.kvec(ranges.flatMap((range) => scattered(buffer, range))),
  },
  {
    name: 'iovec',
    ranges: RANGES,
    each: false,
    make: (buffer, _pages, ranges) => IovIter.iovec(ranges.flatMap((range) => scattered(buffer, range))),
  },
  {
    name: 'bvec',
    ranges: PAGE_RANGES,
    each: false,
    make: (buffer, pages, ranges) =>
      IovIter.bvec(
        ranges.flatMap((range) =>
          scattered(buffer, range).map((view) => ({
            page: pages.pageOf(buffer, view.byteOffset),
            offset: view.byteOffset % PAGE,
            length: view.length,
          })),
        ),
        pages,
      ),
  },
  {
    name: 'folioq',
    ranges: RANGES,
    each: true,
    make: (buffer, _pages, [range = [0, 0]]) => {
      const queue = new FolioQueue();
      const whole: Range = [0, Math.ceil(range[1] / PAGE) * PAGE];
      for (const view of scattered(buffer, whole)) queue.push(view);
      const iter = IovIter.folioq(queue, { count: range[1] });
      iter.advance(range[0]);
      return iter;
    },
  },
  {
    name: 'xarray',
    ranges: RANGES,
    each: true,
    make: (buffer, pages, [range = [0, 0]]) => {
      const pageAt = (index: number): number => pages.pageOf(buffer, placeOf(index) * PAGE);
      const iter = IovIter.xarray({ pageAt }, pages, 0, range[1]);
      iter.advance(range[0]);
      return iter;
    },
  },
];

function sizeOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from, 0);
}

/** Where each byte of the ranges lies in the buffer, in order. */
function placesOf(ranges: readonly Range[]): number[] {
  const places: number[] = [];
  for (const [from, to] of ranges)
    for (let at = from; at < to; at++) places.push(placeOf(Math.floor(at / PAGE)) * PAGE + (at % PAGE));
  return places;
}

/** `f` with each iterator of the fixture, and the ranges that it goes over. */
function forEachIterator(
  { ranges, each, make }: Fixture,
  buffer: ArrayBuffer,
  pages: FakePages,
  f: (iter: IovIter, own: readonly Range[]) => void,
): void {
  for (const own of each ? ranges.map((range) => [range]) : [ranges]) f(make(buffer, pages, own), own);
}

function checkEnd(iter: IovIter, own: readonly Range[], fixture: Fixture): void {
  assert.equal(iter.count, 0);
  const [, to] = own.at(-1) ?? [0, 0];
  if (fixture.name === 'xarray') assert.equal(iter.iovOffset, to);
  else if (fixture.name === 'folioq') assert.equal(iter.iovOffset, to % PAGE);
  else assert.equal(iter.nrSegs, 0);
}

for (const fixture of FIXTURES) {
  describe(`kunit: ${fixture.name}`, () => {
    it('copy_to: the stream lies at the ranges, and nothing anywhere else', () => {
      const buffer = new ArrayBuffer(BYTES);
      const expected = new Uint8Array(BYTES);
      const stream = pattern(BYTES);
      forEachIterator(fixture, buffer, new FakePages(), (iter, own) => {
        const size = sizeOf(own);
        assert.equal(iter.count, size);
        assert.equal(iter.copyTo(stream.subarray(0, size)), size);
        checkEnd(iter, own, fixture);
        for (const [index, place] of placesOf(own).entries()) expected[place] = stream[index] ?? 0;
      });
      assert.equal(Buffer.compare(new Uint8Array(buffer), expected), 0);
    });

    it('copy_from: the ranges make the stream, and no byte more', () => {
      const memory = pattern(BYTES);
      const buffer = memory.buffer as ArrayBuffer; // pattern makes an ordinary one
      forEachIterator(fixture, buffer, new FakePages(), (iter, own) => {
        const size = sizeOf(own);
        const target = new Uint8Array(size + PAGE).fill(0xaa);
        assert.equal(iter.copyFrom(target), size);
        checkEnd(iter, own, fixture);
        const expected = new Uint8Array(size + PAGE).fill(0xaa);
        for (const [index, place] of placesOf(own).entries()) expected[index] = memory[place] ?? 0;
        assert.equal(Buffer.compare(target, expected), 0);
      });
    });

    it('extract_pages: every page in its order, however the calls are cut', () => {
      const buffer = new ArrayBuffer(BYTES);
      const pages = new FakePages();
      forEachIterator(fixture, buffer, pages, (iter, own) => {
        const places = placesOf(own);
        let done = 0;
        while (iter.count > 0) {
          const array = new Int32Array(8).fill(0x2a55aa);
          const before = iter.count;
          const { bytes, start } = iter.getPages(array, 100 * 1024, 8, { source: pages });
          assert.ok(bytes > 0 && bytes <= before && start >= 0 && start < PAGE);
          assert.equal(iter.count, before - bytes);
          const count = Math.ceil((start + bytes) / PAGE);
          for (let i = 0, at = done; i < count; i++) {
            assert.equal(array[i], pages.pageOf(buffer, places[at] ?? -1));
            assert.equal((places[at] ?? -1) % PAGE, i === 0 ? start : 0);
            at += PAGE - (i === 0 ? start : 0);
          }
          assert.ok(
            array.subarray(count).every((page) => page === 0x2a55aa),
            'and nothing behind them',
          );
          if (iter.extractWillPin) pages.put(array, 0, count);
          done += bytes;
        }
        checkEnd(iter, own, fixture);
        assert.equal(done, places.length);
      });
      assert.equal(pages.held, 0);
    });

    it('iter_to_sg: none, one, all but a tail, the tail; and what they hold is the stream', () => {
      const memory = pattern(BYTES);
      const pages = new FakePages();
      forEachIterator(fixture, memory.buffer as ArrayBuffer, pages, (iter, own) => {
        const places = placesOf(own);
        const tail = Math.min(16 * PAGE, places.length);
        const vecs: Bvec[] = [];
        assert.equal(iter.extractBvecs(vecs, iter.count, { maxVecs: 0, source: pages }), 0);
        assert.equal(vecs.length, 0);
        const upper = iter.npages(Number.POSITIVE_INFINITY, pages);
        if (iter.count > 0) {
          assert.ok(iter.extractBvecs(vecs, iter.count, { maxVecs: 1, source: pages }) > 0);
          assert.equal(vecs.length, 1);
        }
        iter.extractBvecs(vecs, Math.max(0, iter.count - tail), { source: pages });
        iter.extractBvecs(vecs, iter.count, { source: pages });
        assert.equal(iter.count, 0);
        assert.ok(vecs.length <= upper + 2, 'as many vectors as pages, and one for each cut');
        const copied: number[] = [];
        for (const { page, offset, length } of vecs)
          for (let at = offset; at < offset + length; at++)
            copied.push(pages.viewOf(page + Math.floor(at / PAGE), at % PAGE, 1)[0] ?? -1);
        assert.deepEqual(
          copied,
          places.map((place) => memory[place]),
        );
        if (iter.extractWillPin) putBack(vecs, pages);
      });
      assert.equal(pages.held, 0);
    });
  });
}

function putBack(vecs: readonly Bvec[], pages: FakePages): void {
  for (const { page, offset, length } of vecs)
    for (let i = 0; i < Math.ceil((offset + length) / PAGE); i++) pages.put(Int32Array.of(page + i), 0, 1);
}
