// One test for each bug that direct I/O had in the kernel below its iterators: named after what it guards against.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import { hostPages } from '../../src/memory/pages.js';
import { Region } from '../../src/memory/region.js';
import type { Direction } from '../../src/plan/limits.js';
import { type SimOptions, SimTarget } from '../../src/targets/sim/index.js';
import { stagingPool } from '../../src/transfer/staging.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { pattern } from '../support/iterators.js';
import { runCase } from './harness.js';
import { BYTES, SMALL } from './limits.js';

const PAGE = 4096;
const DIRECTIONS = ['write', 'read'] satisfies Direction[];

function held(sim: SimTarget, bytes: number): Uint8Array {
  const got = new Uint8Array(bytes);
  sim.media.read(0, got);
  return got;
}

describe('bugs of the kernel', () => {
  it('a short request is taken for all, or falls back to the cache unseen (block layer, 2018)', async () => {
    for (const direction of DIRECTIONS)
      for (const fault of ['short', 'short-unaligned'] as const) {
        const sim: SimOptions = { limits: SMALL, faults: [{ fault, chance: 0.5 }] };
        const { outcome } = await runCase({ seed: 3, direction, shape: 'scattered', offset: 0, bytes: 300_000, sim });
        assert.deepEqual([outcome?.bytes, outcome?.bufferedBytes], [300_000, 0]);
      }
  });

  it('the caller’s list is read again when a request goes out once more (io_uring)', async () => {
    const memory = pattern(20 * PAGE);
    const views = Array.from({ length: 20 }, (_, index) => memory.subarray(index * PAGE, (index + 1) * PAGE));
    const faults = [
      { fault: 'EAGAIN' as const, at: 1, times: 3 },
      { fault: 'short' as const, chance: 0.3 },
    ];
    const sim = new SimTarget({ limits: SMALL, pump: 'manual', faults });
    const iter = IovIter.iovec(views);
    const writing = startTransfer(sim, iter, 0, memory.length, 'write', { depth: 1 });
    views.fill(new Uint8Array(PAGE));
    views.length = 3;
    iter.truncate(1);
    await sim.settle();
    await writing;
    assert.equal(Buffer.compare(held(sim, memory.length), memory), 0);
  });

  it('what was cut off, and failed, is given back by the length that was asked for (io_uring, 2021)', async () => {
    const faults = [
      { fault: 'short-unaligned' as const, at: 1 },
      { fault: 'EIO' as const, at: 2 },
    ];
    const sim = new SimTarget({ limits: SMALL, faults });
    const iter = IovIter.ubuf(pattern(300_000));
    iter.advance(5);
    iter.truncate(250_000);
    const error: unknown = await startTransfer(sim, iter, 0, 200_000, 'write', { depth: 1 }).catch((thrown) => thrown);
    assert.ok(error instanceof DioriteError && error.bytes !== undefined);
    assert.equal(iter.count, 250_000 - error.bytes);
    iter.revert(5 + error.bytes);
    assert.throws(() => iter.revert(1), { code: 'ERR_DIORITE_ITERATOR_BOUNDS' });
  });

  it('pages are held without bound by vectors that name one of them over and over (2019)', async () => {
    const page = new Region(PAGE).bytes;
    const vectors = 20_000;
    for (const [limits, bytesInFlight] of [
      [SMALL, 300_000],
      [BYTES, 200_000],
    ] as const) {
      const sim = new SimTarget({ limits, keepsBytes: false, watchesMemory: false });
      const iter = IovIter.iovec(Array.from({ length: vectors }, () => page));
      await startTransfer(sim, iter, 0, iter.count, 'write', { bytesInFlight, depth: 1000 });
      assert.ok(sim.stats.inFlightBytesMax <= bytesInFlight);
      assert.equal(hostPages().held, 0);
    }
  });

  it('the bounce buffer is left behind when the first vector cannot be had (bounced reads, 2026)', async () => {
    for (const direction of DIRECTIONS) {
      const odd = new Uint8Array(300_000).subarray(1);
      const sim = new SimTarget({ limits: SMALL, size: 400_000, pump: 'manual' });
      const iter = IovIter.iovec([odd, new Uint8Array(PAGE)]);
      const moving = startTransfer(sim, iter, 0, iter.count, direction, { depth: 1 });
      const told = assert.rejects(moving, { code: 'ERR_DIORITE_DETACHED' });
      // A write's first request is copied before it goes out: the second one's memory is gone.
      structuredClone(odd.buffer, { transfer: [odd.buffer] });
      await sim.settle();
      await told;
      assert.equal(stagingPool().leased, 0);
      assert.equal(hostPages().held, 0);
    }
  });

  it('a write over the end of the file leaves its last block’s tail as it was in memory (XFS, generic/263)', async () => {
    for (const ends of ['buffered', 'rewrite'] as const)
      for (const size of [5000, 2 * PAGE, 3 * PAGE + 1])
        for (const bytes of [5 * PAGE - 1000, 2 * PAGE + 511]) {
          const sim: SimOptions = { limits: SMALL, ends };
          const offset = PAGE + 904;
          const aCase = { seed: 1, direction: 'write', shape: 'pieces', offset, bytes, size, sim } as const;
          const { sim: target } = await runCase(aCase);
          assert.equal(target.size, Math.max(size, offset + bytes));
          // What a longer file shows next reads as zeros, not as what the last block was padded with.
          const end = Math.max(size, offset + bytes);
          target.media.write(end + 3 * PAGE, Uint8Array.of(1));
          const after = new Uint8Array(PAGE);
          target.media.read(end, after);
          assert.ok(after.every((byte) => byte === 0));
        }
  });
});
