// OPEN as it is written and read, with every arm of its unions that an answer may have (RFC 8881 §18.16).
import { XdrError, type XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { writeSetAttributes } from './attributes.js';
import { type Bitmap, readBitmap } from './bitmap.js';
import {
  CLAIM_FH,
  CLAIM_NULL,
  CLAIM_PREVIOUS,
  CREATE_EXCLUSIVE4_1,
  CREATE_UNCHECKED4,
  NFS_LIMIT_BLOCKS,
  NFS_LIMIT_SIZE,
  OP,
  OPAQUE_BYTES_MAX,
  OPEN_DELEGATE_NONE,
  OPEN_DELEGATE_NONE_EXT,
  OPEN_DELEGATE_READ,
  OPEN_DELEGATE_WRITE,
  OPEN4_CREATE,
  OPEN4_NOCREATE,
  OPEN4_SHARE_ACCESS_READ,
  OPEN4_SHARE_ACCESS_WANT_NO_DELEG,
  OPEN4_SHARE_ACCESS_WRITE,
  OPEN4_SHARE_DENY_NONE,
  WND4_CONTENTION,
  WND4_RESOURCE,
} from './constants.js';
import { readStateid, type Stateid } from './stateid.js';
import { skipChangeInfo } from './wire.js';

export interface OpenArguments {
  readonly clientId: bigint;
  readonly owner: Uint8Array;
  readonly reads: boolean;
  readonly writes: boolean;
}

export type OpenHow =
  | { readonly create: 'never' }
  | { readonly create: 'unchecked'; readonly mode: number }
  | { readonly create: 'exclusive'; readonly mode: number; readonly verifier: Uint8Array };

export interface OpenResult {
  readonly stateid: Stateid;
  /** Which attributes were set as asked, of a file that was made. */
  readonly attributesSet: Bitmap;
  /** One that was not wanted: it is given back. */
  readonly delegation: Stateid | null;
}

function writeBeginning(xdr: XdrWriter, { clientId, owner, reads, writes }: OpenArguments): void {
  xdr.u32(OP.OPEN);
  // seqid: without a meaning since sessions.
  xdr.u32(0);
  const access = (reads ? OPEN4_SHARE_ACCESS_READ : 0) | (writes ? OPEN4_SHARE_ACCESS_WRITE : 0);
  xdr.u32(access | OPEN4_SHARE_ACCESS_WANT_NO_DELEG);
  xdr.u32(OPEN4_SHARE_DENY_NONE);
  xdr.u64(clientId);
  xdr.opaque(owner);
}

function writeHow(xdr: XdrWriter, how: OpenHow): void {
  if (how.create === 'never') {
    xdr.u32(OPEN4_NOCREATE);
    return;
  }
  xdr.u32(OPEN4_CREATE);
  if (how.create === 'unchecked') xdr.u32(CREATE_UNCHECKED4);
  else {
    xdr.u32(CREATE_EXCLUSIVE4_1);
    xdr.fixed(how.verifier);
  }
  writeSetAttributes(xdr, { mode: how.mode });
}

/** The current file handle is the directory. */
export function writeOpen(xdr: XdrWriter, open: OpenArguments, how: OpenHow, name: string): void {
  writeBeginning(xdr, open);
  writeHow(xdr, how);
  xdr.u32(CLAIM_NULL);
  xdr.string(name);
}

/** The current file handle is the file, which was open before the server restarted. */
export function writeReclaim(xdr: XdrWriter, open: OpenArguments): void {
  writeBeginning(xdr, open);
  xdr.u32(OPEN4_NOCREATE);
  xdr.u32(CLAIM_PREVIOUS);
  xdr.u32(OPEN_DELEGATE_NONE);
}

/** The current file handle is the file. */
export function writeReopen(xdr: XdrWriter, open: OpenArguments): void {
  writeBeginning(xdr, open);
  xdr.u32(OPEN4_NOCREATE);
  xdr.u32(CLAIM_FH);
}

/** nfsace4 */
function skipAce(xdr: XdrReader): void {
  xdr.skip(3 * 4);
  xdr.opaque(OPAQUE_BYTES_MAX);
}

function skipSpaceLimit(xdr: XdrReader): void {
  const by = xdr.u32();
  // A size is one hyper, blocks are two words: eight bytes either way.
  if (by !== NFS_LIMIT_SIZE && by !== NFS_LIMIT_BLOCKS) throw new XdrError(`nfs_space_limit4 ${by}`);
  xdr.skip(8);
}

/** open_delegation4 */
function readDelegation(xdr: XdrReader): Stateid | null {
  const type = xdr.u32();
  switch (type) {
    case OPEN_DELEGATE_NONE:
      return null;
    case OPEN_DELEGATE_READ:
    case OPEN_DELEGATE_WRITE: {
      const stateid = readStateid(xdr);
      xdr.bool();
      if (type === OPEN_DELEGATE_WRITE) skipSpaceLimit(xdr);
      skipAce(xdr);
      return stateid;
    }
    case OPEN_DELEGATE_NONE_EXT: {
      const why = xdr.u32();
      if (why === WND4_CONTENTION || why === WND4_RESOURCE) xdr.bool();
      return null;
    }
    default:
      throw new XdrError(`open_delegation4 ${type}`);
  }
}

export function readOpen(xdr: XdrReader): OpenResult {
  const stateid = readStateid(xdr);
  skipChangeInfo(xdr);
  // rflags: confirming is v4.0's, the rest is about locks and unlinked files.
  xdr.u32();
  const attributesSet = readBitmap(xdr);
  return { stateid, attributesSet, delegation: readDelegation(xdr) };
}
