// The slots of a session as a pure state machine: one request each, numbered, so that none is ever carried out twice.
import { assert } from '../../../base/assert.js';

const FREE = 0;
/** A request is out, or waits to be sent again with the same number. */
const BUSY = 1;
/** Its request was given up and may still be carried out: nobody may use the slot before that is known to be over. */
const LOST = 2;

/** More are of no use to one client: 64 MiB in flight at 1 MiB each. */
export const SLOTS_MAX = 64;

/**
 * RFC 8881 §2.10.6.1. The server answers a number that it has seen from its cache, *without comparing the request*
 * (measured): a number that may have been used is never used for anything else.
 *
 *            acquire            accepted: number + 1
 *      FREE ─────────▶ BUSY ─────────────────────────▶ FREE
 *                       │ refused: number as it was ──▶ FREE
 *                       └ lose ──▶ LOST ── fenced: number + 1 ──▶ FREE
 */
export class SlotTable {
  readonly count: number;
  readonly #state: Uint8Array;
  readonly #sequence: Uint32Array;
  /** The server's wish: higher ones are not used (sr_target_highest_slotid). */
  #target: number;
  #busy = 0;
  #lost = 0;

  /** RFC 8881 §2.10.6.1: the first request of a slot has number 1; tests begin elsewhere. */
  constructor(count: number, first = 1) {
    assert(count >= 1 && count <= SLOTS_MAX, 'a session has a slot, and not more than are of use');
    this.count = count;
    this.#state = new Uint8Array(count);
    this.#sequence = new Uint32Array(count).fill(first);
    this.#target = count - 1;
  }

  /** How many may be used at once. */
  get usable(): number {
    return this.#target + 1;
  }

  get busy(): number {
    return this.#busy;
  }

  get lost(): number {
    return this.#lost;
  }

  /** The lowest free slot, so that a server that wants fewer gets there soon; −1: none is free. */
  acquire(): number {
    for (let slot = 0; slot <= this.#target; slot++) {
      if (this.#state[slot] !== FREE) continue;
      this.#state[slot] = BUSY;
      this.#busy++;
      return slot;
    }
    return -1;
  }

  /** The number of the slot's request: of the one that is out, or of the next. */
  sequenceOf(slot: number): number {
    return this.#sequence[slot] ?? 0;
  }

  /** sa_highest_slotid: the highest with a request that the server has not answered. */
  highestUsed(): number {
    let slot = this.count - 1;
    while (slot > 0 && this.#state[slot] === FREE) slot--;
    return slot;
  }

  /** The server carried the SEQUENCE out, or says that it has done so before. */
  accepted(slot: number): void {
    this.#free(slot, BUSY);
    this.#advance(slot);
  }

  /** The server refused the SEQUENCE, or not a byte of it was sent: the number is still to be used. */
  refused(slot: number): void {
    this.#free(slot, BUSY);
  }

  /** Nobody waits for the request any more, and nobody knows what the server does with it. */
  lose(slot: number): void {
    assert(this.#state[slot] === BUSY, 'a slot is lost while its request is out');
    this.#state[slot] = LOST;
    this.#busy--;
    this.#lost++;
  }

  /** Whether this very request of the slot was lost. */
  isLost(slot: number, sequence: number): boolean {
    return this.#state[slot] === LOST && this.#sequence[slot] === sequence;
  }

  /** A bare SEQUENCE of the lost number was answered, or the request itself: it is carried out, or never will be. */
  fenced(slot: number): void {
    this.#free(slot, LOST);
    this.#advance(slot);
  }

  /** A word of the server: one slot stays usable, and no more than the session has. True: there are more than before. */
  setTarget(highest: number): boolean {
    const before = this.#target;
    this.#target = Math.min(highest, this.count - 1);
    return this.#target > before;
  }

  #free(slot: number, from: typeof BUSY | typeof LOST): void {
    assert(this.#state[slot] === from, 'a slot is given back from the state that it is in');
    this.#state[slot] = FREE;
    if (from === BUSY) this.#busy--;
    else this.#lost--;
  }

  #advance(slot: number): void {
    // A Uint32Array wraps to 0 behind 2^32−1, as the numbers do.
    this.#sequence[slot] = (this.#sequence[slot] ?? 0) + 1;
  }
}
