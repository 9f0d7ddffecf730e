// A file as Node's FileHandle has it, over a transfer: the same calls, more kinds of memory, and what really happened.
import { EventEmitter } from 'node:events';
import { type BigIntStats, fstat, ftruncate, type StatOptions, type Stats } from 'node:fs';
import { promisify } from 'node:util';
import { errors } from '../base/errors.js';
import { toOffset } from '../base/integers.js';
import type { IovIter } from '../iter/iov-iter.js';
import type { Limits } from '../plan/limits.js';
import { Op } from '../targets/file/engines/engine.js';
import { errnoError } from '../targets/file/errno.js';
import type { FileFacts } from '../targets/file/facts.js';
import type { FileTarget } from '../targets/file/file-target.js';
import { run } from '../targets/file/run.js';
import type { TransferOptions } from '../transfer/options.js';
import type { Outcome } from '../transfer/outcome.js';
import { runTransfer } from '../transfer/transfer.js';
import {
  type Memory,
  type Move,
  type MoveOptions,
  readArguments,
  vectorArguments,
  writeArguments,
} from './arguments.js';
import { ReadResult, ReadvResult, WriteResult, WritevResult } from './results.js';

type Position = number | bigint | null;
type Views = readonly NodeJS.ArrayBufferView[];

export interface FileInput {
  readonly target: FileTarget;
  readonly engineReason: string | null;
  readonly depth: number | undefined;
  readonly bytesInFlight: number | undefined;
  /** O_APPEND: a write goes to the end, and the handle's own position follows it there. */
  readonly appends: boolean;
}

const fstatFd = promisify(fstat);
const ftruncateFd = promisify(ftruncate);

const EBADF = -9;
/** linux/falloc.h */
const FALLOC_FL_KEEP_SIZE = 1;

/**
 * An open file. `read`, `readv`, `write`, `writev`, `stat`, `truncate`, `sync`, `datasync`, `fd`, `close` and the event
 * `'close'` take and give what Node's FileHandle takes and gives; arrays of views and an IovIter may stand wherever a
 * buffer does. Memory of any alignment will do; page-aligned memory (a lease's) goes without a copy.
 *
 * The memory of a read or write belongs to it until its promise settles. A write resolves only when every byte is done;
 * a read is short only at the end of the data. Anything else rejects, with `bytes` and `extents` (docs/Errors.md).
 */
export class File extends EventEmitter {
  /** What the transfers of this file go to. */
  readonly target: FileTarget;
  /** Why the engine is not `uring`; null: it is. */
  readonly engineReason: string | null;
  readonly #defaults: TransferOptions;
  readonly #appends: boolean;
  /** Calls that use the handle's own position run in the order in which they were made. */
  #positioned: Promise<unknown> = Promise.resolve();
  #position = 0;
  #pending = 0;
  #onIdle: (() => void) | null = null;
  #closing: Promise<void> | null = null;
  #closed = false;

  constructor(input: FileInput) {
    super();
    this.target = input.target;
    this.engineReason = input.engineReason;
    this.#appends = input.appends;
    this.#defaults = { depth: input.depth, bytesInFlight: input.bytesInFlight };
  }

  /** The descriptor, as it was opened: without O_DIRECT. −1 when closed. */
  get fd(): number {
    return this.#closed ? -1 : this.target.fd;
  }

  get engine(): 'uring' | 'threads' {
    return this.target.engine.name;
  }

  /** What was found out about the file: alignments, file system, device, and where each was learnt. */
  get facts(): FileFacts {
    return this.target.facts;
  }

  /** What one request of this direction may look like: the alignments that spare copies are in it. */
  limits(direction: 'read' | 'write'): Limits {
    return this.target.limitsAt(0, direction);
  }

  // ---- moving bytes ----------------------------------------------------------------------------------------------

  /** Fills the memory from the file. Short only at the end of the data; 0 bytes there. preadv2(2). */
  read<T extends Memory>(
    memory: T,
    offset?: number | null,
    length?: number | null,
    position?: Position,
  ): Promise<ReadResult<T>>;
  read<T extends Memory>(memory: T, options?: MoveOptions): Promise<ReadResult<T>>;
  read<T extends NodeJS.ArrayBufferView = Buffer>(
    options?: MoveOptions & { readonly buffer?: T },
  ): Promise<ReadResult<T>>;
  read(memory?: unknown, offset?: unknown, length?: unknown, position?: unknown): Promise<ReadResult<never>> {
    return this.#start(() => readArguments(memory, offset, length, position), 'read', toReadResult);
  }

  /** Writes all of the memory, or rejects with the ledger. pwritev2(2). */
  write<T extends Memory>(
    memory: T,
    offset?: number | null,
    length?: number | null,
    position?: Position,
  ): Promise<WriteResult<T>>;
  write<T extends Memory>(memory: T, options?: MoveOptions): Promise<WriteResult<T>>;
  write(text: string, position?: Position, encoding?: BufferEncoding | null): Promise<WriteResult<string>>;
  write(memory: unknown, offset?: unknown, length?: unknown, position?: unknown): Promise<WriteResult<never>> {
    return this.#start(() => writeArguments(memory, offset, length, position), 'write', toWriteResult);
  }

  readv<T extends Views>(buffers: T, position?: Position, options?: MoveOptions): Promise<ReadvResult<T>> {
    return this.#start(() => vectorArguments(buffers, position, options), 'read', toReadvResult<T>);
  }

  writev<T extends Views>(buffers: T, position?: Position, options?: MoveOptions): Promise<WritevResult<T>> {
    return this.#start(() => vectorArguments(buffers, position, options), 'write', toWritevResult<T>);
  }

  #start<R>(
    parse: () => Move,
    direction: 'read' | 'write',
    toResult: (memory: never, outcome: Outcome) => R,
  ): Promise<R> {
    let move: Move;
    try {
      this.#mustBeOpen(direction);
      move = parse();
      this.target.check();
    } catch (error) {
      return Promise.reject(error);
    }
    // The result's memory is the one that the caller gave: its type went through `Move` as unknown.
    const finish = (outcome: Outcome): R => toResult(move.memory as never, outcome);
    if (move.position === null) return this.#atOwnPosition(move, direction, finish);
    return this.#move(move, move.iter, move.position, direction, finish);
  }

  #move<R>(
    move: Move,
    iter: IovIter,
    position: number,
    direction: 'read' | 'write',
    finish: (outcome: Outcome) => R,
  ): Promise<R> {
    this.#pending++;
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        this.#settled();
        reject(error);
      };
      const done = (outcome: Outcome): void => {
        this.#settled();
        resolve(finish(outcome));
      };
      try {
        runTransfer(this.target, iter, position, move.bytes, direction, this.#optionsOf(move), done, failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  #optionsOf(move: Move): TransferOptions {
    const { signal, dsync, onProgress } = move.options;
    if (signal === undefined && dsync === undefined && onProgress === undefined) return this.#defaults;
    return { ...this.#defaults, signal, dsync, onProgress };
  }

  #atOwnPosition<R>(move: Move, direction: 'read' | 'write', finish: (outcome: Outcome) => R): Promise<R> {
    // Taken now: the caller may move the iterator before its turn comes.
    const iter = move.iter.dup();
    const moved = (bytes: number): void => {
      this.#position += bytes;
      if (bytes > 0) move.iter.advance(Math.min(bytes, move.iter.count));
    };
    this.#pending++;
    const turn = this.#positioned.then(async () => {
      try {
        const outcome = await this.#move(move, iter, this.#position, direction, (all) => all);
        moved(outcome.bytes);
        return finish(outcome);
      } catch (error) {
        moved(doneBytes(error));
        throw error;
      } finally {
        if (this.#appends && direction === 'write') await this.#followEnd();
        this.#settled();
      }
    });
    this.#positioned = turn.catch(() => {}); // the caller has it; the next one in the queue goes on all the same
    return turn;
  }

  /** O_APPEND took the write to the end of the file, and the kernel's position with it. */
  async #followEnd(): Promise<void> {
    try {
      this.#position = (await fstatFd(this.target.fd)).size;
    } catch {
      // What was written is written: the position stays where the bytes that were told put it.
    }
  }

  #settled(): void {
    this.#pending--;
    if (this.#pending === 0) this.#onIdle?.();
  }

  #mustBeOpen(syscall: string): void {
    if (this.#closing !== null) throw errnoError(EBADF, syscall, this.target.name);
  }

  /** Runs something that `close` must wait for. */
  async #guard<R>(syscall: string, work: () => Promise<R>): Promise<R> {
    this.#mustBeOpen(syscall);
    this.#pending++;
    try {
      return await work();
    } finally {
      this.#settled();
    }
  }

  // ---- everything else -------------------------------------------------------------------------------------------

  stat(options?: StatOptions & { bigint?: false | undefined }): Promise<Stats>;
  stat(options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  stat(options?: StatOptions): Promise<Stats | BigIntStats> {
    return this.#guard('fstat', () => fstatFd(this.target.fd, options));
  }

  /** Makes the file `length` bytes long: what is added reads as zeros. Negative: 0, as in Node. */
  truncate(length: number | bigint = 0): Promise<void> {
    return this.#guard('ftruncate', async () => {
      this.target.check();
      const bytes = typeof length === 'number' && length < 0 && Number.isInteger(length) ? 0 : toOffset(length, 'len');
      await ftruncateFd(this.target.fd, bytes);
    });
  }

  /**
   * Makes durable everything that was answered before the call, metadata too (fsync(2)). When it rejects, `extents`
   * say what is unknown since the last good one, and every handle of this thread on the file refuses to go on.
   */
  sync(): Promise<void> {
    return this.#guard('fsync', () => this.target.sync());
  }

  /** As `sync`, without the metadata that is not needed to read the data back (fdatasync(2)). */
  datasync(): Promise<void> {
    return this.#guard('fdatasync', () => this.target.sync({ dataOnly: true }));
  }

  /**
   * Reserves space, so that a full disk shows now (fallocate(2)). `keepSize`: the file does not become longer.
   * ERR_DIORITE_UNSUPPORTED where the file system or this machine cannot.
   */
  preallocate(offset: number, length: number, options: { readonly keepSize?: boolean } = {}): Promise<void> {
    return this.#guard('fallocate', async () => {
      const { engine, name } = this.target;
      const at = toOffset(offset, 'offset');
      const bytes = toOffset(length, 'length');
      const unsupported = errors.make('ERR_DIORITE_UNSUPPORTED', `${name}: space cannot be reserved here`, {
        path: name,
      });
      if (!engine.supports(Op.FALLOCATE)) throw unsupported;
      const flags = options.keepSize === true ? FALLOC_FL_KEEP_SIZE : 0;
      const result = await run(engine, { op: Op.FALLOCATE, fd: this.target.fd, offset: at, length: bytes, flags });
      if (result >= 0) return;
      const error = errnoError(result, 'fallocate', name);
      if (error.code === 'EOPNOTSUPP' || error.code === 'ENOTSUP' || error.code === 'ENOSYS') throw unsupported;
      throw error;
    });
  }

  /** Waits for everything that is under way, until the kernel has let go of all memory. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    try {
      await this.target.close();
    } finally {
      this.#closed = true;
      // Apart from this promise: what a listener throws is its own, and no failure to close.
      queueMicrotask(() => this.emit('close'));
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function doneBytes(error: unknown): number {
  return error instanceof Error && 'bytes' in error && typeof error.bytes === 'number' ? error.bytes : 0;
}

function toReadResult(memory: never, outcome: Outcome): ReadResult<never> {
  return new ReadResult(memory, outcome);
}

function toWriteResult(memory: never, outcome: Outcome): WriteResult<never> {
  return new WriteResult(memory, outcome);
}

function toReadvResult<T>(memory: T, outcome: Outcome): ReadvResult<T> {
  return new ReadvResult(memory, outcome);
}

function toWritevResult<T>(memory: T, outcome: Outcome): WritevResult<T> {
  return new WritevResult(memory, outcome);
}
