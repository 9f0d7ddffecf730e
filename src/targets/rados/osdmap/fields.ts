// Pieces that full and incremental OSD maps have in common.
import type { DencReader } from '../denc/reader.js';
import type { UpmapItem } from './osd-map-data.js';
import { PG_BYTES, readPgKey } from './pg.js';

/** Clusters have thousands; every OSD costs memory for its place, whether it exists or not. */
export const OSDS_MAX: number = 2 ** 17;
export const POOLS_MAX: number = 2 ** 16;
const PGS_MAX = 2 ** 22;
export const PROFILES_MAX: number = 2 ** 16;
const INTERVALS_MAX = 2 ** 24;
export const NAME_BYTES_MAX = 4096;
const UUID_BYTES = 16;
export const TIME_BYTES = 8;
const WORD_BYTES = 4;
const POOL_ID_BYTES = 8;
const INTERVAL_BYTES = 16;

export function readUuid(reader: DencReader): string {
  const hex = Buffer.from(reader.bytes(UUID_BYTES)).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

export function readOsdCount(reader: DencReader): number {
  const count = reader.s32();
  if (count > OSDS_MAX) throw reader.error(`it has room for ${count} OSDs, and at most ${OSDS_MAX} are allowed`);
  return count;
}

/** A map, in order; `minBytesEach` of a key and value. */
export function readMap<K, V>(
  reader: DencReader,
  max: number,
  minBytesEach: number,
  readKey: (reader: DencReader) => K,
  readValue: (reader: DencReader, key: K) => V,
): Map<K, V> {
  const found = new Map<K, V>();
  const count = reader.list(max, minBytesEach);
  for (let i = 0; i < count; i++) {
    const key = readKey(reader);
    found.set(key, readValue(reader, key));
  }
  return found;
}

export function readPgMap<V>(reader: DencReader, readValue: (reader: DencReader) => V): Map<number, V> {
  return readMap(reader, PGS_MAX, PG_BYTES + WORD_BYTES, readPgKey, readValue);
}

export function readPgSet(reader: DencReader): number[] {
  const count = reader.list(PGS_MAX, PG_BYTES);
  return Array.from({ length: count }, () => readPgKey(reader));
}

export function readS32(reader: DencReader): number {
  return reader.s32();
}

export function readU32(reader: DencReader): number {
  return reader.u32();
}

export function readName(reader: DencReader): string {
  return reader.string(NAME_BYTES_MAX);
}

export function readOsdList(reader: DencReader): number[] {
  const count = reader.list(OSDS_MAX, WORD_BYTES);
  return Array.from({ length: count }, () => reader.s32());
}

export function readUpmapItems(reader: DencReader): UpmapItem[] {
  const count = reader.list(OSDS_MAX, 2 * WORD_BYTES);
  return Array.from({ length: count }, () => [reader.s32(), reader.s32()] as const);
}

export function readByOsd<V>(reader: DencReader, readValue: (reader: DencReader) => V): Map<number, V> {
  return readMap(reader, OSDS_MAX, WORD_BYTES, readOsdId, readValue);
}

function readOsdId(reader: DencReader): number {
  const id = reader.s32();
  if (id < 0 || id >= OSDS_MAX) throw reader.error(`an OSD has the number ${id}`);
  return id;
}

export function readProfiles(reader: DencReader): Map<string, ReadonlyMap<string, string>> {
  const bytes = 2 * WORD_BYTES;
  return readMap(reader, PROFILES_MAX, bytes, readName, () => readMap(reader, PROFILES_MAX, bytes, readName, readName));
}

/** Snapshots that were removed or purged, intervals by pool: OSDs trim them, clients do not care. */
export function skipSnapsByPool(reader: DencReader): void {
  const count = reader.list(POOLS_MAX, POOL_ID_BYTES + WORD_BYTES);
  for (let i = 0; i < count; i++) {
    reader.skip(POOL_ID_BYTES);
    reader.skip(INTERVAL_BYTES * reader.list(INTERVALS_MAX, INTERVAL_BYTES));
  }
}
