// Questions that change a directory, none of which may be repeated blindly.
import { type Looker, lookDirectory, lookLinked, lookRemoved, lookRenamed, lookSymlink } from '../looks.js';
import type { FileHandle, NfsObject } from '../protocol.js';
import { STATUS } from '../status.js';
import type { Asker } from './asker.js';
import { skipConsistency, skipOptionalAttributes, writeSettable } from './attributes.js';
import { askOnce } from './careful.js';
import { PROCEDURE } from './constants.js';
import type { Directories } from './directory.js';
import { getAttributes, readLink } from './files.js';
import { asked, complete, find, lookup, readMade, writeName } from './objects.js';

/** Of links nobody asks the mode; servers want one. */
const LINK_MODE = 0o777;

export class Names {
  readonly #asker: Asker;
  readonly #looker: Looker;

  constructor(asker: Asker, directories: Directories) {
    this.#asker = asker;
    this.#looker = {
      server: asker.server,
      find: (directory, name) => find(asker, directory, name),
      attributes: (handle) => getAttributes(asker, handle),
      readLink: (handle) => readLink(asker, handle),
      readDirectory: (directory, cookie, verifier, bytes) => directories.read(directory, cookie, verifier, bytes),
    };
  }

  remove(directory: FileHandle, name: string): Promise<void> {
    return this.#remove(PROCEDURE.REMOVE, asked('REMOVE', name), directory, name);
  }

  removeDirectory(directory: FileHandle, name: string): Promise<void> {
    return this.#remove(PROCEDURE.RMDIR, asked('RMDIR', name), directory, name);
  }

  async #remove(procedure: number, what: string, directory: FileHandle, name: string): Promise<void> {
    await askOnce(this.#asker, {
      question: { procedure, what, encode: (xdr) => writeName(xdr, directory, name), decode: skipConsistency },
      result: () => true,
      look: () => lookRemoved(this.#looker, directory, name),
      repeated: STATUS.NOENT,
    });
  }

  async link(handle: FileHandle, directory: FileHandle, name: string): Promise<void> {
    await askOnce(this.#asker, {
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
      look: () => lookLinked(this.#looker, handle, directory, name),
      repeated: STATUS.EXIST,
    });
  }

  symlink(directory: FileHandle, name: string, to: string): Promise<NfsObject> {
    const asker = this.#asker;
    return askOnce(asker, {
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
      look: () => lookSymlink(this.#looker, directory, name, to),
      repeated: STATUS.EXIST,
    });
  }

  makeDirectory(directory: FileHandle, name: string, mode: number): Promise<NfsObject> {
    const asker = this.#asker;
    return askOnce(asker, {
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
      look: () => lookDirectory(this.#looker, directory, name, mode),
      repeated: STATUS.EXIST,
    });
  }

  /** The file's id is asked for before: it tells afterwards where the file is. */
  async rename(from: FileHandle, fromName: string, to: FileHandle, toName: string): Promise<void> {
    const what = `${asked('RENAME', fromName)} to ${JSON.stringify(toName)}`;
    const { attributes: source } = await lookup(this.#asker, from, fromName);
    await askOnce(this.#asker, {
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
      look: () => lookRenamed(this.#looker, { from, fromName, to, toName, source, what }),
      repeated: STATUS.NOENT,
    });
  }
}
