// The mock's NFSv3 procedures that work on names: LOOKUP, CREATE … LINK. RFC 1813 §3.3.3, §3.3.8 to §3.3.15.
import { XdrError, type XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { fail, STATUS } from './status.js';
import type { Changes, Node } from './tree.js';
import { readHandle, readName, readSetAttributes } from './v3-codec.js';
import type { Procedure, Subject, V3Context } from './v3-context.js';

const PATH_BYTES_MAX = 4096;

function step(context: V3Context, directory: Node, name: string): Node {
  context.tree.directory(directory);
  if (name === '.') return directory;
  return name === '..' ? directory.parent : context.tree.mustFind(directory, name);
}

export function lookup(context: V3Context, xdr: XdrReader): Procedure {
  const directory = context.subject(readHandle(xdr));
  const name = readName(xdr);
  return {
    name: 'LOOKUP',
    isRepeatable: true,
    ok: (out) => {
      const node = step(context, directory.node, name);
      out.opaque(context.tree.handleOf(node));
      context.writeAttributes(out, node);
      directory.writeAfter(out);
    },
    failed: (out) => directory.writeAfter(out),
  };
}

interface Making {
  readonly name: string;
  readonly isRepeatable: boolean;
  readonly directory: Subject;
  make(): Node;
}

/** CREATE, MKDIR and SYMLINK answer alike. */
function making(context: V3Context, { name, isRepeatable, directory, make }: Making): Procedure {
  return {
    name,
    isRepeatable,
    ok: (out) => {
      context.tree.directory(directory.node);
      context.world.checkWritable();
      context.writeObject(out, make());
      directory.writeChange(out);
    },
    failed: (out) => directory.writeChange(out),
  };
}

function makeFile(context: V3Context, directory: Node, name: string, changes: Changes): Node {
  const node = context.tree.create(directory, name, 'file', changes.mode ?? 0o644);
  context.tree.change(node, changes);
  return node;
}

/** createmode3: UNCHECKED 0, GUARDED 1, EXCLUSIVE 2. */
export function create(context: V3Context, xdr: XdrReader): Procedure {
  const directory = context.subject(readHandle(xdr));
  const name = readName(xdr);
  const how = xdr.u32();
  if (how > 2) throw new XdrError(`createmode3 is ${how}`);
  const verifier = how === 2 ? xdr.u64() : null;
  const changes = how === 2 ? {} : readSetAttributes(xdr);
  const make = (): Node => {
    const existing = context.tree.find(directory.node, name);
    if (existing === null) {
      const node = makeFile(context, directory.node, name, changes);
      node.createVerifier = verifier;
      return node;
    }
    // The same verifier: it is our own file, and this the second time that the call came.
    if (verifier !== null && existing.createVerifier === verifier) return existing;
    if (how !== 0 || existing.type !== 'file') fail(STATUS.EXIST);
    // Of one that is there, only the size is set.
    if (changes.size !== undefined) context.tree.change(existing, { size: changes.size });
    return existing;
  };
  return making(context, { name: 'CREATE', isRepeatable: how === 2, directory, make });
}

export function mkdir(context: V3Context, xdr: XdrReader): Procedure {
  const directory = context.subject(readHandle(xdr));
  const name = readName(xdr);
  const changes = readSetAttributes(xdr);
  const make = (): Node => {
    const node = context.tree.create(directory.node, name, 'directory', changes.mode ?? 0o755);
    context.tree.change(node, { ...changes, size: undefined });
    return node;
  };
  return making(context, { name: 'MKDIR', isRepeatable: false, directory, make });
}

export function symlink(context: V3Context, xdr: XdrReader): Procedure {
  const directory = context.subject(readHandle(xdr));
  const name = readName(xdr);
  const changes = readSetAttributes(xdr);
  const to = xdr.string(PATH_BYTES_MAX);
  const make = (): Node => {
    const node = context.tree.create(directory.node, name, 'symlink', changes.mode ?? 0o777);
    node.to = to;
    return node;
  };
  return making(context, { name: 'SYMLINK', isRepeatable: false, directory, make });
}

/** mknoddata3: devices have attributes and numbers, sockets and pipes attributes, all else nothing. */
export function mknod(context: V3Context, xdr: XdrReader): Procedure {
  const directory = context.subject(readHandle(xdr));
  const name = readName(xdr);
  const type = context.tree.typeOf(xdr.u32());
  const isDevice = type === 'block' || type === 'character';
  const changes = isDevice || type === 'socket' || type === 'fifo' ? readSetAttributes(xdr) : {};
  const rdev = isDevice ? ([xdr.u32(), xdr.u32()] as const) : ([0, 0] as const);
  const make = (): Node => {
    if (type === null || (!isDevice && type !== 'socket' && type !== 'fifo')) return fail(STATUS.BADTYPE);
    const node = context.tree.create(directory.node, name, type, changes.mode ?? 0o644);
    node.rdev = rdev;
    return node;
  };
  return making(context, { name: 'MKNOD', isRepeatable: false, directory, make });
}

export function remove(context: V3Context, xdr: XdrReader, what: 'REMOVE' | 'RMDIR'): Procedure {
  const directory = context.subject(readHandle(xdr));
  const name = readName(xdr);
  return {
    name: what,
    isRepeatable: false,
    ok: (out) => {
      context.tree.directory(directory.node);
      context.world.checkWritable();
      context.tree.remove(directory.node, name, what === 'RMDIR' ? 'directory' : 'other');
      directory.writeChange(out);
    },
    failed: (out) => directory.writeChange(out),
  };
}

export function rename(context: V3Context, xdr: XdrReader): Procedure {
  const from = context.subject(readHandle(xdr));
  const fromName = readName(xdr);
  const to = context.subject(readHandle(xdr));
  const toName = readName(xdr);
  const changes = (out: Parameters<Procedure['failed']>[0]): void => {
    from.writeChange(out);
    to.writeChange(out);
  };
  return {
    name: 'RENAME',
    isRepeatable: false,
    ok: (out) => {
      context.tree.directory(from.node);
      context.tree.directory(to.node);
      context.world.checkWritable();
      context.tree.rename(from.node, fromName, to.node, toName);
      changes(out);
    },
    failed: changes,
  };
}

export function link(context: V3Context, xdr: XdrReader): Procedure {
  const file = context.subject(readHandle(xdr));
  const directory = context.subject(readHandle(xdr));
  const name = readName(xdr);
  const changes = (out: Parameters<Procedure['failed']>[0]): void => {
    file.writeAfter(out);
    directory.writeChange(out);
  };
  return {
    name: 'LINK',
    isRepeatable: false,
    ok: (out) => {
      const { node } = file;
      context.tree.directory(directory.node);
      context.world.checkWritable();
      context.tree.link(node, directory.node, name);
      changes(out);
    },
    failed: changes,
  };
}
