// NFSv3 against the server in this process: what real servers seldom do, and lies.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  FILE_SYNC,
  type NfsEntry,
  type NfsOpened,
  type NfsProtocol,
  UNSTABLE,
} from '../../src/targets/nfs/protocol.js';
import { parseNfsUrl } from '../../src/targets/nfs/url.js';
import { connectV3 } from '../../src/targets/nfs/v3/protocol-v3.js';
import { AwaitedIo, readOnce, writeOnce } from './io-calls.js';
import { patchWord } from './mock/faults.js';
import { type MockOptions, type MockServer, startMock } from './mock/mock-server.js';
import { connectTo } from './v3-connect.js';

/** Bytes of the accepted reply before its results: xid, REPLY, MSG_ACCEPTED, an empty verifier, SUCCESS. */
const REPLY_HEADER_BYTES = 24;
const JUKEBOX = 10008;

async function start(
  t: TestContext,
  options: MockOptions = {},
  parameters: Readonly<Record<string, string>> = {},
): Promise<{ server: MockServer; protocol: NfsProtocol }> {
  const server = await startMock(t, options);
  return { server, protocol: (await connectTo(t, server, '/export', parameters)).protocol };
}

function open(protocol: NfsProtocol, name: string, create: 'never' | 'unchecked' | 'exclusive'): Promise<NfsOpened> {
  return protocol.open(protocol.root.handle, name, { reads: true, writes: true, create, mode: 0o640 });
}

async function listed(protocol: NfsProtocol, bytes: number): Promise<NfsEntry[]> {
  const entries: NfsEntry[] = [];
  for (let cookie = 0n, verifier = 0n, end = false; !end; ) {
    const part = await protocol.readDirectory(protocol.root.handle, cookie, verifier, bytes);
    entries.push(...part.entries);
    ({ cookie, verifier, end } = part);
  }
  return entries;
}

describe('NFSv3: finding the export', () => {
  it('is the longest that the server lists', async (t) => {
    const server = await startMock(t, { exports: ['/export', '/export/deep', '/other'] });
    server.putFile('/export/deep/er/file', Buffer.from('x'));
    for (const [path, directory, rest] of [
      ['/export', '/export', ''],
      ['/export/deeper', '/export', 'deeper'],
      ['/export/deep', '/export/deep', ''],
      ['/export/deep/er/file', '/export/deep', 'er/file'],
      ['/other/none', '/other', 'none'],
    ] as const) {
      server.mount.mounted.splice(0);
      const connected = await connectTo(t, server, path);
      assert.deepEqual([server.mount.mounted, connected.rest], [[directory], rest]);
      await connected.protocol.close();
      assert.deepEqual(server.mount.mounted, []);
    }
  });

  it('is what the server mounts where it does not list', async (t) => {
    const server = await startMock(t, { exports: ['/export'] });
    server.putFile('/export/directory/file', Buffer.from('x'));
    server.fault({ on: 'EXPORT', times: 10, fault: { kind: 'rpc', how: 'proc unavail' } });
    // MOUNT takes directories within an export, and no files.
    const { rest, protocol } = await connectTo(t, server, '/export/directory/file');
    assert.deepEqual([server.mount.mounted, rest], [['/export/directory'], 'file']);
    assert.equal((await protocol.lookup(protocol.root.handle, 'file')).attributes.size, 1n);
    await assert.rejects(connectTo(t, server, '/none'), {
      code: 'EACCES',
      message: /MNT "\/none": MNT3ERR_ACCES \(13\).*its exports are not known/,
    });
  });

  it('ends at a listed export that is refused', async (t) => {
    const server = await startMock(t, { exports: ['/export', '/export/deep'] });
    server.putFile('/export/deep/file', Buffer.from('x'));
    server.fault({ on: 'MNT', fault: { kind: 'status', status: 13 } });
    await assert.rejects(connectTo(t, server, '/export/deep/file'), {
      code: 'EACCES',
      path: '/export/deep',
      message: `127.0.0.1:${server.mountPort}: MNT "/export/deep": MNT3ERR_ACCES (13): permission denied`,
    });
    assert.deepEqual(server.mount.mounted, []);
  });

  it('asks the portmapper where no ports are given', async (t) => {
    const server = await startMock(t);
    const { settings } = parseNfsUrl('nfs://127.0.0.1/export');
    const { protocol } = await connectV3(settings, '/export', server.portmapPort);
    assert.equal(protocol.server, `127.0.0.1:${server.port}`);
    await protocol.close();
    const other = await startMock(t, { versions: ['4.1'] });
    await assert.rejects(connectV3(settings, '/export', other.portmapPort), { code: 'EPROTONOSUPPORT' });
    await other.down();
    await assert.rejects(connectV3(settings, '/export', other.portmapPort), {
      code: 'ECONNREFUSED',
      message: /the portmapper; with port and mountport in the URL it is not asked/,
    });
  });

  it('takes no longer than it may, however patient the calls are', async (t) => {
    const server = await startMock(t);
    for (const on of ['NULL', 'MNT', 'FSINFO']) {
      const fault = server.fault({ on, times: 100, fault: { kind: 'hold', carriedOut: true } });
      await assert.rejects(connectTo(t, server, '/export', { timeo: '15', hard: '' }), { code: 'ETIMEDOUT' }, on);
      server.faults.clear();
      assert.ok(fault.hits > 0);
    }
    const jukebox = server.fault({ on: 'FSINFO', times: 100, fault: { kind: 'status', status: JUKEBOX } });
    await assert.rejects(connectTo(t, server, '/export', { timeo: '15', hard: '' }), { code: 'ETIMEDOUT' });
    assert.ok(jukebox.hits > 1);
  });
});

describe('NFSv3: servers that tell little', () => {
  it('replies without attributes and handles are made up for', async (t) => {
    const { server, protocol } = await start(t, { sparseReplies: true });
    const root = protocol.root.handle;
    const { file, attributes } = await open(protocol, 'file', 'exclusive');
    assert.deepEqual([attributes.mode, attributes.size], [0o640, 0n]);
    await writeOnce(protocol, file, 0, UNSTABLE, Buffer.from('hello'));
    await protocol.commit(file);
    assert.equal(Buffer.from(server.bytesOf('/export/file')).toString(), 'hello');
    const memory = Buffer.alloc(10);
    assert.deepEqual(await readOnce(protocol, file, 0, memory), { bytes: 5, end: true, copiedBytes: 5 });
    assert.equal((await open(protocol, 'other', 'unchecked')).attributes.mode, 0o640);
    assert.equal((await protocol.makeDirectory(root, 'directory', 0o700)).attributes.type, 'directory');
    const link = await protocol.symlink(root, 'link', 'file');
    assert.equal(await protocol.readLink(link.handle), 'file');
    await protocol.rename(root, 'other', root, 'renamed');
    await protocol.link(file.handle, root, 'second');
    const entries = await listed(protocol, 4096);
    assert.deepEqual(entries.map(({ name }) => name).toSorted(), ['directory', 'file', 'link', 'renamed', 'second']);
    assert.ok(entries.every((entry) => entry.attributes === null));
    assert.equal((await protocol.space(root)).nameBytesMax, 255);
    await assert.rejects(protocol.lookup(root, 'none'), { code: 'ENOENT' });
  });

  it('one without READDIRPLUS is asked for it once', async (t) => {
    const { server, protocol } = await start(t, { entriesMax: 3 });
    for (let i = 0; i < 10; i++) server.putFile(`/export/file ${i}`, Buffer.alloc(i));
    const lacking = server.fault({ on: 'READDIRPLUS', times: 100, fault: { kind: 'status', status: 10004 } });
    const entries = await listed(protocol, 4096);
    assert.equal(entries.length, 10);
    assert.ok(entries.every((entry) => entry.attributes === null && entry.fileId > 0n));
    assert.equal(lacking.hits, 1);
    assert.ok(server.counts.calls('READDIR') >= 4);
  });

  it('one without exclusive creation makes files all the same', async (t) => {
    const { server, protocol } = await start(t);
    server.fault({ on: 'CREATE', fault: { kind: 'status', status: 10004 } });
    assert.equal((await open(protocol, 'file', 'exclusive')).attributes.mode, 0o640);
    server.fault({ on: 'CREATE', fault: { kind: 'status', status: 10004 } });
    await assert.rejects(open(protocol, 'file', 'exclusive'), { code: 'EEXIST', message: /already exists$/ });
  });

  it('asks for more where a part of a directory is too small, and tells when a position holds no more', async (t) => {
    const { server, protocol } = await start(t, { strictCookies: true, entriesMax: 2 });
    for (let i = 0; i < 5; i++) server.putFile(`/export/file ${i}`, Buffer.alloc(0));
    server.fault({ on: 'READDIRPLUS', times: 3, fault: { kind: 'status', status: 10005 } });
    const { cookie, verifier } = await protocol.readDirectory(protocol.root.handle, 0n, 0n, 10);
    server.putFile('/export/another', Buffer.alloc(0));
    await assert.rejects(protocol.readDirectory(protocol.root.handle, cookie, verifier, 4096), {
      code: 'EBADCOOKIE',
      message: /READDIRPLUS: NFS3ERR_BAD_COOKIE \(10003\)/,
    });
    server.fault({ on: 'READDIRPLUS', times: 100, fault: { kind: 'status', status: 10005 } });
    await assert.rejects(protocol.readDirectory(protocol.root.handle, 0n, 0n, 4096), { code: 'EINVAL' });
  });
});

describe('NFSv3: JUKEBOX', () => {
  it('is waited out, by calls of every kind', async (t) => {
    const { server, protocol } = await start(t);
    const { file } = await open(protocol, 'file', 'exclusive');
    const busy = server.fault({ on: '*', times: 4, fault: { kind: 'status', status: JUKEBOX } });
    const memory = Buffer.from('hello');
    await Promise.all([
      writeOnce(protocol, file, 0, FILE_SYNC, memory),
      protocol.attributes(file.handle),
      protocol.makeDirectory(protocol.root.handle, 'directory', 0o755),
      protocol.remove(protocol.root.handle, 'file').catch(() => assert.fail('removed once')),
    ]);
    assert.equal(busy.hits, 4);
    assert.deepEqual(server.log.repeats, []);
  });

  it('is an error when it lasts longer than the timeout, and room is free again', async (t) => {
    const { server, protocol } = await start(t, {}, { timeo: '15' });
    const { file } = await open(protocol, 'file', 'exclusive');
    const { room } = protocol;
    server.fault({ on: '*', times: 1000, fault: { kind: 'status', status: JUKEBOX } });
    const message = new RegExp(`127.0.0.1:${server.port}: .*: NFS3ERR_JUKEBOX \\(10008\\) for 1.5 s`);
    await assert.rejects(writeOnce(protocol, file, 0, FILE_SYNC, Buffer.from('x')), { code: 'ETIMEDOUT', message });
    await assert.rejects(protocol.attributes(file.handle), { code: 'ETIMEDOUT', message });
    assert.equal(protocol.room, room);
  });

  it('of a call that is given up meanwhile is not waited for', async (t) => {
    const { server, protocol } = await start(t);
    const { file } = await open(protocol, 'file', 'exclusive');
    const busy = server.fault({ on: 'READ', times: 1000, fault: { kind: 'status', status: JUKEBOX } });
    const call = new AwaitedIo(file, 0, [Buffer.alloc(10)]);
    protocol.startRead(call);
    await busy.hit();
    // Its answer is on the way; what was asked after it is answered after it.
    await protocol.ping();
    protocol.abandon(call);
    await assert.rejects(call.done, { code: 'ECANCELED' });
    assert.equal(call.unsent, false);
    assert.equal(busy.hits, 1);
  });
});

describe('NFSv3: answers that make no sense', () => {
  const data = Buffer.from('what there is to read');

  it('of READ', async (t) => {
    const { server, protocol } = await start(t);
    server.putFile('/export/file', data);
    const { file } = await open(protocol, 'file', 'never');
    // Status, attributes, count, eof, length.
    const lengthAt = REPLY_HEADER_BYTES + 4 + 88 + 8;
    for (const fault of [
      patchWord(lengthAt, 1000),
      patchWord(lengthAt, 0xffffffff),
      patchWord(REPLY_HEADER_BYTES + 4, 2),
      patchWord(lengthAt - 4, 7),
      { kind: 'truncate', bytes: lengthAt + 2 } as const,
    ]) {
      server.fault({ on: 'READ', fault });
      const memory = Buffer.alloc(100);
      await assert.rejects(readOnce(protocol, file, 0, memory), { code: 'EIO', message: /makes no sense/ });
    }
    // Fewer counted than sent, and more: what both say is believed.
    for (const count of [5, 1000]) {
      server.fault({ on: 'READ', fault: { kind: 'count', count } });
      const memory = Buffer.alloc(100);
      const read = await readOnce(protocol, file, 0, memory);
      assert.equal(read.bytes, Math.min(count, data.length));
      assert.deepEqual(memory.subarray(0, read.bytes), data.subarray(0, read.bytes));
    }
    server.fault({ on: 'READ', fault: { kind: 'eof', eof: false } });
    assert.deepEqual(await readOnce(protocol, file, 0, Buffer.alloc(100)), { bytes: 21, end: false, copiedBytes: 21 });
  });

  it('of WRITE', async (t) => {
    const { server, protocol } = await start(t);
    const { file } = await open(protocol, 'file', 'exclusive');
    server.fault({ on: 'WRITE', fault: { kind: 'count', count: data.length + 1 } });
    await assert.rejects(writeOnce(protocol, file, 0, FILE_SYNC, data), { code: 'EIO', message: /22 bytes where 21/ });
    server.fault({ on: 'WRITE', fault: { kind: 'committed', committed: 3 } });
    await assert.rejects(writeOnce(protocol, file, 0, FILE_SYNC, data), { code: 'EIO', message: /stable in way 3/ });
    server.fault({ on: 'WRITE', fault: { kind: 'truncate', bytes: -4 } });
    await assert.rejects(writeOnce(protocol, file, 0, FILE_SYNC, data), { code: 'EIO' });
    server.fault({ on: 'WRITE', fault: { kind: 'short', bytes: 3 } });
    assert.equal((await writeOnce(protocol, file, 0, FILE_SYNC, data)).bytes, 3);
    server.fault({ on: 'WRITE', fault: { kind: 'committed', committed: 0 } });
    assert.equal((await writeOnce(protocol, file, 0, FILE_SYNC, data)).committed, UNSTABLE);
  });

  it('of a directory', async (t) => {
    const { server, protocol } = await start(t);
    server.putFile('/export/abcd', data);
    const rename = (from: string, to: string) =>
      ({
        kind: 'mutate',
        mutate: (reply: Buffer) => Buffer.from(reply.toString('latin1').replace(from, to), 'latin1'),
      }) as const;
    for (const fault of [rename('abcd', 'a/cd'), rename('abcd', 'a\0cd'), patchWord(-4, 3)]) {
      server.fault({ on: 'READDIRPLUS', fault });
      await assert.rejects(listed(protocol, 4096), { code: 'EIO', message: /makes no sense/ });
    }
  });

  it('a directory without an end', async (t) => {
    const { server, protocol } = await start(t);
    for (let i = 0; i < 3; i++) server.putFile(`/export/file ${i}`, data);
    const { cookie, verifier } = await protocol.readDirectory(protocol.root.handle, 0n, 0n, 4096);
    // No entries behind the last one, and yet no end.
    server.fault({ on: 'READDIRPLUS', fault: patchWord(-4, 0) });
    await assert.rejects(protocol.readDirectory(protocol.root.handle, cookie, verifier, 4096), {
      code: 'EIO',
      message: /leads nowhere/,
    });
  });

  it('a status that nobody knows', async (t) => {
    const { server, protocol } = await start(t);
    server.fault({ on: 'GETATTR', fault: { kind: 'status', status: 4242 } });
    await assert.rejects(protocol.attributes(protocol.root.handle), {
      code: 'EIO',
      message: /GETATTR: NFS3ERR_\? \(4242\): a status that the protocol does not have/,
    });
  });
});
