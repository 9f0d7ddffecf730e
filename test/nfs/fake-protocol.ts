// NfsProtocol in memory, for tests: files, directories, links, unstable data with a verifier, and faults at every call.
import { errors } from '../../src/base/errors.js';
import {
  type Committed,
  FILE_SYNC,
  type FileHandle,
  type IoCall,
  type NfsAttributes,
  type NfsEntries,
  type NfsLimits,
  type NfsObject,
  type NfsOffers,
  type NfsOpened,
  type NfsOpenFile,
  type NfsOpenOptions,
  type NfsProtocol,
  type NfsSetAttributes,
  type NfsSpace,
} from '../../src/targets/nfs/protocol.js';
import { nfsError, STATUS } from '../../src/targets/nfs/status.js';
import { FakeAnswers } from './fake/answers.js';
import type { FakeOperation, Fault, Faults } from './fake/faults.js';
import { FakeIo, toError } from './fake/io.js';
import * as names from './fake/names.js';
import { FAKE_LIMITS, type FakeOptions } from './fake/options.js';
import { type FakeNode, FakeTree, fakeError } from './fake/tree.js';

export {
  everyFault,
  type FakeCall,
  type FakeOperation,
  type Fault,
  type Faults,
  firstFault,
  nthFault,
} from './fake/faults.js';
export type { FakeOptions } from './fake/options.js';
export { type FakeNode, fakeError } from './fake/tree.js';

export class FakeProtocol implements NfsProtocol {
  readonly version: '3' | '4.1' | '4.2';
  readonly server = 'fake:2049';
  /** As a test wants it. */
  isSilent = false;
  readonly limits: NfsLimits;
  readonly offers: NfsOffers;
  readonly tree: FakeTree = new FakeTree();
  /** Set at any time. */
  faults: Faults = () => null;
  /** How often each operation was asked for. */
  readonly counts: Map<FakeOperation, number> = new Map();
  /** Every call in order, `lookup name`, `startWrite 4096+512`. */
  readonly log: string[] = [];
  openFiles = 0;
  closed = false;
  readonly #options: FakeOptions;
  readonly #answers: FakeAnswers;
  readonly #io: FakeIo;
  #verifier = 0x1000n;

  constructor(options: FakeOptions = {}) {
    this.#options = options;
    this.version = options.version ?? '4.2';
    this.limits = { ...FAKE_LIMITS, ...options.limits };
    const has = this.version === '4.2';
    this.offers = { seek: has, allocate: has, deallocate: has, copy: has, clone: has, ...options.offers };
    this.#answers = new FakeAnswers(options.pick);
    const self = this;
    this.#io = new FakeIo({
      answers: this.#answers,
      slots: options.slots ?? 16,
      get verifier() {
        return self.#verifier;
      },
      readBytesMax: this.limits.readBytesMax,
      writeBytesMax: this.limits.writeBytesMax,
      now: () => this.tree.now(),
      restart: () => this.restart(),
      nodeOf: (call, direction) => this.#nodeOfIo(call, direction),
      fault: (operation, call) => this.#fault(operation, null, call.offset, call.bytes),
    });
  }

  get root(): NfsObject {
    return this.tree.root.object;
  }

  // ---- what tests see and do --------------------------------------------------------------------------------------

  /** A file with these bytes, durable; its directory is there. */
  putFile(path: string, bytes: Uint8Array, mode = 0o644): FakeNode {
    const node = this.#put(path, this.tree.make('file', mode));
    node.content.write(0, bytes, true);
    return node;
  }

  putDirectory(path: string, mode = 0o755): FakeNode {
    return this.#put(path, this.tree.make('directory', mode));
  }

  putLink(path: string, to: string): FakeNode {
    const node = this.#put(path, this.tree.make('symlink', 0o777));
    node.to = to;
    return node;
  }

  bytesOf(path: string): Uint8Array {
    return this.tree.at(path).content.bytes();
  }

  /** A new life: what was not committed is lost, and the verifier is another one. */
  restart(): void {
    this.#verifier++;
    for (const node of this.tree.files()) node.content.crash();
  }

  /** No file has bytes that a crash would take. */
  get allDurable(): boolean {
    return this.tree.files().every((node) => node.content.clean);
  }

  /** Answers that wait for `release`. */
  get held(): number {
    return this.#answers.held;
  }

  release(count: number = Number.POSITIVE_INFINITY): void {
    this.#answers.release(count);
  }

  /** Reads and writes that are not answered. */
  get inFlight(): number {
    return this.#io.inFlight;
  }

  get mostInFlight(): number {
    return this.#io.mostInFlight;
  }

  count(operation: FakeOperation): number {
    return this.counts.get(operation) ?? 0;
  }

  // ---- data -------------------------------------------------------------------------------------------------------

  get room(): number {
    return this.#io.room;
  }

  onceRoom(callback: () => void): void {
    this.#io.onceRoom(callback);
  }

  startRead(call: IoCall): void {
    this.#io.start(call, 'read', FILE_SYNC);
  }

  startWrite(call: IoCall, stable: Committed): void {
    this.#io.start(call, 'write', stable);
  }

  abandon(call: IoCall): void {
    this.#io.abandon(call);
  }

  commit(file: NfsOpenFile): Promise<bigint> {
    return this.#run('commit', null, () => {
      this.#nodeOf(file).content.commit();
      return this.#verifier;
    });
  }

  // ---- files by name ----------------------------------------------------------------------------------------------

  lookup(directory: FileHandle, name: string): Promise<NfsObject> {
    return this.#run('lookup', name, (what) => this.tree.mustFind(directory, name, what).object);
  }

  attributes(handle: FileHandle): Promise<NfsAttributes> {
    return this.#run('attributes', null, (what) => this.tree.node(handle, what).attributes);
  }

  setAttributes(handle: FileHandle, set: NfsSetAttributes, file?: NfsOpenFile): Promise<void> {
    return this.#change('setAttributes', null, (what) => {
      if (file !== undefined && !file.writes) throw fakeError('EBADF', what);
      const node = this.tree.node(handle, what);
      if (set.size !== undefined && node.type !== 'file') throw fakeError('EINVAL', what);
      node.set(set, this.tree.now());
    });
  }

  access(handle: FileHandle, asked: number): Promise<number> {
    return this.#run('access', null, (what, { refused = 0 }) => {
      this.tree.node(handle, what);
      return asked & ~refused;
    });
  }

  readLink(handle: FileHandle): Promise<string> {
    return this.#run('readLink', null, (what) => {
      const node = this.tree.node(handle, what);
      if (node.type !== 'symlink') throw fakeError('EINVAL', what);
      return node.to;
    });
  }

  open(directory: FileHandle, name: string, options: NfsOpenOptions): Promise<NfsOpened> {
    return this.#run('open', name, (what) => {
      const file = names.openIn(this.tree, directory, name, options, this.#options.readOnly === true, what);
      this.openFiles++;
      return { file, attributes: file.node.attributes };
    });
  }

  closeFile(file: NfsOpenFile): Promise<void> {
    const { node } = this.#own(file);
    return this.#run('closeFile', null, () => {
      this.#own(file).closed = true;
      this.openFiles--;
      node.opens--;
      this.tree.forgetIfUnused(node);
    });
  }

  remove(directory: FileHandle, name: string): Promise<void> {
    return this.#change('remove', name, (what) => names.removeFile(this.tree, directory, name, what));
  }

  removeDirectory(directory: FileHandle, name: string): Promise<void> {
    return this.#change('removeDirectory', name, (what) => names.removeDirectory(this.tree, directory, name, what));
  }

  rename(from: FileHandle, fromName: string, to: FileHandle, toName: string): Promise<void> {
    return this.#change('rename', fromName, (what) => names.rename(this.tree, from, fromName, to, toName, what));
  }

  link(handle: FileHandle, directory: FileHandle, name: string): Promise<void> {
    return this.#change('link', name, (what) => names.link(this.tree, handle, directory, name, what));
  }

  symlink(directory: FileHandle, name: string, to: string): Promise<NfsObject> {
    return this.#change('symlink', name, (what) => names.makeLink(this.tree, directory, name, to, what));
  }

  makeDirectory(directory: FileHandle, name: string, mode: number): Promise<NfsObject> {
    return this.#change('makeDirectory', name, (what) => {
      return names.makeIn(this.tree, directory, name, 'directory', mode, what).object;
    });
  }

  readDirectory(directory: FileHandle, cookie: bigint, verifier: bigint, bytes: number): Promise<NfsEntries> {
    return this.#run('readDirectory', null, (what) => {
      const node = this.tree.directory(directory, what);
      const stale = this.#options.strictCookies === true && cookie !== 0n && verifier !== node.change;
      if (stale) throw nfsError(this.version === '3' ? STATUS.BAD_COOKIE : STATUS.NOT_SAME, what, this.server);
      return names.readEntries(node, cookie, bytes, this.#options.plainEntries === true);
    });
  }

  space(handle: FileHandle): Promise<NfsSpace> {
    return this.#run('space', null, (what) => {
      this.tree.node(handle, what);
      const [bytesTotal, bytesFree, bytesAvailable] = [2n ** 40n, 2n ** 39n, 2n ** 38n];
      const [filesTotal, filesFree, filesAvailable] = [1_000_000n, 900_000n, 800_000n];
      return { bytesTotal, bytesFree, bytesAvailable, filesTotal, filesFree, filesAvailable, nameBytesMax: 255 };
    });
  }

  // ---- v4.2 -------------------------------------------------------------------------------------------------------

  seek(file: NfsOpenFile, offset: number, what: 'data' | 'hole'): Promise<number | null> {
    return this.#offered('seek', offset, 0, () => this.#nodeOf(file).content.seek(offset, what));
  }

  allocate(file: NfsOpenFile, offset: number, length: number): Promise<void> {
    return this.#offered('allocate', offset, length, () => this.#nodeOf(file).content.reserve(offset, length));
  }

  deallocate(file: NfsOpenFile, offset: number, length: number): Promise<void> {
    return this.#offered('deallocate', offset, length, () => this.#nodeOf(file).content.punch(offset, length));
  }

  copy(
    from: NfsOpenFile,
    fromOffset: number,
    to: NfsOpenFile,
    toOffset: number,
    length: number,
  ): Promise<{ readonly bytes: number; readonly committed: Committed; readonly verifier: bigint }> {
    return this.#offered('copy', toOffset, length, (fault) => {
      const bytes = this.#copy(from, fromOffset, to, toOffset, Math.min(length, fault.bytes ?? length));
      return { bytes, committed: fault.committed ?? FILE_SYNC, verifier: this.#verifier };
    });
  }

  clone(from: NfsOpenFile, fromOffset: number, to: NfsOpenFile, toOffset: number, length: number): Promise<void> {
    return this.#offered('clone', toOffset, length, () => {
      const whole = length === 0 ? this.#nodeOf(from).content.size - fromOffset : length;
      this.#copy(from, fromOffset, to, toOffset, whole);
    });
  }

  async ping(): Promise<number> {
    await this.#run('ping', null, () => {});
    return 0.25;
  }

  async close(): Promise<void> {
    if (this.#io.inFlight > 0) throw new Error('closed while reads or writes are in flight');
    this.closed = true;
  }

  // ---- how a call goes --------------------------------------------------------------------------------------------

  #fault(operation: FakeOperation, name: string | null, offset: number, bytes: number): Fault {
    const nth = this.count(operation) + 1;
    this.counts.set(operation, nth);
    const isData = operation === 'startRead' || operation === 'startWrite';
    this.log.push(`${operation}${name === null ? '' : ` ${name}`}${isData ? ` ${offset}+${bytes}` : ''}`);
    return this.faults({ operation, number: this.log.length, nth, name, offset, bytes }) ?? {};
  }

  #run<T>(operation: FakeOperation, name: string | null, work: (what: string, fault: Fault) => T): Promise<T> {
    return this.#carryOut(operation, name, 0, 0, work);
  }

  #change<T>(operation: FakeOperation, name: string | null, work: (what: string) => T): Promise<T> {
    return this.#run(operation, name, (what) => {
      if (this.#options.readOnly === true) throw fakeError('EROFS', what);
      return work(what);
    });
  }

  #offered<T>(
    operation: FakeOperation & keyof NfsOffers,
    offset: number,
    bytes: number,
    work: (fault: Fault) => T,
  ): Promise<T> {
    return this.#carryOut(operation, null, offset, bytes, (_what, fault) => {
      if (this.offers[operation]) return work(fault);
      throw errors.make('ERR_DIORITE_UNSUPPORTED', `${this.server}: the server does not offer ${operation}`);
    });
  }

  #carryOut<T>(
    operation: FakeOperation,
    name: string | null,
    offset: number,
    bytes: number,
    work: (what: string, fault: Fault) => T,
  ): Promise<T> {
    const what = `${operation.toUpperCase()}${name === null ? '' : ` ${name}`}`;
    return new Promise((resolve, reject) => {
      if (this.closed) throw new Error(`${what} after close`);
      const fault = this.#fault(operation, name, offset, bytes);
      if (fault.restart === 'before') this.restart();
      let give: () => void;
      try {
        const result = fault.error === undefined || fault.done === true ? work(what, fault) : null;
        const { error } = fault;
        give = error === undefined ? () => resolve(result as T) : () => reject(toError(error, what));
      } catch (error) {
        give = () => reject(error);
      }
      if (fault.restart === 'after') this.restart();
      this.#answers.later(give, fault.hold === true);
    });
  }

  #copy(from: NfsOpenFile, fromOffset: number, to: NfsOpenFile, toOffset: number, length: number): number {
    const source = this.#nodeOf(from).content;
    const bytes = new Uint8Array(Math.max(0, Math.min(length, source.size - fromOffset)));
    source.read(fromOffset, bytes);
    this.#nodeOf(to).content.write(toOffset, bytes, true);
    return bytes.length;
  }

  #put(path: string, node: FakeNode): FakeNode {
    const slash = path.lastIndexOf('/');
    this.tree.at(path.slice(0, Math.max(0, slash))).put(path.slice(slash + 1), node);
    return node;
  }

  #own(file: NfsOpenFile): names.FakeFile {
    if (!(file instanceof names.FakeFile) || file.closed) throw new Error('a file that is not open here');
    return file;
  }

  #nodeOf(file: NfsOpenFile): FakeNode {
    return this.tree.node(this.#own(file).handle, 'PUTFH');
  }

  #nodeOfIo(call: IoCall, direction: 'read' | 'write'): FakeNode {
    const { reads, writes } = this.#own(call.file);
    if (!(direction === 'read' ? reads : writes)) throw fakeError('EBADF', direction.toUpperCase());
    if (direction === 'write' && this.#options.readOnly === true) throw fakeError('EROFS', 'WRITE');
    return this.#nodeOf(call.file);
  }
}
