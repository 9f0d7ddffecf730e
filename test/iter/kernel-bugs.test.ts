// One test for each bug that iterators, or what uses them, had in the kernel: named after what it guards against.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FolioQueue } from '../../src/iter/folio-queue.js';
import { type Bvec, IovIter } from '../../src/iter/iov-iter.js';
import { FakeFault, FakePages } from '../support/fake-pages.js';
import {
  MEMORY_KINDS,
  type MemoryKind,
  makeBuffers,
  makeIterator,
  naiveBytes,
  type Piece,
  piecesOf,
} from '../support/iterators.js';

const PAGE = 4096;
const ALL = Number.POSITIVE_INFINITY;

/** Empty first, in the middle, in a row, last; a page cut at both ends; whole pages that meet; odd ones. */
const PIECES: readonly Piece[] = [
  { buffer: 0, from: 0, length: 0 },
  { buffer: 0, from: 100, length: PAGE - 100 },
  { buffer: 1, from: PAGE, length: PAGE },
  { buffer: 2, from: 3, length: 0 },
  { buffer: 2, from: 9, length: 0 },
  { buffer: 0, from: 2 * PAGE, length: 2 * PAGE },
  { buffer: 1, from: 5, length: 77 },
  { buffer: 1, from: 3 * PAGE, length: 0 },
];

/** Every consumer, each of which must end: it moves by what it says, and says 0 only at the end. */
const CONSUMERS: Readonly<Record<string, (iter: IovIter, pages: FakePages) => number>> = {
  copyTo: (iter) => iter.copyTo(new Uint8Array(1000)),
  copyFrom: (iter) => iter.copyFrom(new Uint8Array(1000)),
  zero: (iter) => iter.zero(1000),
  forEachRun: (iter) => iter.forEachRun(1000, () => {}),
  forEachPage: (iter, pages) => iter.forEachPage(1000, () => {}, pages),
  getPages: (iter, pages) => {
    const { bytes, start, pages: taken } = iter.getPages(new Int32Array(2), 5000, 2, { source: pages });
    if (iter.extractWillPin) pages.put(taken, 0, Math.ceil((start + bytes) / PAGE));
    return bytes;
  },
  getPagesAlloc: (iter, pages) => {
    const { bytes, pages: taken } = iter.getPagesAlloc(5000, { stitch: false, source: pages });
    if (iter.extractWillPin) pages.put(taken, 0, taken.length);
    return bytes;
  },
  extractBvecs: (iter, pages) => {
    const vecs: Bvec[] = [];
    const bytes = iter.extractBvecs(vecs, 5000, { maxVecs: 1, source: pages });
    putBack(iter, vecs, pages);
    return bytes;
  },
};

function putBack(iter: IovIter, vecs: readonly Bvec[], pages: FakePages): void {
  for (const { page, offset, length } of iter.extractWillPin ? vecs : [])
    for (let i = 0; i < Math.ceil((offset + length) / PAGE); i++) pages.put(Int32Array.of(page + i), 0, 1);
}

function forEachKind(f: (kind: MemoryKind) => void): void {
  for (const kind of MEMORY_KINDS) f(kind);
}

function make(
  kind: MemoryKind,
  pages: FakePages = new FakePages(),
  buffers: ArrayBuffer[] = makeBuffers(true),
): IovIter {
  return makeIterator(kind, PIECES, buffers, pages);
}

describe('bugs of the kernel', () => {
  it('a consumer that takes one kind for another loops for ever (Ceph splicing to O_DIRECT, 2015 to 2018)', () => {
    forEachKind((kind) => {
      for (const [name, consume] of Object.entries(CONSUMERS)) {
        const pages = new FakePages();
        const iter = make(kind, pages);
        iter.advance(33);
        // As many steps as the worst of them needs: pieces, pages, and calls of 1,000 bytes.
        let steps = 100;
        while (iter.count > 0) {
          const before = iter.count;
          const moved = consume(iter, pages);
          assert.ok(moved > 0 && iter.count === before - moved, `${kind}.${name} moves by what it says`);
          assert.ok(--steps > 0, `${kind}.${name} ends`);
        }
        assert.equal(pages.held, 0);
      }
    });
  });

  it('a source that gives nothing is asked for ever (extract_user_to_sg, 6.9)', () => {
    const pages = new FakePages();
    pages.get = () => 0;
    for (const take of [
      () => make('iovec').getPagesAlloc(ALL, { source: pages }),
      () => make('iovec').extractBvecs([], ALL, { source: pages }),
      () => make('iovec').forEachPage(ALL, () => {}, pages),
    ])
      assert.throws(take, { code: 'ERR_DIORITE_ASSERTION' });
  });

  it('memory of the kernel’s kind is used as if it were the user’s (CVE-2016-9576, CVE-2016-10088; ZFS pinning bvecs)', () => {
    for (const kind of ['bvec', 'xarray'] as const) {
      const pages = new FakePages();
      const iter = make(kind, pages);
      iter.dup().forEachPage(ALL, () => {}, pages);
      iter.dup().getPagesAlloc(ALL, { source: pages });
      iter.dup().extractBvecs([], ALL, { source: pages });
      assert.equal(pages.getCalls, 0, 'what somebody holds already is not pinned');
      assert.throws(() => iter.forEachPage(1, () => {}, new FakePages()), { code: 'ERR_INVALID_ARG_VALUE' });
    }
    const nothing = IovIter.discard(PAGE);
    for (const [name, consume] of Object.entries(CONSUMERS)) {
      if (name === 'copyTo' || name === 'zero') continue;
      assert.throws(() => consume(nothing, new FakePages()), { code: 'ERR_DIORITE_UNSUPPORTED' }, name);
    }
  });

  it('exactly full and exactly empty are mistaken for each other (pipe iterators, 4.9)', () => {
    forEachKind((kind) => {
      const iter = make(kind);
      const total = iter.count;
      for (const by of [0, 1, total - 1, total]) {
        iter.advance(by);
        iter.advance(0);
        assert.equal(iter.count, total - by);
        iter.revert(by);
        assert.equal(iter.count, total);
        assert.equal(iter.copyFrom(new Uint8Array(total + 1)), total);
        assert.equal(iter.copyFrom(new Uint8Array(1)), 0);
        iter.revert(total);
      }
    });
  });

  it('what a slot was used for before shines through (Dirty Pipe, CVE-2022-0847)', () => {
    // Slots of a queue, spare walks and runs are used again: nothing of the former use may be seen.
    const [secret, open] = [new Uint8Array(PAGE).fill(1), new Uint8Array(PAGE).fill(2)];
    const queue = new FolioQueue();
    queue.push(secret);
    const iter = IovIter.folioq(queue);
    iter.advance(PAGE);
    iter.dropConsumed();
    queue.push(open.subarray(0, 100));
    iter.reexpand(100);
    assert.equal(iter.copyTo(new Uint8Array(PAGE).fill(9)), 100);
    assert.ok(secret.every((byte) => byte === 1));
    assert.ok(open.subarray(100).every((byte) => byte === 2));
    for (const holds of [true, false]) {
      const [first, second] = [new FakePages({ holds }), new FakePages({ holds })];
      IovIter.ubuf(secret).forEachPage(ALL, () => {}, first);
      const seen: number[] = [];
      IovIter.ubuf(open).forEachPage(ALL, (page) => void seen.push(page), second);
      assert.deepEqual(seen, [second.pageOf(open.buffer, 0)]);
      assert.deepEqual([first.held, second.held], [0, 0]);
    }
  });

  it('one call fills from one segment only, and its caller takes that for all (block layer, 2018)', () => {
    forEachKind((kind) => {
      for (const name of ['copyFrom', 'forEachPage', 'extractBvecs'] as const) {
        const pages = new FakePages();
        const iter = make(kind, pages);
        const total = iter.count;
        const vecs: Bvec[] = [];
        if (name === 'copyFrom') assert.equal(iter.copyFrom(new Uint8Array(total)), total);
        if (name === 'forEachPage')
          assert.equal(
            iter.forEachPage(ALL, () => {}, pages),
            total,
          );
        if (name === 'extractBvecs') assert.equal(iter.extractBvecs(vecs, ALL, { source: pages }), total);
        assert.equal(iter.count, 0);
      }
    });
  });

  it('an offset that the iterator starts with is left out, or counted twice (loop 4.5, ZFS 2025)', () => {
    forEachKind((kind) => {
      const buffers = makeBuffers(true);
      const bytes = naiveBytes(piecesOf(kind, PIECES));
      for (const skip of [1, 33, PAGE - 100, PAGE].filter((offset) => offset < bytes.length)) {
        const pages = new FakePages();
        const iter = make(kind, pages, buffers);
        iter.advance(skip);
        const byte = bytes[skip];
        const value = new Uint8Array(buffers[byte?.buffer ?? 0] ?? new ArrayBuffer(0))[byte?.at ?? 0];
        const target = new Uint8Array(1);
        iter.dup().copyFrom(target);
        assert.equal(target[0], value, `${kind}, copied from ${skip}`);
        iter.dup().forEachRun(1, (buffer, at) => assert.equal(new Uint8Array(buffer)[at], value));
        iter.dup().forEachPage(1, (page, from) => assert.equal(pages.viewOf(page, from, 1)[0], value), pages);
        const { start, pages: taken } = iter.dup().getPagesAlloc(1, { source: pages });
        assert.equal(pages.viewOf(taken[0] ?? -1, start, 1)[0], value, `${kind}, page of ${skip}`);
        const vecs: Bvec[] = [];
        iter.dup().extractBvecs(vecs, 1, { source: pages });
        assert.equal(
          pages.viewOf(vecs[0]?.page ?? -1, vecs[0]?.offset ?? -1, 1)[0],
          value,
          `${kind}, vector of ${skip}`,
        );
      }
    });
  });

  it('what a copy has consumed is consumed again by its caller (ZFS #12041)', () => {
    forEachKind((kind) => {
      for (const [name, consume] of Object.entries(CONSUMERS)) {
        const pages = new FakePages();
        const iter = make(kind, pages);
        const before = iter.count;
        assert.equal(before - iter.count, 0);
        const moved = consume(iter, pages);
        assert.equal(before - iter.count, moved, `${kind}.${name} drops the count once`);
      }
      const iter = make(kind);
      iter.copyFrom(new Uint8Array(iter.count));
      assert.throws(() => iter.advance(1), { code: 'ERR_DIORITE_ITERATOR_BOUNDS' });
    });
  });

  it('truncate, a short operation, an error, revert by the original length: before the array (io_uring, 2021)', () => {
    forEachKind((kind) => {
      const iter = make(kind);
      iter.advance(50);
      const saved = iter.saveState();
      const asked = iter.count;
      iter.truncate(1000);
      iter.copyFrom(new Uint8Array(700));
      assert.throws(() => iter.revert(asked), { code: 'ERR_DIORITE_ITERATOR_BOUNDS' });
      iter.revert(700);
      iter.reexpand(asked);
      assert.deepEqual(iter.saveState(), saved);
      iter.truncate(9);
      iter.advance(9);
      iter.restore(saved);
      assert.deepEqual(iter.saveState(), saved);
    });
  });

  it('address and length are moved each in its own way (io_uring, CVE-2021-41073)', () => {
    forEachKind((kind) => {
      const iter = make(kind);
      const bytes = naiveBytes(piecesOf(kind, PIECES));
      const buffers = makeBuffers(true);
      const run = { buffer: new ArrayBuffer(0) as ArrayBufferLike, byteOffset: 0, length: 0 };
      for (let at = 0; iter.count > 0; at += 500) {
        const step = Math.min(500, iter.count);
        const length = iter.peekRun(run, step);
        assert.ok(length > 0 && run.byteOffset + length <= (buffers[0]?.byteLength ?? 0));
        assert.equal(run.byteOffset, bytes[at]?.at);
        iter.advance(step);
      }
    });
  });

  it('the caller’s list changes after the call, and the iterator with it (io_uring)', () => {
    const views = [new Uint8Array(4).fill(1), new Uint8Array(4).fill(2)];
    const bvecs = [{ page: 0, offset: 0, length: 4 }];
    const pages = new FakePages();
    bvecs[0] = { page: pages.pageOf(views[1]?.buffer ?? new ArrayBuffer(0), 0), offset: 0, length: 4 };
    const iters = [IovIter.iovec(views), IovIter.kvec(views), IovIter.bvec(bvecs, pages)];
    views.length = 0;
    Object.assign(bvecs[0] ?? {}, { page: 5, length: 9999 });
    bvecs.length = 0;
    for (const iter of iters) {
      const target = new Uint8Array(8);
      const got = iter.copyFrom(target);
      assert.equal(got, iter.kind === 'bvec' ? 4 : 8);
      assert.equal(target[got - 1], 2);
    }
  });

  it('an empty segment walks off the array (fixed buffers of length 0, 7.0; splice)', () => {
    const empty: Piece = { buffer: 0, from: 0, length: 0 };
    const full: Piece = { buffer: 1, from: 7, length: 5 };
    for (const pieces of [[empty], [empty, empty], [empty, full], [full, empty], [full, empty, empty, full, empty]])
      forEachKind((kind) => {
        for (const [name, consume] of Object.entries(CONSUMERS)) {
          const pages = new FakePages();
          const iter = makeIterator(kind, pieces, makeBuffers(true), pages);
          const total = iter.count;
          let moved = 0;
          for (let n = 0; iter.count > 0 && n < 20; n++) moved += consume(iter, pages);
          assert.equal(moved, total, `${kind}.${name}`);
          assert.equal(consume(iter, pages), 0, `${kind}.${name} at the end`);
          assert.equal(iter.npages(ALL, pages) + iter.alignment(pages) + iter.gapAlignment(pages), 0);
          assert.equal(pages.held, 0);
        }
      });
  });

  it('merged vectors are unpinned by the vector, pages by the page: pages leak (CVE-2017-12190; v9fs)', () => {
    for (let failAt = 0; failAt < 8; failAt++) {
      const pages = new FakePages({ failAt, batchMax: 3 });
      const iter = IovIter.iovec([new Uint8Array(5 * PAGE), new Uint8Array(2 * PAGE)]);
      const vecs: Bvec[] = [];
      if (failAt === 0) assert.throws(() => iter.extractBvecs(vecs, ALL, { source: pages }), FakeFault);
      else assert.equal(iter.extractBvecs(vecs, ALL, { source: pages }), Math.min(7, failAt) * PAGE);
      assert.equal(pages.held, Math.min(7, failAt), 'every page of a vector is held, not its first alone');
      putBack(iter, vecs, pages);
      assert.equal(pages.held, 0);
    }
  });

  it('two fragments of one page pin it twice, and unpin it once (block layer, 2024)', () => {
    const pages = new FakePages();
    const memory = new Uint8Array(PAGE);
    const iter = IovIter.iovec([memory.subarray(0, 512), memory.subarray(512, 1024), memory.subarray(1024, 1030)]);
    const vecs: Bvec[] = [];
    assert.equal(iter.extractBvecs(vecs, ALL, { source: pages }), 1030);
    assert.equal(vecs.length, 1);
    assert.equal(pages.held, 1);
    putBack(iter, vecs, pages);
    assert.equal(pages.held, 0);
  });

  it('a tail is cut off, and neither put back nor given back (alignment of bios, 6.0)', () => {
    const memory = new Uint8Array(10 * PAGE);
    for (let maxVecs = 1; maxVecs <= 4; maxVecs++)
      for (const length of [513, PAGE + 1, PAGE + 511, 2 * PAGE + 700]) {
        const pages = new FakePages();
        const list = [0, 3, 6].map((page) => memory.subarray(page * PAGE, page * PAGE + length));
        const iter = IovIter.iovec(list);
        const total = iter.count;
        const vecs: Bvec[] = [];
        const bytes = iter.extractBvecs(vecs, ALL, { maxVecs, lengthAlignment: 512, source: pages });
        assert.equal(bytes % 512, 0);
        assert.equal(bytes + iter.count, total, 'what was taken and what was given back are all');
        assert.equal(
          vecs.reduce((sum, vec) => sum + vec.length, 0),
          bytes,
        );
        putBack(iter, vecs, pages);
        assert.equal(pages.held, 0);
      }
  });

  it('alignment is looked at where a request happens to be split, or of the wrong segment (6.18 to 7.3)', () => {
    const memory = new Uint8Array(4 * PAGE);
    const whole = memory.subarray(0, PAGE);
    for (const odd of [memory.subarray(PAGE + 4, PAGE + 516), memory.subarray(PAGE, PAGE + 100)])
      for (const list of [[odd], [whole, odd], [odd, whole], [whole, odd, whole]]) {
        const pages = new FakePages();
        const bvecs = list.map((view) => {
          return {
            page: pages.pageOf(memory.buffer, view.byteOffset),
            offset: view.byteOffset % PAGE,
            length: view.length,
          };
        });
        for (const iter of [IovIter.iovec(list), IovIter.bvec(bvecs, pages)]) {
          const before = iter.count;
          const extract = (): number => iter.extractBvecs([], ALL, { memoryAlignment: 512, source: pages });
          assert.throws(extract, { code: 'ERR_INVALID_ARG_VALUE' });
          assert.equal(iter.count, before);
          assert.equal(pages.pagesTaken, 0);
        }
      }
  });

  it('a slot that is used up exactly is given twice (folioq, 2024)', () => {
    const queue = new FolioQueue();
    for (let i = 0; i < 4; i++) queue.push(new Uint8Array(PAGE));
    for (const maxPages of [1, 2, 3]) {
      const pages = new FakePages();
      const iter = IovIter.folioq(queue);
      const seen = new Set<number>();
      while (iter.count > 0) {
        const { bytes, pages: taken } = iter.getPages(new Int32Array(4), ALL, maxPages, { source: pages });
        for (const page of taken.subarray(0, bytes / PAGE)) seen.add(page);
        pages.put(taken, 0, bytes / PAGE);
      }
      assert.equal(seen.size, 4, 'each page once');
      assert.equal(pages.pagesTaken, 4);
    }
  });

  it('a fragment over many pages is copied through a window of one (highmem, compound pages)', () => {
    const memory = new Uint8Array(5 * PAGE);
    const pages = new FakePages();
    const iter = IovIter.bvec([{ page: pages.pageOf(memory.buffer, 0), offset: 5000, length: 3 * PAGE }], pages);
    const stream = Uint8Array.from({ length: 3 * PAGE }, (_, i) => i % 251);
    assert.equal(iter.copyTo(stream), 3 * PAGE);
    assert.deepEqual(memory.subarray(5000, 5000 + 3 * PAGE), stream);
    assert.ok(memory.subarray(0, 5000).every((byte) => byte === 0));
  });

  it('what is not there makes a length wrap (xarray with nothing present, 2026)', () => {
    const pages = new FakePages();
    const iter = IovIter.xarray({ pageAt: () => -1 }, pages, 100, 5000);
    assert.throws(() => iter.getPagesAlloc(ALL), { code: 'ERR_DIORITE_ITERATOR_BOUNDS' });
    assert.equal(iter.count, 5000);
    assert.equal(iter.npages(), 2);
  });

  it('an array is left behind when the first page cannot be pinned (extraction, 2026)', () => {
    const pages = new FakePages({ failAt: 0 });
    const iter = make('iovec');
    const before = iter.saveState();
    const vecs: Bvec[] = [];
    assert.throws(() => iter.getPagesAlloc(ALL, { source: pages }), FakeFault);
    assert.throws(() => iter.extractBvecs(vecs, ALL, { source: pages }), FakeFault);
    assert.throws(() => iter.forEachPage(ALL, () => {}, pages), FakeFault);
    assert.deepEqual(iter.saveState(), before);
    assert.equal(vecs.length, 0);
    assert.equal(pages.held, 0);
  });

  it('what comes out goes to the wrong array, or is told as longer than it is (extraction to scatterlists, 2026)', () => {
    const POISON = -7;
    forEachKind((kind) => {
      const pages = new FakePages();
      const iter = make(kind, pages);
      iter.advance(33);
      const numbers = new Int32Array(12).fill(POISON);
      const { start, bytes } = iter.dup().getPages(numbers.subarray(2), ALL, 3, { source: pages });
      const count = Math.ceil((start + bytes) / PAGE);
      const isTaken = (index: number): boolean => index >= 2 && index < 2 + count;
      for (const [index, page] of numbers.entries()) assert.equal(page !== POISON, isTaken(index), `${kind}, ${index}`);
      if (iter.extractWillPin) pages.put(numbers, 2, count);
      const other = { page: 5, offset: 6, length: 7 };
      const vecs: Bvec[] = [other];
      const got = iter.extractBvecs(vecs, 5000, { maxVecs: 2, source: pages });
      assert.deepEqual(vecs.shift(), other, 'what the caller has in the list stays');
      assert.equal(
        vecs.reduce((sum, { length }) => sum + length, 0),
        got,
      );
      putBack(iter, vecs, pages);
      const target = new Uint8Array(3000).fill(0xee);
      const copied = iter.copyFrom(target.subarray(0, 2000));
      assert.ok(target.subarray(copied).every((byte) => byte === 0xee));
      assert.equal(pages.held, 0);
    });
  });
});
