// Iterators as a list of bytes: what every operation must do, found byte by byte, with no line of the library's.

export const PAGE = 4096;

export interface ModelPiece {
  readonly buffer: number;
  readonly from: number;
  readonly length: number;
}

/** [page, from, size] */
export type Fragment = [page: number, from: number, size: number];
/** [buffer, byteOffset, size] */
export type Stretch = [buffer: number, byteOffset: number, size: number];
/** What a walk over fragments comes to: a fault, if it is the next thing to meet. */
export interface Reach {
  readonly fragments: Fragment[];
  readonly bytes: number;
  readonly fault: boolean;
}

/** Pages of buffer b are numbered from here on: two buffers' numbers never meet. */
export const FIRST_PAGE: number = 1000;

export class Model {
  readonly lengths: number[] = [];
  /** Of each byte: its segment, its buffer, where it lies there. */
  readonly segments: number[] = [];
  readonly #buffers: number[] = [];
  readonly #places: number[] = [];
  readonly memories: Uint8Array[];
  /** Where in its page each buffer begins. */
  readonly #inPages: readonly number[];
  start = 0;
  end = 0;

  constructor(memories: Uint8Array[], inPages: readonly number[]) {
    this.memories = memories;
    this.#inPages = inPages;
  }

  push(piece: ModelPiece): void {
    for (let i = 0; i < piece.length; i++) {
      this.segments.push(this.lengths.length);
      this.#buffers.push(piece.buffer);
      this.#places.push(piece.from + i);
    }
    this.lengths.push(piece.length);
  }

  /** Bytes from the first to the last. */
  get bytes(): number {
    return this.segments.length;
  }

  get count(): number {
    return this.end - this.start;
  }

  /** The bytes from the position on, at most `most`; `f` returns true to stop. */
  #walk(most: number, f: (segment: number, buffer: number, at: number) => boolean): void {
    const end = Math.min(this.end, this.start + most);
    for (let i = this.start; i < end; i++)
      if (f(this.segments[i] ?? -1, this.#buffers[i] ?? -1, this.#places[i] ?? -1)) return;
  }

  pageOf(buffer: number, at: number): number {
    return (buffer + 1) * FIRST_PAGE + Math.floor(((this.#inPages[buffer] ?? 0) + at) / PAGE);
  }

  inPageOf(buffer: number, at: number): number {
    return ((this.#inPages[buffer] ?? 0) + at) % PAGE;
  }

  read(most: number): Uint8Array {
    const values = new Uint8Array(Math.min(most, this.count));
    let index = 0;
    this.#walk(most, (_, buffer, at) => {
      values[index++] = this.memories[buffer]?.[at] ?? 0;
      return false;
    });
    return values;
  }

  write(most: number, valueAt: (index: number) => number): void {
    let index = 0;
    this.#walk(most, (_, buffer, at) => {
      const memory = this.memories[buffer];
      if (memory !== undefined) memory[at] = valueAt(index++);
      return false;
    });
  }

  runs(most: number): Stretch[] {
    const runs: Stretch[] = [];
    let last: Stretch = [-1, 0, 0];
    this.#walk(most, (_, buffer, at) => {
      if (last[0] === buffer && last[1] + last[2] === at) last[2]++;
      else {
        last = [buffer, at, 1];
        runs.push(last);
      }
      return false;
    });
    return runs;
  }

  /** A fragment ends where the segment or the page does. `bad` is the page that cannot be had. */
  fragments(most: number, bad: number): Reach {
    const fragments: Fragment[] = [];
    let last: Fragment = [-1, 0, 0];
    let [bytes, lastSegment, fault] = [0, -1, false];
    this.#walk(most, (segment, buffer, at) => {
      const page = this.pageOf(buffer, at);
      fault = page === bad;
      if (fault) return true;
      if (lastSegment === segment && last[0] === page) last[2]++;
      else {
        last = [page, this.inPageOf(buffer, at), 1];
        fragments.push(last);
      }
      lastSegment = segment;
      bytes++;
      return false;
    });
    return { fragments, bytes, fault };
  }

  /** Pages without a hole: on to the next segment only over a page boundary, if at all. */
  pages(
    most: number,
    maxPages: number,
    stitch: boolean,
    bad: number,
  ): { pages: number[]; start: number; reach: Reach } {
    const reach = this.fragments(most, bad);
    const pages: number[] = [];
    let [bytes, start, at] = [0, 0, this.start];
    const { fragments } = reach;
    for (const [page, from, size] of fragments) {
      const meets = from === 0 && (start + bytes) % PAGE === 0;
      const isSameSegment = at > this.start && this.segments[at] === this.segments[at - 1];
      if (pages.length === maxPages || (pages.length > 0 && !isSameSegment && !(stitch && meets))) {
        return { pages, start, reach: { fragments, bytes, fault: false } };
      }
      if (pages.length === 0) start = from;
      pages.push(page);
      bytes += size;
      at += size;
    }
    const fault = reach.fault && pages.length < maxPages;
    return { pages, start, reach: { fragments, bytes, fault } };
  }

  /** [page, offset, length] as extractBvecs merges them, and their sum, which `unit` divides. */
  vectors(
    most: number,
    maxVecs: number,
    unit: number,
    bad: number,
  ): { vectors: Fragment[]; bytes: number; fault: boolean } {
    const { fragments, fault } = this.fragments(most, bad);
    const vectors: Fragment[] = [];
    let bytes = 0;
    let isFull = false;
    for (const [page, from, size] of fragments) {
      const last = vectors.at(-1);
      const goesOn = last !== undefined && last[0] * PAGE + last[1] + last[2] === page * PAGE + from;
      if (goesOn) last[2] += size;
      else if (vectors.length < maxVecs) vectors.push([page, from, size]);
      else {
        isFull = true;
        break;
      }
      bytes += size;
    }
    for (let over = bytes % unit; over > 0; over--, bytes--) {
      const last = vectors.at(-1);
      if (last !== undefined && --last[2] === 0) vectors.pop();
    }
    return { vectors, bytes, fault: fault && !isFull };
  }

  npages(): number {
    return this.fragments(this.count, -1).fragments.length;
  }

  /** Every byte that begins a part, and the length of every part. */
  alignment(most: number): number {
    let bits = 0;
    for (const { from, length } of this.#parts(most)) bits |= from | (length % PAGE);
    return bits;
  }

  gapAlignment(): number {
    let bits = 0;
    let end = -1;
    for (const { from, length } of this.#parts(this.count)) {
      if (end >= 0) bits |= end | from;
      end = (from + length) % PAGE;
    }
    return bits;
  }

  #parts(most: number): { from: number; length: number }[] {
    const parts: { from: number; length: number }[] = [];
    let last = { from: 0, length: 0 };
    let lastSegment = -1;
    this.#walk(most, (segment, buffer, at) => {
      if (lastSegment === segment) last.length++;
      else {
        last = { from: this.inPageOf(buffer, at), length: 1 };
        parts.push(last);
      }
      lastSegment = segment;
      return false;
    });
    return parts;
  }
}

/** CRC-32C, a bit at a time. */
export function naiveCrc32c(bytes: Iterable<number>): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
