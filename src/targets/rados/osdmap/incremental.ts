// Decodes what changed from one epoch of the OSD map to the next: OSDMap::Incremental of Ceph, the part that is meant for clients.

import type { CrushMap } from '../crush/crush-map.js';
import { readCrushMap } from '../crush/decode.js';
import { type EntityAddress, readAddresses } from '../denc/entity-address.js';
import { DencReader } from '../denc/reader.js';
import { decodeOsdMap } from './decode.js';
import { decodeClientPart, type Envelope } from './envelope.js';
import {
  POOLS_MAX,
  PROFILES_MAX,
  readByOsd,
  readMap,
  readName,
  readOsdCount,
  readOsdList,
  readPgMap,
  readPgSet,
  readProfiles,
  readS32,
  readU32,
  readUpmapItems,
  readUuid,
  skipSnapsByPool,
  TIME_BYTES,
} from './fields.js';
import type { OsdMapData, UpmapItem } from './osd-map-data.js';
import { readPoolId } from './pg.js';
import { type Pool, readPool } from './pool.js';

const ENVELOPE: Envelope = {
  name: 'changes of the OSD map',
  /** 8 is 16 (pacific), 9 is 18 (reef). */
  compatMax: 9,
  /** Since then addresses are of both messengers. */
  versionMin: 7,
  versionMinRelease: 'Ceph 14 (nautilus)',
};

const POOL_BYTES = 14;
const POOL_NAME_BYTES = 12;
const POOL_ID_BYTES = 8;
const STRING_BYTES = 4;

export interface Incremental {
  readonly fsid: string;
  readonly epoch: number;
  /** Instead of all that follows. */
  readonly full: OsdMapData | null;
  /** null: as it was, here and below. */
  readonly flags: number | null;
  readonly crush: CrushMap | null;
  readonly osdCount: number | null;
  readonly newPools: ReadonlyMap<number, Pool>;
  readonly newPoolNames: ReadonlyMap<number, string>;
  readonly oldPools: readonly number[];
  /** OSDs that came up, and where. */
  readonly newUp: ReadonlyMap<number, readonly EntityAddress[]>;
  /** Bits that change: 0 stands for OSD_UP. */
  readonly newStates: ReadonlyMap<number, number>;
  readonly newWeights: ReadonlyMap<number, number>;
  readonly newAffinities: ReadonlyMap<number, number>;
  /** An empty list ends it. */
  readonly newTemporary: ReadonlyMap<number, readonly number[]>;
  /** −1 ends it. */
  readonly newTemporaryPrimaries: ReadonlyMap<number, number>;
  readonly newUpmaps: ReadonlyMap<number, readonly number[]>;
  readonly oldUpmaps: readonly number[];
  readonly newUpmapItems: ReadonlyMap<number, readonly UpmapItem[]>;
  readonly oldUpmapItems: readonly number[];
  readonly newUpmapPrimaries: ReadonlyMap<number, number>;
  readonly oldUpmapPrimaries: readonly number[];
  readonly newProfiles: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly oldProfiles: readonly string[];
}

export function decodeIncremental(bytes: Uint8Array): Incremental {
  return decodeClientPart(bytes, ENVELOPE, readClientPart);
}

function readClientPart(reader: DencReader, version: number): Incremental {
  const fsid = readUuid(reader);
  const epoch = reader.u32();
  reader.skip(TIME_BYTES); // Modified.
  reader.skip(8); // The highest number of a pool so far.
  const flags = reader.s32();
  const full = reader.blob();
  const crush = reader.blob();
  const osdCount = readOsdCount(reader);
  const newPools = readMap(reader, POOLS_MAX, POOL_BYTES, readPoolId, readPool);
  const newPoolNames = readMap(reader, POOLS_MAX, POOL_NAME_BYTES, readPoolId, readName);
  const oldPools = Array.from({ length: reader.list(POOLS_MAX, POOL_ID_BYTES) }, () => readPoolId(reader));
  const newUp = readByOsd(reader, readAddresses);
  const newStates = readByOsd(reader, readU32);
  const newWeights = readByOsd(reader, readU32);
  const newTemporary = readPgMap(reader, readOsdList);
  const newTemporaryPrimaries = readPgMap(reader, readS32);
  const newAffinities = readByOsd(reader, readU32);
  const newProfiles = readProfiles(reader);
  const oldProfiles = Array.from({ length: reader.list(PROFILES_MAX, STRING_BYTES) }, () => readName(reader));
  const newUpmaps = readPgMap(reader, readOsdList);
  const oldUpmaps = readPgSet(reader);
  const newUpmapItems: Map<number, readonly UpmapItem[]> = readPgMap(reader, readUpmapItems);
  const oldUpmapItems = readPgSet(reader);
  return {
    fsid,
    epoch,
    full: full.length > 0 ? decodeOsdMap(full) : null,
    flags: flags < 0 ? null : flags,
    crush: crush.length > 0 ? readCrushMap(new DencReader(crush, `the CRUSH map of epoch ${epoch}`)) : null,
    osdCount: osdCount < 0 ? null : osdCount,
    ...{ newPools, newPoolNames, oldPools, newUp, newStates, newWeights, newAffinities, newProfiles, oldProfiles },
    ...{ newTemporary, newTemporaryPrimaries, newUpmaps, oldUpmaps, newUpmapItems, oldUpmapItems },
    ...readUpmapPrimaries(reader, version),
  };
}

function readUpmapPrimaries(
  reader: DencReader,
  version: number,
): Pick<Incremental, 'newUpmapPrimaries' | 'oldUpmapPrimaries'> {
  if (version < 9) return { newUpmapPrimaries: new Map(), oldUpmapPrimaries: [] };
  skipSnapsByPool(reader);
  skipSnapsByPool(reader);
  reader.skip(2 * TIME_BYTES);
  return { newUpmapPrimaries: readPgMap(reader, readS32), oldUpmapPrimaries: readPgSet(reader) };
}
