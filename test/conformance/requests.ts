// The contract of single requests: taken or full, answered once, released once, what a short answer means, limits.
import assert from 'node:assert/strict';
import { DioriteError } from '../../src/base/errors.js';
import type { Direction } from '../../src/plan/limits.js';
import { limitsProblem } from '../../src/plan/limits.js';
import type { Target, Unit } from '../../src/transfer/target.js';
import {
  alignedMemory,
  assertSame,
  type Behaviour,
  blockOf,
  fill,
  Probe,
  pattern,
  requestFor,
  unless,
} from './subject.js';

const DIRECTIONS = ['write', 'read'] satisfies Direction[];

/** Sends one request for memory that is aligned, and waits for its release. */
async function sendOne(target: Target, memory: Uint8Array, offset: number, direction: Direction): Promise<Probe> {
  const probe = new Probe();
  const request = requestFor(target, memory, offset, direction);
  const released = probe.submit(target, request);
  assert.ok(released !== null, 'an idle target takes a request');
  await released;
  assert.equal(request.inFlight, false);
  return probe;
}

export const REQUESTS: readonly Behaviour[] = [
  {
    name: 'a request is answered once and then released once, never before submit returns',
    async run(t, subject) {
      for (const direction of DIRECTIONS) {
        const { target, peek } = await subject.open(t, { contents: pattern(1 << 20, 1) });
        const memory = fill(alignedMemory(blockOf(target)), 2);
        const probe = await sendOne(target, memory, 0, direction);
        assert.deepEqual(probe.events, ['answered whole', 'released']);
        if (direction === 'write') assertSame(await peek(0, memory.length), memory, 'written');
        else assertSame(memory, pattern(memory.length, 1), 'read');
        await target.close();
      }
    },
  },
  {
    name: 'a target that says full calls back once when there is room, and never before onceDrained returns',
    skip: unless('seekable', true),
    async run(t, subject) {
      const { target } = await subject.open(t, { contents: pattern(1 << 20, 1) });
      const probe = new Probe();
      const block = blockOf(target);
      const released: Promise<void>[] = [];
      let refused = null;
      // No target takes any number of them.
      for (let i = 0; i < 4096 && refused === null; i++) {
        const request = requestFor(target, alignedMemory(block), 0, 'read');
        const taken = probe.submit(target, request);
        if (taken === null) refused = request;
        else released.push(taken);
      }
      assert.ok(refused !== null, 'it says full before 4096 requests');
      let calls = 0;
      const drained = new Promise<void>((resolve) =>
        target.onceDrained(() => {
          calls++;
          resolve();
        }),
      );
      assert.equal(calls, 0);
      await drained;
      await Promise.all(released);
      const taken = probe.submit(target, refused);
      assert.ok(taken !== null, 'the refused request is as it was, and is taken');
      await taken;
      assert.equal(calls, 1);
      assert.equal(probe.events.filter((event) => event === 'answered whole').length, released.length + 1);
      await target.close();
    },
  },
  {
    name: 'limits can be obeyed at every place, and are the same object where nothing changes',
    async run(t, subject) {
      const { target } = await subject.open(t, { contents: pattern(4096, 1) });
      for (const direction of DIRECTIONS) {
        for (const offset of [0, 512, 4096, 100_000, 2 ** 32 + 4096]) {
          const limits = target.limitsAt(offset, direction);
          assert.equal(limitsProblem(limits, offset), null);
          assert.equal(target.limitsAt(offset, direction), limits);
          if (target.seekable) continue;
          assert.deepEqual([limits.offsetAlignment, limits.endAlignment], [1, 1], 'nothing is read again or widened');
        }
      }
      assert.ok(target.bestDepth >= 1);
      assert.ok(target.seekable || target.bestDepth === 1, 'one after the other');
      await target.close();
    },
  },
  {
    name: 'a read that passes the end is short, and means the end; a read behind it has no bytes',
    async run(t, subject) {
      const contents = pattern(1000, 3);
      const { target } = await subject.open(t, { contents });
      const memory = fill(alignedMemory(blockOf(target)), 4);
      const probe = await sendOne(target, memory, 0, 'read');
      assertSame(memory.subarray(0, 1000), contents, 'read');
      const meaning = /^answered 1000 (end|continue|hole)$/.exec(probe.events[0] ?? '');
      assert.ok(meaning !== null, probe.events[0]);
      if (meaning[1] === 'hole') assert.equal(target.size, 1000, 'a hole up to the size: there the data ends');
      const offset = target.seekable ? 2 * blockOf(target) : 1000;
      const behind = await sendOne(target, memory, offset, 'read');
      assert.equal(behind.events[0], 'answered 0 end', 'whatever the first answer said: the end is said now');
      await target.close();
    },
  },
  {
    name: 'cancelling is allowed at any time, and the answer still comes, once',
    async run(t, subject) {
      for (const direction of DIRECTIONS) {
        const { target } = await subject.open(t, { contents: pattern(1 << 20, 1) });
        const probe = new Probe();
        const request = requestFor(target, alignedMemory(blockOf(target)), 0, direction);
        const released = probe.submit(target, request);
        target.cancel(request);
        target.cancel(request);
        await released;
        target.cancel(request);
        assert.equal(probe.events.length, 2);
        assert.match(probe.events[0] ?? '', /^(answered|failed ECANCELED)/);
        await target.close();
      }
    },
  },
  {
    name: 'close waits until everything is released, and may be called again',
    async run(t, subject) {
      const { target } = await subject.open(t, { contents: pattern(1 << 20, 1) });
      const probe = new Probe();
      void probe.submit(target, requestFor(target, alignedMemory(blockOf(target)), 0, 'read'));
      await Promise.all([target.close(), target.close()]);
      assert.deepEqual(probe.events, ['answered whole', 'released']);
      await target.close();
    },
  },
  {
    name: 'what an error says of the bytes: try again, certainly as they were, or unknown where it is not known',
    async run(t, subject) {
      const { target } = await subject.open(t, {});
      for (const direction of DIRECTIONS) {
        const effect = (code: string) => target.effectOf(new DioriteError(code, { code }), direction);
        assert.deepEqual([effect('EAGAIN'), effect('EINTR')], ['retry', 'retry']);
        for (const code of ['EIO', 'ETIMEDOUT', 'EWHATEVER']) assert.equal(effect(code), 'unknown', code);
      }
      await target.close();
    },
  },
  {
    name: 'a layout places every byte once, the same however it is asked',
    skip: unless('layout', true),
    async run(t, subject) {
      const { target } = await subject.open(t, {});
      const { layout } = target;
      assert.ok(layout !== undefined);
      const bytes = 150_000;
      const placed = new Map<number, string>();
      for (const unit of layout(1000, bytes)) {
        let at = unit.offset;
        for (const piece of unit.pieces) {
          for (let i = 0; i < piece.bytes; i++) {
            assert.ok(!placed.has(piece.offset + i), 'no overlap');
            placed.set(piece.offset + i, `${unit.name}:${at + i}`);
          }
          at += piece.bytes;
        }
      }
      assert.equal(placed.size, bytes);
      assert.equal(new Set(placed.values()).size, bytes, 'no two bytes lie at one place');
      for (let offset = 1000; offset < 1000 + bytes; offset += 4999) {
        const alone: Unit | undefined = layout(offset, 1)[0];
        assert.equal(placed.get(offset), `${alone?.name}:${alone?.offset}`);
      }
    },
  },
  {
    name: 'a target without a layout says so',
    skip: unless('layout', false),
    async run(t, subject) {
      const { target } = await subject.open(t, {});
      assert.equal(target.layout, undefined);
      await target.close();
    },
  },
];
