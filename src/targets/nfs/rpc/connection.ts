// One connection to the server, from its making to its first error: queued calls out, answers to their calls.
import type { DioriteError } from '../../../base/errors.js';
import { turnIsUsedUp } from '../../../transfer/turn.js';
import {
  type Address,
  addressName,
  type MakeTransport,
  type Transport,
  type TransportUser,
} from '../../net/transport.js';
import { XdrError, XdrReader } from '../xdr/reader.js';
import { XdrWriter } from '../xdr/writer.js';
import { CallHeader, PROC_UNAVAIL, ReplyHeader, SUCCESS, writeAccepted } from './message.js';
import type { CallQueue, PendingCall, PendingCalls } from './pending.js';
import { type Inbox, Receiver } from './receiver.js';
import { beginRecord, endRecord } from './record.js';
import { nonsense, rejection, systemError } from './rejections.js';
import { type Outbox, Sender } from './sender.js';
import { foreign } from './stranger.js';

/** The first that everybody may have: ip_unprivileged_port_start in ip-sysctl.rst, as it is by default. */
const UNPRIVILEGED_PORT = 1024;

/** Carries out a call of the server's (v4's backchannel), writes its results, and gives the accept_stat. */
export type ServeCall = (call: CallHeader, args: XdrReader, results: XdrWriter) => number;

/** What a connection is made for: what outlives it. */
export interface ConnectionOwner {
  readonly pending: PendingCalls;
  readonly queue: CallQueue;
  readonly credentials: Uint8Array;
  readonly staging: Uint8Array;
  readonly onCall: ServeCall | undefined;
  connected(connection: Connection): void;
  /** Bytes came or went. */
  active(): void;
  /** A call is done with: `answered`, by the server. */
  settled(answered: boolean): void;
  /** It ended by itself: not after `destroy`. */
  lost(connection: Connection, error: DioriteError): void;
}

/** An answer that came while its call's own bytes were still being sent. */
interface EarlyReply {
  readonly pending: PendingCall;
  readonly message: Uint8Array;
  readonly payloadBytes: number;
}

export class Connection {
  readonly #owner: ConnectionOwner;
  readonly #name: string;
  readonly #transport: Transport;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #reader: XdrReader = new XdrReader();
  readonly #reply: ReplyHeader = new ReplyHeader();
  #early: EarlyReply | null = null;
  #connected = false;
  #heard = false;
  #ended = false;
  #flushing = false;
  readonly #flush: () => void = () => {
    this.#flushing = false;
    if (this.#connected && !this.#ended) this.#sender.flush();
  };

  constructor(owner: ConnectionOwner, address: Address, make: MakeTransport) {
    this.#owner = owner;
    this.#name = addressName(address);
    this.#receiver = new Receiver(this.#inbox(), owner.staging);
    this.#transport = make(address, this.#user());
    owner.pending.directBytes = this.#transport.directBytes;
    this.#sender = new Sender(this.#outbox(), this.#transport);
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Asked now and then: whether bytes move that were not told by `active`. */
  get moved(): boolean {
    return this.#transport.moved?.() === true;
  }

  get localPort(): number | null {
    return this.#transport.localPort;
  }

  #user(): TransportUser {
    return {
      connected: () => {
        this.#connected = true;
        this.#owner.connected(this);
      },
      nextBuffer: () => this.#receiver.nextBuffer(),
      nextPieces: (pieces) => this.#receiver.nextPieces(pieces),
      received: (bytes, copiedBytes) => {
        this.#owner.active();
        this.#received(bytes, copiedBytes);
        return !turnIsUsedUp(true);
      },
      sent: () => {
        this.#owner.active();
        this.#sent();
      },
      closed: (error) => this.#lose(error),
    };
  }

  #outbox(): Outbox {
    const { queue, credentials } = this.#owner;
    return {
      queue,
      credentials,
      unsendable: (pending, error) => {
        const unsent = pending.sends === 0;
        this.#owner.pending.remove(pending)?.failed(error, unsent);
        this.#owner.settled(false);
      },
    };
  }

  #inbox(): Inbox {
    const { pending } = this.#owner;
    return {
      waitingFor: (xid) => pending.byXid(xid),
      dropped: (call) => {
        pending.drop(call, true);
        this.#owner.settled(true);
      },
      replied: (call, message, bytes, payloadBytes) => this.#replied(call, message, bytes, payloadBytes),
      failed: (call, error) => this.#refused(call, error),
      called: (message, bytes) => this.#called(message, bytes),
      get sinkBytesMax() {
        return pending.sinkBytesMax;
      },
      get sinks() {
        return pending.sinks;
      },
      get directs() {
        return pending.directs;
      },
      get directBytes() {
        return pending.directBytes;
      },
    };
  }

  /** Calls in the queue leave at the end of this turn of the event loop: those of one turn in few batches. */
  kick(): void {
    if (this.#flushing || !this.#connected) return;
    this.#flushing = true;
    queueMicrotask(this.#flush);
  }

  /** It is in the middle of this call's bytes. */
  isAt(pending: PendingCall): boolean {
    return this.#sender.isAt(pending) || this.#receiver.isAt(pending);
  }

  keepAlive(keep: boolean): void {
    this.#transport.keepAlive(keep);
  }

  /**
   * No memory is touched any more when this returns. An answer that was already there is given to its call. It is reset
   * where the server may still be at work for it, and where it has one of the few ports below 1024: the kernel would keep
   * that from us for another minute (TIME_WAIT).
   */
  destroy(then?: () => void): void {
    this.#ended = true;
    this.#receiver.stop();
    const { localPort } = this.#transport;
    this.#transport.destroy(
      this.#owner.pending.size > 0 || (localPort !== null && localPort < UNPRIVILEGED_PORT),
      then,
    );
    this.#deliverEarly();
  }

  #lose(error: DioriteError): void {
    if (this.#ended) return;
    this.destroy();
    this.#owner.lost(this, error);
  }

  #received(bytes: number, copiedBytes: number): void {
    const isFirst = !this.#heard;
    this.#heard = true;
    try {
      this.#receiver.received(bytes, copiedBytes);
    } catch (error) {
      // Where the next record begins is not known any more, whatever the error.
      if (!(error instanceof XdrError)) {
        this.#lose(systemError('EIO', 'a callback threw', error));
        throw error;
      }
      const said = isFirst ? foreign(this.#name, this.#owner.staging.subarray(0, bytes)) : null;
      this.#lose(said ?? nonsense(this.#name, error));
    }
  }

  #sent(): void {
    this.#sender.sent();
    this.#deliverEarly();
    if (this.#ended || this.#flushing) return;
    // A server that takes what it gets would be sent everything that waits before anything else has its turn.
    this.#flushing = true;
    if (turnIsUsedUp(true)) setImmediate(this.#flush);
    else this.#flush();
  }

  #replied(pending: PendingCall, message: Uint8Array, bytes: number, payloadBytes: number): void {
    // No honest answer comes before the question's last byte, but one may overtake the news that this has left.
    if (this.#sender.isAt(pending)) this.#early = { pending, message: message.slice(0, bytes), payloadBytes };
    else this.#answer(pending, message, bytes, payloadBytes);
  }

  #deliverEarly(): void {
    const early = this.#early;
    if (early === null) return;
    this.#early = null;
    this.#answer(early.pending, early.message, early.message.length, early.payloadBytes);
  }

  #answer(pending: PendingCall, message: Uint8Array, bytes: number, payloadBytes: number): void {
    const resent = pending.sends > 1;
    const call = this.#owner.pending.remove(pending);
    if (call !== null) {
      const reply = this.#reply;
      try {
        this.#reader.reset(message, 0, bytes);
        reply.read(this.#reader);
        if (reply.successful) call.replied(this.#reader, resent, payloadBytes);
        else call.failed(rejection(this.#name, call, reply), false);
      } catch (error) {
        if (!(error instanceof XdrError)) throw error;
        call.failed(nonsense(this.#name, error), false);
      }
    }
    this.#owner.settled(true);
  }

  /** An answer that cannot be used. */
  #refused(pending: PendingCall, error: DioriteError | XdrError): void {
    const told = error instanceof XdrError ? nonsense(this.#name, error) : error;
    this.#owner.pending.remove(pending)?.failed(told, false);
    this.#owner.settled(true);
  }

  /** The server asks something itself. */
  #called(message: Uint8Array, bytes: number): void {
    const header = new CallHeader();
    const args = new XdrReader();
    args.reset(message, 0, bytes);
    header.read(args);
    const results = new XdrWriter();
    const status = this.#owner.onCall?.(header, args, results) ?? PROC_UNAVAIL;
    const record = new XdrWriter();
    const at = beginRecord(record);
    writeAccepted(record, header.xid, status);
    if (status === SUCCESS) record.fixed(results.bytes);
    endRecord(record, at);
    if (!this.#sender.reply(record.bytes)) throw new XdrError('it asks and takes no answer');
    this.kick();
  }
}
