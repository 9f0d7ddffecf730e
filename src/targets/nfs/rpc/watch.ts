// When something is late: calls past their deadline, and a connection from which nothing comes. One timer for all.

/** Parts of the timeout after which a silent connection is made again: the call has two more tries. */
const STALL_PARTS = 3;

/** Timers of less than that would spin. */
const TICK_MIN_MS = 1;

export interface Watched {
  /** When the oldest call's time is up; infinity: never, or nothing waits. */
  readonly deadlineMs: number;
  /** Calls wait on a connection. */
  readonly waiting: boolean;
  /** Whether the watch goes on. */
  readonly pending: boolean;
  expire(nowMs: number): void;
  stalled(): void;
}

export class Watch {
  readonly #watched: Watched;
  readonly #stallMs: number;
  #timer: NodeJS.Timeout | null = null;
  #activeMs = 0;
  /** Connections that fell silent one after the other. */
  #stalls = 0;
  readonly #tick: () => void = () => {
    this.#timer = null;
    this.#check(performance.now());
    this.start();
  };

  constructor(watched: Watched, timeoutMs: number) {
    this.#watched = watched;
    this.#stallMs = timeoutMs / STALL_PARTS;
  }

  /** Bytes moved, or there was nothing to move. */
  active(): void {
    this.#activeMs = performance.now();
  }

  /** The server answers. */
  answered(): void {
    this.#stalls = 0;
  }

  /** A server that is only slow gets more time with each connection, up to the whole timeout. */
  get #silenceMs(): number {
    return this.#stallMs * Math.min(STALL_PARTS, 1 + this.#stalls);
  }

  /** While calls wait. Cheap where it runs already. */
  start(): void {
    if (this.#timer !== null || !this.#watched.pending) return;
    const dueMs = Math.min(this.#watched.deadlineMs, this.#activeMs + this.#silenceMs) - performance.now();
    // Sockets and the wait before a new one keep the process alive, where anybody waits.
    this.#timer = setTimeout(this.#tick, Math.max(TICK_MIN_MS, dueMs)).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #check(nowMs: number): void {
    if (this.#watched.deadlineMs <= nowMs) this.#watched.expire(nowMs);
    if (!this.#watched.waiting || nowMs < this.#activeMs + this.#silenceMs) return;
    this.#stalls++;
    this.#activeMs = nowMs;
    this.#watched.stalled();
  }
}
