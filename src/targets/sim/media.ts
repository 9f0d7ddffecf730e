// The bytes of a simulated file or device: only pages that were written take memory, so a terabyte is cheap.
import { alignDown, PAGE_SIZE } from '../../base/integers.js';
import { Prng } from './prng.js';

export interface MediaOptions {
  readonly size: number;
  /** What it holds before anything is written: zeros (a hole), or bytes that follow from this seed. */
  readonly contentSeed?: number | undefined;
  /** What power loss may tear apart: sectors of this size (a page's divisor) land whole or not at all. */
  readonly sectorBytes?: number | undefined;
  /** Or sectors are torn as well: any first part of one lands. */
  readonly tearsSectors?: boolean | undefined;
}

const SECTOR_BYTES_DEFAULT = 512;

/**
 * Three states of a page:  absent (a hole, or the content it began with)  →  written  →  durable.
 *
 *      #pages     what a read sees now
 *      #unsynced  how the pages written since the last good sync are on the medium (null: absent there)
 *      #lost      the same, of pages whose sync failed: the next sync "succeeds" and makes none of them durable
 */
export class Media {
  readonly #pages: Map<number, Uint8Array> = new Map();
  readonly #unsynced: Map<number, Uint8Array | null> = new Map();
  readonly #lost: Map<number, Uint8Array | null> = new Map();
  readonly #contentSeed: number | undefined;
  readonly #sectorBytes: number;
  readonly #tearsSectors: boolean;
  /** Initial content lies below this: what is cut off and grown again reads as zeros. */
  #contentBytes: number;
  #size: number;
  #durableSize: number;

  constructor(options: MediaOptions) {
    this.#contentSeed = options.contentSeed;
    this.#sectorBytes = Math.min(PAGE_SIZE, options.sectorBytes ?? SECTOR_BYTES_DEFAULT);
    this.#tearsSectors = options.tearsSectors === true;
    this.#contentBytes = options.contentSeed === undefined ? 0 : options.size;
    this.#size = options.size;
    this.#durableSize = options.size;
  }

  get size(): number {
    return this.#size;
  }

  /** Bytes past the size read as zeros. */
  read(offset: number, into: Uint8Array): void {
    this.#eachPage(offset, into.length, (page, from, length, at) => {
      const held = this.#pages.get(page) ?? this.#initialPage(page);
      const target = into.subarray(at, at + length);
      if (held === null) target.fill(0);
      else target.set(held.subarray(from, from + length));
    });
  }

  /** Extends the size where the bytes end past it. */
  write(offset: number, from: Uint8Array): void {
    this.#eachPage(offset, from.length, (page, pageFrom, length, at) => {
      this.#writable(page).set(from.subarray(at, at + length), pageFrom);
    });
    this.#size = Math.max(this.#size, offset + from.length);
  }

  /** What is cut off is gone; what is added reads as zeros. */
  resize(size: number): void {
    if (size < this.#size) {
      const lastPage = Math.floor(size / PAGE_SIZE);
      if (size % PAGE_SIZE !== 0) this.#writable(lastPage).fill(0, size % PAGE_SIZE);
      for (const page of [...this.#pages.keys()]) {
        if (page * PAGE_SIZE >= size) this.#drop(page);
      }
      this.#contentBytes = Math.min(this.#contentBytes, size);
    }
    this.#size = size;
  }

  /** Makes [offset, offset+length) read as zeros, whole pages by taking them away. The size stays. */
  zero(offset: number, length: number): void {
    this.#eachPage(offset, length, (page, from, pageLength) => {
      const isWhole = from === 0 && pageLength === PAGE_SIZE;
      if (isWhole && this.#initialPage(page) === null) this.#drop(page);
      else this.#writable(page).fill(0, from, from + pageLength);
    });
  }

  /** Where data may be in [offset, offset+length) below the size, in pages, sorted. */
  *dataRanges(offset: number, length: number): Generator<{ offset: number; length: number }> {
    const end = Math.min(offset + length, this.#size);
    const starts = [...this.#pages.keys()].map((page) => page * PAGE_SIZE);
    starts.sort((a, b) => a - b);
    let from = offset;
    if (from < this.#contentBytes) {
      const to = Math.min(end, this.#contentBytes);
      if (to > from) yield { offset: from, length: to - from };
      from = Math.max(from, to);
    }
    for (const start of starts) {
      const dataFrom = Math.max(start, from);
      const dataTo = Math.min(start + PAGE_SIZE, end);
      if (dataTo > dataFrom) yield { offset: dataFrom, length: dataTo - dataFrom };
    }
  }

  /** How many bytes from `offset` on, at most `length`, end where a hole begins that lasts to the end of the range. */
  bytesBeforeTrailingHole(offset: number, length: number): number {
    let end = offset + length;
    while (end > offset) {
      const page = Math.floor((end - 1) / PAGE_SIZE);
      if (this.#pages.has(page) || this.#initialPage(page) !== null) break;
      end = Math.max(offset, page * PAGE_SIZE);
    }
    return end - offset;
  }

  /** Everything written so far is durable, but for what an earlier sync has lost. */
  sync(): void {
    this.#unsynced.clear();
    this.#durableSize = this.#size;
  }

  /** What was written since the last good sync will not become durable, though the next sync succeeds. */
  failSync(): void {
    for (const [page, bytes] of this.#unsynced) {
      if (!this.#lost.has(page)) this.#lost.set(page, bytes);
    }
    this.#unsynced.clear();
  }

  /** Makes one written range durable, as a write with O_DSYNC does. */
  syncRange(offset: number, length: number): void {
    this.#eachPage(offset, length, (page, from, pageLength) => {
      const now = this.#pages.get(page);
      if (now === undefined || !this.#unsynced.has(page)) return;
      const medium = this.#unsynced.get(page) ?? new Uint8Array(PAGE_SIZE);
      medium.set(now.subarray(from, from + pageLength), from);
      this.#unsynced.set(page, medium);
    });
    this.#durableSize = Math.max(this.#durableSize, Math.min(offset + length, this.#size));
  }

  /** Power loss: of what is not durable, any sectors have reached the medium, and the rest is as it was. */
  crash(prng: Prng): void {
    for (const notDurable of [this.#unsynced, this.#lost]) {
      for (const [page, medium] of notDurable) this.#tear(page, medium, prng);
      notDurable.clear();
    }
    if (this.#size > this.#durableSize && prng.chance(0.5)) this.resize(this.#durableSize);
    this.#durableSize = this.#size;
    this.#unsynced.clear();
  }

  #tear(page: number, medium: Uint8Array | null, prng: Prng): void {
    const now = this.#pages.get(page);
    if (now === undefined) return;
    const old = medium ?? this.#initialPage(page) ?? new Uint8Array(PAGE_SIZE);
    for (let from = 0; from < PAGE_SIZE; from += this.#sectorBytes) {
      if (!prng.chance(0.5)) continue;
      const landed = this.#tearsSectors ? prng.below(this.#sectorBytes) : 0;
      now.set(old.subarray(from + landed, from + this.#sectorBytes), from + landed);
    }
  }

  /** The page's bytes to change, having kept how it is on the medium. */
  #writable(page: number): Uint8Array {
    const held = this.#pages.get(page);
    this.#keepMedium(page, held);
    if (held !== undefined) return held;
    const made = this.#initialPage(page) ?? new Uint8Array(PAGE_SIZE);
    this.#pages.set(page, made);
    return made;
  }

  #keepMedium(page: number, held: Uint8Array | undefined): void {
    if (this.#unsynced.has(page)) return;
    const lost = this.#lost.get(page);
    if (this.#lost.delete(page)) {
      // Written again: it is dirty again, so the next good sync really covers it.
      this.#unsynced.set(page, lost ?? null);
    } else this.#unsynced.set(page, held === undefined ? null : held.slice());
  }

  #drop(page: number): void {
    this.#pages.delete(page);
    this.#unsynced.delete(page);
    this.#lost.delete(page);
  }

  /** A page as it began, or null where that was a hole. Made anew each time: it follows from the seed. */
  #initialPage(page: number): Uint8Array | null {
    const start = page * PAGE_SIZE;
    if (this.#contentSeed === undefined || start >= this.#contentBytes) return null;
    const bytes = new Uint8Array(PAGE_SIZE);
    new Prng(this.#contentSeed, page).fill(bytes);
    if (this.#contentBytes - start < PAGE_SIZE) bytes.fill(0, this.#contentBytes - start);
    return bytes;
  }

  /** Calls f(page, from, length, at) for each page of the range; `at` counts from its start. */
  #eachPage(offset: number, length: number, f: (page: number, from: number, length: number, at: number) => void): void {
    for (let at = 0; at < length; ) {
      const from = (offset + at) % PAGE_SIZE;
      const pageLength = Math.min(PAGE_SIZE - from, length - at);
      f(alignDown(offset + at, PAGE_SIZE) / PAGE_SIZE, from, pageLength, at);
      at += pageLength;
    }
  }
}
