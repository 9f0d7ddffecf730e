// A bounded set of byte ranges: sorted, merged; past its bound it becomes the one range around all.
import { assert } from '../../base/assert.js';

export class RangeSet {
  readonly #max: number;
  #starts: number[] = [];
  #ends: number[] = [];

  constructor(max: number) {
    assert(max >= 1, 'a range set holds at least one range');
    this.#max = max;
  }

  get size(): number {
    return this.#starts.length;
  }

  add(offset: number, length: number): void {
    if (length === 0) return;
    const end = offset + length;
    const last = this.#ends.length - 1;
    // Sequential writes, the usual case: the last range grows.
    if (last >= 0 && offset === this.#ends[last]) {
      this.#ends[last] = end;
      return;
    }
    const from = this.#firstEndingAtOrAfter(offset);
    let to = from;
    let low = offset;
    let high = end;
    while (to < this.#starts.length && (this.#starts[to] ?? 0) <= end) {
      low = Math.min(low, this.#starts[to] ?? low);
      high = Math.max(high, this.#ends[to] ?? high);
      to++;
    }
    // One for one, as a write over what was written is: nothing is made for it.
    if (to === from + 1) {
      this.#starts[from] = low;
      this.#ends[from] = high;
      return;
    }
    this.#starts.splice(from, to - from, low);
    this.#ends.splice(from, to - from, high);
    if (this.#starts.length > this.#max) this.#collapse();
  }

  /** What is in the set of these bytes is not any more. */
  remove(offset: number, length: number): void {
    const end = offset + length;
    for (let i = 0; i < this.#starts.length; i++) {
      const start = this.#starts[i] ?? 0;
      const stop = this.#ends[i] ?? 0;
      if (stop <= offset || start >= end) continue;
      this.#starts.splice(i, 1);
      this.#ends.splice(i, 1);
      if (stop > end) this.#insert(i, end, stop);
      if (start < offset) this.#insert(i, start, offset);
      // What is left of this one lies before or behind the bytes: both are passed over from here on.
      i += (start < offset ? 1 : 0) - 1;
    }
    if (this.#starts.length > this.#max) this.#collapse();
  }

  #insert(i: number, start: number, end: number): void {
    this.#starts.splice(i, 0, start);
    this.#ends.splice(i, 0, end);
  }

  ranges(): { offset: number; length: number }[] {
    return this.#starts.map((offset, i) => ({ offset, length: (this.#ends[i] ?? offset) - offset }));
  }

  /** Empties the set and returns what was in it. */
  take(): { offset: number; length: number }[] {
    const ranges = this.ranges();
    this.#starts = [];
    this.#ends = [];
    return ranges;
  }

  #collapse(): void {
    this.#starts = [this.#starts[0] ?? 0];
    this.#ends = [this.#ends[this.#ends.length - 1] ?? 0];
  }

  #firstEndingAtOrAfter(offset: number): number {
    let low = 0;
    let high = this.#ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ends[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
