// OSD maps that are odd or no maps at all, made by osdmaptool and changed here: decoders end, refuse, and hold little.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { ITEM_NONE, STEP_CHOOSE_FIRSTN, STEP_CHOOSELEAF_FIRSTN } from '../../src/targets/rados/crush/crush-map.js';
import { applyIncremental } from '../../src/targets/rados/osdmap/apply.js';
import { decodeOsdMap } from '../../src/targets/rados/osdmap/decode.js';
import type { Incremental } from '../../src/targets/rados/osdmap/incremental.js';
import { decodeIncremental } from '../../src/targets/rados/osdmap/incremental.js';
import { jenkinsHash, linuxHash } from '../../src/targets/rados/osdmap/name-hash.js';
import { OsdMap } from '../../src/targets/rados/osdmap/osd-map.js';
import { OSD_EXISTS, OSD_UP, type OsdMapData, type PgChanges } from '../../src/targets/rados/osdmap/osd-map-data.js';
import { pgKey, stableMod } from '../../src/targets/rados/osdmap/pg.js';
import { ERASURE, type Pool } from '../../src/targets/rados/osdmap/pool.js';
import { Prng } from '../../src/targets/sim/prng.js';
import { hasCommand } from '../support/needs.js';
import { runDirectory } from '../support/temp.js';
import { incrementalBytes } from './incremental-bytes.js';

const SEED = 20_170_202;
const ROUNDS = 8_000;
const OSDS = 6;
const CHOOSE_OSDS = { op: STEP_CHOOSE_FIRSTN, arg1: 0, arg2: 0 };
const skip: string | false = hasCommand('osdmaptool') ? false : 'not installed: osdmaptool';

/** Six OSDs that are in, a pool of three copies with 64 groups each. */
function simpleMap(): Uint8Array {
  const file = join(runDirectory(), `map-${process.pid}`);
  const pool = ['--with-default-pool', '--pg-bits', '5', '--pgp-bits', '5'];
  execFileSync('osdmaptool', ['--createsimple', String(OSDS), file, '--clobber', ...pool], { stdio: 'ignore' });
  // Not as a Buffer, whose parts share its memory.
  return Uint8Array.from(readFileSync(file));
}

/** All OSDs are on one host, which the map's own rule would choose but once: OSDs are chosen instead. */
function choosingOsds({ crush }: OsdMapData): OsdMapData['crush'] {
  const rules = crush.rules.map((rule) => {
    const steps = rule?.steps.map((step) => (step.op === STEP_CHOOSELEAF_FIRSTN ? CHOOSE_OSDS : step));
    return rule && { ...rule, steps: steps ?? [] };
  });
  return { ...crush, rules };
}

/** The map with its OSDs up, and whatever else is asked. */
function variant(data: OsdMapData, pgs: Partial<PgChanges> = {}, pool: Partial<Pool> = {}): OsdMap {
  const states = new Uint32Array(OSDS).fill(OSD_EXISTS | OSD_UP);
  const weights = new Uint32Array(OSDS).fill(0x10000);
  const pools = new Map([...data.pools].map(([id, each]) => [id, { ...each, ...pool }]));
  return new OsdMap({
    ...data,
    pools,
    crush: choosingOsds(data),
    osds: { ...data.osds, states, weights },
    pgs: { ...data.pgs, ...pgs },
  });
}

function without(map: OsdMap, field: 'states' | 'weights', osd: number): OsdMap {
  const values = Uint32Array.from(map.data.osds[field]);
  values[osd] = 0;
  return new OsdMap({ ...map.data, osds: { ...map.data.osds, [field]: values } });
}

function onlyPool(map: OsdMap): Pool {
  const [pool] = map.data.pools.values();
  assert.ok(pool);
  return pool;
}

describe('an OSD map', { skip }, () => {
  let bytes: Uint8Array;
  let data: OsdMapData;
  before(() => {
    bytes = simpleMap();
    data = decodeOsdMap(bytes);
  });

  it('places by exceptions from CRUSH', () => {
    const map = variant(data);
    const pool = onlyPool(map);
    const seed = 5;
    const key = pgKey(pool.id, seed);
    const [first = -1, second = -1, third = -1] = map.place(pool, seed).acting;
    const other = [0, 1, 2, 3, 4, 5].find((osd) => ![first, second, third].includes(osd)) ?? -1;
    const placed = (changes: Partial<PgChanges>): readonly number[] => variant(data, changes).place(pool, seed).acting;

    assert.deepEqual(placed({ upmaps: new Map([[key, [other, first]]]) }), [other, first]);
    assert.deepEqual(placed({ upmapItems: new Map([[key, [[second, other]]]]) }), [first, other, third]);
    assert.deepEqual(placed({ upmapItems: new Map([[key, [[second, first]]]]) }), [first, second, third]);
    assert.deepEqual(placed({ upmapPrimaries: new Map([[key, third]]) }), [third, second, first]);
    assert.deepEqual(placed({ upmapPrimaries: new Map([[key, other]]) }), [first, second, third]);

    const out = without(variant(data, { upmaps: new Map([[key, [other, first]]]) }), 'weights', other);
    assert.ok(!out.place(pool, seed).acting.includes(other));
  });

  it('places by what is true just now', () => {
    const map = variant(data);
    const pool = onlyPool(map);
    const seed = 5;
    const key = pgKey(pool.id, seed);
    const { acting } = map.place(pool, seed);
    const [first = -1, second = -1, third = -1] = acting;
    const temporary = variant(data, { temporary: new Map([[key, [third, 9, second]]]) }).place(pool, seed);
    assert.deepEqual(temporary, { up: acting, upPrimary: first, acting: [third, second], primary: third });
    const primaries = variant(data, { temporaryPrimaries: new Map([[key, second]]) }).place(pool, seed);
    assert.deepEqual(primaries, { up: acting, upPrimary: first, acting, primary: second });

    const down = without(map, 'states', first).place(pool, seed);
    assert.ok(!down.up.includes(first));
    const erasure = variant(data, {}, { type: ERASURE });
    const gap = new OsdMap({ ...erasure.data, osds: without(erasure, 'states', first).data.osds });
    assert.deepEqual(gap.place(onlyPool(gap), seed).acting, [ITEM_NONE, second, third]);
    assert.equal(gap.place(onlyPool(gap), seed).primary, second);
    const { shard, pg } = gap.locate(onlyPool(gap), '', nameIn(gap, seed));
    assert.deepEqual([shard, pg.seed], [1, seed]);
  });

  it('is followed only by the changes to the next epoch of the same cluster', () => {
    const changes = decodeIncremental(incrementalBytes(data.fsid, data.epoch + 1));
    assert.equal(applyIncremental(data, changes).epoch, data.epoch + 1);
    const wrong = (fields: Partial<Incremental>): OsdMapData => applyIncremental(data, { ...changes, ...fields });
    assert.throws(() => wrong({ epoch: data.epoch }), { code: 'ERR_DIORITE_UNSUPPORTED', message: /epoch/ });
    assert.throws(() => wrong({ fsid: '0' }), { code: 'ERR_DIORITE_UNSUPPORTED', message: /cluster/ });
    const full = decodeIncremental(incrementalBytes(data.fsid, data.epoch + 1, bytes));
    assert.deepEqual(applyIncremental(data, full), data);
  });

  it('truncated or changed anywhere is refused, or places within bounds', () => {
    const random = new Prng(SEED);
    const changes = incrementalBytes(data.fsid, data.epoch + 1, undefined, [3, 4]);
    let decoded = 0;
    for (let round = 0; round < ROUNDS; round++) {
      try {
        const map = new OsdMap(decodeOsdMap(spoilt(bytes, random)));
        const [pool] = map.data.pools.values();
        // That 2^31 tries are given up is another test, and takes its time.
        const hasFewTries = map.data.crush.tunables.chooseTotalTries < 1000;
        if (pool !== undefined && hasFewTries) map.place(pool, round % pool.pgCount);
        decoded++;
        applyIncremental(data, decodeIncremental(spoilt(changes, random)));
      } catch (error) {
        const code = (error as { code?: string }).code ?? '';
        assert.match(code, /^(EBADMSG|ERR_DIORITE_UNSUPPORTED)$/, `seed ${SEED}, round ${round}: ${String(error)}`);
      }
    }
    assert.ok(decoded > ROUNDS / 100, 'some are maps still');
  });

  it('that asks for more room than it has bytes is refused before there is any', () => {
    for (const count of [2 ** 17 + 1, 2 ** 31 - 1]) {
      const grown = incrementalBytes(data.fsid, data.epoch + 1, undefined, [], count);
      assert.throws(() => decodeIncremental(grown), { code: 'EBADMSG', message: /room for/ });
    }
  });
});

/** A name that falls into a group. */
function nameIn(map: OsdMap, seed: number): string {
  for (let i = 0; ; i++) if (map.locate(onlyPool(map), '', String(i)).pg.seed === seed) return String(i);
}

/** A part of it, or all of it with some bytes changed. */
function spoilt(bytes: Uint8Array, random: Prng): Uint8Array {
  const changed = bytes.slice(0, random.chance(0.2) ? random.below(bytes.length) : bytes.length);
  for (let i = random.below(4); i > 0; i--) {
    const at = random.below(changed.length);
    changed[at] = random.chance(0.5) ? random.below(256) : (changed[at] ?? 0) ^ (1 << random.below(8));
  }
  return changed;
}

describe('a name', () => {
  it('is hashed as Ceph hashes it', () => {
    // By `ceph osd map`: see the test of the cluster's map. Here each length of the last block once.
    const hashes = ['', 'a', 'object', 'twelve bytes', 'thirteen byte'].map((name) => jenkinsHash(Buffer.from(name)));
    assert.deepEqual(hashes, [3_175_731_469, 703_514_648, 1_460_548_130, 4_291_833_360, 4_201_788_218]);
    assert.equal(linuxHash(Buffer.from('')), 0);
    assert.equal(linuxHash(Buffer.from('a')), (0x610 + 0x6) * 11);
  });

  it('stays in its group, or goes to a new one, when a pool grows', () => {
    const random = new Prng(SEED);
    for (let round = 0; round < 10_000; round++) {
      const hash = random.next32();
      const count = random.between(1, 1000);
      const before = stableMod(hash, count);
      const after = stableMod(hash, count + 1);
      assert.ok(before < count);
      assert.ok(after === before || after === count, `seed ${SEED}, round ${round}`);
    }
  });
});
