// The single operations that compounds are put together from, and the results that several of them share.
import type { FileHandle, NfsObject } from '../protocol.js';
import type { XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { type AttributeValues, readAttributes, STAT_ATTRIBUTES, toAttributes } from './attributes.js';
import { type Bitmap, writeBitmap } from './bitmap.js';
import type { CompoundReader } from './compound.js';
import { FILE_HANDLE_BYTES_MAX, OP } from './constants.js';
import type { Owners } from './owners.js';

export function putHandle(xdr: XdrWriter, handle: FileHandle): void {
  xdr.u32(OP.PUTFH);
  xdr.opaque(handle);
}

export function lookUp(xdr: XdrWriter, name: string): void {
  xdr.u32(OP.LOOKUP);
  xdr.string(name);
}

export function getAttributes(xdr: XdrWriter, attributes: Bitmap): void {
  xdr.u32(OP.GETATTR);
  writeBitmap(xdr, attributes);
}

/** GETFH and GETATTR: two operations. */
export function getObject(xdr: XdrWriter): void {
  xdr.u32(OP.GETFH);
  getAttributes(xdr, STAT_ATTRIBUTES);
}

/** A copy: it outlives the answer. */
export function readHandle(reader: CompoundReader): FileHandle {
  return reader.next(OP.GETFH).xdr.opaque(FILE_HANDLE_BYTES_MAX).slice();
}

export function readGetAttributes(reader: CompoundReader): AttributeValues {
  return readAttributes(reader.next(OP.GETATTR).xdr);
}

export function readObject(reader: CompoundReader, owners: Owners): NfsObject {
  const handle = readHandle(reader);
  return { handle, attributes: toAttributes(readGetAttributes(reader), owners) };
}

/** change_info4: whether it was atomic, the directory's change counter before and after. Nothing is cached here. */
export function skipChangeInfo(xdr: XdrReader): void {
  xdr.bool();
  xdr.u64();
  xdr.u64();
}
