// Keeps the client's lease on the server while it has files open there: a SEQUENCE from time to time (RFC 8881 §8.3).
import type { Operation } from './operation-call.js';

/** Nothing but the SEQUENCE that every compound begins with. */
const RENEW: Operation<void> = {
  what: 'SEQUENCE',
  operations: 0,
  encode: () => undefined,
  decode: () => undefined,
};

/** Where a server says nothing sensible: shorter than that of any known one. */
const LEASE_SECONDS_MIN = 1;
const LEASE_SECONDS_MAX = 3600;

/** What it renews by: the dispatcher. */
export interface Renewer {
  /** Of performance.now(): when a SEQUENCE was last accepted. */
  readonly lastRenewedMs: number;
  run<T>(operation: Operation<T>): Promise<T>;
}

export class Lease {
  readonly #renewer: Renewer;
  readonly #periodMs: number;
  readonly #nowMs: () => number;
  #timer: NodeJS.Timeout | null = null;
  #renewing = false;

  /** `nowMs`: for tests. */
  constructor(renewer: Renewer, leaseSeconds: number, nowMs: () => number = () => performance.now()) {
    this.#renewer = renewer;
    this.#nowMs = nowMs;
    this.#periodMs = (Math.min(Math.max(leaseSeconds, LEASE_SECONDS_MIN), LEASE_SECONDS_MAX) * 1000) / 3;
  }

  /** While there is state on the server. It keeps no process alive. Idempotent. */
  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), this.#periodMs).unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick(): void {
    // Any call renews: idle is half a period without one, so that at most 1.5 periods of the three pass without.
    if (this.#renewing || this.#nowMs() - this.#renewer.lastRenewedMs < this.#periodMs / 2) return;
    this.#renewing = true;
    // Nobody waits for it: an error is met again, and told, by whoever uses a file next.
    const done = (): void => {
      this.#renewing = false;
    };
    this.#renewer.run(RENEW).then(done, done);
  }
}
