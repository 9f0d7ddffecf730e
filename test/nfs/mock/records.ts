// Record marking on the server's side: RFC 5531 §11. Written apart from the client's, so that an error in one shows.

const LAST_FRAGMENT = 0x80000000;

export class RecordReader {
  readonly #bytesMax: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #fragments: Buffer[] = [];
  #recordBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Takes what was received and gives each record that it completes; throws when one is too long. */
  *push(bytes: Buffer): Generator<Buffer> {
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    for (;;) {
      if (this.#pendingBytes < 4) return;
      const mark = this.#peekWord();
      const length = mark & ~LAST_FRAGMENT;
      this.#checkLength(length);
      if (this.#pendingBytes < 4 + length) return;
      this.#take(4);
      this.#fragments.push(this.#take(length));
      this.#recordBytes += length;
      if (mark >>> 31 === 0) continue;
      const record = this.#fragments.length === 1 ? this.#fragments[0] : Buffer.concat(this.#fragments);
      this.#fragments = [];
      this.#recordBytes = 0;
      if (record !== undefined) yield record;
    }
  }

  #checkLength(length: number): void {
    const total = this.#recordBytes + length;
    if (total > this.#bytesMax) throw new Error(`a record of at least ${total} bytes, above ${this.#bytesMax}`);
  }

  #peekWord(): number {
    const first = this.#pending[0];
    if (first !== undefined && first.length >= 4) return first.readUInt32BE(0);
    return Buffer.concat(this.#pending).readUInt32BE(0);
  }

  #take(bytes: number): Buffer {
    const parts: Buffer[] = [];
    for (let missing = bytes; missing > 0; ) {
      const first = this.#pending[0] ?? Buffer.alloc(0);
      const part = first.subarray(0, missing);
      parts.push(part);
      missing -= part.length;
      if (part.length === first.length) this.#pending.shift();
      else this.#pending[0] = first.subarray(part.length);
    }
    this.#pendingBytes -= bytes;
    return parts.length === 1 ? (parts[0] ?? Buffer.alloc(0)) : Buffer.concat(parts);
  }
}

/** A reply with its marks. `claimed`: what the mark of the last fragment says instead of its length. */
export function frame(reply: Uint8Array, fragmentBytes: number, claimed?: number): Buffer {
  const parts: Uint8Array[] = [];
  let at = 0;
  do {
    const length = Math.min(fragmentBytes, reply.length - at);
    const isLast = at + length === reply.length;
    const mark = Buffer.alloc(4);
    mark.writeUInt32BE(((isLast ? LAST_FRAGMENT : 0) | ((isLast ? claimed : undefined) ?? length)) >>> 0);
    parts.push(mark, reply.subarray(at, at + length));
    at += length;
  } while (at < reply.length);
  return Buffer.concat(parts);
}
