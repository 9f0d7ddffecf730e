// How long to wait before the next try to connect: not at all after a connection that was of use, then longer and longer.
import { randomInt } from 'node:crypto';

const FIRST_MS = 100;
const MAX_MS = 15_000;
/** So that the clients of a server that came back do not come all at once: a tenth more at most. */
const JITTER_PER_CENT = 10;

/** A call that may take so long in all still sees several tries, whenever it begins. */
const TRIES_PER_CALL = 8;

export class BackOff {
  readonly #longestMs: number;
  #tries = 0;

  /** `callMs`: how long a call may take. */
  constructor(callMs: number = Number.POSITIVE_INFINITY) {
    this.#longestMs = Math.max(FIRST_MS, Math.min(MAX_MS, callMs / TRIES_PER_CALL));
  }

  /** The connection was of use. */
  reset(): void {
    this.#tries = 0;
  }

  /** 0, then 100 ms, 200 ms … 15 s, or less where calls have no time for it. */
  nextMs(): number {
    const tries = this.#tries++;
    if (tries === 0) return 0;
    const delayMs = Math.min(this.#longestMs, FIRST_MS * 2 ** Math.min(tries - 1, 30));
    return (delayMs * (100 + randomInt(JITTER_PER_CENT + 1))) / 100;
  }
}
