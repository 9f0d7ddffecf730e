// Attributes of NFSv4 objects: which are asked for, how an answer is read, how a change is written (RFC 8881 §5).

import type { NfsAttributes, NfsFileType, NfsSetAttributes, NfsSpace } from '../protocol.js';
import { XdrError, XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { type Bitmap, bitmapOf, hasBit, readBitmap, writeBitmap } from './bitmap.js';
import {
  ATTRIBUTE,
  ATTRIBUTE_BYTES_MAX,
  NAME_BYTES_MAX,
  OPAQUE_BYTES_MAX,
  SET_TO_CLIENT_TIME4,
  SET_TO_SERVER_TIME4,
} from './constants.js';
import type { Owners } from './owners.js';

/** What NfsAttributes needs. */
export const STAT_ATTRIBUTES: Bitmap = bitmapOf(
  ATTRIBUTE.TYPE,
  ATTRIBUTE.CHANGE,
  ATTRIBUTE.SIZE,
  ATTRIBUTE.FSID,
  ATTRIBUTE.FILEID,
  ATTRIBUTE.MODE,
  ATTRIBUTE.NUMLINKS,
  ATTRIBUTE.OWNER,
  ATTRIBUTE.OWNER_GROUP,
  ATTRIBUTE.RAWDEV,
  ATTRIBUTE.SPACE_USED,
  ATTRIBUTE.TIME_ACCESS,
  ATTRIBUTE.TIME_METADATA,
  ATTRIBUTE.TIME_MODIFY,
);

/** The same in READDIR: with RDATTR_ERROR one entry without attributes does not fail the whole answer. */
export const ENTRY_ATTRIBUTES: Bitmap = STAT_ATTRIBUTES.map((word, i) =>
  i === 0 ? (word | (1 << ATTRIBUTE.RDATTR_ERROR)) >>> 0 : word,
);

export const LIMIT_ATTRIBUTES: Bitmap = bitmapOf(
  ATTRIBUTE.TYPE,
  ATTRIBUTE.LEASE_TIME,
  ATTRIBUTE.MAXFILESIZE,
  ATTRIBUTE.MAXREAD,
  ATTRIBUTE.MAXWRITE,
);

export const SPACE_ATTRIBUTES: Bitmap = bitmapOf(
  ATTRIBUTE.FILES_AVAIL,
  ATTRIBUTE.FILES_FREE,
  ATTRIBUTE.FILES_TOTAL,
  ATTRIBUTE.MAXNAME,
  ATTRIBUTE.SPACE_AVAIL,
  ATTRIBUTE.SPACE_FREE,
  ATTRIBUTE.SPACE_TOTAL,
);

/** nfs_ftype4 (RFC 5662): from 8 on they are parts of named attributes, which are never asked for. */
const TYPES: readonly (NfsFileType | undefined)[] = [
  undefined,
  'file',
  'directory',
  'block',
  'character',
  'symlink',
  'socket',
  'fifo',
];

const NS_PER_SECOND = 1_000_000_000n;
/** Where a server does not say (a pseudo file system): NAME_MAX of Linux, and no limit. */
const NAME_BYTES_DEFAULT = 255;
const NO_LIMIT = 0xffff_ffff_ffff_ffffn;

/** A second or more of nanoseconds is taken as it is: ganesha's MEM back end gives UTIME_NOW for some (utimensat(2)). */
function readTimeNs(xdr: XdrReader): bigint {
  const seconds = BigInt.asIntN(64, xdr.u64());
  return seconds * NS_PER_SECOND + BigInt(xdr.u32());
}

function writeTimeNs(xdr: XdrWriter, timeNs: bigint): void {
  const nanoseconds = ((timeNs % NS_PER_SECOND) + NS_PER_SECOND) % NS_PER_SECOND;
  xdr.u64(BigInt.asUintN(64, (timeNs - nanoseconds) / NS_PER_SECOND));
  xdr.u32(Number(nanoseconds));
}

/** One object's attributes as they came; what the server left out has a value that says nothing. */
export class AttributeValues {
  present: Bitmap = [];
  type: NfsFileType = 'file';
  change = 0n;
  size = 0n;
  fsid = 0n;
  leaseSeconds = 0;
  error = 0;
  fileId = 0n;
  filesAvailable = 0n;
  filesFree = 0n;
  filesTotal = 0n;
  fileBytesMax: bigint = NO_LIMIT;
  nameBytesMax: number = NAME_BYTES_DEFAULT;
  readBytesMax: bigint = NO_LIMIT;
  writeBytesMax: bigint = NO_LIMIT;
  mode = 0;
  links = 1;
  owner = '';
  group = '';
  rdevMajor = 0;
  rdevMinor = 0;
  spaceAvailable = 0n;
  spaceFree = 0n;
  spaceTotal = 0n;
  spaceUsed = 0n;
  atimeNs = 0n;
  ctimeNs = 0n;
  mtimeNs = 0n;

  has(attribute: number): boolean {
    return hasBit(this.present, attribute);
  }

  /** In the order of their numbers, as the wire has them. One that was not asked for has no known length. */
  #readOne(attribute: number, xdr: XdrReader): void {
    switch (attribute) {
      case ATTRIBUTE.SUPPORTED_ATTRS:
        readBitmap(xdr);
        return;
      case ATTRIBUTE.TYPE: {
        const type = xdr.u32();
        const name = TYPES[type];
        if (name === undefined) throw new XdrError(`an object of type ${type}`);
        this.type = name;
        return;
      }
      case ATTRIBUTE.CHANGE:
        this.change = xdr.u64();
        return;
      case ATTRIBUTE.SIZE:
        this.size = xdr.u64();
        return;
      case ATTRIBUTE.FSID:
        // Two 64-bit halves: file systems of one server differ in either.
        this.fsid = (xdr.u64() << 64n) | xdr.u64();
        return;
      case ATTRIBUTE.LEASE_TIME:
        this.leaseSeconds = xdr.u32();
        return;
      case ATTRIBUTE.RDATTR_ERROR:
        this.error = xdr.u32();
        return;
      case ATTRIBUTE.FILEID:
        this.fileId = xdr.u64();
        return;
      case ATTRIBUTE.FILES_AVAIL:
        this.filesAvailable = xdr.u64();
        return;
      case ATTRIBUTE.FILES_FREE:
        this.filesFree = xdr.u64();
        return;
      case ATTRIBUTE.FILES_TOTAL:
        this.filesTotal = xdr.u64();
        return;
      case ATTRIBUTE.MAXFILESIZE:
        this.fileBytesMax = xdr.u64();
        return;
      case ATTRIBUTE.MAXNAME:
        this.nameBytesMax = xdr.u32();
        return;
      case ATTRIBUTE.MAXREAD:
        this.readBytesMax = xdr.u64();
        return;
      case ATTRIBUTE.MAXWRITE:
        this.writeBytesMax = xdr.u64();
        return;
      case ATTRIBUTE.MODE:
        this.mode = xdr.u32() & 0o7777;
        return;
      case ATTRIBUTE.NUMLINKS:
        this.links = xdr.u32();
        return;
      case ATTRIBUTE.OWNER:
        this.owner = xdr.string(OPAQUE_BYTES_MAX);
        return;
      case ATTRIBUTE.OWNER_GROUP:
        this.group = xdr.string(OPAQUE_BYTES_MAX);
        return;
      case ATTRIBUTE.RAWDEV:
        this.rdevMajor = xdr.u32();
        this.rdevMinor = xdr.u32();
        return;
      case ATTRIBUTE.SPACE_AVAIL:
        this.spaceAvailable = xdr.u64();
        return;
      case ATTRIBUTE.SPACE_FREE:
        this.spaceFree = xdr.u64();
        return;
      case ATTRIBUTE.SPACE_TOTAL:
        this.spaceTotal = xdr.u64();
        return;
      case ATTRIBUTE.SPACE_USED:
        this.spaceUsed = xdr.u64();
        return;
      case ATTRIBUTE.TIME_ACCESS:
        this.atimeNs = readTimeNs(xdr);
        return;
      case ATTRIBUTE.TIME_METADATA:
        this.ctimeNs = readTimeNs(xdr);
        return;
      case ATTRIBUTE.TIME_MODIFY:
        this.mtimeNs = readTimeNs(xdr);
        return;
      default:
        throw new XdrError(`attribute ${attribute}, which was not asked for`);
    }
  }

  read(xdr: XdrReader): this {
    this.present = readBitmap(xdr);
    const values = new XdrReader(xdr.opaque(ATTRIBUTE_BYTES_MAX));
    for (const [word, bits] of this.present.entries()) {
      for (let rest = bits; rest !== 0; rest = (rest & (rest - 1)) >>> 0) {
        this.#readOne(word * 32 + 31 - Math.clz32(rest & -rest), values);
      }
    }
    values.end();
    return this;
  }
}

/** fattr4. */
export function readAttributes(xdr: XdrReader): AttributeValues {
  return new AttributeValues().read(xdr);
}

export function toAttributes(values: AttributeValues, owners: Owners): NfsAttributes {
  return {
    type: values.type,
    mode: values.mode,
    links: values.links,
    uid: owners.user(values.owner),
    gid: owners.group(values.group),
    size: values.size,
    used: values.spaceUsed,
    rdevMajor: values.rdevMajor,
    rdevMinor: values.rdevMinor,
    fsid: values.fsid,
    fileId: values.fileId,
    atimeNs: values.atimeNs,
    mtimeNs: values.mtimeNs,
    ctimeNs: values.ctimeNs,
    change: values.has(ATTRIBUTE.CHANGE) ? values.change : null,
  };
}

export function toSpace(values: AttributeValues): NfsSpace {
  return {
    bytesTotal: values.spaceTotal,
    bytesFree: values.spaceFree,
    bytesAvailable: values.spaceAvailable,
    filesTotal: values.filesTotal,
    filesFree: values.filesFree,
    filesAvailable: values.filesAvailable,
    nameBytesMax: Math.min(values.nameBytesMax, NAME_BYTES_MAX),
  };
}

function writeTime(xdr: XdrWriter, time: bigint | 'now'): void {
  if (time === 'now') {
    xdr.u32(SET_TO_SERVER_TIME4);
    return;
  }
  xdr.u32(SET_TO_CLIENT_TIME4);
  writeTimeNs(xdr, time);
}

/** fattr4 of a SETATTR, CREATE or OPEN. Owners go as numbers, which servers take with AUTH_SYS (RFC 8881 §5.9). */
export function writeSetAttributes(xdr: XdrWriter, set: NfsSetAttributes): void {
  const present: number[] = [];
  if (set.size !== undefined) present.push(ATTRIBUTE.SIZE);
  if (set.mode !== undefined) present.push(ATTRIBUTE.MODE);
  if (set.uid !== undefined) present.push(ATTRIBUTE.OWNER);
  if (set.gid !== undefined) present.push(ATTRIBUTE.OWNER_GROUP);
  if (set.atimeNs !== undefined) present.push(ATTRIBUTE.TIME_ACCESS_SET);
  if (set.mtimeNs !== undefined) present.push(ATTRIBUTE.TIME_MODIFY_SET);
  writeBitmap(xdr, bitmapOf(...present));
  const lengthAt = xdr.reserveU32();
  const from = xdr.length;
  // In the order of their numbers.
  if (set.size !== undefined) xdr.u64(set.size);
  if (set.mode !== undefined) xdr.u32(set.mode);
  if (set.uid !== undefined) xdr.string(String(set.uid));
  if (set.gid !== undefined) xdr.string(String(set.gid));
  if (set.atimeNs !== undefined) writeTime(xdr, set.atimeNs);
  if (set.mtimeNs !== undefined) writeTime(xdr, set.mtimeNs);
  xdr.patchU32(lengthAt, xdr.length - from);
}

/** fattr4 that says nothing but the type: what VERIFY and NVERIFY compare. */
export function writeTypeAttribute(xdr: XdrWriter, type: number): void {
  writeBitmap(xdr, bitmapOf(ATTRIBUTE.TYPE));
  xdr.u32(4);
  xdr.u32(type);
}
