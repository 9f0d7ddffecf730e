// Decodes a full OSD map: OSDMap::encode of Ceph, the part that is meant for clients.
import { readCrushMap } from '../crush/decode.js';
import { type EntityAddress, readAddresses } from '../denc/entity-address.js';
import { DencReader } from '../denc/reader.js';
import { decodeClientPart, type Envelope } from './envelope.js';
import {
  OSDS_MAX,
  POOLS_MAX,
  readMap,
  readName,
  readOsdCount,
  readOsdList,
  readPgMap,
  readProfiles,
  readS32,
  readUpmapItems,
  readUuid,
  skipSnapsByPool,
  TIME_BYTES,
} from './fields.js';
import type { OsdMapData, OsdStates, PgChanges, UpmapItem } from './osd-map-data.js';
import { readPoolId } from './pg.js';
import { readPool } from './pool.js';

const ENVELOPE: Envelope = {
  name: 'an OSD map',
  /** 9 is 16 (pacific), 10 is 18 (reef). */
  compatMax: 10,
  /** Since then states are words and there are upmaps. */
  versionMin: 5,
  versionMinRelease: 'Ceph 12 (luminous)',
};

const WORD_BYTES = 4;
/** A pool's number and structure; its number and name. */
const POOL_BYTES = 14;
const POOL_NAME_BYTES = 12;
/** Form and count. */
const ADDRESSES_BYTES = 5;

export function decodeOsdMap(bytes: Uint8Array): OsdMapData {
  return decodeClientPart(bytes, ENVELOPE, readClientPart);
}

function readClientPart(reader: DencReader, version: number): OsdMapData {
  const fsid = readUuid(reader);
  const epoch = reader.u32();
  reader.skip(2 * TIME_BYTES); // Created, modified.
  const pools = readMap(reader, POOLS_MAX, POOL_BYTES, readPoolId, readPool);
  const poolNames = readMap(reader, POOLS_MAX, POOL_NAME_BYTES, readPoolId, readName);
  reader.skip(WORD_BYTES); // The highest number of a pool so far.
  const flags = reader.u32();
  const count = readOsdCount(reader);
  const states = readWords(reader, count, 'states');
  const weights = readWords(reader, count, 'weights');
  const addresses = readAddressList(reader, count);
  const temporary = readPgMap(reader, readOsdList);
  const temporaryPrimaries = readPgMap(reader, readS32);
  const affinities = readAffinities(reader, count);
  const crush = readCrushMap(new DencReader(reader.blob(), `the CRUSH map of epoch ${epoch}`));
  const erasureCodeProfiles = readProfiles(reader);
  const upmaps = readPgMap(reader, readOsdList);
  const upmapItems: Map<number, readonly UpmapItem[]> = readPgMap(reader, readUpmapItems);
  const upmapPrimaries = readLater(reader, version);
  const osds: OsdStates = { states, weights, affinities, addresses };
  const pgs: PgChanges = { temporary, temporaryPrimaries, upmaps, upmapItems, upmapPrimaries };
  return { fsid, epoch, flags, pools, poolNames, osds, pgs, crush, erasureCodeProfiles };
}

function readWords(reader: DencReader, count: number, what: string): Uint32Array {
  const length = reader.list(OSDS_MAX, WORD_BYTES);
  if (length !== count) throw reader.error(`it has ${length} ${what} of ${count} OSDs`);
  return Uint32Array.from({ length }, () => reader.u32());
}

function readAddressList(reader: DencReader, count: number): (readonly EntityAddress[])[] {
  const length = reader.list(OSDS_MAX, ADDRESSES_BYTES);
  if (length !== count) throw reader.error(`it has ${length} addresses of ${count} OSDs`);
  return Array.from({ length }, () => readAddresses(reader));
}

/** Empty: nobody changed any. */
function readAffinities(reader: DencReader, count: number): Uint32Array | null {
  const length = reader.list(OSDS_MAX, WORD_BYTES);
  if (length === 0) return null;
  if (length !== count) throw reader.error(`it has ${length} affinities of ${count} OSDs`);
  return Uint32Array.from({ length }, () => reader.u32());
}

/** What versions above 5 added, up to the primaries that 10 has. */
function readLater(reader: DencReader, version: number): ReadonlyMap<number, number> {
  if (version < 10) return new Map();
  reader.skip(WORD_BYTES); // The CRUSH map's version.
  skipSnapsByPool(reader);
  skipSnapsByPool(reader);
  reader.skip(2 * TIME_BYTES); // When an OSD last went up or down, in or out.
  return readPgMap(reader, readS32);
}
