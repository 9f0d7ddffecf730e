// Holes of files: where data may be (SEEK_DATA, SEEK_HOLE), and making a range read as zeros.
import { errors } from '../../base/errors.js';
import type { DataRange, Holes } from '../../transfer/target.js';
import type { Descriptors } from './descriptors.js';
import { type Engine, Op } from './engines/engine.js';
import { errnoError } from './errno.js';
import type { FileFacts } from './facts.js';
import { run } from './run.js';

/** FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE, linux/falloc.h. */
const PUNCH_HOLE = 0x1 | 0x2;
const ENXIO = -6;

export class FileHoles implements Holes {
  readonly #target: { readonly name: string; readonly facts: FileFacts };
  readonly #descriptors: Descriptors;
  readonly #engine: Engine;

  constructor(target: { readonly name: string; readonly facts: FileFacts }, descriptors: Descriptors, engine: Engine) {
    this.#target = target;
    this.#descriptors = descriptors;
    this.#engine = engine;
  }

  /** A regular file's holes read as zeros; what a device held before, it still holds. */
  get freshReadsZero(): boolean {
    return this.#target.facts.kind === 'file';
  }

  /** A file system without hole maps answers with one range of data (lseek(2)). A block device has no holes. */
  async *map(offset: number, length: number): AsyncIterable<DataRange> {
    const end = offset + length;
    if (this.#target.facts.kind !== 'file') {
      if (length > 0) yield { offset, length };
      return;
    }
    let at = offset;
    while (at < end) {
      const data = await this.#seek(Op.SEEK_DATA, at);
      if (data === ENXIO || data >= end) return;
      const hole = await this.#seek(Op.SEEK_HOLE, data);
      const stop = Math.min(end, hole === ENXIO ? end : hole);
      // Another process may punch between the two calls; then the map moves on without a range.
      if (stop > data) yield { offset: data, length: stop - data };
      at = Math.max(stop, data + 1);
    }
  }

  async #seek(op: Op, offset: number): Promise<number> {
    const result = await run(this.#engine, { op, fd: this.#descriptors.fd, offset });
    if (result < 0 && result !== ENXIO) throw errnoError(result, 'lseek', this.#target.name);
    return result;
  }

  /** Punched on files, BLKZEROOUT on devices (which may or may not free the space). */
  async zero(offset: number, length: number): Promise<'punched' | 'written'> {
    const { fd } = this.#descriptors;
    if (length === 0) return 'punched';
    const block = this.#target.facts.kind === 'block';
    const op = block ? Op.BLOCK_ZERO : Op.FALLOCATE;
    if (!this.#engine.supports(op)) throw this.#unsupported();
    const result = await run(this.#engine, { op, fd, offset, length, flags: block ? 0 : PUNCH_HOLE });
    if (result >= 0) return block ? 'written' : 'punched';
    const error = errnoError(result, block ? 'ioctl(BLKZEROOUT)' : 'fallocate', this.#target.name);
    if (error.code === 'EOPNOTSUPP' || error.code === 'ENOTSUP' || error.code === 'ENOSYS') throw this.#unsupported();
    throw error;
  }

  #unsupported(): Error {
    const { name } = this.#target;
    return errors.make('ERR_DIORITE_UNSUPPORTED', `${name}: cannot make a range read as zeros without writing it`, {
      path: name,
    });
  }
}
