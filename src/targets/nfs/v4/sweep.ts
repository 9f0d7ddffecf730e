// One timer that looks from time to time at all who wait: a timer for each would cost more than it tells.

/** Looks per timeout: who waits too long is told so late at most. */
const LOOKS = 16;
const PERIOD_MIN_MS = 10;

export class Sweep {
  readonly #periodMs: number;
  readonly #look: (nowMs: number) => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(timeoutMs: number, look: (nowMs: number) => void) {
    this.#periodMs = Math.max(PERIOD_MIN_MS, timeoutMs / LOOKS);
    this.#look = look;
  }

  /** One look, a period from now; somebody waits for it, so it keeps the process alive. Idempotent. */
  arm(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#look(performance.now());
    }, this.#periodMs);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
