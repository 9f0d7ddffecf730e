// Iterators of every kind as the memory of transfers, from the middle of what they hold, over every shape of target.
import { describe, test } from 'node:test';
import type { Direction } from '../../src/plan/limits.js';
import { MEMORY_KINDS } from '../support/iterators.js';
import { runCase } from './harness.js';
import { SMALL, SMALL_4K } from './limits.js';
import { SHAPES } from './memory.js';
import { TARGETS } from './targets.js';

const DIRECTIONS = ['write', 'read'] satisfies Direction[];
const DISKS = { 'blocks of 512': { limits: SMALL }, 'blocks of 4096': { limits: SMALL_4K } };

for (const kind of MEMORY_KINDS) {
  describe(kind, () => {
    for (const [name, sim] of Object.entries({ ...DISKS, ...TARGETS })) {
      test(name, async () => {
        for (const direction of DIRECTIONS)
          for (const shape of SHAPES)
            for (const offset of [0, 4096, 77_777])
              for (const bytes of [0, 1, 512, 5000, 260_001])
                await runCase({ seed: 1, direction, shape, kind, offset, bytes, sim });
      });
    }

    test('fails in the middle, and stands there', async () => {
      for (const direction of DIRECTIONS)
        for (const shape of SHAPES)
          for (let at = 1; at < 6; at++) {
            const sim = { limits: SMALL, faults: [{ fault: 'EIO' as const, at }] };
            await runCase({ seed: at, direction, shape, kind, offset: 100, bytes: 300_000, sim });
          }
    });
  });
}
