// How many requests are out, and how many bytes: what is more waits, in order.
import type { OsdRequest } from './request.js';

export interface Limits {
  readonly requests: number;
  readonly bytes: number;
}

/** objecter_inflight_ops and objecter_inflight_op_bytes have these defaults too. */
export const LIMITS_DEFAULT: Limits = { requests: 1024, bytes: 100 * 1024 * 1024 };

function bytesOf({ payloadBytes, sink }: OsdRequest): number {
  return payloadBytes + (sink?.bytes ?? 0);
}

export class Throttle {
  readonly #limits: Limits;
  readonly #out: Set<OsdRequest> = new Set();
  readonly #waiting: Set<OsdRequest> = new Set();
  #outBytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Whether one more would wait. */
  get isFull(): boolean {
    return this.#waiting.size > 0 || this.#out.size >= this.#limits.requests || this.#outBytes >= this.#limits.bytes;
  }

  /** True: it may go. False: `next` gives it when it may. */
  enter(request: OsdRequest): boolean {
    if (this.isFull) {
      this.#waiting.add(request);
      return false;
    }
    this.#take(request);
    return true;
  }

  #take(request: OsdRequest): void {
    this.#out.add(request);
    this.#outBytes += bytesOf(request);
  }

  /** It has ended. */
  leave(request: OsdRequest): void {
    if (this.#waiting.delete(request)) return;
    if (this.#out.delete(request)) this.#outBytes -= bytesOf(request);
  }

  /** The next one that may go; null: none waits, or it may not go yet. */
  next(): OsdRequest | null {
    if (this.#out.size >= this.#limits.requests || this.#outBytes >= this.#limits.bytes) return null;
    for (const request of this.#waiting) {
      this.#waiting.delete(request);
      this.#take(request);
      return request;
    }
    return null;
  }
}
