// The pipeline of unsized sources: order, bounds, failures of lanes, and what ends a read that waits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pool } from '../memory/pool.js';
import { CopyLedger } from './copy-ledger.js';
import { Lane, type Sink } from './lane.js';
import { pumpUntilEnd, type StreamPumpInput } from './stream-pump.js';

const CELL = 4096;

function sinkOf(write: Sink['write']): Sink {
  return { sequential: false, freshReadsZero: true, write, zero: async () => {} };
}

function laneOf(write: Sink['write'], depth = 2): Lane {
  return new Lane(sinkOf(write), depth, new CopyLedger(undefined));
}

function inputOf(input: Pick<StreamPumpInput, 'fill' | 'lanes'> & Partial<StreamPumpInput>): StreamPumpInput {
  const pool = new Pool({ bytesMax: 16 * CELL, regionBytes: 8 * CELL });
  return { stop: () => {}, pool, depth: 3, cellBytes: CELL, signal: undefined, done: () => {}, ...input };
}

test('pieces are written in order of issue while more is read, and no more are in memory than asked', async () => {
  const sizes = [CELL, 100, CELL, CELL, 7, CELL];
  const issued: number[] = [];
  let held = 0;
  let most = 0;
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const lane = laneOf(async (bytes, position) => {
    issued.push(position);
    await new Promise((resolve) => setImmediate(resolve));
    held -= bytes.length > 0 ? 1 : 0;
  });
  const fill = async (): Promise<number> => {
    const size = sizes.shift() ?? 0;
    if (size > 0) most = Math.max(most, ++held);
    return size;
  };
  assert.equal(await pumpUntilEnd(inputOf({ fill, lanes: [lane] })), total);
  assert.deepEqual(issued, [0, CELL, CELL + 100, 2 * CELL + 100, 3 * CELL + 100, 3 * CELL + 107]);
  assert.ok(most <= 3, `${most} pieces at a time`);
});

test('a read that waits is ended when no lane is left, and that is no failure of everyone', async () => {
  const lane = laneOf(() => Promise.reject(new Error('full')));
  let stop = (): void => {};
  const stopped = new Promise<never>((_resolve, reject) => {
    stop = () => reject(new Error('stopped'));
  });
  let reads = 0;
  const fill = (): Promise<number> => (reads++ === 0 ? Promise.resolve(CELL) : stopped);
  await pumpUntilEnd(inputOf({ fill, stop, lanes: [lane] }));
  lane.end('whole');
  assert.equal(await lane.ended, 'failed');
});

test('one lane that fails does not end the others', async () => {
  const bad = laneOf(() => Promise.reject(new Error('full')));
  let written = 0;
  const good = laneOf(async (bytes) => {
    written += bytes.length;
  });
  let left = 20;
  const fill = async (): Promise<number> => (left-- > 0 ? CELL : 0);
  assert.equal(await pumpUntilEnd(inputOf({ fill, lanes: [bad, good] })), 20 * CELL);
  assert.equal(written, 20 * CELL);
  assert.ok(bad.failure !== null && good.failure === null);
});

test('what the source or a callback throws is thrown, once nothing is in flight', async () => {
  for (const where of ['fill', 'seen', 'done'] as const) {
    const mine = new Error(where);
    let inFlight = 0;
    const lane = laneOf(async () => {
      inFlight++;
      await new Promise((resolve) => setImmediate(resolve));
      inFlight--;
    });
    let count = 0;
    const throwing = (): void => {
      if (++count === 3) throw mine;
    };
    const fill = async (): Promise<number> => {
      if (where === 'fill') throwing();
      return CELL;
    };
    const input = inputOf({ fill, lanes: [lane], ...(where === 'fill' ? {} : { [where]: throwing }) });
    await assert.rejects(pumpUntilEnd(input), mine);
    assert.equal(inFlight, 0);
    assert.equal(input.pool.leased, 0);
  }
});

test('an abort ends it', async () => {
  const controller = new AbortController();
  let count = 0;
  const fill = async (): Promise<number> => {
    if (++count === 5) controller.abort();
    return CELL;
  };
  await assert.rejects(pumpUntilEnd(inputOf({ fill, lanes: [laneOf(async () => {})], signal: controller.signal })), {
    name: 'AbortError',
  });
});
