// What a copy reads from: opened, known for what it is, and watched for changes.
import type { BigIntStats, StatOptions, Stats } from 'node:fs';
import { DioriteError, errors } from '../base/errors.js';
import type { MoveOptions } from '../handle/arguments.js';
import type { DataRange, IoMode, Target } from '../transfer/target.js';
import { fillPiecewise, gather } from './fill.js';
import type { CopySettings, WholeBy } from './options.js';
import type { Place } from './place.js';
import type { Located } from './places.js';
import type { Reader } from './pump.js';
import { type Counted, Tally } from './tally.js';

/** What is read from: a File, or as much of one as a descriptor gives that cannot be opened again. */
export interface Readable {
  readonly target: Pick<Target, 'holes' | 'ioMode' | 'seekable' | 'size'>;
  /** −1: there is none, it is on a server. */
  readonly fd: number;
  read(view: Uint8Array, options: ReadOptions): Promise<Counted & { readonly bytesRead: number }>;
  stat(): Promise<Stats>;
  stat(options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  close(): Promise<void>;
}

export type ReadOptions = Pick<MoveOptions, 'signal' | 'onProgress'> & { readonly position: number };

/** The permission bits of what a program makes who says nothing of them. open(2), mkfifo(3) and the shells: 0666. */
const STREAM_MODE = 0o666;

function refuse({ place, name: path }: Located, stats: Stats): void {
  if (stats.isFile() || stats.isBlockDevice()) return;
  if (place.takesStreams && !stats.isDirectory()) return;
  if (stats.isDirectory())
    throw new DioriteError(`The source is a directory: ${path}`, { code: 'EISDIR', syscall: 'copy', path });
  throw errors.make(
    'ERR_DIORITE_UNSUPPORTED',
    `The source is neither a regular file nor a block device, and cannot be read at offsets: ${path}`,
    { path, syscall: 'copy' },
  );
}

/** A server or a stream may be silent for long, and what it was asked can be given up; what a disk was asked cannot. */
export function optionsOf(file: Readable, signal: AbortSignal | undefined): Pick<MoveOptions, 'signal'> {
  return file.fd === -1 || !file.target.seekable ? { signal } : {};
}

interface SourceInput {
  readonly at: Located;
  readonly file: Readable;
  readonly stats: Stats;
  readonly origin: number;
  readonly size: number | undefined;
  readonly modified: bigint;
  readonly settings: CopySettings;
}

export class Source implements Reader {
  readonly place: Place;
  /** What it is called. */
  readonly path: string;
  readonly #name: string;
  readonly stats: Stats;
  /** Undefined: it ends where it ends. */
  readonly size: number | undefined;
  /** Where its first byte lies in the file. */
  readonly origin: number;
  /** A stream: what was read is gone from it. */
  readonly once: boolean;
  /** The permission bits that a new copy begins with. */
  readonly mode: number;
  readonly tally: Tally = new Tally();
  readonly #file: Readable;
  readonly #modified: bigint;
  readonly #reading: Pick<MoveOptions, 'signal'>;
  readonly #stop = new AbortController();
  readonly #ends: AbortSignal;
  readonly #anyStatus: boolean;
  /** How many bytes it must have; undefined: nobody has said it. */
  readonly #mustHave: number | undefined;
  #ended = false;
  #endedWell = false;

  private constructor({ at, file, stats, origin, size, modified, settings }: SourceInput) {
    const { signal } = settings;
    this.place = at.place;
    this.#name = at.name;
    this.path = at.place.titleOf?.(at.name) ?? at.name;
    this.stats = stats;
    this.origin = origin;
    this.size = size;
    this.once = !file.target.seekable;
    this.mode = this.once ? STREAM_MODE : stats.mode;
    this.#file = file;
    this.#modified = modified;
    this.#anyStatus = settings.anyStatus;
    this.#mustHave = settings.size;
    this.#ends = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
    this.#reading = optionsOf(file, this.once ? this.#ends : signal);
  }

  static async open(at: Located, settings: CopySettings): Promise<Source> {
    const { place, name } = at;
    // Asked before it is opened: to open a FIFO waits for a writer, and to open some devices does something.
    refuse(at, await place.stat(name));
    const file = await place.open(name, settings);
    try {
      const stats = await file.stat();
      refuse(at, stats);
      const { mtimeNs: modified } = await file.stat({ bigint: true });
      const origin = (await place.originOf?.(name)) ?? 0;
      const all = await place.sizeOf(name, file, stats);
      const size = all === undefined ? undefined : Math.max(0, all - origin);
      const source = new Source({ at, file, stats, origin, size, modified, settings });
      if (size !== undefined) source.assertSize(size);
      return source;
    } catch (error) {
      await Promise.allSettled([file.close()]); // what led here is what is told
      throw error;
    }
  }

  get target(): Readable['target'] {
    return this.#file.target;
  }

  /** As far as it is known, or was said. */
  get expectedSize(): number | undefined {
    return this.size ?? this.#mustHave;
  }

  /** In the end: what says that it is all there. */
  get wholeBy(): WholeBy | null {
    if (this.expectedSize !== undefined) return 'size';
    return this.#endedWell ? 'status' : null;
  }

  /** What is taken of a stream at most: a byte more than it must have shows that it has more. */
  get bytesMax(): number | undefined {
    return this.#mustHave === undefined ? undefined : this.#mustHave + 1;
  }

  /** Before more than that is written for nothing. */
  assertNoMore(bytes: number): void {
    if (this.#mustHave !== undefined && bytes > this.#mustHave)
      throw this.failed(`it has more than ${this.#mustHave} bytes`);
  }

  /** It has ended, after so many bytes. */
  assertSize(bytes: number): void {
    this.assertNoMore(bytes);
    if (this.#mustHave !== undefined && bytes < this.#mustHave)
      throw this.failed(`it ended after ${bytes} of ${this.#mustHave} bytes`);
  }

  async read(view: Uint8Array, position: number): Promise<number> {
    const result = await this.#file.read(view, { ...this.#reading, position: this.origin + position });
    this.tally.add(result.bytesRead, result);
    return result.bytesRead;
  }

  /**
   * For a source that does not know its size: fills the view; 0: it has ended. `passOn`: what a stream gives is wanted
   * soon, and not only when the view is full.
   */
  async fill(view: Uint8Array, position: number, passOn: boolean): Promise<number> {
    if (!this.once) return fillPiecewise(this, view, position);
    if (passOn) return this.#gather(view, position);
    // A named pipe that has ended may begin again, with another writer.
    const got = this.#ended ? 0 : await this.read(view, position);
    this.#ended = got < view.length;
    return got;
  }

  async #gather(view: Uint8Array, position: number): Promise<number> {
    const got = await gather(async (signal, onProgress) => {
      const ends = AbortSignal.any([this.#ends, signal]);
      return (await this.#file.read(view, { position, signal: ends, onProgress })).bytesRead;
    });
    this.tally.add(got, { requests: 1, copiedBytes: 0, bufferedBytes: 0 });
    return got;
  }

  /** Where its data is; all of it where there is no map. */
  async *data(): AsyncGenerator<DataRange, void, undefined> {
    const size = this.expectedSize ?? 0;
    if (size === 0) return;
    const { holes } = this.#file.target;
    if (holes === undefined) yield { offset: 0, length: size };
    else
      for await (const { offset, length } of holes.map(this.origin, size))
        yield { offset: offset - this.origin, length };
  }

  ioMode(): IoMode {
    return this.#file.target.ioMode('read');
  }

  /** Throws if it is not what it was, for what was copied may then be of two ages, or if who wrote to it has failed. */
  async assertUnchanged(): Promise<void> {
    const ending = await this.place.endingOf?.(this.#name);
    if (ending?.failure != null && !this.#anyStatus) throw this.failed(ending.failure);
    this.#endedWell = ending?.known === true && ending.failure === null;
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

  failed(how: string): DioriteError {
    return errors.make('ERR_DIORITE_SOURCE_FAILED', `The source is not all there: ${this.path}: ${how}`, {
      path: this.path,
      syscall: 'copy',
    });
  }

  /** Nobody wants any more of a stream: a read that waits for it ends. */
  stop(): void {
    this.#stop.abort();
  }

  /** All of it was copied. */
  async leave(bytes: number): Promise<void> {
    if (!this.once) await this.place.leaveAt?.(this.#name, this.origin + bytes);
  }

  /** Nothing was written to it, so nothing can be lost: a server that fails at its CLOSE does not undo the copy. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#file.close()]);
  }
}
