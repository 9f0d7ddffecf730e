// Operations that change directories. Once a slot's answer is kept they are done exactly once; beyond that file ids tell.

import type { FileHandle, NfsAttributes, NfsObject } from '../protocol.js';
import { systemError } from '../rpc/rejections.js';
import type { XdrWriter } from '../xdr/writer.js';
import { writeSetAttributes, writeTypeAttribute } from './attributes.js';
import { readBitmap } from './bitmap.js';
import { StatusError } from './compound.js';
import { NF4DIR, NF4LNK, OP, STATUS } from './constants.js';
import type { Dispatcher } from './dispatcher.js';
import type { Files } from './files.js';
import { AnswerLost, type Operation } from './operation-call.js';
import { quoted } from './quoted.js';
import { getObject, lookUp, putHandle, readObject, skipChangeInfo } from './wire.js';

const LINK_MODE = 0o777;
/** A rename is settled and sent again at most so often: a server that ends each time is not to be had. */
const RENAME_TRIES_MAX = 8;

/** The ids of one object; NFSv4 has no other way to tell whether two handles are one file (RFC 8881 §10.3.4). */
function isSame(a: NfsAttributes, b: NfsAttributes): boolean {
  return a.fileId === b.fileId && a.fsid === b.fsid;
}

function isStatus(error: unknown, status: number): error is StatusError {
  return error instanceof StatusError && error.status === status;
}

export class Changes {
  readonly #dispatcher: Dispatcher;
  readonly #files: Files;

  constructor(dispatcher: Dispatcher, files: Files) {
    this.#dispatcher = dispatcher;
    this.#files = files;
  }

  remove(directory: FileHandle, name: string): Promise<void> {
    return this.#remove(directory, name, 'file');
  }

  removeDirectory(directory: FileHandle, name: string): Promise<void> {
    return this.#remove(directory, name, 'directory');
  }

  /** REMOVE takes either: in the same compound the type is compared first. */
  async #remove(directory: FileHandle, name: string, type: 'file' | 'directory'): Promise<void> {
    const what = `REMOVE ${quoted(name)}`;
    const compare = type === 'file' ? OP.NVERIFY : OP.VERIFY;
    const operation: Operation<void> = {
      what,
      operations: 5,
      effect: OP.REMOVE,
      encode(xdr) {
        putHandle(xdr, directory);
        lookUp(xdr, name);
        xdr.u32(compare);
        writeTypeAttribute(xdr, NF4DIR);
        putHandle(xdr, directory);
        xdr.u32(OP.REMOVE);
        xdr.string(name);
      },
      decode(reader) {
        reader.next(OP.PUTFH).next(OP.LOOKUP).next(compare).next(OP.PUTFH);
        skipChangeInfo(reader.next(OP.REMOVE).xdr);
      },
    };
    try {
      await this.#dispatcher.run(operation);
    } catch (error) {
      // An earlier copy of this very call may have been carried out by a server that has ended since.
      if (isStatus(error, STATUS.NOENT) && error.mayHaveRun) return;
      throw this.#dispatcher.told(typeError(error), what);
    }
  }

  /**
   * The source's file id is asked for first: where the answer is lost with the server's session, it tells whether the
   * file has arrived, and nothing is repeated blindly.
   */
  async rename(from: FileHandle, fromName: string, to: FileHandle, toName: string): Promise<void> {
    const what = `RENAME ${quoted(fromName)} to ${quoted(toName)}`;
    const { attributes: source } = await this.#files.lookup(from, fromName);
    for (let tries = 0; tries < RENAME_TRIES_MAX; tries++) {
      try {
        return await this.#dispatcher.run(renameOperation(from, fromName, to, toName, what));
      } catch (error) {
        if (!(error instanceof AnswerLost)) throw this.#dispatcher.told(error, what);
      }
      const arrived = await this.#files.find(to, toName);
      if (arrived !== null && isSame(arrived.attributes, source)) return;
      const left = await this.#files.find(from, fromName);
      if (left === null || !isSame(left.attributes, source)) break;
    }
    throw systemError('EIO', `${this.#dispatcher.server}: ${what}: the answer is lost, and neither name has the file`);
  }

  /** Where the answer was lost, a name that exists and is this very file is the link that was made. */
  async link(handle: FileHandle, directory: FileHandle, name: string): Promise<void> {
    const what = `LINK ${quoted(name)}`;
    try {
      await this.#dispatcher.run(linkOperation(handle, directory, name, what));
    } catch (error) {
      if (isStatus(error, STATUS.EXIST) && error.mayHaveRun) {
        const [made, file] = await Promise.all([this.#files.find(directory, name), this.#files.attributes(handle)]);
        if (made !== null && isSame(made.attributes, file)) return;
      }
      throw this.#dispatcher.told(error, what);
    }
  }

  async symlink(directory: FileHandle, name: string, to: string): Promise<NfsObject> {
    const arm = (xdr: XdrWriter): void => {
      xdr.u32(NF4LNK);
      xdr.string(to);
    };
    const isMade = async (object: NfsObject): Promise<boolean> =>
      object.attributes.type === 'symlink' && (await this.#files.readLink(object.handle)) === to;
    return this.#create(directory, name, LINK_MODE, { what: `SYMLINK ${quoted(name)}`, arm, isMade });
  }

  makeDirectory(directory: FileHandle, name: string, mode: number): Promise<NfsObject> {
    const arm = (xdr: XdrWriter): void => xdr.u32(NF4DIR);
    const isMade = async (object: NfsObject): Promise<boolean> => object.attributes.type === 'directory';
    return this.#create(directory, name, mode, { what: `MKDIR ${quoted(name)}`, arm, isMade });
  }

  /** `arm`: of createtype4. `isMade`: what is there under the name could be what a lost answer was about. */
  async #create(
    directory: FileHandle,
    name: string,
    mode: number,
    kind: {
      readonly what: string;
      arm(xdr: XdrWriter): void;
      isMade(object: NfsObject): Promise<boolean>;
    },
  ): Promise<NfsObject> {
    const { owners } = this.#files;
    const operation: Operation<NfsObject> = {
      what: kind.what,
      operations: 4,
      effect: OP.CREATE,
      encode(xdr) {
        putHandle(xdr, directory);
        xdr.u32(OP.CREATE);
        kind.arm(xdr);
        xdr.string(name);
        writeSetAttributes(xdr, { mode });
        getObject(xdr);
      },
      decode(reader) {
        const { xdr } = reader.next(OP.PUTFH).next(OP.CREATE);
        skipChangeInfo(xdr);
        readBitmap(xdr);
        return readObject(reader, owners);
      },
    };
    try {
      return await this.#dispatcher.run(operation);
    } catch (error) {
      if (error instanceof StatusError && error.mayHaveRun) {
        const object = await this.#files.find(directory, name);
        if (object !== null && (await kind.isMade(object))) return object;
      }
      throw this.#dispatcher.told(error, kind.what);
    }
  }
}

/** VERIFY and NVERIFY answer with statuses of their own. */
function typeError(error: unknown): unknown {
  if (isStatus(error, STATUS.SAME)) return new StatusError(STATUS.ISDIR, error.operation, error.mayHaveRun);
  if (isStatus(error, STATUS.NOT_SAME)) return new StatusError(STATUS.NOTDIR, error.operation, error.mayHaveRun);
  return error;
}

function renameOperation(
  from: FileHandle,
  fromName: string,
  to: FileHandle,
  toName: string,
  what: string,
): Operation<void> {
  return {
    what,
    operations: 4,
    effect: OP.RENAME,
    repeatable: false,
    encode(xdr) {
      putHandle(xdr, from);
      xdr.u32(OP.SAVEFH);
      putHandle(xdr, to);
      xdr.u32(OP.RENAME);
      xdr.string(fromName);
      xdr.string(toName);
    },
    decode(reader) {
      const { xdr } = reader.next(OP.PUTFH).next(OP.SAVEFH).next(OP.PUTFH).next(OP.RENAME);
      skipChangeInfo(xdr);
      skipChangeInfo(xdr);
    },
  };
}

function linkOperation(handle: FileHandle, directory: FileHandle, name: string, what: string): Operation<void> {
  return {
    what,
    operations: 4,
    effect: OP.LINK,
    encode(xdr) {
      putHandle(xdr, handle);
      xdr.u32(OP.SAVEFH);
      putHandle(xdr, directory);
      xdr.u32(OP.LINK);
      xdr.string(name);
    },
    decode(reader) {
      const { xdr } = reader.next(OP.PUTFH).next(OP.SAVEFH).next(OP.PUTFH).next(OP.LINK);
      skipChangeInfo(xdr);
    },
  };
}
