// One transfer's part in its target's pace: which answers count, and limits with the request size that is in force.
import { performance } from 'node:perf_hooks';
import type { Limits } from '../plan/limits.js';
import type { Chosen, Pace } from './pace.js';

/** A shorter transfer is over before anything could be learnt from it, and goes by the target's own defaults. */
export const PACED_BYTES_MIN: number = 4 * 1024 * 1024;

export class Pacing {
  readonly #pace: Pace;
  #base: Limits | null = null;
  #scaled: Limits | null = null;

  constructor(pace: Pace) {
    this.#pace = pace;
    pace.used(1);
  }

  get depth(): number {
    return this.#pace.depth;
  }

  get chosen(): Chosen {
    return this.#pace.chosen;
  }

  end(): void {
    this.#pace.used(-1);
  }

  /** The target's limits with the size that requests have now; the same object while nothing changes. */
  scale(limits: Limits): Limits {
    const { maxBytes, endAlignment } = limits;
    const bestBytes = Math.max(endAlignment, Math.min(this.#pace.requestBytes, maxBytes));
    if (bestBytes === limits.bestBytes) return limits;
    if (this.#scaled !== null && this.#base === limits && this.#scaled.bestBytes === bestBytes) return this.#scaled;
    this.#base = limits;
    this.#scaled = { ...limits, bestBytes };
    return this.#scaled;
  }

  /** A request was handed over, since `startedMs`. */
  sent(startedMs: number): void {
    this.#pace.submitted(performance.now() - startedMs);
  }

  /** A request came back, and what there was room for has gone out; `more`: there is more to send. */
  released(bytes: number, more: boolean): void {
    if (more) this.#pace.answered(bytes, performance.now());
    else this.#pace.interrupted();
  }

  /** It waits for what is no part of the target: memory to stage in. */
  waits(): void {
    this.#pace.interrupted();
  }
}
