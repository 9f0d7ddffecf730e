// What a copy reads from: opened, known for what it is, and watched for changes.
import type { Stats } from 'node:fs';
import { DioriteError, errors } from '../base/errors.js';
import type { MoveOptions } from '../handle/arguments.js';
import type { File } from '../handle/file.js';
import type { FileLike } from '../transfer/file-like.js';
import type { DataRange, IoMode } from '../transfer/target.js';
import type { CopySettings } from './options.js';
import type { Place } from './place.js';
import type { Located } from './places.js';
import type { Reader } from './pump.js';
import { Tally } from './tally.js';

function refuse(path: string, stats: Stats): void {
  if (stats.isFile() || stats.isBlockDevice()) return;
  if (stats.isDirectory())
    throw new DioriteError(`The source is a directory: ${path}`, { code: 'EISDIR', syscall: 'copy', path });
  throw errors.make(
    'ERR_DIORITE_UNSUPPORTED',
    `The source is neither a regular file nor a block device, and cannot be read at offsets: ${path}`,
    { path, syscall: 'copy' },
  );
}

/** A server may be silent for long, and what it was asked can be given up; what a disk was asked cannot. */
export function optionsOf(file: File, signal: AbortSignal | undefined): MoveOptions {
  return file.fd === -1 ? { signal } : {};
}

export class Source implements Reader {
  readonly place: Place;
  readonly path: string;
  readonly stats: Stats;
  /** Undefined: it ends where it ends. */
  readonly size: number | undefined;
  readonly tally: Tally = new Tally();
  readonly #file: File;
  readonly #modified: bigint;
  readonly #reading: MoveOptions;

  private constructor(
    at: Located,
    file: File,
    stats: Stats,
    size: number | undefined,
    modified: bigint,
    reading: MoveOptions,
  ) {
    this.place = at.place;
    this.path = at.name;
    this.stats = stats;
    this.size = size;
    this.#file = file;
    this.#modified = modified;
    this.#reading = reading;
  }

  static async open(at: Located, settings: CopySettings): Promise<Source> {
    const { place, name } = at;
    // Asked before it is opened: to open a FIFO waits for a writer, and to open some devices does something.
    refuse(name, await place.stat(name));
    const file = await place.open(name, settings);
    try {
      const stats = await file.stat();
      refuse(name, stats);
      const { mtimeNs } = await file.stat({ bigint: true });
      const size = await place.sizeOf(name, file, stats);
      return new Source(at, file, stats, size, mtimeNs, optionsOf(file, settings.signal));
    } catch (error) {
      await Promise.allSettled([file.close()]); // what led here is what is told
      throw error;
    }
  }

  get target(): FileLike {
    return this.#file.target;
  }

  async read(view: Uint8Array, position: number): Promise<number> {
    const result = await this.#file.read(view, { ...this.#reading, position });
    this.tally.add(result.bytesRead, result);
    return result.bytesRead;
  }

  /** Where its data is; all of it where there is no map. */
  async *data(): AsyncGenerator<DataRange, void, undefined> {
    const size = this.size ?? 0;
    if (size === 0) return;
    const { holes } = this.#file.target;
    if (holes === undefined) yield { offset: 0, length: size };
    else yield* holes.map(0, size);
  }

  ioMode(): IoMode {
    return this.#file.target.ioMode('read');
  }

  /** Throws if it is not what it was: what was copied may then be of two ages. */
  async assertUnchanged(): Promise<void> {
    if (!this.stats.isFile()) return;
    const { size, mtimeNs } = await this.#file.stat({ bigint: true });
    if (size !== BigInt(this.stats.size)) throw this.changed(`its size went from ${this.stats.size} to ${size} bytes`);
    // A made-up file has the time of whoever looks at it.
    if (this.size !== undefined && mtimeNs !== this.#modified) throw this.changed('it was written to');
  }

  changed(how: string): DioriteError {
    return errors.make('ERR_DIORITE_SOURCE_CHANGED', `The source changed while it was copied: ${how}: ${this.path}`, {
      path: this.path,
      syscall: 'copy',
    });
  }

  /** Nothing was written to it, so nothing can be lost: a server that fails at its CLOSE does not undo the copy. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#file.close()]);
  }
}
