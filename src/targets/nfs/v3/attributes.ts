// What NFSv3 says of files: handles, fattr3, weak cache consistency data, and sattr3 for what is to be set (RFC 1813 §2.5, §2.6).
import { errors } from '../../../base/errors.js';
import type { FileHandle, NfsAttributes, NfsFileType, NfsSetAttributes } from '../protocol.js';
import { XdrError, type XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { HANDLE_BYTES_MAX } from './constants.js';

/** ftype3; 0 is none. */
const FILE_TYPES: readonly (NfsFileType | null)[] = [
  null,
  'file',
  'directory',
  'block',
  'character',
  'symlink',
  'socket',
  'fifo',
];
const PERMISSIONS = 0o7777;
const ATTRIBUTES_BYTES = 84;
/** wcc_attr: size, mtime, ctime. */
const ATTRIBUTES_BEFORE_BYTES = 24;

const NS_PER_S = 1_000_000_000n;
/** nfstime3 counts seconds in 32 bits without a sign: up to the year 2106. */
const SECONDS_MAX = 0xffffffffn;

/** time_how */
const KEEP_TIME = 0;
const SERVER_TIME = 1;
const CLIENT_TIME = 2;

/** A copy: the reader's bytes are the connection's. */
export function readHandle(xdr: XdrReader): FileHandle {
  const handle = xdr.opaqueCopy(HANDLE_BYTES_MAX);
  if (handle.length === 0) throw new XdrError('a file handle is empty');
  return handle;
}

/** post_op_fh3 */
export function readOptionalHandle(xdr: XdrReader): FileHandle | null {
  return xdr.bool() ? readHandle(xdr) : null;
}

function readTime(xdr: XdrReader): bigint {
  const seconds = xdr.u32();
  return BigInt(seconds) * NS_PER_S + BigInt(xdr.u32());
}

/** fattr3 */
export function readAttributes(xdr: XdrReader): NfsAttributes {
  const number = xdr.u32();
  const type = FILE_TYPES[number];
  if (type === undefined || type === null) throw new XdrError(`a file's type is ${number}`);
  return {
    type,
    mode: xdr.u32() & PERMISSIONS,
    links: xdr.u32(),
    uid: xdr.u32(),
    gid: xdr.u32(),
    size: xdr.u64(),
    used: xdr.u64(),
    rdevMajor: xdr.u32(),
    rdevMinor: xdr.u32(),
    fsid: xdr.u64(),
    fileId: xdr.u64(),
    atimeNs: readTime(xdr),
    mtimeNs: readTime(xdr),
    ctimeNs: readTime(xdr),
    change: null,
  };
}

/** post_op_attr */
export function readOptionalAttributes(xdr: XdrReader): NfsAttributes | null {
  return xdr.bool() ? readAttributes(xdr) : null;
}

export function skipOptionalAttributes(xdr: XdrReader): void {
  if (xdr.bool()) xdr.skip(ATTRIBUTES_BYTES);
}

/** pre_op_attr */
export function skipOptionalAttributesBefore(xdr: XdrReader): void {
  if (xdr.bool()) xdr.skip(ATTRIBUTES_BEFORE_BYTES);
}

/** wcc_data: of use to caches only, and there is none. */
export function skipConsistency(xdr: XdrReader): void {
  skipOptionalAttributesBefore(xdr);
  skipOptionalAttributes(xdr);
}

/** Refused here, where it is asked: on the way out nobody could be told any more. */
export function checkTimes({ atimeNs, mtimeNs }: NfsSetAttributes): void {
  checkTime('atime', atimeNs);
  checkTime('mtime', mtimeNs);
}

function checkTime(name: string, timeNs: bigint | 'now' | undefined): void {
  if (timeNs === undefined || timeNs === 'now') return;
  if (timeNs < 0n || timeNs / NS_PER_S > SECONDS_MAX)
    throw errors.outOfRange(name, 'from 1970 to 2106: NFSv3 counts seconds in 32 bits', timeNs);
}

function writeOptional(xdr: XdrWriter, value: number | undefined): void {
  xdr.bool(value !== undefined);
  if (value !== undefined) xdr.u32(value);
}

function writeTime(xdr: XdrWriter, timeNs: bigint | 'now' | undefined): void {
  if (timeNs === undefined) return xdr.u32(KEEP_TIME);
  if (timeNs === 'now') return xdr.u32(SERVER_TIME);
  xdr.u32(CLIENT_TIME);
  xdr.u32(Number(timeNs / NS_PER_S));
  xdr.u32(Number(timeNs % NS_PER_S));
}

/** sattr3; the times are checked. */
export function writeSettable(xdr: XdrWriter, set: NfsSetAttributes): void {
  writeOptional(xdr, set.mode === undefined ? undefined : set.mode & PERMISSIONS);
  writeOptional(xdr, set.uid);
  writeOptional(xdr, set.gid);
  xdr.bool(set.size !== undefined);
  if (set.size !== undefined) xdr.u64(set.size);
  writeTime(xdr, set.atimeNs);
  writeTime(xdr, set.mtimeNs);
}
