// NFSv3 against nfs-ganesha: exports, names, attributes; what is on the server is looked at through its directory, not by NFS.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statfsSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FILE_SYNC, type NfsOpened } from '../../src/targets/nfs/protocol.js';
import { parseNfsUrl } from '../../src/targets/nfs/url.js';
import { connectV3 } from '../../src/targets/nfs/v3/protocol-v3.js';
import { requireGanesha, startGanesha } from './ganesha.js';
import { readOnce, writeOnce } from './io-calls.js';
import { freePorts } from './ports.js';
import { connectTo, openNew, startV3 } from './v3-connect.js';

describe('NFSv3: finding the export', () => {
  it('by its own name, and with a path below it', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol, rest } = started;
    assert.equal(rest, '');
    assert.equal(protocol.version, '3');
    assert.equal(protocol.server, `127.0.0.1:${server.port}`);
    assert.equal(protocol.root.attributes.type, 'directory');
    assert.equal((await connectTo(t, server, '/mem/a/b c')).rest, 'a/b c');
    assert.ok((await protocol.ping()) > 0);
  });

  it('names the server, the status and what there is when there is none', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    await assert.rejects(connectTo(t, started.server, '/elsewhere/x'), (error: NodeJS.ErrnoException) => {
      t.diagnostic(error.message);
      assert.match(error.message, new RegExp(`^127.0.0.1:${started.server.mountPort}: MNT .*MNT3ERR_.*exports .*/vfs`));
      return true;
    });
  });
});

describe('NFSv3: files by name', () => {
  it('attributes are what the server itself sees, to the nanosecond', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol } = started;
    const local = join(server.vfsDirectory, 'file');
    writeFileSync(local, randomBytes(12_345), { mode: 0o640 });
    symlinkSync('file', join(server.vfsDirectory, 'link'));
    mkdirSync(join(server.vfsDirectory, 'directory'));
    for (const [name, type] of [
      ['file', 'file'],
      ['link', 'symlink'],
      ['directory', 'directory'],
    ] as const) {
      const { handle, attributes } = await protocol.lookup(protocol.root.handle, name);
      const seen = lstatSync(join(server.vfsDirectory, name), { bigint: true });
      assert.equal(attributes.type, type);
      assert.equal(BigInt(attributes.mode), seen.mode & 0o7777n);
      assert.equal(BigInt(attributes.links), seen.nlink);
      assert.equal(BigInt(attributes.uid), seen.uid);
      assert.equal(BigInt(attributes.gid), seen.gid);
      assert.equal(attributes.size, seen.size);
      assert.equal(attributes.used, seen.blocks * 512n);
      assert.equal(attributes.fileId, seen.ino);
      assert.equal(attributes.mtimeNs, seen.mtimeNs);
      assert.equal(attributes.ctimeNs, seen.ctimeNs);
      assert.equal(attributes.change, null);
      assert.deepEqual(await protocol.attributes(handle), attributes);
    }
    const link = await protocol.lookup(protocol.root.handle, 'link');
    assert.equal(await protocol.readLink(link.handle), 'file');
  });

  it('open makes, finds and refuses', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol } = started;
    const root = protocol.root.handle;
    const local = (name: string): string => join(server.vfsDirectory, name);
    const both = { reads: true, writes: true } as const;
    await assert.rejects(protocol.open(root, 'new', { ...both, create: 'never' }), {
      code: 'ENOENT',
      message: `${protocol.server}: LOOKUP "new": NFS3ERR_NOENT (2): no such file or directory`,
    });
    const { file, attributes } = await protocol.open(root, 'new', { ...both, create: 'unchecked', mode: 0o604 });
    assert.equal(statSync(local('new')).mode & 0o7777, 0o604);
    assert.equal(attributes.fileId, statSync(local('new'), { bigint: true }).ino);
    await protocol.closeFile(file);
    // Made before: its mode and its bytes stay.
    await writeOnce(protocol, file, 0, FILE_SYNC, Buffer.from('bytes'));
    assert.equal((await protocol.open(root, 'new', { ...both, create: 'unchecked', mode: 0o777 })).attributes.size, 5n);
    assert.equal(statSync(local('new')).mode & 0o7777, 0o604);
    await assert.rejects(protocol.open(root, 'new', { ...both, create: 'exclusive' }), {
      code: 'EEXIST',
      message: `${protocol.server}: CREATE "new": NFS3ERR_EXIST (17): file already exists`,
    });
    const before = BigInt(Date.now() - 10_000) * 1_000_000n;
    const exclusive = await openNew(protocol, 'exclusive', 0o4640);
    const seen = statSync(local('exclusive'), { bigint: true });
    assert.equal(seen.mode & 0o7777n, 0o4640n);
    assert.equal(exclusive.attributes.mode, 0o4640);
    assert.ok(seen.mtimeNs > before, 'the times are not the verifier');
    mkdirSync(local('directory'));
    symlinkSync('new', local('link'));
    await assert.rejects(protocol.open(root, 'directory', { ...both, create: 'unchecked' }), { code: 'EISDIR' });
    await assert.rejects(protocol.open(root, 'link', { ...both, create: 'unchecked' }), { code: 'ELOOP' });
    await assert.rejects(protocol.open(root, 'n'.repeat(256), { ...both, create: 'unchecked' }), {
      code: 'ENAMETOOLONG',
    });
  });

  it('who may not is told when the file is opened', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server } = started;
    const local = join(server.vfsDirectory, 'file');
    writeFileSync(local, 'secret');
    chmodSync(local, 0o600);
    const root = started.protocol;
    const { handle } = await root.lookup(root.root.handle, 'file');
    const { protocol } = await connectTo(t, server, '/vfs', { uid: '1234', gid: '1234' });
    const open = (reads: boolean, writes: boolean): Promise<NfsOpened> =>
      protocol.open(protocol.root.handle, 'file', { reads, writes, create: 'never' });
    await assert.rejects(open(true, true), {
      code: 'EACCES',
      message: `${protocol.server}: ACCESS "file" to read and to write: NFS3ERR_ACCES (13): permission denied`,
    });
    // Asked of the server, which would not notice a change behind its back for a while.
    await root.setAttributes(handle, { mode: 0o644 });
    await open(true, false);
    await assert.rejects(open(true, true), { code: 'EACCES', message: /"file" to write: NFS3ERR_ACCES/ });
    // Its own maker may write it, whatever the mode says.
    chmodSync(server.vfsDirectory, 0o777);
    const { file } = await openNew(protocol, 'own', 0o444);
    assert.equal((await writeOnce(protocol, file, 0, FILE_SYNC, Buffer.from('x'))).bytes, 1);
    assert.equal(statSync(join(server.vfsDirectory, 'own')).uid, 1234);
  });

  it('attributes are set, each by itself', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol } = started;
    const local = join(server.vfsDirectory, 'file');
    const { file } = await openNew(protocol, 'file');
    const { handle } = file;
    await protocol.setAttributes(handle, { mode: 0o1751 });
    assert.equal(statSync(local).mode & 0o7777, 0o1751);
    await protocol.setAttributes(handle, { uid: 77, gid: 78 }, file);
    assert.deepEqual([statSync(local).uid, statSync(local).gid], [77, 78]);
    await protocol.setAttributes(handle, { size: 5 * 2 ** 32 });
    assert.equal(statSync(local).size, 5 * 2 ** 32);
    const times = { atimeNs: 1_234_567_890_123_456_789n, mtimeNs: 4_294_967_295_999_999_999n };
    await protocol.setAttributes(handle, times);
    const seen = await protocol.attributes(handle);
    assert.deepEqual([seen.atimeNs, seen.mtimeNs], [times.atimeNs, times.mtimeNs]);
    await protocol.setAttributes(handle, { mtimeNs: 'now' });
    const { mtimeMs, atimeMs } = statSync(local);
    assert.ok(Math.abs(mtimeMs - Date.now()) < 60_000);
    assert.equal(Math.floor(atimeMs), 1_234_567_890_123);
    await assert.rejects(protocol.setAttributes(handle, { mtimeNs: -1n }), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(protocol.setAttributes(handle, { atimeNs: 2n ** 32n * 10n ** 9n }), {
      code: 'ERR_OUT_OF_RANGE',
    });
  });

  it('directories, links and names come, go and move', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol } = started;
    const root = protocol.root.handle;
    const local = (...names: string[]): string => join(server.vfsDirectory, ...names);
    const made = await protocol.makeDirectory(root, 'directory', 0o750);
    assert.equal(made.attributes.type, 'directory');
    assert.equal(statSync(local('directory')).mode & 0o7777, 0o750);
    await assert.rejects(protocol.makeDirectory(root, 'directory', 0o750), { code: 'EEXIST' });
    writeFileSync(local('file'), 'one');
    const file = await protocol.lookup(root, 'file');
    await protocol.link(file.handle, made.handle, 'second');
    assert.equal(statSync(local('directory', 'second')).ino, statSync(local('file')).ino);
    await assert.rejects(protocol.link(file.handle, made.handle, 'second'), { code: 'EEXIST' });
    const link = await protocol.symlink(made.handle, 'grüße', '../anywhere/ü');
    assert.equal(link.attributes.type, 'symlink');
    assert.equal(readlinkSync(local('directory', 'grüße')), '../anywhere/ü');
    await assert.rejects(protocol.symlink(made.handle, 'grüße', 'x'), { code: 'EEXIST' });
    writeFileSync(local('other'), 'two');
    await protocol.rename(root, 'other', made.handle, 'moved');
    assert.equal(readFileSync(local('directory', 'moved'), 'latin1'), 'two');
    await protocol.rename(made.handle, 'moved', root, 'file');
    assert.equal(readFileSync(local('file'), 'latin1'), 'two');
    await assert.rejects(protocol.rename(root, 'none', root, 'some'), { code: 'ENOENT' });
    await assert.rejects(protocol.removeDirectory(root, 'directory'), { code: 'ENOTEMPTY' });
    await assert.rejects(protocol.remove(root, 'directory'), { code: 'EISDIR' });
    await assert.rejects(protocol.removeDirectory(root, 'file'), { code: 'ENOTDIR' });
    await protocol.remove(made.handle, 'second');
    await protocol.remove(made.handle, 'grüße');
    await protocol.removeDirectory(root, 'directory');
    await protocol.remove(root, 'file');
    await assert.rejects(protocol.remove(root, 'file'), { code: 'ENOENT' });
    assert.deepEqual(readdirSync(server.vfsDirectory), []);
  });

  it('a large directory is read in parts, every name once', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol } = started;
    const names = ['first', ...Array.from({ length: 1500 }, (_, i) => `name ${i} ${'x'.repeat(i % 50)}`)];
    for (const name of names) makeName(server.vfsDirectory, name);
    const root = protocol.root.handle;
    const found: string[] = [];
    let parts = 0;
    for (let cookie = 0n, verifier = 0n, end = false; !end; parts++) {
      const part = await protocol.readDirectory(root, cookie, verifier, 16_384);
      for (const entry of part.entries) {
        found.push(entry.name);
        assert.equal(entry.attributes?.type, 'file');
        assert.equal(entry.attributes?.fileId, entry.fileId);
      }
      ({ cookie, verifier, end } = part);
    }
    assert.deepEqual(found.toSorted(), names.toSorted());
    assert.ok(parts > 3, `${parts} parts`);
    await assert.rejects(protocol.readDirectory((await protocol.lookup(root, 'first')).handle, 0n, 0n, 4096), {
      code: 'ENOTDIR',
    });
  });

  it('space is what the file system has', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server, protocol } = started;
    const space = await protocol.space(protocol.root.handle);
    const seen = statfsSync(server.vfsDirectory, { bigint: true });
    assert.equal(space.bytesTotal, seen.blocks * seen.bsize);
    assert.equal(space.filesTotal, seen.files);
    assert.ok(space.bytesAvailable <= space.bytesFree && space.bytesFree <= space.bytesTotal);
    assert.ok(space.nameBytesMax >= 255);
  });

  it('what v3 has not is refused by name', async (t) => {
    const started = await startV3(t, '/mem');
    if (started === null) return;
    const { protocol } = started;
    const { file } = await openNew(protocol, 'file');
    assert.deepEqual(Object.values(protocol.offers), [false, false, false, false, false]);
    for (const asked of [
      protocol.seek(file, 0, 'data'),
      protocol.allocate(file, 0, 1),
      protocol.deallocate(file, 0, 1),
      protocol.copy(file, 0, file, 1, 1),
      protocol.clone(file, 0, file, 1, 1),
    ])
      await assert.rejects(asked, { code: 'ERR_DIORITE_UNSUPPORTED', message: /NFSv3 has no/ });
  });
});

describe('NFSv3: servers that do not want', () => {
  it('a read-only export is read, and nothing more', async (t) => {
    const started = await startV3(t, '/vfs', { readOnly: true });
    if (started === null) return;
    const { server, protocol } = started;
    writeFileSync(join(server.vfsDirectory, 'file'), 'bytes');
    const root = protocol.root.handle;
    const { file } = await protocol.open(root, 'file', { reads: true, writes: false, create: 'never' });
    assert.equal((await readOnce(protocol, file, 0, Buffer.alloc(10))).bytes, 5);
    await assert.rejects(openNew(protocol, 'new'), { code: 'EROFS', message: /CREATE "new": NFS3ERR_ROFS \(30\)/ });
    await assert.rejects(protocol.open(root, 'file', { reads: true, writes: true, create: 'never' }), {
      code: /EROFS|EACCES/,
    });
    await assert.rejects(protocol.remove(root, 'file'), { code: 'EROFS' });
  });

  it('a squashed root is somebody else', async (t) => {
    const started = await startV3(t, '/vfs', { squash: 'root' });
    if (started === null) return;
    const { server, protocol } = started;
    await openNew(protocol, 'file');
    assert.equal(statSync(join(server.vfsDirectory, 'file')).uid, 4_294_967_294);
    chmodSync(server.vfsDirectory, 0o755);
    await assert.rejects(openNew(protocol, 'more'), { code: 'EACCES', message: /CREATE "more": NFS3ERR_ACCES/ });
  });

  it('one without version 3 says so', async (t) => {
    if (!requireGanesha(t)) return;
    const server = await startGanesha(t, { versions: ['4.1'] });
    await assert.rejects(connectTo(t, server, '/vfs'), { code: 'EPROTONOSUPPORT', message: /127\.0\.0\.1.*NFS/ });
  });

  it('a port where nobody listens, for NFS and for MOUNT', async (t) => {
    const started = await startV3(t);
    if (started === null) return;
    const { server } = started;
    const [free] = await freePorts('nfs', 1);
    await assert.rejects(connectTo(t, server, '/vfs', { mountport: String(free) }), {
      code: 'ECONNREFUSED',
      message: new RegExp(`127.0.0.1:${free}`),
    });
    const { settings } = parseNfsUrl(`nfs://127.0.0.1:${free}/vfs?mountport=${server.mountPort}`);
    await assert.rejects(connectV3(settings, '/vfs'), {
      code: 'ECONNREFUSED',
      message: new RegExp(`127.0.0.1:${free}`),
    });
  });
});

/** Hard links are quicker made than files. */
function makeName(directory: string, name: string): void {
  if (name === 'first') writeFileSync(join(directory, name), '');
  else linkSync(join(directory, 'first'), join(directory, name));
}
