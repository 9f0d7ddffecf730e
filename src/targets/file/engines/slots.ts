// Who is in flight on a ring: a slot for each, whose number and generation go to the kernel and come back with the answer.
import { assert } from '../../../base/assert.js';
import type { Completable } from './later.js';

const SLOTS_MAX = 65536;

/** Nothing is made when a slot is taken or given back. */
export class Slots {
  readonly count: number;
  readonly #owners: (Completable | null)[];
  readonly #generations: Uint32Array;
  readonly #free: Uint16Array;
  #freeCount: number;

  constructor(count: number) {
    assert(count > 0 && count <= SLOTS_MAX, 'a slot has 16 bits');
    this.count = count;
    this.#owners = new Array<Completable | null>(count).fill(null);
    this.#generations = new Uint32Array(count);
    this.#free = new Uint16Array(count);
    for (let i = 0; i < count; i++) this.#free[i] = count - 1 - i;
    this.#freeCount = count;
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** The slot that `take` takes next; there is one. */
  get next(): number {
    return this.#free[this.#freeCount - 1] as number;
  }

  /** A generation of its own for each that takes the slot: what is answered twice, or late, is nobody's. */
  take(owner: Completable): number {
    assert(this.#freeCount > 0, 'who takes a slot has seen that there is one');
    const slot = this.#free[--this.#freeCount] as number;
    this.#generations[slot] = ((this.#generations[slot] as number) + 1) >>> 0;
    this.#owners[slot] = owner;
    return slot;
  }

  generationOf(slot: number): number {
    return this.#generations[slot] as number;
  }

  ownerOf(slot: number): Completable | null {
    return this.#owners[slot] ?? null;
  }

  /** Frees the slot, and says whose it was; null: nobody's of this generation. */
  giveBack(slot: number, generation: number): Completable | null {
    const owner = slot < this.count ? (this.#owners[slot] ?? null) : null;
    if (owner === null || this.#generations[slot] !== generation) return null;
    this.#owners[slot] = null;
    this.#free[this.#freeCount++] = slot;
    return owner;
  }
}
