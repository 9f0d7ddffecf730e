// Web streams over an open file: chunks, BYOB readers, writers, aborts, and the closing of the file beneath them.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { open } from '../../src/index.js';
import { hostPages } from '../../src/memory/pages.js';
import { streamPool } from '../../src/streams/gather.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { openFaulty } from '../support/faulty-file.js';
import { assertNoLeaks } from '../support/leaks.js';
import { requireAddon } from '../support/needs.js';
import { aligned, EIO, fileOf, fresh, hold, MIB, randomBytes, until } from './support.js';

async function collect(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('readableWebStream', () => {
  for (const engine of ['auto', 'threads'] as const) {
    it(`all of it, and ranges: ${engine}`, async () => {
      const { path, data } = fileOf(5 * MIB + 99);
      await using file = await open(path, 'r', { engine });
      assert.ok((await collect(file.readableWebStream())).equals(data));
      assert.equal((await file.read(Buffer.alloc(5))).bytesRead, 0, 'the handle’s own position is at the end');
      for (const [start, end] of [
        [0, 0],
        [100, 4 * MIB],
        [5 * MIB, undefined],
        [9 * MIB, undefined],
      ] as const)
        assert.ok(
          (await collect(file.readableWebStream({ start, end }))).equals(
            data.subarray(start, end === undefined ? undefined : end + 1),
          ),
        );
    });
  }

  it('a BYOB reader’s memory is filled directly', async (t) => {
    if (!requireAddon(t)) return;
    const path = fresh();
    let address = Number.NaN;
    const file = await openFaulty(path, {
      judge: (operation) => {
        const buffer = operation.segments?.buffer[0];
        if (operation.op === Op.READ && buffer != null) address = hostPages().addressOf(buffer);
        return undefined;
      },
    });
    const data = randomBytes(3 * MIB + 5);
    writeFileSync(path, data);
    const reader = file.readableWebStream({ start: 0, autoClose: true }).getReader({ mode: 'byob' });
    const chunks: Buffer[] = [];
    const room = new ArrayBuffer(MIB + 8192);
    const begin = 4096 - hostPages().offsetInPage(room);
    let view = new Uint8Array(room, begin, MIB);
    for (;;) {
      const { value, done } = await reader.read(view);
      if (done) break;
      assert.equal(address, hostPages().addressOf(value.buffer), 'as it lies');
      chunks.push(Buffer.from(value));
      view = new Uint8Array(value.buffer, begin, MIB);
    }
    assert.ok(Buffer.concat(chunks).equals(data));
    assert.equal(file.fd, -1, 'autoClose');
    assertNoLeaks();
  });

  it('BYOB readers of odd memory, and of ends', async () => {
    const { path, data } = fileOf(10_000);
    await using file = await open(path);
    const reader = file.readableWebStream({ start: 10, end: 7009 }).getReader({ mode: 'byob' });
    const chunks: Buffer[] = [];
    for (;;) {
      const { value, done } = await reader.read(new Uint16Array(500));
      if (value !== undefined) chunks.push(Buffer.from(value.buffer, value.byteOffset, value.byteLength).subarray());
      if (done) break;
    }
    assert.ok(Buffer.concat(chunks).equals(data.subarray(10, 7010)));
  });

  it('a reader of each kind in turn', async () => {
    const { path, data } = fileOf(3 * MIB);
    await using file = await open(path);
    const stream = file.readableWebStream({ start: 0 });
    const chunks: Uint8Array[] = [];
    for (let i = 0; ; i++) {
      if (i % 2 === 0) {
        const reader = stream.getReader({ mode: 'byob' });
        const { value, done } = await reader.read(new Uint8Array(100_000));
        reader.releaseLock();
        if (done) break;
        chunks.push(value);
      } else {
        const reader = stream.getReader();
        const { value, done } = await reader.read();
        reader.releaseLock();
        if (done) break;
        chunks.push(value);
      }
    }
    assert.ok(Buffer.concat(chunks).equals(data));
  });

  it('cancelled, aborted, closed beneath it, failed: each ends it and lets the file close', async () => {
    const { path } = fileOf(20 * MIB);
    {
      await using file = await open(path);
      const reader = file.readableWebStream().getReader();
      await reader.read();
      await reader.cancel('enough');
    }
    {
      await using file = await open(path);
      const controller = new AbortController();
      const reader = file.readableWebStream({ signal: controller.signal }).getReader();
      await reader.read();
      controller.abort();
      await assert.rejects(reader.read(), { name: 'AbortError' });
      const before = file.readableWebStream({ signal: AbortSignal.abort() }).getReader();
      await assert.rejects(before.read(), { name: 'AbortError' });
    }
    {
      const file = await open(path);
      const reader = file.readableWebStream().getReader();
      await reader.read();
      await file.close();
      await assert.rejects(
        (async () => {
          for (;;) await reader.read();
        })(),
        { code: 'ERR_DIORITE_CLOSED' },
      );
    }
    for (const mode of ['byob', undefined] as const) {
      const faulty = fresh();
      const file = await openFaulty(faulty, {
        judge: (operation) => (operation.op === Op.READ ? { result: EIO } : undefined),
      });
      writeFileSync(faulty, randomBytes(10));
      const stream = file.readableWebStream({ start: 0, autoClose: true });
      const reading = mode === 'byob' ? stream.getReader({ mode }).read(new Uint8Array(5)) : stream.getReader().read();
      await assert.rejects(reading, { code: 'EIO' });
      await until(() => file.fd === -1);
    }
    assertNoLeaks();
  });

  it('a type that is no type is refused', async () => {
    await using file = await open(fileOf(1).path);
    assert.throws(() => file.readableWebStream({ type: 'text' as 'bytes' }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => file.readableWebStream({ autoclose: true } as object), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('writableWebStream', () => {
  it('chunks of any memory, and then the file is the caller’s again', async () => {
    const path = fresh();
    await using file = await open(path, 'w');
    const writer = file.writableWebStream({ start: 5 }).getWriter();
    await writer.write(new Uint8Array([1, 2, 3]));
    await writer.write(new Uint16Array([0x0605]));
    await writer.write(new ArrayBuffer(2));
    await writer.write(new DataView(new ArrayBuffer(3), 1));
    await writer.close();
    assert.deepEqual([...readFileSync(path)], [0, 0, 0, 0, 0, 1, 2, 3, 5, 6, 0, 0, 0, 0]);
    await file.write('on', 0);
    assert.equal(streamPool().leased, 0);
  });

  it('a pipe from a web stream, closing the file in the end', async () => {
    const { path, data } = fileOf(7 * MIB + 3);
    const target = fresh();
    const [from, to] = [await open(path), await open(target, 'w')];
    await from.readableWebStream({ autoClose: true }).pipeTo(to.writableWebStream({ autoClose: true, flush: true }));
    assert.ok(readFileSync(target).equals(data));
    assert.deepEqual([from.fd, to.fd], [-1, -1]);
  });

  it('a large aligned chunk is the caller’s again only when it is written', async () => {
    const releases: (() => void)[] = [];
    const path = fresh();
    const file = await openFaulty(path, {
      judge: (operation) => {
        if (operation.op === Op.WRITE) releases.push(hold(operation));
        return undefined;
      },
    });
    const data = aligned(MIB);
    const writer = file.writableWebStream().getWriter();
    let isWritten = false;
    const writing = writer.write(data).then(() => {
      isWritten = true;
    });
    await until(() => releases.length === 1);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(isWritten, false);
    releases[0]?.();
    await writing;
    await writer.close();
    await file.close();
    assert.ok(readFileSync(path).equals(data));
  });

  it('failed, aborted, closed beneath it: each ends it with its reason and lets the file close', async () => {
    {
      const file = await openFaulty(fresh(), {
        judge: (operation) => (operation.op === Op.WRITE ? { result: EIO } : undefined),
      });
      const writer = file.writableWebStream({ autoClose: true }).getWriter();
      writer.write(new Uint8Array(3 * MIB)).catch(() => {}); // taken, or failed: closing tells
      await assert.rejects(writer.close(), { code: 'EIO' });
      await until(() => file.fd === -1);
      await assert.rejects(writer.closed, { code: 'EIO' });
    }
    {
      await using file = await open(fresh(), 'w');
      const writer = file.writableWebStream().getWriter();
      await writer.write(new Uint8Array(5));
      await writer.abort('enough');
      await assert.rejects(writer.closed, (reason) => reason === 'enough');
    }
    {
      await using file = await open(fresh(), 'w');
      const controller = new AbortController();
      const writer = file.writableWebStream({ signal: controller.signal }).getWriter();
      await writer.write(new Uint8Array(5));
      controller.abort();
      await assert.rejects(writer.closed, { name: 'AbortError' });
    }
    {
      const file = await open(fresh(), 'w');
      const writer = file.writableWebStream().getWriter();
      await writer.write(new Uint8Array(5));
      await file.close();
      await assert.rejects(writer.closed, { code: 'ERR_DIORITE_CLOSED' });
    }
    assert.equal(streamPool().leased, 0);
    assertNoLeaks();
  });

  it('a chunk that is no memory is an error', async () => {
    await using file = await open(fresh(), 'w');
    const writer = file.writableWebStream().getWriter();
    await assert.rejects(writer.write('text' as unknown as Uint8Array));
    await assert.rejects(writer.closed);
  });
});
