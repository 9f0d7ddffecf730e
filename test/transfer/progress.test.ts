// onProgress, the event loop's turns, and several transfers on one target.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IovIter } from '../../src/iter/iov-iter.js';
import type { Direction } from '../../src/plan/limits.js';
import { type Pump, SIM_LIMITS, SimTarget } from '../../src/targets/sim/index.js';
import type { TransferOptions } from '../../src/transfer/options.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { Prng } from '../support/prng.js';
import { runCase } from './harness.js';
import { BYTES, SMALL } from './limits.js';

test('progress ends at all bytes, and never passes them', async () => {
  for (const direction of ['write', 'read'] satisfies Direction[]) {
    const told: number[] = [];
    const options = { onProgress: (doneBytes: number) => told.push(doneBytes) };
    const sim = { limits: SMALL, faults: [{ fault: 'short-unaligned' as const, chance: 0.3 }] };
    await runCase({ seed: 12, direction, shape: 'mixed', offset: 99, bytes: 500_000, options, sim });
    assert.equal(told.at(-1), 500_000);
    assert.ok(told.every((bytes) => bytes <= 500_000));
  }
});

describe('the event loop has its turn', () => {
  const REQUESTS = 200_000;

  /** Transfers one byte per request, so that planning and sending is all there is to do. Returns the turns meanwhile. */
  async function turnsMeanwhile(pump: Pump, options: TransferOptions): Promise<number> {
    const limits = { ...BYTES, bestBytes: 1, maxBytes: 1, copyBreakBytes: 0 };
    const sim = new SimTarget({
      pump,
      limits,
      keepsBytes: false,
      queueDepth: 2 * REQUESTS,
      latency: { minNanos: 0, meanNanos: 0 },
    });
    const iter = IovIter.ubuf(new Uint8Array(REQUESTS));
    let running = true;
    let turns = 0;
    const count = (): void => {
      turns++;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    const outcome = await startTransfer(sim, iter, 0, REQUESTS, 'write', options);
    running = false;
    assert.equal(outcome.requests, REQUESTS);
    return turns;
  }

  // No machine sends 200,000 requests in a few turns of 3 ms; a transfer that never yields takes none.
  const TURNS_MIN = 5;

  test('while everything is planned and sent in one go', async () => {
    assert.ok((await turnsMeanwhile('immediate', { depth: 4096 })) >= TURNS_MIN);
  });

  test('while answers come at once, and never let the loop go on by themselves', async () => {
    assert.ok((await turnsMeanwhile('microtask', { depth: 8 })) >= TURNS_MIN);
    assert.ok((await turnsMeanwhile('microtask', { depth: 1 })) >= TURNS_MIN);
  });
});

test('many transfers at once on one target with a short queue', async () => {
  const prng = new Prng(21);
  const sim = new SimTarget({
    seed: 21,
    limits: SIM_LIMITS,
    queueDepth: 3,
    faults: [
      { fault: 'EAGAIN', chance: 0.05 },
      { fault: 'short', chance: 0.05 },
    ],
  });
  const parts = Array.from({ length: 40 }, (_, i) => {
    const memory = new Uint8Array(prng.between(1, 60_000));
    prng.fill(memory);
    return { offset: i * 65_536 + prng.below(4000), memory };
  });
  await Promise.all(
    parts.map(({ offset, memory }) => startTransfer(sim, IovIter.ubuf(memory), offset, memory.length, 'write', {})),
  );
  assert.equal(sim.stats.inFlightMax, 3);
  const back = parts.map(({ memory }) => new Uint8Array(memory.length));
  await Promise.all(
    parts.map(({ offset }, i) => {
      const memory = back[i] ?? new Uint8Array(0);
      return startTransfer(sim, IovIter.ubuf(memory), offset, memory.length, 'read', {});
    }),
  );
  for (const [i, { memory }] of parts.entries()) assert.equal(Buffer.compare(memory, back[i] ?? new Uint8Array(0)), 0);
  assert.deepEqual(sim.violations, []);
});

test('the iterator may be moved and made anew while its transfer runs', async () => {
  const sim = new SimTarget({ limits: SMALL });
  const memory = new Uint8Array(300_000);
  new Prng(5).fill(memory);
  const iter = IovIter.ubuf(memory);
  const running = startTransfer(sim, iter, 0, 200_000, 'write', {});
  assert.equal(iter.count, 300_000, 'it moves when the transfer settles');
  iter.advance(50_000);
  await running;
  assert.equal(iter.count, 50_000, 'by the bytes done, from where it is then');
  const target = new Uint8Array(200_000);
  sim.media.read(0, target);
  assert.equal(Buffer.compare(target, memory.subarray(0, 200_000)), 0, 'what was written is what it stood at');
});

test('dsync writes survive a crash; without it only what a sync covered does', async () => {
  const write = async (dsync: boolean): Promise<{ sim: SimTarget; memory: Uint8Array; stable: boolean }> => {
    const sim = new SimTarget({ limits: SMALL });
    const memory = new Uint8Array(200_000);
    new Prng(6).fill(memory);
    const { stable } = await startTransfer(sim, IovIter.ubuf(memory), 0, memory.length, 'write', { dsync });
    return { sim, memory, stable };
  };
  const survives = (sim: SimTarget, memory: Uint8Array): boolean => {
    sim.crash();
    const after = new Uint8Array(memory.length);
    sim.media.read(0, after);
    return Buffer.compare(after, memory) === 0;
  };
  const durable = await write(true);
  assert.equal(durable.stable, true);
  assert.equal(survives(durable.sim, durable.memory), true);
  const volatile = await write(false);
  assert.equal(volatile.stable, false);
  assert.equal(survives(volatile.sim, volatile.memory), false);
  const synced = await write(false);
  await synced.sim.sync();
  assert.equal(survives(synced.sim, synced.memory), true);
});
