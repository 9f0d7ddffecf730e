// What a frame that is being received consists of, in order: filled frame by frame, so that one costs no object.
import { assert } from '../../../base/assert.js';

/** `firstRest` and `firstPadding`: of a sealed frame, what of its first segment is not within the sealed preamble. */
export type Section =
  | 'banner'
  | 'bannerPayload'
  | 'preamble'
  | 'first'
  | 'firstCrc'
  | 'firstRest'
  | 'firstPadding'
  | 'front'
  | 'middle'
  | 'data'
  | 'padding'
  | 'epilogue'
  | 'tag';

export class SectionList {
  readonly #sections: Section[] = [];
  readonly #bytes: number[] = [];
  #at = 0;
  #taken = 0;

  clear(): void {
    this.#sections.length = 0;
    this.#bytes.length = 0;
    this.#at = 0;
    this.#taken = 0;
  }

  /** At the end of the frame; what is empty is left out. */
  add(section: Section, bytes: number): void {
    if (bytes === 0) return;
    this.#sections.push(section);
    this.#bytes.push(bytes);
  }

  get current(): Section {
    const section = this.#sections[this.#at];
    assert(section !== undefined, 'there is always a section to come');
    return section;
  }

  /** The one that was received before. */
  get before(): Section | undefined {
    return this.#sections[this.#at - 1];
  }

  /** What is still to come of the current one. */
  get rest(): number {
    return (this.#bytes[this.#at] ?? 0) - this.#taken;
  }

  /** What is still to come before the data, or in all where no data is to come. */
  get beforeData(): number {
    let total = -this.#taken;
    for (let i = this.#at; i < this.#bytes.length && this.#sections[i] !== 'data'; i++) total += this.#bytes[i] ?? 0;
    return total;
  }

  /** So much of the current one is there. True: all of it. */
  take(bytes: number): boolean {
    this.#taken += bytes;
    assert(this.rest >= 0, 'nothing is taken beyond its section');
    return this.rest === 0;
  }

  /** False: that was the last. */
  next(): boolean {
    if (this.#at + 1 >= this.#sections.length) return false;
    this.#at++;
    this.#taken = 0;
    return true;
  }
}
