// When tickets are to be asked for again: one timer, which keeps no process alive.
import { DioriteError } from '../../../base/errors.js';
import type { Tickets } from '../auth/tickets.js';

/** setTimeout takes no more than 2^31−1 ms: tickets that live longer are looked at then. */
const TIMER_MAX_MS = 2 ** 31 - 1;
/** A renewal that failed is tried again, but not all the time. */
const AGAIN_MS = 1_000;

export class TicketClock {
  readonly #tickets: Tickets;
  readonly #renew: () => Promise<void>;
  #timer: NodeJS.Timeout | null = null;
  #running = false;

  /** `renew` may stop this clock, and start it again. */
  constructor(tickets: Tickets, renew: () => Promise<void>) {
    this.#tickets = tickets;
    this.#renew = renew;
  }

  /** Cheap where it runs already. */
  start(): void {
    this.#running = true;
    this.#set(0);
  }

  stop(): void {
    this.#running = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #set(leastMs: number): void {
    const { renewAtMs } = this.#tickets;
    if (!this.#running || renewAtMs === Number.POSITIVE_INFINITY) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const dueMs = Math.min(TIMER_MAX_MS, Math.max(leastMs, renewAtMs - performance.now()));
    this.#timer = setTimeout(() => void this.#tick(), dueMs).unref();
  }

  async #tick(): Promise<void> {
    this.#timer = null;
    try {
      if (this.#tickets.renewAtMs <= performance.now()) await this.#renew();
    } catch (error) {
      // Connections that need a ticket say so themselves when it has run out.
      if (!(error instanceof DioriteError)) throw error;
    }
    this.#set(AGAIN_MS);
  }
}
