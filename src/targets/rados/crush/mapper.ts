// CRUSH: from a number and a rule to devices, as src/crush/mapper.c in Ceph has it since tunables "jewel" and before.
import { errors } from '../../../base/errors.js';
import {
  type ChooseArgsByBucket,
  type CrushBucket,
  type CrushMap,
  type CrushRule,
  type CrushStep,
  ITEM_NONE,
  refusedStep,
  STEP_CHOOSE_FIRSTN,
  STEP_CHOOSE_INDEP,
  STEP_CHOOSELEAF_FIRSTN,
  STEP_CHOOSELEAF_INDEP,
  STEP_EMIT,
  STEP_NOOP,
  STEP_SET_CHOOSE_LOCAL_FALLBACK_TRIES,
  STEP_SET_CHOOSE_LOCAL_TRIES,
  STEP_SET_CHOOSE_TRIES,
  STEP_SET_CHOOSELEAF_STABLE,
  STEP_SET_CHOOSELEAF_TRIES,
  STEP_SET_CHOOSELEAF_VARY_R,
  STEP_TAKE,
  UNIFORM,
  WEIGHT_ONE,
} from './crush-map.js';
import { chooseItem, permuted } from './draws.js';
import { hash2 } from './hash.js';

/** Not yet chosen, in a mapping with places. */
const ITEM_UNDEFINED = 0x7ffffffe;

/**
 * What one mapping may do, in draws of an item: far more than a map of thousands of devices needs, and much less
 * than a second. A map may ask for 2^31 tries.
 */
const DRAWS_MAX = 2 ** 20;

/** Places are bytes in pools: pg_pool_t::size. */
export const RESULT_MAX = 255;

/** What a step looks for, and where it puts it. */
interface Goal {
  readonly type: number;
  /** How many the rule wants: r grows by it from round to round. */
  readonly count: number;
  readonly tries: number;
  readonly out: Int32Array;
  /** Where in `out`, and in the leaves', this bucket's choices begin. */
  base: number;
  /** A device below each item: what is wanted then, in the same places. */
  readonly leaf: Goal | null;
}

/** How the choosing steps that follow choose: the map's tunables, until steps of a rule change them. */
interface Tries {
  total: number;
  /** 0: by the tunables. */
  leaf: number;
}

/** Not reentrant: one mapping at a time, with memory of its own that is reused. */
export class CrushMapper {
  readonly #map: CrushMap;
  readonly #chosen: Int32Array = new Int32Array(RESULT_MAX);
  readonly #leaves: Int32Array = new Int32Array(RESULT_MAX);
  readonly #from: Int32Array = new Int32Array(RESULT_MAX);
  // What holds for one mapping.
  #x = 0;
  #deviceWeights: Uint32Array = new Uint32Array(0);
  #args: ChooseArgsByBucket | null = null;
  #drawsLeft = 0;
  #localTries = 0;
  #fallbackTries = 0;
  #varyR = 0;
  #stable = 0;

  constructor(map: CrushMap) {
    this.#map = map;
  }

  /**
   * Into `result`, as many as it is long; gives how many. `deviceWeights` are by device, of WEIGHT_ONE: one that weighs
   * less is passed over for as many x, and one beyond the list is out.
   */
  map(
    rule: CrushRule,
    x: number,
    result: Int32Array,
    deviceWeights: Uint32Array,
    args: ChooseArgsByBucket | null,
  ): number {
    const { tunables } = this.#map;
    this.#x = x | 0;
    this.#deviceWeights = deviceWeights;
    this.#args = args;
    this.#drawsLeft = DRAWS_MAX;
    this.#localTries = tunables.chooseLocalTries;
    this.#fallbackTries = tunables.chooseLocalFallbackTries;
    this.#varyR = tunables.chooseleafVaryR;
    this.#stable = tunables.chooseleafStable;
    // The tunable counts what comes after the first try.
    const tries: Tries = { total: tunables.chooseTotalTries + 1, leaf: 0 };
    const room = Math.min(result.length, RESULT_MAX);
    let working = 0;
    let emitted = 0;
    for (const step of rule.steps) {
      switch (step.op) {
        case STEP_TAKE:
          if (!this.#exists(step.arg1)) break;
          this.#from[0] = step.arg1;
          working = 1;
          break;
        case STEP_CHOOSE_FIRSTN:
        case STEP_CHOOSE_INDEP:
        case STEP_CHOOSELEAF_FIRSTN:
        case STEP_CHOOSELEAF_INDEP:
          working = this.#choose(step, working, room, tries);
          break;
        case STEP_EMIT:
          for (let i = 0; i < working && emitted < room; i++) result[emitted++] = this.#from[i] ?? ITEM_NONE;
          working = 0;
          break;
        default:
          this.#set(rule, step, tries);
      }
    }
    return emitted;
  }

  #exists(item: number): boolean {
    return item >= 0 ? item < this.#map.maxDevices : this.#bucket(item) !== null;
  }

  #bucket(id: number): CrushBucket | null {
    return id < 0 ? (this.#map.buckets[-1 - id] ?? null) : null;
  }

  #set(rule: CrushRule, { op, arg1 }: CrushStep, tries: Tries): void {
    switch (op) {
      case STEP_NOOP:
        break;
      case STEP_SET_CHOOSE_TRIES:
        if (arg1 > 0) tries.total = arg1;
        break;
      case STEP_SET_CHOOSELEAF_TRIES:
        if (arg1 > 0) tries.leaf = arg1;
        break;
      case STEP_SET_CHOOSE_LOCAL_TRIES:
        if (arg1 >= 0) this.#localTries = arg1;
        break;
      case STEP_SET_CHOOSE_LOCAL_FALLBACK_TRIES:
        if (arg1 >= 0) this.#fallbackTries = arg1;
        break;
      case STEP_SET_CHOOSELEAF_VARY_R:
        if (arg1 >= 0) this.#varyR = arg1;
        break;
      case STEP_SET_CHOOSELEAF_STABLE:
        if (arg1 >= 0) this.#stable = arg1;
        break;
      default:
        throw refusedStep(rule, op);
    }
  }

  /** A choosing step: from each item that there is; what was chosen takes the place of the items. */
  #choose({ op, arg1, arg2: type }: CrushStep, working: number, room: number, tries: Tries): number {
    const firstn = op === STEP_CHOOSE_FIRSTN || op === STEP_CHOOSELEAF_FIRSTN;
    // 0 and below: as many as the pool wants, less that many.
    const count = arg1 > 0 ? arg1 : arg1 + room;
    if (working === 0 || count <= 0) return 0;
    let leaf: Goal | null = null;
    if (op === STEP_CHOOSELEAF_FIRSTN || op === STEP_CHOOSELEAF_INDEP) {
      const inherited = firstn && this.#map.tunables.chooseleafDescendOnce === 0 ? tries.total : 1;
      const leafTries = tries.leaf > 0 ? tries.leaf : inherited;
      leaf = { type: 0, count, tries: leafTries, out: this.#leaves, base: 0, leaf: null };
    }
    const goal: Goal = { type, count, tries: tries.total, out: this.#chosen, base: 0, leaf };
    let size = 0;
    for (let i = 0; i < working; i++) {
      const bucket = this.#bucket(this.#from[i] ?? 0);
      if (bucket === null) continue;
      goal.base = size;
      if (leaf !== null) leaf.base = size;
      if (firstn) {
        size += this.#firstn(bucket, goal, room - size);
      } else {
        const places = Math.min(count, room - size);
        this.#indep(bucket, goal, 0, places, 0);
        size += places;
      }
    }
    this.#from.set((leaf ?? goal).out.subarray(0, size));
    return size;
  }

  #draw(bucket: CrushBucket, r: number, place: number): number {
    this.#count(bucket.items.length);
    return chooseItem(bucket, this.#x, r, this.#args?.get(-1 - bucket.id), place);
  }

  #count(draws: number): void {
    this.#drawsLeft -= draws + 1;
    if (this.#drawsLeft < 0)
      throw errors.make(
        'ERR_DIORITE_UNSUPPORTED',
        `the CRUSH map asks for more than ${DRAWS_MAX} draws for one mapping`,
      );
  }

  /** Its type in the hierarchy; −1: there is no such item. */
  #typeOf(item: number): number {
    return item >= 0 ? 0 : (this.#bucket(item)?.type ?? -1);
  }

  /** Whether a device is passed over for this x: out, or reweighted and drawn against. */
  #isOut(device: number): boolean {
    const weight = this.#deviceWeights[device] ?? 0;
    if (weight >= WEIGHT_ONE) return false;
    return weight === 0 || (hash2(this.#x, device) & 0xffff) >= weight;
  }

  /** Different items, as many as the goal counts and `room` at most. One that cannot be had is left out. */
  #firstn(bucket: CrushBucket, goal: Goal, room: number): number {
    let found = 0;
    for (let replica = 0; replica < goal.count && found < room; replica++) {
      const item = this.#firstnItem(bucket, goal, replica, found);
      if (item === ITEM_NONE) continue;
      goal.out[goal.base + found] = item;
      found++;
    }
    return found;
  }

  /**
   *      descend:  bucket ─ draw ─▶ bucket ─ draw ─▶ item of the type     a refused item: again, with r + failures
   *                                    ▲─ here, localTries times if it collides, then fallbackTries by permutation
   *         ▲─ and from the top, up to `tries` in all
   */
  #firstnItem(bucket: CrushBucket, goal: Goal, firstR: number, found: number): number {
    const { out, base } = goal;
    let failures = 0;
    do {
      let within = bucket;
      let localFailures = 0;
      for (;;) {
        const r = firstR + failures;
        let collides = false;
        if (within.items.length === 0) {
          this.#count(0);
        } else {
          const item = this.#firstnDraw(within, r, found, localFailures);
          if (item >= this.#map.maxDevices) return ITEM_NONE;
          if (this.#typeOf(item) !== goal.type) {
            const below = this.#bucket(item);
            if (below === null) return ITEM_NONE;
            within = below;
            continue;
          }
          collides = holds(out, base, base + found, item);
          if (!collides && this.#firstnTakes(item, goal, r, found)) return item;
        }
        failures++;
        localFailures++;
        const again =
          (collides && localFailures <= this.#localTries) ||
          (this.#fallbackTries > 0 && localFailures <= within.items.length + this.#fallbackTries);
        if (!again) break;
      }
    } while (failures < goal.tries);
    return ITEM_NONE;
  }

  #firstnDraw(bucket: CrushBucket, r: number, found: number, localFailures: number): number {
    const { length } = bucket.items;
    const isStuck = this.#fallbackTries > 0 && localFailures >= length >> 1 && localFailures > this.#fallbackTries;
    if (!isStuck) return this.#draw(bucket, r, found);
    this.#count(length);
    return permuted(bucket, this.#x, r);
  }

  /** Whether an item is good: a device that is in, or a bucket with such a device where leaves are wanted. */
  #firstnTakes(item: number, { type, leaf }: Goal, r: number, found: number): boolean {
    if (leaf !== null) {
      const below = this.#bucket(item);
      let device = item;
      if (below !== null) {
        const parentR = this.#varyR > 0 ? r >> (this.#varyR - 1) : 0;
        device = this.#firstnItem(below, leaf, parentR + (this.#stable ? 0 : found), found);
      }
      if (device === ITEM_NONE) return false;
      leaf.out[leaf.base + found] = device;
    }
    return type !== 0 || !this.#isOut(item);
  }

  /**
   * An item for each place of the goal's from `first` on, in rounds over the places that are still empty: what one place
   * cannot have changes no other.
   */
  #indep(bucket: CrushBucket, goal: Goal, first: number, places: number, parentR: number): void {
    const { out, base } = goal;
    const leaves = goal.leaf?.out;
    const from = base + first;
    const to = from + places;
    out.fill(ITEM_UNDEFINED, from, to);
    leaves?.fill(ITEM_UNDEFINED, from, to);
    let left = places;
    for (let round = 0; left > 0 && round < goal.tries; round++) {
      this.#count(places);
      for (let place = first; place < first + places; place++) {
        if (out[base + place] !== ITEM_UNDEFINED) continue;
        const item = this.#indepItem(bucket, goal, first, places, place, place + parentR, round);
        if (item === ITEM_UNDEFINED) continue;
        out[base + place] = item;
        if (item === ITEM_NONE && leaves !== undefined) leaves[base + place] = item;
        left--;
      }
    }
    settle(out, from, to);
    if (leaves !== undefined) settle(leaves, from, to);
  }

  /** ITEM_UNDEFINED: not in this round. ITEM_NONE: never. */
  #indepItem(
    bucket: CrushBucket,
    goal: Goal,
    first: number,
    places: number,
    place: number,
    firstR: number,
    round: number,
  ): number {
    const { type, count, out, base, leaf } = goal;
    for (let within = bucket; ; ) {
      const size = within.items.length;
      if (size === 0) return ITEM_UNDEFINED;
      // A stride that divides the size of a permutation would come back to the same items.
      const stride = within.algorithm === UNIFORM && size % count === 0 ? count + 1 : count;
      const r = firstR + stride * round;
      const item = this.#draw(within, r, first);
      if (item >= this.#map.maxDevices) return ITEM_NONE;
      const below = this.#bucket(item);
      if (this.#typeOf(item) !== type) {
        if (below === null) return ITEM_NONE;
        within = below;
        continue;
      }
      if (holds(out, base + first, base + first + places, item)) return ITEM_UNDEFINED;
      if (leaf !== null && !this.#indepLeaf(item, below, leaf, place, r)) return ITEM_UNDEFINED;
      return type === 0 && this.#isOut(item) ? ITEM_UNDEFINED : item;
    }
  }

  #indepLeaf(item: number, below: CrushBucket | null, leaf: Goal, place: number, r: number): boolean {
    if (below === null) leaf.out[leaf.base + place] = item;
    else this.#indep(below, leaf, place, 1, r);
    return leaf.out[leaf.base + place] !== ITEM_NONE;
  }
}

/** What no round found is not there. */
function settle(list: Int32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) if (list[i] === ITEM_UNDEFINED) list[i] = ITEM_NONE;
}

function holds(list: Int32Array, from: number, to: number, item: number): boolean {
  for (let i = from; i < to; i++) if (list[i] === item) return true;
  return false;
}
