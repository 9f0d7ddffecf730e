// The fake server's objects: files, directories, symbolic links; their attributes, names and handles.
import { constants } from 'node:os';
import { DioriteError } from '../../../src/base/errors.js';
import type {
  FileHandle,
  NfsAttributes,
  NfsFileType,
  NfsObject,
  NfsSetAttributes,
} from '../../../src/targets/nfs/protocol.js';
import { BLOCK_BYTES, FakeContent } from './content.js';

/** `fake:2049: LOOKUP name: ENOENT`: the shape of what a protocol rejects with. */
export function fakeError(code: string, what: string): DioriteError {
  const number = (constants.errno as Record<string, number | undefined>)[code];
  return new DioriteError(`fake:2049: ${what}: ${code}`, { code, errno: number === undefined ? undefined : -number });
}

export interface FakeEntry {
  readonly node: FakeNode;
  /** Grows from entry to entry: what was removed between two questions moves nothing. */
  readonly cookie: bigint;
}

export class FakeNode {
  readonly id: bigint;
  readonly handle: FileHandle;
  readonly type: NfsFileType;
  mode: number;
  uid = 0;
  gid = 0;
  links = 1;
  /** Of NfsOpenFiles: an unlinked file lives on while there are any. */
  opens = 0;
  atimeNs: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
  change = 1n;
  readonly content: FakeContent = new FakeContent();
  readonly entries: Map<string, FakeEntry> = new Map();
  /** Of a symbolic link. */
  to = '';
  #cookies = 2n;

  constructor(id: bigint, type: NfsFileType, mode: number, nowNs: bigint) {
    this.id = id;
    this.type = type;
    this.mode = mode;
    this.handle = new Uint8Array(8);
    new DataView(this.handle.buffer).setBigUint64(0, id);
    this.atimeNs = nowNs;
    this.mtimeNs = nowNs;
    this.ctimeNs = nowNs;
  }

  get attributes(): NfsAttributes {
    const { type, mode, links, uid, gid, content, atimeNs, mtimeNs, ctimeNs, change } = this;
    const size = type === 'file' ? content.size : type === 'symlink' ? Buffer.byteLength(this.to) : BLOCK_BYTES;
    return {
      type,
      mode,
      links: type === 'directory' ? 2 : links,
      uid,
      gid,
      size: BigInt(size),
      used: BigInt(type === 'file' ? content.blocks * BLOCK_BYTES : BLOCK_BYTES),
      rdevMajor: 0,
      rdevMinor: 0,
      fsid: 7n,
      fileId: this.id,
      atimeNs,
      mtimeNs,
      ctimeNs,
      change,
    };
  }

  get object(): NfsObject {
    return { handle: this.handle, attributes: this.attributes };
  }

  put(name: string, node: FakeNode): void {
    this.entries.set(name, { node, cookie: ++this.#cookies });
  }

  set(set: NfsSetAttributes, nowNs: bigint): void {
    if (set.mode !== undefined) this.mode = set.mode;
    if (set.uid !== undefined) this.uid = set.uid;
    if (set.gid !== undefined) this.gid = set.gid;
    if (set.size !== undefined) this.content.resize(set.size);
    if (set.atimeNs !== undefined) this.atimeNs = set.atimeNs === 'now' ? nowNs : set.atimeNs;
    if (set.mtimeNs !== undefined) this.mtimeNs = set.mtimeNs === 'now' ? nowNs : set.mtimeNs;
    else if (set.size !== undefined) this.mtimeNs = nowNs;
    this.changed(nowNs);
  }

  changed(nowNs: bigint): void {
    this.ctimeNs = nowNs;
    this.change++;
  }
}

/** NAME_MAX of the file systems behind real servers. */
const NAME_BYTES_MAX = 255;

export class FakeTree {
  readonly root: FakeNode;
  readonly #nodes = new Map<bigint, FakeNode>();
  #ids = 100n;
  #nowNs = 1_700_000_000_123_456_789n;

  constructor() {
    this.root = this.make('directory', 0o755);
  }

  /** A millisecond later each time. */
  now(): bigint {
    this.#nowNs += 1_000_000n;
    return this.#nowNs;
  }

  make(type: NfsFileType, mode: number): FakeNode {
    const node = new FakeNode(++this.#ids, type, mode, this.now());
    this.#nodes.set(node.id, node);
    return node;
  }

  node(handle: FileHandle, what: string): FakeNode {
    const view = new DataView(handle.buffer, handle.byteOffset, handle.byteLength);
    const node = handle.byteLength === 8 ? this.#nodes.get(view.getBigUint64(0)) : undefined;
    if (node === undefined) throw fakeError('ESTALE', what);
    return node;
  }

  directory(handle: FileHandle, what: string): FakeNode {
    const node = this.node(handle, what);
    if (node.type !== 'directory') throw fakeError('ENOTDIR', what);
    return node;
  }

  /** What a caller of the interface has to keep to is thrown as a plain error: that is a bug, and no test expects it. */
  checkName(name: string, what: string): void {
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) throw new Error(`${what}: no component`);
    if (Buffer.byteLength(name) > NAME_BYTES_MAX) throw fakeError('ENAMETOOLONG', what);
  }

  find(directory: FileHandle, name: string, what: string): FakeNode | null {
    const parent = this.directory(directory, what);
    this.checkName(name, what);
    return parent.entries.get(name)?.node ?? null;
  }

  mustFind(directory: FileHandle, name: string, what: string): FakeNode {
    const node = this.find(directory, name, what);
    if (node === null) throw fakeError('ENOENT', what);
    return node;
  }

  add(directory: FileHandle, name: string, node: FakeNode, what: string): void {
    if (this.find(directory, name, what) !== null) throw fakeError('EEXIST', what);
    const parent = this.directory(directory, what);
    parent.put(name, node);
    this.#touched(parent);
  }

  /** Takes the name away, and the node with its last one. */
  drop(directory: FileHandle, name: string, what: string): void {
    const parent = this.directory(directory, what);
    const node = this.mustFind(directory, name, what);
    parent.entries.delete(name);
    this.#touched(parent);
    node.links--;
    node.changed(this.now());
    this.forgetIfUnused(node);
  }

  forgetIfUnused(node: FakeNode): void {
    if (node.links <= 0 && node.opens === 0) this.#nodes.delete(node.id);
  }

  /** By path from the root, through no link: for tests. */
  at(path: string): FakeNode {
    let node = this.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      const entry = node.entries.get(name);
      if (entry === undefined) throw fakeError('ENOENT', path);
      node = entry.node;
    }
    return node;
  }

  files(): FakeNode[] {
    return [...this.#nodes.values()].filter((node) => node.type === 'file');
  }

  #touched(directory: FakeNode): void {
    directory.mtimeNs = this.now();
    directory.changed(directory.mtimeNs);
  }
}
