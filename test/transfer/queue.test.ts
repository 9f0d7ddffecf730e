// A queue as the memory of a transfer: consumed as it goes, let go of while the transfer runs, fed meanwhile.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DioriteError } from '../../src/base/errors.js';
import { FolioQueue } from '../../src/iter/folio-queue.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import { type SimOptions, SimTarget } from '../../src/targets/sim/index.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { pattern } from '../support/iterators.js';
import { SMALL } from './limits.js';

const SLOT = 65_536;
const SLOTS = 64;
const BYTES = SLOT * SLOTS;

function makeQueue(slots: number = SLOTS): FolioQueue {
  const queue = new FolioQueue();
  for (let i = 0; i < slots; i++) queue.push(pattern(SLOT, i * SLOT));
  return queue;
}

/** Stepped by hand; each request is one slot. */
function makeTarget(options: SimOptions = {}): SimTarget {
  return new SimTarget({ limits: SMALL, size: 2 * BYTES, pump: 'manual', ...options });
}

function held(sim: SimTarget, offset: number, bytes: number): Uint8Array {
  const got = new Uint8Array(bytes);
  sim.media.read(offset, got);
  return got;
}

function same(one: Uint8Array, other: Uint8Array): void {
  assert.equal(Buffer.compare(one, other), 0);
}

/** Steps until the promise settles; the event loop has its turns, as a transfer goes on in another when it took long. */
async function steps(sim: SimTarget, promise: Promise<unknown>, after: () => void): Promise<void> {
  let isSettled = false;
  const settled = (): void => {
    isSettled = true;
  };
  promise.then(settled, settled);
  while (!isSettled) {
    if (sim.clock.step()) after();
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

async function rejection(promise: Promise<unknown>): Promise<DioriteError> {
  const error = await promise.then(
    () => assert.fail('it resolves'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof DioriteError, String(error));
  return error;
}

describe('a write', () => {
  test('lets go of what it has consumed while it runs', async () => {
    const depth = 4;
    const sim = makeTarget();
    const queue = makeQueue();
    const iter = IovIter.folioq(queue);
    const writing = startTransfer(sim, iter, 0, BYTES, 'write', { depth });
    let most = 0;
    await steps(sim, writing, () => {
      const isRunning = sim.stats.inFlight > 0;
      assert.ok(queue.bytes <= iter.count * (17 / 16) + SLOT, `${queue.bytes} bytes are kept for ${iter.count}`);
      if (isRunning) most = queue.firstSlot;
    });
    assert.ok(most > SLOTS / 2, `${most} slots were let go while it ran`);
    assert.equal((await writing).bytes, BYTES);
    assert.deepEqual([queue.bytes, queue.firstSlot, iter.count], [0, SLOTS, 0]);
    same(held(sim, 0, BYTES), pattern(BYTES));
  });

  test('leaves no trace of it: the memory is collected before the transfer ends', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    const sim = makeTarget({ keepsBytes: false });
    const queue = new FolioQueue();
    const first = new WeakRef(new ArrayBuffer(SLOT));
    queue.push(new Uint8Array(first.deref() ?? new ArrayBuffer(0)));
    for (let i = 1; i < SLOTS; i++) queue.push(new Uint8Array(SLOT));
    const writing = startTransfer(sim, IovIter.folioq(queue), 0, BYTES, 'write', { depth: 2 });
    while (queue.firstSlot < SLOTS / 2) {
      sim.clock.step();
      // A turn for each: what is behind a WeakRef stays until the turn in which it was looked at is over.
      await new Promise((resolve) => setImmediate(resolve));
    }
    collect();
    assert.equal(first.deref(), undefined);
    assert.ok(sim.stats.inFlight > 0);
    await Promise.all([sim.settle(), writing]);
  });

  test('keeps what it was answered for until that is released', async () => {
    const sim = makeTarget({ releaseLatency: { minNanos: 1000, meanNanos: 2_000_000 } });
    const queue = makeQueue();
    const iter = IovIter.folioq(queue);
    const writing = startTransfer(sim, iter, 0, BYTES, 'write', { depth: 16 });
    await steps(sim, writing, () => assert.ok(BYTES - iter.count <= sim.stats.released * SLOT));
  });

  test('is fed while it runs: what is pushed is for the next one', async () => {
    const slots = 40;
    const sim = makeTarget();
    const queue = makeQueue(0);
    const iter = IovIter.folioq(queue);
    let pushed = 0;
    const push = (): void => {
      queue.push(pattern(SLOT, pushed * SLOT));
      iter.reexpand(iter.count + SLOT);
      pushed++;
    };
    for (let at = 0; at < slots * SLOT; ) {
      if (iter.count === 0) push();
      const bytes = iter.count;
      const writing = startTransfer(sim, iter, at, bytes, 'write', { depth: 2 });
      await steps(sim, writing, () => {
        if (pushed < slots && sim.stats.released % 3 !== 1) push();
      });
      assert.equal((await writing).bytes, bytes);
      at += bytes;
      assert.equal(queue.bytes, iter.count);
    }
    same(held(sim, 0, slots * SLOT), pattern(slots * SLOT));
  });

  test('that fails in the middle stands at the first byte that is not done, and goes on from there', async () => {
    for (let at = 1; at < 8; at++) {
      const sim = makeTarget({ seed: at, faults: [{ fault: 'EIO', at }] });
      const queue = makeQueue(8);
      const iter = IovIter.folioq(queue, { offset: 1000 });
      const bytes = 7 * SLOT + 1;
      const writing = rejection(startTransfer(sim, iter, 100, bytes, 'write', { depth: 3 }));
      await sim.settle();
      const { bytes: done = -1 } = await writing;
      assert.equal(iter.count, 8 * SLOT - 1000 - done);
      assert.equal(queue.firstSlot, Math.floor((1000 + done) / SLOT), 'the slot of that byte is the first');
      const again = startTransfer(sim, iter, 100 + done, iter.count, 'write', {});
      await sim.settle();
      await again;
      same(held(sim, 100, 8 * SLOT - 1000), pattern(8 * SLOT).subarray(1000));
    }
  });

  test('drops nothing that another iterator claims, and the rest of it once that moves', async () => {
    const sim = makeTarget();
    const queue = makeQueue(8);
    const iter = IovIter.folioq(queue);
    const behind = iter.dup();
    behind.advance(2 * SLOT);
    const unclaim = behind.claim();
    const writing = startTransfer(sim, iter, 0, 8 * SLOT, 'write', {});
    await sim.settle();
    await writing;
    assert.deepEqual([queue.firstSlot, iter.count], [2, 0]);
    const got = new Uint8Array(6 * SLOT);
    behind.copyFrom(got);
    same(got, pattern(8 * SLOT).subarray(2 * SLOT));
    unclaim();
    unclaim();
    assert.equal(iter.dropConsumed(), 6);
  });

  test('is not disturbed by a caller who moves the iterator and drops, nor by another transfer', async () => {
    const sim = makeTarget();
    const queue = makeQueue();
    const [iter, half] = [IovIter.folioq(queue), IovIter.folioq(queue, { firstSlot: SLOTS / 2 })];
    const start = iter.saveState();
    const unclaim = iter.dup().claim(); // to go back there is the caller's right as long as nothing there was let go
    const whole = startTransfer(sim, iter, 0, BYTES, 'write', { depth: 3 });
    const second = startTransfer(sim, half, BYTES, BYTES / 2, 'write', { depth: 8 });
    const both = Promise.all([whole, second]);
    let step = 0;
    await steps(sim, both, () => {
      step++;
      if (step === 9) iter.restore(start);
      if (step === 9) unclaim();
      if (step === 20) iter.advance(iter.count);
      if (step % 5 === 0) iter.dropConsumed();
    });
    await both;
    same(held(sim, 0, BYTES), pattern(BYTES));
    same(held(sim, BYTES, BYTES / 2), pattern(BYTES).subarray(BYTES / 2));
    assert.equal(iter.count, 0);
    iter.dropConsumed();
    assert.equal(queue.bytes, 0);
  });
});

test('a read moves the iterator as it goes and lets go of nothing: a write behind it does', async () => {
  const sim = makeTarget();
  sim.media.write(0, pattern(BYTES));
  const queue = new FolioQueue();
  for (let i = 0; i < SLOTS; i++) queue.push(new Uint8Array(SLOT));
  const [filled, written] = [IovIter.folioq(queue), IovIter.folioq(queue)];
  const unclaim = written.claim();
  const reading = startTransfer(sim, filled, 0, BYTES, 'read', { depth: 4 });
  let at = 0;
  let writes = 0;
  const follow = async (): Promise<void> => {
    while (at < BYTES) {
      // As much as has come in since.
      const bytes = written.count - filled.count;
      if (bytes === 0) await new Promise((resolve) => setImmediate(resolve));
      else await startTransfer(sim, written, BYTES + at, bytes, 'write', { depth: 1 });
      at += bytes;
      writes++;
      assert.equal(queue.bytes, written.count);
    }
  };
  const both = Promise.all([reading, follow()]);
  await steps(sim, both, () => {});
  await both;
  unclaim();
  assert.ok(writes > 1);
  same(held(sim, BYTES, BYTES), pattern(BYTES));
});

test('a read alone keeps its queue whole', async () => {
  const sim = makeTarget({ size: 3 * SLOT + 5 });
  const queue = makeQueue(8);
  const iter = IovIter.folioq(queue);
  const reading = startTransfer(sim, iter, 0, 8 * SLOT, 'read', {});
  await sim.settle();
  assert.equal((await reading).bytes, 3 * SLOT + 5);
  assert.deepEqual([iter.count, iter.iovOffset, queue.bytes], [5 * SLOT - 5, 5, 8 * SLOT]);
});
