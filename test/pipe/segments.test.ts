// No soft lockup: what a stream does with memory in a million pieces is bounded by its bytes, its segments and its pages.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IovIter } from '../../src/iter.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import { PipeTarget } from '../../src/targets/pipe/pipe-target.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon } from '../support/needs.js';
import { patternBytes, StepEngine, TestPipe } from './pipes.js';

const MILLION = 1_000_000;
const MIB = 1024 * 1024;
/** The planner ends a request after so many pieces, so that none is drawn for long. */
const PIECES_PER_REQUEST = 16_384;
const STEPS_MAX: number = Math.ceil(MILLION / PIECES_PER_REQUEST) + 4;

/** Counts the event loop's turns until it is told to stop: a walk that held it would leave none. */
function countTurns(): () => number {
  let turns = 0;
  let counting = true;
  const turn = (): void => {
    turns++;
    if (counting) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    counting = false;
    return turns;
  };
}

async function write(pipe: TestPipe, views: readonly Uint8Array[]): Promise<{ bytes: number; steps: number }> {
  const engine = new StepEngine(chooseEngine('auto').engine);
  const sink = PipeTarget.over(pipe.writes, { engine });
  const iter = IovIter.from([...views]);
  const { bytes } = await startTransfer(sink, iter, 0, iter.count, 'write', {});
  await sink.close();
  return { bytes, steps: engine.steps };
}

describe('memory in a million pieces', { skip: !hasAddon() }, () => {
  it('a million segments of no bytes: nothing is sent', async (t) => {
    const pipe = new TestPipe(t);
    const { bytes, steps } = await write(pipe, new Array<Uint8Array>(MILLION).fill(new Uint8Array(0)));
    assert.deepEqual([bytes, steps, pipe.waiting], [0, 0, 0]);
  });

  it('a million of no bytes, and one byte at either end and between', async (t) => {
    const pipe = new TestPipe(t);
    const views = new Array<Uint8Array>(MILLION).fill(new Uint8Array(0));
    views[0] = Uint8Array.of(1);
    views[MILLION / 2] = Uint8Array.of(2);
    views[MILLION - 1] = Uint8Array.of(3);
    const { bytes, steps } = await write(pipe, views);
    assert.equal(bytes, 3);
    assert.ok(steps <= 3, `${steps} steps`);
    assert.deepEqual([...pipe.drain()], [1, 2, 3]);
  });

  it('a million of one byte: a request for many of them, and the event loop goes on meanwhile', async (t) => {
    const pipe = new TestPipe(t, MIB);
    const memory = patternBytes(MILLION);
    const views = Array.from({ length: MILLION }, (_, i) => memory.subarray(i, i + 1));
    const stop = countTurns();
    const { bytes, steps } = await write(pipe, views);
    const turns = stop();
    assert.equal(bytes, MILLION);
    assert.ok(steps <= STEPS_MAX, `${steps} steps`);
    assert.ok(turns >= 1);
    assert.ok(pipe.drain().equals(memory));
    assertNoLeaks();
  });

  it('a megabyte read into a million pieces, some of no bytes, as it comes', async (t) => {
    const pipe = new TestPipe(t, MIB);
    const sent = patternBytes(MILLION / 2, 7);
    pipe.put(sent);
    const memory = Buffer.alloc(MILLION / 2);
    const views = Array.from({ length: MILLION }, (_, i) => memory.subarray(i >> 1, (i >> 1) + (i & 1)));
    const engine = new StepEngine(chooseEngine('auto').engine);
    const source = PipeTarget.over(pipe.reads, { engine });
    const iter = IovIter.from(views);
    assert.equal((await startTransfer(source, iter, 0, iter.count, 'read', {})).bytes, sent.length);
    assert.ok(memory.equals(sent));
    assert.ok(engine.steps <= STEPS_MAX, `${engine.steps} steps`);
    await source.close();
    assertNoLeaks();
  });
});
