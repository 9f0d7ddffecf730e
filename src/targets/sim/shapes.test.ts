// What the simulator says to those who use its shapes wrongly, and what failed syncs, crashes and stores leave behind.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DioriteError } from '../../base/errors.js';
import { IovIter } from '../../iter/iov-iter.js';
import type { Target } from '../../transfer/target.js';
import { startTransfer } from '../../transfer/transfer.js';
import type { SimOptions } from './options.js';
import { SimTarget } from './sim-target.js';
import { type PublishStep, SimStore } from './store.js';

const BYTES = 64 * 1024;

function write(target: Target, offset: number, value: number, bytes: number = BYTES): Promise<unknown> {
  return startTransfer(target, IovIter.ubuf(new Uint8Array(bytes).fill(value)), offset, bytes, 'write', {});
}

function bytesOf(target: SimTarget, offset = 0, length: number = target.media.size): Uint8Array {
  const bytes = new Uint8Array(length);
  target.media.read(offset, bytes);
  return bytes;
}

function isAll(bytes: Uint8Array, value: number): boolean {
  return bytes.every((byte) => byte === value);
}

test('whoever asks a pipe for what has passed, or for two things at once, is told so', async () => {
  const violations: string[] = [];
  const sim = new SimTarget({ kind: 'pipe', size: 10_000, onViolation: ({ message }) => violations.push(message) });
  const read = (offset: number) => startTransfer(sim, IovIter.ubuf(new Uint8Array(10)), offset, 10, 'read', {});
  await read(0);
  assert.deepEqual(violations, []);
  await Promise.all([read(10), read(10)]);
  assert.match(violations[0] ?? '', /is in flight/);
  await read(0);
  assert.match(violations.at(-1) ?? '', /the pipe stands at/);
});

describe('a failed sync', () => {
  async function afterFailure(failedSync: SimOptions['failedSync']): Promise<SimTarget> {
    const sim = new SimTarget({ failedSync, faults: [{ fault: 'EIO', on: 'sync', at: 1 }] });
    await write(sim, 0, 1);
    await assert.rejects(sim.sync(), { code: 'EIO', extents: [{ offset: 0, length: BYTES, state: 'unknown' }] });
    return sim;
  }

  test('loses: the next one says that all is well, and a crash shows that it is not', async () => {
    const sim = await afterFailure('loses');
    await sim.sync();
    sim.crash();
    assert.ok(!isAll(bytesOf(sim, 0, BYTES), 1));
  });

  test('keeps: the next one covers it after all', async () => {
    const sim = await afterFailure('keeps');
    await sim.sync();
    sim.crash();
    assert.ok(isAll(bytesOf(sim, 0, BYTES), 1));
  });

  test('poisons: every later one fails, with what is unknown', async () => {
    const sim = await afterFailure('poisons');
    const failure: unknown = await sim.sync().catch((error: unknown) => error);
    assert.ok(failure instanceof DioriteError);
    assert.deepEqual([failure.code, failure.extents?.length], ['ERR_DIORITE_POISONED', 1]);
  });
});

test('a crash keeps sectors whole, or tears them where the target is said to', async () => {
  for (const tearsSectors of [false, true]) {
    const sim = new SimTarget({ tearsSectors, size: BYTES });
    await write(sim, 0, 1);
    sim.crash();
    let torn = 0;
    for (let at = 0; at < BYTES; at += 512) {
      const sector = bytesOf(sim, at, 512);
      if (!isAll(sector, 0) && !isAll(sector, 1)) torn++;
    }
    assert.equal(torn > 0, tearsSectors, `${torn} torn sectors`);
  }
});

describe('a store', () => {
  async function publish(store: SimStore, value: number): Promise<void> {
    const publication = await store.begin('name');
    await write(publication.target, 0, value);
    await publication.publish();
  }

  test('wherever publishing is cut short, and power lost, the name is the old one or the new one, whole', async () => {
    for (const step of ['sync', 'rename', 'name-sync'] satisfies PublishStep[]) {
      const seen = new Set<number>();
      for (let seed = 1; seed <= 12; seed++) {
        const store = new SimStore({ seed, failAt: { publish: 2, step } });
        await publish(store, 1);
        await assert.rejects(publish(store, 2), { code: 'EIO' });
        store.crash();
        const target = store.lookUp('name');
        assert.ok(target !== null);
        const bytes = bytesOf(target);
        assert.ok(bytes.length === BYTES && isAll(bytes, bytes[0] ?? 0), 'whole');
        seen.add(bytes[0] ?? 0);
        assert.equal(store.unpublished, 0);
      }
      assert.deepEqual([...seen].sort(), step === 'name-sync' ? [1, 2] : [1]);
    }
  });

  test('what was published lasts', async () => {
    const store = new SimStore();
    await publish(store, 1);
    await publish(store, 2);
    store.crash();
    const target = store.lookUp('name');
    assert.ok(target !== null && isAll(bytesOf(target), 2));
  });

  test('what is known not to fit is refused before the first byte', async () => {
    const store = new SimStore({ target: { spaceBytes: 1000 } });
    await assert.rejects(store.begin('name', { size: 1001 }), { code: 'ENOSPC' });
  });
});
