// The contract as transfers see it: bytes at any place from any memory, ends, ledgers, budgets, aborts, order.
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import type { Direction } from '../../src/plan/limits.js';
import type { TransferOptions } from '../../src/transfer/options.js';
import type { Outcome } from '../../src/transfer/outcome.js';
import { stagingPool } from '../../src/transfer/staging.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { checkBytes, checkExtents } from '../support/oracle.js';
import { Prng } from '../support/prng.js';
import { CaseMemory, SHAPES, type Shape } from '../transfer/memory.js';
import { assertSame, type Behaviour, counting, type Opened, pattern, type Subject, unless } from './subject.js';

const DIRECTIONS = ['write', 'read'] satisfies Direction[];
/** What a target holds before a case, so that there is something around its range. */
const CONTENTS_BYTES = 650_001;

interface Moved extends Opened {
  readonly outcome: Outcome | null;
  readonly error: DioriteError | null;
  readonly memory: CaseMemory;
  readonly before: Uint8Array;
  readonly payload: Uint8Array;
}

interface Move {
  readonly direction: Direction;
  readonly shape: Shape;
  readonly offset: number;
  readonly bytes: number;
  readonly fails?: { readonly on: Direction; readonly at: number };
  readonly options?: TransferOptions;
  readonly contents?: Uint8Array;
}

/** Of an unseekable target, where a new one stands. */
function offsetFor({ properties }: Subject, offset: number): number {
  return properties.seekable ? offset : 0;
}

/** One transfer on a target of its own, everything that always holds checked, and the target left open. */
async function move(t: TestContext, subject: Subject, wanted: Move): Promise<Moved> {
  const { direction, shape, bytes, fails, options, contents = pattern(CONTENTS_BYTES, 1) } = wanted;
  const offset = offsetFor(subject, wanted.offset);
  const opened = await subject.open(t, fails === undefined ? { contents } : { contents, fails });
  const memory = new CaseMemory(shape, bytes, new Prng(offset + bytes));
  const payload = memory.gather();
  const iter = IovIter.from(memory.views);
  let outcome: Outcome | null = null;
  let error: DioriteError | null = null;
  const started = startTransfer(opened.target, iter, offset, bytes, direction, options ?? {});
  try {
    outcome = await started;
  } catch (thrown) {
    if (!(thrown instanceof DioriteError)) throw thrown;
    error = thrown;
  }
  assert.equal(stagingPool().leased, 0, 'every lease is released');
  assert.equal(bytes - iter.count, outcome?.bytes ?? error?.bytes, 'the iterator stands at the bytes that were moved');
  return { ...opened, outcome, error, memory, before: contents, payload };
}

async function moveAll(t: TestContext, subject: Subject, wanted: Move): Promise<void> {
  const { direction, bytes } = wanted;
  const offset = offsetFor(subject, wanted.offset);
  const { target, peek, outcome, error, memory, before, payload } = await move(t, subject, wanted);
  assert.equal(error, null, error?.stack);
  assert.equal(outcome?.bytes, bytes);
  assert.equal(outcome.offset, offset);
  assert.ok(bytes === 0 ? outcome.requests === 0 : outcome.requests > 0);
  const now = memory.gather();
  if (direction === 'read') assertSame(now, before.subarray(offset, offset + bytes), 'read');
  else {
    assertSame(now, payload, 'the memory of a write is as it was');
    assertSame(await peek(offset, bytes), payload, 'written');
    if (target.seekable) await checkAround(peek, before, offset, bytes);
  }
  memory.checkSurroundings();
  await target.close();
}

async function checkAround(peek: Opened['peek'], before: Uint8Array, offset: number, bytes: number): Promise<void> {
  const from = Math.max(0, offset - 8192);
  assertSame(await peek(from, offset - from), before.subarray(from, offset), 'what lies before');
  const behind = before.subarray(offset + bytes, offset + bytes + 8192);
  assertSame(await peek(offset + bytes, behind.length), behind, 'what lies behind');
}

export const TRANSFERS: readonly Behaviour[] = [
  ...DIRECTIONS.flatMap((direction) =>
    SHAPES.map(
      (shape): Behaviour => ({
        name: `${direction}: any offset and length, ${shape} memory, and nothing around is touched`,
        async run(t, subject) {
          for (const offset of subject.properties.seekable ? [0, 4096, 77_777] : [0])
            for (const bytes of [0, 1, 512, 8192, 12_345, 300_000])
              await moveAll(t, subject, { direction, shape, offset, bytes });
        },
      }),
    ),
  ),
  {
    name: 'a read is short only at the end of the data',
    async run(t, subject) {
      for (const size of [0, 1, 4096, 100_001])
        for (const offset of subject.properties.seekable ? [0, 100, 4096, 200_000] : [0]) {
          const contents = pattern(size, 5);
          const wanted: Move = { direction: 'read', shape: 'mixed', offset, bytes: 150_000, contents };
          const { target, outcome, memory } = await move(t, subject, wanted);
          const there = contents.subarray(offset);
          assert.equal(outcome?.bytes, there.length);
          assertSame(memory.gather().subarray(0, there.length), there, 'read');
          await target.close();
        }
    },
  },
  {
    name: 'a write past the end extends it, and what was skipped reads as zeros',
    skip: unless('grows', true),
    async run(t, subject) {
      const contents = pattern(5000, 5);
      const wanted: Move = { direction: 'write', shape: 'mixed', offset: 70_000, bytes: 50_001, contents };
      const { target, peek, payload } = await move(t, subject, wanted);
      assertSame(await peek(0, 200_000), Buffer.concat([contents, new Uint8Array(65_000), payload]), 'all of it');
      if (subject.properties.knowsSize) assert.equal(target.size, 120_001);
      await target.close();
    },
  },
  {
    name: 'size: known at any time, or unknown until a read has met the end',
    async run(t, subject) {
      const { target } = await subject.open(t, { contents: pattern(30_000, 1) });
      assert.equal(target.size, subject.properties.knowsSize ? 30_000 : undefined);
      const iter = IovIter.ubuf(new Uint8Array(40_000));
      assert.equal((await startTransfer(target, iter, 0, 40_000, 'read', {})).bytes, 30_000);
      assert.equal(target.size, 30_000);
      await target.close();
    },
  },
  ...DIRECTIONS.map(
    (direction): Behaviour => ({
      name: `${direction}: an error rejects with a ledger that covers the range and is true`,
      async run(t, subject) {
        for (const shape of ['contiguous', 'mixed'] satisfies Shape[])
          for (let at = 1; at <= 3; at++) {
            const wanted: Move = { direction, shape, offset: 4096, bytes: 400_000, fails: { on: direction, at } };
            await checkFailure(t, subject, wanted);
          }
      },
    }),
  ),
  ...DIRECTIONS.map(
    (direction): Behaviour => ({
      name: `${direction}: no more unanswered than depth, and no more in flight than the byte budget allows, until the release`,
      async run(t, subject) {
        for (const [depth, bytesInFlight] of [
          [2, 2 ** 30],
          [64, 1],
        ] as const) {
          const { target: real } = await subject.open(t, { contents: pattern(CONTENTS_BYTES, 1) });
          const { target, most } = counting(real);
          const iter = IovIter.ubuf(new CaseMemory('contiguous', 600_000, new Prng(1)).views[0] as Uint8Array);
          await startTransfer(target, iter, 0, 600_000, direction, { depth, bytesInFlight });
          const unanswered = most.unanswered;
          assert.ok(unanswered >= 1 && unanswered <= (real.seekable ? depth : 1), `${unanswered} unanswered`);
          if (bytesInFlight === 1) assert.equal(most.requests, 1, 'one may always go, whatever the budget');
          await real.close();
        }
      },
    }),
  ),
  {
    name: 'transfers on ranges apart run at the same time',
    skip: unless('seekable', true),
    async run(t, subject) {
      const contents = pattern(CONTENTS_BYTES, 1);
      const { target, peek } = await subject.open(t, { contents });
      const parts = Array.from({ length: 12 }, (_, i) => ({ offset: i * 50_000 + i, memory: pattern(30_000 + i, i) }));
      await Promise.all(
        parts.map(({ offset, memory }) =>
          startTransfer(target, IovIter.ubuf(memory), offset, memory.length, 'write', {}),
        ),
      );
      for (const { offset, memory } of parts) contents.set(memory, offset);
      assertSame(await peek(0, contents.length), contents, 'all of it');
      await target.close();
    },
  },
  {
    name: 'an unseekable target gives its bytes once, in order, over any number of transfers',
    skip: unless('seekable', false),
    async run(t, subject) {
      const contents = pattern(CONTENTS_BYTES, 1);
      const { target, peek } = await subject.open(t, { contents });
      let at = 0;
      for (const bytes of [1, 4096, 77_777, 0, 300_000, 500_000]) {
        const memory = new Uint8Array(bytes);
        const { bytes: got } = await startTransfer(target, IovIter.ubuf(memory), at, bytes, 'read', { depth: 16 });
        assertSame(memory.subarray(0, got), contents.subarray(at, at + bytes), 'read');
        at += got;
      }
      assert.equal(at, contents.length);
      const sent = [pattern(10_000, 2), pattern(1, 3), pattern(123_456, 4)];
      at = 0;
      for (const memory of sent) {
        await startTransfer(target, IovIter.ubuf(memory), at, memory.length, 'write', { depth: 16 });
        at += memory.length;
      }
      assertSame(await peek(0, at), Buffer.concat(sent), 'written');
      await target.close();
    },
  },
  {
    name: 'a signal that is aborted already: nothing is sent',
    async run(t, subject) {
      for (const direction of DIRECTIONS) {
        const options = { signal: AbortSignal.abort() };
        const { error, target } = await move(t, subject, {
          direction,
          shape: 'mixed',
          offset: 0,
          bytes: 9000,
          options,
        });
        assert.equal(error?.name, 'AbortError');
        assert.deepEqual(error?.extents, [{ offset: 0, length: 9000, state: 'failed' }]);
        await target.close();
      }
    },
  },
  {
    name: 'an abort settles when all is released, with a ledger that is true, and the target goes on',
    async run(t, subject) {
      for (const direction of DIRECTIONS) {
        const controller = new AbortController();
        const { target: real, peek } = await subject.open(t, { contents: pattern(CONTENTS_BYTES, 1) });
        const { target } = counting(real);
        const memory = new CaseMemory('mixed', 600_000, new Prng(3));
        const payload = memory.gather();
        const options = { signal: controller.signal, depth: 2, onProgress: () => controller.abort() };
        const before = direction === 'write' ? await peek(0, 600_000) : payload;
        const error = await failureOf(
          startTransfer(target, IovIter.from(memory.views), 0, 600_000, direction, options),
        );
        assert.equal(error.name, 'AbortError');
        const { extents = [] } = error;
        checkExtents(extents, 0, 600_000);
        assert.ok(extents.some(({ state }) => state === 'done'));
        assert.ok(
          extents.some(({ state }) => state === 'failed'),
          'what was not sent is certainly as it was',
        );
        if (!real.seekable) assert.ok(extents.every(({ state }) => state !== 'unknown'));
        if (direction === 'write' && real.seekable) {
          const after = await peek(0, 600_000);
          checkBytes({ direction, offset: 0, bytes: 600_000, extents, before, after, source: payload });
        }
        const next = new Uint8Array(100);
        const at = real.seekable ? 0 : (error.bytes ?? 0);
        assert.equal((await startTransfer(real, IovIter.ubuf(next), at, 100, direction, {})).bytes, 100);
        await real.close();
      }
    },
  },
];

async function failureOf(transfer: Promise<Outcome>): Promise<DioriteError> {
  try {
    await transfer;
  } catch (error) {
    assert.ok(error instanceof DioriteError, String(error));
    return error;
  }
  assert.fail('it resolved');
}

async function checkFailure(t: TestContext, subject: Subject, wanted: Move): Promise<void> {
  const { direction, bytes } = wanted;
  const offset = offsetFor(subject, wanted.offset);
  const { target, peek, error, outcome, memory, before, payload } = await move(t, subject, wanted);
  if (outcome !== null) {
    assert.ok((wanted.fails?.at ?? 0) > outcome.requests, 'a transfer of so few requests did not meet the fault');
    return target.close();
  }
  assert.equal(error?.code, 'EIO');
  const { extents = [] } = error;
  checkExtents(extents, offset, bytes);
  assert.equal(error.bytes, extents[0]?.state === 'done' ? Math.min(bytes, extents[0].length) : 0);
  assert.deepEqual([error.offset, error.length], [offset, bytes]);
  if (!subject.properties.rewritesEnds) {
    const last = extents.at(-1);
    assert.deepEqual([extents[0]?.offset, (last?.offset ?? 0) + (last?.length ?? 0)], [offset, offset + bytes]);
  }
  assert.ok(
    extents.some(({ state }) => state === 'unknown'),
    'EIO leaves it open what has landed',
  );
  const source = before.subarray(offset, offset + bytes);
  if (direction === 'read') {
    // A read that failed may have filled its memory with anything.
    const known = extents.filter(({ state }) => state !== 'unknown');
    checkBytes({ direction, offset, bytes, extents: known, before: payload, after: memory.gather(), source });
  } else if (target.seekable) {
    const after = await peek(offset, bytes);
    checkBytes({ direction, offset, bytes, extents, before: source, after, source: payload });
  } else assertSame((await peek(0, error.bytes ?? 0)).slice(), payload.slice(0, error.bytes), 'what is told as done');
  await target.close();
}
