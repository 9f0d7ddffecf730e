// A file in an erasure-coded pool that takes no overwrites: each of its objects is written once, whole, whatever the pieces of the copy.
import { assert } from '../../base/assert.js';
import { Published, type PublishedInput } from '../published.js';

export class InWholeObjects extends Published {
  /** Pieces that are no whole objects come in order, and are gathered. */
  override readonly sequential: boolean;
  /** What follows a hole would have no place: it is written as zeros. */
  override readonly freshReadsZero = false;
  /** What a set of objects holds: a multiple of it is where an object begins. */
  readonly #wholeBytes: number;
  #gathered: Uint8Array | null = null;
  #offset = 0;
  #bytes = 0;

  /** `pieceBytes`: the copy's pieces; null: of any size. */
  constructor(input: PublishedInput, wholeBytes: number, pieceBytes: number | null) {
    super(input);
    this.#wholeBytes = wholeBytes;
    this.sequential = pieceBytes === null || pieceBytes % wholeBytes !== 0;
  }

  override async write(bytes: Uint8Array, position: number): Promise<void> {
    if (!this.sequential) return super.write(bytes, position);
    for (let at = 0; at < bytes.length; ) {
      const room = this.#roomAt(position + at);
      const take = Math.min(room.length, bytes.length - at);
      room.set(bytes.subarray(at, at + take));
      at += take;
      await this.#took(take);
    }
  }

  override async zero(offset: number, length: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(length, this.#wholeBytes));
    for (let at = 0; at < length; at += zeros.length)
      await this.write(zeros.subarray(0, Math.min(zeros.length, length - at)), offset + at);
  }

  override async settle(bytes: number, readBack: boolean): Promise<void> {
    await this.#flush();
    await super.settle(bytes, readBack);
  }

  #roomAt(position: number): Uint8Array {
    this.#gathered ??= new Uint8Array(this.#wholeBytes);
    if (this.#bytes === 0) this.#offset = position;
    assert(position === this.#offset + this.#bytes, 'what is gathered comes in order');
    return this.#gathered.subarray(this.#bytes);
  }

  async #took(bytes: number): Promise<void> {
    this.#bytes += bytes;
    if (this.#bytes === this.#wholeBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#gathered === null || this.#bytes === 0) return;
    const bytes = this.#gathered.subarray(0, this.#bytes);
    this.#bytes = 0;
    await super.write(bytes, this.#offset);
  }
}
