// Holes of an NFS file: where data is (SEEK), space given back (DEALLOCATE). RFC 7862 §15.11 and §15.4.
import { DioriteError } from '../../base/errors.js';
import type { FileSpace } from '../../transfer/file-like.js';
import type { DataRange } from '../../transfer/target.js';
import type { NfsOpenFile, NfsProtocol } from './protocol.js';

export class NfsHoles implements FileSpace {
  readonly freshReadsZero = true;
  readonly #protocol: NfsProtocol;
  readonly #file: NfsOpenFile;
  readonly #check: () => void;

  constructor(protocol: NfsProtocol, file: NfsOpenFile, check: () => void) {
    this.#protocol = protocol;
    this.#file = file;
    this.#check = check;
  }

  /** A server that has SEEK, but not for this file, is found out at the first step: then all of it is data. */
  async *map(offset: number, length: number): AsyncGenerator<DataRange, void, undefined> {
    const end = offset + length;
    let at = offset;
    while (at < end) {
      const data = await this.#seek(at, 'data');
      if (data === undefined) return yield { offset: at, length: end - at };
      if (data === null || data >= end) return;
      const hole = (await this.#seek(data, 'hole')) ?? end;
      const stop = Math.min(end, hole);
      // Another client may punch between the two calls; then the map moves on without a range.
      if (stop > data) yield { offset: data, length: stop - data };
      at = Math.max(stop, data + 1);
    }
  }

  async #seek(offset: number, what: 'data' | 'hole'): Promise<number | null | undefined> {
    try {
      return await this.#protocol.seek(this.#file, offset, what);
    } catch (error) {
      if (error instanceof DioriteError && error.code === 'ERR_DIORITE_UNSUPPORTED') return undefined;
      throw error;
    }
  }

  async punch(offset: number, length: number): Promise<void> {
    this.#check();
    if (length > 0) await this.#protocol.deallocate(this.#file, offset, length);
  }

  async zero(offset: number, length: number): Promise<'punched' | 'written'> {
    await this.punch(offset, length);
    return 'punched';
  }
}
