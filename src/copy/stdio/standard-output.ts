// Descriptors of this process as destinations: streams, and files that somebody opened and began to write.
import { constants, fsync, write } from 'node:fs';
import { promisify } from 'node:util';
import { DioriteError } from '../../base/errors.js';
import { alignDown, PAGE_SIZE } from '../../base/integers.js';
import { File } from '../../handle/file.js';
import { openPath } from '../../handle/open-path.js';
import { chooseEngine } from '../../targets/file/engines/choose.js';
import { CELL_BYTES } from '../../targets/pipe/cell.js';
import { PipeTarget } from '../../targets/pipe/pipe-target.js';
import type { FileLike } from '../../transfer/file-like.js';
import type { IoMode } from '../../transfer/target.js';
import { codeOf } from '../code-of.js';
import type { Destination } from '../destination.js';
import { SequentialDevice } from '../local/in-place.js';
import { zeroByTarget } from '../local/zero.js';
import type { CopySettings } from '../options.js';
import { Tally } from '../tally.js';
import { noticingClosed, relative } from './by-splice.js';
import { leaveAt, nameOf, pathOf } from './descriptor.js';

const fsyncFd = promisify(fsync);
const ZEROS_BYTES = 1024 * 1024;

/** A pipe, a socket or a character device: takes bytes in order, once, and keeps none. */
export class StreamOutput implements Destination {
  readonly path: string;
  readonly readBackPath = null;
  readonly sequential = true;
  readonly freshReadsZero = false;
  readonly tally: Tally = new Tally();
  readonly #file: File;
  readonly #signal: AbortSignal | undefined;

  constructor(fd: number, settings: CopySettings) {
    const { engine, reason } = chooseEngine(settings.engine);
    this.path = nameOf(fd);
    this.#signal = settings.signal;
    const target = PipeTarget.over(fd, { name: this.path, engine });
    target.enlarge(CELL_BYTES);
    this.#file = new File({
      target,
      engineReason: reason,
      depth: undefined,
      bytesInFlight: undefined,
      appends: false,
    });
  }

  get target(): FileLike {
    return this.#file.target;
  }

  get engine(): string {
    return this.#file.engine;
  }

  get engineReason(): string | null {
    return this.#file.engineReason;
  }

  async reserve(): Promise<void> {
    // Nothing is known of the room behind a pipe.
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    const written = this.#file.write(bytes, { position, signal: this.#signal });
    this.tally.add(bytes.length, await noticingClosed(this.path, written));
  }

  async zero(offset: number, length: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(length, ZEROS_BYTES));
    for (let done = 0; done < length; done += zeros.length)
      await this.write(zeros.subarray(0, Math.min(zeros.length, length - done)), offset + done);
  }

  async settle(): Promise<void> {
    // What was taken is with whoever reads.
  }

  ioMode(): IoMode {
    return this.#file.target.ioMode('write');
  }

  async publish(): Promise<boolean> {
    await this.#file.close();
    return false;
  }

  async discard(): Promise<void> {
    await Promise.allSettled([this.#file.close()]);
  }
}

/**
 * A regular file or a block device, from where its description stands: what was there before and behind stays, the file
 * only grows, and who shares the description goes on behind what was written.
 */
export class FileOutput implements Destination {
  readonly path: string;
  readonly origin: number;
  readonly readBackPath = null;
  readonly sequential = false;
  /** It holds what was in it before. */
  readonly freshReadsZero = false;
  readonly tally: Tally = new Tally();
  readonly #fd: number;
  readonly #file: File;
  /** The end of what was written, from the origin on. */
  #end = 0;

  private constructor(fd: number, origin: number, file: File) {
    this.path = nameOf(fd);
    this.origin = origin;
    this.#fd = fd;
    this.#file = file;
  }

  /** Null: this user may not open it again, or there is no /proc to do so. */
  static async open(fd: number, origin: number, settings: CopySettings): Promise<FileOutput | null> {
    const { io, engine, requestBytes } = settings;
    try {
      return new FileOutput(fd, origin, await openPath(pathOf(fd), constants.O_WRONLY, { io, engine, requestBytes }));
    } catch (error) {
      const code = codeOf(error);
      if (code === 'EACCES' || code === 'EPERM' || code === 'ENOENT' || code === 'ENXIO') return null;
      throw error;
    }
  }

  get target(): FileLike {
    return this.#file.target;
  }

  get engine(): string {
    return this.#file.engine;
  }

  get engineReason(): string | null {
    return this.#file.engineReason;
  }

  async reserve(bytes: number): Promise<void> {
    const { target } = this.#file;
    if (target.facts.kind !== 'block' || target.size === undefined || this.origin + bytes <= target.size) return;
    const message = `The device holds ${target.size} bytes, and ${bytes} are to be written from ${this.origin} on`;
    throw new DioriteError(`${message}: ${this.path}`, { code: 'ENOSPC', syscall: 'copy', path: this.path });
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.#end = Math.max(this.#end, position + bytes.length);
    const written = this.#file.write(bytes, { position: this.origin + position });
    this.tally.add(bytes.length, await relative(this.origin, written));
  }

  async zero(offset: number, length: number): Promise<void> {
    const whole = this.origin % PAGE_SIZE === 0 ? alignDown(length, PAGE_SIZE) : 0;
    const zeroed = whole > 0 && (await zeroByTarget(this.#file.target, this.origin + offset, whole)) ? whole : 0;
    const zeros = new Uint8Array(Math.min(length - zeroed, ZEROS_BYTES));
    for (let at = zeroed; at < length; at += zeros.length)
      await this.write(zeros.subarray(0, Math.min(zeros.length, length - at)), offset + at);
    this.#end = Math.max(this.#end, offset + length);
  }

  async settle(bytes: number): Promise<void> {
    const end = this.origin + bytes;
    const { target } = this.#file;
    // A hole at the end was not written; what lies behind it already is not ours to cut.
    if (target.facts.kind !== 'block' && (await target.askBytes()) < end) await this.#file.truncate(end);
    await this.#file.sync();
    this.#end = bytes;
  }

  ioMode(): IoMode {
    return this.#file.target.ioMode('write');
  }

  async publish(): Promise<boolean> {
    await this.#file.close();
    await leaveAt(this.#fd, this.origin + this.#end);
    return true;
  }

  async discard(): Promise<void> {
    // What was written stays written, and is not written over by who comes next.
    await Promise.allSettled([this.#file.close(), leaveAt(this.#fd, this.origin + this.#end)]);
  }
}

/** A file by its descriptor alone, in order: to append (O_APPEND has no offsets), or because it cannot be opened again. */
export function plainOutput(fd: number): Destination {
  return SequentialDevice.over(nameOf(fd), {
    write: (bytes, offset, length) =>
      new Promise((resolve, reject) => {
        write(fd, bytes, offset, length, null, (error, bytesWritten) =>
          error === null ? resolve({ bytesWritten }) : reject(error),
        );
      }),
    sync: () => fsyncFd(fd),
    close: async () => {},
  });
}
