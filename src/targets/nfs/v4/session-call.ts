// A compound that goes through a slot of the session: SEQUENCE, then what the kind of call adds.
import { DioriteError } from '../../../base/errors.js';
import type { ReplySink, RpcCall } from '../rpc/call.js';
import type { XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { type StatusError, writeCompoundHead } from './compound.js';
import { NFS_PROGRAM, NFS_VERSION, OP, PROCEDURE_COMPOUND } from './constants.js';
import type { OpenFile } from './open-file.js';
import type { Session } from './session.js';

/** Who goes first when slots are few: what recovery needs, what somebody awaits, then reads and writes. */
export type Lane = 'recovery' | 'operation' | 'data';

/** What a call tells whoever sends it. */
export interface CallHandler {
  readonly minorVersion: number;
  /** What the server refused, as the caller is told. */
  named(error: StatusError, what: string): DioriteError;
  replied(call: SessionCall, xdr: XdrReader, resent: boolean, payloadBytes: number): void;
  failed(call: SessionCall, error: DioriteError, unsent: boolean): void;
}

export abstract class SessionCall implements RpcCall {
  readonly program: number = NFS_PROGRAM;
  readonly version: number = NFS_VERSION;
  readonly procedure: number = PROCEDURE_COMPOUND;

  // Where it is, by the dispatcher's hand.
  /** In whose slot it is or was last. */
  session: Session | null = null;
  /** −1: it holds none. */
  slot = -1;
  sequence = 0;
  highestSlot = 0;
  /** The client id, in a row, that it was last sent under, and that its file's state was of. */
  epoch = 0;
  fileEpoch = 0;
  /** Of performance.now(); infinite: hard. */
  deadlineMs = 0;
  /** The last pause; 0: none yet. */
  delayMs = 0;
  /** Its pause's timer, while it waits to be sent again. */
  timer: NodeJS.Timeout | null = null;
  /** Ends it at its deadline, where it was sent anew and the connection counts from then on. */
  limit: NodeJS.Timeout | null = null;
  isLate = false;
  isAbandoned = false;
  /** The connection was told to give it up, and tells what becomes of it. */
  isWithdrawn = false;
  /** How often the state of its file was looked at for its sake. */
  stateChecks = 0;
  /** Since it got its slot it was sent more than once. */
  resent = false;
  /** It may have had its effect already. */
  mayHaveRun = false;

  protected readonly handler: CallHandler;

  constructor(handler: CallHandler) {
    this.handler = handler;
  }

  /** It holds this slot from now on. `epoch`: of the client id. */
  take(session: Session, slot: number, epoch: number): void {
    this.session = session;
    this.slot = slot;
    this.sequence = session.slots.sequenceOf(slot);
    this.highestSlot = session.slots.highestUsed();
    this.epoch = epoch;
    this.fileEpoch = this.file?.epoch ?? 0;
    this.resent = false;
  }

  abstract readonly lane: Lane;
  abstract readonly sink: ReplySink | null;
  /** For messages: `READ`, `OPEN name`. */
  abstract readonly what: string;
  /** How many operations follow SEQUENCE. */
  abstract readonly operations: number;
  /** The server keeps its answer: what changes something must not be carried out twice. */
  abstract readonly cached: boolean;
  /** False: once it may have had its effect it is not sent anew, but settled by who asked. */
  abstract readonly repeatable: boolean;
  /** The open file whose state it shows. */
  abstract readonly file: OpenFile | null;
  abstract encodeOperations(xdr: XdrWriter): void;
  /** Reads the `count` results behind SEQUENCE's and settles it; a StatusError thrown leaves it unsettled. */
  abstract complete(xdr: XdrReader, count: number, payloadBytes: number): void;
  /** Settles it: the server refused it for good. */
  abstract refuse(error: StatusError): void;
  /** Settles it: no answer will come. */
  abstract giveUp(error: DioriteError, unsent: boolean): void;
  /** Settles one that is not repeatable: it may have had its effect, and the answer is lost. */
  abstract answerLost(): void;

  encode(xdr: XdrWriter): void {
    writeCompoundHead(xdr, this.handler.minorVersion, this.operations + 1);
    writeSequence(xdr, this);
    this.encodeOperations(xdr);
  }

  replied(xdr: XdrReader, resent: boolean, payloadBytes: number): void {
    this.handler.replied(this, xdr, resent, payloadBytes);
  }

  failed(error: DioriteError, unsent: boolean): void {
    this.handler.failed(this, error, unsent);
  }

  /** Before it is submitted for the first time, or again for something else. */
  protected renew(): void {
    this.session = null;
    this.slot = -1;
    this.delayMs = 0;
    this.isLate = false;
    this.isAbandoned = false;
    this.isWithdrawn = false;
    this.stateChecks = 0;
    this.resent = false;
    this.mayHaveRun = false;
  }
}

/** An error of its own for each call: one reason may end many, and each has effects of its own. */
export function forCall(error: DioriteError, what: string): DioriteError {
  const { message, code, errno } = error;
  return new DioriteError(`${message} (${what})`, { code, errno, cause: error });
}

export interface Sequenced {
  readonly session: Session | null;
  readonly slot: number;
  readonly sequence: number;
  readonly highestSlot: number;
  readonly cached: boolean;
}

const NO_SESSION = new Uint8Array(16);

export function writeSequence(xdr: XdrWriter, { session, slot, sequence, highestSlot, cached }: Sequenced): void {
  xdr.u32(OP.SEQUENCE);
  xdr.fixed(session?.id ?? NO_SESSION);
  xdr.u32(sequence);
  xdr.u32(slot);
  xdr.u32(highestSlot);
  xdr.bool(cached);
}
