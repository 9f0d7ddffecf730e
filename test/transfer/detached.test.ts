// Memory that its owner transfers away while it is in flight: an error with a ledger, and nothing left behind.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import type { Direction } from '../../src/plan/limits.js';
import { type SimOptions, SimTarget } from '../../src/targets/sim/index.js';
import { stagingPool } from '../../src/transfer/staging.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { checkExtents } from '../support/oracle.js';
import { SMALL } from './limits.js';

const BYTES = 300_000;
const OFFSET = 100;

/** Starts a transfer through staging, lets `steps` events happen, and takes the memory away. */
async function detachAfter(steps: number, direction: Direction, options: SimOptions): Promise<DioriteError | null> {
  const sim = new SimTarget({ limits: SMALL, size: 2 * BYTES, pump: 'manual', ...options });
  const memory = new Uint8Array(BYTES);
  const iter = IovIter.ubuf(memory);
  const settled = startTransfer(sim, iter, OFFSET, BYTES, direction, { depth: 2 }).then(
    () => null,
    (error: unknown) => error,
  );
  for (let i = 0; i < steps; i++) sim.clock.step();
  structuredClone(memory.buffer, { transfer: [memory.buffer] });
  await sim.settle();
  const error = await settled;
  assert.equal(sim.stats.inFlight, 0);
  assert.equal(stagingPool().leased, 0);
  if (error === null) return null;
  assert.ok(error instanceof DioriteError, String(error));
  checkExtents(error.extents ?? [], OFFSET, BYTES);
  assert.equal(BYTES - iter.count, error.bytes);
  return error;
}

for (const direction of ['write', 'read'] satisfies Direction[]) {
  for (const [name, options] of Object.entries({ data: {}, holes: { shortAtHole: true } } satisfies Record<
    string,
    SimOptions
  >)) {
    test(`${direction}, ${name}: detached after any number of answers`, async () => {
      let failures = 0;
      for (let steps = 0; steps < 12; steps++) {
        const error = await detachAfter(steps, direction, options);
        if (error === null) continue;
        failures++;
        assert.equal(error.code, 'ERR_DIORITE_DETACHED');
      }
      assert.ok(failures >= 3, `${failures} failures`);
    });
  }
}

test('a read that is thrown away needs no memory', async () => {
  for (const offset of [0, OFFSET]) {
    const sim = new SimTarget({ limits: SMALL, size: 2 * BYTES });
    const iter = IovIter.discard(BYTES);
    const { bytes } = await startTransfer(sim, iter, offset, BYTES, 'read', {});
    assert.equal(bytes, BYTES);
    assert.equal(iter.count, 0);
    assert.equal(stagingPool().leased, 0);
  }
});
