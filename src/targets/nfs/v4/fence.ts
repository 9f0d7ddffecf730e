// Makes a slot usable again whose request was given up: a bare SEQUENCE under the number that the request had.
import type { RpcCall } from '../rpc/call.js';
import type { XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { readSequence, SequenceResult, writeCompoundHead } from './compound.js';
import { NFS_PROGRAM, NFS_VERSION, PROCEDURE_COMPOUND } from './constants.js';
import { afterSequence, nextDelayMs } from './decisions.js';
import type { Session } from './session.js';
import { type Sequenced, writeSequence } from './session-call.js';

export interface FenceHandler {
  readonly minorVersion: number;
  /** Whether the session is still in use: a fence of another is pointless. */
  isCurrent(session: Session): boolean;
  send(call: RpcCall): void;
  sessionLost(session: Session, status: number): void;
  /** A slot has become free. */
  slotFreed(): void;
}

/**
 * Whichever of the two the server takes first, the other is answered as its repetition: when this one is answered, the
 * request was carried out or never will be.
 */
export class Fence implements RpcCall, Sequenced {
  readonly program: number = NFS_PROGRAM;
  readonly version: number = NFS_VERSION;
  readonly procedure: number = PROCEDURE_COMPOUND;
  readonly sink = null;
  readonly session: Session;
  readonly slot: number;
  readonly sequence: number;
  readonly highestSlot: number;
  readonly cached = false;
  readonly #handler: FenceHandler;
  readonly #result: SequenceResult = new SequenceResult();
  #delayMs = 0;

  constructor(handler: FenceHandler, session: Session, slot: number) {
    this.#handler = handler;
    this.session = session;
    this.slot = slot;
    this.sequence = session.slots.sequenceOf(slot);
    this.highestSlot = session.slots.highestUsed();
  }

  encode(xdr: XdrWriter): void {
    writeCompoundHead(xdr, this.#handler.minorVersion, 1);
    writeSequence(xdr, this);
  }

  replied(xdr: XdrReader): void {
    readSequence(xdr, this.session.id, this.#result);
    const { status } = this.#result;
    switch (afterSequence(status)) {
      case 'done':
      case 'answered-before':
        this.session.slots.fenced(this.slot);
        this.#handler.slotFreed();
        return;
      case 'again':
        this.#later();
        return;
      default:
        this.#handler.sessionLost(this.session, status);
    }
  }

  failed(): void {
    this.#later();
  }

  /** Nobody waits for it: it keeps no process alive. */
  #later(): void {
    this.#delayMs = nextDelayMs(this.#delayMs, 'delay');
    setTimeout(() => {
      if (this.#handler.isCurrent(this.session)) this.#handler.send(this);
    }, this.#delayMs).unref();
  }
}
