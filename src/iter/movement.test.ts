// Movement of every kind of iterator: against a naive list of bytes, and at the edges.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  aKind,
  makeBuffers,
  makeIterator,
  naiveBytes,
  type Piece,
  piecesOf,
  SEEDED,
  somePieces,
  valuesOf,
} from '../../test/support/iterators.js';
import { IovIter } from './iov-iter.js';

const BOUNDS = { code: 'ERR_DIORITE_ITERATOR_BOUNDS' };

function iovec(...lengths: number[]): IovIter {
  return IovIter.iovec(lengths.map((length) => new Uint8Array(length)));
}

function place(iter: IovIter): { nrSegs: number; iovOffset: number; count: number } {
  return { nrSegs: iter.nrSegs, iovOffset: iter.iovOffset, count: iter.count };
}

/** The same lengths as every kind that has a list. */
function everyKind(...lengths: number[]): IovIter[] {
  const pieces: Piece[] = lengths.map((length, index) => ({ buffer: 0, from: index * 4096, length }));
  const buffers = makeBuffers(true);
  return [
    makeIterator('iovec', pieces, buffers),
    makeIterator('kvec', pieces, buffers),
    makeIterator('bvec', pieces, buffers),
    makeIterator('folioq', pieces, buffers),
  ];
}

describe('advance', () => {
  it('stands at the start of the next segment when it has consumed one exactly', () => {
    for (const iter of everyKind(10, 20)) {
      iter.advance(10);
      assert.deepEqual(place(iter), { nrSegs: 1, iovOffset: 0, count: 20 });
    }
  });

  it('leaves no segment after full consumption, in each kind', () => {
    for (const iter of [...everyKind(10, 0, 20, 0), IovIter.ubuf(new Uint8Array(30)), IovIter.discard(30)]) {
      iter.advance(30);
      assert.deepEqual(place(iter), { nrSegs: 0, iovOffset: 0, count: 0 }, iter.kind);
    }
  });

  it('by 0 drops empty segments, as long as something is left', () => {
    for (const iter of everyKind(0, 0, 10, 0)) {
      iter.advance(0);
      assert.deepEqual(place(iter), { nrSegs: 2, iovOffset: 0, count: 10 });
    }
    for (const iter of everyKind(0, 0)) {
      iter.advance(0);
      assert.deepEqual(place(iter), { nrSegs: 2, iovOffset: 0, count: 0 });
    }
  });

  it('skips empty segments in the middle', () => {
    for (const iter of everyKind(5, 0, 0, 5)) {
      iter.advance(5);
      assert.deepEqual(place(iter), { nrSegs: 1, iovOffset: 0, count: 5 });
    }
  });

  it('refuses more than is left, and stays', () => {
    for (const iter of [...everyKind(10, 20), IovIter.discard(30)]) {
      iter.advance(4);
      iter.truncate(8);
      const before = place(iter);
      assert.throws(() => iter.advance(9), BOUNDS);
      assert.deepEqual(place(iter), before);
    }
  });

  it('goes over thousands of segments and many GiB', () => {
    const view = new Uint8Array(1 << 20);
    const iter = IovIter.iovec(new Array<Uint8Array>(5000).fill(view));
    assert.equal(iter.count, 5000 * 2 ** 20);
    iter.advance(4999 * 2 ** 20 + 1);
    assert.deepEqual(place(iter), { nrSegs: 1, iovOffset: 1, count: 2 ** 20 - 1 });
    iter.revert(iter.count + 3 * 2 ** 30);
    assert.equal(iter.count, 2 * (2 ** 20 - 1) + 3 * 2 ** 30);
    const most = IovIter.discard(Number.MAX_SAFE_INTEGER);
    most.advance(2 ** 53 - 2);
    assert.equal(most.count, 1);
    most.revert(2 ** 52);
    assert.equal(most.count, 2 ** 52 + 1);
  });
});

describe('revert', () => {
  it('lands on the start of the later segment, and by 0 stays', () => {
    for (const iter of everyKind(10, 20)) {
      iter.advance(15);
      iter.revert(5);
      assert.deepEqual(place(iter), { nrSegs: 1, iovOffset: 0, count: 20 });
      iter.revert(0);
      assert.deepEqual(place(iter), { nrSegs: 1, iovOffset: 0, count: 20 });
      iter.revert(1);
      assert.deepEqual(place(iter), { nrSegs: 2, iovOffset: 9, count: 21 });
    }
  });

  it('goes back over empty segments, and from the very end', () => {
    for (const iter of everyKind(10, 0, 0, 20, 0)) {
      iter.advance(30);
      iter.revert(20);
      assert.deepEqual(place(iter), { nrSegs: 2, iovOffset: 0, count: 20 });
      iter.revert(10);
      assert.deepEqual(place(iter), { nrSegs: 5, iovOffset: 0, count: 30 });
    }
  });

  it('refuses to go before the start, with nothing changed', () => {
    for (const iter of [...everyKind(10, 20), IovIter.ubuf(new Uint8Array(30)), IovIter.discard(30)]) {
      iter.advance(12);
      const before = place(iter);
      assert.throws(() => iter.revert(13), BOUNDS, iter.kind);
      assert.deepEqual(place(iter), before);
      iter.revert(12);
      assert.equal(iter.count, 30);
    }
  });
});

describe('truncate and reexpand', () => {
  it('truncate caps and never raises; the segments stay', () => {
    const iter = iovec(10, 20);
    iter.truncate(12);
    iter.truncate(25);
    iter.truncate(Number.POSITIVE_INFINITY);
    assert.deepEqual(place(iter), { nrSegs: 2, iovOffset: 0, count: 12 });
    iter.advance(12);
    assert.deepEqual(place(iter), { nrSegs: 1, iovOffset: 2, count: 0 });
  });

  it('the idiom: truncate, operate, reexpand by what was not moved', () => {
    const iter = iovec(10, 20);
    const saved = iter.count;
    iter.truncate(12);
    const copied = iter.copyTo(new Uint8Array(100));
    iter.reexpand(saved - copied);
    assert.equal(copied, 12);
    assert.deepEqual(place(iter), { nrSegs: 1, iovOffset: 2, count: 18 });
  });

  it('reexpand refuses more than the segments hold from here on', () => {
    const iter = iovec(10, 20);
    iter.advance(5);
    iter.truncate(1);
    assert.throws(() => iter.reexpand(26), BOUNDS);
    assert.equal(iter.count, 1);
    iter.reexpand(25);
    assert.equal(iter.count, 25);
  });

  it('revert after truncate keeps within the segments', () => {
    const iter = iovec(10, 20);
    iter.advance(15);
    iter.truncate(5);
    iter.revert(15);
    assert.deepEqual(place(iter), { nrSegs: 2, iovOffset: 0, count: 20 });
    assert.throws(() => iter.revert(1), BOUNDS);
  });
});

describe('saveState and restore', () => {
  it('come back from anywhere, and undo truncation', () => {
    for (const iter of [...everyKind(10, 0, 20), IovIter.ubuf(new Uint8Array(30)), IovIter.discard(30)]) {
      iter.advance(3);
      const state = iter.saveState();
      const before = place(iter);
      iter.truncate(20);
      iter.advance(20);
      const later = iter.saveState();
      iter.restore(state);
      assert.deepEqual(place(iter), before, iter.kind);
      iter.restore(later);
      assert.equal(iter.count, 0);
    }
  });

  it('fill the object that they are given', () => {
    const into = { segment: 9, iovOffset: 9, count: 9 };
    const iter = iovec(10, 20);
    iter.advance(11);
    assert.equal(iter.saveState(into), into);
    assert.deepEqual(into, { segment: 1, iovOffset: 1, count: 19 });
  });

  it('refuse what lies outside of the segments, with nothing changed', () => {
    const iter = iovec(10, 20);
    for (const state of [
      { segment: 3, iovOffset: 0, count: 0 },
      { segment: 2, iovOffset: 1, count: 0 },
      { segment: 0, iovOffset: 11, count: 0 },
      { segment: 1, iovOffset: 5, count: 16 },
    ])
      assert.throws(() => iter.restore(state), BOUNDS);
    assert.throws(() => iter.restore({ segment: 0.5, iovOffset: 0, count: 0 }), { code: 'ERR_OUT_OF_RANGE' });
    assert.deepEqual(place(iter), { nrSegs: 2, iovOffset: 0, count: 30 });
  });
});

describe('dup', () => {
  it('moves on its own, over the same segments', () => {
    const iter = iovec(10, 20);
    iter.advance(4);
    const twin = iter.dup();
    assert.equal(twin.kind, 'iovec');
    assert.deepEqual(place(twin), place(iter));
    twin.advance(20);
    assert.deepEqual(place(iter), { nrSegs: 2, iovOffset: 4, count: 26 });
    iter.revert(4);
    assert.equal(twin.count, 6);
  });
});

describe('construction', () => {
  it('copies the list: what the caller does to its array has no effect', () => {
    const views = [Uint8Array.of(1, 2), Uint8Array.of(3, 4)];
    const iter = IovIter.iovec(views);
    views.length = 0;
    const target = new Uint8Array(4);
    assert.equal(iter.copyFrom(target), 4);
    assert.deepEqual([...target], [1, 2, 3, 4]);
  });

  it('takes views of any type, and counts their bytes', () => {
    const buffer = new ArrayBuffer(64);
    const views = [
      new Float64Array(buffer, 8, 2),
      new DataView(buffer, 3, 5),
      Buffer.from(buffer, 1, 4),
      new Uint16Array(1),
    ];
    assert.equal(IovIter.iovec(views).count, 16 + 5 + 4 + 2);
    assert.equal(IovIter.ubuf(new DataView(buffer, 3)).count, 61);
    assert.equal(IovIter.ubuf(new Uint8Array(new SharedArrayBuffer(8))).count, 8);
  });

  it('names the argument that is wrong', () => {
    const views: unknown[] = [new Uint8Array(1), new Uint8Array(1), new Uint8Array(1), 'three'];
    const expected = { code: 'ERR_INVALID_ARG_TYPE', message: /"memory\[3\]"/ };
    assert.throws(() => IovIter.iovec(views as Uint8Array[]), expected); // what a JavaScript caller may do
    assert.throws(() => IovIter.from(views as Uint8Array[]), expected);
    const none: unknown = new ArrayBuffer(4);
    assert.throws(() => IovIter.ubuf(none as Uint8Array), { code: 'ERR_INVALID_ARG_TYPE', message: /"memory"/ });
    assert.throws(() => IovIter.from(none as Uint8Array), { code: 'ERR_INVALID_ARG_TYPE', message: /"memory"/ });
    assert.throws(() => IovIter.iovec(new Array<Uint8Array>(2)), { code: 'ERR_INVALID_ARG_TYPE', message: /\[0\]/ });
  });

  it('from passes an iterator through, and picks the kind', () => {
    const iter = iovec(1);
    assert.equal(IovIter.from(iter), iter);
    assert.equal(IovIter.from(new Uint8Array(1)).kind, 'ubuf');
    assert.equal(IovIter.from([new Uint8Array(1)]).kind, 'iovec');
  });

  it('checks integers before anything changes', () => {
    const iter = iovec(10);
    for (const bad of [-1, 0.5, Number.NaN, 2 ** 53]) {
      for (const move of ['advance', 'revert', 'truncate', 'reexpand', 'zero'] as const)
        assert.throws(() => iter[move](bad), { code: 'ERR_OUT_OF_RANGE' }, `${move}(${bad})`);
      assert.throws(() => iter.forEachPage(bad, () => {}), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => iter.forEachRun(bad, () => {}), { code: 'ERR_OUT_OF_RANGE' });
      assert.throws(() => IovIter.discard(bad), { code: 'ERR_OUT_OF_RANGE' });
    }
    const text: unknown = '1';
    assert.throws(() => iter.advance(text as number), { code: 'ERR_INVALID_ARG_TYPE' });
    assert.deepEqual(place(iter), { nrSegs: 1, iovOffset: 0, count: 10 });
  });
});

describe('singleSegCount', () => {
  it('is what is left of the current segment and of the count', () => {
    const iter = iovec(10, 0, 20);
    iter.advance(3);
    assert.equal(iter.singleSegCount(), 7);
    iter.truncate(5);
    assert.equal(iter.singleSegCount(), 5);
    assert.equal(iovec(0, 5).singleSegCount(), 0);
    iter.reexpand(27);
    iter.advance(27);
    assert.equal(iter.singleSegCount(), 0);
  });
});

describe('any movement', () => {
  const aStep = fc.tuple(
    fc.constantFrom('advance', 'revert', 'truncate', 'reexpand', 'save', 'restore', 'dup'),
    fc.nat({ max: 9000 }),
  );

  it('agrees with a naive list of bytes', () => {
    const property = fc.property(aKind, somePieces, fc.array(aStep, { maxLength: 30 }), (kind, drawn, steps) => {
      const buffers = makeBuffers(true);
      const pieces = piecesOf(kind, drawn);
      const bytes = naiveBytes(pieces);
      let iter = makeIterator(kind, drawn, buffers);
      let [start, end] = [0, bytes.length];
      let saved = { state: iter.saveState(), start, end };
      for (const [step, drawnBytes] of steps) {
        const by = drawnBytes % 5 === 0 ? drawnBytes % 3 : drawnBytes;
        if (step === 'advance') iter.advance(Math.min(by, end - start));
        if (step === 'advance') start += Math.min(by, end - start);
        if (step === 'revert') iter.revert(Math.min(by, start));
        if (step === 'revert') start -= Math.min(by, start);
        if (step === 'truncate') iter.truncate(by);
        if (step === 'truncate') end = start + Math.min(by, end - start);
        if (step === 'reexpand') iter.reexpand(Math.min(by, bytes.length - start));
        if (step === 'reexpand') end = start + Math.min(by, bytes.length - start);
        if (step === 'save') saved = { state: iter.saveState(), start, end };
        if (step === 'restore') iter.restore(saved.state);
        if (step === 'restore') ({ start, end } = saved);
        if (step === 'dup') iter = iter.dup();
        checkPlace(iter, pieces, start, end);
      }
      const target = new Uint8Array(end - start);
      assert.equal(iter.copyFrom(target), end - start);
      assert.deepEqual([...target], valuesOf(bytes.slice(start, end), buffers));
    });
    fc.assert(property, SEEDED);
  });

  function checkPlace(iter: IovIter, pieces: readonly Piece[], start: number, end: number): void {
    assert.equal(iter.count, end - start);
    if (iter.kind === 'xarray') {
      const held = pieces.reduce((sum, piece) => sum + piece.length, 0);
      assert.deepEqual([iter.iovOffset, iter.nrSegs], [start, start < held ? 1 : 0]);
      return;
    }
    const segment = pieces.length - iter.nrSegs;
    const before = pieces.slice(0, segment).reduce((sum, piece) => sum + piece.length, 0);
    assert.equal(before + iter.iovOffset, start);
    assert.ok(iter.iovOffset === 0 || iter.iovOffset < (pieces[segment]?.length ?? 0));
  }
});
