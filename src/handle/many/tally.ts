// What the entries of a readMany or writeMany became, added up.
import type { How } from '../../transfer/outcome.js';
import { Gaps } from './gaps.js';

export class Tally {
  protected readonly gaps: Gaps;
  #requests = 0;
  #transfers = 0;
  #copiedBytes = 0;
  #bufferedBytes = 0;

  protected constructor(gapBytesMax: number) {
    this.gaps = new Gaps(gapBytesMax);
  }

  protected count(how: How): void {
    this.#transfers++;
    this.#requests += how.requests;
    this.#copiedBytes += how.copiedBytes;
    this.#bufferedBytes += how.bufferedBytes;
  }

  /** How many requests moved the entries that are answered without an error. */
  get requests(): number {
    return this.#requests;
  }

  /** Into how many groups of neighbours they were merged. */
  get transfers(): number {
    return this.#transfers;
  }

  /** Bytes that were copied because they could not go as they lay, those of gaps included. */
  get copiedBytes(): number {
    return this.#copiedBytes;
  }

  /** Bytes that went through the page cache. */
  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Bytes that were read between near neighbours, and dropped. */
  get gapBytes(): number {
    return this.gaps.bytes;
  }
}
