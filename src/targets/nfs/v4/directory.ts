// READDIR: a part of a directory at a time, each entry with its attributes.

import type { FileHandle, NfsEntries, NfsEntry } from '../protocol.js';
import { systemError } from '../rpc/rejections.js';
import type { XdrReader } from '../xdr/reader.js';
import { ENTRY_ATTRIBUTES, readAttributes, toAttributes } from './attributes.js';
import { writeBitmap } from './bitmap.js';
import { ATTRIBUTE, NAME_BYTES_MAX, OP } from './constants.js';
import type { Dispatcher } from './dispatcher.js';
import type { Owners } from './owners.js';
import { putHandle } from './wire.js';

/** A connection takes messages of so much (MESSAGE_BYTES_MAX of rpc/), with room for their heads. */
const BYTES_MAX = 1024 * 1024;
/** Room for one entry with the longest name and all attributes: else a server answers TOOSMALL. */
const BYTES_MIN = 2 * 1024;

interface Listed {
  readonly entries: NfsEntry[];
  /** Of the last one; where there is none, as it was. */
  readonly cookie: bigint;
}

function readEntries(xdr: XdrReader, owners: Owners, from: bigint): Listed {
  const entries: NfsEntry[] = [];
  let cookie = from;
  while (xdr.bool()) {
    cookie = xdr.u64();
    const name = xdr.string(NAME_BYTES_MAX);
    const values = readAttributes(xdr);
    // An entry whose attributes cannot be had has RDATTR_ERROR in their place.
    const attributes = values.error === 0 && values.has(ATTRIBUTE.TYPE) ? toAttributes(values, owners) : null;
    entries.push({ name, fileId: values.fileId, attributes });
  }
  return { entries, cookie };
}

export async function readDirectory(
  dispatcher: Dispatcher,
  owners: Owners,
  directory: FileHandle,
  from: { readonly cookie: bigint; readonly verifier: bigint },
  bytes: number,
): Promise<NfsEntries> {
  const answerBytes = Math.min(dispatcher.session?.readBytesMax ?? BYTES_MAX, BYTES_MAX);
  const maxBytes = Math.max(Math.min(bytes, answerBytes), BYTES_MIN);
  const part = await dispatcher.ask({
    what: 'READDIR',
    operations: 2,
    encode(xdr) {
      putHandle(xdr, directory);
      xdr.u32(OP.READDIR);
      xdr.u64(from.cookie);
      xdr.u64(from.verifier);
      // dircount, a hint: names and cookies alone; the attributes are most of an entry.
      xdr.u32(maxBytes);
      xdr.u32(maxBytes);
      writeBitmap(xdr, ENTRY_ATTRIBUTES);
    },
    decode(reader) {
      const { xdr } = reader.next(OP.PUTFH).next(OP.READDIR);
      const verifier = xdr.u64();
      const { entries, cookie } = readEntries(xdr, owners, from.cookie);
      return { entries, cookie, verifier, end: xdr.bool() };
    },
  });
  const isStuck = !part.end && (part.entries.length === 0 || part.cookie === from.cookie);
  if (isStuck) throw systemError('EIO', `${dispatcher.server}: READDIR: the answer neither goes on nor ends`);
  return part;
}
