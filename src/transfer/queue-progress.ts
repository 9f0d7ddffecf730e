// A queue is consumed by its transfer as it goes: the caller's iterator moves, and slots that were written are let go.
import { assert } from '../base/assert.js';
import type { IovIter } from '../iter/iov-iter.js';
import type { Direction } from '../plan/limits.js';

/**
 * Slots are let go when they hold this share of what is still to come: each drop moves the whole list, and a queue of
 * 262,144 pages would be moved once a request.
 */
const DROPPED_AT_ONCE = 1 / 16;

export class QueueProgress {
  readonly #caller: IovIter;
  /** Where the transfer stands, wherever the caller moves its own meanwhile. */
  readonly #at: IovIter;
  readonly #lets: boolean;
  readonly #unclaim: readonly (() => void)[];
  #bytes = 0;
  #keptBytes = 0;

  /** The caller's position is claimed too: it must be valid, wherever it is, when it is moved. */
  constructor(caller: IovIter, bytes: number, direction: Direction) {
    this.#caller = caller;
    this.#at = caller.dup();
    this.#at.truncate(bytes);
    this.#lets = direction === 'write';
    this.#unclaim = [caller.claim(), this.#at.claim()];
  }

  /** The first `bytes` of the transfer are done, and nobody needs their memory again. */
  reached(bytes: number): void {
    const step = bytes - this.#bytes;
    if (step <= 0) return;
    this.#move(step);
    if (this.#keptBytes >= this.#at.count * DROPPED_AT_ONCE) this.#letGo();
  }

  end(bytes: number): void {
    assert(bytes >= this.#bytes, 'what is consumed is done');
    this.#move(bytes - this.#bytes);
    this.#letGo();
    for (const unclaim of this.#unclaim) unclaim();
  }

  #move(bytes: number): void {
    if (bytes === 0) return;
    this.#bytes += bytes;
    this.#keptBytes += bytes;
    this.#at.advance(bytes);
    // The caller may have moved it meanwhile: a position past its end is not forced on it.
    this.#caller.advance(Math.min(bytes, this.#caller.count));
  }

  #letGo(): void {
    this.#keptBytes = 0;
    if (this.#lets) this.#at.dropConsumed();
  }
}
