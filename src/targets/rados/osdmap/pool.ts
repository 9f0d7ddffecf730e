// A pool as the OSD map has it: pg_pool_t of Ceph, what a client needs of it.
import type { DencReader } from '../denc/reader.js';

/** pg_pool_t::TYPE_…: the others were never used. */
export const REPLICATED = 1;
export const ERASURE = 3;

/** pg_pool_t::FLAG_… of src/osd/osd_types.h in Ceph. */
export const POOL_HASHPSPOOL: number = 1 << 0;
export const POOL_FULL: number = 1 << 1;
export const POOL_EC_OVERWRITES: number = 1 << 2;
export const POOL_FULL_QUOTA: number = 1 << 10;
export const POOL_NEARFULL: number = 1 << 11;
export const POOL_BACKFILLFULL: number = 1 << 12;

const VERSION_MAX = 29;
/** The first version with a length, which all that is read here needs. */
const VERSION_MIN = 14;
/** A placement group is a session of its own on an OSD; the largest pools have 2^17. */
const PGS_MAX = 2 ** 22;
const NAME_BYTES_MAX = 4096;
const ITEMS_MAX = 2 ** 24;
/** A snapshot's number and a structure; an interval; a string. */
const SNAP_BYTES = 14;
const INTERVAL_BYTES = 16;
const NUMBER_BYTES = 8;
const STRING_BYTES = 4;

export interface Pool {
  readonly id: number;
  readonly type: number;
  /** Copies; k + m of an erasure-coded pool. */
  readonly size: number;
  readonly minSize: number;
  readonly crushRule: number;
  readonly objectHash: number;
  readonly pgCount: number;
  /** For placement: as `pgCount` but while the pool grows or shrinks. */
  readonly pgpCount: number;
  /** POOL_…; those of 32 bits and above are not for clients. */
  readonly flags: number;
  /** The epoch of its last change, and of the last that made clients send again. */
  readonly lastChange: number;
  readonly lastForceResend: number;
  readonly snapSequence: bigint;
  /** Bytes of a full stripe of an erasure-coded pool, 0 of others: what writes are aligned to. */
  readonly stripeBytes: number;
  /** '' for pools that are not erasure-coded. */
  readonly erasureCodeProfile: string;
  /** 0: no limit. */
  readonly quotaBytes: bigint;
  readonly quotaObjects: bigint;
  /** Of the pool that stands before this one as a cache; −1: none. */
  readonly readTier: number;
  readonly writeTier: number;
}

/** Whether an OSD that is not there leaves no gap: a copy is as good as another. */
export function canShift({ type }: Pool): boolean {
  return type === REPLICATED;
}

/**
 * What the end of an object must be a multiple of to be appended to; 1: objects are written as one likes. Where it is
 * more, nothing but their end can be written, nothing truncated or zeroed, and there is no omap.
 */
export function appendAlignment({ type, flags, stripeBytes }: Pool): number {
  return type === ERASURE && (flags & POOL_EC_OVERWRITES) === 0 ? Math.max(1, stripeBytes) : 1;
}

export function readPool(reader: DencReader, id: number): Pool {
  const version = reader.enter(`pool ${id}`, VERSION_MAX);
  if (version < VERSION_MIN) throw reader.error(`its version is ${version}: a cluster from before 2014`);
  const type = reader.u8();
  if (type !== REPLICATED && type !== ERASURE) throw reader.error(`its type is ${type}`);
  const size = reader.u8();
  const crushRule = reader.u8();
  const objectHash = reader.u8();
  const pgCount = readCount(reader);
  const pgpCount = readCount(reader);
  reader.skip(2 * 4); // Of local placement groups, which are gone.
  const lastChange = reader.u32();
  const snapSequence = reader.u64();
  reader.skip(4); // The epoch of the last snapshot.
  skipSnaps(reader);
  reader.skip(NUMBER_BYTES); // An owner.
  const flags = Number(reader.u64() & 0xffffffffn) | 0;
  reader.skip(4); // crash_replay_interval
  const minSize = reader.u8();
  const quotaBytes = reader.u64();
  const quotaObjects = reader.u64();
  const { readTier, writeTier } = readTiers(reader);
  skipStringMap(reader);
  skipHitSets(reader);
  const stripeBytes = reader.u32();
  reader.skip(2 * NUMBER_BYTES + 4 * 4); // What an agent of a cache is told.
  const erasureCodeProfile = reader.string(NAME_BYTES_MAX);
  const lastForceResend = readForceResend(reader, version);
  reader.leave();
  return {
    ...{ id, type, size, minSize, crushRule, objectHash, pgCount, pgpCount, flags, lastChange, lastForceResend },
    ...{ snapSequence, stripeBytes, erasureCodeProfile, quotaBytes, quotaObjects, readTier, writeTier },
  };
}

function readCount(reader: DencReader): number {
  const count = reader.u32();
  if (count < 1 || count > PGS_MAX) throw reader.error(`it has ${count} placement groups`);
  return count;
}

function skipSnaps(reader: DencReader): void {
  const count = reader.list(ITEMS_MAX, SNAP_BYTES);
  for (let i = 0; i < count; i++) {
    reader.skip(NUMBER_BYTES);
    reader.enter('a snapshot', 2);
    reader.leave();
  }
  reader.skip(INTERVAL_BYTES * reader.list(ITEMS_MAX, INTERVAL_BYTES));
}

function readTiers(reader: DencReader): Pick<Pool, 'readTier' | 'writeTier'> {
  reader.skip(NUMBER_BYTES * reader.list(ITEMS_MAX, NUMBER_BYTES));
  reader.skip(NUMBER_BYTES + 1); // The pool that this is a tier of, and how it caches.
  const readTier = Number(reader.s64());
  return { readTier, writeTier: Number(reader.s64()) };
}

function skipStringMap(reader: DencReader): void {
  const count = reader.list(ITEMS_MAX, 2 * STRING_BYTES);
  for (let i = 0; i < 2 * count; i++) reader.blob();
}

function skipHitSets(reader: DencReader): void {
  reader.enter('its hit sets', 1);
  reader.leave();
  reader.skip(2 * 4);
}

/** It moved twice: clients of each age have a field of their own. */
function readForceResend(reader: DencReader, version: number): number {
  if (version < 15) return 0;
  let epoch = reader.u32();
  if (version < 25) return epoch;
  // Recency for reads, expected objects, a ratio, recency for writes, two truth values, and how hits age.
  reader.skip(4 + NUMBER_BYTES + 4 + 4 + 1 + 1 + 2 * 4);
  reader.enter('its options', 2);
  reader.leave();
  epoch = reader.u32();
  if (version < 28) return epoch;
  const applications = reader.list(ITEMS_MAX, 2 * STRING_BYTES);
  for (let i = 0; i < applications; i++) {
    reader.blob();
    skipStringMap(reader);
  }
  reader.skip(NUMBER_BYTES); // When it was made.
  // Counts that are aimed at or pending, and epochs that only 14.1 had.
  reader.skip(3 * 4 + 2 * 4);
  return reader.u32();
}
