// rados:// URLs wherever a path is taken: opened, copied in every direction, and read and written by Ceph's own tools on the other side.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { copy, open, probe } from '../../src/index.js';
import { radosConnections } from '../../src/targets/rados/connections.js';
import { tempDirectory } from '../support/temp.js';
import { type Cluster, requireCluster, startCluster } from './cluster.js';
import { pattern } from './object-client.js';
import { urlOf } from './urls.js';

const MIB = 2 ** 20;

function rados(cluster: Cluster, ...args: readonly string[]): Promise<Buffer> {
  return cluster.tool('rados', '-p', 'data', ...args);
}

async function names(cluster: Cluster): Promise<string[]> {
  return (await rados(cluster, 'ls')).toString().split('\n').filter(Boolean).sort();
}

describe('a file in a cluster', () => {
  it('is written here and read by Ceph, and the other way round: striped, and one object', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const directory = tempDirectory(t);
    const [local, back] = [join(directory, 'local'), join(directory, 'back')];
    const bytes = pattern(9 * MIB + 12_345);
    writeFileSync(local, bytes);

    const striped = urlOf(cluster, 'a file', { stripe_unit: '65536', stripe_count: '3', object_size: '1048576' });
    const result = await copy(local, striped, { verify: true });
    assert.equal(result.bytes, bytes.length);
    assert.equal(result.verified, true);
    assert.equal(result.stable, true);
    assert.deepEqual(result.io.write, 'direct');
    await rados(cluster, '--striper', 'get', 'a file', back);
    assert.ok(readFileSync(back).equals(bytes), 'striped, by Ceph');
    await copy(urlOf(cluster, 'a file'), back, { force: true, verify: true });
    assert.ok(readFileSync(back).equals(bytes), 'striped, by us');

    await copy(local, urlOf(cluster, 'one', { striped: 'no' }), { verify: true });
    await rados(cluster, 'get', 'one', back);
    assert.ok(readFileSync(back).equals(bytes), 'one object, by Ceph');
    await copy(urlOf(cluster, 'one'), back, { force: true });
    assert.ok(readFileSync(back).equals(bytes), 'one object, by us');

    await rados(cluster, '--striper', 'put', 'of Ceph', local);
    await rados(cluster, 'put', 'one of Ceph', local);
    for (const name of ['of Ceph', 'one of Ceph']) {
      await copy(urlOf(cluster, name), back, { force: true });
      assert.ok(readFileSync(back).equals(bytes), name);
    }
    // Of other layouts than its own default it leaves objects.
    await copy(local, urlOf(cluster, 'removed'));
    await rados(cluster, '--striper', 'rm', 'removed');
    const left = (await names(cluster)).filter((name) => /^(removed|\.)/.test(name));
    assert.deepEqual(left, [], 'nothing temporary is left either');
    assert.equal(radosConnections.size, 0);
  });

  it('is opened, read and written at any place, grows, is cut, and is made where that is asked', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { auth: 'none' });
    for (const parameters of [{ striped: 'no' }, { object_size: '131072', stripe_count: '2', stripe_unit: '65536' }]) {
      const url = urlOf(cluster, `x-${JSON.stringify(parameters)}`, parameters);
      await assert.rejects(open(url), { code: 'ENOENT', syscall: 'open', path: url });
      await using file = await open(url, 'wx+');
      await assert.rejects(open(url, 'wx'), { code: 'EEXIST' });
      const model = Buffer.alloc(900_000);
      let size = 0;
      for (const [offset, bytes] of [
        [0, 10],
        [700_000, 200_000],
        [65_530, 300_001],
        [130_000, 5],
      ] as const) {
        const data = pattern(bytes, offset);
        const { bytesWritten, stable } = await file.write(data, 0, bytes, offset);
        assert.deepEqual([bytesWritten, stable], [bytes, true]);
        data.copy(model, offset);
        size = Math.max(size, offset + bytes);
      }
      const found = Buffer.alloc(1_000_000);
      await using other = await open(url);
      assert.equal((await other.stat()).size, size);
      assert.equal((await other.read(found, 0, found.length, 0)).bytesRead, size);
      assert.ok(found.subarray(0, size).equals(model.subarray(0, size)));
      await file.truncate(100_000);
      assert.equal((await other.read(found, 0, found.length, 0)).bytesRead, 100_000);
      await file.truncate(400_000);
      model.fill(0, 100_000);
      assert.equal((await other.read(found, 0, found.length, 0)).bytesRead, 400_000);
      assert.ok(found.subarray(0, 400_000).equals(model.subarray(0, 400_000)), 'what was cut reads as zeros');
      await file.close();
      await using again = await open(url, 'w');
      assert.equal((await again.stat()).size, 0);
    }
  });

  it('and its pool are told of by probe', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { pools: [{ name: 'data', pgs: 16 }] });
    const url = urlOf(cluster, 'x', { stripe_unit: '65536', stripe_count: '2', object_size: '131072' });
    const before = await probe(url);
    assert.equal(before.cluster?.file.exists, false);
    await (await open(url, 'w')).close();
    for (const name of [urlOf(cluster, ''), urlOf(cluster, 'x')]) {
      const { cluster: told, kind, alignment, defaults } = await probe(name);
      assert.equal(kind, name === urlOf(cluster, '') ? 'directory' : 'file');
      assert.equal(told?.fsid, cluster.fsid);
      assert.deepEqual(told.osds, { all: 1, up: 1, in: 1 });
      const { id, ...pool } = told.pool;
      assert.ok(id > 0 && told.epoch > 0 && told.roundTripMs > 0 && alignment.write.value === 1);
      assert.deepEqual(pool, {
        ...{ name: 'data', namespace: '', type: 'replicated', size: 1, minSize: 1, placementGroups: 16 },
        ...{ alignment: 1, overwrites: true, flags: [] },
      });
      assert.ok(defaults.start.depth > 0);
      if (kind === 'file')
        assert.deepEqual(told.file.layout, { stripeUnitBytes: 65_536, stripeCount: 2, objectBytes: 131_072 });
    }
    const key = /key = (\S+)/.exec(readFileSync(cluster.keyringPath, 'utf8'))?.[1] ?? '';
    assert.ok(key.length > 20);
    const main = fileURLToPath(new URL('../../../bin/diorite.js', import.meta.url));
    for (const args of [
      ['probe', url],
      ['probe', '--json', url],
    ]) {
      const { stdout } = await promisify(execFile)(process.execPath, [main, ...args]);
      assert.ok(stdout.includes(cluster.fsid) && !stdout.includes(key));
    }
  });
});
