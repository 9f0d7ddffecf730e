// CRUSH maps that are small, odd, or no maps at all: known mappings, refusals by name, decoders that end.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CrushMap, ITEM_NONE, WEIGHT_ONE } from '../../src/targets/rados/crush/crush-map.js';
import { readCrushMap } from '../../src/targets/rados/crush/decode.js';
import { hash2, hash3 } from '../../src/targets/rados/crush/hash.js';
import { distances, logarithm } from '../../src/targets/rados/crush/ln.js';
import { CrushMapper } from '../../src/targets/rados/crush/mapper.js';
import { DencReader } from '../../src/targets/rados/denc/reader.js';
import { Prng } from '../../src/targets/sim/prng.js';
import { crushBytes, type TestBucket, type TestMap } from './crush-bytes.js';

const [UNIFORM, LIST, TREE, STRAW, STRAW2] = [1, 2, 3, 4, 5];
const HOSTS: readonly TestBucket[] = [
  { name: 'host0', type: 1, algorithm: STRAW2, items: [0, 1] },
  { name: 'host1', type: 1, algorithm: STRAW2, items: [2, 3] },
  { name: 'root', type: 2, algorithm: STRAW2, items: [-2, -1], weight: 2 },
];
/** take root, chooseleaf firstn 0 type host, emit. */
const RULE = [
  [1, -3, 0],
  [6, 0, 1],
  [4, 0, 0],
] as const;
const SMALL: TestMap = { devices: 4, buckets: HOSTS, rules: [RULE] };

function decoded(map: TestMap): CrushMap {
  return readCrushMap(new DencReader(crushBytes(map), 'a CRUSH map'));
}

function mapping(map: CrushMap, x: number, replicas: number): number[] {
  const result = new Int32Array(replicas);
  const weights = new Uint32Array(map.maxDevices).fill(WEIGHT_ONE);
  const rule = map.rules[0];
  assert.ok(rule);
  return [...result.subarray(0, new CrushMapper(map).map(rule, x, result, weights, null))];
}

describe('a CRUSH map', () => {
  it('is decoded, and maps as crushtool maps it', () => {
    const map = decoded({ ...SMALL, buckets: [HOSTS[0], HOSTS[1], { ...HOSTS[2], items: [-1, -2] }] as TestBucket[] });
    const found = Array.from({ length: 6 }, (_, x) => mapping(map, x, 2).join());
    assert.deepEqual(found, ['0,3', '0,2', '1,3', '0,2', '2,0', '3,0']);
    assert.deepEqual([...map.typeNames.values()], ['osd', 'host', 'root']);
    assert.equal(map.buckets[2]?.name, 'root');
    assert.equal(map.rules[0]?.name, 'rule0');
    assert.equal(map.tunables.chooseTotalTries, 50);
  });

  it('with a bucket that cannot be drawn from is decoded, and refused by name where a mapping meets it', () => {
    for (const [algorithm, name] of [
      [LIST, 'list'],
      [TREE, 'tree'],
    ] as const) {
      const buckets = HOSTS.map((host, index) => (index === 0 ? { ...host, algorithm } : host));
      const map = decoded({ ...SMALL, buckets });
      const message = new RegExp(`'host0' \\(-1\\) chooses by algorithm ${name}; straw2, straw and uniform`);
      assert.throws(() => mapping(map, 1, 2), { code: 'ERR_DIORITE_UNSUPPORTED', message });
      const elsewhere = decoded({ ...SMALL, buckets, rules: [[[1, -2, 0], [2, 1, 0], RULE[2]]] });
      assert.equal(mapping(elsewhere, 1, 2).length, 1);
    }
    const unknown = decoded({ ...SMALL, rules: [[RULE[0], [16, 0, 1], RULE[2]]] });
    assert.throws(() => mapping(unknown, 1, 2), {
      code: 'ERR_DIORITE_UNSUPPORTED',
      message: /'rule0' \(0\).* step 16/,
    });
  });

  it('that goes in circles, or asks for 2^31 tries, is given up', () => {
    const circle = decoded({
      ...SMALL,
      buckets: [{ name: 'a', type: 2, algorithm: STRAW2, items: [-1] }] as const,
      rules: [[[1, -1, 0], RULE[1], RULE[2]]],
    });
    assert.throws(() => mapping(circle, 1, 2), { code: 'ERR_DIORITE_UNSUPPORTED', message: /draws for one mapping/ });
    for (const op of [2, 3, 6, 7]) {
      const map = decoded({ ...SMALL, totalTries: 2 ** 31 - 2, rules: [[RULE[0], [op, 5, 1], RULE[2]]] });
      assert.throws(() => mapping(map, 1, 5), { code: 'ERR_DIORITE_UNSUPPORTED', message: /draws for one mapping/ });
    }
  });

  it('without a bucket, a device or a rule where one is named gives nothing', () => {
    assert.deepEqual(mapping(decoded({ ...SMALL, rules: [[[1, -9, 0], RULE[1], RULE[2]]] }), 1, 2), []);
    const missing = HOSTS.map((host, index) => (index === 2 ? { ...host, items: [-7, -8] } : host));
    assert.deepEqual(mapping(decoded({ ...SMALL, buckets: missing }), 1, 2), []);
    const indep = [RULE[0], [7, 0, 1], RULE[2]] as const;
    assert.deepEqual(mapping(decoded({ ...SMALL, buckets: missing, rules: [indep] }), 1, 2), [ITEM_NONE, ITEM_NONE]);
  });

  it('truncated or changed anywhere is refused, or maps within bounds', () => {
    const seed = 20_170_202;
    const random = new Prng(seed);
    const buckets = [UNIFORM, STRAW, STRAW2].map((algorithm, index) => ({
      ...HOSTS[index],
      algorithm,
    })) as TestBucket[];
    const bytes = crushBytes({ ...SMALL, buckets });
    for (let round = 0; round < 20_000; round++) {
      const changed = bytes.slice(0, random.chance(0.3) ? random.below(bytes.length) : bytes.length);
      for (let i = random.below(4); i > 0; i--) changed[random.below(changed.length)] = random.below(256);
      try {
        const map = readCrushMap(new DencReader(changed, 'noise'));
        if (map.maxDevices < 1000 && map.rules[0] !== undefined && map.rules[0] !== null) mapping(map, round, 3);
      } catch (error) {
        const code = (error as { code?: string }).code ?? '';
        assert.match(code, /^(EBADMSG|ERR_DIORITE_UNSUPPORTED)$/, `seed ${seed}, round ${round}: ${String(error)}`);
      }
    }
  });
});

describe("CRUSH's arithmetic", () => {
  it('hashes as Ceph does', () => {
    // What the mappings that equal crushtool's are made of: a change of either fails here first.
    assert.equal(hash2(1, 2) >>> 0, 3_079_532_188);
    assert.equal(hash3(1, 2, 3) >>> 0, 1935332395);
    assert.equal(hash3(2 ** 32 - 1, -1, 2 ** 31), hash3(-1, 2 ** 32 - 1, -(2 ** 31)));
  });

  it('has logarithms that fall to zero', () => {
    assert.equal(logarithm(0), 2 ** 48);
    assert.equal(logarithm(0xffff), 2 ** 28);
    assert.equal(logarithm(1), 2 ** 48 - 2 ** 44);
    assert.equal(distances[1], 2 ** 48 - 2 ** 44, 'and is known then');
    // Not strictly: the table's low part is what it is.
    for (let u = 256; u < 2 ** 16; u += 256) assert.ok(logarithm(u) < logarithm(u - 256));
    assert.ok(
      distances.every((_, u) => logarithm(u) > 0),
      '0 says that it was not asked for',
    );
  });
});
