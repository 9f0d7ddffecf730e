// Destinations that are written where they are and never replaced: block devices, and what takes bytes in order only.
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open as openNode } from 'node:fs/promises';
import { DioriteError, errors } from '../../base/errors.js';
import { alignDown, PAGE_SIZE } from '../../base/integers.js';
import type { File } from '../../handle/file.js';
import { open } from '../../open.js';
import type { IoMode } from '../../transfer/target.js';
import { codeOf } from '../code-of.js';
import type { Destination } from '../destination.js';
import type { CopySettings } from '../options.js';
import { Tally } from '../tally.js';
import { zeroByTarget } from './zero.js';

/** A device whose kind or number changed between the question and the opening is not the one that was meant. */
function assertSame(path: string, asked: Stats, opened: Stats): void {
  const kind = constants.S_IFMT;
  if (asked.rdev === opened.rdev && asked.ino === opened.ino && (asked.mode & kind) === (opened.mode & kind)) return;
  throw errors.make('ERR_DIORITE_EXISTS', `The destination was replaced by something else: ${path}`, { path });
}

export class BlockDevice implements Destination {
  readonly path: string;
  readonly readBackPath: string;
  readonly sequential = false;
  /** A device holds what was on it before. */
  readonly freshReadsZero = false;
  readonly tally: Tally = new Tally();
  readonly #file: File;
  readonly #zeros: Uint8Array;

  private constructor(path: string, file: File, zeroBytes: number) {
    this.path = path;
    this.readBackPath = path;
    this.#file = file;
    this.#zeros = new Uint8Array(zeroBytes);
  }

  static async open(path: string, stats: Stats, settings: CopySettings): Promise<BlockDevice> {
    try {
      // On a device without O_CREAT, O_EXCL asks for nobody else to hold it: no mount, no array, no second copy.
      const flags = constants.O_RDWR | constants.O_EXCL;
      const file = await open(path, flags, {
        io: settings.io,
        engine: settings.engine,
        requestBytes: settings.requestBytes,
      });
      try {
        assertSame(path, stats, await file.stat());
      } catch (error) {
        await file.close();
        throw error;
      }
      return new BlockDevice(path, file, settings.requestBytes);
    } catch (error) {
      if (codeOf(error) !== 'EBUSY') throw error;
      throw new DioriteError(`The device is in use (mounted, or part of another device): ${path}`, {
        code: 'EBUSY',
        syscall: 'open',
        path,
        cause: error,
      });
    }
  }

  get engine(): string {
    return this.#file.engine;
  }

  get engineReason(): string | null {
    return this.#file.engineReason;
  }

  async reserve(bytes: number): Promise<void> {
    const size = this.#file.target.size;
    if (size === undefined || bytes <= size) return;
    throw new DioriteError(`The device holds ${size} bytes, the source has ${bytes}: ${this.path}`, {
      code: 'ENOSPC',
      syscall: 'copy',
      path: this.path,
      length: bytes,
    });
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.tally.add(bytes.length, await this.#file.write(bytes, 0, bytes.length, position));
  }

  /** By the device where it can; the piece at the end that fills no page, and what it cannot, is written. */
  async zero(offset: number, length: number): Promise<void> {
    const whole = alignDown(length, PAGE_SIZE);
    const zeroed = (await zeroByTarget(this.#file.target, offset, whole)) ? whole : 0;
    for (let at = zeroed; at < length; at += this.#zeros.length)
      await this.write(this.#zeros.subarray(0, Math.min(this.#zeros.length, length - at)), offset + at);
  }

  async settle(): Promise<void> {
    await this.#file.sync();
  }

  ioMode(): IoMode {
    return this.#file.target.ioMode('write');
  }

  async publish(): Promise<boolean> {
    await this.#file.close();
    return true;
  }

  async discard(): Promise<void> {
    // What was written stays written; the error that led here is the one that is told.
    await Promise.allSettled([this.#file.close()]);
  }
}

/** What is used of a FileHandle. */
export interface InOrder {
  write(bytes: Uint8Array, offset: number, length: number, position: null): Promise<{ readonly bytesWritten: number }>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

export class SequentialDevice implements Destination {
  readonly path: string;
  readonly readBackPath = null;
  readonly sequential = true;
  readonly freshReadsZero = false;
  readonly tally: Tally = new Tally();
  readonly engine = 'threads';
  readonly engineReason = 'the destination takes bytes in order, one write at a time';
  readonly #handle: InOrder;
  #stable = false;

  private constructor(path: string, handle: InOrder) {
    this.path = path;
    this.#handle = handle;
  }

  static over(path: string, handle: InOrder): SequentialDevice {
    return new SequentialDevice(path, handle);
  }

  static async open(path: string, stats: Stats, signal: AbortSignal | undefined): Promise<SequentialDevice> {
    if (stats.isSocket())
      throw errors.make('ERR_DIORITE_UNSUPPORTED', `The destination is a socket, which cannot be opened: ${path}`, {
        path,
      });
    // Neither created nor truncated: if the device went away meanwhile, no regular file takes its place.
    const handle = await openOrAbort(path, stats, signal);
    try {
      assertSame(path, stats, await handle.stat());
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new SequentialDevice(path, handle);
  }

  async reserve(): Promise<void> {
    // Nothing is known of the room in a pipe or behind a terminal.
  }

  async write(bytes: Uint8Array): Promise<void> {
    let written = 0;
    let requests = 0;
    while (written < bytes.length) {
      const { bytesWritten } = await this.#handle.write(bytes, written, bytes.length - written, null);
      if (bytesWritten === 0)
        throw errors.make('ERR_DIORITE_NO_PROGRESS', `The destination takes no bytes: ${this.path}`, {
          path: this.path,
        });
      written += bytesWritten;
      requests++;
    }
    this.tally.add(bytes.length, { requests, copiedBytes: 0, bufferedBytes: bytes.length });
  }

  async zero(_offset: number, length: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(length, 1024 * 1024));
    for (let done = 0; done < length; done += zeros.length)
      await this.write(zeros.subarray(0, Math.min(zeros.length, length - done)));
  }

  async settle(): Promise<void> {
    try {
      await this.#handle.sync();
      this.#stable = true;
    } catch (error) {
      // Pipes, terminals and most character devices have nothing to sync.
      const code = codeOf(error);
      if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EROFS' && code !== 'ENOSYS') throw error;
    }
  }

  ioMode(): IoMode {
    return 'buffered';
  }

  async publish(): Promise<boolean> {
    await this.#handle.close();
    return this.#stable;
  }

  async discard(): Promise<void> {
    await Promise.allSettled([this.#handle.close()]);
  }
}

/** To open a FIFO waits for a reader, in the kernel; an abort ends that by being the reader for a moment. */
async function openOrAbort(path: string, stats: Stats, signal: AbortSignal | undefined): Promise<FileHandle> {
  const opening = openNode(path, constants.O_WRONLY | constants.O_NOCTTY);
  if (signal === undefined || !stats.isFIFO()) return opening;
  let reader: Promise<FileHandle> | null = null;
  const beReader = (): void => {
    reader = openNode(path, constants.O_RDONLY | constants.O_NONBLOCK);
  };
  signal.addEventListener('abort', beReader, { once: true });
  try {
    return await opening;
  } finally {
    signal.removeEventListener('abort', beReader);
    await closeReader(reader);
  }
}

async function closeReader(reader: Promise<FileHandle> | null): Promise<void> {
  if (reader !== null) await (await reader).close();
}
