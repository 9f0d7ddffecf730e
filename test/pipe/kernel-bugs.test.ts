// Bugs that kernels had with pipes, a test each: that diorite neither has them nor runs into them.
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { IovIter } from '../../src/iter.js';
import { Region } from '../../src/memory.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { runOnce } from '../../src/targets/file/run.js';
import { Cell } from '../../src/targets/pipe/cell.js';
import { moveFileToPipe, movePipeToFile } from '../../src/targets/pipe/splice.js';
import { emptyCell, spliceSome } from '../../src/targets/pipe/steps.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { hasAddon } from '../support/needs.js';
import { tempDirectory } from '../support/temp.js';
import { contentsOf, feed, fileOf, streamOver } from './movers.js';
import { patternBytes, StepEngine, TestPipe } from './pipes.js';

const KIB = 1024;
const MIB = 1024 * KIB;
const PAGE = 4096;

describe('what kernels got wrong', { skip: !hasAddon() }, () => {
  it('Ceph, 2015 to 2018: vmspliced memory, spliced to a direct file, ends in as many steps as it has pieces', async (t) => {
    const pipe = new TestPipe(t, MIB);
    const region = new Region(MIB);
    region.bytes.set(patternBytes(MIB));
    await streamOver(t, pipe.writes).give(region);
    pipe.close('writes');
    const engine = new StepEngine(chooseEngine('auto').engine);
    const path = join(tempDirectory(t), 'file');
    const target = await fileOf(t, path, new Uint8Array(0), { fileEngine: engine });
    await movePipeToFile({ source: streamOver(t, pipe.reads, engine), target });
    assert.ok(contentsOf(path).equals(patternBytes(MIB)));
    assert.ok(engine.steps <= 8, `${engine.steps} steps`);
  });

  it('vmsplice of part of a page: the direct file refuses it, the pipe keeps it, and it is staged', async (t) => {
    const pipe = new TestPipe(t, MIB);
    const sink = streamOver(t, pipe.writes);
    // The first page of the pipe begins in mid-page for whoever reads after a hundred bytes were taken.
    pipe.put(patternBytes(64 * KIB));
    const head = Buffer.alloc(100);
    assert.equal(readSync(pipe.reads, head, 0, 100, null), 100);
    await sink.close();
    pipe.close('writes');
    const path = join(tempDirectory(t), 'file');
    const target = await fileOf(t, path, new Uint8Array(0));
    const result = await movePipeToFile({ source: streamOver(t, pipe.reads), target });
    assert.equal(result.stagedBytes, 64 * KIB - 100);
    assert.ok(Buffer.concat([head, contentsOf(path)]).equals(patternBytes(64 * KIB)));
  });

  it('4.9, ITER_PIPE: a ring that is exactly full is not taken for empty, wherever it begins', async (t) => {
    const pipe = new TestPipe(t, 4 * PAGE);
    const source = streamOver(t, pipe.reads);
    const sink = streamOver(t, pipe.writes);
    for (let first = 0; first < 9; first++) {
      pipe.put(patternBytes(PAGE, first)); // moves the ring's head on by one slot
      pipe.drain();
      const full = patternBytes(4 * PAGE, first);
      assert.equal((await startTransfer(sink, IovIter.ubuf(full), 0, full.length, 'write', {})).bytes, full.length);
      const got = Buffer.alloc(full.length);
      assert.equal((await startTransfer(source, IovIter.ubuf(got), 0, got.length, 'read', {})).bytes, got.length);
      assert.ok(got.equals(full));
      assert.equal(pipe.waiting, 0);
    }
  });

  it('Dirty Pipe, CVE-2022-0847: what is written after a file’s page went into the pipe does not reach the file', async (t) => {
    const path = join(tempDirectory(t), 'file');
    writeFileSync(path, patternBytes(PAGE));
    const fd = openSync(path, 'r');
    t.after(() => closeSync(fd));
    const pipe = new TestPipe(t);
    // Every slot has been used for writes, and may have kept the flag that lets writes merge.
    pipe.put(new Uint8Array(64 * KIB));
    pipe.drain();
    const { engine } = chooseEngine('auto');
    const cell = Cell.make();
    assert.ok(typeof cell !== 'string');
    t.after(() => cell.close());
    for (const through of [false, true]) {
      const command = { op: Op.SPLICE_FROM, fd: pipe.writes, from: fd, offset: 0, length: 100 };
      assert.equal(await runOnce(engine, command), 100);
      // Spliced on into a cell, the flags must not come along either.
      const into = through ? cell.writeFd : pipe.writes;
      if (through) assert.equal(await spliceSome(engine, pipe.reads, cell.writeFd, 100), 100);
      const sink = streamOver(t, into);
      const more = Buffer.from('overwritten');
      assert.equal((await startTransfer(sink, IovIter.ubuf(more), 0, more.length, 'write', {})).bytes, more.length);
      assert.ok(readFileSync(path).equals(patternBytes(PAGE)), 'the shared page is as it was');
      const expected = Buffer.concat([patternBytes(PAGE).subarray(0, 100), more]);
      const got = Buffer.alloc(expected.length);
      if (through) {
        cell.bytes = got.length;
        await emptyCell(engine, cell, got.buffer as ArrayBuffer, got.byteOffset, got.length);
      } else assert.equal(readSync(pipe.reads, got, 0, got.length, null), got.length);
      assert.ok(got.equals(expected));
    }
  });

  it('2022, max_usage: a pipe that was made smaller takes what its size says, and a cell of it is whole just then', async (t) => {
    const pipe = new TestPipe(t, MIB);
    const sink = streamOver(t, pipe.writes);
    for (const bytes of [64 * KIB, PAGE, 256 * KIB]) {
      assert.equal(sink.resize(bytes), bytes);
      const controller = new AbortController();
      const writing = startTransfer(sink, IovIter.ubuf(patternBytes(MIB)), 0, MIB, 'write', {
        signal: controller.signal,
        onProgress: (done) => {
          if (done >= bytes) setImmediate(() => controller.abort());
        },
      });
      await assert.rejects(writing, { code: 'ABORT_ERR', bytes });
      assert.ok(pipe.drain().equals(patternBytes(MIB).subarray(0, bytes)));
    }
  });

  it('XFS, 4.20: a direct file spliced to a pipe of one page: no read of more than there is room, and no loop', async (t) => {
    const bytes = patternBytes(300 * KIB + 5);
    const target = await fileOf(t, join(tempDirectory(t), 'file'), bytes);
    const pipe = new TestPipe(t);
    const engine = new StepEngine(chooseEngine('auto').engine);
    const sink = streamOver(t, pipe.writes, engine);
    assert.equal(sink.resize(PAGE), PAGE);
    const got: Buffer[] = [];
    const moving = moveFileToPipe({ target, sink, onProgress: () => void got.push(pipe.drain()) });
    const result = await moving;
    assert.equal(result.bytes, bytes.length);
    assert.ok(Buffer.concat(got).equals(bytes));
    // A step for each page, and one more for each time that it was full.
    assert.ok(engine.steps <= 2 * (bytes.length / PAGE + 1) + 8, `${engine.steps} steps`);
  });

  it('io_uring, iovecs of retried requests: the caller’s list may change while the write waits for room', async (t) => {
    const pipe = new TestPipe(t);
    const sink = streamOver(t, pipe.writes);
    const sent = patternBytes(200 * KIB);
    const views = [sent.subarray(0, 100 * KIB), sent.subarray(100 * KIB)];
    const writing = startTransfer(sink, IovIter.from(views), 0, sent.length, 'write', {});
    views.fill(Buffer.alloc(1));
    views.length = 0;
    const got: Buffer[] = [];
    let gotBytes = 0;
    while (gotBytes < sent.length) {
      await new Promise((resolve) => setImmediate(resolve));
      const some = pipe.drain();
      got.push(some);
      gotBytes += some.length;
    }
    await writing;
    assert.ok(Buffer.concat(got).equals(sent));
  });

  it('zero-length pieces: a writer that writes nothing now and then is not taken for the end', async (t) => {
    const pipe = new TestPipe(t, 64 * KIB);
    const bytes = patternBytes(100_000);
    let turn = 0;
    const fed = feed(pipe, bytes, () => (turn++ % 2 === 0 ? 0 : 5000), 64 * KIB);
    const path = join(tempDirectory(t), 'file');
    const target = await fileOf(t, path, new Uint8Array(0));
    await movePipeToFile({ source: streamOver(t, pipe.reads), target });
    await fed;
    assert.ok(contentsOf(path).equals(bytes));
  });
});
