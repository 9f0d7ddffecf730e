// The objects of a real cluster's pools, listed: all of them, once, and what namespaces hide.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ALL_NAMESPACES, type ListedObject, listPages } from '../../src/targets/rados/osd/listing.js';
import type { PoolRef } from '../../src/targets/rados/osd/pool-ref.js';
import { create } from '../../src/targets/rados/osd/step.js';
import { requireCluster, startCluster } from './cluster.js';
import { ObjectClient } from './object-client.js';

async function listed(pool: PoolRef): Promise<ListedObject[]> {
  const all: ListedObject[] = [];
  for await (const page of listPages(pool)) {
    assert.ok(page.length > 0 && page.length <= 1024);
    all.push(...page);
  }
  return all;
}

const POOLS = [
  { name: 'eight', pgs: 8 },
  { name: 'twelve', pgs: 12 },
  { name: 'one', pgs: 1 },
  { name: 'ec', pgs: 5, erasure: { k: 2, m: 1 } },
];

describe('a list of objects', { timeout: 120_000 }, () => {
  it('has each once, by namespace or of all', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { osds: 3, pools: POOLS });
    for (const { name: pool } of POOLS) {
      const client = await ObjectClient.connect(t, cluster, { pool });
      const ref = { objecter: client.objecter, pool: client.name('').pool, namespace: '' };
      assert.deepEqual(await listed(ref), []);
      const made: string[] = [];
      const count = pool === 'one' ? 2_500 : 300;
      await Promise.all(
        Array.from({ length: count }, async (_, i) => {
          const namespace = ['', 'space', 'café'][i % 3] ?? '';
          made.push(`${namespace}/object ${i} ü`);
          await client.objecter.execute(client.name(`object ${i} ü`, namespace), [create(true)]);
        }),
      );
      for (const namespace of ['', 'space', 'café', ALL_NAMESPACES, 'none']) {
        const expected = made.filter((each) => namespace === ALL_NAMESPACES || each.startsWith(`${namespace}/`)).sort();
        const found = await listed({ ...ref, namespace });
        assert.deepEqual(found.map((object) => `${object.namespace}/${object.name}`).sort(), expected);
        assert.ok(found.every(({ locator }) => locator === ''));
      }
      assert.equal(client.objecter.inFlight, 0);
    }
  });

  it('goes on where the OSD it asked is gone, and fails where the pool is', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { osds: 3, pools: [{ name: 'data', size: 2, pgs: 16 }] });
    const client = await ObjectClient.connect(t, cluster);
    const ref = { objecter: client.objecter, pool: client.name('').pool, namespace: '' };
    const names = Array.from({ length: 400 }, (_, i) => `object ${i}`);
    await Promise.all(names.map((name) => client.objecter.execute(client.name(name), [create(true)])));
    const found: string[] = [];
    let pages = 0;
    for await (const page of listPages(ref)) {
      found.push(...page.map(({ name }) => name));
      if (++pages === 3) await cluster.admin.command({ prefix: 'osd down', ids: ['0', '1'] });
      if (pages === 6) await cluster.admin.command({ prefix: 'osd out', ids: ['2'] });
    }
    assert.deepEqual(found.sort(), names.sort());
    const gone = { ...ref, pool: 4711 };
    await assert.rejects(listed(gone), { code: 'ENOENT', message: 'ENOENT: pool 4711: the cluster has no such pool' });
  });
});
