// The harness of nfs-ganesha by itself: another client reads and writes through it, and it comes and goes as told.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { needs } from '../support/needs.js';
import { tempDirectory } from '../support/temp.js';
import { requireGanesha, startGanesha } from './ganesha.js';
import { answersNull } from './ports.js';
import { nfsCat, nfsCpTo, nfsLs } from './tools.js';

const NFS_PROGRAM = 100003;

function pattern(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, index) => (index * 31 + (index >> 8)) & 0xff));
}

describe('nfs-ganesha as the tests start it', () => {
  it('takes files from libnfs and gives them back', async (t) => {
    if (!requireGanesha(t) || !needs(t, 'nfs-ls', 'nfs-cp', 'nfs-cat')) return;
    const server = await startGanesha(t);
    const local = join(tempDirectory(t), 'local');
    const data = pattern(3_000_001);
    writeFileSync(local, data);
    await nfsCpTo(server, local, '/vfs/copied');
    assert.deepEqual(readFileSync(join(server.vfsDirectory, 'copied')), data);
    writeFileSync(join(server.vfsDirectory, 'made here'), 'hello');
    assert.equal((await nfsCat(server, '/vfs/copied')).compare(data), 0);
    assert.match((await nfsLs(server, '/vfs')).join('\n'), /copied[\s\S]*made here|made here[\s\S]*copied/);
    writeFileSync(local, data.subarray(0, 50_000));
    await nfsCpTo(server, local, '/mem/small');
    assert.equal((await nfsCat(server, '/mem/small')).compare(data.subarray(0, 50_000)), 0);
  });

  it('keeps its port and its files over a restart and a SIGKILL', async (t) => {
    if (!requireGanesha(t) || !needs(t, 'nfs-cat')) return;
    const server = await startGanesha(t, { versions: ['3', '4.1'] });
    writeFileSync(join(server.vfsDirectory, 'file'), 'stays');
    for (const kill of [true, false]) {
      const before = server.pid;
      await server.restart({ kill });
      assert.notEqual(server.pid, before);
      assert.equal((await nfsCat(server, '/vfs/file')).toString(), 'stays');
    }
  });

  it('speaks only the versions it is told, and leaves nothing when it stops', async (t) => {
    if (!requireGanesha(t)) return;
    const server = await startGanesha(t, { versions: ['4.1'], leaseSeconds: 5, graceSeconds: 8, ioBytesMax: 1 << 20 });
    assert.equal(await answersNull({ port: server.port, program: NFS_PROGRAM, version: 4 }), true);
    assert.equal(await answersNull({ port: server.port, program: NFS_PROGRAM, version: 3 }), false);
    assert.equal(server.url('4.1', '/vfs/a b').href, `nfs://127.0.0.1:${server.port}/vfs/a%20b?version=4.1`);
    const { pid } = server;
    await server.stop();
    await server.stop();
    assert.equal(existsSync(`/proc/${pid}`), false);
    assert.equal(existsSync(dirname(server.vfsDirectory)), false);
  });

  it('refuses what a read-only or a squashed export must', async (t) => {
    if (!requireGanesha(t) || !needs(t, 'nfs-cp')) return;
    const local = join(tempDirectory(t), 'local');
    writeFileSync(local, 'data');
    const readOnly = await startGanesha(t, { versions: ['3'], readOnly: true });
    await assert.rejects(nfsCpTo(readOnly, local, '/vfs/new'), /NFS3ERR_ROFS/);
    const squashed = await startGanesha(t, { versions: ['3'], squash: 'root' });
    await nfsCpTo(squashed, local, '/vfs/new');
    assert.match((await nfsLs(squashed, '/vfs')).join('\n'), / -2 +-2 /); // libnfs prints the anonymous user, 4294967294, as a signed number
  });
});
