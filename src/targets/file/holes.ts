// Holes of files: where data may be (SEEK_DATA, SEEK_HOLE), space given back, and ranges that read as zeros.
import { type DioriteError, errors } from '../../base/errors.js';
import { ENXIO, errnoError } from '../../transfer/errno.js';
import type { FileFacts } from '../../transfer/facts.js';
import type { FileSpace } from '../../transfer/file-like.js';
import type { DataRange } from '../../transfer/target.js';
import type { Descriptors } from './descriptors.js';
import { type Engine, Op } from './engines/engine.js';
import { run } from './run.js';

/** linux/falloc.h: FALLOC_FL_KEEP_SIZE with FALLOC_FL_PUNCH_HOLE and FALLOC_FL_ZERO_RANGE. */
const PUNCH_HOLE = 0x1 | 0x2;
const ZERO_RANGE = 0x1 | 0x10;
const CANNOT = new Set(['EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'ENOTTY']);

interface Changing {
  readonly name: string;
  readonly facts: FileFacts;
  /** The bytes of the range are others now, and not durable yet. */
  noteChanged(offset: number, length: number): void;
}

export class FileHoles implements FileSpace {
  readonly #target: Changing;
  readonly #descriptors: Descriptors;
  readonly #engine: Engine;

  constructor(target: Changing, descriptors: Descriptors, engine: Engine) {
    this.#target = target;
    this.#descriptors = descriptors;
    this.#engine = engine;
  }

  /** A regular file's holes read as zeros; what a device held before, it still holds. */
  get freshReadsZero(): boolean {
    return this.#target.facts.kind === 'file';
  }

  /** A file system without hole maps answers with one range of data (lseek(2)). A block device has no holes. */
  async *map(offset: number, length: number): AsyncGenerator<DataRange, void, undefined> {
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
    if (this.#target.facts.kind === 'block') {
      await this.zeroRange(offset, length);
      return 'written';
    }
    await this.punch(offset, length);
    return 'punched';
  }

  /** Gives the space of the range back: it reads as zeros then. The size stays. */
  punch(offset: number, length: number): Promise<void> {
    return this.#change(Op.FALLOCATE, 'fallocate(PUNCH_HOLE)', offset, length, PUNCH_HOLE);
  }

  /** Zeros that nobody sends: FALLOC_FL_ZERO_RANGE on files, which keep the space, BLKZEROOUT on devices. */
  zeroRange(offset: number, length: number): Promise<void> {
    return this.#target.facts.kind === 'block'
      ? this.#change(Op.BLOCK_ZERO, 'ioctl(BLKZEROOUT)', offset, length, 0)
      : this.#change(Op.FALLOCATE, 'fallocate(ZERO_RANGE)', offset, length, ZERO_RANGE);
  }

  async #change(op: Op, call: string, offset: number, length: number, flags: number): Promise<void> {
    if (length === 0) return;
    if (!this.#engine.supports(op)) throw this.#unsupported(call, 'it needs the native addon');
    const result = await run(this.#engine, { op, fd: this.#descriptors.fd, offset, length, flags });
    if (result >= 0) return this.#target.noteChanged(offset, length);
    const error = errnoError(result, call, this.#target.name);
    if (CANNOT.has(error.code)) throw this.#unsupported(call, `the file system or device answers ${error.code}`);
    // Some of it may have been done: an error of these calls says nothing of how far they came.
    this.#target.noteChanged(offset, length);
    throw error;
  }

  #unsupported(call: string, why: string): DioriteError {
    const { name } = this.#target;
    return errors.make('ERR_DIORITE_UNSUPPORTED', `${name}: ${call} cannot be had: ${why}`, { path: name });
  }
}
