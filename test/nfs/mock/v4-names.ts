// The mock's operations on names: LOOKUP, CREATE, REMOVE, RENAME, LINK, READLINK, READDIR. RFC 8881 §18.
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { paddingOf, XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import { listDirectory } from './listing.js';
import { fail, STATUS } from './status.js';
import { type Entry, type Node, TYPE } from './tree.js';
import { changesOf, readAttributes, writeAttributes } from './v4-attributes.js';
import { readBitmap, readName, writeBitmap, writeChangeInfo } from './v4-codec.js';
import type { Compound, Operation } from './v4-context.js';

const PATH_BYTES_MAX = 4096;

export function lookup(xdr: XdrReader): Operation {
  const name = readName(xdr);
  return {
    name: 'LOOKUP',
    number: 15,
    ok: (_out, compound) => {
      compound.checkName(name);
      if (compound.node.type === 'symlink') fail(STATUS.SYMLINK);
      compound.current = compound.tree.mustFind(compound.directory, name);
      compound.currentStateId = null;
    },
  };
}

export function lookupParent(): Operation {
  return {
    name: 'LOOKUPP',
    number: 16,
    ok: (_out, compound) => {
      if (compound.node.type === 'symlink') fail(STATUS.SYMLINK);
      const { directory } = compound;
      compound.current = directory.parent === directory ? fail(STATUS.NOENT) : directory.parent;
    },
  };
}

/** Everything but files, which OPEN makes. */
export function create(xdr: XdrReader): Operation {
  const type = xdr.u32();
  const to = type === TYPE.symlink ? xdr.string(PATH_BYTES_MAX) : '';
  const isDevice = type === TYPE.block || type === TYPE.character;
  const rdev = isDevice ? ([xdr.u32(), xdr.u32()] as const) : ([0, 0] as const);
  const name = readName(xdr);
  const attributes = readAttributes(xdr);
  return {
    name: 'CREATE',
    number: 6,
    isRepeatable: false,
    ok: (out, compound) => {
      const { directory, tree, world } = compound;
      compound.checkName(name);
      world.checkWritable();
      const kind = tree.typeOf(type);
      if (kind === null || kind === 'file') return fail(STATUS.BADTYPE);
      const changes = changesOf(attributes);
      const before = directory.change;
      const node = tree.create(directory, name, kind, kind === 'symlink' ? 0o777 : 0o755);
      Object.assign(node, { to, rdev });
      tree.change(node, { ...changes, size: undefined });
      compound.current = node;
      writeChangeInfo(out, before, directory.change);
      writeBitmap(out, attributes.bits);
    },
  };
}

export function remove(xdr: XdrReader): Operation {
  const name = readName(xdr);
  return {
    name: 'REMOVE',
    number: 28,
    isRepeatable: false,
    ok: (out, compound) => {
      const { directory } = compound;
      compound.checkName(name);
      compound.world.checkWritable();
      const before = directory.change;
      compound.tree.remove(directory, name, 'any');
      writeChangeInfo(out, before, directory.change);
    },
  };
}

export function rename(xdr: XdrReader): Operation {
  const fromName = readName(xdr);
  const toName = readName(xdr);
  return {
    name: 'RENAME',
    number: 29,
    isRepeatable: false,
    ok: (out, compound) => {
      const from = compound.tree.directory(compound.savedNode);
      const to = compound.directory;
      compound.checkName(fromName);
      compound.checkName(toName);
      compound.world.checkWritable();
      const [fromBefore, toBefore] = [from.change, to.change];
      compound.tree.rename(from, fromName, to, toName);
      writeChangeInfo(out, fromBefore, from.change);
      writeChangeInfo(out, toBefore, to.change);
    },
  };
}

export function link(xdr: XdrReader): Operation {
  const name = readName(xdr);
  return {
    name: 'LINK',
    number: 11,
    isRepeatable: false,
    ok: (out, compound) => {
      const { directory, savedNode } = compound;
      compound.checkName(name);
      compound.world.checkWritable();
      const before = directory.change;
      compound.tree.link(savedNode, directory, name);
      writeChangeInfo(out, before, directory.change);
    },
  };
}

export function readLink(): Operation {
  return {
    name: 'READLINK',
    number: 27,
    ok: (out, { node }) => {
      if (node.type !== 'symlink') fail(node.type === 'directory' ? STATUS.ISDIR : STATUS.WRONG_TYPE);
      out.string(node.to);
    },
  };
}

/** The verifier, and the end of the list. */
const LISTING_BYTES = 8 + 8;

function entryBytes({ node, name }: Entry, wanted: readonly number[], compound: Compound): number {
  const attributes = new XdrWriter();
  writeAttributes(attributes, node, wanted, compound.world);
  const length = Buffer.byteLength(name);
  return 4 + 8 + 4 + length + paddingOf(length) + attributes.length;
}

export function readDir(xdr: XdrReader): Operation {
  const from = { cookie: xdr.u64(), verifier: xdr.u64() };
  xdr.u32(); // dircount: a hint
  const bytes = xdr.u32();
  const wanted = readBitmap(xdr);
  return {
    name: 'READDIR',
    number: 26,
    ok: (out, compound) => {
      if (from.cookie === 1n || from.cookie === 2n) fail(STATUS.BAD_COOKIE);
      const { directory } = compound;
      const bytesOf = (entry: Entry): number => entryBytes(entry, wanted, compound);
      const listing = listDirectory(
        compound.world,
        directory.entries.values(),
        directory,
        from,
        bytes - LISTING_BYTES,
        bytesOf,
      );
      out.u64(listing.verifier);
      for (const { cookie, name, node } of listing.entries) writeEntry(out, cookie, name, node, wanted, compound);
      out.bool(false);
      out.bool(listing.end);
    },
  };
}

function writeEntry(
  out: XdrWriter,
  cookie: bigint,
  name: string,
  node: Node,
  wanted: readonly number[],
  compound: Compound,
): void {
  out.bool(true);
  out.u64(cookie);
  out.string(name);
  writeAttributes(out, node, wanted, compound.world);
}
