// Abort at every step: after the k-th submission, answer and release, by a signal, on targets that can and cannot cancel.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IovIter } from '../../src/iter/iov-iter.js';
import type { Direction } from '../../src/plan/limits.js';
import { type SimOptions, SimTarget } from '../../src/targets/sim/index.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { type Case, runCase } from './harness.js';
import { SMALL } from './limits.js';
import type { Shape } from './memory.js';
import { TARGETS } from './targets.js';

const SIMS: Record<string, SimOptions> = {
  'a disk': { limits: SMALL },
  'a target that cancels': { limits: SMALL, cancel: 'honoured' },
  'late releases': { limits: SMALL, cancel: 'honoured', releaseLatency: { minNanos: 100, meanNanos: 500_000 } },
  'a short queue': { limits: SMALL, queueDepth: 2 },
  retries: { limits: SMALL, faults: [{ fault: 'EAGAIN', chance: 0.3 }] },
  'short answers': { limits: SMALL, faults: [{ fault: 'short', chance: 0.4 }] },
  ...TARGETS,
  'a pipe that cancels': { ...TARGETS.pipe, cancel: 'honoured' },
  'stripes that cancel': { ...TARGETS.striped, cancel: 'honoured' },
};
const SHAPES: Shape[] = ['contiguous', 'pieces', 'scattered'];
const STEPS_MAX = 200;

for (const [name, sim] of Object.entries(SIMS)) {
  describe(name, () => {
    for (const direction of ['write', 'read'] satisfies Direction[]) {
      for (const kind of ['submitted', 'answered', 'released'] as const) {
        test(`${direction}, aborted when the k-th request is ${kind}`, async () => {
          for (const shape of SHAPES) {
            let count = 1;
            for (; count <= STEPS_MAX; count++) {
              const aCase: Case = {
                seed: count,
                direction,
                shape,
                offset: 300,
                bytes: 300_000,
                sim,
                options: { depth: 4 },
              };
              const { aborted, error } = await runCase({ ...aCase, abortAt: { kind, count } });
              if (!aborted) break;
              if (error !== null) assert.equal(error.name, 'AbortError');
            }
            assert.ok(count > 3 && count < STEPS_MAX, `${count} steps`);
          }
        });
      }
    }
  });
}

test('a transfer of one request, aborted between its answer and its release: all is done', async () => {
  for (const direction of ['write', 'read'] satisfies Direction[]) {
    const sim: SimOptions = { limits: SMALL, releaseLatency: { minNanos: 100, meanNanos: 100 } };
    const aCase: Case = { seed: 1, direction, shape: 'contiguous', offset: 0, bytes: 4096, sim };
    const { error } = await runCase({ ...aCase, abortAt: { kind: 'answered', count: 1 } });
    assert.deepEqual(error?.extents, [{ offset: 0, length: 4096, state: 'done' }]);
    assert.equal(error?.bytes, 4096);
  }
});

test('a signal that is aborted already: nothing is sent', async () => {
  for (const direction of ['write', 'read'] satisfies Direction[]) {
    const options = { signal: AbortSignal.abort(new Error('why')) };
    const aCase: Case = { seed: 1, direction, shape: 'mixed', offset: 10, bytes: 100_000, options };
    const { error, sim } = await runCase(aCase);
    assert.equal(error?.code, 'ABORT_ERR');
    assert.match(String(error?.cause), /why/);
    assert.deepEqual(error?.extents, [{ offset: 10, length: 100_000, state: 'failed' }]);
    assert.equal(sim.stats.submitted, 0);
  }
});

test('abort after the end changes nothing, and leaves no listener', async () => {
  const controller = new AbortController();
  const options = { signal: controller.signal };
  const { outcome } = await runCase({ seed: 1, direction: 'write', shape: 'mixed', offset: 0, bytes: 9000, options });
  controller.abort();
  assert.equal(outcome?.bytes, 9000);
});

test('what is never answered is answered when it is cancelled, and is then unknown', async () => {
  const sim = new SimTarget({
    limits: SMALL,
    cancel: 'honoured',
    pump: 'manual',
    faults: [{ at: 2, fault: 'no-answer' }],
  });
  const controller = new AbortController();
  const iter = IovIter.ubuf(new Uint8Array(4 * 65_536));
  let settled = false;
  const transfer = startTransfer(sim, iter, 0, 4 * 65_536, 'write', { signal: controller.signal }).finally(() => {
    settled = true;
  });
  await sim.settle();
  assert.equal(settled, false);
  assert.equal(sim.stats.inFlight, 1);
  controller.abort();
  await Promise.all([
    sim.settle(),
    assert.rejects(transfer, {
      name: 'AbortError',
      bytes: 65_536,
      extents: [
        { offset: 0, length: 65_536, state: 'done' },
        { offset: 65_536, length: 65_536, state: 'unknown' },
        { offset: 131_072, length: 131_072, state: 'done' },
      ],
    }),
  ]);
  assert.equal(iter.count, 3 * 65_536);
});

test('on a disk, abort settles only when the last request has been answered and released', async () => {
  const sim = new SimTarget({ limits: SMALL, pump: 'manual', releaseLatency: { minNanos: 1e9, meanNanos: 1e9 } });
  const controller = new AbortController();
  const iter = IovIter.ubuf(new Uint8Array(200_000));
  let settled = false;
  const transfer = startTransfer(sim, iter, 0, 200_000, 'write', { signal: controller.signal }).finally(() => {
    settled = true;
  });
  const rejected = assert.rejects(transfer, { name: 'AbortError' });
  controller.abort();
  while (sim.stats.inFlight > 0) {
    await new Promise<void>((resolve) => setImmediate(resolve));
    assert.equal(settled, false);
    sim.clock.step();
  }
  await rejected;
});

test('an abort from within onProgress', async () => {
  const controller = new AbortController();
  const options = { signal: controller.signal, onProgress: () => controller.abort(), depth: 2 };
  const sim: SimOptions = { limits: SMALL };
  const { error } = await runCase({
    seed: 4,
    direction: 'read',
    shape: 'pieces',
    offset: 1,
    bytes: 300_000,
    options,
    sim,
  });
  assert.equal(error?.name, 'AbortError');
  assert.ok((error?.extents ?? []).some((extent) => extent.state === 'done'));
});
