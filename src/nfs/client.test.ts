// NfsClient against a server in memory: each call as node:fs/promises has it, its errors, and what it leaves behind.
import assert from 'node:assert/strict';
import { constants, Stats } from 'node:fs';
import { describe, it } from 'node:test';
import { connected } from '../../test/nfs/fake-client.js';
import { connectionsTo } from '../../test/nfs/fake-connections.js';
import { FakeProtocol, nthFault } from '../../test/nfs/fake-protocol.js';
import { ACCESS } from '../targets/nfs/protocol.js';
import { connectThrough } from './client.js';

describe('NfsClient: files', () => {
  it('opens with the flags of fs.open, reads and writes', async (t) => {
    const { fake, client } = await connected(t);
    const file = await client.open('/new', 'w+', 0o640);
    await file.write('hello, world', 0);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(5), 0, 5, 7);
    assert.deepEqual([buffer.toString(), bytesRead], ['world', 5]);
    assert.equal((await file.stat()).size, 12);
    await file.close();
    assert.equal(Buffer.from(fake.bytesOf('/new')).toString(), 'hello, world');
    assert.equal(fake.tree.at('/new').mode, 0o640 & ~process.umask());
    assert.deepEqual([fake.openFiles, fake.allDurable], [0, true]);
    await assert.rejects(client.open('new', 'wx'), { code: 'EEXIST', syscall: 'open', path: 'new' });
    await (await client.open('new', 'r+')).close();
    assert.equal(fake.bytesOf('/new').length, 12);
    await (await client.open('new', 'w')).close();
    assert.equal(fake.bytesOf('/new').length, 0);
    assert.equal(fake.tree.at('/new').mode, 0o640 & ~process.umask());
  });

  it('follows links to what is opened, and makes what a dangling one names', async (t) => {
    const { fake, client } = await connected(t);
    fake.putDirectory('/d');
    fake.putLink('/link', 'd/made');
    await (await client.open('link', 'w')).close();
    assert.equal(fake.tree.at('/d/made').type, 'file');
    await assert.rejects(client.open('link', 'wx'), { code: 'EEXIST' });
    const { O_NOFOLLOW } = (await import('node:fs')).constants;
    await assert.rejects(client.open('link', O_NOFOLLOW), { code: 'ELOOP', message: /O_NOFOLLOW/ });
  });

  it('refuses what cannot be opened', async (t) => {
    const { fake, client } = await connected(t);
    fake.putDirectory('/d');
    fake.tree.root.put('pipe', fake.tree.make('fifo', 0o644));
    for (const path of ['d', '/', '.', 'd/', 'none/'])
      await assert.rejects(client.open(path, 'w'), { code: 'EISDIR', syscall: 'open' }, path);
    await assert.rejects(client.open('d'), { code: 'EISDIR', message: /fake:2049: "d" is a directory/ });
    await assert.rejects(client.open('none'), { code: 'ENOENT', errno: -2, syscall: 'open', path: 'none' });
    await assert.rejects(client.open('pipe'), { code: 'ERR_DIORITE_UNSUPPORTED', message: /"pipe" is a FIFO/ });
    await assert.rejects(client.open('f', 'a'), { code: 'ERR_DIORITE_UNSUPPORTED', message: /NFS has no append/ });
    await assert.rejects(client.open('f', 'r', { engine: 'uring' }), { code: 'ERR_DIORITE_UNSUPPORTED' });
    await assert.rejects(client.open('f', 'q'), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(client.open('f\0', 'r'), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(client.open(7 as never), { code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(client.open('f', 'w', '9'), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.equal(fake.openFiles, 0);
  });

  it('tries again where the name is replaced between the look and the open', async (t) => {
    const { fake, client } = await connected(t);
    fake.putFile('/f', Buffer.from('x'));
    for (const code of ['ENOENT', 'ESTALE']) {
      fake.faults = nthFault('open', fake.count('open') + 1, { error: code });
      await (await client.open('f', 'r')).close();
    }
    fake.faults = (call) => (call.operation === 'open' ? { error: 'ESTALE' } : null);
    await assert.rejects(client.open('f', 'r'), { code: 'ESTALE' });
    fake.faults = nthFault('setAttributes', fake.count('setAttributes') + 1, { error: 'ENOSPC' });
    await assert.rejects(client.open('f', 'w'), { code: 'ENOSPC' });
    assert.equal(fake.openFiles, 0);
  });

  it('truncates by name', async (t) => {
    const { fake, client } = await connected(t);
    fake.putFile('/f', Buffer.from('hello'));
    fake.putDirectory('/d');
    await client.truncate('f', 2n);
    assert.equal(Buffer.from(fake.bytesOf('/f')).toString(), 'he');
    await client.truncate('f', 4);
    assert.equal(Buffer.from(fake.bytesOf('/f')).toString(), 'he\0\0');
    await client.truncate('f');
    await client.truncate('f', -1);
    assert.equal(fake.bytesOf('/f').length, 0);
    await assert.rejects(client.truncate('d'), { code: 'EISDIR', syscall: 'truncate' });
    await assert.rejects(client.truncate('f', 1.5), { code: 'ERR_OUT_OF_RANGE' });
  });
});

describe('NfsClient: attributes', () => {
  it('gives stats of files and of links, as numbers and exactly', async (t) => {
    const { fake, client } = await connected(t);
    fake.putFile('/f', Buffer.from('hello'), 0o4751);
    fake.putLink('/l', 'f');
    const stats = await client.stat('/l');
    assert.ok(stats instanceof Stats && stats.isFile());
    assert.deepEqual([stats.size, stats.mode & 0o7777, stats.nlink], [5, 0o4751, 1]);
    assert.ok((await client.lstat('/l')).isSymbolicLink());
    const exact = await client.stat('f', { bigint: true });
    assert.deepEqual([exact.size, exact.mtimeNs], [5n, fake.tree.at('/f').mtimeNs]);
    await assert.rejects(client.stat('f', { throwIfNoEntry: false } as never), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(client.stat('none'), {
      code: 'ENOENT',
      message: "ENOENT: fake:2049: LOOKUP none: ENOENT, stat 'none' in nfs://fake/export",
    });
  });

  it('changes modes, owners and times; times of bigint are kept exactly', async (t) => {
    const { fake, client } = await connected(t);
    const node = fake.putFile('/f', Buffer.from(''));
    const link = fake.putLink('/l', 'f');
    await client.chmod('l', '2755');
    await client.chown('l', 5, -1);
    await client.lchown('l', -1, 9);
    assert.deepEqual([node.mode, node.uid, node.gid, link.uid, link.gid], [0o2755, 5, 0, 0, 9]);
    await client.utimes('l', 1.5, new Date(2500));
    assert.deepEqual([node.atimeNs, node.mtimeNs], [1_500_000_000n, 2_500_000_000n]);
    await client.lutimes('l', 1_700_000_000_123_456_789n, '-2');
    assert.deepEqual([link.atimeNs, link.mtimeNs], [1_700_000_000_123_456_789n, -2_000_000_000n]);
    await assert.rejects(client.utimes('f', 'soon', 1), { code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(client.chown('f', -2, 0), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(client.chmod('f', undefined as never), { code: 'ERR_INVALID_ARG_TYPE' });
    await assert.rejects(client.chmod('f', 0o1000000000000), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('asks the server what is allowed, whatever the mode looks like', async (t) => {
    const { fake, client } = await connected(t);
    fake.putFile('/f', Buffer.from(''), 0o777);
    fake.putDirectory('/d', 0o000);
    const { R_OK, W_OK, X_OK } = constants;
    await client.access('f');
    await client.access('d', R_OK | W_OK | X_OK);
    fake.faults = (call) => (call.operation === 'access' ? { refused: ACCESS.EXTEND | ACCESS.EXECUTE } : null);
    await client.access('f', R_OK);
    await client.access('d', X_OK);
    await assert.rejects(client.access('f', R_OK | W_OK | X_OK), {
      code: 'EACCES',
      syscall: 'access',
      message: /ACCESS: the server does not let this user write, execute "f"/,
    });
    await assert.rejects(client.access('none'), { code: 'ENOENT', syscall: 'access' });
    await assert.rejects(client.access('f', 8), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('gives the space of the file system', async (t) => {
    const { client } = await connected(t);
    assert.deepEqual(await client.statfs('/'), {
      type: 0x6969,
      bsize: 4096,
      blocks: 2 ** 28,
      bfree: 2 ** 27,
      bavail: 2 ** 26,
      files: 1_000_000,
      ffree: 900_000,
    });
    assert.equal((await client.statfs('/', { bigint: true })).bavail, 2n ** 26n);
  });
});

describe('NfsClient: names', () => {
  it('renames, replacing what is there', async (t) => {
    const { fake, client } = await connected(t);
    fake.putFile('/a', Buffer.from('a'));
    fake.putFile('/b', Buffer.from('b'));
    fake.putDirectory('/d');
    await client.rename('a', '/b');
    await client.rename('b', 'd/c');
    assert.equal(Buffer.from(fake.bytesOf('/d/c')).toString(), 'a');
    await client.rename('d', 'e/');
    await assert.rejects(client.rename('e/c/', 'f'), { code: 'ENOTDIR' });
    await assert.rejects(client.rename('/', 'f'), { code: 'EBUSY' });
    await assert.rejects(client.rename('none', 'f'), { code: 'ENOENT', syscall: 'rename', path: 'none', dest: 'f' });
    await assert.rejects(client.rename('e', 'e/c/f'), { code: 'ENOTDIR', message: /rename 'e' -> 'e\/c\/f' in nfs:/ });
  });

  it('removes files and links with unlink, and directories with rmdir', async (t) => {
    const { fake, client } = await connected(t);
    fake.putFile('/f', Buffer.from('a'));
    fake.putLink('/l', 'f');
    fake.putDirectory('/d');
    fake.putFile('/d/f', Buffer.from('a'));
    await assert.rejects(client.unlink('d'), { code: 'EISDIR', syscall: 'unlink' });
    await assert.rejects(client.rmdir('l'), { code: 'ENOTDIR', syscall: 'rmdir' });
    await assert.rejects(client.rmdir('d'), { code: 'ENOTEMPTY' });
    await assert.rejects(client.rmdir('/'), { code: 'EBUSY' });
    await client.unlink('l');
    await client.unlink('f');
    await client.unlink('d/f');
    await client.rmdir('d/');
    assert.equal(fake.tree.root.entries.size, 0);
    await assert.rejects(client.unlink('f'), { code: 'ENOENT' });
  });

  it('removes whole trees, and what is not there by force', async (t) => {
    const { fake, client } = await connected(t, { strictCookies: true });
    fake.putFile('/kept', Buffer.from(''));
    fake.putDirectory('/d');
    fake.putLink('/d/out', '../kept');
    for (const inner of ['/d/e', '/d/e/f', '/d/g']) fake.putDirectory(inner);
    for (let i = 0; i < 2000; i++) fake.putFile(`/d/e/${i}`, Buffer.from(''));
    await assert.rejects(client.rm('d'), { code: 'EISDIR' });
    await client.rm('d', { recursive: true });
    await client.rm('d', { force: true });
    await client.rm('none/d', { force: true, recursive: true });
    await assert.rejects(client.rm('d'), { code: 'ENOENT', syscall: 'rm' });
    await client.rm('/kept');
    assert.equal(fake.tree.root.entries.size, 0);
  });

  it('looks again at what is filled meanwhile, and gives up in the end', async (t) => {
    const { fake, client } = await connected(t, { plainEntries: true });
    fake.putDirectory('/d');
    fake.putDirectory('/d/e');
    let refills = 3;
    fake.faults = (call) => {
      if (call.operation === 'removeDirectory' && call.name === 'e' && refills-- > 0)
        fake.putFile('/d/e/f', Buffer.from(''));
      return null;
    };
    await client.rm('d', { recursive: true });
    fake.putDirectory('/d');
    fake.putDirectory('/d/e');
    refills = 1000;
    await assert.rejects(client.rm('d', { recursive: true }), { code: 'ENOTEMPTY', syscall: 'rm' });
  });

  it('makes and reads links of both kinds', async (t) => {
    const { fake, client } = await connected(t);
    fake.putFile('/f', Buffer.from('x'));
    fake.putDirectory('/d');
    await client.symlink('../f', '/d/s');
    assert.equal(await client.readlink('d/s', 'utf8'), '../f');
    await client.link('d/s', 'second');
    await client.link('f', 'third');
    assert.deepEqual([fake.tree.at('/second').type, fake.tree.at('/third').links], ['symlink', 2]);
    await assert.rejects(client.link('d', 'e'), { code: 'EPERM', path: 'd', dest: 'e' });
    await assert.rejects(client.link('f', 'd'), { code: 'EEXIST' });
    await assert.rejects(client.readlink('f'), { code: 'EINVAL', syscall: 'readlink' });
    await assert.rejects(client.symlink('', 'x'), { code: 'ENOENT' });
    await assert.rejects(client.readlink('d/s', 'latin1'), { code: 'ERR_INVALID_ARG_VALUE' });
  });
});

describe('NfsClient: its life', () => {
  it('names what it cannot reach', async () => {
    const connections = connectionsTo(new FakeProtocol());
    const wrong = {
      code: 'EACCES',
      syscall: 'connect',
      path: 'nfs://fake/wrong',
      message: /MNT3ERR_ACCES.*fake\/wrong'/,
    };
    await assert.rejects(connectThrough(connections, 'nfs://fake/wrong?uid=7'), wrong);
    await assert.rejects(connectThrough(connections, 'nfs://fake/export/none'), { code: 'ENOENT', syscall: 'connect' });
    await assert.rejects(connectThrough(connections, 'http://fake/'), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.equal(connections.size, 0);
  });

  it('closes when its calls are done; files go on', async () => {
    const fake = new FakeProtocol();
    const connections = connectionsTo(fake);
    fake.putFile('/f', Buffer.from('x'));
    const client = await connectThrough(connections, new URL('nfs://fake/export/'));
    const file = await client.open('f');
    fake.faults = () => ({ hold: true });
    const stats = client.stat('f');
    const closed = client.close();
    await assert.rejects(client.stat('f'), { code: 'ERR_DIORITE_CLOSED', message: /nfs:\/\/fake\/export/ });
    fake.faults = () => null;
    await new Promise(setImmediate);
    fake.release();
    assert.equal((await stats).size, 1);
    await closed;
    assert.equal((await file.read(Buffer.alloc(1))).bytesRead, 1);
    await file.close();
    assert.deepEqual([fake.closed, connections.size], [true, 0]);
    await client[Symbol.asyncDispose]();
  });
});
