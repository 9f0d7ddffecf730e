// The OSD map as the client asks it: pools by name, OSDs and their addresses, and where an object is.
import { errors } from '../../../base/errors.js';
import { CrushMapper } from '../crush/mapper.js';
import type { EntityAddress } from '../denc/entity-address.js';
import { applyIncremental } from './apply.js';
import { decodeOsdMap } from './decode.js';
import { decodeIncremental } from './incremental.js';
import { HASH_LINUX, HASH_RJENKINS, jenkinsHash, linuxHash } from './name-hash.js';
import type { OsdMapData } from './osd-map-data.js';
import { type PgId, pgKey, stableMod } from './pg.js';
import { isUp, type Placement, place } from './placement.js';
import { ERASURE, type Pool } from './pool.js';

/** Placements that are kept: an epoch's. Beyond it they are forgotten all at once and computed again. */
const KEPT_MAX = 2 ** 16;

/** Between a namespace and a name, when they are hashed together: CEPH_NAMESPACE separator of pg_pool_t::hash_key. */
const NAMESPACE_END = 0x1f;

/** No part of an erasure code: shard_id_t::NO_SHARD. */
export const NO_SHARD = -1;

export interface Location extends Placement {
  readonly pg: PgId;
  /** Of the name, all 32 bits: requests carry it. */
  readonly hash: number;
  /** Which part of an erasure code the primary has, or NO_SHARD. */
  readonly shard: number;
}

/** Never changes: `apply` gives another. */
export class OsdMap {
  readonly data: OsdMapData;
  readonly #mapper: CrushMapper;
  readonly #kept: Map<number, Placement> = new Map();
  #byName: ReadonlyMap<string, Pool> | null = null;

  constructor(data: OsdMapData) {
    this.data = data;
    this.#mapper = new CrushMapper(data.crush);
  }

  static decode(bytes: Uint8Array): OsdMap {
    return new OsdMap(decodeOsdMap(bytes));
  }

  /** `bytes`: what changed since this epoch, as a monitor sends it. */
  apply(bytes: Uint8Array): OsdMap {
    return new OsdMap(applyIncremental(this.data, decodeIncremental(bytes)));
  }

  get epoch(): number {
    return this.data.epoch;
  }

  get fsid(): string {
    return this.data.fsid;
  }

  /** MAP_… of osd-map-data.ts. */
  get flags(): number {
    return this.data.flags;
  }

  pool(id: number): Pool | undefined {
    return this.data.pools.get(id);
  }

  poolNamed(name: string): Pool | undefined {
    this.#byName ??= this.#poolsByName();
    return this.#byName.get(name);
  }

  #poolsByName(): Map<string, Pool> {
    const found = new Map<string, Pool>();
    for (const [id, name] of this.data.poolNames) {
      const pool = this.data.pools.get(id);
      if (pool !== undefined) found.set(name, pool);
    }
    return found;
  }

  isUp(osd: number): boolean {
    return isUp(this.data, osd);
  }

  /** Of the OSD's public side; empty where it has none. */
  addressesOf(osd: number): readonly EntityAddress[] {
    return this.data.osds.addresses[osd] ?? [];
  }

  /** Where the object of a name is. '' is the default namespace. */
  locate(pool: Pool, namespace: string, name: string): Location {
    return this.locateHash(pool, hashOf(pool, namespace, name));
  }

  /** Where the objects are whose names have this hash. */
  locateHash(pool: Pool, hash: number): Location {
    const pg = { pool: pool.id, seed: stableMod(hash, pool.pgCount) };
    const placement = this.place(pool, pg.seed);
    const shard = pool.type === ERASURE ? placement.acting.indexOf(placement.primary) : NO_SHARD;
    return { ...placement, pg, hash, shard };
  }

  /** Where the placement group `seed` of a pool is. */
  place(pool: Pool, seed: number): Placement {
    const key = pgKey(pool.id, seed);
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    if (this.#kept.size >= KEPT_MAX) this.#kept.clear();
    const placement = place(this.data, this.#mapper, pool, { pool: pool.id, seed });
    this.#kept.set(key, placement);
    return placement;
  }
}

function hashOf(pool: Pool, namespace: string, name: string): number {
  const text = namespace === '' ? name : `${namespace}${String.fromCharCode(NAMESPACE_END)}${name}`;
  const bytes = Buffer.from(text);
  if (pool.objectHash === HASH_RJENKINS) return jenkinsHash(bytes);
  if (pool.objectHash === HASH_LINUX) return linuxHash(bytes);
  throw errors.make('ERR_DIORITE_UNSUPPORTED', `pool ${pool.id} hashes names by ${pool.objectHash}, unknown here`);
}
