// The ledger: what is known of every byte of a transfer, as extents that cover its range without gap or overlap.
import { assert } from '../base/assert.js';
import type { Extent, ExtentState } from '../base/errors.js';

/**
 * Begins with every byte `failed` (never sent, so certainly as it was) and is told of changes.
 *
 *      at      0        4096     8192          12288
 *      state   | done   | failed | unknown     |          starts = [0, 4096, 8192], end = 12288
 *
 * Requests go out in file order, so the extents stay about as many as there are requests in flight.
 */
export class Ledger {
  #origin: number;
  #end: number;
  readonly #starts: number[];
  readonly #states: ExtentState[];

  constructor(offset: number, length: number) {
    this.#origin = offset;
    this.#end = offset + length;
    this.#starts = length > 0 ? [offset] : [];
    this.#states = length > 0 ? ['failed'] : [];
  }

  /** A range outside is taken in: a read-modify-write touches whole blocks, the caller's neighbours among them. */
  mark(offset: number, length: number, state: ExtentState): void {
    if (length === 0) return;
    const end = offset + length;
    this.#widen(offset, end);
    const first = this.#splitAt(offset);
    const last = this.#splitAt(end);
    this.#starts.splice(first, last - first, offset);
    this.#states.splice(first, last - first, state);
    this.#mergeAround(first);
  }

  /** The unbroken run of done bytes from the start of the transfer. */
  doneFrom(offset: number): number {
    const i = this.#find(offset);
    if (i < 0 || this.#states[i] !== 'done') return 0;
    return this.#endOf(i) - offset;
  }

  has(state: ExtentState): boolean {
    return this.#states.includes(state);
  }

  extents(): Extent[] {
    return this.#starts.map((offset, i) => ({ offset, length: this.#endOf(i) - offset, state: this.#stateOf(i) }));
  }

  #stateOf(i: number): ExtentState {
    const state = this.#states[i];
    assert(state !== undefined, 'an extent has a state');
    return state;
  }

  #endOf(i: number): number {
    return this.#starts[i + 1] ?? this.#end;
  }

  #widen(offset: number, end: number): void {
    assert(this.#starts.length > 0, 'an empty ledger is not marked');
    if (offset < this.#origin) {
      this.#starts.unshift(offset);
      this.#states.unshift('done');
      this.#origin = offset;
    }
    if (end > this.#end) {
      this.#starts.push(this.#end);
      this.#states.push('done');
      this.#end = end;
    }
  }

  /** The extent that holds the byte, or −1. */
  #find(offset: number): number {
    if (offset < this.#origin || offset >= this.#end) return -1;
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? Number.POSITIVE_INFINITY) <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Makes an extent begin at `offset` and returns its index; at the end: one past the last. */
  #splitAt(offset: number): number {
    if (offset === this.#end) return this.#starts.length;
    const i = this.#find(offset);
    assert(i >= 0, 'a mark lies within the ledger');
    if (this.#starts[i] === offset) return i;
    this.#starts.splice(i + 1, 0, offset);
    this.#states.splice(i + 1, 0, this.#stateOf(i));
    return i + 1;
  }

  #mergeAround(i: number): void {
    if (i + 1 < this.#states.length && this.#states[i + 1] === this.#states[i]) this.#drop(i + 1);
    if (i > 0 && this.#states[i - 1] === this.#states[i]) this.#drop(i);
  }

  #drop(i: number): void {
    this.#starts.splice(i, 1);
    this.#states.splice(i, 1);
  }
}
