// From a placement group to the OSDs that hold it: CRUSH, what operators and the balancer changed, and what is up just now.
import { chooseArgsOf, ITEM_NONE } from '../crush/crush-map.js';
import { hash2 } from '../crush/hash.js';
import type { CrushMapper } from '../crush/mapper.js';
import { AFFINITY_DEFAULT, OSD_EXISTS, OSD_UP, type OsdMapData } from './osd-map-data.js';
import { type PgId, pgKey, stableMod } from './pg.js';
import { canShift, POOL_HASHPSPOOL, type Pool } from './pool.js';

/** There is no primary. */
export const NO_OSD = -1;

/** Where a place has no OSD, ITEM_NONE stands in it: pools of copies have no such places. */
export interface Placement {
  /** By CRUSH, as far as it is up. */
  readonly up: readonly number[];
  readonly upPrimary: number;
  /** Who serves it: `up`, or others until data has moved. */
  readonly acting: readonly number[];
  /** Who is asked; NO_OSD: nobody can be. */
  readonly primary: number;
}

interface Chosen {
  readonly osds: readonly number[];
  readonly primary: number;
}

/**
 *      CRUSH ─▶ upmap ─▶ those that are up ─▶ affinity ─▶ up ─┬─▶ acting
 *                                             pg_temp, primary_temp ─┘
 */
export function place(map: OsdMapData, mapper: CrushMapper, pool: Pool, pg: PgId): Placement {
  const seed = placementSeed(pool, pg.seed);
  const raw = upmapped(map, pg, fromCrush(map, mapper, pool, seed));
  const osds = only(pool, raw, (osd) => isUp(map, osd));
  const up = withAffinity(map, pool, seed, { osds, primary: firstOf(osds) });
  const temporary = temporaryOf(map, pool, pg);
  if (temporary.osds.length > 0)
    return { up: up.osds, upPrimary: up.primary, acting: temporary.osds, primary: temporary.primary };
  const primary = temporary.primary === NO_OSD ? up.primary : temporary.primary;
  return { up: up.osds, upPrimary: up.primary, acting: up.osds, primary };
}

/** What CRUSH is asked with. Without the flag the groups of all pools fall together: pools from before 2013. */
function placementSeed(pool: Pool, seed: number): number {
  const folded = stableMod(seed, pool.pgpCount);
  return pool.flags & POOL_HASHPSPOOL ? hash2(folded, pool.id) : (folded + pool.id) | 0;
}

function fromCrush(map: OsdMapData, mapper: CrushMapper, pool: Pool, seed: number): number[] {
  const rule = map.crush.rules[pool.crushRule];
  if (rule === undefined || rule === null) return [];
  const result = new Int32Array(pool.size);
  const count = mapper.map(rule, seed, result, map.osds.weights, chooseArgsOf(map.crush, pool.id));
  const osds = Array.from(result.subarray(0, count));
  return only(pool, osds, (osd) => ((map.osds.states[osd] ?? 0) & OSD_EXISTS) !== 0);
}

export function isUp(map: OsdMapData, osd: number): boolean {
  const both = OSD_EXISTS | OSD_UP;
  return ((map.osds.states[osd] ?? 0) & both) === both;
}

/** Copies move up where one is missing; the parts of an erasure code keep their places. */
function only(pool: Pool, osds: readonly number[], isGood: (osd: number) => boolean): number[] {
  if (canShift(pool)) return osds.filter(isGood);
  return osds.map((osd) => (isGood(osd) ? osd : ITEM_NONE));
}

function firstOf(osds: readonly number[]): number {
  return osds.find((osd) => osd !== ITEM_NONE) ?? NO_OSD;
}

/** Whether nothing may be moved there: it is marked out. */
function isOut(map: OsdMapData, osd: number): boolean {
  return osd >= 0 && osd < map.osds.weights.length && map.osds.weights[osd] === 0;
}

/** Exceptions from CRUSH: the whole list, single OSDs of it, which of them comes first. */
function upmapped(map: OsdMapData, pg: PgId, raw: readonly number[]): readonly number[] {
  const key = pgKey(pg.pool, pg.seed);
  const { upmaps, upmapItems, upmapPrimaries } = map.pgs;
  const whole = upmaps.get(key);
  // One that names an OSD that is out holds no more, and nor does what was meant to follow it.
  if (whole?.some((osd) => isOut(map, osd))) return raw;
  let osds = whole ?? raw;
  for (const [from, to] of upmapItems.get(key) ?? []) {
    if (osds.includes(to) || isOut(map, to)) continue;
    const at = osds.indexOf(from);
    if (at >= 0) osds = osds.with(at, to);
  }
  const first = upmapPrimaries.get(key);
  const at = first === undefined || isOut(map, first) ? -1 : osds.indexOf(first);
  return at > 0 ? osds.with(at, osds[0] ?? ITEM_NONE).with(0, first ?? ITEM_NONE) : osds;
}

/** Each OSD is refused as primary for as large a part of the groups as its affinity is below the default. */
function withAffinity(map: OsdMapData, pool: Pool, seed: number, up: Chosen): Chosen {
  const { affinities } = map.osds;
  if (affinities === null) return up;
  const affinityOf = (osd: number): number => affinities[osd] ?? AFFINITY_DEFAULT;
  if (up.osds.every((osd) => osd === ITEM_NONE || affinityOf(osd) === AFFINITY_DEFAULT)) return up;
  const isTaken = (osd: number): boolean =>
    osd !== ITEM_NONE && (affinityOf(osd) >= AFFINITY_DEFAULT || hash2(seed, osd) >>> 16 < affinityOf(osd));
  const taken = up.osds.findIndex(isTaken);
  // All refused: the first there is.
  const at = taken >= 0 ? taken : up.osds.findIndex((osd) => osd !== ITEM_NONE);
  const primary = up.osds[at];
  if (primary === undefined) return up;
  if (!canShift(pool) || at === 0) return { osds: up.osds, primary };
  return { osds: [primary, ...up.osds.slice(0, at), ...up.osds.slice(at + 1)], primary };
}

function temporaryOf(map: OsdMapData, pool: Pool, pg: PgId): Chosen {
  const key = pgKey(pg.pool, pg.seed);
  const osds = only(pool, map.pgs.temporary.get(key) ?? [], (osd) => isUp(map, osd));
  return { osds, primary: map.pgs.temporaryPrimaries.get(key) ?? firstOf(osds) };
}
