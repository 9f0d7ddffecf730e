// What was given to be written and is not taken yet: a list of chunks, and a place in it.

/** As a Writable hands them over. */
export interface Piece {
  readonly chunk: Uint8Array;
}

const NONE: readonly Piece[] = [];

export class Pieces {
  #list: readonly Piece[] = NONE;
  #index = 0;
  #at = 0;

  give(list: readonly Piece[]): void {
    this.#list = list;
    this.#index = 0;
    this.#at = 0;
  }

  /** The one whose bytes from `at` on are next, never at its end; null: all are taken, and the list is let go of. */
  get chunk(): Uint8Array | null {
    for (; this.#index < this.#list.length; this.#index++) {
      const chunk = this.#list[this.#index]?.chunk;
      if (chunk !== undefined && this.#at < chunk.byteLength) return chunk;
      this.#at = 0;
    }
    this.give(NONE);
    return null;
  }

  get at(): number {
    return this.#at;
  }

  /** So many more bytes of the chunk are taken. */
  advance(bytes: number): void {
    this.#at += bytes;
  }

  /** How many bytes are not taken. */
  get bytesLeft(): number {
    let bytes = -this.#at;
    for (let i = this.#index; i < this.#list.length; i++) bytes += this.#list[i]?.chunk.byteLength ?? 0;
    return bytes;
  }
}
