// "Fail the N-th operation, for N = 1, 2, 3 … until it passes", for every fault, direction, shape of memory and offset.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Direction } from '../../src/plan/limits.js';
import { type FaultRule, SIM_LIMITS } from '../../src/targets/sim/index.js';
import { type Case, type Result, runCase } from './harness.js';
import { SMALL } from './limits.js';
import type { Shape } from './memory.js';
import { TARGETS } from './targets.js';

const FOR_EVER = { times: Number.POSITIVE_INFINITY };

/** What a fault leads to: nothing that the caller sees, or an error with this code. */
type End = 'passes' | { readonly code: string };

const FAULTS: readonly (readonly [name: string, rule: Omit<FaultRule, 'at'>, end: End])[] = [
  ['EIO', { fault: 'EIO' }, { code: 'EIO' }],
  ['EIO from then on', { fault: 'EIO', ...FOR_EVER }, { code: 'EIO' }],
  ['ENOSPC', { fault: 'ENOSPC' }, { code: 'ENOSPC' }],
  ['ETIMEDOUT', { fault: 'ETIMEDOUT' }, { code: 'ETIMEDOUT' }],
  ['EPIPE', { fault: 'EPIPE' }, { code: 'EPIPE' }],
  ['EINVAL', { fault: 'EINVAL' }, { code: 'EINVAL' }],
  ['EAGAIN', { fault: 'EAGAIN' }, 'passes'],
  ['EAGAIN five times', { fault: 'EAGAIN', times: 5 }, 'passes'],
  ['EAGAIN from then on', { fault: 'EAGAIN', ...FOR_EVER }, { code: 'EAGAIN' }],
  ['EINTR', { fault: 'EINTR' }, 'passes'],
  ['a short answer', { fault: 'short' }, 'passes'],
  ['an unaligned short answer', { fault: 'short-unaligned' }, 'passes'],
  ['three unaligned short answers', { fault: 'short-unaligned', times: 3 }, 'passes'],
  ['no bytes', { fault: 'zero' }, 'passes'],
  ['no bytes from then on', { fault: 'zero', ...FOR_EVER }, { code: 'ERR_DIORITE_NO_PROGRESS' }],
  ['full', { fault: 'full' }, 'passes'],
  ['full seven times', { fault: 'full', times: 7 }, 'passes'],
  ['a late answer', { fault: 'late' }, 'passes'],
  ['an early answer', { fault: 'early' }, 'passes'],
];

const FAULTS_FEW: typeof FAULTS = FAULTS.filter(([name]) => name === 'EIO' || name === 'an unaligned short answer');

const SHAPES: readonly (readonly [Shape, bytes: number])[] = [
  ['contiguous', 300_000],
  ['scattered', 1024 * 4096],
  ['pieces', 150_000],
  ['mixed', 250_000],
];

/** More than any transfer here sends: an endless loop shows as a failure. */
const OPERATIONS_MAX = 200;

function hasHit(result: Result, at: number): boolean {
  return result.sim.stats.submitted + result.sim.stats.refused >= at;
}

function checkEnd(result: Result, end: End, at: number): void {
  const told = `operation ${at}: ${result.error?.stack ?? 'resolved'}`;
  if (end === 'passes' || !hasHit(result, at)) assert.ok(result.outcome !== null, told);
  else assert.equal(result.error?.code, end.code, told);
}

async function failEach(base: Case, rule: Omit<FaultRule, 'at'>, end: End): Promise<number> {
  for (let at = 1; at <= OPERATIONS_MAX; at++) {
    const result = await runCase({ ...base, seed: base.seed + at, sim: { ...base.sim, faults: [{ ...rule, at }] } });
    checkEnd(result, end, at);
    if (!hasHit(result, at)) return at - 1;
  }
  assert.fail(`the fault still hits operation ${OPERATIONS_MAX}`);
}

for (const direction of ['write', 'read'] satisfies Direction[]) {
  for (const [shape, bytes] of SHAPES) {
    for (const offset of [8192, 12_345]) {
      describe(`${direction} of ${shape} memory at ${offset}`, () => {
        const limits = shape === 'scattered' ? SIM_LIMITS : SMALL;
        // At an unaligned offset 4 MiB of pages are staged as any other memory is: two faults tell.
        const faults = shape === 'scattered' && offset % 512 !== 0 ? FAULTS_FEW : FAULTS;
        for (const [name, rule, end] of faults) {
          test(name, async () => {
            const hits = await failEach({ seed: 1, direction, shape, offset, bytes, sim: { limits } }, rule, end);
            assert.ok(hits >= 3, `only ${hits} operations`);
          });
        }
      });
    }
  }
}

for (const [shape, sim] of Object.entries(TARGETS)) {
  describe(`a target of another shape: ${shape}`, () => {
    for (const [name, rule, end] of FAULTS) {
      test(name, async () => {
        for (const direction of ['write', 'read'] satisfies Direction[]) {
          const aCase: Case = { seed: 7, direction, shape: 'mixed', offset: 12_345, bytes: 150_000, sim };
          const hits = await failEach(aCase, rule, end);
          assert.ok(hits >= 3, `only ${hits} operations`);
        }
      });
    }
  });
}

describe('a queue, consumed as it goes', () => {
  for (const [name, rule, end] of FAULTS) {
    test(name, async () => {
      for (const direction of ['write', 'read'] satisfies Direction[])
        for (const sim of [{ limits: SMALL }, { limits: SMALL, releaseLatency: { minNanos: 0, meanNanos: 900_000 } }])
          await failEach(
            { seed: 9, direction, shape: 'mixed', kind: 'folioq', offset: 12_345, bytes: 200_000, sim },
            rule,
            end,
          );
    });
  }
});

describe('a transfer of one request', () => {
  for (const [name, rule, end] of FAULTS) {
    test(name, async () => {
      for (const direction of ['write', 'read'] satisfies Direction[])
        for (const bytes of [4096, 65_536])
          await failEach(
            { seed: 3, direction, shape: 'contiguous', offset: 4096, bytes, sim: { limits: SMALL } },
            rule,
            end,
          );
    });
  }
});

test('errors that the target lists as having no effect leave bytes that certainly are as they were', async () => {
  for (const fault of ['EIO', 'ENOSPC'] as const) {
    for (const shape of ['contiguous', 'pieces'] as const) {
      for (let at = 1; at <= 6; at++) {
        const sim = { limits: SMALL, noEffect: [fault], faults: [{ fault, at }] };
        const { error } = await runCase({ seed: at, direction: 'write', shape, offset: 100, bytes: 300_000, sim });
        assert.equal(error?.code, fault);
        assert.ok(error?.extents?.every((extent) => extent.state !== 'unknown'));
      }
    }
  }
});

test('an end of a write that is rewritten makes its whole block unknown, and nothing more', async () => {
  const sim = { limits: SMALL, ends: 'rewrite' as const, faults: [{ fault: 'EIO' as const, at: 1 }] };
  const options = { depth: 1 };
  const aCase: Case = { seed: 5, direction: 'write', shape: 'contiguous', offset: 5000, bytes: 100_000, sim, options };
  const { error } = await runCase(aCase);
  assert.deepEqual(error?.extents, [
    { offset: 4096, length: 4096, state: 'unknown' },
    { offset: 8192, length: 105_000 - 8192, state: 'failed' },
  ]);
  assert.equal(error?.bytes, 0);
});
