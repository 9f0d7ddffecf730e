// The NFS target: READ, WRITE and COMMIT behind the Target interface, whatever the protocol's version.
import type { BigIntStats, StatOptions, Stats } from 'node:fs';
import { assert } from '../../base/assert.js';
import { type DioriteError, errors } from '../../base/errors.js';
import type { Direction, Limits } from '../../plan/limits.js';
import type { FileFacts } from '../../transfer/facts.js';
import type { FileLike } from '../../transfer/file-like.js';
import type { Request } from '../../transfer/request.js';
import type { Effect, IoMode } from '../../transfer/target.js';
import { closeInode, type Inode, openInode } from '../inode/inode.js';
import { named, namedError } from '../net/named.js';
import { toBigIntStats, toStats } from '../net/remote-stats.js';
import { COURTESY_MS, within } from '../net/within.js';
import { COMMIT_BYTES, type CommitHost, Commits } from './commits.js';
import { Effects, isOutOfReach } from './effects.js';
import { factsOf, limitsOf } from './facts.js';
import { type IoHost, NfsIo } from './io.js';
import { NfsHoles } from './nfs-holes.js';
import {
  type Committed,
  FILE_SYNC,
  type NfsAttributes,
  type NfsOpenFile,
  type NfsProtocol,
  type NfsSetAttributes,
  UNSTABLE,
} from './protocol.js';

export interface NfsTargetInput {
  /** The URL, for messages. */
  readonly name: string;
  readonly protocol: NfsProtocol;
  readonly file: NfsOpenFile;
  /** As of the opening. */
  readonly attributes: NfsAttributes;
  /** How large a request is made; default: what the server likes best. */
  readonly requestBytes?: number | undefined;
  /** Called once, when the file is closed: the connection may be let go. */
  readonly release: () => Promise<void>;
}

/** Eight keep a server busy (measured on loopback); a line with a round trip of its own needs more. */
export const NFS_BEST_DEPTH = 16;
/** Room for what waits for the COMMIT on the way, for what gathers meanwhile, and for what is on the wire. */
const BYTES_IN_FLIGHT_BEST = 3 * COMMIT_BYTES + NFS_BEST_DEPTH * 1024 * 1024;
/** What the protocols take of a mode: RFC 1813 §2.3.5 (mode), RFC 8881 §6.2.4. */
const MODE_BITS = 0o7777;

export class NfsTarget implements FileLike, IoHost, CommitHost {
  readonly name: string;
  readonly facts: FileFacts;
  readonly engineName: string;
  readonly fd = -1;
  readonly seekable = true;
  readonly durable = 'answer';
  readonly releasesLater = true;
  readonly bestDepth: number = NFS_BEST_DEPTH;
  readonly bestBytesInFlight: number = BYTES_IN_FLIGHT_BEST;
  readonly holes?: NfsHoles;
  readonly #protocol: NfsProtocol;
  readonly #file: NfsOpenFile;
  readonly #input: NfsTargetInput;
  readonly #limits: { readonly read: Limits; readonly write: Limits };
  readonly #inode: Inode;
  readonly #commits: Commits;
  readonly #idle: NfsIo[] = [];
  readonly #effects: Effects = new Effects();
  #size: number;
  #ioMode: IoMode = 'direct';
  /** WRITEs on the wire, and all that is not released. */
  #writing = 0;
  #inFlight = 0;
  #commitPlanned = false;
  #closed: Promise<void> | null = null;
  #onIdle: (() => void) | null = null;

  constructor(input: NfsTargetInput) {
    const { name, protocol, file, attributes } = input;
    this.name = name;
    this.#input = input;
    this.#protocol = protocol;
    this.#file = file;
    this.engineName = `nfs${protocol.version}`;
    this.facts = factsOf(protocol, attributes);
    const { limits } = protocol;
    this.#limits = {
      read: limitsOf(limits.readBytesMax, input.requestBytes ?? limits.readBytesBest),
      write: limitsOf(limits.writeBytesMax, input.requestBytes ?? limits.writeBytesBest),
    };
    this.#size = Number(attributes.size);
    this.#inode = openInode(this.facts.inodeKey);
    this.#commits = new Commits(this);
    if (protocol.offers.seek || protocol.offers.deallocate)
      this.holes = new NfsHoles(protocol, file, () => this.check());
  }

  /** As of the last look: another client may have changed it since. */
  get size(): number {
    return this.#size;
  }

  /** For what a protocol does with whole files: copies within a server. */
  get remote(): { readonly protocol: NfsProtocol; readonly file: NfsOpenFile } {
    return { protocol: this.#protocol, file: this.#file };
  }

  limitsAt(_offset: number, direction: Direction): Limits {
    return this.#limits[direction];
  }

  notDirect(): null {
    return null;
  }

  ioMode(direction: Direction): IoMode {
    return direction === 'write' ? this.#ioMode : 'direct';
  }

  effectOf(error: DioriteError, direction: Direction): Effect {
    return this.#effects.of(error, direction);
  }

  check(): void {
    if (this.#closed !== null)
      throw errors.make('ERR_DIORITE_CLOSED', `${this.name}: the file is closed`, { path: this.name });
    this.#inode.check(this.name);
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  submit(request: Request): boolean {
    assert(this.#closed === null || this.#inFlight > 0, 'nothing is submitted to a closed file');
    if (this.#protocol.room <= 0) return false;
    const io = this.#idle.pop() ?? new NfsIo(this, this.#file);
    io.begin(request);
    request.tag = io;
    this.#inFlight++;
    if (request.direction === 'read') this.#protocol.startRead(io);
    else this.#startWrite(io, request);
    return true;
  }

  onceDrained(callback: () => void): void {
    this.#protocol.onceRoom(callback);
  }

  /** One WRITE by itself is made durable by the server at once; several go to its cache, and one COMMIT covers them. */
  #startWrite(io: NfsIo, request: Request): void {
    const isAlone = request.stable && request.isOnly && this.#writing === 0 && this.#commits.heldCount === 0;
    this.#writing++;
    this.#protocol.startWrite(io, isAlone ? FILE_SYNC : UNSTABLE);
  }

  cancel(request: Request): void {
    const io = request.tag;
    if (!(io instanceof NfsIo) || io.isAbandoned) return;
    io.isAbandoned = true;
    if (io.stage !== 'held') return this.#protocol.abandon(io);
    // Nobody touches its memory: what keeps it is the promise that it is durable, which is given up.
    queueMicrotask(() => {
      if (io.stage === 'held') this.#commits.letGo(io);
    });
  }

  hasten(): void {
    this.#commits.hasten();
  }

  readDone(io: NfsIo, bytes: number, end: boolean, copiedBytes: number): void {
    const { request } = io;
    assert(bytes <= io.bytes, 'a READ gives no more than was asked for');
    request.extraCopiedBytes = copiedBytes;
    if (end) this.#size = io.offset + bytes;
    request.answer(bytes, end ? 'end' : 'continue');
    this.release(io);
  }

  writeDone(io: NfsIo, bytes: number, committed: Committed, verifier: bigint): void {
    this.#writing--;
    assert(bytes <= io.bytes, 'a WRITE takes no more than was sent');
    if (io.stage === 'again') this.#resent(io, bytes, committed, verifier);
    else this.#written(io, bytes, committed, verifier);
    this.#commitWhenQuiet();
  }

  #written(io: NfsIo, bytes: number, committed: Committed, verifier: bigint): void {
    const { request, offset } = io;
    this.#size = Math.max(this.#size, offset + bytes);
    const isLoose = committed === UNSTABLE && bytes > 0 && !request.stable;
    const isHeld = committed === UNSTABLE && bytes > 0 && request.stable;
    io.bytes = bytes;
    // Before the answer: the transfer may ask for a COMMIT from within it.
    if (isHeld) this.#commits.hold(io, verifier);
    else if (isLoose) this.#commits.noteLoose(offset, bytes, verifier);
    else this.#commits.noteDurable(offset, bytes);
    request.answer(bytes, 'continue');
    if (!isHeld) this.release(io);
  }

  #resent(io: NfsIo, bytes: number, committed: Committed, verifier: bigint): void {
    if (bytes === io.bytes && committed !== UNSTABLE) {
      this.#commits.noteDurable(io.offset, bytes);
      this.release(io);
    } else if (bytes === io.bytes) this.#commits.hold(io, verifier);
    else this.#commits.again(io);
  }

  failed(io: NfsIo, error: DioriteError, unsent: boolean, repeated: boolean): void {
    const { request } = io;
    const told = namedError(error, { syscall: request.direction, path: this.name });
    if (request.direction === 'write') this.#writing--;
    this.#effects.note(told, unsent, repeated);
    if (io.stage === 'again') this.lose(io, told);
    else request.fail(told);
    this.release(io);
    this.#commitWhenQuiet();
  }

  /** Nothing more is on its way: whoever waits for a COMMIT should not wait for more to gather. */
  #commitWhenQuiet(): void {
    if (this.#writing > 0 || this.#commits.heldCount === 0 || this.#commitPlanned) return;
    this.#commitPlanned = true;
    // On the next turn: the transfer may have more to send, and waits for its own turn.
    setImmediate(() => {
      this.#commitPlanned = false;
      if (this.#writing === 0) this.#commits.hasten();
    });
  }

  // ---- for the commits -------------------------------------------------------------------------------------------

  commit(): Promise<bigint> {
    return this.#named('fsync', () => this.#protocol.commit(this.#file));
  }

  resend(io: NfsIo): void {
    io.stage = 'again';
    this.#writing++;
    this.#protocol.startWrite(io, UNSTABLE);
  }

  lose(io: NfsIo, error: DioriteError): void {
    io.request.lose(error);
  }

  release(io: NfsIo): void {
    const { request } = io;
    io.end();
    this.#idle.push(io);
    this.#inFlight--;
    request.release();
    if (this.#inFlight === 0) this.#onIdle?.();
  }

  /** The server took the bytes and could not write them: nothing more is believed of this file. */
  commitFailed(error: DioriteError): boolean {
    if (isOutOfReach(error)) return false;
    this.#inode.poison(error);
    return true;
  }

  // ---- the file --------------------------------------------------------------------------------------------------

  stat(options?: StatOptions & { bigint?: false | undefined }): Promise<Stats>;
  stat(options: StatOptions & { bigint: true }): Promise<BigIntStats>;
  async stat(options?: StatOptions): Promise<Stats | BigIntStats> {
    const attributes = await this.#attributes();
    return options?.bigint === true ? toBigIntStats(attributes) : toStats(attributes);
  }

  async askBytes(): Promise<number> {
    return Number((await this.#attributes()).size);
  }

  async #attributes(): Promise<NfsAttributes> {
    const attributes = await this.#named('fstat', () => this.#protocol.attributes(this.#file.handle));
    this.#size = Number(attributes.size);
    return attributes;
  }

  /** Durable when it resolves: a server answers changes of attributes from stable storage (RFC 1813 §1.1.5 and §4.8). */
  async truncate(bytes: number): Promise<void> {
    this.check();
    await this.#set('ftruncate', { size: bytes });
    this.#size = bytes;
  }

  async chmod(mode: number): Promise<void> {
    this.check();
    await this.#set('fchmod', { mode: mode & MODE_BITS });
  }

  async chown(uid: number, gid: number): Promise<void> {
    this.check();
    await this.#set('fchown', { uid: uid < 0 ? undefined : uid, gid: gid < 0 ? undefined : gid });
  }

  async utimes(atimeSeconds: number, mtimeSeconds: number): Promise<void> {
    this.check();
    await this.#set('futime', { atimeNs: toNanoseconds(atimeSeconds), mtimeNs: toNanoseconds(mtimeSeconds) });
  }

  #set(syscall: string, set: NfsSetAttributes): Promise<void> {
    return this.#named(syscall, () => this.#protocol.setAttributes(this.#file.handle, set, this.#file));
  }

  /** What the server answers names the server, and this the file. */
  #named<T>(syscall: string, work: () => Promise<T>): Promise<T> {
    return named({ syscall, path: this.name }, work);
  }

  async allocate(offset: number, length: number, keepSize: boolean): Promise<void> {
    this.check();
    if (keepSize && offset + length > (await this.askBytes()))
      throw errors.make('ERR_DIORITE_UNSUPPORTED', `${this.name}: NFS reserves no space behind the end of a file`, {
        path: this.name,
      });
    await this.#named('fallocate', () => this.#protocol.allocate(this.#file, offset, length));
    this.#size = Math.max(this.#size, offset + length);
  }

  /** All of it came from another file of the server. */
  noteServerCopy(mode: 'clone' | 'server-copy', bytes: number): void {
    this.#ioMode = mode;
    this.#size = bytes;
  }

  /** The server wrote here by itself: when that is durable is said as for a WRITE. */
  noteServerWrote(offset: number, bytes: number, committed: Committed, verifier: bigint): void {
    this.#size = Math.max(this.#size, offset + bytes);
    if (committed === UNSTABLE) this.#commits.noteLoose(offset, bytes, verifier);
    else this.#commits.noteDurable(offset, bytes);
  }

  /** By who knows what it wrote: extents that were merged, for there were too many, cover what was not lost, too. */
  noteNotWritten(offset: number, bytes: number): void {
    this.#commits.noteDurable(offset, bytes);
  }

  async sync(): Promise<void> {
    this.check();
    await this.#inode.oneSyncAtATime(() => this.#syncNow());
  }

  async #syncNow(): Promise<void> {
    this.#inode.check(this.name);
    await this.#commits.sync();
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Closes a file that is of no use to anybody: what was written need not become durable. Idempotent; never rejects. */
  async drop(): Promise<void> {
    this.#closed ??= this.#end(true);
    await Promise.allSettled([this.#closed]);
  }

  /** What is not durable yet is made so, as close-to-open consistency has it (RFC 8881 §10.3.1); or the close fails. */
  async #close(): Promise<void> {
    this.#commits.hasten();
    await this.#idleness();
    try {
      await this.#commits.sync();
    } finally {
      await this.#end(!this.#file.writes);
    }
  }

  async #idleness(): Promise<void> {
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  /** `isCourtesy`: there is nothing to lose, and the server is told as far as it listens. */
  async #end(isCourtesy: boolean): Promise<void> {
    await this.#idleness();
    closeInode(this.#inode);
    const closing = this.#named('close', () => this.#protocol.closeFile(this.#file));
    try {
      await (isCourtesy ? within(COURTESY_MS, closing) : closing);
    } finally {
      await this.#input.release();
    }
  }
}

/** Milliseconds are exact in a double, and what a Date has. */
function toNanoseconds(seconds: number): bigint {
  return BigInt(Math.round(seconds * 1e6)) * 1000n;
}
