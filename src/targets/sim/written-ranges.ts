// What was written since the last sync: sorted ranges, bounded in number.
import type { Extent } from '../../base/errors.js';

/** More ranges than this become one around them all: a failed sync says "somewhere in here", never a gigabyte of list. */
const RANGES_MAX = 1024;

interface Range {
  offset: number;
  end: number;
}

export class WrittenRanges {
  #ranges: Range[] = [];

  add(offset: number, length: number): void {
    let from = offset;
    let end = offset + length;
    const first = this.#firstEndingAtOrAfter(from);
    let last = first;
    // Everything that touches the new range melts into it.
    for (let range = this.#ranges[last]; range !== undefined && range.offset <= end; range = this.#ranges[++last]) {
      from = Math.min(from, range.offset);
      end = Math.max(end, range.end);
    }
    this.#ranges.splice(first, last - first, { offset: from, end });
    if (this.#ranges.length > RANGES_MAX) this.#meltAll();
  }

  clear(): void {
    this.#ranges = [];
  }

  /** Everything so far, as the ledger of a sync that failed; begins anew. */
  take(): Extent[] {
    const extents = this.#ranges.map(({ offset, end }): Extent => ({ offset, length: end - offset, state: 'unknown' }));
    this.#ranges = [];
    return extents;
  }

  #meltAll(): void {
    const first = this.#ranges[0];
    const last = this.#ranges[this.#ranges.length - 1];
    if (first !== undefined && last !== undefined) this.#ranges = [{ offset: first.offset, end: last.end }];
  }

  #firstEndingAtOrAfter(offset: number): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle]?.end ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
