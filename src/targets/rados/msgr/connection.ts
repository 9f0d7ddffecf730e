// One connection to a daemon, from its making to its first error: messages out, replies to their calls.
//
// How it is used (mon/ and osd/ are its users):
//
//      const connection = new Connection(settings, user);      // begins to connect; user.ready() when messages go
//      connection.send(call);                                   // in order; before `ready` they wait
//          call.encode(writer)           its front, when its turn has come
//          call.place(front, bytes)      where the data of its reply goes
//          call.replied(front, data)     once, unless the connection is lost before
//      user.lost(error)                                         // once; no memory is touched any more, no call is answered
//      connection.sendAgain(call)                               // a daemon may drop a call, and say so in its own way
//      connection.abandon(call)                                 // its memory is free again when this returns
//
// Nothing is sent again here, and nothing is bounded but time and bytes: how many calls go out is their owner's to say.
import { assert } from '../../../base/assert.js';
import { DioriteError } from '../../../base/errors.js';
import { turnIsUsedUp } from '../../../transfer/turn.js';
import type { Sink } from '../../net/sink-cursor.js';
import { systemError } from '../../net/system-error.js';
import { connectTcp } from '../../net/tcp.js';
import type { MakeTransport, Transport } from '../../net/transport.js';
import { DencError } from '../denc/error.js';
import { DencReader } from '../denc/reader.js';
import { DencWriter } from '../denc/writer.js';
import { TAG_ACK, TAG_KEEPALIVE2, TAG_KEEPALIVE2_ACK } from './frame.js';
import { Handshake, type HandshakeSettings } from './handshake.js';
import { MessageHeader, MSG_OSD_OP_REPLY, type OutgoingMessage } from './message.js';
import { type DataPlace, READ_DIRECT_BYTES, Receiver } from './receiver.js';
import type { SecureStreams } from './secure.js';
import { Sender } from './sender.js';
import { Silence, type SilenceUser } from './silence.js';

export interface ConnectionSettings extends HandshakeSettings {
  /** For the handshake; and how long a daemon may be silent that was asked whether it is there. */
  readonly timeoutMs: number;
  /** Asked even if it owes nothing: sessions with monitors end where nobody speaks. */
  readonly alwaysAlive: boolean;
  /** Whether it keeps the process alive though nobody waits for an answer: `hold` changes it. */
  readonly held: boolean;
  /** Default: TCP. */
  readonly transport?: MakeTransport | undefined;
}

/** A message with a tid of its own, and what becomes of it. Its owner may use it again once it was answered. */
export interface Call extends OutgoingMessage {
  /**
   * Memory for the data of its reply, read into directly where its pieces are large. Null: data comes in a buffer of
   * its own; so it does, whatever this says, where the reply overtakes the call's own payload.
   */
  readonly sink: Sink | null;
  /** The front is not verified yet. Called only where `sink` is not null. Throws DencError. */
  place(front: Uint8Array, dataBytes: number): DataPlace;
  /** What it is given is there until it returns; `data` is its own. Throws DencError, which ends the connection. */
  replied(header: MessageHeader, front: DencReader, data: Uint8Array): void;
  /** Its memory is gone: it was not sent. */
  unsendable(error: DioriteError): void;
}

export interface ConnectionUser {
  /** The handshake is done. */
  ready(): void;
  /** A message that answers no call. */
  message(header: MessageHeader, front: DencReader, data: Uint8Array): void;
  /** It ended by itself: not after `destroy`. */
  lost(error: DioriteError): void;
}

export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #user: ConnectionUser;
  readonly #handshake: Handshake;
  readonly #receiver: Receiver;
  readonly #transport: Transport;
  readonly #sender: Sender;
  readonly #calls: Map<number, Call> = new Map();
  #queue: OutgoingMessage[] = [];
  #queueAt = 0;
  #directs = 0;
  #buffer: Uint8Array = new Uint8Array(0);
  #ended = false;
  #held: boolean;
  #kept = true;
  #flushing = false;
  readonly #silence: Silence;
  /** For the handshake. */
  #timer: NodeJS.Timeout | null;
  /** Replies that came while their calls' own bytes were still being sent. */
  readonly #early: (() => void)[] = [];
  readonly #flush: () => void = () => {
    this.#flushing = false;
    if (!this.#ended && this.#handshake.isReady) this.#sender.flush();
  };

  constructor(settings: ConnectionSettings, user: ConnectionUser) {
    this.#settings = settings;
    this.#user = user;
    this.#held = settings.held;
    this.#handshake = new Handshake(settings, this.#handshakeUser());
    this.#receiver = new Receiver(this.#inbox());
    const { host, port } = settings.target;
    const { transport = connectTcp, timeoutMs } = settings;
    this.#timer = setTimeout(() => this.#late(), timeoutMs).unref();
    this.#silence = new Silence(timeoutMs, this.#silenceUser());
    this.#transport = transport(
      { host, port, privilegedPort: false, localPort: null, timeoutMs },
      {
        connected: () => this.#sender.control(this.#handshake.banner()),
        nextBuffer: () => {
          this.#buffer = this.#nextBuffer();
          return this.#buffer;
        },
        received: (bytes) => {
          this.#received(bytes);
          return !turnIsUsedUp(true);
        },
        sent: () => this.#sent(),
        closed: (error) => this.#lose(error),
      },
    );
    this.#sender = new Sender(this.#outbox(), this.#transport);
    this.#holdSocket();
  }

  get isReady(): boolean {
    return this.#handshake.isReady && !this.#ended;
  }

  /** Calls that were given to it and not answered. */
  get pending(): number {
    return this.#calls.size;
  }

  /** Never calls back before it returns. */
  send(call: Call): void {
    assert(!this.#ended && !this.#calls.has(call.tid), 'a call is sent once on a connection that is there');
    if (this.#calls.size === 0) this.#silence.heard();
    this.#calls.set(call.tid, call);
    if (isDirect(call)) this.#directs++;
    this.post(call);
    this.#holdSocket();
    this.#silence.start();
  }

  has(call: Call): boolean {
    return this.#calls.get(call.tid) === call;
  }

  /** Once more, for a daemon that dropped it: the first answer counts. */
  sendAgain(call: Call): void {
    assert(this.has(call), 'what is sent again was sent');
    this.post(call);
  }

  /** A message that has no answer. */
  post(message: OutgoingMessage): void {
    this.#queue.push(message);
    if (this.#flushing || !this.#handshake.isReady) return;
    this.#flushing = true;
    queueMicrotask(this.#flush);
  }

  /**
   * Gives a call up: its answer is dropped if it comes, its memory is free. False: the connection was in the middle of
   * its bytes and is lost, `lost` not called.
   */
  abandon(call: Call): boolean {
    if (this.#calls.get(call.tid) !== call) return true;
    this.#forget(call);
    if (!this.#sender.isAt(call) && !this.#receiver.isAt(call.tid)) return true;
    this.destroy();
    return false;
  }

  /** No memory is touched any more when this returns, and no one is called. */
  destroy(then?: () => void): void {
    const ended = this.#ended;
    this.#ended = true;
    this.#receiver.stop();
    this.#queue = [];
    this.#calls.clear();
    this.#early.length = 0;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#silence.stop();
    if (!ended) this.#transport.destroy(true, then);
    else if (then !== undefined) queueMicrotask(then);
  }

  /** Whether it keeps the process alive though it owes no answer. */
  hold(held: boolean): void {
    this.#held = held;
    this.#holdSocket();
  }

  #holdSocket(): void {
    const kept = this.#held || this.#calls.size > 0;
    if (kept === this.#kept || this.#ended) return;
    this.#kept = kept;
    this.#transport.keepAlive(kept);
  }

  #lose(error: DioriteError): void {
    if (this.#ended) return;
    this.destroy();
    this.#user.lost(error);
  }

  #handshakeUser(): ConstructorParameters<typeof Handshake>[1] {
    return {
      send: (tag, payload) => {
        const frame = this.#sender.frame(tag, payload);
        this.#sender.control(frame);
        return frame;
      },
      received: () => this.#receiver.takeRecord(),
      secure: ({ receive, send }: SecureStreams) => {
        this.#receiver.open(receive);
        this.#sender.seal(send);
      },
      ready: () => {
        if (this.#timer !== null) clearTimeout(this.#timer);
        this.#timer = null;
        this.#user.ready();
        this.#silence.start();
        this.#flush();
      },
    };
  }

  #outbox(): ConstructorParameters<typeof Sender>[0] {
    const connection = this;
    return {
      next: () => connection.#next(),
      unsendable: (message, error) => {
        const call = connection.#calls.get(message.tid);
        if (call === undefined) return;
        connection.#forget(call);
        queueMicrotask(() => call.unsendable(error));
      },
      get seqReceived() {
        return connection.#receiver.seq;
      },
    };
  }

  #inbox(): ConstructorParameters<typeof Receiver>[0] {
    const connection = this;
    return {
      banner: (supported, required) => connection.#handshake.bannerReceived(supported, required),
      control: (tag, reader) => connection.#control(tag, reader),
      begin: (header, front, dataBytes) => connection.#place(header, front, dataBytes),
      message: (header, front, data) => connection.#message(header, front, data),
      get expectsDirect() {
        return connection.#directs > 0;
      },
    };
  }

  #next(): OutgoingMessage | null {
    if (!this.#handshake.isReady) return null;
    for (;;) {
      const message = this.#queue[this.#queueAt];
      if (message === undefined) {
        this.#queue.length = 0;
        this.#queueAt = 0;
        return null;
      }
      this.#queueAt++;
      // One that was given up, or answered meanwhile, has no memory any more.
      if (message.tid === 0 || this.#calls.get(message.tid) === message) return message;
    }
  }

  #forget(call: Call): void {
    this.#calls.delete(call.tid);
    if (isDirect(call)) this.#directs--;
    this.#holdSocket();
  }

  #late(): void {
    const { name, timeoutMs } = this.#settings;
    this.#lose(systemError('ETIMEDOUT', `${name} did not open a session in ${timeoutMs} ms`));
  }

  #silenceUser(): SilenceUser {
    const connection = this;
    return {
      get owes() {
        return connection.isReady && (connection.#calls.size > 0 || connection.#settings.alwaysAlive);
      },
      ask: () => connection.#ask(),
      silent: () => connection.#lose(systemError('ETIMEDOUT', `${connection.#settings.name} is silent`)),
    };
  }

  /** It answers with the same time stamp, which nobody looks at: that something comes is enough. */
  #ask(): void {
    const stamp = new DencWriter(8);
    stamp.u32(Math.floor(Date.now() / 1000));
    stamp.u32(0);
    this.#sender.control(this.#sender.frame(TAG_KEEPALIVE2, stamp.bytes));
  }

  #nextBuffer(): Uint8Array {
    try {
      return this.#receiver.nextBuffer();
    } catch (error) {
      this.#broken(error);
      return this.#receiver.nextBuffer();
    }
  }

  #received(bytes: number): void {
    this.#silence.heard();
    try {
      this.#receiver.received(this.#buffer, bytes);
    } catch (error) {
      this.#broken(error);
    }
  }

  /** Where the next frame begins is not known any more, whatever the error. */
  #broken(error: unknown): void {
    if (error instanceof DencError)
      this.#lose(systemError('EBADMSG', `${this.#settings.name}: ${error.message}`, error));
    else if (error instanceof DioriteError) this.#lose(error);
    else {
      this.#lose(systemError('EIO', 'a callback threw', error));
      throw error;
    }
  }

  #sent(): void {
    if (this.#sender.sent()) this.#deliverEarly();
    if (this.#ended || this.#flushing) return;
    // A daemon that takes what it gets would be sent everything that waits before anything else has its turn.
    if (!turnIsUsedUp(true)) this.#sender.flush();
    else {
      this.#flushing = true;
      setImmediate(() => {
        this.#flushing = false;
        if (!this.#ended) this.#sender.flush();
      });
    }
  }

  #deliverEarly(): void {
    try {
      for (const deliver of this.#early.splice(0)) if (!this.#ended) deliver();
    } catch (error) {
      this.#broken(error);
    }
  }

  #control(tag: number, reader: DencReader): void {
    if (!this.#handshake.isReady) this.#handshake.control(tag, reader);
    else if (tag === TAG_KEEPALIVE2) {
      const stamp = Buffer.from(reader.bytes(8));
      if (!this.#sender.control(this.#sender.frame(TAG_KEEPALIVE2_ACK, stamp)))
        throw reader.error('it asks and takes no answer');
    } else if (tag !== TAG_KEEPALIVE2_ACK && tag !== TAG_ACK) throw reader.error(`nobody expects tag ${tag}`);
  }

  #place(header: MessageHeader, front: Uint8Array, dataBytes: number): DataPlace {
    const call = this.#callOf(header);
    if (call === undefined) return header.type === MSG_OSD_OP_REPLY ? 'drop' : 'keep';
    return call.sink === null || this.#isSending(call) ? 'keep' : call.place(front, dataBytes);
  }

  #callOf(header: MessageHeader): Call | undefined {
    return header.tid === 0 ? undefined : this.#calls.get(header.tid);
  }

  /** Its payload is in a batch that has not left. */
  #isSending(call: Call): boolean {
    return call.payloadBytes > 0 && this.#sender.isAt(call);
  }

  #message(header: MessageHeader, front: DencReader, data: Uint8Array): void {
    if (!this.#handshake.isReady) throw front.error('it came before the handshake was done');
    const call = this.#callOf(header);
    if (call === undefined) {
      if (header.type !== MSG_OSD_OP_REPLY) this.#user.message(header, front, data);
      return;
    }
    this.#forget(call);
    if (!this.#isSending(call)) {
      call.replied(header, front, data);
      return;
    }
    // The daemon has all of it, and the news that it has left is behind: others of its batch have not.
    const kept = Object.assign(new MessageHeader(), header);
    const copy = new DencReader(Buffer.from(front.bytes(front.remaining)), front.what);
    this.#early.push(() => call.replied(kept, copy, data));
  }
}

function isDirect({ sink }: Call): boolean {
  return sink !== null && sink.bytes >= READ_DIRECT_BYTES;
}
