// A CRUSH map: the tree of buckets, the rules that walk it, and what tunes them.
import { errors } from '../../../base/errors.js';

/** src/crush/crush.h in Ceph: CRUSH_BUCKET_… */
export const UNIFORM = 1;
export const LIST = 2;
export const TREE = 3;
export const STRAW = 4;
export const STRAW2 = 5;

const ALGORITHM_NAMES: readonly string[] = ['none', 'uniform', 'list', 'tree', 'straw', 'straw2'];

/** CRUSH_RULE_…: steps of rules. */
export const STEP_NOOP = 0;
export const STEP_TAKE = 1;
export const STEP_CHOOSE_FIRSTN = 2;
export const STEP_CHOOSE_INDEP = 3;
export const STEP_EMIT = 4;
export const STEP_CHOOSELEAF_FIRSTN = 6;
export const STEP_CHOOSELEAF_INDEP = 7;
export const STEP_SET_CHOOSE_TRIES = 8;
export const STEP_SET_CHOOSELEAF_TRIES = 9;
export const STEP_SET_CHOOSE_LOCAL_TRIES = 10;
export const STEP_SET_CHOOSE_LOCAL_FALLBACK_TRIES = 11;
export const STEP_SET_CHOOSELEAF_VARY_R = 12;
export const STEP_SET_CHOOSELEAF_STABLE = 13;

/** CRUSH_ITEM_NONE: no device at this place of a mapping. */
export const ITEM_NONE = 0x7fffffff;

/** Weights are fractions of this. */
export const WEIGHT_ONE = 0x10000;

export interface CrushBucket {
  /** Below 0; devices are 0 and above. */
  readonly id: number;
  /** '' where it has none. */
  readonly name: string;
  /** Of the hierarchy: 0 is a device, the rest are the cluster's own. */
  readonly type: number;
  readonly algorithm: number;
  readonly items: Int32Array;
  /** straw2: the items' weights; straw: the lengths of their straws; uniform: nothing. */
  readonly weights: Float64Array;
}

export interface CrushStep {
  readonly op: number;
  readonly arg1: number;
  readonly arg2: number;
}

export interface CrushRule {
  readonly id: number;
  readonly name: string;
  readonly steps: readonly CrushStep[];
}

export interface CrushTunables {
  readonly chooseLocalTries: number;
  readonly chooseLocalFallbackTries: number;
  readonly chooseTotalTries: number;
  readonly chooseleafDescendOnce: number;
  readonly chooseleafVaryR: number;
  readonly chooseleafStable: number;
}

/** Other weights, or other names to draw by, for the items of one straw2 bucket: what the balancer sets. */
export interface ChooseArgs {
  /** By position in the result; the last holds for all that follow. Empty: the bucket's own. */
  readonly weightSets: readonly Float64Array[];
  /** Empty: the items themselves. */
  readonly ids: Int32Array;
}

/** By −1 − id of the bucket. */
export type ChooseArgsByBucket = ReadonlyMap<number, ChooseArgs>;

export interface CrushMap {
  readonly maxDevices: number;
  /** By −1 − id. */
  readonly buckets: readonly (CrushBucket | null)[];
  readonly rules: readonly (CrushRule | null)[];
  readonly tunables: CrushTunables;
  readonly typeNames: ReadonlyMap<number, string>;
  /** By pool; −1 for pools that have none of their own. */
  readonly chooseArgs: ReadonlyMap<number, ChooseArgsByBucket>;
}

/** CrushWrapper::DEFAULT_CHOOSE_ARGS. */
const CHOOSE_ARGS_DEFAULT = -1;

export function chooseArgsOf(map: CrushMap, pool: number): ChooseArgsByBucket | null {
  return map.chooseArgs.get(pool) ?? map.chooseArgs.get(CHOOSE_ARGS_DEFAULT) ?? null;
}

/** A mapping went through a bucket that cannot be drawn from here. */
export function refusedBucket(bucket: CrushBucket): Error {
  const algorithm = ALGORITHM_NAMES[bucket.algorithm] ?? `number ${bucket.algorithm}`;
  const name = bucket.name === '' ? String(bucket.id) : `'${bucket.name}' (${bucket.id})`;
  return errors.make(
    'ERR_DIORITE_UNSUPPORTED',
    `the CRUSH bucket ${name} chooses by algorithm ${algorithm}; straw2, straw and uniform are supported`,
  );
}

export function refusedStep(rule: CrushRule, op: number): Error {
  return errors.make(
    'ERR_DIORITE_UNSUPPORTED',
    `the CRUSH rule '${rule.name}' (${rule.id}) has a step ${op}, unknown here`,
  );
}
