// The next OSD map from one and what changed: neither is touched, and what did not change is shared.

import { errors } from '../../../base/errors.js';
import type { EntityAddress } from '../denc/entity-address.js';
import type { Incremental } from './incremental.js';
import {
  AFFINITY_DEFAULT,
  OSD_AUTOOUT,
  OSD_EXISTS,
  OSD_NEW,
  OSD_UP,
  type OsdMapData,
  type OsdStates,
  type PgChanges,
} from './osd-map-data.js';
import type { Pool } from './pool.js';

/** Changes fit the epoch before theirs alone. */
export function applyIncremental(map: OsdMapData, changes: Incremental): OsdMapData {
  if (changes.fsid !== map.fsid) throw mismatch(`of the cluster ${changes.fsid}, not of ${map.fsid}`);
  if (changes.epoch !== map.epoch + 1) throw mismatch(`to epoch ${changes.epoch}, and the map has ${map.epoch}`);
  if (changes.full !== null) return changes.full;
  return {
    fsid: map.fsid,
    epoch: changes.epoch,
    flags: changes.flags ?? map.flags,
    pools: changed(map.pools, stamped(changes.newPools, changes.epoch), changes.oldPools),
    poolNames: changed(map.poolNames, changes.newPoolNames, changes.oldPools),
    osds: changedOsds(map.osds, changes),
    pgs: changedPgs(map.pgs, changes),
    crush: changes.crush ?? map.crush,
    erasureCodeProfiles: changed(map.erasureCodeProfiles, changes.newProfiles, changes.oldProfiles),
  };
}

function mismatch(what: string): Error {
  return errors.make('ERR_DIORITE_UNSUPPORTED', `changes of the OSD map are ${what}`);
}

/** A pool changes in the epoch that says so. */
function stamped(pools: ReadonlyMap<number, Pool>, epoch: number): Map<number, Pool> {
  return new Map([...pools].map(([id, pool]) => [id, { ...pool, lastChange: epoch }]));
}

function changed<K, V>(before: ReadonlyMap<K, V>, set: ReadonlyMap<K, V>, removed: Iterable<K>): ReadonlyMap<K, V> {
  const gone = [...removed];
  if (set.size === 0 && gone.length === 0) return before;
  const after = new Map(before);
  for (const [key, value] of set) after.set(key, value);
  for (const key of gone) after.delete(key);
  return after;
}

/** As `changed`, where one value says that the entry is to go. */
function changedUnless<V>(
  before: ReadonlyMap<number, V>,
  set: ReadonlyMap<number, V>,
  isEnd: (value: V) => boolean,
): ReadonlyMap<number, V> {
  const gone = [...set].filter(([, value]) => isEnd(value)).map(([key]) => key);
  return changed(before, set, gone);
}

function changedPgs(pgs: PgChanges, changes: Incremental): PgChanges {
  return {
    temporary: changedUnless(pgs.temporary, changes.newTemporary, (osds) => osds.length === 0),
    temporaryPrimaries: changedUnless(pgs.temporaryPrimaries, changes.newTemporaryPrimaries, (osd) => osd === -1),
    upmaps: changed(pgs.upmaps, changes.newUpmaps, changes.oldUpmaps),
    upmapItems: changed(pgs.upmapItems, changes.newUpmapItems, changes.oldUpmapItems),
    upmapPrimaries: changed(pgs.upmapPrimaries, changes.newUpmapPrimaries, changes.oldUpmapPrimaries),
  };
}

function hasOsdChanges(changes: Incremental): boolean {
  const { newWeights, newAffinities, newStates, newUp } = changes;
  return changes.osdCount !== null || newWeights.size + newAffinities.size + newStates.size + newUp.size > 0;
}

/** The order is Ceph's: weights, affinities, states, then what is up. An OSD beyond the count is none. */
function changedOsds(before: OsdStates, changes: Incremental): OsdStates {
  if (!hasOsdChanges(changes)) return before;
  const count = changes.osdCount ?? before.states.length;
  const states = resized(before.states, count, 0);
  const weights = resized(before.weights, count, 0);
  const needsAffinities = before.affinities !== null || changes.newAffinities.size > 0;
  const affinities = needsAffinities ? resized(before.affinities ?? [], count, AFFINITY_DEFAULT) : null;
  const addresses: (readonly EntityAddress[])[] = Array.from({ length: count }, (_, id) => before.addresses[id] ?? []);
  for (const [osd, weight] of within(changes.newWeights, count)) {
    weights[osd] = weight;
    // What weighs something is there, and was brought in on purpose.
    if (weight > 0) states[osd] = ((states[osd] ?? 0) | OSD_EXISTS) & ~(OSD_AUTOOUT | OSD_NEW);
  }
  if (affinities !== null)
    for (const [osd, affinity] of within(changes.newAffinities, count)) affinities[osd] = affinity;
  for (const [osd, bits] of within(changes.newStates, count)) {
    const flipped = bits === 0 ? OSD_UP : bits;
    const state = states[osd] ?? 0;
    const isDestroyed = (state & flipped & OSD_EXISTS) !== 0;
    states[osd] = isDestroyed ? 0 : state ^ flipped;
    if (!isDestroyed) continue;
    addresses[osd] = [];
    if (affinities !== null) affinities[osd] = AFFINITY_DEFAULT;
  }
  for (const [osd, where] of within(changes.newUp, count)) {
    states[osd] = (states[osd] ?? 0) | OSD_EXISTS | OSD_UP;
    addresses[osd] = where;
  }
  return { states, weights, affinities, addresses };
}

function within<V>(byOsd: ReadonlyMap<number, V>, count: number): [number, V][] {
  return [...byOsd].filter(([osd]) => osd < count);
}

function resized(before: ArrayLike<number>, count: number, filling: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, index) => before[index] ?? filling);
}
