// The space of a server's file system in the shapes of fs.StatFs.
import type { BigIntStatsFs, StatsFs } from 'node:fs';
import type { NfsSpace } from './protocol.js';

/** linux/magic.h, NFS_SUPER_MAGIC. */
const NFS_SUPER_MAGIC = 0x6969n;
/** The unit of StatFs: on the wire, space is bytes. */
const SPACE_BLOCK_BYTES = 4096n;

export function toStatsFs(space: NfsSpace): StatsFs {
  const fields = Object.entries(toBigIntStatsFs(space)).map(([name, value]) => [name, Number(value)]);
  return Object.fromEntries(fields) as StatsFs;
}

export function toBigIntStatsFs(space: NfsSpace): BigIntStatsFs {
  return {
    type: NFS_SUPER_MAGIC,
    bsize: SPACE_BLOCK_BYTES,
    blocks: space.bytesTotal / SPACE_BLOCK_BYTES,
    bfree: space.bytesFree / SPACE_BLOCK_BYTES,
    bavail: space.bytesAvailable / SPACE_BLOCK_BYTES,
    files: space.filesTotal,
    ffree: space.filesFree,
  };
}
