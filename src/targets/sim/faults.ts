// What goes wrong in the simulator, and when: scripts ("the third write fails") and chances by seed.
import { assert } from '../../base/assert.js';
import type { Prng } from './prng.js';

/**
 * - `EIO`, `ENOSPC`, `ETIMEDOUT`: an error; of a write, any part of its sectors has landed; of a read, any part of its
 *   memory was filled. `ETIMEDOUT` comes late. With the code on the simulator's `noEffect` list nothing has landed.
 * - `EINVAL`, `EAGAIN`, `EINTR`, `EPIPE`: an error, and nothing happened.
 * - `short`: fewer bytes than asked, a multiple of the offset alignment (nothing to shorten: no fault);
 *   `short-unaligned`: any number of bytes, at least one; `zero`: none. All say "continue".
 * - `full`: the submission is refused though there is room; `onceDrained` calls back later.
 * - `late`, `early`: answered long after, or before, everything that was sent at the same time.
 * - `no-answer`: never answered, until it is cancelled (and never then, where the target ignores `cancel`).
 * - `resize`: the target has `size` bytes from now on (another process truncated or extended it); then as without fault.
 */
export type FaultKind =
  | 'EIO'
  | 'ENOSPC'
  | 'ETIMEDOUT'
  | 'EINVAL'
  | 'EAGAIN'
  | 'EINTR'
  | 'EPIPE'
  | 'short'
  | 'short-unaligned'
  | 'zero'
  | 'full'
  | 'late'
  | 'early'
  | 'no-answer'
  | 'resize';

export type FaultedOperation = 'read' | 'write' | 'sync';

/**
 * Hits an operation when all that is given holds. `{ at: 3, fault: 'EIO' }`: the third operation, once.
 * `{ range, fault: 'EIO' }`: a bad extent, for ever. `{ chance: 0.01, fault: 'short' }`: one in a hundred, by seed.
 */
export interface FaultRule {
  readonly fault: FaultKind;
  /** What it can hit; without it, reads and writes. A `sync` can only fail (EIO, ENOSPC …). */
  readonly on?: FaultedOperation;
  /** From the N-th on, counted from 1 over the operations that `on` selects, refused submissions included. */
  readonly at?: number;
  /** Only what touches these bytes. */
  readonly range?: { readonly offset: number; readonly length: number };
  /** Only with this probability. */
  readonly chance?: number;
  /** How often in all. By default once with `at` (a transient fault), Infinity otherwise (a persistent one). */
  readonly times?: number;
  /** For `short` and `short-unaligned`: how many bytes are moved; without it, any number. */
  readonly bytes?: number;
  /** For `resize`. */
  readonly size?: number;
}

interface RuleState {
  readonly rule: FaultRule;
  readonly timesMax: number;
  seen: number;
  hits: number;
}

/** The rules in their order: the first that matches wins. */
export class Faults {
  readonly #states: RuleState[];
  readonly #prng: Prng;

  constructor(rules: readonly FaultRule[], prng: Prng) {
    this.#prng = prng;
    this.#states = rules.map((rule) => {
      assert(rule.fault !== 'resize' || rule.size !== undefined, 'a resize says to what size');
      assert(rule.at === undefined || rule.at >= 1, 'operations are counted from 1');
      const timesMax = rule.times ?? (rule.at === undefined ? Number.POSITIVE_INFINITY : 1);
      return { rule, timesMax, seen: 0, hits: 0 };
    });
  }

  /** The rule that hits the operation now beginning, or null. Counts it, so it is asked once per operation. */
  next(operation: FaultedOperation, touches: (offset: number, length: number) => boolean): FaultRule | null {
    let found: FaultRule | null = null;
    for (const state of this.#states) {
      if (!selects(state.rule, operation)) continue;
      state.seen++;
      if (!this.#matches(state, touches)) continue;
      // Also where an earlier rule wins: "once, at the third" must not become the fourth.
      state.hits++;
      found ??= state.rule;
    }
    return found;
  }

  #matches(state: RuleState, touches: (offset: number, length: number) => boolean): boolean {
    const { at, range, chance } = state.rule;
    if (state.hits >= state.timesMax) return false;
    if (at !== undefined && state.seen < at) return false;
    if (range !== undefined && !touches(range.offset, range.length)) return false;
    return chance === undefined || this.#prng.chance(chance);
  }
}

function selects(rule: FaultRule, operation: FaultedOperation): boolean {
  return rule.on === undefined ? operation !== 'sync' : rule.on === operation;
}
