// The OSD map of a real cluster: what is decoded, applied and located is what Ceph's own tools say of it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ITEM_NONE } from '../../src/targets/rados/crush/crush-map.js';
import { addressText } from '../../src/targets/rados/denc/entity-address.js';
import { OsdMap } from '../../src/targets/rados/osdmap/osd-map.js';
import { OSD_EXISTS, OSD_UP } from '../../src/targets/rados/osdmap/osd-map-data.js';
import { pgText } from '../../src/targets/rados/osdmap/pg.js';
import type { Pool } from '../../src/targets/rados/osdmap/pool.js';
import { needs } from '../support/needs.js';
import { tempDirectory } from '../support/temp.js';
import { type Cluster, requireCluster, startCluster } from './cluster.js';

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

interface DumpedPool {
  readonly pool: number;
  readonly pool_name: string;
  readonly type: number;
  readonly size: number;
  readonly min_size: number;
  readonly crush_rule: number;
  readonly pg_num: number;
  readonly pg_placement_num: number;
  readonly flags: number;
  readonly last_change: string;
  readonly last_force_op_resend: string;
  readonly snap_seq: number;
  readonly stripe_width: number;
  readonly erasure_code_profile: string;
  readonly quota_max_bytes: number;
  readonly quota_max_objects: number;
  readonly read_tier: number;
  readonly write_tier: number;
}

interface DumpedOsd {
  readonly osd: number;
  readonly up: number;
  readonly in: number;
  readonly weight: number;
  readonly primary_affinity: number;
  readonly public_addrs: {
    readonly addrvec: readonly { readonly type: string; readonly addr: string; readonly nonce: number }[];
  };
}

interface Dump {
  readonly epoch: number;
  readonly fsid: string;
  readonly max_osd: number;
  readonly pools: readonly DumpedPool[];
  readonly osds: readonly DumpedOsd[];
  readonly pg_temp: readonly { readonly pgid: string; readonly osds: readonly number[] }[];
  readonly pg_upmap: readonly unknown[];
  readonly pg_upmap_items: readonly unknown[];
  readonly erasure_code_profiles: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

function poolAsDumped(pool: Pool, name: string): DumpedPool {
  return {
    pool: pool.id,
    pool_name: name,
    type: pool.type,
    size: pool.size,
    min_size: pool.minSize,
    crush_rule: pool.crushRule,
    pg_num: pool.pgCount,
    pg_placement_num: pool.pgpCount,
    flags: pool.flags,
    last_change: String(pool.lastChange),
    last_force_op_resend: String(pool.lastForceResend),
    snap_seq: Number(pool.snapSequence),
    stripe_width: pool.stripeBytes,
    erasure_code_profile: pool.erasureCodeProfile,
    quota_max_bytes: Number(pool.quotaBytes),
    quota_max_objects: Number(pool.quotaObjects),
    read_tier: pool.readTier,
    write_tier: pool.writeTier,
  };
}

function sameFields<T extends object>(actual: T, expected: T): void {
  for (const key of Object.keys(actual) as (keyof T)[]) assert.deepEqual(actual[key], expected[key], String(key));
}

function assertSame(map: OsdMap, dump: Dump): void {
  assert.equal(map.epoch, dump.epoch);
  assert.equal(map.fsid, dump.fsid);
  const { osds, pools, poolNames, pgs, erasureCodeProfiles } = map.data;
  assert.equal(osds.states.length, dump.max_osd);
  assert.equal(pools.size, dump.pools.length);
  for (const dumped of dump.pools) {
    const pool = map.poolNamed(dumped.pool_name);
    assert.ok(pool);
    sameFields(poolAsDumped(pool, poolNames.get(pool.id) ?? ''), dumped);
  }
  for (const { osd, ...dumped } of dump.osds) {
    const state = osds.states[osd] ?? 0;
    assert.ok(state & OSD_EXISTS);
    assert.equal(Boolean(state & OSD_UP), dumped.up === 1);
    // What the tool prints has six digits.
    assert.ok(Math.abs((osds.weights[osd] ?? 0) / 0x10000 - dumped.weight) < 1e-5);
    assert.ok(Math.abs((osds.affinities?.[osd] ?? 0x10000) / 0x10000 - dumped.primary_affinity) < 1e-5);
    const addresses = map.addressesOf(osd).map((address) => `${addressText(address)}/${address.nonce}`);
    assert.deepEqual(
      addresses,
      dumped.public_addrs.addrvec.map(({ type, addr, nonce }) => `${type}:${addr}/${nonce}`),
    );
  }
  assert.equal(pgs.temporary.size, dump.pg_temp.length);
  assert.equal(pgs.upmaps.size, dump.pg_upmap.length);
  assert.equal(pgs.upmapItems.size, dump.pg_upmap_items.length);
  const profiles = [...erasureCodeProfiles].map(([name, values]) => [name, Object.fromEntries(values)]);
  assert.deepEqual(Object.fromEntries(profiles), dump.erasure_code_profiles);
}

interface Place {
  readonly up: readonly number[];
  readonly up_primary: number;
  readonly acting: readonly number[];
  readonly acting_primary: number;
}

/** Each line: group, acting, its primary, and whatever else a release prints. */
async function mappedByTool(file: string): Promise<Map<string, string>> {
  const args = [file, '--test-map-pgs-dump-all'];
  const { stdout } = await run('osdmaptool', args, { maxBuffer: OUTPUT_BYTES_MAX });
  const found = new Map<string, string>();
  const line = /^(\d+\.[0-9a-f]+) raw \(.*?\) up \((\[.*?\]), p(-?\d+)\) acting \((\[.*?\]), p(-?\d+)\)$/gm;
  for (const [, pg = '', up, upPrimary, acting, primary] of stdout.matchAll(line))
    found.set(pg, `${up} ${upPrimary} ${acting} ${primary}`.replaceAll('NONE', String(ITEM_NONE)));
  return found;
}

function shown(osds: readonly number[]): string {
  return `[${osds.join(',')}]`;
}

/** Every placement group of every pool, by us and by osdmaptool. */
async function assertPlaced(map: OsdMap, bytes: Uint8Array, directory: string): Promise<number> {
  const file = join(directory, `map-${map.epoch}`);
  writeFileSync(file, bytes);
  const expected = await mappedByTool(file);
  const actual = new Map<string, string>();
  for (const pool of map.data.pools.values()) {
    for (let seed = 0; seed < pool.pgCount; seed++) {
      const { up, upPrimary, acting, primary } = map.place(pool, seed);
      actual.set(pgText({ pool: pool.id, seed }), `${shown(up)} ${upPrimary} ${shown(acting)} ${primary}`);
    }
  }
  assert.deepEqual(actual, expected);
  return actual.size;
}

/** Objects by name: by the map of the epoch in which the monitor answers. */
async function assertLocated(cluster: Cluster, pool: string, namespace: string): Promise<void> {
  for (const name of [
    'a',
    'object',
    'twelve bytes',
    'thirteen byte',
    'grüße',
    'x'.repeat(200),
    'rbd_data.1.0000000000000000',
  ]) {
    const object = { prefix: 'osd map', pool, object: name, ...(namespace === '' ? {} : { nspace: namespace }) };
    const said = (await cluster.admin.json(object)) as Place & { epoch: number; pgid: string; raw_pgid: string };
    const map = OsdMap.decode(await cluster.osdMap(said.epoch));
    const found = map.poolNamed(pool);
    assert.ok(found);
    const { pg, hash, up, acting, primary, upPrimary } = map.locate(found, namespace, name);
    assert.equal(pgText(pg), said.pgid, name);
    assert.equal(pgText({ pool: found.id, seed: hash }), said.raw_pgid, name);
    const place: Place = { up, up_primary: upPrimary, acting, acting_primary: primary };
    sameFields(place, said);
  }
}

/** The changes of an epoch, out of the monitor's store: it must be down. */
async function changesTo(cluster: Cluster, epoch: number, directory: string): Promise<Buffer> {
  const file = join(directory, `changes-${epoch}`);
  await run('ceph-kvstore-tool', [
    'rocksdb',
    join(cluster.directory, 'mon/store.db'),
    'get',
    'osdmap',
    `${epoch}`,
    'out',
    file,
  ]);
  return readFileSync(file);
}

/** From the first map on, every map is the one before and what changed. */
async function assertFollows(cluster: Cluster, maps: readonly OsdMap[], directory: string): Promise<void> {
  await cluster.mon.halt({ kill: false });
  let followed = maps[0];
  for (const map of maps.slice(1)) {
    const changes = await changesTo(cluster, map.epoch, directory);
    const next = followed?.apply(changes);
    assert.deepEqual(next?.data, map.data, `what changed to epoch ${map.epoch}`);
    assert.throws(() => map.apply(changes), /to epoch/);
    followed = next;
  }
}

describe('the OSD map of a cluster', () => {
  it('is decoded as `ceph osd dump` has it, and places every group as osdmaptool does', async (t) => {
    if (!(await requireCluster(t)) || !needs(t, 'osdmaptool', 'ceph-kvstore-tool')) return;
    const pools = [
      { name: 'one', pgs: 32 },
      { name: 'copies', size: 3, pgs: 12 },
      { name: 'erasure', erasure: { k: 2, m: 1 }, pgs: 16 },
    ];
    const cluster = await startCluster(t, { osds: 5, pools });
    const directory = tempDirectory(t);
    const { admin } = cluster;
    const changes = [
      { prefix: 'osd reweight', id: 1, weight: 0.5 },
      { prefix: 'osd primary-affinity', id: 0, weight: 0.25 },
      { prefix: 'osd set-require-min-compat-client', version: 'luminous' },
      { prefix: 'osd pg-upmap-items', pgid: '2.3', id: [2, 4] },
      { prefix: 'osd pg-upmap', pgid: '2.5', id: [0, 1, 2] },
      { prefix: 'osd pg-temp', pgid: '1.1', id: [3] },
      { prefix: 'osd pg-temp', pgid: '3.1', id: [4, 3, 0] },
      { prefix: 'osd primary-temp', pgid: '2.7', id: 1 },
      { prefix: 'osd crush weight-set create-compat' },
      { prefix: 'osd crush weight-set reweight-compat', item: 'osd.1', weight: [0.5] },
      { prefix: 'osd out', ids: ['3'] },
      { prefix: 'osd pool set-quota', pool: 'one', field: 'max_bytes', val: '1000000' },
      { prefix: 'osd pool mksnap', pool: 'copies', snap: 'then' },
      { prefix: 'osd set', key: 'noout' },
      { prefix: 'osd set', key: 'pause' },
      { prefix: 'osd down', ids: ['2'] },
      { prefix: 'osd unset', key: 'pause' },
      { prefix: 'osd pool rename', srcpool: 'one', destpool: 'renamed' },
    ];
    for (const change of changes) await admin.command(change);
    await cluster.osds[4]?.halt({ kill: true });
    await admin.command({ prefix: 'osd down', ids: ['4'] });
    for (const prefix of ['osd destroy-actual', 'osd purge-actual'])
      await admin.command({ prefix, id: 4, yes_i_really_mean_it: true });
    await admin.command({
      prefix: 'osd pool delete',
      pool: 'renamed',
      pool2: 'renamed',
      yes_i_really_really_mean_it: true,
    });
    await cluster.createPool({ name: 'later', pgs: 20, size: 2 });
    const last = (await admin.json({ prefix: 'osd dump' })) as Dump;

    let placed = 0;
    const maps: OsdMap[] = [];
    for (let epoch = 1; epoch <= last.epoch; epoch++) {
      const bytes = await cluster.osdMap(epoch);
      const map = OsdMap.decode(bytes);
      assertSame(map, (await admin.json({ prefix: 'osd dump', epoch })) as Dump);
      placed += await assertPlaced(map, bytes, directory);
      maps.push(map);
    }
    assert.ok(placed > 500);
    await assertLocated(cluster, 'copies', '');
    await assertLocated(cluster, 'erasure', '');
    await assertLocated(cluster, 'later', 'a namespace');
    await assertFollows(cluster, maps, directory);
  });
});
