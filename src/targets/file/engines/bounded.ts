// A queue before the thread pool: so many operations are taken, and so many of them handed on at a time.
import { assert } from '../../../base/assert.js';
import type { Operation } from './engine.js';
import { completeSafely, RoomQueue } from './later.js';

/** Starts an operation and calls `done` once, never before it returns. */
export type Start = (operation: Operation, done: (result: number) => void) => void;

interface Slot {
  operation: Operation | null;
  readonly done: (result: number) => void;
}

/**
 *      submit ──▶ [ waiting, first in first out ] ──▶ [ active: at most `activeMax` ] ──▶ complete
 *                 └────────────── together at most `depth` ──────────────┘
 *
 * The pool is the process's own, a single queue: what is handed on delays everybody else's work, so the rest waits here.
 */
export class Bounded {
  readonly depth: number;
  readonly #start: Start;
  readonly #waiting: (Operation | null)[];
  #waitingFirst = 0;
  #waitingCount = 0;
  readonly #freeSlots: Slot[] = [];
  readonly #activeMax: number;
  readonly #room: RoomQueue = new RoomQueue(() => this.inFlight < this.depth);

  constructor(depth: number, activeMax: number, start: Start) {
    assert(depth >= activeMax && activeMax > 0, 'a bounded queue holds what it hands on');
    this.depth = depth;
    this.#start = start;
    this.#activeMax = activeMax;
    this.#waiting = new Array<Operation | null>(depth).fill(null);
    for (let i = 0; i < activeMax; i++) this.#freeSlots.push(this.#makeSlot());
  }

  get inFlight(): number {
    return this.#waitingCount + this.#activeMax - this.#freeSlots.length;
  }

  submit(operation: Operation): boolean {
    if (this.inFlight >= this.depth) return false;
    const slot = this.#freeSlots.pop();
    if (slot === undefined) this.#enqueue(operation);
    else this.#begin(slot, operation);
    return true;
  }

  onceDrained(callback: () => void): void {
    this.#room.add(callback);
  }

  #makeSlot(): Slot {
    const slot: Slot = { operation: null, done: (result) => this.#done(slot, result) };
    return slot;
  }

  #begin(slot: Slot, operation: Operation): void {
    slot.operation = operation;
    this.#start(operation, slot.done);
  }

  #done(slot: Slot, result: number): void {
    const operation = slot.operation;
    assert(operation !== null, 'an operation is done once');
    slot.operation = null;
    // The next one first: the pool works while this thread handles the answer.
    const next = this.#dequeue();
    if (next === null) this.#freeSlots.push(slot);
    else this.#begin(slot, next);
    completeSafely(operation, result);
    this.#room.notify();
  }

  #enqueue(operation: Operation): void {
    this.#waiting[(this.#waitingFirst + this.#waitingCount) % this.depth] = operation;
    this.#waitingCount++;
  }

  #dequeue(): Operation | null {
    if (this.#waitingCount === 0) return null;
    const operation = this.#waiting[this.#waitingFirst] ?? null;
    this.#waiting[this.#waitingFirst] = null;
    this.#waitingFirst = (this.#waitingFirst + 1) % this.depth;
    this.#waitingCount--;
    return operation;
  }
}

/** The −errno of an error that Node or the addon threw; `fallback` where it has none. */
export function resultOf(error: unknown, fallback: number): number {
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number' && error.errno < 0)
    return error.errno;
  return fallback;
}
