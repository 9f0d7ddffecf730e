// Copies that a real server refuses, by the command line and by copy(): which server, which name, which status; and nothing is left.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { copy, open } from '../../src/index.js';
import { NfsClient } from '../../src/nfs.js';
import { nfsConnections } from '../../src/targets/nfs/connect.js';
import { diorite } from '../cli/command.js';
import { rootProblem } from '../support/needs.js';
import { checkBytes, checkExtents } from '../support/oracle.js';
import { lastFirst, tempDirectory } from '../support/temp.js';
import { type Ganesha, type NfsVersion, requireGanesha, startGanesha } from './ganesha.js';

/** 4.1 has nothing of its own here. */
const VERSIONS: readonly NfsVersion[] = ['3', '4.2'];
const MIB = 1024 * 1024;

/** A name on the server, as it stands in messages. */
function named(server: Ganesha, path: string): RegExp {
  return new RegExp(`nfs://127\\.0\\.0\\.1:${server.port}${path}`);
}

/** One line, with the server, the status (where the server was asked) and the name. */
async function refused(
  from: string | URL,
  to: string | URL,
  server: Ganesha,
  ...expected: readonly RegExp[]
): Promise<void> {
  const { code, stdout, stderr } = await diorite(['copy', String(from), String(to)]);
  assert.deepEqual([code, stdout], [1, ''], stderr);
  assert.match(stderr, /^diorite: [^\n]+\n$/);
  for (const each of [new RegExp(`127\\.0\\.0\\.1:${server.port}`), ...expected]) assert.match(stderr, each);
}

function localFile(t: TestContext, bytes: number): string {
  const path = join(tempDirectory(t), 'local');
  writeFileSync(path, Buffer.alloc(bytes, 'diorite'));
  return path;
}

describe('a copy that a server refuses', () => {
  it('for its export is read-only', async (t) => {
    if (!requireGanesha(t)) return;
    const server = await startGanesha(t, { readOnly: true });
    const local = localFile(t, 1000);
    writeFileSync(join(server.vfsDirectory, 'file'), 'bytes');
    for (const version of VERSIONS) {
      const to = server.url(version, '/vfs/new');
      await refused(local, to, server, /EROFS/, /NFS[34]ERR_ROFS \(30\)/, named(server, '/vfs/new'));
      const back = join(tempDirectory(t), 'back');
      assert.equal((await diorite(['copy', server.url(version, '/vfs/file').href, back])).code, 0);
      assert.equal(readFileSync(back, 'utf8'), 'bytes');
    }
    assert.deepEqual(readdirSync(server.vfsDirectory), ['file']);
  });

  it('for root is somebody else there, and for it is another user', async (t) => {
    if (!requireGanesha(t)) return;
    const server = await startGanesha(t, { squash: 'root' });
    const local = localFile(t, 1000);
    mkdirSync(join(server.vfsDirectory, 'closed'), { mode: 0o755 });
    writeFileSync(join(server.vfsDirectory, 'secret'), 'bytes');
    chmodSync(join(server.vfsDirectory, 'secret'), 0o600);
    for (const version of VERSIONS) {
      for (const user of [
        { uid: '0', gid: '0' },
        { uid: '1234', gid: '1234' },
      ]) {
        const to = server.url(version, '/vfs/closed/new', user);
        await refused(local, to, server, /EACCES/, /NFS[34]ERR_ACC\w+ \(13\)/, named(server, '/vfs/closed/new'));
        const from = server.url(version, '/vfs/secret', user);
        await refused(
          from,
          `${local}-back`,
          server,
          /EACCES/,
          /NFS[34]ERR_ACC\w+ \(13\)/,
          named(server, '/vfs/secret'),
        );
      }
    }
    assert.deepEqual(readdirSync(join(server.vfsDirectory, 'closed')), []);
  });

  it('for it lacks the version', async (t) => {
    if (!requireGanesha(t)) return;
    const server = await startGanesha(t, { versions: ['4.1'] });
    const local = localFile(t, 1000);
    await refused(local, server.url('4.2', '/vfs/new'), server, /EPROTONOSUPPORT/, /NFSv4\.2|4\.2/);
    const three = await startGanesha(t, { versions: ['3'] });
    await refused(local, three.url('4.1', '/vfs/new'), three, /EPROTONOSUPPORT/);
  });
});

describe('a path through symbolic links', () => {
  it('is walked as the server means them, and told where it does not end', async (t) => {
    if (!requireGanesha(t)) return;
    const server = await startGanesha(t);
    const local = localFile(t, 1000);
    const at = (name: string): string => join(server.vfsDirectory, name);
    mkdirSync(at('directory'));
    symlinkSync('directory', at('link'));
    symlinkSync('loop', at('loop'));
    symlinkSync('nowhere', at('dangling'));
    symlinkSync('directory/behind', at('to-file'));
    for (const version of VERSIONS) {
      const url = (name: string): string => server.url(version, `/vfs/${name}`).href;
      assert.equal((await diorite(['copy', local, url(`link/new-${version}`)])).code, 0);
      assert.equal(readFileSync(at(`directory/new-${version}`)).length, 1000);
      // The link stays, and what it leads to is replaced.
      assert.equal((await diorite(['copy', '--force', local, url('to-file')])).code, 0);
      assert.equal(readFileSync(at('directory/behind')).length, 1000);
      await refused(local, url('loop/new'), server, /ELOOP/, named(server, '/vfs/loop/new'));
      await refused(local, url('dangling/new'), server, /ENOENT/, named(server, '/vfs/dangling/new'));
      await refused(url('loop'), `${local}-back`, server, /ELOOP/, named(server, '/vfs/loop'));
    }
    assert.deepEqual(readdirSync(at('directory')).toSorted(), ['behind', 'new-3', 'new-4.2']);
  });
});

describe('a server that is full', () => {
  /** 4 MiB of memory as its file system; null: it cannot be had here. */
  async function startSmall(t: TestContext): Promise<Ganesha | null> {
    const problem = rootProblem();
    if (!requireGanesha(t)) return null;
    if (problem !== null) {
      t.skip(problem);
      return null;
    }
    const ends = lastFirst(t);
    const small = tempDirectory(ends);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=777', 'diorite', small]);
    ends.after(() => void execFileSync('umount', ['--lazy', small]));
    return startGanesha(ends, { vfsDirectory: small });
  }

  it('is told before anything is written, if it is full then', async (t) => {
    const server = await startSmall(t);
    if (server === null) return;
    const local = localFile(t, 8 * MIB);
    for (const version of VERSIONS)
      await refused(local, server.url(version, '/vfs/new'), server, /ENOSPC/, /bytes/, named(server, '/vfs/new'));
    assert.deepEqual(readdirSync(server.vfsDirectory), []);
  });

  it('becomes so in the middle of a copy: nothing is left of it', async (t) => {
    const server = await startSmall(t);
    if (server === null) return;
    const local = localFile(t, 3 * MIB);
    const filler = join(server.vfsDirectory, 'filler');
    for (const version of VERSIONS) {
      let isFilled = false;
      const onProgress = (): void => {
        if (isFilled) return;
        isFilled = true;
        writeFileSync(filler, Buffer.alloc(3.5 * MIB - 65_536 * 8));
      };
      const options = { requestBytes: 65_536, depth: 1, onProgress };
      await assert.rejects(copy(local, server.url(version, '/vfs/new'), options), (error: unknown) => {
        assert.ok(error instanceof DioriteError);
        assert.equal(error.code, 'ENOSPC');
        assert.match(error.message, /127\.0\.0\.1:\d+: .*NFS[34]ERR_NOSPC \(28\)/);
        checkExtents(error.extents ?? [], 0, 3 * MIB);
        assert.equal(error.extents?.at(-1)?.state, 'failed');
        return true;
      });
      assert.deepEqual(readdirSync(server.vfsDirectory), ['filler']);
      rmSync(filler);
    }
    assert.equal(nfsConnections.size, 0);
  });

  it('leaves a ledger that is true of every byte', async (t) => {
    const server = await startSmall(t);
    if (server === null) return;
    const length = 6 * MIB;
    const source = Buffer.alloc(length, 'diorite');
    for (const version of VERSIONS) {
      const file = await open(server.url(version, '/vfs/file'), 'w', { requestBytes: 65_536 });
      const error: unknown = await file.write(source, { position: 0 }).catch((reason: unknown) => reason);
      assert.ok(error instanceof DioriteError && error.code === 'ENOSPC', String(error));
      const { extents = [], bytes = 0 } = error;
      checkExtents(extents, 0, length);
      assert.ok(bytes > 0, 'what fitted is done');
      const found = readFileSync(join(server.vfsDirectory, 'file'));
      const after = Buffer.concat([found, Buffer.alloc(length)], length);
      checkBytes({
        direction: 'write',
        offset: 0,
        bytes: length,
        extents,
        before: Buffer.alloc(length),
        after,
        source,
      });
      await Promise.allSettled([file.close()]);
      // By the server: it keeps open what is removed behind its back.
      const client = await NfsClient.connect(server.url(version, '/vfs'));
      await client.unlink('file');
      await client.close();
    }
    assert.equal(nfsConnections.size, 0);
  });
});
