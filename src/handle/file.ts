// A file as Node's FileHandle has it, over a transfer: the same calls, more kinds of memory, and what really happened.
import { errors } from '../base/errors.js';
import type { IovIter } from '../iter/iov-iter.js';
import type { Limits } from '../plan/limits.js';
import type { StreamHost } from '../streams/host.js';
import { type ChunkSource, isChunkSource } from '../streams/write-all.js';
import { EBADF, errnoError } from '../transfer/errno.js';
import type { FileFacts } from '../transfer/facts.js';
import type { AtomicTarget, FileLike } from '../transfer/file-like.js';
import { type TransferOptions, wantsDsync } from '../transfer/options.js';
import type { Outcome } from '../transfer/outcome.js';
import { Single } from '../transfer/single.js';
import { runTransfer } from '../transfer/transfer.js';
import { atomicTarget } from './abilities.js';
import {
  type Memory,
  type Move,
  type MoveOptions,
  readArguments,
  vectorArguments,
  writeArguments,
} from './arguments.js';
import { Awaited } from './awaited.js';
import type { BatchHost } from './batch/batching-file.js';
import { ManyFile } from './many/many-file.js';
import type { ManyHost } from './many/sender.js';
import { OwnPosition } from './own-position.js';
import {
  type ReadResult,
  type ReadvResult,
  type ToResult,
  toReadResult,
  toReadvResult,
  toWriteResult,
  toWritevResult,
  type WriteResult,
  type WritevResult,
} from './results.js';
import { FileStreamHost } from './stream-host.js';

type Position = number | bigint | null;
type Views = readonly NodeJS.ArrayBufferView[];

export interface FileInput {
  readonly target: FileLike;
  readonly engineReason: string | null;
  readonly depth: number | undefined;
  readonly bytesInFlight: number | undefined;
  /** O_APPEND: a write goes to the end, and the handle's own position follows it there. */
  readonly appends: boolean;
}

/**
 * An open file. Its methods and the event `'close'` take and give what those of Node's FileHandle of the same name take
 * and give; arrays of views and an IovIter may stand wherever a buffer does. Memory of any alignment will do; page-aligned memory (a lease's) goes without a copy.
 *
 * The memory of a read or write belongs to it until its promise settles. A write resolves only when every byte is done;
 * a read is short only at the end of the data. Anything else rejects, with `bytes` and `extents` (docs/Errors.md).
 */
export class File extends ManyFile {
  /** What the transfers of this file go to. */
  override readonly target: FileLike;
  /** Why the engine is not `uring`; null: it is, or it is a protocol's. */
  readonly engineReason: string | null;
  readonly #defaults: TransferOptions;
  protected override readonly appends: boolean;
  readonly #own = new OwnPosition();
  readonly #streams: FileStreamHost;
  /** Small reads and writes; null: this target's are transfers all. */
  readonly #reads: Awaited | null;
  readonly #writes: Awaited | null;
  #pending = 0;
  #onIdle: (() => void) | null = null;
  #closing: Promise<void> | null = null;
  #closed = false;

  constructor(input: FileInput) {
    super();
    this.target = input.target;
    this.engineReason = input.engineReason;
    this.appends = input.appends;
    this.#defaults = { depth: input.depth, bytesInFlight: input.bytesInFlight };
    const isSimple = Single.fits(input.target);
    const settled = (): void => this.#settled();
    this.#reads = isSimple ? new Awaited(input.target, 'read', this.#defaults, toReadResult, settled) : null;
    this.#writes = isSimple ? new Awaited(input.target, 'write', this.#defaults, toWriteResult, settled) : null;
    this.#streams = new FileStreamHost({
      ...input,
      own: this.#own,
      mustBeOpen: (syscall) => this.mustBeOpen(syscall),
      begin: () => this.#begin(),
      settled,
      followEnd: () => this.#followEnd(),
      close: () => this.close(),
    });
  }

  protected override get streamHost(): StreamHost {
    return this.#streams;
  }

  /** The descriptor, as it was opened: without O_DIRECT. −1 when closed. */
  get fd(): number {
    return this.#closed ? -1 : this.target.fd;
  }

  /** What carries its requests: `uring`, `threads`, or the protocol of what is no local file. */
  get engine(): string {
    return this.target.engineName;
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
    const awaited = this.#whole(this.#reads, memory, offset, length, position);
    return awaited ?? this.#start(() => readArguments(memory, offset, length, position), 'read', toReadResult);
  }

  /**
   * Writes all of the memory, or of what an iterable gives (each item a chunk or an array of them), or rejects with the
   * ledger. pwritev2(2).
   */
  write<T extends Memory>(
    memory: T,
    offset?: number | null,
    length?: number | null,
    position?: Position,
  ): Promise<WriteResult<T>>;
  write<T extends Memory>(memory: T, options?: MoveOptions): Promise<WriteResult<T>>;
  write(text: string, position?: Position, encoding?: BufferEncoding | null): Promise<WriteResult<string>>;
  write<T extends ChunkSource>(source: T, options?: MoveOptions): Promise<WriteResult<T>>;
  write(memory: unknown, offset?: unknown, length?: unknown, position?: unknown): Promise<WriteResult<never>> {
    const awaited = this.#whole(this.#writes, memory, offset, length, position);
    if (awaited !== null) return awaited;
    if (isChunkSource(memory)) return this.writeSource(memory, offset);
    return this.#start(() => writeArguments(memory, offset, length, position), 'write', toWriteResult);
  }

  readv<T extends Views>(buffers: T, position?: Position, options?: MoveOptions): Promise<ReadvResult<T>> {
    return this.#start(() => vectorArguments(buffers, position, options), 'read', toReadvResult<T>);
  }

  writev<T extends Views>(buffers: T, position?: Position, options?: MoveOptions): Promise<WritevResult<T>> {
    return this.#start(() => vectorArguments(buffers, position, options), 'write', toWritevResult<T>);
  }

  /** Null: `#start` it is. */
  #whole(awaited: Awaited | null, ...given: Parameters<Awaited['begin']>): Promise<never> | null {
    if (awaited === null || this.#closing !== null) return null;
    try {
      this.target.check();
    } catch {
      return null; // which rejects with it, once the arguments are known to be good
    }
    const promise = awaited.begin(...given);
    if (promise !== null) this.#begin();
    return promise;
  }

  #start<R>(parse: () => Move, direction: 'read' | 'write', toResult: ToResult<never, R>): Promise<R> {
    let move: Move;
    try {
      this.mustBeOpen(direction);
      move = parse();
      if (move.options.atomic === true && direction === 'read')
        throw errors.invalidValue('options.atomic', 'left out: it is an option of writes', true);
      this.target.check();
    } catch (error) {
      return Promise.reject(error);
    }
    // The result's memory is the one that the caller gave: its type went through `Move` as unknown.
    const finish = (outcome: Outcome): R => toResult(move.memory as never, outcome.offset, outcome.bytes, outcome);
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
    this.#begin();
    return new Promise((resolve, reject) => {
      let atomic: AtomicTarget | null = null;
      const failed = (error: unknown): void => {
        this.#settled();
        reject(atomic === null ? error : atomic.refusal(error));
      };
      const done = (outcome: Outcome): void => {
        this.#settled();
        resolve(finish(outcome));
      };
      try {
        if (move.bytes > iter.count) throw consumedMeanwhile(move.bytes, iter.count);
        if (move.options.atomic === true) atomic = atomicTarget(this.target, position, move.bytes);
        runTransfer(atomic ?? this.target, iter, position, move.bytes, direction, this.#optionsOf(move), done, failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  protected override batchHost(direction: 'read' | 'write'): BatchHost {
    this.#mustHavePlaces(direction, `${direction}Batch`);
    const { depth, bytesInFlight } = this.#defaults;
    const [begin, settled] = [() => this.#begin(), () => this.#settled()];
    return { target: this.target, depth: depth ?? this.target.bestDepth, bytesInFlight, begin, settled };
  }

  #mustHavePlaces(direction: 'read' | 'write', call: string): void {
    this.mustBeOpen(direction);
    const { target } = this;
    if (target.seekable && !(this.appends && direction === 'write')) return;
    const why = `${call} needs places to go to: this is a stream, or opened to append`;
    throw errors.make('ERR_DIORITE_UNSUPPORTED', `${target.name}: ${why}`, { path: target.name });
  }

  protected override manyHost(direction: 'read' | 'write'): ManyHost {
    this.#mustHavePlaces(direction, `${direction}Many`);
    const { target } = this;
    const { depth, bytesInFlight } = this.#defaults;
    return {
      limits: target.limitsAt(0, direction),
      depth: depth ?? target.bestDepth,
      bytesInFlight,
      transfer: (iter, position, bytes, options, resolve, reject) => {
        this.mustBeOpen(direction);
        target.check();
        this.#begin();
        runTransfer(target, iter, position, bytes, direction, options, resolve, reject);
      },
      single: (single, owner, memory, position, bytes, options) => {
        this.mustBeOpen(direction);
        target.check();
        if (!Single.fits(target)) return false;
        const { buffer, byteOffset } = memory;
        const begun = single.begin(owner, target, direction, position, buffer, byteOffset, bytes, options);
        if (begun === 'begun') this.#begin();
        return begun === 'begun';
      },
      settled: () => this.#settled(),
    };
  }

  #optionsOf(move: Move): TransferOptions {
    const { signal, dsync, stable, onProgress } = move.options;
    if (signal === undefined && dsync === undefined && stable === undefined && onProgress === undefined)
      return this.#defaults;
    // Named one by one: a spread costs several microseconds, for each call.
    const { depth, bytesInFlight } = this.#defaults;
    return { depth, bytesInFlight, signal, dsync: wantsDsync(this.target, move.options), stable, onProgress };
  }

  #atOwnPosition<R>(move: Move, direction: 'read' | 'write', finish: (outcome: Outcome) => R): Promise<R> {
    // Taken now: the caller may move the iterator before its turn comes. A queue goes on from where its turn finds it.
    const iter = move.iter.kind === 'folioq' ? move.iter : move.iter.dup();
    const moved = (bytes: number): void => {
      this.#own.value += bytes;
      if (bytes > 0 && iter !== move.iter) move.iter.advance(Math.min(bytes, move.iter.count));
    };
    this.#begin();
    return this.#own.inTurn(async () => {
      try {
        const outcome = await this.#move(move, iter, this.#own.value, direction, (all) => all);
        moved(outcome.bytes);
        return finish(outcome);
      } catch (error) {
        moved(doneBytes(error));
        throw error;
      } finally {
        if (this.appends && direction === 'write') await this.#followEnd();
        this.#settled();
      }
    });
  }

  /** O_APPEND took the write to the end of the file, and the kernel's position with it. */
  async #followEnd(): Promise<void> {
    try {
      this.#own.value = (await this.target.stat()).size;
    } catch {
      // What was written is written: the position stays where the bytes that were told put it.
    }
  }

  #begin(): void {
    this.#pending++;
  }

  #settled(): void {
    this.#pending--;
    if (this.#pending === 0) this.#onIdle?.();
  }

  protected override mustBeOpen(syscall: string): void {
    if (this.#closing !== null) throw errnoError(EBADF, syscall, this.target.name);
  }

  /** Runs something that `close` must wait for. */
  protected override async guard<R>(syscall: string, work: () => Promise<R>): Promise<R> {
    this.mustBeOpen(syscall);
    this.#begin();
    try {
      return await work();
    } finally {
      this.#settled();
    }
  }

  // ---- everything else -------------------------------------------------------------------------------------------

  /**
   * Makes durable everything that was answered before the call, metadata too (fsync(2)). When it rejects, `extents`
   * say what is unknown since the last good one, and every handle of this thread on the file refuses to go on.
   */
  sync(): Promise<void> {
    return this.guard('fsync', () => this.target.sync());
  }

  /** As `sync`, without the metadata that is not needed to read the data back (fdatasync(2)). */
  datasync(): Promise<void> {
    return this.guard('fdatasync', () => this.target.sync({ dataOnly: true }));
  }

  /**
   * Ends its write streams, destroys its read streams, and waits for everything that is under way, until the kernel has let
   * go of all memory. Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#streams.endAll();
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

function consumedMeanwhile(bytes: number, left: number): Error {
  const message = `${bytes} bytes were asked for, and the queue's iterator has ${left} left: an earlier call consumed them`;
  return errors.make('ERR_DIORITE_ITERATOR_BOUNDS', message);
}
