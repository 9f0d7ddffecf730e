// Devices that are done before the system call returns: whether this is one, and how long it may keep the event loop.
import { performance } from 'node:perf_hooks';

/** After a submission that found little done, so many go without a look. */
const SKIP = 64;
/** Completions are handled without a turn of the event loop in between for at most this long: timers and sockets wait. */
const STRETCH_MS = 2;

/**
 * Memory, and what lies in it (zram, brd, a loop over either), completes what it is given inside `io_uring_enter`. To be
 * told so through the eventfd costs an epoll_wait, a read and a callback for each batch, and at depth 1 most of the time.
 * Of a disk little is done by then, and what is done is better left to gather: one wake-up serves many.
 */
export class Promptness {
  #skip = 0;
  #untilMs = -1;

  /** Whether this submission should look for what is done at once. */
  get looks(): boolean {
    return this.#skip === 0;
  }

  /** A submission went without a look. */
  passed(): void {
    if (this.#skip > 0) this.#skip--;
  }

  /** Half of what was submitted, or more, is as much as a device that is prompt leaves done. */
  saw(submitted: number, done: number): void {
    if (done * 2 < submitted) this.#skip = SKIP;
  }

  /** Whether completions may be handled in this turn of the event loop still. */
  mayGoOn(): boolean {
    const nowMs = performance.now();
    if (this.#untilMs < 0) {
      this.#untilMs = nowMs + STRETCH_MS;
      setImmediate(this.#beginTurn);
    }
    return nowMs < this.#untilMs;
  }

  readonly #beginTurn = (): void => {
    this.#untilMs = -1;
  };
}
