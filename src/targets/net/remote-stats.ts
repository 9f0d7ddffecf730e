// What a server says of a file in the shapes of fs.Stats and fs.BigIntStats, with their methods.
import { type BigIntStats, constants, Stats, statSync } from 'node:fs';

export type RemoteFileType = 'file' | 'directory' | 'symlink' | 'block' | 'character' | 'fifo' | 'socket';

/** Ids, times and change counters are never rounded. */
export interface RemoteAttributes {
  readonly type: RemoteFileType;
  /** Permission bits with set-user-ID, set-group-ID and sticky: 0o7777 at most. */
  readonly mode: number;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: bigint;
  /** What is best to ask for at a time. */
  readonly blockBytes?: number;
  /** Bytes that it takes on the server's disk. */
  readonly used: bigint;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  readonly fsid: bigint;
  readonly fileId: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

const TYPE_BITS: Readonly<Record<RemoteFileType, number>> = {
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
/** What is best to ask for at a time where nobody says, as the Linux client has it for NFS. */
const BLOCK_BYTES_BEST = 1 << 20;

/** The class is not exported: its prototype is taken from one that there always is. */
let bigPrototype: object | undefined;

/** As fs.stat gives them; ids and sizes above 2^53 − 1 are rounded, as Node rounds them. */
export function toStats(attributes: RemoteAttributes): Stats {
  const big = fieldsOf(attributes);
  const fields: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(big)) fields[name] = Number(value);
  for (const [name, nanos] of Object.entries(timesOf(attributes))) {
    // In two parts, as Node does it: a double holds no nanoseconds of today.
    const ms = Number(nanos / NANOS_PER_MS) + Number(nanos % NANOS_PER_MS) / Number(NANOS_PER_MS);
    fields[`${name}Ms`] = ms;
    fields[name] = new Date(Math.round(ms));
  }
  return made(Stats.prototype, fields) as Stats;
}

/** As fs.stat gives them with `bigint: true`: nothing is rounded. */
export function toBigIntStats(attributes: RemoteAttributes): BigIntStats {
  const fields: Record<string, unknown> = fieldsOf(attributes);
  for (const [name, nanos] of Object.entries(timesOf(attributes))) {
    fields[`${name}Ms`] = nanos / NANOS_PER_MS;
    fields[`${name}Ns`] = nanos;
    fields[name] = new Date(Number(nanos / NANOS_PER_MS));
  }
  bigPrototype ??= Object.getPrototypeOf(statSync('/', { bigint: true })) as object;
  return made(bigPrototype, fields) as BigIntStats;
}

function fieldsOf(attributes: RemoteAttributes): Record<string, bigint> {
  return {
    dev: attributes.fsid,
    mode: BigInt(TYPE_BITS[attributes.type] | attributes.mode),
    nlink: BigInt(attributes.links),
    uid: BigInt(attributes.uid),
    gid: BigInt(attributes.gid),
    rdev: makeDevice(BigInt(attributes.rdevMajor), BigInt(attributes.rdevMinor)),
    blksize: BigInt(attributes.blockBytes ?? BLOCK_BYTES_BEST),
    ino: attributes.fileId,
    size: attributes.size,
    blocks: (attributes.used + BLOCK_BYTES - 1n) / BLOCK_BYTES,
  };
}

/** As glibc's makedev lays it out. */
function makeDevice(major: bigint, minor: bigint): bigint {
  return ((major & 0xfffff000n) << 32n) | ((major & 0xfffn) << 8n) | ((minor & 0xffffff00n) << 12n) | (minor & 0xffn);
}

/** There is no time of birth on the wire of v3: the earliest that is known stands for it, as on file systems without one. */
function timesOf({ atimeNs, mtimeNs, ctimeNs }: RemoteAttributes): Record<string, bigint> {
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
