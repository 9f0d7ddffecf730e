// A server's attributes in the shape of fs.Stats and fs.BigIntStats, with their methods.
import { type BigIntStats, constants, Stats, statSync } from 'node:fs';
import type { NfsAttributes, NfsFileType } from './protocol.js';

const TYPE_BITS: Readonly<Record<NfsFileType, number>> = {
  file: constants.S_IFREG,
  directory: constants.S_IFDIR,
  symlink: constants.S_IFLNK,
  block: constants.S_IFBLK,
  character: constants.S_IFCHR,
  fifo: constants.S_IFIFO,
  socket: constants.S_IFSOCK,
};

const NANOS_PER_MS = 1_000_000n;
/** stat(2): `blocks` counts these, whatever the file system's own blocks are. */
const BLOCK_BYTES = 512n;
/** What is best to ask for at a time, as the Linux client says it of NFS. */
const BLKSIZE = 1n << 20n;

/** The class is not exported: its prototype is taken from one that there always is. */
let bigPrototype: object | undefined;

/** As fs.stat gives them; ids and sizes above 2^53 − 1 are rounded, as Node rounds them. */
export function toStats(attributes: NfsAttributes): Stats {
  const big = fieldsOf(attributes);
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(big)) fields[name] = Number(value);
  for (const [name, nanos] of Object.entries(timesOf(attributes))) {
    fields[`${name}Ms`] = Number(nanos) / Number(NANOS_PER_MS);
    fields[name] = new Date(Number(nanos / NANOS_PER_MS));
  }
  return made(Stats.prototype, fields) as Stats;
}

/** As fs.stat gives them with `bigint: true`: nothing is rounded. */
export function toBigIntStats(attributes: NfsAttributes): BigIntStats {
  const fields: Record<string, unknown> = fieldsOf(attributes);
  for (const [name, nanos] of Object.entries(timesOf(attributes))) {
    fields[`${name}Ms`] = nanos / NANOS_PER_MS;
    fields[`${name}Ns`] = nanos;
    fields[name] = new Date(Number(nanos / NANOS_PER_MS));
  }
  bigPrototype ??= Object.getPrototypeOf(statSync('/', { bigint: true })) as object;
  return made(bigPrototype, fields) as BigIntStats;
}

function fieldsOf(attributes: NfsAttributes): Record<string, bigint> {
  return {
    dev: attributes.fsid,
    mode: BigInt(TYPE_BITS[attributes.type] | attributes.mode),
    nlink: BigInt(attributes.links),
    uid: BigInt(attributes.uid),
    gid: BigInt(attributes.gid),
    rdev: (BigInt(attributes.rdevMajor) << 8n) | BigInt(attributes.rdevMinor),
    blksize: BLKSIZE,
    ino: attributes.fileId,
    size: attributes.size,
    blocks: (attributes.used + BLOCK_BYTES - 1n) / BLOCK_BYTES,
  };
}

/** There is no time of birth on the wire of v3: the earliest that is known stands for it, as on file systems without one. */
function timesOf({ atimeNs, mtimeNs, ctimeNs }: NfsAttributes): Record<string, bigint> {
  const birthtime = ctimeNs < mtimeNs ? ctimeNs : mtimeNs;
  return { atime: atimeNs, mtime: mtimeNs, ctime: ctimeNs, birthtime };
}

/** Defined, not assigned: later versions of Node have accessors of the same names on the prototype. */
function made(prototype: object, fields: Record<string, unknown>): object {
  const stats: object = Object.create(prototype);
  for (const [name, value] of Object.entries(fields))
    Object.defineProperty(stats, name, { value, writable: true, enumerable: true, configurable: true });
  return stats;
}
