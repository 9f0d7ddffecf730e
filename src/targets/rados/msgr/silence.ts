// Whether a daemon that owes an answer is still there: it is asked when it has said nothing for a while, and lost when it says nothing then.

/** Without a word for half of its time it is asked whether it is there; the other half is for its answer. */
const PARTS = 2;
const TICK_MIN_MS = 1;

export interface SilenceUser {
  /** Whether it owes anything now. */
  readonly owes: boolean;
  ask(): void;
  silent(): void;
}

export class Silence {
  readonly #user: SilenceUser;
  readonly #partMs: number;
  #heardMs: number = performance.now();
  /** When it was asked; 0: it was not. */
  #askedMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #look: NodeJS.Immediate | null = null;

  constructor(timeoutMs: number, user: SilenceUser) {
    this.#user = user;
    this.#partMs = timeoutMs / PARTS;
  }

  /** Something came, or nothing was owed until now. */
  heard(): void {
    this.#heardMs = performance.now();
    this.#askedMs = 0;
  }

  /** While it owes something. Cheap where it runs already. */
  start(): void {
    if (this.#timer !== null || this.#look !== null || !this.#user.owes) return;
    const dueMs = (this.#askedMs > 0 ? this.#askedMs : this.#heardMs) + this.#partMs - performance.now();
    // Sockets keep the process alive, where anybody waits.
    this.#timer = setTimeout(this.#tick, Math.max(TICK_MIN_MS, dueMs)).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#look !== null) clearImmediate(this.#look);
    this.#timer = this.#look = null;
  }

  /** Of a process that was busy or stopped, timers come before what arrived meanwhile: that is heard first. */
  readonly #tick: () => void = () => {
    this.#timer = null;
    this.#look = setImmediate(this.#check);
  };

  readonly #check: () => void = () => {
    this.#look = null;
    if (!this.#user.owes) return;
    const nowMs = performance.now();
    if (this.#askedMs > 0 && nowMs >= this.#askedMs + this.#partMs) {
      this.#user.silent();
      return;
    }
    if (this.#askedMs === 0 && nowMs >= this.#heardMs + this.#partMs) {
      this.#askedMs = nowMs;
      this.#user.ask();
    }
    this.start();
  };
}
