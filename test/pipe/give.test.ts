// Memory that is given to a pipe is gone: nobody writes to it and nobody reuses it, whoever still reads it.
import assert from 'node:assert/strict';
import { readSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { loadAddon } from '../../src/memory/addon.js';
import { defaultPool, Region } from '../../src/memory.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { runOnce } from '../../src/targets/file/run.js';
import { putAll } from '../../src/targets/pipe/give.js';
import { movePipeToFile } from '../../src/targets/pipe/splice.js';
import { stagingPool } from '../../src/transfer/staging.js';
import { hasAddon } from '../support/needs.js';
import { tempDirectory } from '../support/temp.js';
import { contentsOf, fileOf, streamOver } from './movers.js';
import { patternBytes, TestPipe } from './pipes.js';

const BYTES = 256 * 1024;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function filled(): Region {
  const region = new Region(BYTES);
  region.bytes.set(patternBytes(BYTES));
  return region;
}

/** Has whatever was given back used again, and written over. */
function recycle(): void {
  for (const pool of [stagingPool(), defaultPool()]) {
    const leases = Array.from({ length: 8 }, () => pool.lease(BYTES));
    for (const lease of leases) lease?.bytes.fill(0xee);
    for (const lease of leases) lease?.release();
    pool.trim();
  }
  for (let i = 0; i < 8; i++) {
    const region = new Region(BYTES);
    region.bytes.fill(0xdd);
    region.unmap();
  }
}

describe('memory given to a pipe', { skip: !hasAddon() }, () => {
  it('is read unchanged after the pipe is empty, by who teed it, whatever the pools do meanwhile', async (t) => {
    const pipe = new TestPipe(t, BYTES);
    const teed = new TestPipe(t, BYTES);
    const region = filled();
    const stale = region.bytes;
    await streamOver(t, pipe.writes).give(region);
    assert.equal(stale.length, 0, 'the views that its owner had are empty');
    assert.equal(region.disposed, true);
    const { engine } = chooseEngine('auto');
    const copied = await runOnce(engine, { op: Op.TEE, fd: teed.writes, from: pipe.reads, length: BYTES });
    assert.equal(copied, BYTES);
    assert.ok(pipe.drain().equals(patternBytes(BYTES)));
    assert.equal(pipe.waiting, 0, 'the pipe is empty, and that proves nothing');
    // Nothing of ours holds the region any more.
    collect();
    recycle();
    assert.ok(teed.drain().equals(patternBytes(BYTES)), 'what was teed is what was given');
  });

  it('goes to a direct file as it lies', async (t) => {
    const pipe = new TestPipe(t, BYTES);
    const path = join(tempDirectory(t), 'file');
    const target = await fileOf(t, path, new Uint8Array(0));
    await streamOver(t, pipe.writes).give(filled());
    pipe.close('writes');
    const result = await movePipeToFile({ source: streamOver(t, pipe.reads), target });
    recycle();
    assert.ok(contentsOf(path).equals(patternBytes(BYTES)));
    if (target.splices.problem('write') === null) assert.equal(result.splicedBytes, BYTES);
  });

  it('waits for room in a pipe that is smaller, and goes in order', async (t) => {
    const pipe = new TestPipe(t, 64 * 1024);
    const giving = streamOver(t, pipe.writes).give(filled());
    const got = Buffer.alloc(BYTES);
    for (let at = 0; at < BYTES; ) {
      if (pipe.waiting === 0) await new Promise((resolve) => setImmediate(resolve));
      else at += readSync(pipe.reads, got, at, BYTES - at, null);
    }
    await giving;
    assert.ok(got.equals(patternBytes(BYTES)));
  });

  it('is refused where nobody reads (EPIPE), where vmsplice is refused, and where it takes nothing', async (t) => {
    const pipe = new TestPipe(t);
    pipe.close('reads');
    await assert.rejects(streamOver(t, pipe.writes).give(filled()), { code: 'EPIPE' });
    const other = streamOver(t, new TestPipe(t).writes);
    for (const [result, code] of [
      [-1, 'EPERM'],
      [-38, 'ENOSYS'],
      [0, 'ERR_DIORITE_NO_PROGRESS'],
    ] as const) {
      let steps = 0;
      const put = async (): Promise<number> => {
        steps++;
        return result;
      };
      await assert.rejects(putAll(other, BYTES, undefined, put), { code });
      assert.ok(steps <= 2);
    }
  });

  it('leaves nothing mapped once nobody reads it any more', async (t) => {
    const addon = loadAddon();
    assert.ok(addon !== null);
    const before = addon.regionBytes();
    const pipe = new TestPipe(t, BYTES);
    await streamOver(t, pipe.writes).give(filled());
    pipe.drain();
    // What never becomes so runs into the test's own time limit.
    while (addon.regionBytes() > before) {
      await new Promise((resolve) => setImmediate(resolve));
      collect();
    }
  });
});
