// Operations that change directories. Once a slot's answer is kept they are done exactly once; beyond that a look decides.

import { askCarefully } from '../careful.js';
import { type Looker, lookDirectory, lookLinked, lookRemoved, lookRenamed, lookSymlink } from '../looks.js';
import type { FileHandle, NfsObject } from '../protocol.js';
import { systemError } from '../rpc/rejections.js';
import type { XdrWriter } from '../xdr/writer.js';
import { writeSetAttributes, writeTypeAttribute } from './attributes.js';
import { readBitmap } from './bitmap.js';
import { StatusError } from './compound.js';
import { NF4DIR, NF4LNK, OP, STATUS } from './constants.js';
import { readDirectory } from './directory.js';
import type { Dispatcher } from './dispatcher.js';
import type { Files } from './files.js';
import { AnswerLost, type Operation } from './operation-call.js';
import { quoted } from './quoted.js';
import { getObject, lookUp, putHandle, readObject, skipChangeInfo } from './wire.js';

const LINK_MODE = 0o777;

/** Void operations answer `true`, since null says that the answer is lost. */
interface Change<T> {
  readonly operation: Operation<T>;
  look(): Promise<T | null>;
  /** What a second sending is answered if the first was carried out after all, later than we looked. */
  readonly repeated: number;
  /** As the caller knows it. */
  told?(error: unknown): unknown;
}

export class Changes {
  readonly #dispatcher: Dispatcher;
  readonly #files: Files;
  readonly #looker: Looker;

  constructor(dispatcher: Dispatcher, files: Files) {
    this.#dispatcher = dispatcher;
    this.#files = files;
    this.#looker = {
      server: dispatcher.server,
      find: (directory, name) => files.find(directory, name),
      attributes: (handle) => files.attributes(handle),
      readLink: (handle) => files.readLink(handle),
      readDirectory: (directory, cookie, verifier, bytes) =>
        readDirectory(dispatcher, files.owners, directory, { cookie, verifier }, bytes),
    };
  }

  #change<T>({ operation, look, repeated, told = (error) => error }: Change<T>): Promise<T> {
    const { what } = operation;
    const { timeoutMs, server } = this.#dispatcher;
    return askCarefully<T, T>({
      ask: () => this.#ask(operation),
      result: (results) => results,
      look,
      isEcho: (refusal, isRepeated) =>
        // `mayHaveRun`: it was carried out, and what stands behind it in the compound was refused.
        refusal instanceof StatusError && (refusal.mayHaveRun || (isRepeated && refusal.status === repeated)),
      told: (refusal) => this.#dispatcher.told(told(refusal), what),
      timeoutMs,
      late: () => systemError('ETIMEDOUT', `${server}: ${what}: answers were lost for ${timeoutMs / 1000} s`),
    });
  }

  async #ask<T>(operation: Operation<T>): Promise<T | null> {
    try {
      return await this.#dispatcher.run({ ...operation, repeatable: false });
    } catch (error) {
      if (error instanceof AnswerLost) return null;
      throw error;
    }
  }

  remove(directory: FileHandle, name: string): Promise<void> {
    return this.#remove(directory, name, 'file');
  }

  removeDirectory(directory: FileHandle, name: string): Promise<void> {
    return this.#remove(directory, name, 'directory');
  }

  /** REMOVE takes either: in the same compound the type is compared first. */
  async #remove(directory: FileHandle, name: string, type: 'file' | 'directory'): Promise<void> {
    const compare = type === 'file' ? OP.NVERIFY : OP.VERIFY;
    const operation: Operation<true> = {
      what: `REMOVE ${quoted(name)}`,
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
        return true;
      },
    };
    const look = (): Promise<true | null> => lookRemoved(this.#looker, directory, name);
    await this.#change({ operation, look, repeated: STATUS.NOENT, told: typeError });
  }

  /** The source's file id is asked for first: it tells afterwards where the file is. */
  async rename(from: FileHandle, fromName: string, to: FileHandle, toName: string): Promise<void> {
    const what = `RENAME ${quoted(fromName)} to ${quoted(toName)}`;
    const { attributes: source } = await this.#files.lookup(from, fromName);
    const renaming = { from, fromName, to, toName, source, what };
    const operation = renameOperation(from, fromName, to, toName, what);
    const look = (): Promise<true | null> => lookRenamed(this.#looker, renaming);
    await this.#change({ operation, look, repeated: STATUS.NOENT });
  }

  async link(handle: FileHandle, directory: FileHandle, name: string): Promise<void> {
    const operation = linkOperation(handle, directory, name);
    const look = (): Promise<true | null> => lookLinked(this.#looker, handle, directory, name);
    await this.#change({ operation, look, repeated: STATUS.EXIST });
  }

  symlink(directory: FileHandle, name: string, to: string): Promise<NfsObject> {
    const arm = (xdr: XdrWriter): void => {
      xdr.u32(NF4LNK);
      xdr.string(to);
    };
    const operation = this.#create(`SYMLINK ${quoted(name)}`, directory, name, LINK_MODE, arm);
    const look = (): Promise<NfsObject | null> => lookSymlink(this.#looker, directory, name, to);
    return this.#change({ operation, look, repeated: STATUS.EXIST });
  }

  makeDirectory(directory: FileHandle, name: string, mode: number): Promise<NfsObject> {
    const arm = (xdr: XdrWriter): void => xdr.u32(NF4DIR);
    const operation = this.#create(`MKDIR ${quoted(name)}`, directory, name, mode, arm);
    const look = (): Promise<NfsObject | null> => lookDirectory(this.#looker, directory, name, mode);
    return this.#change({ operation, look, repeated: STATUS.EXIST });
  }

  /** `arm`: of createtype4. */
  #create(
    what: string,
    directory: FileHandle,
    name: string,
    mode: number,
    arm: (xdr: XdrWriter) => void,
  ): Operation<NfsObject> {
    const { owners } = this.#files;
    return {
      what,
      operations: 4,
      effect: OP.CREATE,
      encode(xdr) {
        putHandle(xdr, directory);
        xdr.u32(OP.CREATE);
        arm(xdr);
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
  }
}

/** VERIFY and NVERIFY answer with statuses of their own. */
function typeError(error: unknown): unknown {
  if (!(error instanceof StatusError)) return error;
  const { status, operation, mayHaveRun } = error;
  if (status === STATUS.SAME) return new StatusError(STATUS.ISDIR, operation, mayHaveRun);
  return status === STATUS.NOT_SAME ? new StatusError(STATUS.NOTDIR, operation, mayHaveRun) : error;
}

function renameOperation(
  from: FileHandle,
  fromName: string,
  to: FileHandle,
  toName: string,
  what: string,
): Operation<true> {
  return {
    what,
    operations: 4,
    effect: OP.RENAME,
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
      return true;
    },
  };
}

function linkOperation(handle: FileHandle, directory: FileHandle, name: string): Operation<true> {
  return {
    what: `LINK ${quoted(name)}`,
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
      return true;
    },
  };
}
