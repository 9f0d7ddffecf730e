// The file target: regular files and block devices behind the Target interface, on whichever engine there is.
import { type BigIntStats, fchmod, fchown, fstat, ftruncate, futimes, type StatOptions, type Stats } from 'node:fs';
import { promisify } from 'node:util';
import { assert } from '../../base/assert.js';
import { DioriteError, errors } from '../../base/errors.js';
import { alignDown, alignUp } from '../../base/integers.js';
import type { Direction, Limits } from '../../plan/limits.js';
import { EINVAL, EIO, errnoError } from '../../transfer/errno.js';
import type { FileFacts } from '../../transfer/facts.js';
import type { FileLike, IoOption } from '../../transfer/file-like.js';
import type { Pace } from '../../transfer/pace.js';
import type { Request, Short } from '../../transfer/request.js';
import type { Effect, IoMode } from '../../transfer/target.js';
import { closeInode, type Inode } from '../inode/inode.js';
import { allocate } from './allocate.js';
import { AtomicWrite } from './atomic.js';
import { CacheWatch } from './cache-watch.js';
import type { Descriptors } from './descriptors.js';
import { EndWriter } from './ends.js';
import { type Engine, Op, RWF_ATOMIC, RWF_DSYNC } from './engines/engine.js';
import { FileOperation } from './file-operation.js';
import { FileHoles } from './holes.js';
import { bufferedLimits, directLimits } from './limits.js';
import { paceOf } from './paces.js';
import { cutAtEnd } from './past-end.js';
import { run, submitWhenRoom } from './run.js';
import { Splices } from './splices.js';

export interface FileTargetInput {
  readonly descriptors: Descriptors;
  readonly facts: FileFacts;
  readonly engine: Engine;
  readonly inode: Inode;
  readonly io: IoOption;
  /** Why direct I/O cannot be had, by direction; null: it can. */
  readonly notDirect: { read: string | null; write: string | null };
  readonly bestBytes: number;
  /** Someone asked for `bestBytes`: nothing else is tried. */
  readonly fixed?: boolean;
  /** Of writes to a file that is opened to append; default: as of any other. */
  readonly appendBytes?: number;
}

/** Errors after which the bytes are certainly as they were: the descriptor was refused before anything was looked at. */
const NO_EFFECT = new Set<string>(['EBADF', 'ESPIPE', 'ERR_DIORITE_DETACHED']);
const RETRY = new Set(['EAGAIN', 'EINTR']);
const DEPTH_BEST = 32;

const fstatFd = promisify(fstat);
const ftruncateFd = promisify(ftruncate);
const fchmodFd = promisify(fchmod);
const fchownFd = promisify(fchown);
const futimesFd = promisify(futimes);

export class FileTarget implements FileLike {
  readonly name: string;
  readonly facts: FileFacts;
  readonly engine: Engine;
  readonly holes?: FileHoles;
  /** Between pipes and this file. */
  readonly splices: Splices;
  readonly bestDepth: number;
  readonly seekable = true;
  readonly durable: 'answer' | 'sync';
  readonly #descriptors: Descriptors;
  readonly #inode: Inode;
  readonly #io: IoOption;
  readonly #ends: EndWriter;
  readonly #idle: FileOperation[] = [];
  readonly #notDirect: { read: string | null; write: string | null };
  readonly #limits: { read: Limits; write: Limits };
  readonly #watch: CacheWatch;
  readonly #fixed: boolean;
  #size: number;
  #cloned = false;
  #inFlight = 0;
  #closed: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor(input: FileTargetInput) {
    const { descriptors, facts, engine, bestBytes } = input;
    this.name = String(descriptors.path);
    this.facts = facts;
    this.engine = engine;
    this.#descriptors = descriptors;
    this.#inode = input.inode;
    this.#io = input.io;
    this.#fixed = input.fixed === true;
    this.#notDirect = input.notDirect;
    const appendBytes = descriptors.appends ? (input.appendBytes ?? bestBytes) : bestBytes;
    const limitsOf = (direction: Direction): Limits =>
      this.#goesDirect(direction)
        ? directLimits(facts, direction, bestBytes, engine.maxSegments)
        : bufferedLimits(direction === 'write' ? appendBytes : bestBytes, engine);
    this.#limits = { read: limitsOf('read'), write: limitsOf('write') };
    // O_APPEND: each write goes where the kernel says, so they go one after the other.
    this.bestDepth = descriptors.appends ? 1 : Math.min(DEPTH_BEST, engine.depth);
    this.durable = descriptors.synchronous ? 'answer' : 'sync';
    this.#watch = new CacheWatch(descriptors.fd);
    this.splices = this.#makeSplices();
    this.#size = facts.kind === 'block' ? facts.deviceBytes : descriptors.stats.size;
    this.#ends = new EndWriter({
      target: this,
      descriptors,
      facts,
      engine,
      inode: this.#inode,
      rewrite: this.#io === 'direct',
    });
    abandoned.register(this, { descriptors, inode: this.#inode, name: this.name }, this);
    if (engine.supports(Op.SEEK_DATA)) this.holes = new FileHoles(this, descriptors, engine);
  }

  /** As of the last look: a file may have grown since. */
  get size(): number {
    return this.#size;
  }

  /** The caller's own descriptor. */
  get fd(): number {
    return this.#descriptors.fd;
  }

  get engineName(): string {
    return this.engine.name;
  }

  notDirect(direction: Direction): string | null {
    return this.#goesDirect(direction) ? null : (this.#notDirect[direction] ?? `io: '${this.#io}' was asked`);
  }

  /** Null: the request size was asked for, or what goes out goes in order. */
  paceOf(direction: Direction): Pace | null {
    if (this.#fixed || this.bestDepth === 1) return null;
    return paceOf(this.facts, this.engine, direction, this.#goesDirect(direction));
  }

  limitsAt(_offset: number, direction: Direction): Limits {
    return this.#limits[direction];
  }

  ioMode(direction: Direction): IoMode {
    if (this.#cloned && direction === 'write') return 'clone';
    if (this.#io === 'drop-behind') return 'drop-behind';
    return this.#goesDirect(direction) && !this.#watch.isCached(direction) ? 'direct' : 'buffered';
  }

  effectOf(error: DioriteError): Effect {
    if (RETRY.has(error.code)) return 'retry';
    return NO_EFFECT.has(error.code) ? 'none' : 'unknown';
  }

  #goesDirect(direction: Direction): boolean {
    return (this.#io === 'direct' || this.#io === 'prefer-direct') && this.#notDirect[direction] === null;
  }

  /** Throws where nothing may go out any more: closed, or a sync of the inode has failed. */
  check(): void {
    if (this.#closed !== null)
      throw errors.make('ERR_DIORITE_CLOSED', `${this.name}: the file is closed`, { path: this.name });
    this.#inode.check(this.name);
  }

  #makeSplices(): Splices {
    const inFlight = (more: 1 | -1): void => {
      this.#inFlight += more;
      if (this.#inFlight === 0) this.#onIdle?.();
    };
    const written = (offset: number, bytes: number): void => {
      this.noteChanged(offset, bytes);
      this.#size = Math.max(this.#size, offset + bytes);
    };
    const file = {
      check: () => this.check(),
      notDirect: (direction: Direction) => this.notDirect(direction),
      inFlight,
      written,
    };
    const [descriptors, engine, inode, watch] = [this.#descriptors, this.engine, this.#inode, this.#watch];
    return new Splices({ file, descriptors, engine, inode, watch });
  }

  // ---- the file --------------------------------------------------------------------------------------------------

  stat(options?: StatOptions & { bigint?: false | undefined }): Promise<Stats>;
  stat(options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  stat(options?: StatOptions): Promise<Stats | BigIntStats> {
    return fstatFd(this.#descriptors.fd, options);
  }

  async askBytes(): Promise<number> {
    return this.facts.kind === 'block' ? this.facts.deviceBytes : (await fstatFd(this.#descriptors.fd)).size;
  }

  truncate(bytes: number): Promise<void> {
    return ftruncateFd(this.#descriptors.fd, bytes);
  }

  chmod(mode: number): Promise<void> {
    return fchmodFd(this.#descriptors.fd, mode);
  }

  chown(uid: number, gid: number): Promise<void> {
    return fchownFd(this.#descriptors.fd, uid, gid);
  }

  utimes(atimeSeconds: number, mtimeSeconds: number): Promise<void> {
    return futimesFd(this.#descriptors.fd, atimeSeconds, mtimeSeconds);
  }

  allocate(offset: number, length: number, keepSize: boolean): Promise<void> {
    return allocate(this, offset, length, keepSize);
  }

  atomicWrite(offset: number, bytes: number): AtomicWrite {
    return new AtomicWrite(this, offset, bytes);
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  /** `flags`: more RWF_* flags for the request, which is then direct and nothing else. */
  submit(request: Request, flags = 0): boolean {
    assert(this.#closed === null || this.#inFlight > 0, 'nothing is submitted to a closed file');
    if (request.route === 'end') {
      this.#inFlight++;
      this.#ends.submit(request);
      return true;
    }
    const operation = this.#idle.pop() ?? new FileOperation(this);
    this.#prepare(operation, request, flags);
    if (operation.op === Op.WRITE && this.#locks && !this.#claim(operation)) {
      // It waits for a write of another kind in its pages, and goes out by itself.
      this.#inFlight++;
      return true;
    }
    if (!this.engine.submit(operation)) {
      this.#letGo(operation);
      return false;
    }
    this.#inFlight++;
    return true;
  }

  /** Where a write goes is known before: not with O_APPEND. */
  get #locks(): boolean {
    return !this.#descriptors.appends;
  }

  /** Direct writes cover whole pages; buffered ones dirty those that they begin and end in. */
  #claim(operation: FileOperation): boolean {
    const alignment = this.facts.endAlignment.value;
    operation.kind = operation.buffered ? 'buffered' : 'direct';
    operation.start = alignDown(operation.offset, alignment);
    operation.end = alignUp(operation.offset + operation.length, alignment);
    operation.claims = true;
    return this.#inode.lock.take(operation);
  }

  #letGo(operation: FileOperation): void {
    if (operation.claims) this.#inode.lock.release(operation);
    operation.claims = false;
    operation.request = null;
    operation.segments = null;
    this.#idle.push(operation);
  }

  onceDrained(callback: () => void): void {
    this.engine.onceDrained(callback);
  }

  /** The kernel has it: a disk request cannot be taken back. */
  cancel(): void {}

  #prepare(operation: FileOperation, request: Request, flags: number): void {
    const direct = this.#goesDirect(request.direction);
    const fd = direct ? this.#descriptors.direct : this.#descriptors.fd;
    assert(fd !== null, 'what goes direct has its descriptor');
    operation.request = request;
    operation.op = request.direction === 'read' ? Op.READ : Op.WRITE;
    operation.fd = fd;
    operation.offset = request.offset;
    operation.length = request.bytes;
    operation.flags = flags;
    if (this.#isDurable(request) && this.#writesDurably) operation.flags |= RWF_DSYNC;
    operation.segments = request.segments;
    operation.buffered = !direct;
    operation.instead = false;
    operation.cut = false;
    operation.cachedBefore = -1;
    request.viaCache = !direct;
    if (direct) operation.cachedBefore = this.#watch.before(request.direction, request.offset, request.bytes);
  }

  completed(operation: FileOperation, result: number): void {
    const { request } = operation;
    assert(request !== null, 'an operation completes once');
    const atomic = (operation.flags & RWF_ATOMIC) !== 0;
    if (result === EINVAL && !operation.buffered && !atomic && this.#io === 'prefer-direct') {
      this.#sendBuffered(operation, request);
      return;
    }
    if (result === EIO && operation.op === Op.READ && !operation.buffered && !operation.cut) {
      this.#sendUpToEnd(operation, request);
      return;
    }
    this.#settle(operation, request, result, atomic);
  }

  #settle(operation: FileOperation, request: Request, result: number, atomic: boolean): void {
    if (operation.instead && result === request.bytes) this.#giveUpDirect(request.direction);
    if (!operation.buffered && result > 0) {
      this.#watch.after(request.direction, request.offset, request.bytes, operation.cachedBefore);
    }
    // The kernel promises all or nothing: anything between is an error, and not to be completed by a second request.
    const moved = atomic && result >= 0 && result < request.bytes ? EIO : result;
    this.#letGo(operation);
    if (this.#io === 'drop-behind' && result > 0) void this.#dropBehind(request, result);
    else this.#moved(request, moved);
  }

  /**
   * `prefer-direct`, and a direct request came back as EINVAL. The caller's own descriptor tells why: with RLIMIT_FSIZE
   * it writes up to the limit and says EFBIG, where the limit had made the direct request an unaligned one.
   */
  #sendBuffered(operation: FileOperation, request: Request): void {
    operation.fd = this.#descriptors.fd;
    operation.buffered = true;
    operation.instead = true;
    request.viaCache = true;
    submitWhenRoom(this.engine, operation);
  }

  #sendUpToEnd(operation: FileOperation, request: Request): void {
    fstat(this.#descriptors.fd, (error, stats) => {
      const isCut = error === null && cutAtEnd(operation, stats.size, this.facts.endAlignment.value);
      if (isCut) submitWhenRoom(this.engine, operation);
      else this.#settle(operation, request, EIO, false);
    });
  }

  /**
   * What was refused as EINVAL went through the cache without complaint: this file system takes O_DIRECT at open and
   * refuses it at I/O. From here on this direction is buffered, and the result says so.
   */
  #giveUpDirect(direction: Direction): void {
    this.#notDirect[direction] = 'a direct request was refused with EINVAL, and the same one through the cache was not';
    this.#limits[direction] = bufferedLimits(this.#limits[direction].bestBytes, this.engine);
  }

  #isDurable(request: Request): boolean {
    return request.dsync && request.direction === 'write';
  }

  get #writesDurably(): boolean {
    return this.engine.supports(Op.WRITE, RWF_DSYNC);
  }

  #moved(request: Request, result: number): void {
    const isLeft = this.#isDurable(request) && result > 0 && !this.#writesDurably;
    if (isLeft) void this.#syncAfter(request, result);
    else this.#answer(request, result);
  }

  /** node:fs cannot pass RWF_DSYNC: a sync of all stands behind each write that is to be durable. */
  async #syncAfter(request: Request, result: number): Promise<void> {
    const failed = await run(this.engine, { op: Op.FDATASYNC, fd: this.#descriptors.fd });
    if (failed < 0) this.#inode.poison(errnoError(failed, 'fdatasync', this.name));
    this.#answer(request, failed < 0 ? failed : result);
  }

  #answer(request: Request, result: number): void {
    if (result < 0) return this.#fail(request, errnoError(result, request.direction, this.name));
    const isWrite = request.direction === 'write';
    if (result > 0 && isWrite) this.#noteWritten(request, result);
    if (result === request.bytes || isWrite) return this.#finish(request, result, 'continue');
    if (result === 0) return this.#finish(request, 0, 'end');
    this.#answerShortRead(request, result);
  }

  /**
   * Fewer bytes than asked: the end of the file, or a file system that gives less at a time (FUSE). Only the size tells.
   * A size of 0 with data is /proc's way: there the end is a read of 0.
   */
  #answerShortRead(request: Request, result: number): void {
    const reached = request.offset + result;
    if (this.facts.kind === 'block') {
      return this.#finish(request, result, reached >= this.#size ? 'end' : 'continue');
    }
    fstat(this.#descriptors.fd, (error, stats) => {
      if (error !== null) return this.#fail(request, errnoError(error.errno ?? EIO, 'fstat', this.name));
      this.#size = stats.size;
      this.#finish(request, result, stats.size > 0 && reached >= stats.size ? 'end' : 'continue');
    });
  }

  #noteWritten(request: Request, result: number): void {
    if (!request.dsync) this.noteChanged(request.offset, result);
    if (request.offset + result > this.#size) this.#size = request.offset + result;
  }

  /** By what changes bytes without a request, too: unknown if the next sync fails. */
  noteChanged(offset: number, length: number): void {
    if (this.durable === 'sync') this.#inode.unsynced.add(offset, length);
  }

  #finish(request: Request, bytes: number, short: Short): void {
    this.#inFlight--;
    request.answer(bytes, short);
    request.release();
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  #fail(request: Request, error: DioriteError): void {
    this.#inFlight--;
    request.fail(error);
    request.release();
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  /** All of it was cloned from another file: `sync` makes that durable, as it does what is written. */
  noteCloned(bytes: number): void {
    this.#cloned = true;
    this.#size = bytes;
    if (bytes > 0) this.#inode.unsynced.add(0, bytes);
  }

  /** By the end writer: an unaligned end came back. */
  endCompleted(request: Request, result: number): void {
    this.#moved(request, result);
  }

  endFailed(request: Request, error: unknown): void {
    const told = error instanceof DioriteError ? error : wrapped(error, this.name);
    this.#fail(request, told);
  }

  /** Written back and evicted at once; the answer waits for it, so that the budget bounds what is dirty. */
  async #dropBehind(request: Request, result: number): Promise<void> {
    const failed = await this.#ends.evict(request.offset, result, request.direction === 'write');
    this.#answer(request, failed < 0 ? failed : result);
  }

  // ---- durability and the end ------------------------------------------------------------------------------------

  async sync(options: { readonly dataOnly?: boolean } = {}): Promise<void> {
    this.check();
    await this.#inode.oneSyncAtATime(() => this.#syncNow(options.dataOnly === true));
    await this.#ends.drop();
  }

  async #syncNow(dataOnly: boolean): Promise<void> {
    this.#inode.check(this.name);
    const covered = this.#inode.unsynced.take();
    const result = await run(this.engine, { op: dataOnly ? Op.FDATASYNC : Op.FSYNC, fd: this.#descriptors.fd });
    if (result >= 0) return;
    for (const range of covered) this.#inode.unsynced.add(range.offset, range.length);
    const error = errnoError(result, dataOnly ? 'fdatasync' : 'fsync', this.name);
    error.extents = this.#inode.unsyncedExtents();
    // EINVAL and EBADF: this kind of file has no fsync; nothing was lost.
    if (result !== EINVAL && error.code !== 'EBADF') this.#inode.poison(error);
    throw error;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    const failed = await this.#ends.drop();
    abandoned.unregister(this);
    closeInode(this.#inode);
    await this.#descriptors.close();
    if (failed < 0) throw errnoError(failed, 'sync_file_range', this.name);
  }
}

/** As Node does for a FileHandle: a file that nobody holds any more is closed, with a warning. Nothing is in flight then. */
const abandoned = new FinalizationRegistry<{ descriptors: Descriptors; inode: Inode; name: string }>((held) => {
  process.emitWarning(`diorite: closing ${held.name} on garbage collection: a file must be closed`);
  closeInode(held.inode);
  held.descriptors.close().catch((error: unknown) => process.emitWarning(`diorite: ${String(error)}`));
});

function wrapped(cause: unknown, path: string): DioriteError {
  return errors.make('ERR_DIORITE_ASSERTION', `${path}: writing an unaligned end failed`, { path, cause });
}
