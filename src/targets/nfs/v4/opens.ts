// OPEN and CLOSE, and the files that are open on the server: what a restart takes away and recovery takes back.
import { randomBytes } from 'node:crypto';
import type { FileHandle, NfsObject, NfsOpened, NfsOpenOptions } from '../protocol.js';
import { hasBit } from './bitmap.js';
import { StatusError } from './compound.js';
import { ATTRIBUTE, OP, STATUS, VERIFIER_BYTES } from './constants.js';
import type { Dispatcher } from './dispatcher.js';
import type { Files } from './files.js';
import type { Lease } from './lease.js';
import { OpenFile } from './open-file.js';
import { type OpenHow, type OpenResult, readOpen, writeOpen } from './open-wire.js';
import type { Operation } from './operation-call.js';
import { quoted } from './quoted.js';
import type { Stateid } from './stateid.js';
import { getObject, putHandle, readObject } from './wire.js';

/** As open(2) with a umask of 0: the umask is the caller's affair. */
const MODE_DEFAULT = 0o666;
const OWNER_BYTES = 8;

interface Answer {
  readonly result: OpenResult;
  readonly object: NfsObject;
  readonly epoch: number;
}

function howOf({ create, mode = MODE_DEFAULT }: NfsOpenOptions): OpenHow {
  if (create === 'exclusive') return { create, mode, verifier: randomBytes(VERIFIER_BYTES) };
  return create === 'unchecked' ? { create, mode } : { create };
}

/** Statuses of a CLOSE that say: it is not open (any more). */
function isClosedAlready({ status }: StatusError): boolean {
  return status === STATUS.BAD_STATEID || status === STATUS.STALE_STATEID || status === STATUS.EXPIRED;
}

export interface OpensOptions {
  readonly dispatcher: Dispatcher;
  readonly files: Files;
  readonly openFiles: Set<OpenFile>;
  readonly lease: Lease;
  /** Of now: a restart of the server gives another. */
  readonly clientId: () => bigint;
}

export class Opens {
  readonly #options: OpensOptions;
  readonly #dispatcher: Dispatcher;
  #owners = 0n;

  constructor(options: OpensOptions) {
    this.#options = options;
    this.#dispatcher = options.dispatcher;
  }

  async open(directory: FileHandle, name: string, options: NfsOpenOptions): Promise<NfsOpened> {
    const owner = this.#nextOwner();
    const how = howOf(options);
    const what = `OPEN ${quoted(name)}`;
    let answer: Answer;
    try {
      answer = await this.#dispatcher.run(this.#operation({ directory, name, options, owner, how, what }));
    } catch (error) {
      throw this.#dispatcher.told(error, what);
    }
    const { result, object, epoch } = answer;
    const { handle, attributes } = object;
    const state = { handle, stateid: result.stateid, epoch, change: attributes.change };
    const file = new OpenFile(state, options, owner, quoted(name));
    this.#options.openFiles.add(file);
    this.#options.lease.start();
    try {
      if (result.delegation !== null) await this.#giveBack(file, result.delegation);
      if (how.create !== 'exclusive') return { file, attributes };
      return { file, attributes: await this.#finishExclusive(file, how.mode, answer) };
    } catch (error) {
      // The reason why is told; that the file could not be closed on top of it is not.
      await this.close(file).catch(() => undefined);
      throw error;
    }
  }

  #operation(open: {
    readonly directory: FileHandle;
    readonly name: string;
    readonly options: NfsOpenOptions;
    readonly owner: Uint8Array;
    readonly how: OpenHow;
    readonly what: string;
  }): Operation<Answer> {
    const { directory, name, options, owner, how, what } = open;
    const { reads, writes } = options;
    return {
      what,
      operations: 4,
      effect: OP.OPEN,
      encode: (xdr) => {
        putHandle(xdr, directory);
        writeOpen(xdr, { clientId: this.#options.clientId(), owner, reads, writes }, how, name);
        getObject(xdr);
      },
      decode: (reader, epoch) => {
        const result = readOpen(reader.next(OP.PUTFH).next(OP.OPEN).xdr);
        return { result, object: readObject(reader, this.#options.files.owners), epoch };
      },
    };
  }

  /** Unlike any other of this client. */
  #nextOwner(): Uint8Array {
    const owner = Buffer.alloc(OWNER_BYTES);
    owner.writeBigUInt64BE(this.#owners++);
    return owner;
  }

  /**
   * The server may have kept the verifier in the file's times (RFC 8881 §18.16.3), and need not have taken the mode:
   * what it did not set as asked is set now.
   */
  async #finishExclusive(file: OpenFile, mode: number, { result, object }: Answer): Promise<NfsObject['attributes']> {
    const set = result.attributesSet;
    const keptInTimes =
      hasBit(set, ATTRIBUTE.TIME_ACCESS_SET) ||
      hasBit(set, ATTRIBUTE.TIME_MODIFY_SET) ||
      hasBit(set, ATTRIBUTE.TIME_ACCESS) ||
      hasBit(set, ATTRIBUTE.TIME_MODIFY);
    const { files } = this.#options;
    if (hasBit(set, ATTRIBUTE.MODE) && !keptInTimes) return object.attributes;
    await files.setAttributes(file.handle, { mode, atimeNs: 'now', mtimeNs: 'now' }, file);
    return files.attributes(file.handle);
  }

  /** None was wanted, and nobody here could answer its recall. */
  #giveBack(file: OpenFile, delegation: Stateid): Promise<void> {
    return this.#dispatcher.ask({
      what: `DELEGRETURN ${file.name}`,
      operations: 2,
      effect: OP.DELEGRETURN,
      encode(xdr) {
        putHandle(xdr, file.handle);
        xdr.u32(OP.DELEGRETURN);
        xdr.fixed(delegation);
      },
      decode: (reader) => {
        reader.next(OP.PUTFH).next(OP.DELEGRETURN);
      },
    });
  }

  /** Whatever comes of it, the file is not open any more afterwards. Rejects where the server says what was lost. */
  async close(file: OpenFile): Promise<void> {
    const { openFiles, lease } = this.#options;
    const what = `CLOSE ${file.name}`;
    file.closing();
    try {
      // Of a lost file the server has nothing left to close; of a silent one its lease will end.
      if (file.isLost || this.#dispatcher.rpc.isSilent) return;
      await this.#dispatcher.run(closeOperation(file, what));
    } catch (error) {
      if (file.isLost || (error instanceof StatusError && error.mayHaveRun && isClosedAlready(error))) return;
      throw this.#dispatcher.told(error, what);
    } finally {
      openFiles.delete(file);
      if (openFiles.size === 0) lease.stop();
    }
  }

  /** Before the client says goodbye. */
  async closeAll(): Promise<void> {
    await Promise.allSettled([...this.#options.openFiles].map((file) => this.close(file)));
  }
}

function closeOperation(file: OpenFile, what: string): Operation<void> {
  return {
    what,
    operations: 2,
    effect: OP.CLOSE,
    file,
    encode(xdr) {
      putHandle(xdr, file.handle);
      xdr.u32(OP.CLOSE);
      // seqid: without a meaning since sessions.
      xdr.u32(0);
      xdr.fixed(file.stateid);
    },
    decode: (reader) => {
      reader.next(OP.PUTFH).next(OP.CLOSE);
    },
  };
}
