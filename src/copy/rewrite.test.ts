// What a restarted server lost is read again and written again: those bytes, no others, and not for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DioriteError, type Extent, errors } from '../base/errors.js';
import { Pool } from '../memory/pool.js';
import { RangeSet } from '../targets/inode/range-set.js';
import type { DataRange } from '../transfer/target.js';
import { CopyLedger } from './copy-ledger.js';
import type { Destination } from './destination.js';
import { toSettings } from './options.js';
import { settleLosses, type Writing } from './rewrite.js';
import { Tally } from './tally.js';

const SIZE = 100_000;
const CELL = 4096;
/** The source's data; what lies between is a hole. */
const DATA: readonly DataRange[] = [
  { offset: 0, length: 20_000 },
  { offset: 41_000, length: 30_000 },
  { offset: 98_304, length: SIZE - 98_304 },
];
/** Whole pages of it: what a copy writes. */
const WRITTEN: readonly DataRange[] = [
  { offset: 0, length: 20_480 },
  { offset: 40_960, length: 32_768 },
  { offset: 98_304, length: SIZE - 98_304 },
];

function unknown(offset: number, length: number): Extent {
  return { offset, length, state: 'unknown' };
}

/** A range as it is cut: at the grid. */
function pieces(from: number, to: number): DataRange[] {
  const cut: DataRange[] = [];
  for (let at = from; at < to; ) {
    const end = Math.min(to, at - (at % CELL) + CELL);
    cut.push({ offset: at, length: end - at });
    at = end;
  }
  return cut;
}

interface Losing {
  readonly writing: Writing;
  readonly written: Uint8Array;
  readonly bytes: Uint8Array;
  /** Where something was written, since the copy was whole. */
  readonly writes: DataRange[];
  /** What the destination was told that it never had. */
  readonly gaps: DataRange[];
  readonly settled: () => number;
}

/**
 * A destination that has it all, and whose `settle` loses, one after the other, what each of `losses` says: where it had
 * something. It tells of those extents until they were written again, or were said to be nothing.
 */
function losing(losses: readonly (readonly Extent[])[], failWriteAt = -1): Losing {
  const bytes = new Uint8Array(SIZE);
  for (const { offset, length } of DATA) for (let i = offset; i < offset + length; i++) bytes[i] = ((i * 31) % 251) + 1;
  const written = bytes.slice();
  const writes: DataRange[] = [];
  const gaps: DataRange[] = [];
  const lost = new RangeSet(1000);
  let settled = 0;
  const ledger = new CopyLedger(SIZE);
  ledger.done(0, SIZE);
  const destination: Destination = {
    path: 'there',
    readBackPath: null,
    tally: new Tally(),
    engine: 'memory',
    engineReason: null,
    sequential: false,
    freshReadsZero: true,
    reserve: async () => {},
    zero: async () => {},
    write: async (view, position) => {
      if (writes.length === failWriteAt) throw errors.make('ERR_DIORITE_SHORT', 'full', {});
      writes.push({ offset: position, length: view.length });
      lost.remove(position, view.length);
      written.set(view, position);
    },
    notWritten: (gap) => {
      gaps.push(gap);
      lost.remove(gap.offset, gap.length);
    },
    settle: async () => {
      for (const { offset, length } of losses[settled++] ?? []) {
        lost.add(offset, length);
        for (const data of WRITTEN)
          if (data.offset < offset + length && data.offset + data.length > offset)
            written.fill(0xee, Math.max(offset, data.offset), Math.min(offset + length, data.offset + data.length));
      }
      if (lost.size === 0) return;
      const error = errors.make('ERR_DIORITE_VERIFIER', 'lost', {});
      error.extents = lost.ranges().map((range) => ({ ...range, state: 'unknown' as const }));
      throw error;
    },
    ioMode: () => 'direct',
    publish: async () => true,
    discard: async () => {},
  };
  const source: Writing['source'] = {
    once: false,
    size: SIZE,
    data: async function* () {
      yield* DATA;
    },
    read: async (view, position) => {
      const part = bytes.subarray(position, position + view.length);
      view.set(part);
      return part.length;
    },
    changed: (how) => errors.make('ERR_DIORITE_SOURCE_CHANGED', how, {}),
  };
  const settings = toSettings({ requestBytes: CELL });
  const writing = { source, destination, settings, ledger, pool: new Pool({ bytesMax: 1024 * 1024 }) };
  return { writing, written, bytes, writes, gaps, settled: () => settled };
}

test('what was not lost is not written again', async () => {
  const { writing, writes, settled } = losing([]);
  await settleLosses(writing, SIZE, false);
  assert.deepEqual(writes, []);
  assert.equal(settled(), 1);
});

test('exactly the extents that were lost are written again, and their holes are left', async () => {
  const lost = [unknown(100, 50), unknown(10_000, 40_000), unknown(99_000, 1000)];
  const { writing, writes, gaps, written, bytes, settled } = losing([lost]);
  await settleLosses(writing, SIZE, false);
  assert.ok(Buffer.from(written).equals(bytes));
  assert.equal(settled(), 2);
  assert.deepEqual(
    writes.toSorted((a, b) => a.offset - b.offset),
    [
      { offset: 100, length: 50 },
      ...pieces(10_000, 20_480),
      ...pieces(40_960, 50_000),
      { offset: 99_000, length: 1000 },
    ],
  );
  assert.deepEqual(gaps, [{ offset: 20_480, length: 40_960 - 20_480 }]);
  assert.deepEqual(writing.ledger.extents(), [{ offset: 0, length: SIZE, state: 'done' }]);
});

test('one extent over many stretches of data, and many extents in one, in a hole, and behind the last data', async () => {
  const many = Array.from({ length: 20 }, (_, i) => unknown(41_000 + i * 1000, 10));
  const inHole = [unknown(30_000, 100), unknown(80_000, 1000)];
  for (const lost of [[unknown(0, SIZE)], many, inHole, [unknown(20_000, 100), ...inHole]]) {
    const { writing, written, bytes } = losing([lost]);
    await settleLosses(writing, SIZE, true);
    assert.ok(Buffer.from(written).equals(bytes));
  }
});

test('five times it is written again, then the error comes out with its ledger', async () => {
  const round = [unknown(0, 4096)];
  const kept = losing(Array.from({ length: 5 }, () => round));
  await settleLosses(kept.writing, SIZE, false);
  assert.ok(Buffer.from(kept.written).equals(kept.bytes));
  const never = losing(Array.from({ length: 100 }, () => round));
  await assert.rejects(settleLosses(never.writing, SIZE, false), (error: unknown) => {
    assert.ok(error instanceof DioriteError);
    assert.equal(error.code, 'ERR_DIORITE_VERIFIER');
    assert.deepEqual(error.extents, round);
    return true;
  });
  assert.equal(never.settled(), 6);
});

test('an error of another kind, and one without extents, come out at once', async () => {
  const { writing, writes } = losing([]);
  for (const [code, extents] of [
    ['ERR_DIORITE_POISONED', [unknown(0, 10)]],
    ['ERR_DIORITE_VERIFIER', []],
  ] as const) {
    const destination: Destination = {
      ...writing.destination,
      settle: async () => {
        throw Object.assign(errors.make(code, 'bad', {}), { extents });
      },
    };
    await assert.rejects(settleLosses({ ...writing, destination }, SIZE, false), { code });
    assert.deepEqual(writes, []);
  }
});

test('a write that fails meanwhile is what is told, and the ledger says what is known', async () => {
  const { writing } = losing([[unknown(0, 8192), unknown(98_304, 1000)]], 1);
  await assert.rejects(settleLosses(writing, SIZE, false), { code: 'ERR_DIORITE_SHORT' });
  const states = writing.ledger.extents();
  assert.equal(states[0]?.state, 'done');
  assert.equal(states[0]?.length, 4096);
  assert.equal(states[1]?.state, 'unknown');
  assert.equal(states.at(-2)?.state, 'unknown');
});

test('an abort ends it', async () => {
  const { writing } = losing([[unknown(0, 8192)]]);
  const settings = { ...writing.settings, signal: AbortSignal.abort() };
  await assert.rejects(settleLosses({ ...writing, settings }, SIZE, false), { name: 'AbortError' });
});
