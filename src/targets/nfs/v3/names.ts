// Questions that change a directory, none of which may be repeated blindly.
import type { FileHandle, NfsAttributes, NfsObject } from '../protocol.js';
import { systemError } from '../rpc/rejections.js';
import { STATUS } from '../status.js';
import type { Asker } from './asker.js';
import { skipConsistency, skipOptionalAttributes, writeSettable } from './attributes.js';
import { askCarefully } from './careful.js';
import { PROCEDURE } from './constants.js';
import type { Directories } from './directory.js';
import { getAttributes, readLink } from './files.js';
import { asked, complete, find, isSame, lookup, readMade, writeName } from './objects.js';

/** Of links nobody asks the mode; servers want one. */
const LINK_MODE = 0o777;
/** Of a directory's mode: set-group-ID is handed down by the directory above, whatever was asked. */
const COMPARED_MODE = 0o1777;
/** Enough to see whether a directory is empty. */
const PEEK_BYTES = 1024;

export function remove(asker: Asker, directory: FileHandle, name: string): Promise<void> {
  return removeBy(asker, PROCEDURE.REMOVE, asked('REMOVE', name), directory, name);
}

export function removeDirectory(asker: Asker, directory: FileHandle, name: string): Promise<void> {
  return removeBy(asker, PROCEDURE.RMDIR, asked('RMDIR', name), directory, name);
}

async function removeBy(
  asker: Asker,
  procedure: number,
  what: string,
  directory: FileHandle,
  name: string,
): Promise<void> {
  await askCarefully(asker, {
    question: { procedure, what, encode: (xdr) => writeName(xdr, directory, name), decode: skipConsistency },
    result: () => true,
    seen: async () => ((await find(asker, directory, name)) === null ? true : null),
    repeated: STATUS.NOENT,
  });
}

export async function link(asker: Asker, handle: FileHandle, directory: FileHandle, name: string): Promise<void> {
  await askCarefully(asker, {
    question: {
      procedure: PROCEDURE.LINK,
      what: asked('LINK', name),
      encode(xdr) {
        xdr.opaque(handle);
        writeName(xdr, directory, name);
      },
      decode(xdr) {
        skipOptionalAttributes(xdr);
        skipConsistency(xdr);
      },
    },
    result: () => true,
    async seen() {
      const there = await find(asker, directory, name);
      return there !== null && isSame(there.attributes, await getAttributes(asker, handle)) ? true : null;
    },
    repeated: STATUS.EXIST,
  });
}

export function symlink(asker: Asker, directory: FileHandle, name: string, to: string): Promise<NfsObject> {
  return askCarefully(asker, {
    question: {
      procedure: PROCEDURE.SYMLINK,
      what: asked('SYMLINK', name),
      encode(xdr) {
        writeName(xdr, directory, name);
        writeSettable(xdr, { mode: LINK_MODE });
        xdr.string(to);
      },
      decode: readMade,
    },
    result: (made) => complete(asker, directory, name, made),
    async seen() {
      const there = await find(asker, directory, name);
      if (there?.attributes.type !== 'symlink') return null;
      return (await readLink(asker, there.handle)) === to ? there : null;
    },
    repeated: STATUS.EXIST,
  });
}

export function makeDirectory(
  asker: Asker,
  directories: Directories,
  directory: FileHandle,
  name: string,
  mode: number,
): Promise<NfsObject> {
  return askCarefully(asker, {
    question: {
      procedure: PROCEDURE.MKDIR,
      what: asked('MKDIR', name),
      encode(xdr) {
        writeName(xdr, directory, name);
        writeSettable(xdr, { mode });
      },
      decode: readMade,
    },
    result: (made) => complete(asker, directory, name, made),
    // MKDIR carries no verifier. An empty directory of that mode is what was asked for, whoever made it.
    async seen() {
      const there = await find(asker, directory, name);
      if (there === null || !hasMode(there.attributes, mode)) return null;
      return (await isEmpty(directories, there.handle)) ? there : null;
    },
    repeated: STATUS.EXIST,
  });
}

function hasMode({ type, mode }: NfsAttributes, wanted: number): boolean {
  return type === 'directory' && (mode & COMPARED_MODE) === (wanted & COMPARED_MODE);
}

async function isEmpty(directories: Directories, handle: FileHandle): Promise<boolean> {
  const { entries, end } = await directories.read(handle, 0n, 0n, PEEK_BYTES);
  return end && entries.length === 0;
}

export interface Renaming {
  readonly from: FileHandle;
  readonly fromName: string;
  readonly to: FileHandle;
  readonly toName: string;
}

/** The file's id is asked for before: it tells afterwards where the file is. */
export async function rename(asker: Asker, renaming: Renaming): Promise<void> {
  const { from, fromName, to, toName } = renaming;
  const what = `${asked('RENAME', fromName)} to ${JSON.stringify(toName)}`;
  const { attributes: source } = await lookup(asker, from, fromName);
  await askCarefully(asker, {
    question: {
      procedure: PROCEDURE.RENAME,
      what,
      encode(xdr) {
        writeName(xdr, from, fromName);
        writeName(xdr, to, toName);
      },
      decode(xdr) {
        skipConsistency(xdr);
        skipConsistency(xdr);
      },
    },
    result: () => true,
    seen: () => isRenamed(asker, renaming, source, what),
    repeated: STATUS.NOENT,
  });
}

async function isRenamed(
  asker: Asker,
  { from, fromName, to, toName }: Renaming,
  source: NfsAttributes,
  what: string,
): Promise<true | null> {
  const target = await find(asker, to, toName);
  // Where both are names of one file, RENAME does nothing, as rename(2).
  if (target !== null && isSame(target.attributes, source)) return true;
  const left = await find(asker, from, fromName);
  if (left !== null && isSame(left.attributes, source)) return null;
  const message = `${asker.server}: ${what}: its answer was lost, and the file has neither name any more`;
  throw systemError('EIO', message);
}
