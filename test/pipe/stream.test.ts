// What a stream does: waits where there is nothing and where it is full, ends, breaks, is cancelled, and leaves the
// description that it was given as it was.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { Worker } from 'node:worker_threads';
import { copy, open } from '../../src/index.js';
import { IovIter } from '../../src/iter.js';
import { loadAddon } from '../../src/memory/addon.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import { PipeTarget } from '../../src/targets/pipe/pipe-target.js';
import type { TransferOptions } from '../../src/transfer/options.js';
import type { Outcome } from '../../src/transfer/outcome.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon } from '../support/needs.js';
import { withSeed } from '../support/random.js';
import { fdOf, socketPair } from '../support/sockets.js';
import { tempDirectory } from '../support/temp.js';
import { flagsOf, patternBytes, StepEngine, TestPipe } from './pipes.js';

const { O_NONBLOCK, O_RDWR } = constants;
const KIB = 1024;

function over(t: TestContext, fd: number, engine: 'auto' | 'threads'): PipeTarget {
  const target = PipeTarget.over(fd, { engine: chooseEngine(engine).engine });
  t.after(() => target.close());
  return target;
}

function move(
  target: PipeTarget,
  bytes: Uint8Array,
  direction: 'read' | 'write',
  options: TransferOptions = {},
): Promise<Outcome> {
  return startTransfer(target, IovIter.ubuf(bytes), 0, bytes.length, direction, options);
}

/** One turn of the event loop after the other until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

for (const engine of ['auto', 'threads'] as const) {
  describe(`streams, engine ${engine}`, { skip: !hasAddon() }, () => {
    before(() => assertNoLeaks());

    it('a full pipe holds the write back, and lets it go on as it is read', async (t) => {
      const pipe = new TestPipe(t);
      const sink = over(t, pipe.writes, engine);
      const source = over(t, pipe.reads, engine);
      const sent = patternBytes(700 * KIB);
      const writing = move(sink, sent, 'write');
      await until(() => pipe.waiting === 64 * KIB);
      const got = Buffer.alloc(sent.length);
      assert.equal((await move(source, got, 'read')).bytes, sent.length);
      assert.equal((await writing).bytes, sent.length);
      assert.ok(got.equals(sent));
      assertNoLeaks();
    });

    it('a reader that is gone is EPIPE, and the ledger says how far it came', async (t) => {
      const pipe = new TestPipe(t);
      const sink = over(t, pipe.writes, engine);
      const writing = move(sink, patternBytes(200 * KIB), 'write');
      await until(() => pipe.waiting === 64 * KIB);
      pipe.close('reads');
      await assert.rejects(writing, {
        code: 'EPIPE',
        bytes: 64 * KIB,
        extents: [
          { offset: 0, length: 64 * KIB, state: 'done' },
          { offset: 64 * KIB, length: 136 * KIB, state: 'failed' },
        ],
      });
      assertNoLeaks();
    });

    it('a writer that never closes: a read waits, its signal ends it, and what came by then is there', async (t) => {
      const pipe = new TestPipe(t);
      const source = over(t, pipe.reads, engine);
      pipe.put(patternBytes(1000));
      const controller = new AbortController();
      const into = Buffer.alloc(4096);
      const onProgress = (done: number): void => {
        if (done === 1000) setImmediate(() => controller.abort());
      };
      await assert.rejects(move(source, into, 'read', { signal: controller.signal, onProgress }), {
        code: 'ABORT_ERR',
        bytes: 1000,
      });
      assert.ok(into.subarray(0, 1000).equals(patternBytes(1000)));
      // Nothing of it is left behind: the next bytes are for the next read.
      pipe.put(patternBytes(10, 9));
      pipe.close('writes');
      assert.equal((await move(source, into, 'read')).bytes, 10);
      assert.ok(into.subarray(0, 10).equals(patternBytes(10, 9)));
      assertNoLeaks();
    });

    it('nobody waits for what waits: many blocked streams hold no thread', async (t) => {
      const controller = new AbortController();
      const waiting = Array.from({ length: 40 }, () =>
        move(over(t, new TestPipe(t).reads, engine), Buffer.alloc(10), 'read', { signal: controller.signal }),
      );
      const path = join(tempDirectory(t), 'file');
      await using file = await open(path, 'w+', { engine });
      await file.write(patternBytes(10_000));
      assert.equal((await file.read(Buffer.alloc(10_000), { position: 0 })).bytesRead, 10_000);
      controller.abort();
      for (const settled of await Promise.allSettled(waiting)) assert.equal(settled.status, 'rejected');
      assertNoLeaks();
    });

    it('a pipe that is made smaller and larger in mid-stream loses nothing', (t) =>
      withSeed(async (random) => {
        const pipe = new TestPipe(t);
        const sink = over(t, pipe.writes, engine);
        const source = over(t, pipe.reads, engine);
        const sent = patternBytes(900 * KIB, 5);
        const got = Buffer.alloc(sent.length);
        const onProgress = (): void => {
          try {
            sink.resize(random.pick([4 * KIB, 16 * KIB, 256 * KIB, 1024 * KIB]));
          } catch (error) {
            // It holds more than that just now.
            assert.equal(codeOf(error), 'EBUSY');
          }
        };
        const writing = move(sink, sent, 'write', { onProgress });
        await move(source, got, 'read');
        await writing;
        assert.ok(got.equals(sent));
      }));

    it('a pipe that gives one byte at a time: as many steps as bytes, and a few to wait', async (t) => {
      const pipe = new TestPipe(t);
      const counting = new StepEngine(chooseEngine(engine).engine);
      const source = PipeTarget.over(pipe.reads, { engine: counting });
      const sent = patternBytes(500);
      let given = 0;
      const give = (): void => {
        if (given < sent.length) pipe.put(sent.subarray(given, ++given));
        else pipe.close('writes');
      };
      const got = Buffer.alloc(sent.length + 1);
      const reading = move(source, got, 'read', { onProgress: give });
      give();
      assert.equal((await reading).bytes, sent.length);
      assert.ok(got.subarray(0, sent.length).equals(sent));
      assert.ok(counting.steps <= 2 * (sent.length + 1) + 1, `${counting.steps} steps`);
      await source.close();
    });

    it('zero-length reads and writes send nothing', async (t) => {
      const pipe = new TestPipe(t);
      const counting = new StepEngine(chooseEngine(engine).engine);
      const source = PipeTarget.over(pipe.reads, { engine: counting });
      const sink = PipeTarget.over(pipe.writes, { engine: counting });
      assert.equal((await move(sink, Buffer.alloc(0), 'write')).bytes, 0);
      assert.equal((await move(source, Buffer.alloc(0), 'read')).bytes, 0);
      assert.equal(counting.steps, 0);
      await Promise.all([source.close(), sink.close()]);
    });

    it('O_NONBLOCK of the description is what it was: before, while it waits, and after', async (t) => {
      const path = join(tempDirectory(t), 'fifo');
      execFileSync('mkfifo', [path]);
      const fifo = openSync(path, O_RDWR);
      t.after(() => closeSync(fifo));
      const pipe = new TestPipe(t);
      for (const fd of [pipe.reads, fifo]) {
        const [flags, controller] = [flagsOf(fd), new AbortController()];
        const target = PipeTarget.over(fd, { engine: chooseEngine(engine).engine });
        const reading = move(target, Buffer.alloc(10), 'read', { signal: controller.signal });
        for (let turn = 0; turn < 20; turn++) {
          await new Promise((resolve) => setImmediate(resolve));
          assert.equal(flagsOf(fd) & O_NONBLOCK, 0);
        }
        controller.abort();
        await assert.rejects(reading, { code: 'ABORT_ERR' });
        await target.close();
        assert.equal(flagsOf(fd), flags);
      }
    });

    it('a descriptor that has O_NONBLOCK already is waited for all the same', async (t) => {
      const pipe = new TestPipe(t);
      const own = openSync(`/proc/self/fd/${pipe.reads}`, constants.O_RDONLY | O_NONBLOCK);
      t.after(() => closeSync(own));
      const source = over(t, own, engine);
      const got = Buffer.alloc(5000);
      const reading = move(source, got, 'read');
      await new Promise((resolve) => setImmediate(resolve));
      pipe.put(patternBytes(5000));
      assert.equal((await reading).bytes, 5000);
      assert.ok(got.equals(patternBytes(5000)));
    });

    it('a side that says it is ready and takes nothing, twice: an error, and no spin', async (t) => {
      const pipe = new TestPipe(t);
      const lazy = new StepEngine(chooseEngine(engine).engine, () => ({ result: 0 }));
      const sink = PipeTarget.over(pipe.writes, { engine: lazy });
      await assert.rejects(move(sink, patternBytes(10), 'write'), { code: 'ERR_DIORITE_NO_PROGRESS', bytes: 0 });
      assert.equal(lazy.steps, 2);
      await sink.close();
    });

    it('a side that is ready, and EAGAIN after all: others are quicker for a while, but not for ever', async (t) => {
      const pipe = new TestPipe(t);
      const busy = new StepEngine(chooseEngine(engine).engine, () => ({ result: -11 }));
      const sink = PipeTarget.over(pipe.writes, { engine: busy });
      await assert.rejects(move(sink, patternBytes(10), 'write'), { code: 'ERR_DIORITE_NO_PROGRESS', bytes: 0 });
      assert.ok(busy.steps > 2 && busy.steps < 50, `${busy.steps} steps`);
      await sink.close();
    });

    it('a socket is read and written, ranges of a megabyte against a slow peer', async (t) => {
      const [near, far] = await socketPair(t);
      const fd = fdOf(near);
      const target = over(t, fd, engine);
      const sent = patternBytes(1024 * KIB, 3);
      const echoed: Buffer[] = [];
      far.on('data', (chunk: Buffer) => echoed.push(chunk)).resume();
      assert.equal((await move(target, sent, 'write')).bytes, sent.length);
      far.end(sent);
      const got = Buffer.alloc(sent.length + 1);
      assert.equal((await move(target, got, 'read')).bytes, sent.length);
      assert.ok(got.subarray(0, sent.length).equals(sent));
      await until(() => Buffer.concat(echoed).length === sent.length);
      assert.ok(Buffer.concat(echoed).equals(sent));
    });

    it('a terminal, which cannot tell before whether it would wait', async (t) => {
      const master = openSync('/dev/ptmx', O_RDWR | constants.O_NOCTTY);
      t.after(() => closeSync(master));
      // Nobody has opened the other side: what is written is held, and a read waits.
      const target = over(t, master, engine);
      const controller = new AbortController();
      const reading = move(target, Buffer.alloc(10), 'read', { signal: controller.signal });
      setTimeout(() => controller.abort(), 20);
      await assert.rejects(
        reading,
        (error: NodeJS.ErrnoException) => error.code === 'ABORT_ERR' || error.code === 'EIO',
      );
    });

    it('a FIFO that is opened by path is a stream, and direct', async (t) => {
      const path = join(tempDirectory(t), 'fifo');
      execFileSync('mkfifo', [path]);
      const keeper = openSync(path, O_RDWR);
      t.after(() => closeSync(keeper));
      await using reader = await open(path, 'r', { engine });
      await using writer = await open(path, 'w', { engine });
      assert.ok(reader.target instanceof PipeTarget);
      const sent = patternBytes(300_000);
      const writing = writer.write(sent);
      const got = Buffer.alloc(sent.length);
      const result = await reader.read(got);
      assert.deepEqual([result.bytesRead, result.io], [sent.length, 'direct']);
      assert.equal((await writing).bytesWritten, sent.length);
      assert.ok(got.equals(sent));
    });
  });
}

describe('how much a pipe holds', { skip: !hasAddon() }, () => {
  it('is made more where this user may, and never less; what is no pipe is left alone', (t) => {
    const pipe = new TestPipe(t);
    const target = over(t, pipe.reads, 'auto');
    target.enlarge(256 * KIB);
    assert.equal(loadAddon()?.pipeSize(pipe.writes, 0), 256 * KIB);
    target.enlarge(4 * KIB);
    assert.equal(target.resize(0), 256 * KIB);
    // More than anybody may have: nothing happens, and nothing is thrown.
    target.enlarge(2 ** 31 - 1);
    assert.ok(target.resize(0) >= 256 * KIB);
    const device = openSync('/dev/null', constants.O_RDWR);
    t.after(() => closeSync(device));
    over(t, device, 'auto').enlarge(KIB);
  });

  it('is a megabyte while a copy reads it', async (t) => {
    const pipe = new TestPipe(t);
    const to = join(tempDirectory(t), 'to');
    const copying = copy(`fd://${pipe.reads}`, to);
    await until(() => (loadAddon()?.pipeSize(pipe.writes, 0) ?? 0) > 64 * KIB);
    pipe.close('writes');
    assert.equal((await copying).bytes, 0);
  });
});

describe('a worker that waits for a stream', { skip: !hasAddon() }, () => {
  it('is terminated at once, and the descriptor is as it was', async (t) => {
    const pipe = new TestPipe(t);
    const flags = flagsOf(pipe.reads);
    const worker = new Worker(new URL('children/waiting.js', import.meta.url), { workerData: pipe.reads });
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();
    assert.equal(flagsOf(pipe.reads), flags);
    pipe.put(patternBytes(10));
    assert.equal(loadAddon()?.bytesWaiting(pipe.reads), 10);
  });
});

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
