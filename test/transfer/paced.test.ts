// Transfers that go by a pace: its depth and request size are kept, its changes followed, and its use ends with them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import { Region } from '../../src/memory/region.js';
import type { Direction } from '../../src/plan/limits.js';
import { type SimEvent, type SimOptions, SimTarget } from '../../src/targets/sim/index.js';
import type { TransferOptions } from '../../src/transfer/options.js';
import type { Outcome } from '../../src/transfer/outcome.js';
import { type Chosen, Pace, type PaceBounds } from '../../src/transfer/pace.js';
import { PACED_BYTES_MIN } from '../../src/transfer/pacing.js';
import { startTransfer } from '../../src/transfer/transfer.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const BYTES = 24 * MIB;
const BOUNDS: PaceBounds = {
  depthMin: 2,
  depthMax: 16,
  requestBytesMin: 256 * KIB,
  requestBytesMax: MIB,
  bytesMax: 8 * MIB,
};
const START: Chosen = { depth: 4, requestBytes: 512 * KIB, why: 'it starts so' };

class PacedTarget extends SimTarget {
  readonly #pace: Pace;

  constructor(pace: Pace, options: SimOptions) {
    super({ seed: 1, size: 2 * BYTES, keepsBytes: false, ...options });
    this.#pace = pace;
  }

  paceOf(): Pace {
    return this.#pace;
  }
}

/** 24 MiB through one megabyte of memory. */
function memory(bytes: number): IovIter {
  const { bytes: view } = new Region(MIB);
  return IovIter.from(Array.from({ length: bytes / MIB }, () => view));
}

interface Run {
  readonly direction?: Direction;
  readonly bytes?: number;
  readonly options?: TransferOptions;
  readonly sim?: SimOptions;
  readonly onEvent?: (event: SimEvent) => void;
}

async function run(pace: Pace, aRun: Run = {}): Promise<{ outcome: Outcome; sizes: number[]; deepest: number }> {
  const sizes: number[] = [];
  const onEvent = (event: SimEvent): void => {
    if (event.kind === 'submitted') sizes.push(event.bytes);
    aRun.onEvent?.(event);
  };
  const target = new PacedTarget(pace, { ...aRun.sim, onEvent });
  const { direction = 'read', bytes = BYTES, options = {} } = aRun;
  const outcome = await startTransfer(target, memory(bytes), 0, bytes, direction, options);
  return { outcome, sizes, deepest: target.stats.inFlightMax };
}

function assertUnused(pace: Pace): void {
  assert.throws(() => pace.used(-1), 'nobody uses it any more');
}

describe('a transfer with a pace', () => {
  for (const direction of ['read', 'write'] as const)
    test(`${direction}: keeps to its depth and size, and tells them`, async () => {
      const fixed = { depthMin: 4, depthMax: 4, requestBytesMin: 512 * KIB, requestBytesMax: 512 * KIB };
      const pace = new Pace({ ...fixed, bytesMax: 2 * MIB }, START);
      const { outcome, sizes, deepest } = await run(pace, { direction });
      assert.equal(outcome.bytes, BYTES);
      assert.deepEqual(new Set(sizes), new Set([512 * KIB]));
      assert.equal(deepest, 4);
      assert.equal(outcome.chosen, START);
      assertUnused(pace);
    });

  test('stays within the bounds while it tries, and follows what is found', async () => {
    const pace = new Pace(BOUNDS, START);
    for (let i = 0; i < 8; i++) {
      const { outcome, sizes, deepest } = await run(pace);
      assert(deepest <= BOUNDS.depthMax);
      assert(sizes.every((bytes) => bytes >= BOUNDS.requestBytesMin && bytes <= BOUNDS.requestBytesMax));
      assert.equal(outcome.chosen, pace.chosen);
    }
    assertUnused(pace);
  });

  test('a new size holds from the next request on', async () => {
    const pace = new Pace({ ...BOUNDS, depthMin: 4, depthMax: 4 }, START);
    let submitted = 0;
    const { sizes, outcome } = await run(pace, {
      onEvent: ({ kind }) => {
        if (kind === 'submitted' && ++submitted === 10) for (let i = 0; i < 3; i++) pace.submitted(100);
      },
    });
    assert.deepEqual(new Set(sizes.slice(0, 10)), new Set([512 * KIB]));
    assert.deepEqual(new Set(sizes.slice(10)), new Set([256 * KIB]));
    assert.match(outcome.chosen?.why ?? '', /held the event loop/);
  });

  test('what is asked for stands, and short transfers go by the target', async () => {
    const pace = new Pace(BOUNDS, START);
    const asked = await run(pace, { options: { depth: 3 } });
    assert.deepEqual([asked.deepest, asked.outcome.chosen], [3, null]);
    const short = await run(pace, { bytes: PACED_BYTES_MIN });
    assert.equal(short.outcome.chosen, null);
    assertUnused(pace);
  });

  test('the byte budget bounds it too', async () => {
    const pace = new Pace(BOUNDS, { ...START, depth: 16 });
    const { deepest } = await run(pace, { options: { bytesInFlight: MIB } });
    assert(deepest <= MIB / BOUNDS.requestBytesMin);
  });

  test('failed and aborted, it lets go of its pace', async () => {
    const pace = new Pace(BOUNDS, START);
    const faults = [{ fault: 'EIO', on: 'write', at: 7 }] as const;
    await assert.rejects(run(pace, { direction: 'write', sim: { faults } }), DioriteError);
    assertUnused(pace);
    const controller = new AbortController();
    const onEvent = ({ kind }: SimEvent): void => {
      if (kind === 'answered') controller.abort();
    };
    await assert.rejects(run(pace, { options: { signal: controller.signal }, onEvent }), { name: 'AbortError' });
    assertUnused(pace);
    await assert.rejects(run(pace, { options: { signal: AbortSignal.abort() } }), { name: 'AbortError' });
    assertUnused(pace);
  });
});
