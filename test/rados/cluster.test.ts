// The harness of Ceph clusters by itself: Ceph's own tools write and read through it, and it comes and goes as told.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { tempDirectory } from '../support/temp.js';
import { type Cluster, requireCluster, startCluster } from './cluster.js';

const DATA = Buffer.from(Uint8Array.from({ length: 3_000_001 }, (_, index) => (index * 31 + (index >> 8)) & 0xff));

async function putAndGet(cluster: Cluster, pool: string, directory: string): Promise<void> {
  const local = join(directory, 'local');
  const back = join(directory, 'back');
  writeFileSync(local, DATA);
  await cluster.tool('rados', '-p', pool, 'put', 'object', local);
  await cluster.tool('rados', '-p', pool, 'get', 'object', back);
  assert.equal(readFileSync(back).compare(DATA), 0, pool);
}

describe('a Ceph cluster as the tests start it', () => {
  it('takes objects from rados, gives them back, and leaves nothing when it stops', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    await putAndGet(cluster, 'data', tempDirectory(t));
    const pids = [cluster.mon.pid, cluster.osds[0]?.pid, cluster.admin.pid];
    await cluster.stop();
    await cluster.stop();
    for (const pid of pids) assert.equal(existsSync(`/proc/${pid}`), false);
  });

  it('has OSDs, pools, authentication and modes as asked', async (t) => {
    if (!(await requireCluster(t))) return;
    const pools = [
      { name: 'copies', size: 2 },
      { name: 'erasure', erasure: { k: 2, m: 1 } },
    ];
    const cluster = await startCluster(t, { osds: 3, pools, mode: 'secure' });
    const directory = tempDirectory(t);
    for (const { name } of pools) await putAndGet(cluster, name, directory);
    const map = (await cluster.admin.json({ prefix: 'osd dump' })) as { pools: { size: number }[]; osds: unknown[] };
    assert.deepEqual(
      map.pools.map(({ size }) => size),
      [2, 3],
    );
    assert.equal(map.osds.length, 3);
    await assert.rejects(cluster.admin.command({ prefix: 'osd pool get', pool: 'none', var: 'size' }), /-2 /);
    const open = await startCluster(t, { auth: 'none' });
    await putAndGet(open, 'data', directory);
  });

  it('keeps what BlueStore has over SIGKILL of its OSD, and its map over SIGKILL of its monitor', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { store: 'bluestore' });
    const directory = tempDirectory(t);
    await putAndGet(cluster, 'data', directory);
    const before = cluster.osds[0]?.pid;
    await cluster.osds[0]?.restart({ kill: true });
    await cluster.mon.restart({ kill: true });
    assert.notEqual(cluster.osds[0]?.pid, before);
    await cluster.tool('rados', '-p', 'data', 'get', 'object', join(directory, 'again'));
    assert.equal(readFileSync(join(directory, 'again')).compare(DATA), 0);
  });
});
