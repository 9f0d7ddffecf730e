// Transfers against the simulator without faults of their own: shapes, limits, ends, budgets, release, holes, moving ends.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Direction } from '../../src/plan/limits.js';
import type { SimOptions } from '../../src/targets/sim/index.js';
import { type Case, runCase } from './harness.js';
import { BY_PLACE, BYTES, SMALL, SMALL_4K } from './limits.js';
import { SHAPES } from './memory.js';

const DIRECTIONS = ['write', 'read'] satisfies Direction[];

const LIMITS = { 'blocks of 512': SMALL, 'blocks of 4096': SMALL_4K, 'any bytes': BYTES, 'limits by place': BY_PLACE };

for (const [name, limits] of Object.entries(LIMITS)) {
  describe(name, () => {
    for (const direction of DIRECTIONS) {
      for (const shape of SHAPES) {
        test(`${direction}, ${shape}`, async () => {
          for (const offset of [0, 4096, 100, 4095, 77_777])
            for (const bytes of [0, 1, 511, 512, 4096, 5000, 260_001])
              await runCase({ seed: 1, direction, shape, offset, bytes, sim: { limits } });
        });
      }
    }
  });
}

describe('budgets', () => {
  const releaseLatency = { minNanos: 1000, meanNanos: 400_000 };
  for (const direction of DIRECTIONS) {
    for (const shape of SHAPES) {
      test(`${direction}, ${shape}: bytes in flight, counted until the release, and depth`, async () => {
        for (const bytesInFlight of [1, 65_536, 100_000, 200_000])
          for (const depth of [1, 3, 64])
            for (const release of [undefined, releaseLatency]) {
              const sim: SimOptions = { limits: SMALL, releaseLatency: release };
              const options = { depth, bytesInFlight };
              await runCase({ seed: 2, direction, shape, offset: 300, bytes: 500_000, sim, options });
            }
      });
    }
  }

  test('a budget that is smaller than any request lets one go at a time', async () => {
    const options = { bytesInFlight: 1 };
    const aCase: Case = { seed: 3, direction: 'write', shape: 'contiguous', offset: 0, bytes: 500_000, options };
    const { sim } = await runCase({ ...aCase, sim: { limits: SMALL } });
    assert.equal(sim.stats.inFlightMax, 1);
  });

  test('depth is used', async () => {
    const options = { depth: 5 };
    const aCase: Case = { seed: 3, direction: 'read', shape: 'contiguous', offset: 0, bytes: 1_000_000, options };
    const { sim } = await runCase({ ...aCase, sim: { limits: SMALL } });
    assert.equal(sim.stats.inFlightMax, 5);
  });

  test('a short queue is waited for', async () => {
    for (const shape of SHAPES) {
      const sim: SimOptions = { limits: SMALL, queueDepth: 2 };
      const aCase: Case = {
        seed: 4,
        direction: 'write',
        shape,
        offset: 100,
        bytes: 600_000,
        options: { depth: 50 },
        sim,
      };
      const result = await runCase(aCase);
      assert.ok(result.sim.stats.refused > 0);
    }
  });
});

describe('the end of the data', () => {
  for (const shape of SHAPES) {
    test(`reads over the end are short there: ${shape}`, async () => {
      for (const size of [0, 1, 511, 512, 70_000, 131_072, 200_001])
        for (const offset of [0, 100, 512, 65_536])
          await runCase({ seed: 6, direction: 'read', shape, offset, bytes: 250_000, size, sim: { limits: SMALL } });
    });

    test(`writes over the end extend a file: ${shape}`, async () => {
      for (const size of [0, 1, 5000, 8192]) {
        const aCase: Case = { seed: 6, direction: 'write', shape, offset: 5000, bytes: 100_000, size };
        const { sim } = await runCase({ ...aCase, sim: { limits: SMALL } });
        assert.equal(sim.size, 105_000);
      }
    });

    test(`a file system that is full in mid-write, and a device that ends: ${shape}`, async () => {
      for (const offset of [0, 4000])
        for (const room of [0, 512, 70_000, 131_072, 200_000, 249_856]) {
          const aCase: Case = { seed: 7, direction: 'write', shape, offset, bytes: 250_000, size: 0 };
          const full = await runCase({ ...aCase, sim: { limits: SMALL, spaceBytes: room } });
          assert.equal(full.error?.code, 'ENOSPC');
          const device = await runCase({ ...aCase, size: room, sim: { limits: SMALL, kind: 'device' } });
          assert.equal(device.error?.code, 'ENOSPC');
        }
    });

    test(`a device that ends within a unit of alignment: ${shape}`, async () => {
      const aCase: Case = { seed: 7, direction: 'write', shape, offset: 4096, bytes: 20_000, size: 4096 + 8192 + 512 };
      const { error } = await runCase({ ...aCase, sim: { limits: SMALL, kind: 'device' }, options: { depth: 1 } });
      assert.equal(error?.code, 'ENOSPC');
      assert.equal(error?.bytes, 8192 + 512);
    });

    test(`an end that moves while it is read: ${shape}`, async () => {
      for (let at = 1; at < 8; at++)
        for (const size of [0, 1000, 65_536, 100_001, 400_000])
          for (const sizeBefore of [80_000, 300_000]) {
            const faults = [{ fault: 'resize' as const, at, size }];
            const aCase: Case = { seed: at, direction: 'read', shape, offset: 100, bytes: 250_000, size: sizeBefore };
            await runCase({ ...aCase, sim: { limits: SMALL, faults } });
          }
    });
  }
});

describe('holes', () => {
  for (const shape of SHAPES) {
    test(`short answers that mean zeros: ${shape}`, async () => {
      for (const offset of [0, 777])
        for (const size of [100_000, 250_000, 260_001]) {
          const sim: SimOptions = { limits: SMALL, shortAtHole: true };
          await runCase({ seed: 8, direction: 'read', shape, offset, bytes: 250_000, size, sim });
        }
    });
  }
});

test('the byte offsets of files far over 4 GiB', async () => {
  for (const direction of DIRECTIONS)
    for (const offset of [2 ** 32 - 5000, 2 ** 40 + 123, Number.MAX_SAFE_INTEGER - 2 ** 20])
      await runCase({ seed: 9, direction, shape: 'mixed', offset, bytes: 200_000, sim: { limits: SMALL } });
});
