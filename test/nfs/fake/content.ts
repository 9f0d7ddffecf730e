// The bytes of a file on the fake server: what is there now, and what would survive a crash; sparse, in blocks.

export const BLOCK_BYTES = 4096;

/** A block that `now` and `durable` share is the same object in both; it is copied when only one of them changes. */
export class FakeContent {
  size = 0;
  #durableSize = 0;
  #now = new Map<number, Uint8Array>();
  readonly #durable = new Map<number, Uint8Array>();
  readonly #dirty = new Set<number>();

  /** Blocks that take space. */
  get blocks(): number {
    return this.#now.size;
  }

  /** Nothing would be lost in a crash. */
  get clean(): boolean {
    return this.#dirty.size === 0 && this.size === this.#durableSize;
  }

  read(offset: number, into: Uint8Array): void {
    eachBlock(offset, into.length, (block, from, at, length) => {
      const bytes = this.#now.get(block);
      if (bytes === undefined) into.fill(0, at, at + length);
      else into.set(bytes.subarray(from, from + length), at);
    });
  }

  write(offset: number, bytes: Uint8Array, stable: boolean): void {
    eachBlock(offset, bytes.length, (block, from, at, length) => {
      const piece = bytes.subarray(at, at + length);
      if (stable) {
        const durable = this.#blockOf(this.#durable, block);
        if (!this.#now.has(block)) this.#now.set(block, durable);
        durable.set(piece, from);
      } else {
        this.#own(block);
      }
      this.#now.get(block)?.set(piece, from);
    });
    this.size = Math.max(this.size, offset + bytes.length);
    if (stable) this.#durableSize = Math.max(this.#durableSize, offset + bytes.length);
  }

  /** Durable at once, as SETATTR is. */
  resize(size: number): void {
    for (const map of [this.#now, this.#durable]) {
      for (const [block, bytes] of map) {
        const keep = size - block * BLOCK_BYTES;
        if (keep <= 0) map.delete(block);
        else if (keep < BLOCK_BYTES) bytes.fill(0, keep);
      }
    }
    this.size = size;
    this.#durableSize = size;
  }

  /** Makes a range durable, to the byte. */
  commit(offset = 0, length: number = Number.POSITIVE_INFINITY): void {
    for (const block of this.#dirty) {
      const start = block * BLOCK_BYTES;
      const from = Math.max(offset, start);
      const to = Math.min(offset + length, start + BLOCK_BYTES, this.size);
      if (from >= to) continue;
      const bytes = this.#now.get(block);
      if (from > start || to < Math.min(start + BLOCK_BYTES, this.size)) {
        const piece = bytes?.subarray(from - start, to - start) ?? new Uint8Array(to - from);
        this.#blockOf(this.#durable, block).set(piece, from - start);
        continue;
      }
      if (bytes === undefined) this.#durable.delete(block);
      else this.#durable.set(block, bytes);
      this.#dirty.delete(block);
    }
    this.#durableSize = Math.max(this.#durableSize, Math.min(this.size, offset + length));
  }

  /** What was not committed is gone. */
  crash(): void {
    this.#now = new Map(this.#durable);
    this.#dirty.clear();
    this.size = this.#durableSize;
  }

  reserve(offset: number, length: number): void {
    eachBlock(offset, length, (block) => {
      const durable = this.#blockOf(this.#durable, block);
      if (!this.#now.has(block)) this.#now.set(block, durable);
    });
    this.size = Math.max(this.size, offset + length);
    this.#durableSize = Math.max(this.#durableSize, offset + length);
  }

  /** Reads as zeros; whole blocks give their space back. */
  punch(offset: number, length: number): void {
    eachBlock(offset, Math.max(0, Math.min(length, this.size - offset)), (block, from, _at, bytes) => {
      for (const map of [this.#now, this.#durable]) {
        const whole = bytes === BLOCK_BYTES || (from === 0 && block * BLOCK_BYTES + bytes >= this.size);
        if (whole) map.delete(block);
        else map.get(block)?.fill(0, from, from + bytes);
      }
    });
  }

  /** Null: at or behind the end, or no data follows. The end is a hole. */
  seek(offset: number, what: 'data' | 'hole'): number | null {
    if (offset >= this.size) return null;
    const last = Math.floor((this.size - 1) / BLOCK_BYTES);
    for (let block = Math.floor(offset / BLOCK_BYTES); block <= last; block++) {
      if (this.#now.has(block) === (what === 'data')) return Math.max(offset, block * BLOCK_BYTES);
    }
    return what === 'hole' ? this.size : null;
  }

  /** Zeros up to the size included. */
  bytes(): Uint8Array {
    const all = new Uint8Array(this.size);
    this.read(0, all);
    return all;
  }

  /** What would be there after a crash. */
  durableBytes(): Uint8Array {
    const all = new Uint8Array(this.#durableSize);
    eachBlock(0, all.length, (block, from, at, length) => {
      const bytes = this.#durable.get(block);
      if (bytes !== undefined) all.set(bytes.subarray(from, from + length), at);
    });
    return all;
  }

  #blockOf(map: Map<number, Uint8Array>, block: number): Uint8Array {
    let bytes = map.get(block);
    if (bytes === undefined) {
      bytes = new Uint8Array(BLOCK_BYTES);
      map.set(block, bytes);
    }
    return bytes;
  }

  #own(block: number): void {
    const bytes = this.#now.get(block);
    if (bytes === undefined || bytes === this.#durable.get(block)) {
      this.#now.set(block, bytes === undefined ? new Uint8Array(BLOCK_BYTES) : bytes.slice());
    }
    this.#dirty.add(block);
  }
}

function eachBlock(
  offset: number,
  length: number,
  f: (block: number, from: number, at: number, length: number) => void,
): void {
  for (let at = 0; at < length; ) {
    const block = Math.floor((offset + at) / BLOCK_BYTES);
    const from = (offset + at) % BLOCK_BYTES;
    const bytes = Math.min(BLOCK_BYTES - from, length - at);
    f(block, from, at, bytes);
    at += bytes;
  }
}
