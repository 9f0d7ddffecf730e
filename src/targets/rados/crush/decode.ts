// Decodes a CRUSH map, as OSD maps carry it and crushtool writes it: CrushWrapper::encode of Ceph.
import type { DencReader } from '../denc/reader.js';
import {
  type ChooseArgs,
  type ChooseArgsByBucket,
  type CrushBucket,
  type CrushMap,
  type CrushRule,
  type CrushStep,
  type CrushTunables,
  LIST,
  STRAW,
  STRAW2,
  TREE,
  UNIFORM,
} from './crush-map.js';

/** CRUSH_MAGIC. */
const MAGIC = 0x00010000;

/** A thousand times the largest clusters that are known: what is above makes no sense. */
const DEVICES_MAX = 2 ** 20;
const BUCKETS_MAX = 2 ** 20;
/** A rule's number is a byte in pools: pg_pool_t::crush_rule. */
const RULES_MAX = 256;
const STEPS_MAX = 1024;
/** A pool has 255 copies at most: pg_pool_t::size is a byte. */
const POSITIONS_MAX = 255;
const NAME_BYTES_MAX = 4096;

const WORD_BYTES = 4;
const STEP_BYTES = 12;
/** Ceph's, from before a map had any: "argonaut". */
const OLDEST_TUNABLES: CrushTunables = {
  chooseLocalTries: 2,
  chooseLocalFallbackTries: 5,
  chooseTotalTries: 19,
  chooseleafDescendOnce: 0,
  chooseleafVaryR: 0,
  chooseleafStable: 0,
};

export function readCrushMap(reader: DencReader): CrushMap {
  const magic = reader.u32();
  if (magic !== MAGIC) throw reader.error(`a CRUSH map begins with ${magic}`);
  const bucketCount = bounded(reader, 'buckets', BUCKETS_MAX, WORD_BYTES);
  const ruleCount = bounded(reader, 'rules', RULES_MAX, WORD_BYTES);
  // How many devices: what encoders know of it may be of an earlier map.
  reader.skip(WORD_BYTES);
  const unnamed = Array.from({ length: bucketCount }, (_, index) => readBucket(reader, -1 - index));
  const steps = Array.from({ length: ruleCount }, () => readSteps(reader));
  const maxDevices = deviceCount(reader, unnamed);
  const typeNames = readNames(reader);
  const names = readNames(reader);
  const ruleNames = readNames(reader);
  const tunables = readTunables(reader);
  // Device classes: devices, names, and the shadow buckets of each class, which are buckets like any other.
  skipPairs(reader);
  if (reader.remaining > 0) readNames(reader);
  skipClassBuckets(reader);
  const chooseArgs = readChooseArgs(reader, unnamed);
  const buckets = unnamed.map((bucket) => bucket && { ...bucket, name: names.get(bucket.id) ?? '' });
  const rules = steps.map((each, id): CrushRule | null => each && { id, name: ruleNames.get(id) ?? '', steps: each });
  return { maxDevices, buckets, rules, tunables, typeNames, chooseArgs };
}

/** A count that is not followed by what it counts. */
function bounded(reader: DencReader, what: string, max: number, bytesEach: number): number {
  const count = reader.u32();
  if (count > max || count * bytesEach > reader.remaining)
    throw reader.error(`${count} ${what}, and ${reader.remaining} bytes are there`);
  return count;
}

/** Beyond the last that is in a bucket. */
function deviceCount(reader: DencReader, buckets: readonly (CrushBucket | null)[]): number {
  let count = 0;
  for (const bucket of buckets) for (const item of bucket?.items ?? []) count = Math.max(count, item + 1);
  if (count > DEVICES_MAX) throw reader.error(`it has a device ${count - 1}`);
  return count;
}

function readBucket(reader: DencReader, expectedId: number): CrushBucket | null {
  // The algorithm stands here too: 0 is an empty place.
  if (reader.u32() === 0) return null;
  const id = reader.s32();
  if (id !== expectedId) throw reader.error(`the bucket ${id} stands at the place of ${expectedId}`);
  const type = reader.u16();
  const algorithm = reader.u8();
  const hash = reader.u8();
  if (hash !== 0) throw reader.error(`the bucket ${id} has a hash ${hash}, and rjenkins1 (0) is the only one there is`);
  reader.skip(WORD_BYTES); // Its weight: the sum of its items'.
  const size = reader.list(DEVICES_MAX, WORD_BYTES);
  const items = readWords(reader, size);
  return { id, name: '', type, algorithm, items, weights: readWeights(reader, id, algorithm, size) };
}

function readWords(reader: DencReader, count: number): Int32Array {
  return Int32Array.from({ length: count }, () => reader.s32());
}

function readWeights(reader: DencReader, id: number, algorithm: number, size: number): Float64Array {
  switch (algorithm) {
    case UNIFORM:
      // All weigh the same.
      reader.skip(WORD_BYTES);
      return new Float64Array(0);
    case LIST:
      // Weight, and the sum so far.
      reader.skip(2 * WORD_BYTES * size);
      return new Float64Array(0);
    case TREE:
      reader.skip(WORD_BYTES * reader.u8());
      return new Float64Array(0);
    case STRAW: {
      need(reader, 2 * WORD_BYTES * size);
      return Float64Array.from({ length: size }, () => {
        reader.skip(WORD_BYTES);
        return reader.u32();
      });
    }
    case STRAW2:
      return readUnsigned(reader, size);
    default:
      throw reader.error(`the bucket ${id} has an algorithm ${algorithm}`);
  }
}

function need(reader: DencReader, bytes: number): void {
  if (bytes > reader.remaining) throw reader.error(`${bytes} bytes are due and ${reader.remaining} are there`);
}

function readUnsigned(reader: DencReader, count: number): Float64Array {
  need(reader, WORD_BYTES * count);
  return Float64Array.from({ length: count }, () => reader.u32());
}

function readSteps(reader: DencReader): CrushStep[] | null {
  if (reader.u32() === 0) return null;
  const count = bounded(reader, 'steps', STEPS_MAX, STEP_BYTES);
  // What older rules were found by: set, type of pool, sizes.
  reader.skip(WORD_BYTES);
  need(reader, count * STEP_BYTES);
  return Array.from({ length: count }, () => ({ op: reader.u32(), arg1: reader.s32(), arg2: reader.s32() }));
}

/** A name is a number, and a string. Some encoders wrote 64 bits: their upper half is then an empty string. */
function readNames(reader: DencReader): Map<number, string> {
  const names = new Map<number, string>();
  const count = reader.list(DEVICES_MAX, 2 * WORD_BYTES);
  for (let i = 0; i < count; i++) {
    const id = reader.s32();
    const name = reader.string(NAME_BYTES_MAX);
    names.set(id, name === '' ? reader.string(NAME_BYTES_MAX) : name);
  }
  return names;
}

/** Each release added some at the end: what is not there is as it was before. */
function readTunables(reader: DencReader): CrushTunables {
  const tunables = { ...OLDEST_TUNABLES };
  if (reader.remaining === 0) return tunables;
  tunables.chooseLocalTries = reader.u32();
  tunables.chooseLocalFallbackTries = reader.u32();
  tunables.chooseTotalTries = reader.u32();
  if (reader.remaining > 0) tunables.chooseleafDescendOnce = reader.u32();
  if (reader.remaining > 0) tunables.chooseleafVaryR = reader.u8();
  // How straws were computed, and which algorithms a tool may use.
  if (reader.remaining > 0) reader.skip(1);
  if (reader.remaining > 0) reader.skip(WORD_BYTES);
  if (reader.remaining > 0) tunables.chooseleafStable = reader.u8();
  return tunables;
}

function skipPairs(reader: DencReader): void {
  if (reader.remaining > 0) reader.skip(2 * WORD_BYTES * reader.list(DEVICES_MAX, 2 * WORD_BYTES));
}

function skipClassBuckets(reader: DencReader): void {
  if (reader.remaining === 0) return;
  const count = reader.list(BUCKETS_MAX, 2 * WORD_BYTES);
  for (let i = 0; i < count; i++) {
    reader.skip(WORD_BYTES);
    skipPairs(reader);
  }
}

function readChooseArgs(
  reader: DencReader,
  buckets: readonly (CrushBucket | null)[],
): ReadonlyMap<number, ChooseArgsByBucket> {
  const byPool = new Map<number, ChooseArgsByBucket>();
  if (reader.remaining === 0) return byPool;
  const count = reader.list(BUCKETS_MAX, 3 * WORD_BYTES);
  for (let i = 0; i < count; i++) {
    const pool = Number(reader.s64());
    const byBucket = new Map<number, ChooseArgs>();
    const bucketCount = reader.list(BUCKETS_MAX, 3 * WORD_BYTES);
    for (let j = 0; j < bucketCount; j++) {
      const index = reader.u32();
      byBucket.set(index, readArgs(reader, buckets[index]?.items.length ?? -1));
    }
    byPool.set(pool, byBucket);
  }
  return byPool;
}

/** Every list is as long as the bucket's items. */
function readArgs(reader: DencReader, size: number): ChooseArgs {
  const positions = reader.list(POSITIONS_MAX, WORD_BYTES);
  const weightSets = Array.from({ length: positions }, () => {
    const count = reader.list(DEVICES_MAX, WORD_BYTES);
    if (count !== size) throw reader.error(`${count} weights for a bucket of ${size} items`);
    return readUnsigned(reader, count);
  });
  const count = reader.list(DEVICES_MAX, WORD_BYTES);
  if (count > 0 && count !== size) throw reader.error(`${count} ids for a bucket of ${size} items`);
  return { weightSets, ids: readWords(reader, count) };
}
