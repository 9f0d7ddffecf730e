// What a server says of itself and of a file system: FSINFO, FSSTAT, PATHCONF; and the limits that come of it.
import type { FileHandle, NfsLimits, NfsSpace } from '../protocol.js';
import { XdrError } from '../xdr/reader.js';
import type { Asker } from './asker.js';
import { skipOptionalAttributes } from './attributes.js';
import { PROCEDURE } from './constants.js';

/** Sizes are rounded down to it: servers do best with whole blocks of their file systems. */
const BLOCK_BYTES = 4096;
/** What is asked for at a time even where the server says it likes less, if it takes it: fewer calls. */
const BEST_BYTES_MIN = 2 ** 20;

/** FSINFO, as far as it is used. */
export interface ServerLimits {
  readonly readBytesMax: number;
  readonly readBytesBest: number;
  readonly writeBytesMax: number;
  readonly writeBytesBest: number;
  readonly fileBytesMax: bigint;
}

export function askLimits(asker: Asker, root: FileHandle): Promise<ServerLimits> {
  return asker.ask({
    procedure: PROCEDURE.FSINFO,
    what: 'FSINFO',
    encode: (xdr) => xdr.opaque(root),
    decode(xdr) {
      skipOptionalAttributes(xdr);
      const [readBytesMax, readBytesBest] = [xdr.u32(), xdr.u32()];
      // rtmult and wtmult: what sizes should be multiples of; 512 or 4096 wherever looked at.
      xdr.u32();
      const [writeBytesMax, writeBytesBest] = [xdr.u32(), xdr.u32()];
      xdr.u32();
      // dtpref: directories are read in parts of what the caller wants.
      xdr.u32();
      if (readBytesMax === 0 || writeBytesMax === 0) throw new XdrError('FSINFO allows READ or WRITE no byte');
      return {
        readBytesMax,
        readBytesBest,
        writeBytesMax,
        writeBytesBest,
        fileBytesMax: xdr.u64(),
      };
    },
  });
}

/** `capBytes`: the user's. */
export function limitsOf(server: ServerLimits, capBytes: number): NfsLimits {
  const readBytesMax = mostBytes(server.readBytesMax, capBytes);
  const writeBytesMax = mostBytes(server.writeBytesMax, capBytes);
  return {
    readBytesMax,
    writeBytesMax,
    readBytesBest: bestBytes(server.readBytesBest, readBytesMax),
    writeBytesBest: bestBytes(server.writeBytesBest, writeBytesMax),
    fileBytesMax: server.fileBytesMax,
  };
}

function mostBytes(serverBytes: number, capBytes: number): number {
  const bytes = Math.min(serverBytes, capBytes);
  return bytes < BLOCK_BYTES ? bytes : bytes - (bytes % BLOCK_BYTES);
}

function bestBytes(preferred: number, max: number): number {
  return Math.min(Math.max(preferred, BEST_BYTES_MIN), max);
}

export async function askSpace(asker: Asker, handle: FileHandle): Promise<NfsSpace> {
  const [space, nameBytesMax] = await Promise.all([askStatistics(asker, handle), askNameBytesMax(asker, handle)]);
  return { ...space, nameBytesMax };
}

function askStatistics(asker: Asker, handle: FileHandle): Promise<Omit<NfsSpace, 'nameBytesMax'>> {
  return asker.ask({
    procedure: PROCEDURE.FSSTAT,
    what: 'FSSTAT',
    encode: (xdr) => xdr.opaque(handle),
    decode(xdr) {
      skipOptionalAttributes(xdr);
      return {
        bytesTotal: xdr.u64(),
        bytesFree: xdr.u64(),
        bytesAvailable: xdr.u64(),
        filesTotal: xdr.u64(),
        filesFree: xdr.u64(),
        filesAvailable: xdr.u64(),
      };
    },
  });
}

function askNameBytesMax(asker: Asker, handle: FileHandle): Promise<number> {
  return asker.ask({
    procedure: PROCEDURE.PATHCONF,
    what: 'PATHCONF',
    encode: (xdr) => xdr.opaque(handle),
    decode(xdr) {
      skipOptionalAttributes(xdr);
      // linkmax
      xdr.u32();
      return xdr.u32();
    },
  });
}
