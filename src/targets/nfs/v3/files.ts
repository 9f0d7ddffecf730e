// Questions about one object, by its handle: attributes, rights, the text of a link, COMMIT.
import { ACCESS, type FileHandle, type NfsAttributes, type NfsOpenFile, type NfsSetAttributes } from '../protocol.js';
import { systemError } from '../rpc/rejections.js';
import { STATUS } from '../status.js';
import type { Asker } from './asker.js';
import {
  checkTimes,
  readAttributes,
  readOptionalAttributes,
  skipConsistency,
  skipOptionalAttributes,
  skipOptionalAttributesBefore,
  writeSettable,
} from './attributes.js';
import { PATH_BYTES_MAX, PROCEDURE } from './constants.js';

/** RFC 1813 §3.3.21: a count of 0 is everything from the offset on. */
const COMMIT_FROM = 0;
const COMMIT_ALL = 0;

export function getAttributes(asker: Asker, handle: FileHandle): Promise<NfsAttributes> {
  return asker.ask({
    procedure: PROCEDURE.GETATTR,
    what: 'GETATTR',
    encode: (xdr) => xdr.opaque(handle),
    decode: readAttributes,
  });
}

/** Gives the attributes afterwards where the server does. Setting the same twice does no harm. */
export function setAttributes(
  asker: Asker,
  handle: FileHandle,
  set: NfsSetAttributes,
  what = 'SETATTR',
): Promise<{ attributes: NfsAttributes | null }> {
  checkTimes(set);
  return asker.ask({
    procedure: PROCEDURE.SETATTR,
    what,
    encode(xdr) {
      xdr.opaque(handle);
      writeSettable(xdr, set);
      // No guard: sattrguard3.
      xdr.bool(false);
    },
    decode(xdr) {
      skipOptionalAttributesBefore(xdr);
      return { attributes: readOptionalAttributes(xdr) };
    },
  });
}

/** Which of the asked rights the server grants. */
export function askAccess(asker: Asker, handle: FileHandle, asked: number, what = 'ACCESS'): Promise<number> {
  return asker.ask({
    procedure: PROCEDURE.ACCESS,
    what,
    encode(xdr) {
      xdr.opaque(handle);
      xdr.u32(asked);
    },
    decode(xdr) {
      skipOptionalAttributes(xdr);
      return xdr.u32() & asked;
    },
  });
}

/**
 * Whether the file may be read and written, as far as asked. The server judges again at each call, by its own rules: but
 * who may not should learn it when the file is opened.
 */
export async function checkAccess(
  asker: Asker,
  handle: FileHandle,
  { reads, writes }: { readonly reads: boolean; readonly writes: boolean },
  name: string,
): Promise<void> {
  const asked = (reads ? ACCESS.READ : 0) | (writes ? ACCESS.MODIFY | ACCESS.EXTEND : 0);
  if (asked === 0) return;
  const what = `ACCESS ${JSON.stringify(name)}`;
  const refused = asked & ~(await askAccess(asker, handle, asked, what));
  if (refused === 0) return;
  const rights = [
    ...((refused & ACCESS.READ) === 0 ? [] : ['to read']),
    ...(refused > ACCESS.READ ? ['to write'] : []),
  ];
  throw asker.error(STATUS.ACCES, `${what} ${rights.join(' and ')}`);
}

export function readLink(asker: Asker, handle: FileHandle): Promise<string> {
  return asker.ask({
    procedure: PROCEDURE.READLINK,
    what: 'READLINK',
    encode: (xdr) => xdr.opaque(handle),
    decode(xdr) {
      skipOptionalAttributes(xdr);
      return xdr.string(PATH_BYTES_MAX);
    },
  });
}

export function commit(asker: Asker, { handle }: NfsOpenFile): Promise<bigint> {
  return asker.ask({
    procedure: PROCEDURE.COMMIT,
    what: 'COMMIT',
    encode(xdr) {
      xdr.opaque(handle);
      xdr.u64(COMMIT_FROM);
      xdr.u32(COMMIT_ALL);
    },
    decode(xdr) {
      skipConsistency(xdr);
      return xdr.u64();
    },
  });
}

/** What v3 opens is a file: anything else would fail at the first READ, and less clearly. */
export function checkIsFile(server: string, { type }: NfsAttributes, name: string): void {
  const found = NO_FILE[type];
  if (found === undefined) return;
  throw systemError(found.code, `${server}: open ${JSON.stringify(name)}: it is ${found.text}`);
}

/** The codes are those that v4's OPEN has for them. */
const NO_FILE: Readonly<Record<string, { readonly code: string; readonly text: string } | undefined>> = {
  directory: { code: 'EISDIR', text: 'a directory' },
  symlink: { code: 'ELOOP', text: 'a symbolic link' },
  block: { code: 'EINVAL', text: 'a block device' },
  character: { code: 'EINVAL', text: 'a character device' },
  fifo: { code: 'EINVAL', text: 'a fifo' },
  socket: { code: 'EINVAL', text: 'a socket' },
};
