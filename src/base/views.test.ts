// Long lists, and numbers that do not fit where nearly all do.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IovIter } from '../iter/iov-iter.js';
import { Blank, numbersOf, oneNumber } from './views.js';

const GIB = 2 ** 30;

describe('lists', () => {
  it('a blank list has as many values as it is asked for', () => {
    const blank: Blank<string> = new Blank('x');
    for (const count of [0, 1, 4095, 4096, 4097, 8192, 100_000]) {
      const list = blank.of(count);
      assert.equal(list.length, count);
      assert.equal(list.filter((value) => value === 'x').length, count);
      list.fill('y');
    }
    assert.deepEqual(blank.of(3), ['x', 'x', 'x']);
  });

  it('numbers are told as they are, however large', () => {
    for (const numbers of [[], [0], [1, 2 ** 31 - 1], [1, 2 ** 31], [2 ** 53 - 1]])
      assert.deepEqual([...numbersOf(numbers)], numbers);
    for (const n of [0, 2 ** 31 - 1, 2 ** 31]) assert.deepEqual([...oneNumber(n)], [n]);
  });

  it('100,000 views are walked, and restored to, in any order', () => {
    const memory = new Uint8Array(200_000);
    const iter = IovIter.iovec(Array.from({ length: 100_000 }, (_, i) => memory.subarray(2 * i, 2 * i + 1)));
    const states = Array.from({ length: 1000 }, () => {
      const state = iter.saveState();
      iter.advance(100);
      return state;
    });
    assert.equal(iter.nrSegs, 0);
    for (let i = 0; i < 1000; i++) {
      const at = (i * 389) % 1000;
      iter.restore(states[at] ?? { segment: 0, iovOffset: 0, count: 0 });
      assert.equal(iter.count, 100_000 - 100 * at);
      iter.revert(100 * at);
      assert.equal(iter.count, 100_000);
    }
  });

  it('memory beyond 2 GiB: where pieces begin, and how long they are', (t) => {
    let buffer: ArrayBuffer;
    try {
      buffer = new ArrayBuffer(3 * GIB); // zeros that nobody touches take no memory
    } catch {
      return t.skip('no address space for 3 GiB');
    }
    const seen: number[][] = [];
    const views = [new Uint8Array(buffer, 2 * GIB + 8, 100), new Uint8Array(buffer, 0, 2 * GIB + 1)];
    for (const memory of [views, ...views.map((view) => [view])]) {
      seen.length = 0;
      IovIter.iovec(memory).forEachRun(4 * GIB, (_, byteOffset, bytes) => {
        seen.push([byteOffset, bytes]);
      });
      assert.deepEqual(
        seen,
        memory.map(({ byteOffset, byteLength }) => [byteOffset, byteLength]),
      );
    }
  });
});
