// getPages, getPagesAlloc and extractBvecs: tables of what they take, refuse and give back; and what walks allocate.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FolioQueue } from '../../src/iter/folio-queue.js';
import { type Bvec, IovIter } from '../../src/iter/iov-iter.js';
import { FakeFault, FakePages } from '../support/fake-pages.js';

const PAGE = 4096;
const ALL = Number.POSITIVE_INFINITY;
const memory: Uint8Array = new Uint8Array(4096 * PAGE);

/** Views by [page, offset in it, length]: pages at even numbers never meet. */
function views(...parts: readonly [page: number, from: number, length: number][]): Uint8Array[] {
  return parts.map(([page, from, length]) => memory.subarray(page * PAGE + from, page * PAGE + from + length));
}

/** What a call gives: bytes, start and pages, counted from the first of the memory. All is put back. */
function alloc(iter: IovIter, maxSize: number, stitch = true): [number, number, ...number[]] {
  const source = new FakePages();
  const first = source.pageOf(memory.buffer, 0);
  const { bytes, start, pages } = iter.getPagesAlloc(maxSize, { stitch, source });
  assert.equal(pages.length, Math.ceil((start + bytes) / PAGE));
  source.put(pages, 0, pages.length);
  assert.equal(source.held, 0);
  return [bytes, start, ...[...pages].map((page) => page - first)];
}

describe('stitching', () => {
  const cases: [string, Uint8Array[], number, [number, number, ...number[]]][] = [
    ['whole pages meet', views([0, 0, PAGE], [2, 0, PAGE], [4, 0, PAGE]), ALL, [3 * PAGE, 0, 0, 2, 4]],
    ['a mid-page end does not', views([0, 0, PAGE - 1], [2, 0, PAGE]), ALL, [PAGE - 1, 0, 0]],
    ['a mid-page start does not', views([0, 0, PAGE], [2, 1, PAGE - 1]), ALL, [PAGE, 0, 0]],
    ['the first may begin in mid-page', views([0, 100, PAGE - 100], [2, 0, PAGE]), ALL, [2 * PAGE - 100, 100, 0, 2]],
    ['the last may end in mid-page', views([0, 0, PAGE], [2, 0, 7], [4, 0, PAGE]), ALL, [PAGE + 7, 0, 0, 2]],
    ['an empty one breaks nothing', views([0, 0, PAGE], [9, 5, 0], [2, 0, PAGE]), ALL, [2 * PAGE, 0, 0, 2]],
    ['empty ones first', views([9, 5, 0], [9, 6, 0], [2, 0, PAGE]), ALL, [PAGE, 0, 2]],
    [
      'a size ends it, in mid-page too',
      views([0, 0, PAGE], [2, 0, PAGE], [4, 0, PAGE]),
      2 * PAGE + 9,
      [2 * PAGE + 9, 0, 0, 2, 4],
    ],
    ['neighbours within a page do not meet', views([0, 0, 512], [0, 512, 512]), ALL, [512, 0, 0]],
    ['nothing', views([0, 0, 0]), ALL, [0, 0]],
    ['nothing asked', views([0, 0, PAGE]), 0, [0, 0]],
  ];
  for (const [name, list, size, expected] of cases) {
    it(name, () => {
      for (const iter of [IovIter.iovec(list), IovIter.kvec(list)]) {
        const before = iter.count;
        assert.deepEqual(alloc(iter, size), expected);
        assert.equal(iter.count, before - expected[0], 'it moves by what it gives');
      }
    });
  }

  it('of 1,000 vectors of a page is one call; off, 1,000', () => {
    const list = views(...Array.from({ length: 1000 }, (_, i): [number, number, number] => [2 * i, 0, PAGE]));
    for (const [stitch, expected] of [
      [true, 1],
      [false, 1000],
    ] as const) {
      const iter = IovIter.iovec(list);
      let calls = 0;
      for (; iter.count > 0; calls++) alloc(iter, ALL, stitch);
      assert.equal(calls, expected);
    }
  });

  it('off, a segment of many pages is one call still, and caches and queues go on', () => {
    assert.deepEqual(alloc(IovIter.iovec(views([0, 9, 2 * PAGE], [8, 0, 5])), ALL, false), [2 * PAGE, 9, 0, 1, 2]);
    const queue = new FolioQueue();
    for (const view of views([0, 0, PAGE], [2, 0, PAGE])) queue.push(view);
    assert.deepEqual(alloc(IovIter.folioq(queue), ALL, false), [2 * PAGE, 0, 0, 2]);
  });
});

describe('getPages', () => {
  it('gives no more pages than asked, and goes on where it ended', () => {
    const source = new FakePages();
    const iter = IovIter.ubuf(memory.subarray(100, 100 + 5 * PAGE));
    const pages = new Int32Array(4);
    assert.deepEqual(iter.getPages(pages, ALL, 2, { source }), { bytes: 2 * PAGE - 100, start: 100, pages });
    source.put(pages, 0, 2);
    assert.equal(iter.getPages(pages, ALL, 0, { source }).bytes, 0);
    assert.equal(iter.getPages(pages, 10, undefined, { source }).bytes, 10);
    source.put(pages, 0, 1);
    const { bytes, start } = iter.getPages(pages, ALL, 4, { source });
    assert.deepEqual([bytes, start], [3 * PAGE + 100 - 10, 10]);
    source.put(pages, 0, 4);
    assert.equal(iter.count, 0);
    assert.equal(source.held, 0);
  });

  it('refuses what it cannot do, before it moves', () => {
    const iter = IovIter.ubuf(memory.subarray(0, PAGE));
    const none: unknown = [];
    assert.throws(() => iter.getPages(none as Int32Array, 1), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.throws(() => iter.getPages(new Int32Array(1), 1, 2), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => iter.getPages(new Int32Array(1), -1), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => IovIter.discard(5).getPagesAlloc(5), { code: 'ERR_DIORITE_UNSUPPORTED' });
    assert.equal(iter.count, PAGE);
  });

  it('a page that cannot be had makes it short, then an error with nothing moved', () => {
    const list = views([0, 0, 3 * PAGE], [4, 0, 3 * PAGE]);
    for (let k = 0; k < 6; k++)
      for (const batchMax of [1, 2, 64]) {
        const source = new FakePages({ failAt: k, batchMax });
        const iter = IovIter.iovec(list);
        if (k > 0) {
          const { bytes, pages } = iter.getPagesAlloc(ALL, { source });
          assert.equal(bytes, k * PAGE);
          assert.equal(pages.length, k);
          source.put(pages, 0, k);
        }
        const before = iter.saveState();
        const next = new FakePages({ failAt: 0 });
        assert.throws(() => iter.getPagesAlloc(ALL, { source: next }), FakeFault);
        assert.throws(() => iter.extractBvecs([], ALL, { source: next }), FakeFault);
        assert.deepEqual(iter.saveState(), before);
        assert.equal(source.held, 0);
      }
  });

  it('a page that a cache lacks ends the list before it', () => {
    const pages = new FakePages();
    const first = pages.pageOf(memory.buffer, 0);
    const pageAt = (index: number): number => (index === 12 ? -1 : first + 3 * index);
    const iter = IovIter.xarray({ pageAt }, pages, 10 * PAGE + 50, 4 * PAGE);
    assert.equal(iter.extractWillPin, false);
    const got = iter.getPagesAlloc(ALL);
    assert.deepEqual([got.bytes, got.start, ...got.pages], [2 * PAGE - 50, 50, first + 30, first + 33]);
    assert.equal(iter.iovOffset, 2 * PAGE - 50);
    const BOUNDS = { code: 'ERR_DIORITE_ITERATOR_BOUNDS', message: /had no page/ };
    for (const operation of [
      () => iter.getPagesAlloc(ALL),
      () => iter.forEachPage(ALL, () => {}),
      () => iter.forEachRun(ALL, () => {}),
      () => iter.peekRun({ buffer: memory.buffer, byteOffset: 0, length: 0 }, ALL),
      () => iter.copyFrom(new Uint8Array(1)),
      () => iter.zero(1),
    ])
      assert.throws(operation, BOUNDS);
    iter.advance(PAGE);
    assert.deepEqual([...iter.getPagesAlloc(ALL).pages], [first + 39, first + 42]);
    iter.revert(4 * PAGE);
    assert.throws(() => iter.copyTo(new Uint8Array(3 * PAGE).fill(1)), BOUNDS);
    assert.equal(memory[30 * PAGE + 50], 0, 'all memory is looked at before any is touched');
    assert.equal(iter.copyTo(new Uint8Array(5)), 5);
  });
});

describe('extractBvecs', () => {
  function extract(iter: IovIter, options: object = {}): [number, ...[number, number, number][]] {
    const source = new FakePages();
    const first = source.pageOf(memory.buffer, 0);
    const into: Bvec[] = [];
    const bytes = iter.extractBvecs(into, ALL, { source, ...options });
    let held = 0;
    for (const { page, offset, length } of into)
      for (let i = 0; i < Math.ceil((offset + length) / PAGE); i++, held++) source.put(Int32Array.of(page + i), 0, 1);
    assert.equal(source.held, 0, `each page of a vector is taken once: ${held}`);
    return [bytes, ...into.map(({ page, offset, length }): [number, number, number] => [page - first, offset, length])];
  }

  it('merges what is contiguous in one buffer', () => {
    const list = views([0, 9, PAGE], [1, 9, 512], [1, 521, 4000], [4, 0, PAGE], [5, 0, PAGE]);
    assert.deepEqual(extract(IovIter.iovec(list)), [3 * PAGE + 4512, [0, 9, PAGE + 4512], [4, 0, 2 * PAGE]]);
  });

  it('never merges two buffers, though their pages have numbers in a row', () => {
    const [one, two] = [new ArrayBuffer(PAGE), new ArrayBuffer(PAGE)];
    const source = new FakePages();
    source.pageOf = (buffer) => (buffer === one ? 10 : 11);
    const into: Bvec[] = [];
    IovIter.iovec([new Uint8Array(one), new Uint8Array(two)]).extractBvecs(into, ALL, { source });
    assert.deepEqual(into, [
      { page: 10, offset: 0, length: PAGE },
      { page: 11, offset: 0, length: PAGE },
    ]);
  });

  it('adds behind what there is, at most so many, and goes on', () => {
    const list = views([0, 0, PAGE], [2, 0, PAGE], [4, 0, PAGE], [6, 0, PAGE]);
    for (let maxVecs = 1; maxVecs <= 5; maxVecs++) {
      const source = new FakePages();
      const iter = IovIter.iovec(list);
      const into: Bvec[] = [];
      let calls = 0;
      for (; iter.count > 0; calls++) {
        const before = into.length;
        const bytes = iter.extractBvecs(into, ALL, { maxVecs, source });
        assert.equal(bytes, (into.length - before) * PAGE);
      }
      assert.equal(calls, Math.ceil(4 / maxVecs));
      assert.equal(source.held, 4);
    }
  });

  it('cuts the tail of a sum, gives it back, and puts its pages back', () => {
    const list = views([0, 0, PAGE], [2, 0, 700], [4, 0, 30]);
    const iter = IovIter.iovec(list);
    assert.deepEqual(extract(iter, { lengthAlignment: 512 }), [PAGE + 512, [0, 0, PAGE], [2, 0, 512]]);
    assert.equal(iter.count, 218);
    const before = iter.saveState();
    assert.throws(() => extract(iter, { lengthAlignment: 512 }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.deepEqual(iter.saveState(), before);
    assert.deepEqual(extract(iter, { lengthAlignment: 4 }), [216, [2, 512, 188], [4, 0, 28]]);
  });

  it('looks at the alignment of all memory before it touches any', () => {
    const iter = IovIter.iovec(views([0, 0, PAGE], [2, 0, 1024], [4, 256, 512]));
    assert.throws(() => extract(iter, { memoryAlignment: 512 }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.equal(iter.count, PAGE + 1536);
    assert.equal(extract(iter, { memoryAlignment: 256 })[0], PAGE + 1536);
    for (const options of [{ memoryAlignment: 3 }, { memoryAlignment: 8192 }, { lengthAlignment: 0 }, { maxVecs: -1 }])
      assert.throws(() => extract(IovIter.ubuf(memory), options), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('of vectors over many pages, from any offset', () => {
    const pages = new FakePages();
    const first = pages.pageOf(memory.buffer, 0);
    const iter = IovIter.bvec([{ page: first, offset: 5000, length: 17 * PAGE }], pages);
    iter.advance(4000);
    const into: Bvec[] = [];
    assert.equal(iter.extractBvecs(into, ALL), 17 * PAGE - 4000);
    assert.deepEqual(into, [{ page: first + 2, offset: 9000 - 2 * PAGE, length: 17 * PAGE - 4000 }]);
    assert.equal(pages.getCalls, 0);
  });
});

describe('questions about memory', () => {
  it('npages counts a page that two segments share twice, and stops where it is told', () => {
    const source = new FakePages();
    const iter = IovIter.iovec(views([0, 0, 512], [0, 512, 512], [2, 4000, 200], [9, 0, 0]));
    assert.equal(iter.npages(ALL, source), 4);
    assert.equal(iter.npages(3, source), 3);
    iter.truncate(1030);
    assert.equal(iter.npages(ALL, source), 3);
    iter.truncate(0);
    assert.equal(iter.npages(ALL, source), 0);
    assert.equal(IovIter.discard(9000).npages(), 0);
    assert.equal(IovIter.ubuf(memory.subarray(0, PAGE)).npages(ALL, { offsetInPage: () => -1 }), 2);
  });

  it('alignment is of starts and lengths, within the count', () => {
    const source = new FakePages();
    const iter = IovIter.iovec(views([0, 0, PAGE], [9, 1, 0], [2, 512, 1024]));
    assert.equal(iter.alignment(source), 512 | 1024);
    iter.truncate(PAGE + 3);
    assert.equal(iter.alignment(source), 512 | 3);
    iter.advance(PAGE + 3);
    assert.equal(iter.alignment(source), 0);
    assert.equal(IovIter.ubuf(memory).alignment({ offsetInPage: () => -1 }), 1, 'an unknown address is misaligned');
    assert.equal(IovIter.discard(5).alignment(), 0);
  });

  it('gapAlignment is of the seams alone', () => {
    const source = new FakePages();
    assert.equal(IovIter.iovec(views([0, 7, PAGE - 7], [9, 3, 0], [2, 0, 9])).gapAlignment(source), 0);
    assert.equal(IovIter.iovec(views([0, 0, 512], [2, 0, 9])).gapAlignment(source), 512);
    assert.equal(IovIter.iovec(views([0, 0, PAGE], [2, 64, 9])).gapAlignment(source), 64);
    assert.equal(IovIter.ubuf(memory.subarray(5, 10)).gapAlignment(source), 0);
    assert.equal(IovIter.iovec(views([0, 0, PAGE], [2, 0, 9])).gapAlignment({ offsetInPage: () => -1 }), 1);
  });
});

describe('what a walk allocates', () => {
  /** How many arrays of pages `f` makes. */
  function arraysOf(f: () => void): number {
    const Original = globalThis.Int32Array;
    let made = 0;
    globalThis.Int32Array = new Proxy(Original, {
      construct: (target, args) => {
        made++;
        return Reflect.construct(target, args);
      },
    });
    try {
      f();
    } finally {
      globalThis.Int32Array = Original;
    }
    return made;
  }

  const walk = (pages: number, source: FakePages): number => {
    const iter = IovIter.ubuf(memory.subarray(0, pages * PAGE));
    return arraysOf(() => void iter.forEachPage(ALL, () => {}, source));
  };

  it('is nothing up to 64 pages, and one array, sized by what is asked, beyond', () => {
    walk(1, new FakePages());
    for (const batchMax of [1, 64, ALL]) {
      assert.equal(walk(64, new FakePages({ batchMax })), 0);
      assert.equal(walk(65, new FakePages({ batchMax })), 1);
      assert.equal(walk(4000, new FakePages({ batchMax })), 1);
    }
    assert.equal(walk(4000, new FakePages({ holds: true })), 0);
    const source = new FakePages();
    IovIter.ubuf(memory.subarray(0, 1000 * PAGE)).forEachPage(ALL, () => {}, source);
    assert.equal(source.getCalls, 1, 'a longer walk takes longer batches');
  });
});

describe('buffers that are held', () => {
  it('are released once each, however many there are, wherever the walk ends', () => {
    const buffers = Array.from({ length: 40 }, () => new Uint8Array(2 * PAGE));
    const order = Array.from({ length: 200 }, (_, i) => buffers[(i * 7) % 40] ?? memory);
    const list = order.map((view, i) => view.subarray((i % 2) * PAGE, (i % 2) * PAGE + PAGE));
    for (let stopAt = 0; stopAt <= list.length; stopAt += 9) {
      const source = new FakePages({ holds: true });
      const iter = IovIter.iovec(list);
      let seen = 0;
      const accepted = iter.forEachPage(
        ALL,
        (page, from, size) => {
          if (seen === stopAt) return false;
          assert.ok(source.isHeld(page));
          assert.equal(source.viewOf(page, from, size).buffer, order[seen]?.buffer);
          seen++;
          return true;
        },
        source,
      );
      assert.equal(accepted, Math.min(stopAt, list.length) * PAGE);
      assert.equal(source.held, 0);
    }
  });

  it('that are taken away meanwhile are an error, and what came before counts', () => {
    const gone = new Uint8Array(2 * PAGE);
    const source = new FakePages({ holds: true });
    const iter = IovIter.iovec([
      memory.subarray(0, PAGE),
      gone.subarray(0, PAGE),
      memory.subarray(0, PAGE),
      gone.subarray(PAGE),
    ]);
    let seen = 0;
    const f = (): void => {
      if (++seen === 3) structuredClone(gone.buffer, { transfer: [gone.buffer] });
    };
    assert.throws(() => iter.forEachPage(ALL, f, source), { code: 'ERR_DIORITE_DETACHED' });
    assert.equal(iter.count, PAGE);
    assert.equal(source.held, 0);
  });
});
