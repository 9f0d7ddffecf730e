// What the fake server does with names: open, remove, rename, link, make, list; errors as real servers give them.
import type {
  FileHandle,
  NfsEntries,
  NfsEntry,
  NfsObject,
  NfsOpenFile,
  NfsOpenOptions,
} from '../../../src/targets/nfs/protocol.js';
import { type FakeNode, type FakeTree, fakeError } from './tree.js';

/** What an entry takes in an answer beside its name, about. */
const ENTRY_BYTES = 160;

export class FakeFile implements NfsOpenFile {
  readonly handle: FileHandle;
  readonly reads: boolean;
  readonly writes: boolean;
  readonly node: FakeNode;
  closed = false;

  constructor(node: FakeNode, { reads, writes }: NfsOpenOptions) {
    this.handle = node.handle;
    this.node = node;
    this.reads = reads;
    this.writes = writes;
    node.opens++;
  }
}

export function openIn(
  tree: FakeTree,
  directory: FileHandle,
  name: string,
  options: NfsOpenOptions,
  readOnly: boolean,
  what: string,
): FakeFile {
  let node = tree.find(directory, name, what);
  if (node !== null && options.create === 'exclusive') throw fakeError('EEXIST', what);
  if (node === null && options.create === 'never') throw fakeError('ENOENT', what);
  if (readOnly && (options.writes || node === null)) throw fakeError('EROFS', what);
  if (node === null) {
    node = tree.make('file', options.mode ?? 0o666);
    tree.add(directory, name, node, what);
  }
  if (node.type === 'directory') throw fakeError('EISDIR', what);
  // RFC 8881 §18.16.3: NFS4ERR_SYMLINK.
  if (node.type === 'symlink') throw fakeError('ELOOP', what);
  if (node.type !== 'file') throw fakeError('EINVAL', what);
  return new FakeFile(node, options);
}

export function removeFile(tree: FakeTree, directory: FileHandle, name: string, what: string): void {
  if (tree.mustFind(directory, name, what).type === 'directory') throw fakeError('EISDIR', what);
  tree.drop(directory, name, what);
}

export function removeDirectory(tree: FakeTree, directory: FileHandle, name: string, what: string): void {
  const node = tree.mustFind(directory, name, what);
  if (node.type !== 'directory') throw fakeError('ENOTDIR', what);
  if (node.entries.size > 0) throw fakeError('ENOTEMPTY', what);
  tree.drop(directory, name, what);
}

export function rename(
  tree: FakeTree,
  from: FileHandle,
  fromName: string,
  to: FileHandle,
  toName: string,
  what: string,
): void {
  const node = tree.mustFind(from, fromName, what);
  const there = tree.find(to, toName, what);
  if (there === node) return;
  if (there !== null) {
    if (there.type === 'directory' && node.type !== 'directory') throw fakeError('EISDIR', what);
    if (there.type !== 'directory' && node.type === 'directory') throw fakeError('ENOTDIR', what);
    if (there.entries.size > 0) throw fakeError('ENOTEMPTY', what);
    tree.drop(to, toName, what);
  }
  node.links++;
  tree.drop(from, fromName, what);
  tree.add(to, toName, node, what);
}

export function link(tree: FakeTree, handle: FileHandle, directory: FileHandle, name: string, what: string): void {
  const node = tree.node(handle, what);
  if (node.type === 'directory') throw fakeError('EISDIR', what);
  tree.add(directory, name, node, what);
  node.links++;
  node.changed(tree.now());
}

export function makeIn(
  tree: FakeTree,
  directory: FileHandle,
  name: string,
  type: 'directory' | 'symlink',
  mode: number,
  what: string,
): FakeNode {
  if (tree.find(directory, name, what) !== null) throw fakeError('EEXIST', what);
  const node = tree.make(type, mode);
  tree.add(directory, name, node, what);
  return node;
}

export function makeLink(tree: FakeTree, directory: FileHandle, name: string, to: string, what: string): NfsObject {
  const node = makeIn(tree, directory, name, 'symlink', 0o777, what);
  node.to = to;
  return node.object;
}

/** What follows the cookie and fits into so many bytes; one entry at least. */
export function readEntries(node: FakeNode, cookie: bigint, bytes: number, plain: boolean): NfsEntries {
  const entries: NfsEntry[] = [];
  const verifier = node.change;
  let last = cookie;
  let room = bytes;
  for (const [name, entry] of node.entries) {
    if (entry.cookie <= cookie) continue;
    room -= ENTRY_BYTES + Buffer.byteLength(name);
    if (room < 0 && entries.length > 0) return { entries, cookie: last, verifier, end: false };
    entries.push({ name, fileId: entry.node.id, attributes: plain ? null : entry.node.attributes });
    last = entry.cookie;
  }
  return { entries, cookie: last, verifier, end: true };
}
