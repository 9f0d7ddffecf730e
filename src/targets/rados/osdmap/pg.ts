// Placement groups: their names, their encoding, and which of a pool's a hash falls into.
import type { DencReader } from '../denc/reader.js';

export interface PgId {
  readonly pool: number;
  /** Its number in the pool. */
  readonly seed: number;
}

/** Version, pool, seed, and an OSD that was once preferred. */
export const PG_BYTES = 17;
/** Pools are numbered from 1 on and never again: with a seed, a number below 2^53. */
const POOL_MAX = 2 ** 21 - 1;

/** As Ceph's tools print it: `1.2f`. */
export function pgText({ pool, seed }: PgId): string {
  return `${pool}.${seed.toString(16)}`;
}

/** A number that stands for the group in maps. */
export function pgKey(pool: number, seed: number): number {
  return pool * 2 ** 32 + seed;
}

/** pg_t, as its key. */
export function readPgKey(reader: DencReader): number {
  const version = reader.u8();
  if (version !== 1) throw reader.error(`a placement group has version ${version}`);
  const pool = readPoolId(reader);
  const seed = reader.u32();
  reader.skip(4);
  return pgKey(pool, seed);
}

export function readPoolId(reader: DencReader): number {
  const id = reader.size();
  if (id > POOL_MAX) throw reader.error(`a pool has the number ${id}`);
  return id;
}

/** 2^k − 1, the least that is no less than `count` − 1. */
function maskOf(count: number): number {
  return count <= 1 ? 0 : 2 ** (32 - Math.clz32(count - 1)) - 1;
}

/**
 * Which of `count` a hash belongs to, so that few belong elsewhere when the count grows:
 *
 *      count 12, mask 15:  hash & 15 = 0 … 11 stays, 12 … 15 is hash & 7
 */
export function stableMod(hash: number, count: number): number {
  const mask = maskOf(count);
  const index = (hash & mask) >>> 0;
  return index < count ? index : (hash & (mask >>> 1)) >>> 0;
}
