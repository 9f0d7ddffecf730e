// forEachPage: against a naive walk over bytes, with faults, batches of any size and callbacks that come back in.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FakeFault, FakePages } from '../../test/support/fake-pages.js';
import {
  aKind,
  type Byte,
  MEMORY_KINDS,
  makeBuffers,
  makeIterator,
  naiveBytes,
  type Piece,
  piecesOf,
  placed,
  SEEDED,
  somePieces,
} from '../../test/support/iterators.js';
import { IovIter, type Run } from './iov-iter.js';

const PAGE = 4096;
const ALL = Number.POSITIVE_INFINITY;
const BUSY = { code: 'ERR_DIORITE_ITERATOR_BUSY' };

/** [page, from, size] */
type Fragment = [number, number, number];

/** Fragments as a walk byte by byte finds them: a new one wherever the segment or the page changes. */
function naiveFragments(bytes: readonly Byte[], buffers: readonly ArrayBuffer[], pages: FakePages): Fragment[] {
  const fragments: Fragment[] = [];
  let segment = -1;
  for (const byte of bytes) {
    const buffer = buffers[byte.buffer] ?? new ArrayBuffer(0);
    const page = pages.pageOf(buffer, byte.at);
    const last = fragments.at(-1);
    if (last !== undefined && last[0] === page && segment === byte.segment) last[2]++;
    else fragments.push([page, (pages.offsetInPage(buffer) + byte.at) % PAGE, 1]);
    segment = byte.segment;
  }
  return fragments;
}

function fragmentsOf(iter: IovIter, size: number, pages: FakePages): Fragment[] {
  const fragments: Fragment[] = [];
  iter.forEachPage(
    size,
    (page, from, bytes) => {
      fragments.push([page, from, bytes]);
    },
    pages,
  );
  return fragments;
}

function newRun(): Run {
  return { buffer: new ArrayBuffer(0), byteOffset: 0, length: 0 };
}

function view(pages: number): Uint8Array {
  return new Uint8Array(pages * PAGE);
}

describe('forEachPage', () => {
  it('gives the fragments of a naive walk, whatever the batches', () => {
    const cases = fc.tuple(aKind, somePieces, fc.nat({ max: 9000 }), fc.nat({ max: 40_000 }));
    const property = fc.property(cases, ([kind, drawn, skip, size]) => {
      const buffers = makeBuffers(false);
      const bytes = naiveBytes(piecesOf(kind, drawn));
      const start = Math.min(skip, bytes.length);
      for (const batchMax of [0, 1, 2, 3, 64, ALL]) {
        const pages = new FakePages({ batchMax, holds: batchMax === 0, offsetInPage: placed(buffers) });
        const iter = makeIterator(kind, drawn, buffers, pages);
        iter.advance(start);
        const fragments = fragmentsOf(iter, size, pages);
        assert.deepEqual(fragments, naiveFragments(bytes.slice(start, start + size), buffers, pages));
        assert.equal(iter.count, Math.max(0, bytes.length - start - size));
        assert.equal(pages.held, 0);
        if (kind === 'bvec' || kind === 'xarray' || batchMax === 0) assert.equal(pages.getCalls, 0);
      }
    });
    fc.assert(property, SEEDED);
  });

  it('names the page that holds the bytes, and holds it meanwhile', () => {
    const memory = view(200).fill(9);
    const pages = new FakePages({ offsetInPage: () => 100 });
    let seen = 0;
    const accepted = IovIter.ubuf(memory).forEachPage(
      ALL,
      (page, from, size) => {
        assert.ok(pages.isHeld(page) && size > 0 && from + size <= PAGE);
        const bytes = pages.viewOf(page, from, size);
        assert.equal(bytes.byteOffset, seen);
        seen += size;
      },
      pages,
    );
    assert.equal(accepted, memory.length);
    assert.equal(seen, memory.length);
    assert.equal(pages.pagesTaken, 201);
    assert.ok(pages.getCalls <= 4, 'pages come in batches');
    assert.equal(pages.held, 0);
  });

  it('hands single pages of bvecs that go over many, from any offset', () => {
    const memory = view(20);
    const pages = new FakePages();
    const first = pages.pageOf(memory.buffer, 0);
    const iter = IovIter.bvec([{ page: first, offset: 5000, length: 12 * PAGE }], pages);
    const fragments = fragmentsOf(iter, ALL, pages);
    assert.deepEqual(fragments[0], [first + 1, 904, PAGE - 904]);
    assert.equal(fragments.length, 13);
    assert.deepEqual(fragments.at(-1), [first + 13, 0, 904]);
    assert.throws(() => iter.forEachPage(1, () => {}, new FakePages()), { code: 'ERR_INVALID_ARG_VALUE' });
  });

  it('stops where false is returned, and puts every page back once, at each fragment', () => {
    abortAtEach((iter, pages, k) => {
      let calls = 0;
      return iter.forEachPage(ALL, () => calls++ < k, pages);
    });
  });

  it('lets a throw through, and puts every page back once, at each fragment', () => {
    abortAtEach((iter, pages, k) => {
      const before = iter.count;
      let calls = 0;
      const stop = (): void => {
        if (calls++ === k) throw new RangeError('stop');
      };
      assert.throws(() => iter.forEachPage(ALL, stop, pages), RangeError);
      return before - iter.count;
    });
  });

  it('refuses a promise, with that fragment not consumed', () => {
    abortAtEach((iter, pages, k) => {
      const before = iter.count;
      let calls = 0;
      const later = (): unknown => (calls++ === k ? Promise.resolve() : undefined);
      const walk = (): number => iter.forEachPage(ALL, later as () => void, pages); // what a JavaScript caller may do
      assert.throws(walk, { code: 'ERR_DIORITE_ASYNC_CALLBACK' });
      return before - iter.count;
    });
  });

  it('gives what came before a fault, then the fault, at each page', () => {
    abortAtEach((iter, _pages, k) => {
      const faulty = new FakePages({ failAt: k, batchMax: 3 });
      const before = iter.count;
      let calls = 0;
      const count = (): void => {
        calls++;
      };
      assert.throws(() => iter.forEachPage(ALL, count, faulty), FakeFault);
      assert.equal(calls, k);
      assert.equal(faulty.held, 0);
      return before - iter.count;
    });
  });

  /** Over 70 pages in a batch and more, a cut page at both ends, an empty segment, and one that starts in mid-page. */
  function abortAtEach(abort: (iter: IovIter, pages: FakePages, k: number) => number): void {
    const memory = view(80);
    const views = [
      memory.subarray(100, 70 * PAGE + 7),
      memory.subarray(0, 0),
      memory.subarray(71 * PAGE + 9, 73 * PAGE + 1),
    ];
    const whole = fragmentsOf(IovIter.iovec(views), ALL, new FakePages());
    let accepted = 0;
    for (const [k, fragment] of whole.entries()) {
      const pages = new FakePages();
      const iter = IovIter.iovec(views);
      const total = iter.count;
      assert.equal(abort(iter, pages, k), accepted);
      assert.equal(iter.count, total - accepted, `at fragment ${k} the iterator stands at what was accepted`);
      assert.equal(pages.held, 0, `at fragment ${k} all pages are put back`);
      const rest = fragmentsOf(iter, ALL, pages);
      assert.deepEqual(
        rest.map(([, from, size]) => [from, size]),
        whole.slice(k).map(([, from, size]) => [from, size]),
      );
      accepted += fragment[2];
    }
  }

  it('ends with an error when the source gives nothing, and never spins', () => {
    const pages = new FakePages();
    pages.get = () => 0;
    assert.throws(() => IovIter.ubuf(view(1)).forEachPage(ALL, () => {}, pages), { code: 'ERR_DIORITE_ASSERTION' });
  });

  it('refuses memory whose address is not known', () => {
    const iter = IovIter.ubuf(view(1));
    const pages = new FakePages({ offsetInPage: () => -1 });
    assert.throws(() => iter.forEachPage(ALL, () => {}, pages), { code: 'ERR_DIORITE_UNSUPPORTED' });
    assert.equal(pages.getCalls, 0);
    assert.equal(iter.count, PAGE);
  });

  it('uses the portable source when there is no other', () => {
    const sizes: number[] = [];
    IovIter.ubuf(new Uint8Array(new ArrayBuffer(3 * PAGE), 10, 2 * PAGE)).forEachPage(ALL, (_page, from, size) => {
      sizes.push(from, size);
    });
    assert.deepEqual(sizes, [10, PAGE - 10, 0, PAGE, 0, 10]);
  });

  it('of nothing calls nobody', () => {
    const never = (): void => assert.fail('called');
    assert.equal(IovIter.ubuf(view(1)).forEachPage(0, never), 0);
    for (const kind of MEMORY_KINDS) {
      const empty: Piece = { buffer: 0, from: 0, length: 0 };
      const pages = new FakePages();
      const iter = makeIterator(kind, [empty, empty], makeBuffers(false), pages);
      assert.equal(iter.forEachPage(ALL, never), 0);
      assert.equal(iter.forEachRun(ALL, never), 0);
      assert.equal(iter.peekRun(newRun(), ALL), 0);
    }
  });
});

describe('a callback', () => {
  it('may walk the same memory again, and move duplicates', () => {
    const pages = new FakePages();
    const memory = view(70);
    const iter = IovIter.ubuf(memory);
    const expected = fragmentsOf(iter.dup(), ALL, pages);
    const outer: Fragment[] = [];
    iter.forEachPage(
      ALL,
      (page, from, size) => {
        outer.push([page, from, size]);
        const twin = iter.dup();
        assert.equal(twin.count, iter.count);
        if (outer.length % 20 === 1) {
          assert.deepEqual(fragmentsOf(twin, ALL, pages), expected.slice(outer.length - 1));
          assert.equal(iter.dup().copyTo(Uint8Array.of(7)), 1);
          assert.equal(
            iter.dup().forEachRun(ALL, () => {}),
            memory.length - (outer.length - 1) * PAGE,
          );
        }
        assert.ok(pages.isHeld(page), 'a walk within a walk leaves the outer one its pages');
      },
      pages,
    );
    assert.deepEqual(outer, expected);
    assert.equal(pages.held, 0);
  });

  it('nests deeper than there are spare batches', () => {
    const pages = new FakePages();
    const iter = IovIter.ubuf(view(3));
    let deepest = 0;
    const walk = (depth: number): void => {
      deepest = Math.max(deepest, depth);
      const seen: number[] = [];
      iter.dup().forEachPage(
        ALL,
        (page) => {
          if (seen.length === 1 && depth < 20) walk(depth + 1);
          seen.push(page);
        },
        pages,
      );
      assert.deepEqual(
        seen.map((page) => page - (seen[0] ?? 0)),
        [0, 1, 2],
      );
    };
    walk(0);
    assert.equal(deepest, 20);
    assert.equal(pages.held, 0);
  });

  it('may not move the iterator that is walked, and sees where it stands', () => {
    const iter = IovIter.iovec([view(1), view(1)]);
    const state = iter.saveState();
    const moves: (() => unknown)[] = [
      () => iter.advance(1),
      () => iter.advance(0),
      () => iter.revert(0),
      () => iter.truncate(1),
      () => iter.reexpand(1),
      () => iter.restore(state),
      () => iter.copyTo(new Uint8Array(1)),
      () => iter.copyFrom(new Uint8Array(1)),
      () => iter.zero(1),
      () => iter.forEachRun(1, () => {}),
      () => iter.forEachPage(1, () => {}),
    ];
    let seen = 0;
    const body = (): void => {
      for (const move of moves) assert.throws(move, BUSY);
      assert.equal(iter.count, (2 - seen++) * PAGE);
      assert.equal(iter.peekRun(newRun(), ALL), PAGE);
      assert.equal(iter.saveState().segment, seen - 1);
    };
    iter.forEachPage(ALL, body, new FakePages());
    assert.equal(seen, 2);
    iter.restore(state);
    seen = 0;
    iter.forEachRun(ALL, body);
    assert.equal(seen, 2);
    iter.revert(2 * PAGE);
    assert.equal(iter.count, 2 * PAGE);
  });

  it('leaves the iterator free to move after it threw', () => {
    const iter = IovIter.ubuf(view(1));
    const stop = (): void => {
      throw new RangeError('stop');
    };
    assert.throws(() => iter.forEachRun(ALL, stop), RangeError);
    assert.throws(() => iter.forEachPage(ALL, stop, new FakePages()), RangeError);
    iter.advance(PAGE);
  });
});
