// NFSv3 against nfs-ganesha: reads, writes and commits on both of its exports, and what they are on the wire.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FILE_SYNC, UNSTABLE } from '../../src/targets/nfs/protocol.js';
import { requireCapture, startCapture } from './capture.js';
import { requireGanesha, startGanesha } from './ganesha.js';
import { AwaitedIo, readOnce, writeOnce } from './io-calls.js';
import { connectTo, openNew, startV3 } from './v3-connect.js';

const MIB = 2 ** 20;

describe('NFSv3: data', () => {
  for (const path of ['/vfs', '/mem']) {
    it(`${path}: what is written from many pieces is read back into others`, async (t) => {
      const started = await startV3(t, path, { memFileBytes: MIB });
      if (started === null) return;
      const { server, protocol } = started;
      const { file } = await openNew(protocol, 'file');
      const data = randomBytes(300_001);
      const pieces = cut(data, 1, 3, 511, 513, 4095, 4096, 8193, 65_537, 100_000);
      const written = await writeOnce(protocol, file, 77, FILE_SYNC, ...pieces);
      assert.deepEqual([written.bytes, written.committed], [data.length, FILE_SYNC]);
      if (path === '/vfs') assert.deepEqual(readFileSync(join(server.vfsDirectory, 'file')).subarray(77), data);
      const back = Buffer.alloc(data.length + 77);
      const read = await readOnce(protocol, file, 0, ...cut(back, 100_000, 5, 65_537, 4096));
      assert.deepEqual([read.bytes, read.end], [back.length, true]);
      assert.deepEqual(back, Buffer.concat([Buffer.alloc(77), data]));
      const small = Buffer.alloc(1000);
      assert.deepEqual(await readOnce(protocol, file, 77, small), { bytes: 1000, end: false, copiedBytes: 1000 });
      assert.deepEqual(small, data.subarray(0, 1000));
    });
  }

  it("the end of the file is the server's word", async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol } = started;
    writeFileSync(join(server.vfsDirectory, 'file'), 'twelve bytes');
    const { file } = await protocol.open(protocol.root.handle, 'file', { reads: true, writes: false, create: 'never' });
    const memory = Buffer.alloc(100, 0xee);
    const whole = await readOnce(protocol, file, 0, memory);
    assert.deepEqual([whole.bytes, whole.end], [12, true]);
    assert.equal(memory.toString('latin1', 0, 12), 'twelve bytes');
    assert.ok(
      memory.subarray(12).every((byte) => byte === 0xee),
      'what was not read is as it was',
    );
    for (const offset of [12, 1000, 2 ** 40]) {
      const beyond = await readOnce(protocol, file, offset, memory);
      assert.deepEqual([beyond.bytes, beyond.end], [0, true]);
    }
  });

  it('unstable bytes are committed under the verifier of their writes, which a restart changes', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol } = started;
    const { file } = await openNew(protocol, 'file');
    const first = await writeOnce(protocol, file, 0, UNSTABLE, Buffer.from('first'));
    assert.equal(first.committed, UNSTABLE);
    assert.equal(await protocol.commit(file), first.verifier);
    await server.restart({ kill: true });
    const again = await writeOnce(protocol, file, 5, UNSTABLE, Buffer.from(' again'));
    assert.notEqual(again.verifier, first.verifier);
    assert.equal(await protocol.commit(file), again.verifier);
    assert.equal(readFileSync(join(server.vfsDirectory, 'file'), 'latin1'), 'first again');
  });

  it('a server that is killed in the middle of many writes answers them all when it is back', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol } = started;
    const { file } = await openNew(protocol, 'file');
    const data = randomBytes(48 * MIB);
    const write = (i: number): ReturnType<typeof writeOnce> =>
      writeOnce(protocol, file, i * MIB, UNSTABLE, ...cut(data.subarray(i * MIB, (i + 1) * MIB), 4096));
    const writes = Array.from({ length: 48 }, (_, i) => write(i));
    await writes[4];
    await server.restart({ kill: true });
    const answers = await Promise.all(writes);
    // What an earlier life has answered may be lost.
    const verifier = await protocol.commit(file);
    assert.notEqual(answers[4]?.verifier, verifier);
    for (const [i, answer] of answers.entries()) if (answer.verifier !== verifier) await write(i);
    assert.equal(await protocol.commit(file), verifier);
    assert.equal(readFileSync(join(server.vfsDirectory, 'file')).compare(data), 0);
  });

  it("limits are the least of the server's and the user's", async (t) => {
    const started = await startV3(t, '/vfs', { ioBytesMax: 256 * 1024 });
    if (started === null) return;
    const { server, protocol } = started;
    const quarter = 256 * 1024;
    const { fileBytesMax, ...sizes } = protocol.limits;
    assert.deepEqual(sizes, {
      readBytesMax: quarter,
      writeBytesMax: quarter,
      readBytesBest: quarter,
      writeBytesBest: quarter,
    });
    assert.ok(fileBytesMax > 2n ** 40n);
    const capped = await connectTo(t, server, '/vfs', { rsize: '10000' });
    assert.equal(capped.protocol.limits.readBytesMax, 8192);
    // More than the server takes: it takes a part, and says so.
    const { file } = await openNew(protocol, 'file');
    const data = randomBytes(quarter * 2);
    const short = await writeOnce(protocol, file, 0, FILE_SYNC, data);
    assert.equal(short.bytes, quarter);
    await writeOnce(protocol, file, quarter, FILE_SYNC, data.subarray(quarter));
    assert.equal((await readOnce(protocol, file, 0, Buffer.alloc(data.length))).bytes, quarter);
    assert.deepEqual(readFileSync(join(server.vfsDirectory, 'file')), data);
  });

  it('takes as many calls as there are, over several connections, and says when there is room', async (t) => {
    const started = await startV3(t, '/vfs', {}, { connections: '2' });
    if (started === null) return;
    const { server, protocol } = started;
    const { file } = await openNew(protocol, 'file');
    const data = randomBytes(400 * 4096);
    const room = protocol.room;
    assert.equal(room, 128);
    let roomAgain = 0;
    const calls = Array.from(
      { length: 400 },
      (_, i) => new AwaitedIo(file, i * 4096, [data.subarray(i * 4096, (i + 1) * 4096)]),
    );
    for (const call of calls) protocol.startWrite(call, UNSTABLE);
    assert.equal(protocol.room, 0);
    protocol.onceRoom(() => {
      roomAgain = protocol.room;
    });
    assert.equal(roomAgain, 0);
    await Promise.all(calls.map(({ done }) => done));
    assert.ok(roomAgain > 0);
    assert.equal(protocol.room, room);
    await protocol.commit(file);
    assert.deepEqual(readFileSync(join(server.vfsDirectory, 'file')), data);
  });

  it('a call that is given up fails, sent or not, and the others go on', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { protocol } = started;
    const { file } = await openNew(protocol, 'file');
    await writeOnce(protocol, file, 0, FILE_SYNC, randomBytes(MIB));
    const calls = Array.from({ length: 100 }, () => new AwaitedIo(file, 0, [Buffer.alloc(MIB / 4)]));
    for (const call of calls) protocol.startRead(call);
    const [sent, waiting, ...others] = [calls[1], calls[99], ...calls.slice(2, 99)];
    assert.ok(sent !== undefined && waiting !== undefined);
    protocol.abandon(sent);
    protocol.abandon(waiting);
    protocol.abandon(waiting);
    assert.ok(!sent.ended && !waiting.ended, 'not before abandon returns');
    await assert.rejects(sent.done, { code: 'ECANCELED' });
    await assert.rejects(waiting.done, { code: 'ECANCELED' });
    assert.equal(waiting.unsent, true);
    await Promise.all(others.map((call) => call?.done));
    protocol.abandon(sent);
  });

  it('errors of the server are told with what was asked', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol } = started;
    const { file } = await openNew(protocol, 'file');
    await assert.rejects(writeOnce(protocol, file, Number.MAX_SAFE_INTEGER - 10, FILE_SYNC, Buffer.from('x')), {
      code: 'EFBIG',
      message: new RegExp(`^127.0.0.1:${server.port}: WRITE 1 bytes at 9007199254740981: NFS3ERR_FBIG`),
    });
    const stranger = { handle: Buffer.from('no handle of this server'), reads: true, writes: true };
    await assert.rejects(readOnce(protocol, stranger, 0, Buffer.alloc(1)), { code: 'ESTALE' });
    await assert.rejects(protocol.attributes(stranger.handle), { code: 'ESTALE' });
  });
});

describe('NFSv3: on the wire', () => {
  it('nothing is malformed to tshark, and a call is a call', async (t) => {
    if (!requireGanesha(t) || !requireCapture(t)) return;
    const server = await startGanesha(t, { versions: ['3'] });
    const capture = await startCapture(t, [server.port, server.mountPort]);
    const { protocol } = await connectTo(t, server, '/vfs');
    const root = protocol.root.handle;
    const { file } = await openNew(protocol, 'file with a name of odd length');
    const data = randomBytes(512 * 1024);
    const pieces = cut(data, 512);
    await writeOnce(protocol, file, 3, UNSTABLE, ...pieces.toReversed());
    await readOnce(protocol, file, 3, ...pieces);
    await protocol.commit(file);
    await protocol.setAttributes(file.handle, { mode: 0o600, size: 17, mtimeNs: 12_345_678_901n });
    await protocol.makeDirectory(root, 'directory', 0o755);
    await protocol.symlink(root, 'link', 'somewhere');
    await protocol.link(file.handle, root, 'second');
    await protocol.rename(root, 'second', root, 'third');
    await protocol.readDirectory(root, 0n, 0n, 4096);
    await protocol.space(root);
    await protocol.remove(root, 'third');
    await protocol.removeDirectory(root, 'directory');
    await protocol.close();
    assert.deepEqual(await capture.malformed(), []);
    const calls = await capture.calls();
    assert.deepEqual(
      ['WRITE', 'READ', 'COMMIT', 'CREATE', 'RENAME', 'READDIRPLUS'].map((name) => calls.get(name)),
      [1, 1, 1, 1, 1, 1],
    );
  });
});

/** `data` cut at these lengths, over and over. */
function cut(data: Buffer, ...lengths: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < data.length; i++) {
    const length = lengths[i % lengths.length] ?? 1;
    pieces.push(data.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
