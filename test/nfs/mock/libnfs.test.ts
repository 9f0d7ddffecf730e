// The mock's NFSv3 through libnfs: an independent client finds in it a server like any other.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { needs } from '../../support/needs.js';
import { Random, withSeed } from '../../support/random.js';
import { tempDirectory } from '../../support/temp.js';
import { requireCapture, startCapture } from '../capture.js';
import { nfsCat, nfsCpFrom, nfsCpTo, nfsLs } from '../tools.js';
import { startMock } from './mock-server.js';

function randomBytes(bytes: number): Uint8Array {
  const data = new Uint8Array(bytes);
  new Random(bytes).fill(data);
  return data;
}

describe('the mock and libnfs', () => {
  it('stores what nfs-cp writes, and gives it to nfs-cat and nfs-cp', async (t) => {
    if (!needs(t, 'nfs-cp', 'nfs-cat')) return;
    const server = await startMock(t);
    const directory = tempDirectory(t);
    const data = randomBytes(3 * 1024 * 1024 + 17);
    writeFileSync(join(directory, 'local'), data);
    await nfsCpTo(server, join(directory, 'local'), '/export/copied');
    assert.equal(Buffer.compare(server.bytesOf('/export/copied'), data), 0);
    assert.equal(Buffer.compare(await nfsCat(server, '/export/copied'), data), 0);
    await nfsCpFrom(server, '/export/copied', join(directory, 'back'));
    assert.equal(Buffer.compare(readFileSync(join(directory, 'back')), data), 0);
    assert.equal(server.counts.calls('WRITE'), 4);
  });

  it('lists directories of many entries, in small answers', async (t) => {
    if (!needs(t, 'nfs-ls')) return;
    const server = await startMock(t, { entriesMax: 7 });
    for (let i = 0; i < 100; i++) server.putFile(`/export/sub/file ${i}`, randomBytes(i));
    const lines = await nfsLs(server, '/export/sub');
    assert.equal(lines.length, 100);
    for (let i = 0; i < 100; i++) assert.ok(lines.some((line) => line.endsWith(` ${i} file ${i}`)));
    assert.ok(server.counts.calls('READDIRPLUS') >= 15);
  });

  it('is understood in fragments and in dribbles', async (t) => {
    if (!needs(t, 'nfs-cat')) return;
    const data = randomBytes(300_000);
    for (const options of [{ fragmentBytes: 1000 }, { chunkBytes: 77 }, { fragmentBytes: 333, chunkBytes: 501 }]) {
      const server = await startMock(t, options);
      server.putFile('/export/file', data);
      assert.equal(Buffer.compare(await nfsCat(server, '/export/file'), data), 0);
    }
  });

  it('shows libnfs the statuses that faults ask for', async (t) => {
    if (!needs(t, 'nfs-cp', 'nfs-cat')) return;
    const server = await startMock(t);
    const local = join(tempDirectory(t), 'local');
    writeFileSync(local, 'x');
    server.fault({ on: 'WRITE', fault: { kind: 'status', status: 28 } });
    await assert.rejects(nfsCpTo(server, local, '/export/full'), /NOSPC|Failed to write/);
    server.fault({ on: 'READ', fault: { kind: 'status', status: 70 } });
    server.putFile('/export/file', randomBytes(10));
    await assert.rejects(nfsCat(server, '/export/file'), /STALE|Failed to read/);
    assert.equal(server.log.repeats.length, 0);
  });

  it('sends nothing that tshark calls malformed', async (t) => {
    if (!requireCapture(t) || !needs(t, 'nfs-cp', 'nfs-cat', 'nfs-ls')) return;
    await withSeed(async (_random, seed) => {
      const server = await startMock(t, { shuffleSeed: seed });
      const capture = await startCapture(t, [server.port, server.mountPort]);
      const local = join(tempDirectory(t), 'local');
      writeFileSync(local, randomBytes(100_000));
      await nfsCpTo(server, local, '/export/file');
      await nfsCat(server, '/export/file');
      await nfsLs(server, '/export');
      assert.deepEqual(await capture.malformed(), []);
      assert.equal((await capture.calls()).get('WRITE'), 1);
    });
  });
});
