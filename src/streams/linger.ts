// How long what was gathered may wait for more.
import type { Lease } from '../memory/pool.js';
import type { Gather } from './gather.js';

/**
 * What was gathered goes out after this long at the latest (twice, to be exact), though it fill no request: a slow
 * producer's bytes arrive, and nobody holds memory that others wait for. One timer serves all gathers of a stream, so that
 * a fast producer makes ten a second and not thousands.
 */
const LINGER_MS = 100;

export class Linger {
  readonly #gather: Gather;
  readonly #send: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(gather: Gather, send: () => void) {
    this.#gather = gather;
    this.#send = send;
  }

  /** Holds the process: what was taken is written, though nobody ends the stream. */
  start(): void {
    const { lease } = this.#gather;
    if (lease !== null) this.#timer ??= setTimeout(this.#over, LINGER_MS, lease);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  readonly #over = (since: Lease): void => {
    this.#timer = null;
    if (this.#gather.lease === since) this.#send();
    this.start();
  };
}
