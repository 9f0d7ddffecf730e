// NfsClient, open and publishing against nfs-ganesha in every version; what is on the server is looked at behind its back.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { copy } from '../../src/copy/copy.js';
import { NfsClient } from '../../src/nfs/client.js';
import { open } from '../../src/open.js';
import { nfsConnections } from '../../src/targets/nfs/connect.js';
import { NfsPublishing } from '../../src/targets/nfs/publish.js';
import { runChild } from '../support/children.js';
import { rootProblem } from '../support/needs.js';
import { lastFirst, tempDirectory } from '../support/temp.js';
import { type Ganesha, ganeshaProblem, type NfsVersion, startGanesha } from './ganesha.js';

const VERSIONS: readonly NfsVersion[] = ['3', '4.1', '4.2'];
const SKIP: string | false = ganeshaProblem() ?? false;
/** A user whom the server's directories belong to in no case. */
const SOMEBODY = { uid: '1234', gid: '1234' };

const MANY_NAMES: readonly string[] = Array.from({ length: 20_000 }, (_, i) => `entry ${i} ${'-'.repeat(i % 50)}`);

type Parameters = Readonly<Record<string, string>>;

async function connected(
  t: TestContext,
  server: Ganesha,
  version: NfsVersion,
  path = '/vfs',
  parameters: Parameters = {},
): Promise<NfsClient> {
  const client = await NfsClient.connect(server.url(version, path, parameters));
  t.after(() => client.close());
  return client;
}

let playgrounds = 0;

/** A directory of its own, by its name on both sides. */
class Playground {
  readonly name: string;
  readonly local: string;

  constructor(t: TestContext, server: Ganesha, mode = 0o777) {
    this.name = `test-${++playgrounds}`;
    this.local = join(server.vfsDirectory, this.name);
    mkdirSync(this.local);
    chmodSync(this.local, mode);
    t.after(() => rmSync(this.local, { recursive: true, force: true }));
  }

  at(...names: string[]): string {
    return join(this.local, ...names);
  }
}

let server: Ganesha;
const atEnd: (() => void | Promise<void>)[] = [];

/** For all tests that can share a server. */
async function startShared(): Promise<void> {
  server = await startGanesha({ after: (hook) => atEnd.push(hook) });
  mkdirSync(join(server.vfsDirectory, 'big'));
  for (const name of MANY_NAMES) writeFileSync(join(server.vfsDirectory, 'big', name), '');
}

async function stopShared(): Promise<void> {
  for (const hook of atEnd.splice(0)) await hook();
}

describe('NfsClient and nfs-ganesha', { skip: SKIP }, () => {
  before(startShared);
  after(stopShared);
  for (const version of VERSIONS) describe(`NFSv${version}`, () => suite(version));
});

function suite(version: NfsVersion): void {
  it('opens, writes, reads, truncates and publishes files that the server has then', async (t) => {
    const there = new Playground(t, server);
    const client = await connected(t, server, version, `/vfs/${there.name}`);
    assert.equal(client.version, version);
    const bytes = Buffer.from(Uint8Array.from({ length: 3_000_001 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
    const file = await client.open('file', 'wx+', 0o640);
    assert.equal((await file.write(bytes, 0, bytes.length, 5)).bytesWritten, bytes.length);
    assert.equal(readFileSync(there.at('file')).subarray(5).compare(bytes), 0);
    assert.equal(statSync(there.at('file')).mode & 0o777, 0o640 & ~process.umask());
    const back = Buffer.alloc(bytes.length);
    assert.equal((await file.read(back, 0, back.length, 5)).bytesRead, bytes.length);
    assert.equal(back.compare(bytes), 0);
    await file.truncate(10);
    await file.close();
    await client.truncate('file', 7);
    assert.equal(statSync(there.at('file')).size, 7);
    await (await client.open('file', 'w')).close();
    assert.equal(statSync(there.at('file')).size, 0);
    await assert.rejects(client.open('file', 'wx'), { code: 'EEXIST', message: /NFS\dERR_EXIST \(17\)/ });
  });

  it('gives the attributes that the server has, and changes them', async (t) => {
    const there = new Playground(t, server);
    const client = await connected(t, server, version, `/vfs/${there.name}`);
    writeFileSync(there.at('file'), 'hello');
    symlinkSync('file', there.at('link'));
    const changing = ['atime', 'ctime', 'dev', 'blksize', 'birthtime'];
    const kept = (stats: object): object =>
      Object.fromEntries(Object.entries(stats).filter(([name]) => !changing.some((part) => name.startsWith(part))));
    const shared = kept(statSync(there.at('file'), { bigint: true }));
    assert.deepEqual(kept(await client.stat('link', { bigint: true })), shared);
    assert.deepEqual(kept(await client.lstat('link')), kept(lstatSync(there.at('link'))));
    await client.chmod('link', 0o4711);
    await client.chown('link', 5, 6);
    await client.utimes('link', 1_500_000_000.25, 1_600_000_000_123_456_000n);
    const { mode, uid, gid, atimeNs, mtimeNs } = statSync(there.at('file'), { bigint: true });
    assert.deepEqual([uid, gid, atimeNs, mtimeNs], [5n, 6n, 1_500_000_000_250_000_000n, 1_600_000_000_123_456_000n]);
    // A change of owner takes set-user-ID away where the server's kernel says so.
    assert.equal(mode & 0o777n, 0o711n);
    await client.lutimes('link', 1, 2);
    await client.lchown('link', 7, -1);
    const link = lstatSync(there.at('link'));
    // The times of links are not kept by this server's back end, which answers OK all the same.
    assert.deepEqual([link.uid, link.gid], [7, 0]);
    const { blocks, bavail, type } = await client.statfs('/');
    assert.ok(blocks > 0 && bavail <= blocks && type === 0x6969);
  });

  it('makes, renames, links and removes names', async (t) => {
    const there = new Playground(t, server);
    const client = await connected(t, server, version, `/vfs/${there.name}`);
    assert.equal(await client.mkdir('a/b/c', { recursive: true, mode: 0o700 }), 'a');
    await client.symlink('../b/file', 'a/b/c/link');
    writeFileSync(there.at('a/b/file'), 'x');
    await client.symlink('b/file', 'a/to file');
    assert.equal(await client.readlink('a/to file'), 'b/file');
    assert.equal(readlinkSync(there.at('a/b/c/link')), '../b/file');
    await client.link('a/b/file', 'second');
    assert.equal(statSync(there.at('second')).nlink, 2);
    await client.rename('second', 'a/b/c/third');
    writeFileSync(there.at('other'), 'other');
    await client.rename('/other', '/a/b/file');
    assert.equal(readFileSync(there.at('a/to file'), 'utf8'), 'other');
    await assert.rejects(client.unlink('a'), { code: 'EISDIR' });
    await assert.rejects(client.rmdir('a/b/file'), { code: 'ENOTDIR' });
    await assert.rejects(client.rmdir('a'), { code: 'ENOTEMPTY', message: /NFS\dERR_NOTEMPTY \(66\)/ });
    await client.unlink('a/to file');
    await client.mkdir('d');
    await client.rmdir('d');
    await client.rm('a', { recursive: true });
    assert.deepEqual(readdirSync(there.local), []);
  });

  it('walks through links as the server means them, and out of the export never', async (t) => {
    const there = new Playground(t, server);
    mkdirSync(there.at('d'));
    writeFileSync(there.at('d/file'), 'hello');
    symlinkSync('d', there.at('relative'));
    symlinkSync(`/${there.name}/d/file`, there.at('absolute'));
    symlinkSync('../../mem/file', there.at('out'));
    symlinkSync('loop', there.at('loop'));
    const file = await open(server.url(version, `/vfs/${there.name}/absolute`));
    assert.equal((await file.read(Buffer.alloc(5))).buffer.toString(), 'hello');
    await file.close();
    const client = await connected(t, server, version, `/vfs/${there.name}/relative`);
    assert.deepEqual(await client.readdir('/'), ['file']);
    const above = await connected(t, server, version, `/vfs/${there.name}`);
    assert.equal((await above.stat('relative/../absolute')).size, 5);
    await assert.rejects(above.open('out'), { code: 'EXDEV', message: /out of the export/ });
    await assert.rejects(above.stat('loop'), { code: 'ELOOP' });
    await assert.rejects(above.stat('d/file/x'), { code: 'ENOTDIR' });
  });

  it('takes names of 255 bytes and of any characters', async (t) => {
    const there = new Playground(t, server);
    const client = await connected(t, server, version, `/vfs/${there.name}`);
    const names = [
      'x'.repeat(255),
      `${'ü'.repeat(127)}x`,
      '日本語 🎉',
      ' ',
      '-',
      '...',
      'a\nb',
      '%41',
      'q?a=b#c',
      '\\',
    ];
    for (const name of names) await (await client.open(`/${name}`, 'wx')).close();
    assert.deepEqual(readdirSync(there.local).sort(), [...names].sort());
    assert.deepEqual((await client.readdir('/')).sort(), [...names].sort());
    for (const name of names.filter((each) => each !== '...')) {
      const file = await open(server.url(version, `/vfs/${there.name}/${name}`), 'r+');
      await file.close();
    }
    for (const name of names) await client.rename(name, `./${name.slice(0, 100)}2`);
    for (const name of names) await client.unlink(`${name.slice(0, 100)}2`);
    const long = { code: 'ENAMETOOLONG', message: /127\.0\.0\.1:\d+: .*NFS\dERR_NAMETOOLONG \(63\)/ };
    await assert.rejects(client.mkdir('x'.repeat(256)), long);
    await assert.rejects(client.open('ü'.repeat(128), 'w'), long);
    assert.deepEqual(readdirSync(there.local), []);
  });

  it('takes and gives names that are not UTF-8, as text and as bytes', async (t) => {
    const there = new Playground(t, server);
    const client = await connected(t, server, version, `/vfs/${there.name}`);
    const local = (name: Buffer): Buffer => Buffer.concat([Buffer.from(`${there.local}/`), name]);
    const latin = Buffer.from('caf\xe9', 'latin1');
    writeFileSync(local(latin), 'au lait');
    assert.deepEqual(await client.readdir('/'), ['caf\udce9']);
    assert.deepEqual(await client.readdir('/', 'buffer'), [latin]);
    const [entry] = await client.readdir('/', { encoding: 'buffer', withFileTypes: true });
    assert.deepEqual([entry?.name, entry?.isFile()], [latin, true]);
    for (const path of ['caf\udce9', latin]) assert.equal((await client.stat(path)).size, 7);
    const other = Buffer.from([0xff, 0x20, 0x80]);
    await client.rename(latin, other);
    assert.deepEqual(readdirSync(there.local, 'buffer'), [other]);
    await client.symlink(other, 'link');
    assert.equal((await client.stat('link')).size, 7);
    assert.deepEqual(await client.readlink('link', 'buffer'), other);
    const url = server.url(version, `/vfs/${there.name}/`);
    url.pathname += '%FF%20%80';
    const file = await open(url, 'r');
    assert.equal((await file.read(Buffer.alloc(10))).bytesRead, 7);
    await file.close();
    // A copy beside it has a temporary name made of it.
    url.pathname += '%80';
    const source = join(there.local, 'link-target');
    writeFileSync(source, 'copied');
    await copy(source, url);
    assert.equal(readFileSync(local(Buffer.from([0xff, 0x20, 0x80, 0x80])), 'utf8'), 'copied');
    await assert.rejects(copy(url, there.local), { code: 'ERR_INVALID_ARG_VALUE', message: /not UTF-8/ });
    for (const name of await client.readdir('/')) await client.unlink(name);
    assert.deepEqual(readdirSync(there.local), []);
  });

  it('lists 20,000 entries at once and as a stream', async (t) => {
    const client = await connected(t, server, version);
    const startedMs = performance.now();
    assert.deepEqual((await client.readdir('big')).sort(), [...MANY_NAMES].sort());
    const listedMs = performance.now();
    const seen: string[] = [];
    for await (const entry of await client.opendir('big')) {
      assert.ok(entry.isFile());
      seen.push(entry.name);
    }
    const streamedMs = performance.now();
    assert.deepEqual(seen.sort(), [...MANY_NAMES].sort());
    const [list, stream] = [listedMs - startedMs, streamedMs - listedMs].map((ms) => ms.toFixed(0));
    t.diagnostic(`readdir ${list} ms, opendir ${stream} ms`);
  });

  it('removes trees', async (t) => {
    const there = new Playground(t, server);
    for (const directory of ['d/e/f', 'd/g']) mkdirSync(there.at(directory), { recursive: true });
    for (let i = 0; i < 1_000; i++) writeFileSync(there.at('d/e', `${i} ${'-'.repeat(200)}`), '');
    writeFileSync(there.at('kept'), '');
    symlinkSync('../kept', there.at('d/g/link'));
    symlinkSync('..', there.at('d/up'));
    const client = await connected(t, server, version, `/vfs/${there.name}`);
    // Of the directory that it begins at the client knows no name.
    for (const path of ['.', '/', '../..'])
      await assert.rejects(client.rm(path, { recursive: true }), { code: 'EBUSY' });
    await client.rm('d', { recursive: true });
    assert.deepEqual(readdirSync(there.local), ['kept']);
  });

  it('stops in the middle of a directory, and leaves nothing open', async () => {
    const client = await NfsClient.connect(server.url(version, '/vfs/big'));
    for await (const entry of await client.opendir('/')) {
      assert.ok(entry.name !== '');
      break;
    }
    await client.close();
    assert.equal(nfsConnections.size, 0);
  });

  it('publishes a file beside its name, in place of another, or only where there is none', async (t) => {
    const there = new Playground(t, server);
    writeFileSync(there.at('old'), 'old');
    for (const [name, replace] of [['old', true] as const, ['new', false] as const]) {
      const url = server.url(version, `/vfs/${there.name}/${name}`).href;
      const publication = await new NfsPublishing(nfsConnections).begin(url, { mode: 0o604, replace });
      const file = await open(publication.temporaryName, 'r+');
      await file.write(`${name} is published`);
      await file.close();
      const hidden = readdirSync(there.local).filter((entry) => entry.startsWith(`.${name}.diorite-`));
      assert.equal(statSync(there.at(hidden[0] ?? '')).mode & 0o777, 0o600);
      assert.equal(await publication.publish(), true);
      assert.equal(readFileSync(there.at(name), 'utf8'), `${name} is published`);
      assert.equal(statSync(there.at(name)).mode & 0o777, 0o604);
    }
    const again = await new NfsPublishing(nfsConnections).begin(server.url(version, `/vfs/${there.name}/new`).href, {
      replace: false,
    });
    await assert.rejects(again.publish(), { code: 'ERR_DIORITE_EXISTS' });
    await again.discard();
    assert.deepEqual(readdirSync(there.local).sort(), ['new', 'old']);
    assert.equal(nfsConnections.size, 0);
  });

  it("works on an export in the server's memory, which counts no space and stamps odd times", async (t) => {
    const client = await connected(t, server, version, '/mem');
    const [file, directory] = [`file ${version}`, `directory ${version}`];
    await client.mkdir(directory);
    const url = server.url(version, `/mem/${directory}/${file}`).href;
    for (const replace of [false, true]) {
      const publication = await new NfsPublishing(nfsConnections).begin(url, { replace, size: 5, mode: 0o644 });
      assert.equal(await publication.publish(), true);
    }
    assert.equal((await client.stat(`${directory}/${file}`)).mode & 0o777, 0o644);
    await client.link(`${directory}/${file}`, `${directory}/second`);
    await client.symlink('second', `${directory}/link`);
    await client.rename(`${directory}/second`, `${directory}/third`);
    assert.deepEqual((await client.readdir(directory)).sort(), [file, 'link', 'third'].sort());
    assert.equal((await client.statfs('/')).blocks, 0);
    await client.rm(directory, { recursive: true });
    await assert.rejects(client.stat(directory), { code: 'ENOENT' });
  });

  it('keeps no process from ending', async (t) => {
    const there = new Playground(t, server);
    const url = server.url(version, `/vfs/${there.name}`).href;
    const startedMs = performance.now();
    const { code, stdout, stderr } = await runChild(new URL('children/idle-client.js', import.meta.url), {
      args: [url],
    });
    assert.deepEqual([code, stdout, stderr], [0, 'true\n', '']);
    assert.ok(performance.now() - startedMs < 60_000, 'sooner than any timeout of its own');
    assert.equal(readFileSync(there.at('idle'), 'utf8'), 'hello');
  });

  it('is refused what another user may not', async (t) => {
    const there = new Playground(t, server, 0o755);
    writeFileSync(there.at('secret'), 'x', { mode: 0o600 });
    writeFileSync(there.at('public'), 'x', { mode: 0o644 });
    mkdirSync(there.at('closed'), { mode: 0o700 });
    writeFileSync(there.at('closed/file'), 'x');
    mkdirSync(there.at('listed'));
    writeFileSync(there.at('listed/file'), 'x');
    chmodSync(there.at('listed'), 0o744);
    const client = await connected(t, server, version, `/vfs/${there.name}`, SOMEBODY);
    const denied = {
      code: 'EACCES',
      errno: -13,
      message: /127\.0\.0\.1:\d+: .*NFS\dERR_ACC\w+ \(13\).* in nfs:\/\/.*\/vfs\//,
    };
    await assert.rejects(client.open('secret'), denied);
    await assert.rejects(client.open('public', 'r+'), denied);
    await assert.rejects(client.open('new', 'w'), denied);
    await assert.rejects(client.truncate('public'), denied);
    await assert.rejects(client.mkdir('new'), denied);
    await assert.rejects(client.unlink('public'), denied);
    await assert.rejects(client.readdir('closed'), denied);
    await assert.rejects(client.stat('closed/file'), denied);
    const closed = await client.opendir('closed');
    await assert.rejects(closed.read(), denied);
    await closed.close();
    await assert.rejects(client.chmod('public', 0o777), { code: 'EPERM', message: /NFS\dERR_PERM \(1\)/ });
    await assert.rejects(client.chown('public', 1234, 1234), { code: 'EPERM' });
    await (await client.open('public')).close();
    await client.access('public', constants.R_OK);
    await assert.rejects(client.access('public', constants.W_OK), { code: 'EACCES', message: /ACCESS.*write/ });
    await assert.rejects(client.access('closed', constants.X_OK), { code: 'EACCES', message: /enter/ });
    assert.deepEqual(await client.readdir('listed'), ['file']);
    assert.equal((await client.readdir('listed', { withFileTypes: true }))[0]?.name, 'file');
    const member = await connected(t, server, version, `/vfs/${there.name}`, { ...SOMEBODY, gids: '77,78' });
    // The server remembers rights of files that it has looked at.
    writeFileSync(there.at('ours'), 'x', { mode: 0o640 });
    chownSync(there.at('ours'), 0, 78);
    await (await member.open('ours')).close();
  });

  it('names server, export and status where the export is wrong', async () => {
    const wrong = new RegExp(
      version === '3'
        ? '^EACCES: 127.0.0.1:\\d+: MNT "/wrong/dir": MNT3ERR_ACCES \\(13\\).*it exports /vfs, /mem, '
        : '^ENOENT: 127.0.0.1:\\d+: LOOKUP "wrong": NFS4ERR_NOENT \\(2\\).*, ',
    );
    for (const attempt of [NfsClient.connect, open])
      await assert.rejects(attempt(server.url(version, '/wrong/dir')), (error: NodeJS.ErrnoException) => {
        assert.match(error.message, wrong);
        assert.match(error.message, /'nfs:\/\/127\.0\.0\.1:\d+\/wrong\/dir/);
        return error.code === (version === '3' ? 'EACCES' : 'ENOENT');
      });
    await assert.rejects(NfsClient.connect(server.url(version, '/vfs/none')), { code: 'ENOENT' });
    assert.equal(nfsConnections.size, 0);
  });
}

describe('NfsClient and what a server does not allow', { skip: SKIP }, () => {
  it('says so of a read-only export', async (t) => {
    const readOnly = await startGanesha(t, { readOnly: true });
    writeFileSync(join(readOnly.vfsDirectory, 'file'), 'x');
    for (const version of VERSIONS) {
      const client = await NfsClient.connect(readOnly.url(version, '/vfs'));
      const denied = { code: 'EROFS', message: /127\.0\.0\.1:\d+: .*NFS\dERR_ROFS \(30\).*\/vfs/ };
      await assert.rejects(client.open('new', 'w'), denied);
      await assert.rejects(client.open('file', 'r+'), { code: /EROFS|EACCES/ });
      await assert.rejects(client.mkdir('new'), denied);
      await assert.rejects(client.truncate('file'), denied);
      await assert.rejects(client.unlink('file'), denied);
      await assert.rejects(client.rename('file', 'new'), denied);
      await assert.rejects(client.chmod('file', 0o600), denied);
      await assert.rejects(client.access('file', constants.W_OK), { code: 'EACCES' });
      assert.equal((await client.stat('file')).size, 1);
      await client.close();
    }
  });

  it('says so of a full one, with the file, and what is known of every byte', async (t) => {
    const problem = rootProblem();
    if (problem !== null) return t.skip(problem);
    const ends = lastFirst(t);
    const small = tempDirectory(ends);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=777', 'diorite', small]);
    ends.after(() => void execFileSync('umount', ['--lazy', small]));
    const full = await startGanesha(ends, { vfsDirectory: small });
    for (const version of VERSIONS) {
      const client = await NfsClient.connect(full.url(version, '/vfs'));
      const file = await client.open('file', 'w');
      await assert.rejects(file.write(Buffer.alloc(3_000_000, 1), 0), (error: DioriteError) => {
        const { code, syscall, path = '', message, extents = [] } = error;
        assert.deepEqual([code, syscall], ['ENOSPC', 'write']);
        assert.match(path, /^nfs:\/\/127\.0\.0\.1:\d+\/vfs\/file$/);
        assert.match(message, /127\.0\.0\.1:\d+: .*NFS\dERR_NOSPC \(28\).*write 'nfs:\/\/.*\/vfs\/file'/);
        assert.equal(
          extents.reduce((sum, { length }) => sum + length, 0),
          3_000_000,
        );
        return true;
      });
      await file.close();
      await client.unlink('file');
      await client.close();
    }
  });

  it('says so where root is squashed', async (t) => {
    const squashed = await startGanesha(t, { squash: 'root' });
    mkdirSync(join(squashed.vfsDirectory, 'd'), { mode: 0o755 });
    writeFileSync(join(squashed.vfsDirectory, 'd/file'), 'x', { mode: 0o644 });
    for (const version of VERSIONS) {
      const client = await NfsClient.connect(squashed.url(version, '/vfs', { uid: '0', gid: '0' }));
      const denied = { code: 'EACCES', message: /NFS\dERR_ACC\w+ \(13\)/ };
      await assert.rejects(client.open('d/new', 'w'), denied);
      await assert.rejects(client.open('d/file', 'r+'), denied);
      await assert.rejects(client.access('d/file', constants.W_OK), { code: 'EACCES' });
      await (await client.open('mine', 'wx')).close();
      assert.equal(statSync(join(squashed.vfsDirectory, 'mine')).uid, 4294967294);
      await assert.rejects(client.chown('mine', 5, 6), { code: 'EPERM', message: /NFS\dERR_PERM \(1\)/ });
      await client.unlink('mine');
      await client.close();
    }
  });

  it('finds the version by itself, and says which are lacking', async (t) => {
    const only = await startGanesha(t, { versions: ['4.1'] });
    const any = only.url('4.1', '/vfs');
    any.searchParams.delete('version');
    const client = await NfsClient.connect(any);
    assert.equal(client.version, '4.1');
    await client.close();
    for (const version of ['3', '4.2'] as const)
      await assert.rejects(NfsClient.connect(only.url(version, '/vfs')), {
        code: version === '3' ? /EPROTONOSUPPORT|ECONNREFUSED/ : 'EPROTONOSUPPORT',
        message: /127\.0\.0\.1/,
      });
    const old = await startGanesha(t, { versions: ['3'] });
    const three = old.url('3', '/vfs');
    three.searchParams.delete('version');
    const found = await NfsClient.connect(three);
    assert.equal(found.version, '3');
    await found.close();
    assert.equal(nfsConnections.size, 0);
  });
});

describe('a server that cannot be reached', () => {
  it('is named, within the timeout', async () => {
    const started = performance.now();
    const refused: [string, RegExp, RegExp][] = [
      // Where no name server answers, the resolver says so instead.
      ['nfs://no-such-host.invalid/vfs/x', /^(ENOTFOUND|EAI_AGAIN)$/, /no-such-host\.invalid/],
      ['nfs://127.0.0.1:1/vfs/x', /^ECONNREFUSED$/, /127\.0\.0\.1:1\b/],
      ['nfs://127.0.0.1:1/vfs/x?version=3&mountport=1', /^ECONNREFUSED$/, /127\.0\.0\.1:1\b/],
    ];
    for (const [url, code, message] of refused) {
      await assert.rejects(open(url), { code, message, syscall: 'open', path: url });
      await assert.rejects(NfsClient.connect(url), { code, message, syscall: 'connect' });
    }
    assert.ok(performance.now() - started < 60_000);
    assert.equal(nfsConnections.size, 0);
  });

  it('is given up where it takes connections and says nothing', async (t) => {
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => sockets.add(socket.on('error', () => sockets.delete(socket))));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      silent.close();
      for (const socket of sockets) socket.destroy();
    });
    const { port } = silent.address() as AddressInfo;
    const started = performance.now();
    const late = { code: 'ETIMEDOUT', syscall: 'open', message: /127\.0\.0\.1/ };
    const attempts = ['', '&version=3', '&version=4.1', '&hard', '&hard&version=3'].map(async (more) => {
      const url = `nfs://127.0.0.1:${port}/vfs/x?timeo=5&mountport=${port}${more}`;
      await assert.rejects(open(url), late, more);
    });
    await Promise.all(attempts);
    const tookMs = performance.now() - started;
    assert.ok(tookMs >= 450 && tookMs < 30_000, `${tookMs} ms`);
    assert.equal(nfsConnections.size, 0);
  });
});
