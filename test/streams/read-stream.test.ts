// createReadStream: every range, requests and depth, whose memory a chunk is, growing and shrinking files, faults, ends.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { type FileHandle, open as nodeOpen } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { type File, open, type ReadStream } from '../../src/index.js';
import { hostPages } from '../../src/memory/pages.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { openFaulty } from '../support/faulty-file.js';
import { assertNoLeaks } from '../support/leaks.js';
import { requireAddon } from '../support/needs.js';
import { withSeed } from '../support/random.js';
import { closeOf, EIO, errorOf, fileOf, fresh, hold, MIB, randomBytes, until } from './support.js';

async function collect(stream: ReadStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('bytes', () => {
  for (const engine of ['auto', 'threads'] as const) {
    for (const io of ['prefer-direct', 'direct', 'drop-behind', 'buffered'] as const) {
      it(`ranges of all kinds: ${engine}, ${io}`, async (t) => {
        if (io === 'drop-behind' && !requireAddon(t)) return;
        await withSeed(async (random) => {
          const { path, data } = fileOf(5 * MIB + random.between(0, 5000));
          const file = await open(path, 'r', { engine, io });
          for (let i = 0; i < 12; i++) {
            const start = random.between(0, data.length + 10);
            const end = random.chance(3) ? undefined : start + random.below(3 * MIB);
            const highWaterMark = random.chance(2) ? undefined : random.between(1000, 2 * MIB);
            const stream = file.createReadStream({ start, end, highWaterMark, autoClose: false });
            const expected = data.subarray(start, end === undefined ? undefined : end + 1);
            assert.equal(Buffer.compare(await collect(stream), expected), 0, `${start} to ${end}`);
            assert.equal(stream.bytesRead, expected.length);
          }
          await file.close();
          assertNoLeaks();
        });
      });
    }
  }

  it('sizes around a block and a request', async () => {
    for (const bytes of [0, 1, 511, 4095, 4096, 4097, MIB - 1, MIB, MIB + 1, 2 * MIB]) {
      const { path, data } = fileOf(bytes);
      assert.ok((await collect((await open(path)).createReadStream())).equals(data), `${bytes} bytes`);
    }
  });

  it('a file of /proc, whose size says 0', async () => {
    const file = await open('/proc/self/maps');
    const text = (await collect(file.createReadStream({ start: 0 }))).toString();
    assert.match(text, /\[stack\]/);
  });

  it('a device that never ends', async () => {
    const file = await open('/dev/zero');
    const bytes = await collect(file.createReadStream({ start: 0, end: 3 * MIB }));
    assert.equal(bytes.length, 3 * MIB + 1);
    assert.ok(bytes.every((byte) => byte === 0));
  });
});

describe('requests', () => {
  it('full ones, several in flight, none behind the end', async () => {
    const path = fresh();
    const reads: { offset: number; length: number }[] = [];
    let releaseFirst = (): void => {};
    const file = await openFaulty(path, {
      judge: (operation) => {
        if (operation.op !== Op.READ) return undefined;
        reads.push({ offset: operation.offset, length: operation.length });
        // The first is answered once others are in flight beside it: if that never is so, this does not end.
        if (reads.length === 1) releaseFirst = hold(operation);
        if (reads.length === 3) releaseFirst();
        return undefined;
      },
    });
    const data = randomBytes(20 * MIB + 100);
    writeFileSync(path, data);
    assert.ok((await collect(file.createReadStream())).equals(data));
    assert.deepEqual(
      reads.map(({ offset }) => offset),
      Array.from({ length: 21 }, (_, i) => i * MIB),
    );
    assert.ok(reads.slice(0, 20).every(({ length }) => length === MIB));
    assert.ok((reads[20]?.length ?? 0) <= 8192, 'the end is not asked for a whole request');
  });

  it('a consumer that stalls costs what was read ahead, and no more', async () => {
    const path = fresh();
    let reads = 0;
    const file = await openFaulty(path, { judge: (operation) => void (operation.op === Op.READ && reads++) });
    writeFileSync(path, randomBytes(40 * MIB));
    const stream = file.createReadStream();
    const iterator = stream[Symbol.asyncIterator]();
    await iterator.next();
    for (let turn = 0; turn < 300; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(reads <= 8 + 3, `${reads} reads`);
    await iterator.return?.();
  });
});

describe('memory', () => {
  it('a chunk begins a page, is its consumer’s for good, and is never used again', async (t) => {
    if (!requireAddon(t)) return;
    const { path, data } = fileOf(12 * MIB);
    const chunks: Buffer[] = [];
    for await (const chunk of (await open(path)).createReadStream()) chunks.push(chunk as Buffer);
    assert.equal(new Set(chunks.map(({ buffer }) => buffer)).size, chunks.length);
    for (const { buffer, byteOffset } of chunks)
      assert.equal((hostPages().offsetInPage(buffer) + byteOffset) % 4096, 0);
    assert.ok(Buffer.concat(chunks).equals(data), 'nothing was read over what was kept');
  });

  it('from a reader to a writer no byte is copied', async (t) => {
    if (!requireAddon(t)) return;
    const { path, data } = fileOf(12 * MIB);
    const target = fresh();
    const from = await open(path);
    await using to = await open(target, 'w');
    const result = await to.write(from.createReadStream());
    assert.equal(result.bytesWritten, data.length);
    assert.equal(result.copiedBytes, 0);
    assert.equal(result.io, 'direct');
    assert.ok(readFileSync(target).equals(data));
  });
});

describe('a file that changes', () => {
  it('what is added while it is read is read', async () => {
    const { path, data } = fileOf(3 * MIB);
    const more = randomBytes(5 * MIB + 1);
    const file = await open(path);
    const chunks: Buffer[] = [];
    for await (const chunk of file.createReadStream()) {
      if (chunks.length === 0) appendFileSync(path, more);
      chunks.push(chunk as Buffer);
    }
    assert.ok(Buffer.concat(chunks).equals(Buffer.concat([data, more])));
  });

  it('what is cut off while it is read is the end', async () => {
    const { path, data } = fileOf(30 * MIB);
    const file = await open(path);
    let bytes = 0;
    for await (const chunk of file.createReadStream()) {
      if (bytes === 0) truncateSync(path, 20 * MIB + 5);
      assert.equal(Buffer.compare(chunk as Buffer, data.subarray(bytes, bytes + (chunk as Buffer).length)), 0);
      bytes += (chunk as Buffer).length;
    }
    assert.equal(bytes, 20 * MIB + 5);
  });
});

describe('errors', () => {
  it('at every read: what came before is handed out, the error told once, nothing leaks', async () => {
    const data = randomBytes(4 * MIB + 10);
    for (let failing = 1; ; failing++) {
      const path = fresh();
      let reads = 0;
      const file = await openFaulty(path, {
        judge: (operation) => (operation.op === Op.READ && ++reads === failing ? { result: EIO } : undefined),
      });
      writeFileSync(path, data);
      const stream = file.createReadStream({ start: 100 });
      const chunks: Buffer[] = [];
      let errors = 0;
      stream.on('data', (chunk) => chunks.push(chunk as Buffer));
      stream.on('error', () => errors++);
      await closeOf(stream);
      const read = Buffer.concat(chunks);
      assert.ok(read.equals(data.subarray(100, 100 + read.length)));
      assert.equal(file.fd, -1);
      assertNoLeaks();
      if (reads < failing) {
        assert.equal(errors, 0);
        assert.equal(read.length, data.length - 100);
        assert.ok(failing > 5);
        return;
      }
      assert.equal(errors, 1, `read ${failing}`);
    }
  });

  it('short reads go on', async () => {
    const path = fresh();
    let reads = 0;
    const file = await openFaulty(path, {
      judge: (operation) => (operation.op === Op.READ && ++reads % 2 === 1 ? { onlyBytes: 4096 } : undefined),
    });
    const data = randomBytes(3 * MIB + 17);
    writeFileSync(path, data);
    assert.ok((await collect(file.createReadStream())).equals(data));
  });

  it('a file that may not be read: EBADF', async () => {
    const { path } = fileOf(10);
    const stream = (await open(path, 'r+')).createReadStream();
    assert.equal((await collect(stream)).length, 10);
    const closed = (await open(fresh(), 'w')).createReadStream();
    const error = errorOf(closed);
    closed.resume();
    assert.equal((await error).code, 'EBADF');
  });

  it('options are checked', async () => {
    await using file = await open(fileOf(10).path);
    for (const [options, code] of [
      [{ start: -1 }, 'ERR_OUT_OF_RANGE'],
      [{ start: '1' }, 'ERR_INVALID_ARG_TYPE'],
      [{ start: 5, end: 4 }, 'ERR_OUT_OF_RANGE'],
      [{ end: 1.5 }, 'ERR_OUT_OF_RANGE'],
      [{ signal: 5 }, 'ERR_INVALID_ARG_TYPE'],
      [{ encoding: 'no' }, 'ERR_INVALID_ARG_VALUE'],
      [{ objectMode: true }, 'ERR_INVALID_ARG_VALUE'],
      [{ highWaterMark: -1 }, 'ERR_OUT_OF_RANGE'],
      [null, 'ERR_INVALID_ARG_TYPE'],
    ] as const)
      assert.throws(() => file.createReadStream(options as object), { code }, JSON.stringify(options));
  });
});

describe('destroyed in mid-flight', () => {
  it('waits for what is in flight before it closes the file', async () => {
    const path = fresh();
    const releases: (() => void)[] = [];
    const file = await openFaulty(path, {
      judge: (operation) => {
        if (operation.op === Op.READ) releases.push(hold(operation));
        return undefined;
      },
    });
    writeFileSync(path, randomBytes(10 * MIB));
    const stream = file.createReadStream();
    stream.resume();
    await until(() => releases.length === 8);
    stream.destroy();
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(stream.closed, false);
    assert.ok(file.fd >= 0);
    for (const release of releases) release();
    await closeOf(stream);
    assert.equal(file.fd, -1);
    assert.equal(releases.length, 8, 'nothing more was read');
  });

  it('of a pipe that nobody writes to', async (t) => {
    if (!requireAddon(t)) return;
    const path = fresh();
    execFileSync('mkfifo', [path]);
    const file = await open(path, 'r+');
    const stream = file.createReadStream();
    stream.resume();
    await new Promise((resolve) => setImmediate(resolve));
    stream.destroy();
    await closeOf(stream);
  });
});

describe('a named pipe', () => {
  it('is handed on as it comes, to its end', async () => {
    const path = fresh();
    execFileSync('mkfifo', [path]);
    const [file, writer]: [File, FileHandle] = await Promise.all([open(path), nodeOpen(path, 'w')]);
    const stream = file.createReadStream();
    const iterator = stream[Symbol.asyncIterator]();
    for (const text of ['first', 'second', 'third']) {
      await writer.write(text);
      assert.equal(String((await iterator.next()).value), text);
    }
    await writer.close();
    assert.equal((await iterator.next()).done, true);
  });

  it('much of it, through a small pipe', async () => {
    const path = fresh();
    execFileSync('mkfifo', [path]);
    const data = randomBytes(5 * MIB + 3);
    const [file, writer] = await Promise.all([open(path), nodeOpen(path, 'w')]);
    const writing = writer.writeFile(data).then(() => writer.close());
    assert.ok((await collect(file.createReadStream())).equals(data));
    await writing;
  });
});

it('pipeline from one file to another', async () => {
  const { path, data } = fileOf(9 * MIB + 1234);
  const target = fresh();
  const [from, to] = [await open(path), await open(target, 'w')];
  await pipeline(from.createReadStream({ start: 77 }), to.createWriteStream());
  assert.ok(readFileSync(target).equals(data.subarray(77)));
});
