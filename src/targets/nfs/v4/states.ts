// What recovery sends within a session: taking open files back, ending that, asking which of them the server still has.
import { XdrError } from '../xdr/reader.js';
import { type Bitmap, bitmapOf } from './bitmap.js';
import { ATTRIBUTE, OP, STATUS } from './constants.js';
import type { OpenFile } from './open-file.js';
import { readOpen, writeReclaim, writeReopen } from './open-wire.js';
import type { Operation } from './operation-call.js';
import type { Stateid } from './stateid.js';
import { getAttributes, putHandle, readGetAttributes } from './wire.js';

/** Stateids of one TEST_STATEID: a kilobyte of call. */
export const TESTED_MAX = 64;

export function reclaimOpen(file: OpenFile, clientId: bigint): Operation<Stateid> {
  return {
    what: `OPEN ${file.name} (reclaim)`,
    operations: 2,
    effect: OP.OPEN,
    encode(xdr) {
      putHandle(xdr, file.handle);
      writeReclaim(xdr, { clientId, owner: file.owner, reads: file.reads, writes: file.writes });
    },
    decode: (reader) => readOpen(reader.next(OP.PUTFH).next(OP.OPEN).xdr).stateid,
  };
}

export interface Reopened {
  readonly stateid: Stateid;
  readonly change: bigint | null;
}

const CHANGE: Bitmap = bitmapOf(ATTRIBUTE.CHANGE);

/** Open once more, not reclaimed: others may have been there, which the change counter tells. */
export function reopen(file: OpenFile, clientId: bigint): Operation<Reopened> {
  return {
    what: `OPEN ${file.name} (again)`,
    operations: 3,
    effect: OP.OPEN,
    encode(xdr) {
      putHandle(xdr, file.handle);
      writeReopen(xdr, { clientId, owner: file.owner, reads: file.reads, writes: file.writes });
      getAttributes(xdr, CHANGE);
    },
    decode(reader) {
      const { stateid } = readOpen(reader.next(OP.PUTFH).next(OP.OPEN).xdr);
      const values = readGetAttributes(reader);
      return { stateid, change: values.has(ATTRIBUTE.CHANGE) ? values.change : null };
    },
  };
}

/** Obligatory for every new client id, whether there was something to reclaim or not: RFC 8881 §18.51. */
export function reclaimComplete(): Operation<void> {
  return {
    what: 'RECLAIM_COMPLETE',
    operations: 1,
    effect: OP.RECLAIM_COMPLETE,
    encode(xdr) {
      xdr.u32(OP.RECLAIM_COMPLETE);
      // rca_one_fs: for all file systems.
      xdr.bool(false);
    },
    decode: (reader) => {
      reader.next(OP.RECLAIM_COMPLETE);
    },
  };
}

/** A status for each, in order. */
export function testStates(files: readonly OpenFile[]): Operation<readonly number[]> {
  return {
    what: 'TEST_STATEID',
    operations: 1,
    encode(xdr) {
      xdr.u32(OP.TEST_STATEID);
      xdr.u32(files.length);
      for (const file of files) xdr.fixed(file.stateid);
    },
    decode(reader) {
      const { xdr } = reader.next(OP.TEST_STATEID);
      const count = xdr.u32();
      if (count !== files.length) throw new XdrError(`${count} statuses answer ${files.length} stateids`);
      return files.map(() => xdr.u32());
    },
  };
}

/** Tells the server that a revoked state was noticed: until then it repeats it in every SEQUENCE. */
export function freeState(stateid: Stateid): Operation<void> {
  return {
    what: 'FREE_STATEID',
    operations: 1,
    effect: OP.FREE_STATEID,
    encode(xdr) {
      xdr.u32(OP.FREE_STATEID);
      xdr.fixed(stateid);
    },
    decode: (reader) => {
      reader.next(OP.FREE_STATEID);
    },
  };
}

/** Whether a status of TEST_STATEID says that the state is there but revoked. */
export function isRevoked(status: number): boolean {
  return status === STATUS.EXPIRED || status === STATUS.ADMIN_REVOKED || status === STATUS.DELEG_REVOKED;
}
