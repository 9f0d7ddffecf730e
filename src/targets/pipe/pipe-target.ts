// The stream target: a pipe, FIFO, socket, terminal or character device behind the Target interface, in order, once.
import { type BigIntStats, fstat, fstatSync, ftruncate, type StatOptions, type Stats } from 'node:fs';
import { isatty } from 'node:tty';
import { promisify } from 'node:util';
import { assert } from '../../base/assert.js';
import { type DioriteError, errors } from '../../base/errors.js';
import { loadAddon } from '../../memory/addon.js';
import type { Region } from '../../memory/region.js';
import type { Direction, Limits } from '../../plan/limits.js';
import { onAbort } from '../../transfer/abort.js';
import { EINVAL, errnoError } from '../../transfer/errno.js';
import type { FileFacts } from '../../transfer/facts.js';
import type { FileLike } from '../../transfer/file-like.js';
import type { Request } from '../../transfer/request.js';
import type { Effect, IoMode } from '../../transfer/target.js';
import { chooseEngine } from '../file/engines/choose.js';
import type { Engine } from '../file/engines/engine.js';
import { RoomQueue } from '../file/engines/later.js';
import { discover } from '../file/facts.js';
import { BEST_BYTES_DEFAULT } from '../file/limits.js';
import { give } from './give.js';
import { pageLimits, streamLimits } from './limits.js';
import { Readiness } from './readiness.js';
import { NO_PROGRESS, StreamEnd } from './stream-end.js';

export interface PipeTargetInput {
  readonly fd: number;
  readonly name: string;
  readonly facts: FileFacts;
  readonly engine: Engine;
  readonly bestBytes: number;
  /** A pipe, named or not. */
  readonly isPipe: boolean;
  readonly isSocket?: boolean;
  /** Closes the descriptor; null: it is the caller's. */
  readonly close: (() => Promise<void>) | null;
}

export interface OverOptions {
  /** For messages. */
  readonly name?: string;
  readonly engine?: Engine;
}

/** Errors after which no byte of the request was taken, and none was given. */
const NO_EFFECT = new Set(['EBADF', 'EPIPE', 'ESPIPE', 'ECANCELED', 'ERR_DIORITE_DETACHED', 'ERR_DIORITE_NO_PROGRESS']);
const RETRY = new Set(['EAGAIN', 'EINTR']);

const fstatFd = promisify(fstat);
const ftruncateFd = promisify(ftruncate);

/**
 * Reads give what is there and wait where nothing is; writes wait while it is full. Both can be cancelled while they
 * wait, hold no thread, and never set O_NONBLOCK on the descriptor that was given. A closed reader is EPIPE.
 */
export class PipeTarget implements FileLike {
  readonly name: string;
  readonly fd: number;
  readonly facts: FileFacts;
  readonly engine: Engine;
  readonly isPipe: boolean;
  readonly isSocket: boolean;
  readonly seekable = false;
  readonly bestDepth = 1;
  readonly durable = 'never';
  readonly #close: (() => Promise<void>) | null;
  readonly #limits: Limits;
  readonly #pageLimits: Limits;
  readonly #ends: Record<Direction, StreamEnd>;
  readonly #room: Record<Direction, RoomQueue>;
  /** Who said full last, and so whom `onceDrained` is about. */
  #full: Direction = 'read';
  #endedAt: number | undefined = undefined;
  #closed: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor(input: PipeTargetInput) {
    const { fd, engine, isPipe } = input;
    this.fd = fd;
    this.name = input.name;
    this.facts = input.facts;
    this.engine = engine;
    this.isPipe = isPipe;
    this.isSocket = input.isSocket === true;
    this.#close = input.close;
    this.#limits = streamLimits(input.bestBytes, engine);
    this.#pageLimits = pageLimits(this.#limits);
    const end = (direction: Direction): StreamEnd => new StreamEnd({ fd, direction, engine, owner: this, isPipe });
    this.#ends = { read: end('read'), write: end('write') };
    const room = (direction: Direction): RoomQueue => new RoomQueue(() => !this.#ends[direction].busy);
    this.#room = { read: room('read'), write: room('write') };
    if (input.close !== null) abandoned.register(this, { close: input.close, name: this.name }, this);
  }

  /** Over a descriptor that the caller opened and will close: standard input, a socket, one end of a pipe. */
  static over(fd: number, { name = `/dev/fd/${fd}`, engine }: OverOptions = {}): PipeTarget {
    const stats = fstatSync(fd);
    return new PipeTarget({
      fd,
      name,
      facts: discover(fd, name, stats, isatty(fd)),
      engine: engine ?? chooseEngine('auto').engine,
      bestBytes: BEST_BYTES_DEFAULT,
      isPipe: stats.isFIFO(),
      isSocket: stats.isSocket(),
      close: null,
    });
  }

  /** Unknown until a read has met the end: then what it gave. */
  get size(): number | undefined {
    return this.#endedAt;
  }

  get engineName(): string {
    return this.engine.name;
  }

  /** There is no page cache here. */
  notDirect(): string | null {
    return null;
  }

  ioMode(): IoMode {
    return 'direct';
  }

  limitsAt(_offset: number, direction: Direction): Limits {
    return this.#ends[direction].pageAtATime ? this.#pageLimits : this.#limits;
  }

  effectOf(error: DioriteError): Effect {
    if (RETRY.has(error.code)) return 'retry';
    return NO_EFFECT.has(error.code) ? 'none' : 'unknown';
  }

  check(): void {
    if (this.#closed !== null)
      throw errors.make('ERR_DIORITE_CLOSED', `${this.name}: the stream is closed`, { path: this.name });
  }

  stat(options?: StatOptions & { bigint?: false | undefined }): Promise<Stats>;
  stat(options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  stat(options?: StatOptions): Promise<Stats | BigIntStats> {
    return fstatFd(this.fd, options);
  }

  async askBytes(): Promise<number> {
    return (await fstatFd(this.fd)).size;
  }

  truncate(bytes: number): Promise<void> {
    return ftruncateFd(this.fd, bytes);
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  submit(request: Request): boolean {
    assert(this.#closed === null || this.#busy, 'nothing is submitted to a closed stream');
    const end = this.#ends[request.direction];
    if (end.busy) {
      this.#full = request.direction;
      return false;
    }
    request.viaCache = false;
    end.begin(request);
    return true;
  }

  onceDrained(callback: () => void): void {
    this.#room[this.#full].add(callback);
  }

  /** Takes it back where it waits; what the kernel has is answered in a moment. */
  cancel(request: Request): void {
    this.#ends[request.direction].cancel(request);
  }

  /** By one of the ends. */
  finished(request: Request, result: number): void {
    const { direction } = request;
    if (result === NO_PROGRESS) request.fail(this.stuck(direction));
    else if (result < 0) request.fail(errnoError(result, direction, this.name));
    else if (result === 0) this.#answerEnd(request);
    else request.answer(result, 'continue');
    request.release();
    this.#room[direction].notify();
    if (!this.#busy) this.#onIdle?.();
  }

  #answerEnd(request: Request): void {
    this.#endedAt = request.offset;
    request.answer(0, 'end');
  }

  /** What a side is called that says ready and moves nothing. */
  stuck(direction: Direction): DioriteError {
    const message = `${this.name}: it says that it is ready to ${direction}, and again and again moves no byte`;
    return errors.make('ERR_DIORITE_NO_PROGRESS', message, { path: this.name, syscall: direction });
  }

  get #busy(): boolean {
    return this.#ends.read.busy || this.#ends.write.busy;
  }

  // ---- beyond requests -------------------------------------------------------------------------------------------

  /** How many bytes the pipe holds at most, after asking for `bytes`, or for as many as this user may have. */
  resize(bytes: number): number {
    const addon = loadAddon();
    if (addon === null) throw errors.make('ERR_DIORITE_UNSUPPORTED', `${this.name}: resizing a pipe needs the addon`);
    const result = addon.pipeSize(this.fd, bytes);
    if (result < 0) throw errnoError(result, 'fcntl', this.name);
    return result;
  }

  /**
   * Makes a pipe that holds less as large as `bytes`, where this user may: with a megabyte between them its two ends wake
   * each other a tenth as often as with the 64 KiB that a shell's pipe has. Anything else is left as it is.
   */
  enlarge(bytes: number): void {
    const addon = loadAddon();
    if (addon === null || !this.isPipe) return;
    // It is never made smaller: somebody may have asked for what it has.
    if (addon.pipeSize(this.fd, 0) < bytes) addon.pipeSize(this.fd, bytes);
  }

  /**
   * The region's pages themselves go into the pipe (vmsplice), and the region is gone: its views are empty from the call
   * on, because whoever reads the pipe reads this memory, whenever that is. An empty pipe proves nothing: its bytes may
   * have been teed or spliced on. Resolves when all of it is in the pipe. Not while something else is written.
   */
  async give(region: Region, options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    this.check();
    await give(this, region, options.signal);
  }

  /** Resolves, `pauseMs` from now at the earliest, when an attempt may do something. Rejects with ABORT_ERR. */
  async untilReady(direction: Direction, signal?: AbortSignal | undefined, pauseMs = 0): Promise<void> {
    if (signal?.aborted) throw errors.aborted(signal.reason);
    const readiness = new Readiness(this.fd, direction);
    let forget: (() => void) | null = null;
    try {
      await new Promise<void>((resolve, reject) => {
        if (pauseMs > 0) readiness.later(resolve, pauseMs);
        else readiness.once(resolve);
        if (signal !== undefined) forget = onAbort(signal, () => reject(errors.aborted(signal.reason)));
      });
    } finally {
      (forget as (() => void) | null)?.();
      readiness.close();
    }
  }

  async sync(): Promise<void> {
    this.check();
    throw errnoError(EINVAL, 'fsync', this.name);
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeWhenIdle();
    return this.#closed;
  }

  async #closeWhenIdle(): Promise<void> {
    if (this.#busy) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    this.#ends.read.close();
    this.#ends.write.close();
    abandoned.unregister(this);
    await this.#close?.();
  }
}

/** As Node does for a FileHandle: what nobody holds any more is closed, with a warning. Nothing is in flight then. */
const abandoned = new FinalizationRegistry<{ close: () => Promise<void>; name: string }>((held) => {
  process.emitWarning(`diorite: closing ${held.name} on garbage collection: a file must be closed`);
  held.close().catch((error: unknown) => process.emitWarning(`diorite: ${String(error)}`));
});
