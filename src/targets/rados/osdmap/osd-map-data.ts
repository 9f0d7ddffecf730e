// What an OSD map says, as it is decoded: nothing is computed yet.
import type { CrushMap } from '../crush/crush-map.js';
import type { EntityAddress } from '../denc/entity-address.js';
import type { Pool } from './pool.js';

/** CEPH_OSD_… of src/include/rados.h in Ceph: states of an OSD. */
export const OSD_EXISTS: number = 1 << 0;
export const OSD_UP: number = 1 << 1;
export const OSD_AUTOOUT: number = 1 << 2;
export const OSD_NEW: number = 1 << 3;

/** CEPH_OSDMAP_… of the same: flags of the cluster. */
export const MAP_NEARFULL: number = 1 << 0;
export const MAP_FULL: number = 1 << 1;
export const MAP_PAUSE_READS: number = 1 << 2;
export const MAP_PAUSE_WRITES: number = 1 << 3;

/** CEPH_OSD_DEFAULT_PRIMARY_AFFINITY: as likely to be primary as any. */
export const AFFINITY_DEFAULT = 0x10000;

/** From an OSD to the one that takes its place. */
export type UpmapItem = readonly [from: number, to: number];

/** By placement group: the key is pgKey's. */
export interface PgChanges {
  /** Instead of what CRUSH says, until data has moved. */
  readonly temporary: ReadonlyMap<number, readonly number[]>;
  readonly temporaryPrimaries: ReadonlyMap<number, number>;
  readonly upmaps: ReadonlyMap<number, readonly number[]>;
  readonly upmapItems: ReadonlyMap<number, readonly UpmapItem[]>;
  readonly upmapPrimaries: ReadonlyMap<number, number>;
}

/** Each array has an element for each OSD from 0 on. */
export interface OsdStates {
  readonly states: Uint32Array;
  readonly weights: Uint32Array;
  /** null: all have the default. */
  readonly affinities: Uint32Array | null;
  readonly addresses: readonly (readonly EntityAddress[])[];
}

export interface OsdMapData {
  /** As text with hyphens. */
  readonly fsid: string;
  readonly epoch: number;
  /** MAP_… */
  readonly flags: number;
  readonly pools: ReadonlyMap<number, Pool>;
  readonly poolNames: ReadonlyMap<number, string>;
  readonly osds: OsdStates;
  readonly pgs: PgChanges;
  readonly crush: CrushMap;
  readonly erasureCodeProfiles: ReadonlyMap<string, ReadonlyMap<string, string>>;
}
