// How long whoever has aborted still waits for a server: so that it can clear up, and no longer where it says nothing.
import { errors } from '../../base/errors.js';
import { COURTESY_MS } from './within.js';

export class Patience {
  readonly #signal: AbortSignal;
  readonly #waiting: Set<() => void> = new Set();
  #timer: NodeJS.Timeout | null = null;
  #isOver = false;
  readonly #aborted = (): void => {
    this.#timer = setTimeout(() => this.#lose(), COURTESY_MS);
  };

  /** Whoever made it ends it. */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    if (signal.aborted) this.#aborted();
    else signal.addEventListener('abort', this.#aborted, { once: true });
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Settles as the work does, or with an AbortError once patience is over: what the work gives later goes to `late`. */
  wait<T>(work: () => Promise<T>, late: (value: T) => unknown = () => undefined): Promise<T> {
    if (this.#isOver) return Promise.reject(errors.aborted(this.#signal.reason));
    return new Promise((resolve, reject) => {
      const working = work();
      const giveUp = (): void => {
        reject(errors.aborted(this.#signal.reason));
        // Nobody is left to be told of an error.
        working.then(late).catch(() => undefined);
      };
      this.#waiting.add(giveUp);
      const settled = (): void => {
        this.#waiting.delete(giveUp);
      };
      working.finally(settled).then(resolve, reject);
    });
  }

  /** Nobody waits any more, or will. Idempotent. */
  end(): void {
    this.#signal.removeEventListener('abort', this.#aborted);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #lose(): void {
    this.#isOver = true;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const giveUp of waiting) giveUp();
  }
}
