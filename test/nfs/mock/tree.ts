// The mock's objects: files, directories and symbolic links with their attributes, names and handles.
import { FakeContent } from '../fake/content.js';
import { fail, STATUS } from './status.js';

/** nfs_ftype4 up to 7 is ftype3: RFC 1813 §2.5, RFC 8881 §3.2.1. */
export const TYPE = { file: 1, directory: 2, block: 3, character: 4, symlink: 5, socket: 6, fifo: 7 } as const;
export type NodeType = keyof typeof TYPE;

/** What is left out stays as it is. */
export interface Changes {
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly size?: number | undefined;
  readonly atimeNs?: bigint | 'now' | undefined;
  readonly mtimeNs?: bigint | 'now' | undefined;
}

export interface Entry {
  readonly name: string;
  readonly node: Node;
  /** Grows from entry to entry: what is removed between two questions moves nothing. v4 keeps 0, 1 and 2 for itself. */
  readonly cookie: bigint;
}

export class Node {
  readonly id: bigint;
  readonly type: NodeType;
  mode: number;
  uid = 0;
  gid = 0;
  links = 1;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  change = 1n;
  readonly content: FakeContent = new FakeContent();
  readonly entries: Map<string, Entry> = new Map();
  /** Of a symbolic link. */
  to = '';
  /** Of a device. */
  rdev: readonly [major: number, minor: number] = [0, 0];
  /** Of a directory; the root's is itself. */
  parent: Node = this;
  /** What an exclusive creation was asked with: the same again is no EXIST. */
  createVerifier: bigint | null = null;
  /** Opens of v4: an unlinked file lives on while there are any. */
  opens = 0;
  #cookies = 9n;

  constructor(id: bigint, type: NodeType, mode: number, nowNs: bigint) {
    this.id = id;
    this.type = type;
    this.mode = mode;
    this.atimeNs = nowNs;
    this.mtimeNs = nowNs;
    this.ctimeNs = nowNs;
  }

  get size(): number {
    if (this.type === 'file') return this.content.size;
    if (this.type === 'symlink') return Buffer.byteLength(this.to);
    return this.type === 'directory' ? 4096 : 0;
  }

  get usedBytes(): number {
    if (this.type === 'file') return this.content.blocks * 4096;
    return this.type === 'directory' ? 4096 : 0;
  }

  put(name: string, node: Node): void {
    this.entries.set(name, { name, node, cookie: ++this.#cookies });
  }

  changed(nowNs: bigint): void {
    this.ctimeNs = nowNs;
    this.change++;
  }

  modified(nowNs: bigint): void {
    this.mtimeNs = nowNs;
    this.changed(nowNs);
  }
}

const NAME_BYTES_MAX = 255;
const HANDLE_BYTES = 24;
const MAGIC = Buffer.from('diorite.');

export class Tree {
  readonly root: Node;
  /** What all files together may take; files above it are NOSPC. */
  capacityBytes: number = Number.POSITIVE_INFINITY;
  /** In every handle: handles of another generation are stale. */
  #generation = 1n;
  readonly #nodes = new Map<bigint, Node>();
  #ids = 1000n;
  #nowNs = 1_700_000_000_123_456_789n;

  constructor() {
    this.root = this.make('directory', 0o777);
  }

  /** A millisecond later each time: the same run gives the same times. */
  now(): bigint {
    this.#nowNs += 1_000_000n;
    return this.#nowNs;
  }

  make(type: NodeType, mode: number): Node {
    const node = new Node(++this.#ids, type, mode & 0o7777, this.now());
    this.#nodes.set(node.id, node);
    return node;
  }

  handleOf(node: Node): Buffer {
    const handle = Buffer.alloc(HANDLE_BYTES);
    MAGIC.copy(handle);
    handle.writeBigUInt64BE(this.#generation, 8);
    handle.writeBigUInt64BE(node.id, 16);
    return handle;
  }

  byHandle(bytes: Uint8Array): Node {
    const handle = Buffer.from(bytes);
    if (handle.length !== HANDLE_BYTES || !handle.subarray(0, 8).equals(MAGIC)) return fail(STATUS.BADHANDLE);
    if (handle.readBigUInt64BE(8) !== this.#generation) return fail(STATUS.STALE);
    return this.#nodes.get(handle.readBigUInt64BE(16)) ?? fail(STATUS.STALE);
  }

  /** Every handle given so far is stale from now on. */
  forgetHandles(): void {
    this.#generation += 1n;
  }

  files(): Node[] {
    return [...this.#nodes.values()].filter((node) => node.type === 'file');
  }

  byId(id: bigint): Node | undefined {
    return this.#nodes.get(id);
  }

  /** By path from the root, through no link: for tests. */
  at(path: string): Node {
    let node = this.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const entry = node.entries.get(name);
      if (entry === undefined) throw new Error(`the mock has no ${path}`);
      node = entry.node;
    }
    return node;
  }

  // ---- names ----
  checkName(name: string): void {
    if (name === '' || name.includes('/') || name.includes('\0')) fail(STATUS.INVAL);
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) fail(STATUS.NAMETOOLONG);
  }

  directory(node: Node): Node {
    return node.type === 'directory' ? node : fail(STATUS.NOTDIR);
  }

  find(directory: Node, name: string): Node | null {
    this.directory(directory);
    this.checkName(name);
    return directory.entries.get(name)?.node ?? null;
  }

  mustFind(directory: Node, name: string): Node {
    return this.find(directory, name) ?? fail(STATUS.NOENT);
  }

  add(directory: Node, name: string, node: Node): void {
    if (this.find(directory, name) !== null) fail(STATUS.EXIST);
    this.#put(directory, name, node);
  }

  /** The type of a number on the wire; null: there is none. */
  typeOf(number: number): NodeType | null {
    const found = Object.entries(TYPE).find(([, value]) => value === number);
    return found === undefined ? null : (found[0] as NodeType);
  }

  create(directory: Node, name: string, type: NodeType, mode: number): Node {
    if (this.find(directory, name) !== null || name === '.' || name === '..') fail(STATUS.EXIST);
    const node = this.make(type, mode);
    this.#put(directory, name, node);
    return node;
  }

  link(node: Node, directory: Node, name: string): void {
    if (node.type === 'directory') fail(STATUS.ISDIR);
    this.add(directory, name, node);
    node.links++;
    node.changed(this.now());
  }

  /** `kind`: what REMOVE and RMDIR of v3 may take away; v4's REMOVE takes either. */
  remove(directory: Node, name: string, kind: 'directory' | 'other' | 'any'): void {
    if (name === '.' || name === '..') fail(STATUS.INVAL);
    const node = this.mustFind(directory, name);
    if (kind === 'directory' && node.type !== 'directory') fail(STATUS.NOTDIR);
    if (kind === 'other' && node.type === 'directory') fail(STATUS.ISDIR);
    if (node.entries.size > 0) fail(STATUS.NOTEMPTY);
    this.#drop(directory, name, node);
  }

  rename(from: Node, fromName: string, to: Node, toName: string): void {
    const node = this.mustFind(from, fromName);
    const old = this.find(to, toName);
    if (old === node) return;
    for (let above = to; node.type === 'directory'; above = above.parent) {
      if (above === node) fail(STATUS.INVAL);
      if (above === above.parent) break;
    }
    if (old !== null) {
      if (old.type === 'directory' && node.type !== 'directory') fail(STATUS.EXIST);
      if (old.type !== 'directory' && node.type === 'directory') fail(STATUS.EXIST);
      if (old.entries.size > 0) fail(STATUS.NOTEMPTY);
      this.#drop(to, toName, old);
    }
    from.entries.delete(fromName);
    from.modified(this.now());
    this.#put(to, toName, node);
    node.changed(this.now());
  }

  #put(directory: Node, name: string, node: Node): void {
    directory.put(name, node);
    if (node.type === 'directory') node.parent = directory;
    directory.modified(this.now());
  }

  #drop(directory: Node, name: string, node: Node): void {
    directory.entries.delete(name);
    directory.modified(this.now());
    node.links--;
    node.changed(this.now());
    this.forgetIfUnused(node);
  }

  forgetIfUnused(node: Node): void {
    if (node.links <= 0 && node.opens === 0) this.#nodes.delete(node.id);
  }

  // ---- contents and attributes ----
  change(node: Node, changes: Changes): void {
    const now = this.now();
    if (changes.size !== undefined) {
      if (node.type !== 'file') fail(node.type === 'directory' ? STATUS.ISDIR : STATUS.INVAL);
      node.content.resize(changes.size);
      node.mtimeNs = now;
    }
    node.mode = changes.mode ?? node.mode;
    node.uid = changes.uid ?? node.uid;
    node.gid = changes.gid ?? node.gid;
    if (changes.atimeNs !== undefined) node.atimeNs = changes.atimeNs === 'now' ? now : changes.atimeNs;
    if (changes.mtimeNs !== undefined) node.mtimeNs = changes.mtimeNs === 'now' ? now : changes.mtimeNs;
    node.changed(now);
  }

  write(node: Node, offset: number, bytes: Uint8Array, stable: boolean): void {
    this.#checkSpace(node, offset, bytes.length);
    node.content.write(offset, bytes, stable);
    if (bytes.length > 0) node.modified(this.now());
  }

  get usedBytes(): number {
    return this.files().reduce((sum, node) => sum + node.usedBytes, 0);
  }

  /** As if all of it were new: a full disk is full a little early. */
  #checkSpace(node: Node, offset: number, bytes: number): void {
    if (this.capacityBytes === Number.POSITIVE_INFINITY) return;
    const grown = Math.max(0, offset + bytes - node.content.size);
    if (this.usedBytes + Math.ceil(grown / 4096) * 4096 > this.capacityBytes) fail(STATUS.NOSPC);
  }

  /** What was not committed is lost. */
  crash(): void {
    for (const node of this.files()) node.content.crash();
  }
}
