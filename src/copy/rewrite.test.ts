// What a restarted server lost is read again and written again: those bytes, no others, and not for ever.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DioriteError, type Extent, errors } from '../base/errors.js';
import { Pool } from '../memory/pool.js';
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
  { offset: 40_960, length: 30_000 },
  { offset: 98_304, length: SIZE - 98_304 },
];

function unknown(offset: number, length: number): Extent {
  return { offset, length, state: 'unknown' };
}

interface Losing {
  readonly writing: Writing;
  readonly written: Uint8Array;
  readonly bytes: Uint8Array;
  /** Where something was written, since the copy was whole. */
  readonly writes: DataRange[];
  readonly settled: () => number;
}

/** A destination that has it all, and whose `settle` loses, one after the other, what each of `losses` says. */
function losing(losses: readonly (readonly Extent[])[], failWriteAt = -1): Losing {
  const bytes = new Uint8Array(SIZE);
  for (const { offset, length } of DATA) for (let i = offset; i < offset + length; i++) bytes[i] = ((i * 31) % 251) + 1;
  const written = bytes.slice();
  const writes: DataRange[] = [];
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
      written.set(view, position);
    },
    settle: async () => {
      const lost = losses[settled++];
      if (lost === undefined) return;
      for (const { offset, length } of lost) written.fill(0xee, offset, offset + length);
      for (let i = 0; i < SIZE; i++) if (bytes[i] === 0) written[i] = 0;
      const error = errors.make('ERR_DIORITE_VERIFIER', 'lost', {});
      error.extents = lost;
      throw error;
    },
    ioMode: () => 'direct',
    publish: async () => true,
    discard: async () => {},
  };
  const source: Writing['source'] = {
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
  return { writing, written, bytes, writes, settled: () => settled };
}

test('what was not lost is not written again', async () => {
  const { writing, writes, settled } = losing([]);
  await settleLosses(writing, SIZE, false);
  assert.deepEqual(writes, []);
  assert.equal(settled(), 1);
});

test('exactly the extents that were lost are written again, and their holes are left', async () => {
  const lost = [unknown(100, 50), unknown(10_000, 40_000), unknown(99_000, 1000)];
  const { writing, writes, written, bytes, settled } = losing([lost]);
  await settleLosses(writing, SIZE, false);
  assert.ok(Buffer.from(written).equals(bytes));
  assert.equal(settled(), 2);
  const again = writes.toSorted((a, b) => a.offset - b.offset);
  assert.deepEqual(again[0], { offset: 100, length: 50 });
  assert.deepEqual(again.at(-1), { offset: 99_000, length: 1000 });
  assert.equal(
    again.reduce((sum, { length }) => sum + length, 0),
    50 + 10_000 + (50_000 - 40_960) + 1000,
  );
  assert.deepEqual(writing.ledger.extents(), [{ offset: 0, length: SIZE, state: 'done' }]);
});

test('one extent over many stretches of data, and many extents in one', async () => {
  const pieces = Array.from({ length: 20 }, (_, i) => unknown(41_000 + i * 1000, 10));
  for (const lost of [[unknown(0, SIZE)], pieces]) {
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
  const { writing, settled } = losing([[]]);
  await assert.rejects(settleLosses(writing, SIZE, false), { code: 'ERR_DIORITE_VERIFIER' });
  assert.equal(settled(), 1);
  const other: Destination = {
    ...writing.destination,
    settle: async () => {
      throw Object.assign(errors.make('ERR_DIORITE_POISONED', 'bad', {}), { extents: [unknown(0, 10)] });
    },
  };
  await assert.rejects(settleLosses({ ...writing, destination: other }, SIZE, false), { code: 'ERR_DIORITE_POISONED' });
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
