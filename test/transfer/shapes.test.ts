// Targets of every shape, without faults: what is moved, in which requests, what is in flight and for how long.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IovIter } from '../../src/iter/iov-iter.js';
import type { Direction } from '../../src/plan/limits.js';
import { type SimEvent, type SimOptions, SimTarget } from '../../src/targets/sim/index.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { Prng } from '../support/prng.js';
import { type Case, runCase } from './harness.js';
import { BYTES, SMALL } from './limits.js';
import { SHAPES } from './memory.js';
import { TARGETS } from './targets.js';

const DIRECTIONS = ['write', 'read'] satisfies Direction[];
const KiB = 1024;

for (const [name, sim] of Object.entries(TARGETS)) {
  describe(name, () => {
    for (const direction of DIRECTIONS) {
      for (const shape of SHAPES) {
        test(`${direction}, ${shape}`, async () => {
          for (const offset of [0, 4096, 77_777])
            for (const bytes of [0, 1, 512, 5000, 260_001])
              await runCase({ seed: 1, direction, shape, offset, bytes, sim });
        });
      }
    }

    test('reads that pass the end are short there', async () => {
      for (const size of [0, 1, 70_000, 131_072, 200_001])
        await runCase({ seed: 2, direction: 'read', shape: 'mixed', offset: 100, bytes: 250_000, size, sim });
    });

    test('bytes in flight, counted until the release', async () => {
      for (const bytesInFlight of [1, 100_000])
        for (const direction of DIRECTIONS) {
          const options = { bytesInFlight, depth: 64 };
          await runCase({ seed: 3, direction, shape: 'mixed', offset: 300, bytes: 500_000, sim, options });
        }
    });
  });
}

/** The requests of a transfer, as the target has seen them. */
async function requestsOf(aCase: Omit<Case, 'seed' | 'shape'>, options: SimOptions): Promise<SimEvent[]> {
  const events: SimEvent[] = [];
  const { direction, offset, bytes } = aCase;
  const sim = new SimTarget({ size: offset + bytes, ...options, onEvent: (event) => events.push(event) });
  const memory = new Uint8Array(bytes);
  new Prng(1).fill(memory);
  const outcome = await startTransfer(sim, IovIter.ubuf(memory), offset, bytes, direction, aCase.options ?? {});
  assert.equal(outcome.bytes, bytes);
  assert.deepEqual(sim.violations, []);
  const moved = new Uint8Array(bytes);
  sim.media.read(offset, moved);
  assert.equal(Buffer.compare(moved, memory), 0);
  return events.filter((event) => event.kind === 'submitted');
}

describe('stripes', () => {
  // 64 KiB over 4 objects of 1 MiB each.
  const striping = { stripeUnitBytes: 64 * KiB, stripeCount: 4, objectBytes: 1024 * KiB };
  const limits = { ...BYTES, bestBytes: 512 * KiB, maxBytes: 512 * KiB };

  test('a request carries the pieces of one object that are apart in the file', async () => {
    for (const direction of DIRECTIONS) {
      const requests = await requestsOf({ direction, offset: 0, bytes: 4096 * KiB }, { limits, striping });
      assert.equal(requests.length, 8, 'not 64, one for each stripe unit');
      assert.ok(requests.every((request) => request.payload.length === 8 && request.bytes === 512 * KiB));
      assert.equal(new Set(requests.slice(0, 4).map((request) => request.unit)).size, 4, 'all objects are busy');
    }
  });

  test('looks no further than the byte budget', async () => {
    const options = { bytesInFlight: 1024 * KiB };
    const requests = await requestsOf(
      { direction: 'write', offset: 0, bytes: 8192 * KiB, options },
      { limits, striping },
    );
    for (const { payload } of requests)
      assert.ok((payload.at(-1)?.offset ?? 0) - (payload[0]?.offset ?? 0) <= 2 * 1024 * KiB);
  });

  test('a short answer stands for a prefix in the order of the unit, and the rest stays one request', async () => {
    const faults = [{ fault: 'short-unaligned' as const, at: 1, bytes: 100 * KiB + 7 }];
    const options = { depth: 1 };
    const requests = await requestsOf(
      { direction: 'write', offset: 0, bytes: 1024 * KiB, options },
      { limits, striping, faults },
    );
    assert.equal(requests.length, 5);
    const rest = requests[1];
    assert.deepEqual(
      [rest?.offset, rest?.payload[0], rest?.payload.length],
      [100 * KiB + 7, { offset: (256 + 36) * KiB + 7, bytes: 28 * KiB - 7 }, 3],
    );
  });

  test('the ledger marks each piece', async () => {
    const faults = [{ fault: 'EIO' as const, at: 2 }];
    const sim: SimOptions = { limits, striping, faults };
    const aCase: Case = { seed: 1, direction: 'write', shape: 'contiguous', offset: 0, bytes: 512 * KiB, sim };
    const { error } = await runCase({ ...aCase, options: { depth: 2 } });
    const of = (from: number, state: string) => ({ offset: from * KiB, length: 64 * KiB, state });
    assert.deepEqual(error?.extents, [
      of(0, 'done'),
      of(64, 'unknown'),
      { offset: 128 * KiB, length: 128 * KiB, state: 'failed' },
      of(256, 'done'),
      of(320, 'unknown'),
      { offset: 384 * KiB, length: 128 * KiB, state: 'failed' },
    ]);
    assert.equal(error?.bytes, 64 * KiB);
  });
});

describe('a pipe', () => {
  test('one request at a time, whatever depth is asked, and on from the exact byte', async () => {
    const { sim } = await runCase({
      seed: 1,
      direction: 'write',
      shape: 'pieces',
      offset: 17,
      bytes: 300_000,
      sim: TARGETS.pipe,
      options: { depth: 32 },
    });
    assert.equal(sim.stats.inFlightMax, 1);
    assert.ok(sim.stats.submitted > 10);
  });

  test('its size is known when it has ended', async () => {
    const aCase: Case = { seed: 1, direction: 'read', shape: 'mixed', offset: 0, bytes: 100_000, size: 70_001 };
    const { outcome, sim } = await runCase({ ...aCase, sim: TARGETS.pipe });
    assert.equal(outcome?.bytes, 70_001);
    assert.equal(sim.size, 70_001);
    const open = await runCase({ ...aCase, bytes: 70_000, sim: TARGETS.pipe });
    assert.equal(open.sim.size, undefined);
  });

  test('what an abort leaves is done or was never moved', async () => {
    for (let count = 1; count < 8; count++)
      for (const direction of DIRECTIONS) {
        const sim: SimOptions = { ...TARGETS.pipe, cancel: 'honoured' };
        const aCase: Case = { seed: count, direction, shape: 'mixed', offset: 0, bytes: 300_000, sim };
        const { error } = await runCase({ ...aCase, abortAt: { kind: 'submitted', count } });
        assert.equal(error?.name, 'AbortError');
        assert.deepEqual(
          error?.extents?.map(({ state }) => state),
          error?.bytes === 0 ? ['failed'] : ['done', 'failed'],
        );
      }
  });
});

describe('releases by commits', () => {
  test('memory that waits for its commit counts in the byte budget, and nobody waits for ever', async () => {
    const sim: SimOptions = { limits: SMALL, commits: { bytes: 2 ** 30, afterNanos: 10_000_000 } };
    const aCase: Case = { seed: 1, direction: 'write', shape: 'contiguous', offset: 0, bytes: 15 * 65_536, sim };
    const { sim: target } = await runCase({ ...aCase, options: { bytesInFlight: 200_000, depth: 64 } });
    assert.equal(target.stats.inFlightMax, 3);
  });

  test('what a commit that fails has covered is unknown, though it was answered', async () => {
    const faults: SimOptions['faults'] = [{ on: 'sync', at: 2, fault: 'EIO' }];
    const sim = new SimTarget({ limits: SMALL, commits: { bytes: 1, afterNanos: 1 }, faults });
    const iter = IovIter.ubuf(new Uint8Array(6 * 65_536));
    const writing = startTransfer(sim, iter, 0, 6 * 65_536, 'write', { depth: 1, bytesInFlight: 65_536 });
    await assert.rejects(writing, {
      code: 'EIO',
      bytes: 65_536,
      extents: [
        { offset: 0, length: 65_536, state: 'done' },
        { offset: 65_536, length: 65_536, state: 'unknown' },
        { offset: 2 * 65_536, length: 4 * 65_536, state: 'failed' },
      ],
    });
    assert.equal(iter.count, 5 * 65_536);
    assert.equal(sim.stats.inFlight, 0);
  });

  test('a sync commits, and what was committed survives a crash', async () => {
    const sim = new SimTarget({ limits: SMALL, pump: 'manual', commits: { bytes: 2 ** 30, afterNanos: 1e15 } });
    const memory = new Uint8Array(65_536).fill(9);
    const writing = startTransfer(sim, IovIter.ubuf(memory), 0, memory.length, 'write', {});
    while (sim.stats.answered < 1) sim.clock.step();
    assert.equal(sim.stats.inFlight, 1, 'answered, and not released');
    const synced = sim.sync();
    await sim.settle();
    await Promise.all([synced, writing]);
    sim.crash();
    const after = new Uint8Array(memory.length);
    sim.media.read(0, after);
    assert.equal(Buffer.compare(after, memory), 0);
  });
});
