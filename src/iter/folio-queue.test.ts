// A queue that grows while it is consumed: where iterators stand, what they see, and what may be dropped.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakePages } from '../../test/support/fake-pages.js';
import { pattern } from '../../test/support/iterators.js';
import { FolioQueue } from './folio-queue.js';
import { IovIter } from './iov-iter.js';

const PAGE = 4096;
const BOUNDS = { code: 'ERR_DIORITE_ITERATOR_BOUNDS' };

describe('a queue', () => {
  it('streams: bytes pushed are the bytes consumed, and what is consumed is let go', () => {
    const queue = new FolioQueue();
    const iter = IovIter.folioq(queue);
    const stream = pattern(100_000);
    const received: number[] = [];
    for (let pushed = 0, turn = 0; received.length < stream.length; turn++) {
      const chunk = stream.subarray(pushed, Math.min(stream.length, pushed + ((turn * 997) % 3000)));
      queue.push(chunk);
      iter.reexpand(iter.count + chunk.length);
      pushed += chunk.length;
      const target = new Uint8Array((turn * 1303) % 4000);
      received.push(...target.subarray(0, iter.copyFrom(target)));
      iter.dropConsumed();
      assert.equal(queue.bytes, iter.count + iter.iovOffset);
    }
    assert.deepEqual(received, [...stream]);
  });

  it('stands one past the end, and goes on where it grows', () => {
    const queue = new FolioQueue();
    queue.push(new Uint8Array(10));
    const iter = IovIter.folioq(queue);
    iter.advance(10);
    assert.deepEqual([iter.nrSegs, iter.iovOffset, iter.count], [0, 0, 0]);
    assert.equal(iter.singleSegCount(), 0);
    queue.push(new Uint8Array(0));
    queue.push(Uint8Array.of(1, 2, 3));
    assert.deepEqual([iter.nrSegs, iter.count], [2, 0], 'an iterator sees what its count says');
    iter.reexpand(3);
    const run = { buffer: new ArrayBuffer(0), byteOffset: 0, length: 0 };
    assert.equal(iter.peekRun(run, 9), 3);
    iter.advance(1);
    assert.deepEqual([iter.nrSegs, iter.iovOffset, iter.count], [1, 1, 2]);
    iter.revert(2);
    assert.deepEqual([iter.nrSegs, iter.iovOffset, iter.count], [3, 9, 4]);
    assert.throws(() => iter.reexpand(5), BOUNDS);
  });

  it('starts at any slot and byte, with any count', () => {
    const queue = new FolioQueue();
    for (const length of [4, 0, 6]) queue.push(new Uint8Array(length).fill(length));
    const target = new Uint8Array(9);
    assert.equal(IovIter.folioq(queue, { firstSlot: 2, offset: 1, count: 3 }).copyFrom(target), 3);
    assert.equal(IovIter.folioq(queue, { offset: 4 }).count, 6);
    assert.equal(IovIter.folioq(queue, { firstSlot: 3 }).count, 0);
    assert.throws(() => IovIter.folioq(queue, { firstSlot: 4 }), BOUNDS);
    assert.throws(() => IovIter.folioq(queue, { offset: 5 }), BOUNDS);
    assert.throws(() => IovIter.folioq(queue, { count: 11 }), BOUNDS);
    const wrong: unknown = 'text';
    assert.throws(() => queue.push(wrong as Uint8Array), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('drops behind one iterator; others go on from where they are, and not back', () => {
    const queue = new FolioQueue();
    for (let i = 0; i < 5; i++) queue.push(new Uint8Array(10).fill(i));
    const iter = IovIter.folioq(queue);
    const [ahead, behind] = [iter.dup(), iter.dup()];
    const start = iter.saveState();
    iter.advance(25);
    ahead.advance(42);
    const there = iter.saveState();
    assert.equal(iter.dropConsumed(), 2);
    assert.equal(iter.dropConsumed(), 0);
    assert.deepEqual([queue.firstSlot, queue.slots, queue.bytes], [2, 5, 30]);
    assert.deepEqual([iter.nrSegs, iter.iovOffset, iter.count], [3, 5, 25]);
    assert.deepEqual([ahead.nrSegs, ahead.iovOffset, ahead.count], [1, 2, 8]);
    for (const move of [
      () => behind.advance(1),
      () => behind.dup().zero(1),
      () => behind.nrSegs,
      () => behind.forEachRun(1, () => {}),
      () => iter.restore(start),
      () => iter.revert(6),
    ])
      assert.throws(move, BOUNDS);
    iter.revert(5);
    iter.restore(there);
    const target = new Uint8Array(30);
    assert.equal(iter.copyFrom(target), 25);
    assert.deepEqual([target[0], target[4], target[5], target[24]], [2, 2, 3, 4]);
    assert.throws(() => IovIter.ubuf(target).dropConsumed(), { code: 'ERR_DIORITE_UNSUPPORTED' });
  });

  it('grows, but drops nothing, while it is walked', () => {
    const queue = new FolioQueue();
    queue.push(new Uint8Array(2 * PAGE));
    const iter = IovIter.folioq(queue);
    for (const source of [new FakePages(), new FakePages({ holds: true })]) {
      const twin = iter.dup();
      twin.forEachPage(
        PAGE,
        () => {
          queue.push(new Uint8Array(PAGE));
          const other = IovIter.folioq(queue);
          other.advance(2 * PAGE);
          assert.throws(() => other.dropConsumed(), { code: 'ERR_DIORITE_ITERATOR_BUSY' });
        },
        source,
      );
      assert.equal(twin.count, PAGE);
      assert.equal(source.held, 0);
    }
    assert.equal(queue.bytes, 4 * PAGE);
    assert.equal(iter.count, 2 * PAGE);
  });
});
