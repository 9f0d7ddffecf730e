// forEachRun and peekRun: against a naive walk over bytes.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FakePages } from '../../test/support/fake-pages.js';
import {
  aKind,
  type Byte,
  makeBuffers,
  makeIterator,
  naiveBytes,
  piecesOf,
  placed,
  SEEDED,
  somePieces,
} from '../../test/support/iterators.js';
import { IovIter, type Run } from './iov-iter.js';

const PAGE = 4096;
const ALL = Number.POSITIVE_INFINITY;

function newRun(): Run {
  return { buffer: new ArrayBuffer(0), byteOffset: 0, length: 0 };
}

function view(pages: number): Uint8Array {
  return new Uint8Array(pages * PAGE);
}

describe('runs', () => {
  type Stretch = [buffer: number, byteOffset: number, size: number];

  /** Runs byte by byte: a new one where the next byte lies elsewhere, or in another buffer. */
  function naiveRuns(bytes: readonly Byte[]): Stretch[] {
    const runs: Stretch[] = [];
    for (const { buffer, at } of bytes) {
      const last = runs.at(-1);
      if (last !== undefined && last[0] === buffer && last[1] + last[2] === at) last[2]++;
      else runs.push([buffer, at, 1]);
    }
    return runs;
  }

  const cases = fc.tuple(aKind, somePieces, fc.nat({ max: 9000 }), fc.nat({ max: 40_000 }));

  it('forEachRun gives the longest, in order', () => {
    const property = fc.property(cases, ([kind, drawn, skip, size]) => {
      const buffers: ArrayBufferLike[] = makeBuffers(false);
      const bytes = naiveBytes(piecesOf(kind, drawn));
      const start = Math.min(skip, bytes.length);
      const iter = makeIterator(kind, drawn, buffers, new FakePages({ offsetInPage: placed(buffers) }));
      iter.advance(start);
      const runs: Stretch[] = [];
      const accepted = iter.forEachRun(size, (buffer, byteOffset, bytes) => {
        runs.push([buffers.indexOf(buffer), byteOffset, bytes]);
      });
      assert.deepEqual(runs, naiveRuns(bytes.slice(start, start + size)));
      assert.equal(accepted, Math.min(size, bytes.length - start));
      assert.equal(iter.count, bytes.length - start - accepted);
    });
    fc.assert(property, SEEDED);
  });

  it('peekRun gives the one at the position, and does not move', () => {
    const property = fc.property(cases, ([kind, drawn, skip, maxBytes]) => {
      const buffers = makeBuffers(false);
      const bytes = naiveBytes(piecesOf(kind, drawn));
      const start = Math.min(skip, bytes.length);
      const iter = makeIterator(kind, drawn, buffers);
      iter.advance(start);
      const before = iter.saveState();
      const run = newRun();
      const [expected] = naiveRuns(bytes.slice(start, start + maxBytes));
      assert.equal(iter.peekRun(run, maxBytes), expected?.[2] ?? 0);
      assert.equal(run.length, expected?.[2] ?? 0);
      if (expected !== undefined) {
        assert.equal(run.buffer, buffers[expected[0]]);
        assert.equal(run.byteOffset, expected[1]);
      }
      assert.deepEqual(iter.saveState(), before);
    });
    fc.assert(property, SEEDED);
  });

  it('keeps within the count after truncate', () => {
    const memory = view(2);
    const iter = IovIter.iovec([memory.subarray(0, PAGE), memory.subarray(PAGE)]);
    iter.truncate(PAGE + 3);
    assert.equal(iter.peekRun(newRun(), ALL), PAGE + 3);
    const sizes: number[] = [];
    iter.forEachPage(ALL, (_page, _from, size) => void sizes.push(size), new FakePages());
    assert.deepEqual(sizes, [PAGE, 3]);
  });

  it('merges pages of bvecs by where they lie, and never two buffers', () => {
    const [one, two] = [view(4), view(4)];
    const pages = new FakePages();
    const [a, b] = [pages.pageOf(one.buffer, 0), pages.pageOf(two.buffer, 0)];
    const bvecs = [a, a + 1, a + 3, b, b + 1].map((page) => ({ page, offset: 0, length: PAGE }));
    const iter = IovIter.bvec(bvecs, pages);
    const sizes: number[] = [];
    iter.forEachRun(ALL, (_buffer, byteOffset, size) => {
      sizes.push(byteOffset, size);
    });
    assert.deepEqual(sizes, [0, 2 * PAGE, 3 * PAGE, PAGE, 0, 2 * PAGE]);
  });

  it('walks a bvec whose pages lie apart', () => {
    const [one, two] = [view(1), view(1)];
    const memory = [one, two, one];
    const pages = new FakePages();
    pages.viewOf = (page, from, size) => (memory[page - 10] ?? one).subarray(from, from + size);
    one.fill(1);
    two.fill(2);
    const iter = IovIter.bvec([{ page: 10, offset: 4000, length: 5000 }], pages);
    const runs: [boolean, number, number][] = [];
    iter.dup().forEachRun(ALL, (buffer, byteOffset, size) => {
      runs.push([buffer === two.buffer, byteOffset, size]);
    });
    assert.deepEqual(runs, [
      [false, 4000, 96],
      [true, 0, PAGE],
      [false, 0, 5000 - 96 - PAGE],
    ]);
    iter.advance(90);
    assert.equal(iter.peekRun(newRun(), ALL), 6);
    const target = new Uint8Array(4910);
    iter.copyFrom(target);
    assert.deepEqual([target[5], target[6], target[4101], target[4102], target[4909]], [1, 2, 2, 1, 1]);
  });

  it('stops at false and at a promise, with that run not consumed', () => {
    const iter = IovIter.iovec([view(1), view(2), view(3)]);
    assert.equal(
      iter.forEachRun(ALL, (_buffer, _byteOffset, size) => size < 3 * PAGE),
      3 * PAGE,
    );
    assert.equal(iter.count, 3 * PAGE);
    const later: unknown = async () => {};
    assert.throws(() => iter.forEachRun(ALL, later as () => void), { code: 'ERR_DIORITE_ASYNC_CALLBACK' });
    assert.equal(iter.count, 3 * PAGE);
  });
});

describe('memory that goes while its runs are offered', () => {
  // ES2024's constructor, which every Node that this runs on has.
  const Resizable = ArrayBuffer as unknown as new (
    bytes: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(bytes: number): void };
  const apart = (buffer: ArrayBuffer): IovIter =>
    IovIter.iovec([4000, 3000, 2000, 1000].map((from) => new Uint8Array(buffer, from, 500)));

  for (const [way, make, lose] of [
    ['detached', () => new ArrayBuffer(5000), (b: ArrayBuffer) => structuredClone(b, { transfer: [b] })],
    [
      'shrunk',
      () => new Resizable(5000, { maxByteLength: 5000 }),
      (b: ArrayBuffer) => (b as InstanceType<typeof Resizable>).resize(2400),
    ],
  ] as const) {
    it(`${way}: the next run is refused, and the iterator stands behind what was accepted`, () => {
      for (const runsBefore of [1, 2]) {
        const buffer = make();
        const iter = apart(buffer);
        let runs = 0;
        const walk = (): number =>
          iter.forEachRun(2000, () => {
            if (++runs === runsBefore) lose(buffer);
          });
        assert.throws(walk, { code: 'ERR_DIORITE_DETACHED' });
        assert.deepEqual([runs, iter.count], [runsBefore, 2000 - 500 * runsBefore]);
      }
    });
  }
});
