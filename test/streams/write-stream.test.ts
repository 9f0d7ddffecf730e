// createWriteStream: what is gathered, what goes as it lies, what is in flight, and what an error or an early end leaves.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { finished } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { PAGE_SIZE } from '../../src/base/integers.js';
import { open } from '../../src/index.js';
import { streamPool } from '../../src/streams/gather.js';
import { Op, type Operation } from '../../src/targets/file/engines/engine.js';
import { openFaulty } from '../support/faulty-file.js';
import { assertNoLeaks } from '../support/leaks.js';
import { requireAddon } from '../support/needs.js';
import { checkExtents } from '../support/oracle.js';
import { withSeed } from '../support/random.js';
import { aligned, closeOf, EIO, errorOf, fileOf, fresh, hold, MIB, randomBytes, until } from './support.js';

async function writeAll(stream: NodeJS.WritableStream, chunks: Iterable<Uint8Array>): Promise<void> {
  for (const chunk of chunks) if (!stream.write(chunk)) await once(stream, 'drain');
  stream.end();
}

function cut(data: Buffer, next: () => number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < data.length; ) {
    const bytes = Math.max(1, next());
    chunks.push(data.subarray(at, at + bytes));
    at += bytes;
  }
  return chunks;
}

describe('bytes', () => {
  for (const engine of ['auto', 'threads'] as const) {
    for (const io of ['prefer-direct', 'direct', 'drop-behind', 'buffered'] as const) {
      it(`chunks of all sizes from an unaligned start: ${engine}, ${io}`, async (t) => {
        if (io === 'drop-behind' && !requireAddon(t)) return;
        await withSeed(async (random) => {
          const { path, data: before } = fileOf(3 * MIB);
          const data = randomBytes(9 * MIB + 123);
          const file = await open(path, 'r+', { engine, io });
          const stream = file.createWriteStream({ start: 1000 });
          await writeAll(
            stream,
            cut(data, () => random.between(1, random.between(1, 3 * MIB))),
          );
          await closeOf(stream);
          const expected = Buffer.concat([before.subarray(0, 1000), data]);
          assert.equal(Buffer.compare(readFileSync(path), expected), 0);
          assert.equal(stream.bytesWritten, data.length);
          assert.deepEqual(stream.extents, [{ offset: 1000, length: data.length, state: 'done' }]);
          assertNoLeaks();
        });
      });
    }
  }

  it('small chunks become full requests, several in flight', async (t) => {
    const path = fresh();
    const sizes: number[] = [];
    let releaseFirst = (): void => {};
    const file = await openFaulty(path, {
      judge: (operation) => {
        if (operation.op !== Op.WRITE) return undefined;
        sizes.push(operation.length);
        // The first is answered once others are in flight beside it: if that never is so, this does not end.
        if (sizes.length === 1) releaseFirst = hold(operation);
        if (sizes.length === 3) releaseFirst();
        return undefined;
      },
    });
    // Nothing goes out because its producer is slow, however slow this machine is.
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const data = randomBytes(16 * MIB);
    const stream = file.createWriteStream();
    await writeAll(
      stream,
      cut(data, () => 1024),
    );
    await closeOf(stream);
    assert.deepEqual(sizes, new Array(16).fill(MIB));
    assert.ok(readFileSync(path).equals(data));
  });

  it('a large aligned chunk goes as it lies, and its callback comes when its memory is free', async () => {
    const path = fresh();
    let release = (): void => {};
    const file = await openFaulty(path, {
      judge: (operation) => {
        if (operation.op === Op.WRITE) release = hold(operation);
        return undefined;
      },
    });
    const data = aligned(MIB);
    const stream = file.createWriteStream();
    let taken = false;
    stream.write(data, () => {
      taken = true;
    });
    await until(() => stream.writableLength > 0);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(taken, false);
    assert.equal(streamPool().leased, 0, 'nothing was gathered');
    release();
    await until(() => taken);
    stream.end();
    await closeOf(stream);
    assert.ok(readFileSync(path).equals(data));
  });

  it('what a slow producer gave arrives although nobody ends the stream', async (t) => {
    const path = fresh();
    const file = await open(path, 'w');
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const stream = file.createWriteStream();
    await new Promise((resolve) => stream.write('some text', resolve));
    t.mock.timers.tick(1000);
    await until(() => stream.bytesWritten > 0);
    assert.equal(readFileSync(path, 'utf8'), 'some text');
    t.mock.timers.reset();
    stream.end(', and more');
    await closeOf(stream);
    assert.equal(readFileSync(path, 'utf8'), 'some text, and more');
  });

  it('object mode and unknown options are refused', async () => {
    await using file = await open(fresh(), 'w');
    for (const options of [{ objectMode: true }, { writableObjectMode: true }, { flags: 'a' }, { start: -1 }])
      assert.throws(() => file.createWriteStream(options as object), /options|start/);
    assert.throws(() => file.createWriteStream({ start: -1 }), { code: 'ERR_OUT_OF_RANGE' });
    file.createWriteStream({ objectMode: false } as object).destroy();
  });
});

describe('the handle’s own position', () => {
  it('calls and streams follow each other', async () => {
    const path = fresh();
    const file = await open(path, 'w+');
    const first = file.write('1');
    const stream = file.createWriteStream({ autoClose: false });
    stream.write('2');
    stream.end('3');
    await finished(stream);
    await first;
    await file.write('4');
    assert.equal(readFileSync(path, 'utf8'), '1234');
    await file.close();
  });

  it('a call in the middle does not wait for the stream', async () => {
    const path = fresh();
    const file = await open(path, 'w+');
    const stream = file.createWriteStream({ autoClose: false });
    stream.write('a'.repeat(MIB));
    await until(() => stream.bytesWritten === MIB);
    await file.write('b');
    stream.end('c');
    await finished(stream);
    assert.equal(readFileSync(path, 'utf8').slice(MIB - 1), 'abc');
    assert.equal(stream.bytesWritten, MIB + 1);
    assert.deepEqual(stream.extents, [
      { offset: 0, length: MIB, state: 'done' },
      { offset: MIB + 1, length: 1, state: 'done' },
    ]);
    await file.close();
  });
});

describe('short writes and errors', () => {
  it('a short write in the middle of a batch leaves no hole', async () => {
    const path = fresh();
    let writes = 0;
    const file = await openFaulty(path, {
      judge: (operation) => (operation.op === Op.WRITE && ++writes % 3 === 1 ? { onlyBytes: 4096 } : undefined),
    });
    const data = randomBytes(5 * MIB + 77);
    const stream = file.createWriteStream({ start: 0 });
    stream.cork();
    for (const chunk of cut(data, () => 300_000)) stream.write(chunk);
    stream.uncork();
    stream.end();
    await closeOf(stream);
    assert.ok(readFileSync(path).equals(data));
  });

  it('an error carries the ledger of the whole stream, after everything in flight was answered', async () => {
    const path = fresh();
    let inFlight = 0;
    const file = await openFaulty(path, {
      judge: (operation) => {
        if (operation.op !== Op.WRITE) return undefined;
        inFlight++;
        const complete = operation.complete.bind(operation);
        operation.complete = (result) => {
          operation.complete = complete;
          inFlight--;
          complete(result);
        };
        return operation.offset === 3 * MIB ? { result: EIO } : undefined;
      },
    });
    const stream = file.createWriteStream();
    const error = errorOf(stream);
    const data = randomBytes(6 * MIB + 10);
    stream.write(data);
    stream.end();
    const { code, bytes, extents, offset, length } = await error;
    assert.equal(inFlight, 0);
    assert.equal(code, 'EIO');
    assert.equal(bytes, 3 * MIB);
    assert.equal(offset, 0);
    assert.equal(length, data.length);
    checkExtents(extents ?? [], 0, data.length);
    assert.deepEqual(
      extents?.find(({ state }) => state === 'unknown'),
      { offset: 3 * MIB, length: MIB, state: 'unknown' },
    );
    assert.equal(stream.bytesWritten, 3 * MIB);
    await closeOf(stream);
    assert.equal(file.fd, -1, 'the file is closed');
    assertNoLeaks();
    assert.equal(streamPool().leased, 0);
  });

  it('an error at every operation: it is told once, the ledger is true, nothing leaks', async () => {
    const data = randomBytes(4 * MIB + 5000);
    for (let failing = 1; ; failing++) {
      const path = fresh();
      let operations = 0;
      const judge = (operation: Operation): undefined | { result: number } =>
        operation.op !== Op.WRITE_BACK && operation.op !== Op.DROP_CACHE && ++operations === failing
          ? { result: EIO }
          : undefined;
      const file = await openFaulty(path, { judge });
      const stream = file.createWriteStream({ start: 100, flush: true });
      let errorsSeen = 0;
      let error: unknown = null;
      stream.on('error', (told) => {
        errorsSeen++;
        error = told;
      });
      for (const chunk of cut(data, () => 100_000)) stream.write(chunk);
      stream.end();
      await closeOf(stream);
      assert.equal(streamPool().leased, 0);
      assertNoLeaks();
      if (operations < failing) {
        assert.equal(error, null);
        assert.ok(failing > 6, `${failing} operations`);
        return;
      }
      assert.equal(errorsSeen, 1, `operation ${failing}`);
      const written = readFileSync(path);
      for (const { offset, length, state } of stream.extents) {
        if (state !== 'done') continue;
        const given = data.subarray(offset - 100, offset - 100 + length);
        assert.ok(written.subarray(offset, offset + length).equals(given), `operation ${failing}`);
      }
    }
  });

  it('a file that may not be written: EBADF', async () => {
    const { path } = fileOf(10);
    const file = await open(path, 'r');
    const stream = file.createWriteStream();
    stream.end('x');
    assert.equal((await errorOf(stream)).code, 'EBADF');
    await closeOf(stream);
    await assert.rejects(async () => (await open(path)).close().then(() => file.createWriteStream()), {
      code: 'EBADF',
    });
  });

  it('a sync that fails, asked by flush, is an error of the stream', async () => {
    const path = fresh();
    const file = await openFaulty(path, {
      judge: (operation) => (operation.op === Op.FSYNC ? { result: EIO } : undefined),
    });
    const stream = file.createWriteStream({ flush: true });
    stream.end('text');
    assert.equal((await errorOf(stream)).code, 'EIO');
    await closeOf(stream);
    assert.equal(stream.writableFinished, false);
  });
});

describe('destroyed in mid-flight', () => {
  it('waits for what is in flight and writes what it has taken', async () => {
    const path = fresh();
    const releases: (() => void)[] = [];
    const file = await openFaulty(path, {
      judge: (operation) => {
        if (operation.op === Op.WRITE) releases.push(hold(operation));
        return undefined;
      },
    });
    // At an odd address: all of it is gathered, and taken before anything of it is answered.
    const data = randomBytes(2 * MIB + 6).subarray(1);
    const stream = file.createWriteStream({ highWaterMark: 4 * MIB });
    let isTaken = false;
    stream.write(data, () => {
      isTaken = true;
    });
    // Or three: what is left over goes out by itself after a while.
    await until(() => isTaken && releases.length >= 2);
    stream.destroy();
    let closed = false;
    stream.once('close', () => {
      closed = true;
    });
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(closed, false);
    while (!closed) {
      for (const release of releases.splice(0)) release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(readFileSync(path).equals(data));
    assert.equal(stream.bytesWritten, data.length);
    assert.equal(streamPool().leased, 0);
  });

  it('a chunk whose write is under way is not cut, one that waits behind it is not begun', async () => {
    for (const [skew, chunks] of [
      [1, 1],
      [0, 1],
      [1, 3],
    ] as const) {
      const path = fresh();
      const releases: (() => void)[] = [];
      const file = await openFaulty(path, {
        judge: (operation) => {
          if (operation.op === Op.WRITE) releases.push(hold(operation));
          return undefined;
        },
      });
      // More than the budget: a part of it is taken, as it lies or gathered, and nothing of it answered.
      const data = aligned(20 * MIB + PAGE_SIZE).subarray(skew, skew + 20 * MIB);
      const stream = file.createWriteStream();
      const told: unknown[] = [];
      const each = data.length / chunks;
      stream.cork();
      for (let i = 0; i < chunks; i++)
        stream.write(data.subarray(i * each, (i + 1) * each), (error) => told.push(error));
      stream.uncork();
      await until(() => releases.length === 8);
      stream.write('never begun', (error) => told.push(error));
      stream.destroy();
      while (!stream.closed) {
        for (const release of releases.splice(0)) release();
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(readFileSync(path).equals(data));
      assert.deepEqual(stream.extents, [{ offset: 0, length: data.length, state: 'done' }]);
      assert.equal(told.filter((error) => error === null || error === undefined).length, chunks);
      assert.equal(told.length, chunks + 1);
      assert.equal(streamPool().leased, 0);
      assertNoLeaks();
    }
  });

  it('an error in the rest of a chunk is told by its callback, and the extents say what is there', async () => {
    const path = fresh();
    const releases: (() => void)[] = [];
    const file = await openFaulty(path, {
      judge: (operation) => {
        if (operation.op !== Op.WRITE) return undefined;
        releases.push(hold(operation));
        return operation.offset === 12 * MIB ? { result: EIO } : undefined;
      },
    });
    const data = randomBytes(20 * MIB);
    const stream = file.createWriteStream();
    let told: unknown;
    stream.write(data, (error) => {
      told = error;
    });
    await until(() => releases.length === 8);
    stream.destroy();
    while (!stream.closed) {
      for (const release of releases.splice(0)) release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(told instanceof Error && 'code' in told && told.code === 'EIO');
    checkExtents(stream.extents, 0, data.length);
    assert.deepEqual(
      stream.extents.filter(({ state }) => state === 'unknown'),
      [{ offset: 12 * MIB, length: MIB, state: 'unknown' }],
    );
    assert.equal(streamPool().leased, 0);
    assertNoLeaks();
  });

  it('bounded: what it holds is its budget, however fast it is fed', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const releases: (() => void)[] = [];
    const file = await openFaulty(fresh(), {
      judge: (operation) => {
        if (operation.op === Op.WRITE) releases.push(hold(operation));
        return undefined;
      },
    });
    const stream = file.createWriteStream({ highWaterMark: MIB });
    const chunk = Buffer.alloc(1000);
    let given = 0;
    await until(() => {
      while (stream.write(chunk)) given += chunk.length;
      return stream.writableNeedDrain && releases.length === 8;
    });
    assert.equal(streamPool().leased, 8 * MIB);
    assert.ok(given < 10 * MIB, `${given} bytes were taken`);
    const closed = closeOf(stream);
    stream.destroy();
    while (!stream.closed) {
      for (const release of releases.splice(0)) release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    assert.equal(streamPool().leased, 0);
  });
});

describe('appending', () => {
  it('is Linux’s own: through the cache, and says so; direct it is refused with the reason', async () => {
    const { path, data } = fileOf(1000);
    await using file = await open(path, 'a');
    assert.equal((await file.write('end')).io, 'buffered');
    assert.ok(readFileSync(path).equals(Buffer.concat([data, Buffer.from('end')])));
    await assert.rejects(open(path, 'a', { io: 'direct' }), { code: 'ERR_DIORITE_NOT_DIRECT', message: /O_APPEND/ });
  });

  it('two writers: lines stay whole, and no byte is lost', async () => {
    const path = fresh();
    writeFileSync(path, '');
    const lines = (name: string): string[] =>
      Array.from({ length: 20_000 }, (_, i) => `${name} ${i} ${name.repeat(i % 90)}\n`);
    const write = async (name: string): Promise<void> => {
      const stream = (await open(path, 'a')).createWriteStream();
      await writeAll(
        stream,
        lines(name).map((line) => Buffer.from(line)),
      );
      await closeOf(stream);
    };
    await Promise.all([write('x'), write('y')]);
    const seen = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    for (const name of ['x', 'y']) {
      const own = seen.filter((line) => line.startsWith(name)).map((line) => `${line}\n`);
      assert.deepEqual(own, lines(name));
    }
    assert.equal(seen.length, 40_000);
  });

  it('one write of many megabytes is one piece beside another appender', async () => {
    const path = fresh();
    writeFileSync(path, '');
    const [one, two] = [await open(path, 'a'), await open(path, 'a')];
    const [big, other] = [Buffer.alloc(12 * MIB, 'b'), Buffer.alloc(100_000, 'o')];
    const writes = [one.write(big)];
    for (let i = 0; i < 50; i++) writes.push(two.write(other));
    await Promise.all(writes);
    await Promise.all([one.close(), two.close()]);
    const text = readFileSync(path, 'latin1');
    assert.equal(text.length, big.length + 50 * other.length);
    assert.equal(text.lastIndexOf('b') - text.indexOf('b') + 1, big.length);
  });
});

describe('a named pipe', () => {
  it('gets each chunk at once, in order', async () => {
    const path = fresh();
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const file = await open(path, 'w');
    const stream = file.createWriteStream();
    const got = Buffer.alloc(100);
    for (const text of ['first', 'second', 'third']) {
      stream.write(text);
      let bytes = 0;
      await until(() => {
        try {
          bytes = readSync(reader, got);
        } catch {
          bytes = 0; // EAGAIN: nothing yet
        }
        return bytes > 0;
      });
      assert.equal(got.toString('latin1', 0, bytes), text);
    }
    stream.end();
    await closeOf(stream);
    closeSync(reader);
  });
});
