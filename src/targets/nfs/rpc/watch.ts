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
  /** Asked before a connection is taken for silent: bytes move, though nobody was told of them. */
  readonly moved: boolean;
  expire(nowMs: number): void;
  stalled(): void;
}

export class Watch {
  readonly #watched: Watched;
  readonly #stallMs: number;
  #timer: NodeJS.Timeout | null = null;
  #look: NodeJS.Immediate | null = null;
  #dueMs = 0;
  #activeMs = 0;
  /** Connections that fell silent one after the other. */
  #stalls = 0;
  readonly #tick: () => void = () => {
    this.#timer = null;
    // A timer's turn comes before a socket's: what has arrived in time, while something else ran, is taken first.
    this.#look = setImmediate(this.#check);
  };

  readonly #check: () => void = () => {
    this.#look = null;
    const nowMs = performance.now();
    // This process was stopped, or busy: nobody could have heard the server.
    if (nowMs - this.#dueMs > this.#silenceMs) this.#activeMs = nowMs;
    if (this.#watched.deadlineMs <= nowMs) this.#watched.expire(nowMs);
    if (this.#watched.waiting && nowMs >= this.#activeMs + this.#silenceMs) {
      if (this.#watched.moved) this.#activeMs = nowMs;
      else this.#stalled(nowMs);
    }
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
    if (this.#timer !== null || this.#look !== null || !this.#watched.pending) return;
    const nowMs = performance.now();
    const { waiting, deadlineMs } = this.#watched;
    const dueMs = Math.min(deadlineMs, (waiting ? this.#activeMs : nowMs) + this.#silenceMs);
    this.#dueMs = Math.max(dueMs, nowMs + TICK_MIN_MS);
    // Sockets and the wait before a new one keep the process alive, where anybody waits.
    this.#timer = setTimeout(this.#tick, this.#dueMs - nowMs).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#look !== null) clearImmediate(this.#look);
    this.#timer = null;
    this.#look = null;
  }

  #stalled(nowMs: number): void {
    this.#stalls++;
    this.#activeMs = nowMs;
    this.#watched.stalled();
  }
}
