// Streams to files and back, kernel to kernel: what is spliced, what is staged and why, and that nothing is lost.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { Region } from '../../src/memory.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { moveFileToPipe, movePipeToFile, movePipeToFiles } from '../../src/targets/pipe/splice.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon } from '../support/needs.js';
import { checkExtents } from '../support/oracle.js';
import { withSeed } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { contentsOf, feed, fileOf, streamOver } from './movers.js';
import { patternBytes, StepEngine, TestPipe } from './pipes.js';

const KIB = 1024;
const MIB = 1024 * KIB;

interface Fed {
  readonly bytes: Buffer;
  readonly piece?: number;
  readonly pipeBytes?: number;
}

/** A pipe that somebody feeds. */
function fed(t: TestContext, { bytes, piece = 64 * KIB, pipeBytes = 256 * KIB }: Fed): TestPipe {
  const pipe = new TestPipe(t, pipeBytes);
  void feed(pipe, bytes, () => piece, pipeBytes);
  return pipe;
}

describe('a pipe to a file', { skip: !hasAddon() }, () => {
  it('whole pages are spliced; what does not fill a page at the end is staged', async (t) => {
    const bytes = patternBytes(3 * MIB + 1000);
    const path = join(tempDirectory(t), 'file');
    const target = await fileOf(t, path, new Uint8Array(0));
    const source = streamOver(t, fed(t, { bytes }).reads);
    const seen: number[] = [];
    const result = await movePipeToFile({ source, target, onProgress: (done) => seen.push(done) });
    const { reason, ...counts } = result;
    assert.deepEqual(counts, {
      bytes: bytes.length,
      ended: true,
      splicedBytes: target.splices.problem('write') === null ? 3 * MIB : 0,
      stagedBytes: target.splices.problem('write') === null ? 1000 : bytes.length,
    });
    if (target.splices.problem('write') === null) assert.match(reason ?? 'none', /fill their pages|none/);
    assert.ok(contentsOf(path).equals(bytes));
    assert.deepEqual(
      seen,
      [...seen].sort((a, b) => a - b),
    );
    assert.equal(seen.at(-1), bytes.length);
    assertNoLeaks();
  });

  for (const [what, piece, offset] of [
    ['pieces of 3,000 bytes', 3000, 0],
    ['pieces of a page and a byte', 4097, 4096],
    ['one byte at a time', 1, 0],
    ['a destination within a block', 64 * KIB, 100],
  ] as const) {
    it(`misaligned: ${what}: staged, and nothing is lost`, async (t) => {
      const bytes = patternBytes(piece === 1 ? 3000 : 2 * MIB + 77, 9);
      const path = join(tempDirectory(t), 'file');
      const before = patternBytes(offset, 4);
      const target = await fileOf(t, path, before);
      const source = streamOver(t, fed(t, { bytes, piece }).reads);
      const result = await movePipeToFile({ source, target, offset });
      assert.equal(result.bytes, bytes.length);
      assert.equal(result.splicedBytes + result.stagedBytes, bytes.length);
      assert.ok(result.stagedBytes > 0 && result.reason !== null);
      assert.ok(contentsOf(path).equals(Buffer.concat([before, bytes])));
      assertNoLeaks();
    });
  }

  it('as many bytes as were asked for, and the rest stays in the pipe', async (t) => {
    const pipe = new TestPipe(t, 256 * KIB);
    const bytes = patternBytes(200 * KIB);
    pipe.put(bytes);
    const path = join(tempDirectory(t), 'file');
    const target = await fileOf(t, path, new Uint8Array(0));
    const source = streamOver(t, pipe.reads);
    for (const [offset, length] of [
      [0, 64 * KIB],
      [64 * KIB, 5000],
    ] as const) {
      const result = await movePipeToFile({ source, target, offset, bytes: length });
      assert.deepEqual([result.bytes, result.ended], [length, false]);
    }
    const taken = 64 * KIB + 5000;
    assert.ok(contentsOf(path).equals(bytes.subarray(0, taken)));
    assert.ok(pipe.drain().equals(bytes.subarray(taken)));
  });

  it('tee: every destination gets all of it, and the stream is read once', async (t) => {
    const bytes = patternBytes(2 * MIB + 300);
    const directory = tempDirectory(t);
    const paths = ['one', 'two', 'three'].map((name) => join(directory, name));
    const targets = await Promise.all(paths.map((path) => fileOf(t, path, new Uint8Array(0))));
    const source = streamOver(t, fed(t, { bytes }).reads);
    const result = await movePipeToFiles({ source, destinations: targets.map((target) => ({ target })) });
    assert.equal(result.bytes, bytes.length);
    for (const [i, path] of paths.entries()) {
      assert.ok(contentsOf(path).equals(bytes));
      const { splicedBytes = 0, stagedBytes = 0 } = result.destinations[i] ?? {};
      assert.equal(splicedBytes + stagedBytes, bytes.length);
      if (targets[i]?.splices.problem('write') === null) assert.equal(splicedBytes, 2 * MIB);
    }
    assertNoLeaks();
  });

  it('an abort ends the wait for a writer that never closes, and says what is done', async (t) => {
    const pipe = new TestPipe(t, MIB);
    const bytes = patternBytes(MIB);
    pipe.put(bytes);
    const path = join(tempDirectory(t), 'file');
    const target = await fileOf(t, path, new Uint8Array(0));
    const controller = new AbortController();
    const onProgress = (done: number): void => {
      if (done === MIB) setImmediate(() => controller.abort());
    };
    const moving = movePipeToFile({
      source: streamOver(t, pipe.reads),
      target,
      signal: controller.signal,
      onProgress,
    });
    await assert.rejects(moving, { code: 'ABORT_ERR', bytes: MIB });
    assert.ok(contentsOf(path).equals(bytes));
    assertNoLeaks();
  });

  it('a producer that returns 0 with bytes left, again and again, is an error and no loop', async (t) => {
    const pipe = new TestPipe(t);
    pipe.put(patternBytes(4096));
    const engine = new StepEngine(chooseEngine('auto').engine, ({ op }) =>
      op === Op.SPLICE ? { result: 0 } : undefined,
    );
    const target = await fileOf(t, join(tempDirectory(t), 'file'), new Uint8Array(0));
    if (target.splices.problem('write') !== null) return t.skip('this file system is not spliced to');
    const source = streamOver(t, pipe.reads, engine);
    await assert.rejects(movePipeToFile({ source, target }), { code: 'ERR_DIORITE_NO_PROGRESS', bytes: 0 });
    assert.ok(engine.steps <= 3, `${engine.steps} steps`);
    assert.equal(pipe.waiting, 4096);
  });

  it('a file that takes nothing of a cell is an error and no loop', async (t) => {
    const bytes = patternBytes(MIB);
    const pipe = fed(t, { bytes });
    const fileEngine = new StepEngine(chooseEngine('auto').engine, ({ op }) =>
      op === Op.SPLICE ? { result: 0 } : undefined,
    );
    const target = await fileOf(t, join(tempDirectory(t), 'file'), new Uint8Array(0), { fileEngine });
    if (target.splices.problem('write') !== null) return t.skip('this file system is not spliced to');
    const moving = movePipeToFile({ source: streamOver(t, pipe.reads), target });
    await assert.rejects(moving, { code: 'ERR_DIORITE_NO_PROGRESS', bytes: 0 });
    assertNoLeaks();
  });

  for (const result of [-1, -38, -22]) {
    it(`splice answers ${result} from the N-th time on: staged from there, it says so, and nothing is lost`, async (t) => {
      for (let at = 1; at <= 6; at++) {
        let splices = 0;
        const judge = ({ op }: { op: Op }): { result: number } | undefined =>
          op === Op.SPLICE && ++splices >= at ? { result } : undefined;
        const engine = new StepEngine(chooseEngine('auto').engine, judge);
        const bytes = patternBytes(2 * MIB + 5000, at);
        const path = join(tempDirectory(t), 'file');
        const target = await fileOf(t, path, new Uint8Array(0), { fileEngine: engine });
        if (target.splices.problem('write') !== null) return t.skip('this file system is not spliced to');
        const moved = await movePipeToFile({ source: streamOver(t, fed(t, { bytes }).reads, engine), target });
        assert.equal(moved.bytes, bytes.length);
        assert.ok(moved.stagedBytes > 0);
        assert.match(moved.reason ?? '', /splice|fill their pages/);
        assert.ok(contentsOf(path).equals(bytes), `at ${at}`);
      }
      assertNoLeaks();
    });
  }

  it('every step fails once: EIO, one after the other, and the ledger of each is true', async (t) => {
    for (let at = 1; ; at++) {
      let moving = true;
      const engine = new StepEngine(chooseEngine('auto').engine, (_, step) =>
        moving && step === at ? { result: -5 } : undefined,
      );
      const bytes = patternBytes(MIB + 20_000, at);
      const path = join(tempDirectory(t), 'file');
      const target = await fileOf(t, path, new Uint8Array(0), { fileEngine: engine });
      const source = streamOver(t, fed(t, { bytes }).reads, engine);
      const error = await movePipeToFile({ source, target }).then(
        () => null,
        (thrown: DioriteError) => thrown,
      );
      moving = false;
      assertNoLeaks();
      if (error === null) {
        assert.ok(contentsOf(path).equals(bytes));
        assert.ok(engine.steps < at);
        return;
      }
      assert.equal(error.code, 'EIO');
      const length = error.length ?? -1;
      checkExtents(error.extents ?? [], 0, length);
      const now = contentsOf(path);
      for (const extent of error.extents ?? []) {
        const range = [extent.offset, extent.offset + extent.length] as const;
        if (extent.state === 'done') assert.ok(now.subarray(...range).equals(bytes.subarray(...range)));
      }
    }
  });

  for (const [name, fault] of [
    ['EAGAIN', { result: -11 }],
    ['EINTR', { result: -4 }],
    ['a step of one byte', { onlyBytes: 1 }],
  ] as const) {
    it(`${name} at every step, one after the other: it goes on, and nothing is lost`, async (t) => {
      for (let at = 1; ; at++) {
        // Of a read from a pipe of its own, which holds the bytes, EAGAIN is no answer; tee has no shorter way that is right.
        const applies = (op: Op): boolean => ('onlyBytes' in fault ? op !== Op.TEE : op === Op.SPLICE);
        const engine = new StepEngine(chooseEngine('auto').engine, ({ op }, step) =>
          step === at && applies(op) ? fault : undefined,
        );
        const bytes = patternBytes(2 * MIB + 20_000, at);
        const path = join(tempDirectory(t), 'file');
        const target = await fileOf(t, path, new Uint8Array(0), { fileEngine: engine });
        const source = streamOver(t, fed(t, { bytes, pipeBytes: MIB }).reads, engine);
        const moved = await movePipeToFile({ source, target });
        assert.equal(moved.splicedBytes + moved.stagedBytes, bytes.length);
        assert.ok(contentsOf(path).equals(bytes), `at ${at}`);
        assertNoLeaks();
        if (engine.steps < at) return;
      }
    });
  }

  it('the pipe is made smaller and larger while it is spliced from: nothing is lost', (t) =>
    withSeed(async (random) => {
      const bytes = patternBytes(3 * MIB + 77, 2);
      const pipe = new TestPipe(t, 64 * KIB);
      void feed(pipe, bytes, () => 4 * KIB, 64 * KIB);
      const path = join(tempDirectory(t), 'file');
      const target = await fileOf(t, path, new Uint8Array(0));
      const source = streamOver(t, pipe.reads);
      let moving = true;
      const resize = (): void => {
        try {
          if (moving) source.resize(random.pick([64 * KIB, 128 * KIB, MIB]));
        } catch (error) {
          assert.ok(error instanceof Error && 'code' in error && error.code === 'EBUSY', 'it holds more just now');
        }
        if (moving) setImmediate(resize);
      };
      resize();
      await movePipeToFile({ source, target });
      moving = false;
      assert.ok(contentsOf(path).equals(bytes));
      assertNoLeaks();
    }));

  it('every step moves only a page: more steps, the same bytes', async (t) => {
    const engine = new StepEngine(chooseEngine('auto').engine, ({ op }) =>
      op === Op.SPLICE || op === Op.READ ? { onlyBytes: 4096 } : undefined,
    );
    const bytes = patternBytes(MIB + 5000);
    const path = join(tempDirectory(t), 'file');
    const target = await fileOf(t, path, new Uint8Array(0), { fileEngine: engine });
    await movePipeToFile({ source: streamOver(t, fed(t, { bytes }).reads, engine), target });
    assert.ok(contentsOf(path).equals(bytes));
    assert.ok(engine.steps < 3 * Math.ceil(bytes.length / 4096) + 100, `${engine.steps} steps`);
    assertNoLeaks();
  });
});

describe('a file to a pipe', { skip: !hasAddon() }, () => {
  /** Reads the pipe until nobody writes to it. */
  async function collect(t: TestContext, pipe: TestPipe, most: number): Promise<Buffer> {
    const source = streamOver(t, pipe.reads);
    const memory = new Region(most + 4096);
    const { startTransfer } = await import('../../src/transfer/transfer.js');
    const { IovIter } = await import('../../src/iter.js');
    const { bytes } = await startTransfer(source, IovIter.ubuf(memory.bytes), 0, memory.length, 'read', {});
    return Buffer.from(memory.bytes.subarray(0, bytes));
  }

  for (const [offset, length] of [
    [0, undefined],
    [0, MIB],
    [100, 2 * MIB],
    [4096, 10],
    [MIB - 1, 2],
    [3 * MIB, undefined],
    [5 * MIB, undefined],
    [0, 0],
  ] as const) {
    it(`from ${offset}, ${length ?? 'to the end'}: spliced, whatever the range`, async (t) => {
      const bytes = patternBytes(3 * MIB + 500);
      const target = await fileOf(t, join(tempDirectory(t), 'file'), bytes);
      const pipe = new TestPipe(t, 128 * KIB);
      const sink = streamOver(t, pipe.writes);
      const moving = moveFileToPipe({ target, sink, offset, bytes: length }).finally(async () => {
        await sink.close();
        pipe.close('writes');
      });
      const [result, got] = await Promise.all([moving, collect(t, pipe, bytes.length)]);
      const wanted = bytes.subarray(offset, length === undefined ? undefined : offset + length);
      assert.ok(got.equals(wanted));
      assert.equal(result.bytes, wanted.length);
      if (target.splices.problem('read') === null)
        assert.deepEqual([result.splicedBytes, result.reason], [wanted.length, null]);
      assertNoLeaks();
    });
  }

  it('a reader that goes away is EPIPE; what was read ahead is dropped, and nothing leaks', async (t) => {
    const target = await fileOf(t, join(tempDirectory(t), 'file'), patternBytes(5 * MIB));
    const pipe = new TestPipe(t, 64 * KIB);
    const sink = streamOver(t, pipe.writes);
    const onProgress = (): void => pipe.close('reads');
    await assert.rejects(moveFileToPipe({ target, sink, onProgress }), (error: DioriteError) => {
      assert.equal(error.code, 'EPIPE');
      assert.ok((error.bytes ?? 0) >= 64 * KIB);
      return true;
    });
    assertNoLeaks();
  });

  it('a full pipe that nobody reads: the signal ends it', async (t) => {
    const target = await fileOf(t, join(tempDirectory(t), 'file'), patternBytes(3 * MIB));
    const pipe = new TestPipe(t, 64 * KIB);
    const controller = new AbortController();
    const onProgress = (done: number): void => {
      if (done === 64 * KIB) setImmediate(() => controller.abort());
    };
    const moving = moveFileToPipe({ target, sink: streamOver(t, pipe.writes), signal: controller.signal, onProgress });
    await assert.rejects(moving, { code: 'ABORT_ERR', bytes: 64 * KIB });
    assertNoLeaks();
  });

  for (const result of [-1, -38, -22]) {
    it(`splice answers ${result} from the N-th time on: copied from there, and nothing is lost or sent twice`, async (t) => {
      for (let at = 1; at <= 8; at++) {
        let splices = 0;
        const judge = ({ op }: { op: Op }): { result: number } | undefined =>
          (op === Op.SPLICE || op === Op.SPLICE_FROM) && ++splices >= at ? { result } : undefined;
        const engine = new StepEngine(chooseEngine('auto').engine, judge);
        const bytes = patternBytes(2 * MIB + 5000, at);
        const target = await fileOf(t, join(tempDirectory(t), 'file'), bytes, { fileEngine: engine });
        if (target.splices.problem('read') !== null) return t.skip('this file system is not spliced from');
        const pipe = new TestPipe(t, 256 * KIB);
        const sink = streamOver(t, pipe.writes, engine);
        const moving = moveFileToPipe({ target, sink, offset: 10 }).finally(async () => {
          await sink.close();
          pipe.close('writes');
        });
        const [moved, got] = await Promise.all([moving, collect(t, pipe, bytes.length)]);
        assert.ok(got.equals(bytes.subarray(10)), `at ${at}`);
        assert.equal(moved.splicedBytes + moved.stagedBytes, bytes.length - 10);
        assert.match(moved.reason ?? '', /splice/);
      }
      assertNoLeaks();
    });
  }

  it('every step fails once: EIO, and what the ledger calls done is what came out', async (t) => {
    for (let at = 1; ; at++) {
      const engine = new StepEngine(chooseEngine('auto').engine, (_, step) =>
        step === at ? { result: -5 } : undefined,
      );
      const bytes = patternBytes(MIB + 20_000, at);
      const target = await fileOf(t, join(tempDirectory(t), 'file'), bytes, { fileEngine: engine });
      const pipe = new TestPipe(t, 256 * KIB);
      const sink = streamOver(t, pipe.writes, engine);
      const moving = moveFileToPipe({ target, sink, offset: 5 })
        .then(
          () => null,
          (thrown: DioriteError) => thrown,
        )
        .finally(async () => {
          await sink.close();
          pipe.close('writes');
        });
      const [error, got] = await Promise.all([moving, collect(t, pipe, bytes.length)]);
      assertNoLeaks();
      assert.ok(got.equals(bytes.subarray(5, 5 + got.length)));
      if (error === null) {
        assert.equal(got.length, bytes.length - 5);
        if (engine.steps < at) return;
        continue; // what failed was a read ahead, past the end
      }
      assert.equal(error.code, 'EIO');
      assert.equal(error.bytes, got.length);
    }
  });
});
