// Checksums of a file, cell by cell, in a table that never grows beyond a bound: what --verify compares.
import { crc32 } from 'node:zlib';

/** 4 MiB of table: one entry for each 1 MiB of a file of up to 1 TiB. */
const ENTRIES_MAX = 1 << 20;

/** Ties a cell's checksum to its place, so that two cells that changed places do not cancel out (murmur3's finaliser). */
function placed(crc: number, cell: number): number {
  let hash = crc ^ Math.imul(cell + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/**
 * An entry is the exclusive or of the checksums of its cells, so that cells may come in any order. A cell of zeros adds
 * nothing: a hole, and zeros that were written, are the same bytes. When the table is full, neighbours are folded.
 */
export class Checks {
  readonly #cellBytes: number;
  readonly #zeroCrc: number;
  #cellsPerEntry = 1;
  #entries = new Uint32Array(1024);

  constructor(cellBytes: number) {
    this.#cellBytes = cellBytes;
    this.#zeroCrc = crc32(new Uint8Array(cellBytes));
  }

  /** `offset` is a multiple of the cell size; `bytes` is the whole cell, shorter only at the end of the file. */
  add(offset: number, bytes: Uint8Array): void {
    const crc = crc32(bytes);
    const zero = bytes.length === this.#cellBytes ? this.#zeroCrc : crc32(new Uint8Array(bytes.length));
    if (crc === zero) return;
    const cell = offset / this.#cellBytes;
    const entry = this.#entryFor(cell);
    this.#entries[entry] = ((this.#entries[entry] ?? 0) ^ placed(crc, cell)) >>> 0;
  }

  /** Where the first difference lies, as a range of the file; null: none. */
  firstDifference(other: Checks): { offset: number; length: number } | null {
    while (this.#cellsPerEntry < other.#cellsPerEntry) this.#fold();
    while (other.#cellsPerEntry < this.#cellsPerEntry) other.#fold();
    const length = Math.max(this.#entries.length, other.#entries.length);
    const entryBytes = this.#cellsPerEntry * this.#cellBytes;
    for (let i = 0; i < length; i++) {
      if ((this.#entries[i] ?? 0) !== (other.#entries[i] ?? 0)) return { offset: i * entryBytes, length: entryBytes };
    }
    return null;
  }

  #entryFor(cell: number): number {
    while (Math.floor(cell / this.#cellsPerEntry) >= ENTRIES_MAX) this.#fold();
    const entry = Math.floor(cell / this.#cellsPerEntry);
    if (entry >= this.#entries.length) {
      let length = this.#entries.length;
      while (length <= entry) length *= 2;
      const grown = new Uint32Array(length);
      grown.set(this.#entries);
      this.#entries = grown;
    }
    return entry;
  }

  #fold(): void {
    const entries = this.#entries;
    const half = entries.length / 2;
    for (let i = 0; i < half; i++) entries[i] = (entries[2 * i] ?? 0) ^ (entries[2 * i + 1] ?? 0);
    entries.fill(0, half);
    this.#cellsPerEntry *= 2;
  }
}
