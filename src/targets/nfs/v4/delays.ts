// Calls that the server asked to come again later, and their timers.
import type { SessionCall } from './session-call.js';

export class Delays {
  readonly #calls: Set<SessionCall> = new Set();
  readonly #over: (call: SessionCall) => void;

  /** `over`: the pause is done; the call is among the delayed no more. */
  constructor(over: (call: SessionCall) => void) {
    this.#over = over;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Somebody waits for it: the timer keeps the process alive. */
  add(call: SessionCall, delayMs: number): void {
    this.#calls.add(call);
    call.timer = setTimeout(() => {
      this.remove(call);
      this.#over(call);
    }, delayMs);
  }

  /** Nothing where it is not delayed. */
  remove(call: SessionCall): void {
    if (call.timer !== null) clearTimeout(call.timer);
    call.timer = null;
    this.#calls.delete(call);
  }

  /** Takes all out. */
  clear(): SessionCall[] {
    const calls = [...this.#calls];
    for (const call of calls) this.remove(call);
    return calls;
  }
}
