// The mock's NFSv3 procedures about objects and the file system: GETATTR, SETATTR, ACCESS, READLINK, FSSTAT, FSINFO, PATHCONF.
import type { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { fail, STATUS } from './status.js';
import { readHandle, readSetAttributes, writeAttributes } from './v3-codec.js';
import type { Procedure, V3Context } from './v3-context.js';

const FREE_BYTES = 1n << 40n;

export function getattr(context: V3Context, xdr: XdrReader): Procedure {
  const object = context.subject(readHandle(xdr));
  return {
    name: 'GETATTR',
    isRepeatable: true,
    ok: (out) => writeAttributes(out, object.node),
    failed: () => undefined,
  };
}

/** With a guard it changes nothing when the object was changed since: NOT_SYNC. */
export function setattr(context: V3Context, xdr: XdrReader): Procedure {
  const object = context.subject(readHandle(xdr));
  const changes = readSetAttributes(xdr);
  const guard = xdr.bool() ? BigInt(xdr.u32()) * 1_000_000_000n + BigInt(xdr.u32()) : null;
  return {
    name: 'SETATTR',
    isRepeatable: guard === null,
    ok: (out) => {
      const { node } = object;
      context.world.checkWritable();
      if (guard !== null && guard !== node.ctimeNs) fail(STATUS.NOT_SYNC);
      if (changes.size !== undefined) context.world.range(0n, BigInt(changes.size));
      context.tree.change(node, changes);
      object.writeChange(out);
    },
    failed: (out) => object.writeChange(out),
  };
}

/** Everything is granted, but changes where there are none. */
export function access(context: V3Context, xdr: XdrReader): Procedure {
  const object = context.subject(readHandle(xdr));
  const wanted = xdr.u32();
  const READS_AND_EXECUTES = 0x23;
  return {
    name: 'ACCESS',
    isRepeatable: true,
    ok: (out) => {
      void object.node;
      object.writeAfter(out);
      out.u32(context.world.settings.readOnly ? wanted & READS_AND_EXECUTES : wanted);
    },
    failed: (out) => object.writeAfter(out),
  };
}

export function readlink(context: V3Context, xdr: XdrReader): Procedure {
  const object = context.subject(readHandle(xdr));
  return {
    name: 'READLINK',
    isRepeatable: true,
    ok: (out) => {
      if (object.node.type !== 'symlink') fail(STATUS.INVAL);
      object.writeAfter(out);
      out.string(object.node.to);
    },
    failed: (out) => object.writeAfter(out),
  };
}

export function fsstat(context: V3Context, xdr: XdrReader): Procedure {
  const object = context.subject(readHandle(xdr));
  return {
    name: 'FSSTAT',
    isRepeatable: true,
    ok: (out) => {
      void object.node;
      object.writeAfter(out);
      const used = BigInt(context.tree.usedBytes);
      const { capacityBytes } = context.tree;
      const total = Number.isFinite(capacityBytes) ? BigInt(capacityBytes) : used + FREE_BYTES;
      for (const value of [total, total - used, total - used, 1_000_000n, 900_000n, 900_000n]) out.u64(value);
      out.u32(0);
    },
    failed: (out) => object.writeAfter(out),
  };
}

/** FSF3_LINK, SYMLINK, HOMOGENEOUS, CANSETTIME */
const PROPERTIES = 0x1b;

export function fsinfo(context: V3Context, xdr: XdrReader): Procedure {
  const object = context.subject(readHandle(xdr));
  return {
    name: 'FSINFO',
    isRepeatable: true,
    ok: (out) => {
      void object.node;
      const { readBytesMax, writeBytesMax, fileBytesMax } = context.world.settings;
      object.writeAfter(out);
      for (const bytes of [readBytesMax, readBytesMax, 512, writeBytesMax, writeBytesMax, 512, 65536]) out.u32(bytes);
      out.u64(fileBytesMax);
      out.u32(0); // time_delta: a nanosecond
      out.u32(1);
      out.u32(PROPERTIES);
    },
    failed: (out) => object.writeAfter(out),
  };
}

export function pathconf(context: V3Context, xdr: XdrReader): Procedure {
  const object = context.subject(readHandle(xdr));
  return {
    name: 'PATHCONF',
    isRepeatable: true,
    ok: (out) => {
      void object.node;
      object.writeAfter(out);
      out.u32(32_000);
      out.u32(255);
      // no_trunc, chown_restricted, case_insensitive, case_preserving
      for (const flag of [true, true, false, true]) out.bool(flag);
    },
    failed: (out) => object.writeAfter(out),
  };
}
