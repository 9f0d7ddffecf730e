// Takes a server's bytes as they come: replies to those who wait, payload to its memory, and never more than is bounded.
import { DioriteError } from '../../../base/errors.js';
import { SinkCursor } from '../../net/sink-cursor.js';
import type { Pieces } from '../../net/transport.js';
import { XdrError, XdrReader } from '../xdr/reader.js';
import { paddingOf } from '../xdr/writer.js';
import type { ReplySink } from './call.js';
import { AUTH_BODY_BYTES_MAX, CALL, REPLY, REPLY_HEADER_BYTES, ReplyHeader } from './message.js';
import type { PendingCall } from './pending.js';
import { RecordParser } from './record.js';

/** One read of this size takes many small replies, or all 4 KiB pieces of a large one. */
export const STAGING_BYTES: number = 1024 * 1024;

/**
 * Read at a record's start while payload may come that goes straight to its memory: what is too much of it is copied.
 * Enough for the answers to 25 WRITEs.
 */
const HEAD_READ_BYTES = 4096;

/** What a message holds beside its payload: a directory's entries, mostly. */
export const MESSAGE_BYTES_MAX: number = 1024 * 1024 + 64 * 1024;

/** A call from the server: RFC 8881 §2.10.3.1's backchannel, whose calls are small. */
const SERVER_CALL_BYTES_MAX = 64 * 1024;

/** Answers to nothing, one after the other, after which the server is taken for mad. */
const UNKNOWN_REPLIES_MAX = 256;

/** xid and msg_type. */
const MESSAGE_START_BYTES = 8;
/** Where an accepted reply says how long its verifier is. */
const VERIFIER_LENGTH_AT = 16;

/** Whoever waits for messages. */
export interface Inbox {
  /** Undefined: nobody asked this. One whose call was given up is told so by `dropped`. */
  waitingFor(xid: number): PendingCall | undefined;
  dropped(pending: PendingCall): void;
  /** The first `bytes` of `message` are a reply, without the payload that lies in its sink. */
  replied(pending: PendingCall, message: Uint8Array, bytes: number, payloadBytes: number): void;
  failed(pending: PendingCall, error: DioriteError | XdrError): void;
  called(message: Uint8Array, bytes: number): void;
  /** The largest payload that may come. */
  readonly sinkBytesMax: number;
  /** How many wait for payload, and how many of those have memory that is read into without a copy. */
  readonly sinks: number;
  readonly directs: number;
  /** The smallest piece of such memory. */
  readonly directBytes: number;
}

/**
 *      start     xid and type are due
 *      header    of a reply with a sink: as much as `locate` wants
 *      payload   goes to the sink
 *      padding   of the payload
 *      whole     the rest of the message is kept
 *      skip      nobody wants the rest of the message
 */
type Phase = 'start' | 'header' | 'payload' | 'padding' | 'whole' | 'skip';

/** Throws XdrError where the connection is of no use any more. */
export class Receiver {
  readonly #inbox: Inbox;
  readonly #staging: Uint8Array;
  readonly #headRead: Uint8Array;
  readonly #record: RecordParser = new RecordParser(0);
  readonly #cursor: SinkCursor = new SinkCursor();
  readonly #reader: XdrReader = new XdrReader();
  readonly #header: ReplyHeader = new ReplyHeader();
  /** The message, as far as it is kept. */
  #message: Buffer = Buffer.allocUnsafeSlow(HEAD_READ_BYTES);
  #bytes = 0;
  /** How long the message is to be before it is looked at again. */
  #due = MESSAGE_START_BYTES;
  #phase: Phase = 'start';
  #pending: PendingCall | null = null;
  #fromServer = false;
  #payloadBytes = 0;
  #copiedBytes = 0;
  #paddingRest = 0;
  /** The buffer that is being read into is the sink's own. */
  #direct = false;
  #unknownReplies = 0;
  #stopped = false;

  constructor(inbox: Inbox, staging: Uint8Array) {
    this.#inbox = inbox;
    this.#staging = staging;
    this.#headRead = staging.subarray(0, HEAD_READ_BYTES);
  }

  /** Nothing of what was received, or is yet, is of interest any more. */
  stop(): void {
    this.#stopped = true;
    this.#cursor.stop();
  }

  /** A part of its reply was received: its memory may be in use. */
  isAt(pending: PendingCall): boolean {
    return this.#pending === pending;
  }

  nextBuffer(): Uint8Array {
    this.#direct = false;
    if (this.#stopped) return this.#staging;
    const { fragmentRest } = this.#record;
    if (this.#phase !== 'payload') return this.#stagingFor(fragmentRest);
    const { directBytes } = this.#inbox;
    try {
      const memory = this.#cursor.direct(fragmentRest, directBytes);
      this.#direct = memory !== null;
      return memory ?? this.#stagingFor(Math.min(fragmentRest, this.#cursor.bytesBeforeDirect(directBytes)));
    } catch (error) {
      this.#refuse(error);
      return this.#stagingFor(fragmentRest);
    }
  }

  nextPieces(pieces: Pieces): number {
    if (this.#stopped || this.#phase !== 'payload') return 0;
    try {
      const bytes = this.#cursor.pieces(pieces, this.#record.fragmentRest, this.#inbox.directBytes);
      this.#direct = bytes > 0;
      return bytes;
    } catch (error) {
      this.#refuse(error);
      return 0;
    }
  }

  /** For so many bytes that are copied, and for what follows as long as it would be copied as well. */
  #stagingFor(bytes: number): Uint8Array {
    const { sinks, directs } = this.#inbox;
    if (sinks > 0 && directs === 0) return this.#staging;
    return bytes === 0 ? this.#headRead : this.#staging.subarray(0, bytes + HEAD_READ_BYTES);
  }

  received(bytes: number, copiedBytes: number): void {
    if (!this.#direct) {
      this.#consume(bytes);
      return;
    }
    this.#copiedBytes += copiedBytes;
    this.#record.takeBody(bytes);
    this.#cursor.advance(bytes);
    if (this.#cursor.rest === 0) this.#payloadEnded();
    if (this.#record.ended) this.#recordEnded();
  }

  #consume(to: number): void {
    const record = this.#record;
    for (let at = 0; at < to && !this.#stopped; ) {
      if (record.inMark) {
        if (record.idle) record.maxBytes = this.#inbox.sinkBytesMax + MESSAGE_BYTES_MAX;
        at += record.takeMark(this.#staging, at, to);
      } else at += this.#body(at, Math.min(to - at, record.fragmentRest));
      if (record.ended) this.#recordEnded();
    }
  }

  /** Takes at most `bytes` of the record from staging; says how many. */
  #body(at: number, bytes: number): number {
    const taken = Math.min(bytes, this.#wanted());
    this.#record.takeBody(taken);
    if (this.#phase === 'payload') this.#copy(this.#staging, at, taken);
    else if (this.#phase === 'padding') this.#padding(taken);
    else if (this.#phase !== 'skip') this.#keep(at, taken);
    return taken;
  }

  /** How much of what comes goes the same way. */
  #wanted(): number {
    if (this.#phase === 'payload') return this.#cursor.rest;
    if (this.#phase === 'padding') return this.#paddingRest;
    return this.#phase === 'skip' ? Number.POSITIVE_INFINITY : this.#due - this.#bytes;
  }

  #copy(source: Uint8Array, at: number, bytes: number): void {
    try {
      this.#cursor.copy(source, at, bytes);
    } catch (error) {
      this.#refuse(error);
      return;
    }
    this.#copiedBytes += bytes;
    if (this.#cursor.rest === 0) this.#payloadEnded();
  }

  #payloadEnded(): void {
    this.#phase = this.#paddingRest === 0 ? 'whole' : 'padding';
  }

  #padding(bytes: number): void {
    this.#paddingRest -= bytes;
    if (this.#paddingRest === 0) this.#phase = 'whole';
  }

  #keep(at: number, bytes: number): void {
    const end = this.#bytes + bytes;
    if (end > this.#message.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, 2 * this.#message.length));
      larger.set(this.#message.subarray(0, this.#bytes));
      this.#message = larger;
    }
    copyBytes(this.#staging, at, bytes, this.#message, this.#bytes);
    this.#bytes = end;
    if (end < this.#due) return;
    if (this.#phase === 'start') this.#begin();
    else if (this.#phase === 'header') this.#locate();
    else if (!this.#record.ended) throw new XdrError(`a message is longer than ${this.#due} bytes`);
  }

  /** Xid and type are there. */
  #begin(): void {
    this.#reader.reset(this.#message, 0, this.#bytes);
    const xid = this.#reader.u32();
    const type = this.#reader.u32();
    if (type === CALL) {
      this.#fromServer = true;
      this.#keepWhole(SERVER_CALL_BYTES_MAX);
    } else if (type === REPLY) this.#beginReply(this.#inbox.waitingFor(xid));
    else throw new XdrError(`a message's type is ${type}`);
  }

  #beginReply(pending: PendingCall | undefined): void {
    if (pending === undefined) {
      if (++this.#unknownReplies > UNKNOWN_REPLIES_MAX) throw new XdrError('it answers what nobody asked');
      this.#phase = 'skip';
      return;
    }
    this.#unknownReplies = 0;
    const { call } = pending;
    if (call === null) {
      this.#phase = 'skip';
      this.#inbox.dropped(pending);
      return;
    }
    this.#pending = pending;
    if (call.sink === null) this.#keepWhole(MESSAGE_BYTES_MAX);
    else {
      this.#phase = 'header';
      this.#due = REPLY_HEADER_BYTES + call.sink.headerBytes;
    }
  }

  #keepWhole(max: number): void {
    this.#phase = 'whole';
    this.#due = max;
  }

  /** The header of a reply with a sink is there, or all of a shorter reply. */
  #locate(): void {
    const sink = this.#pending?.call?.sink;
    if (sink === undefined || sink === null) throw new XdrError('a reply lost its call');
    if (this.#waitsForVerifier(sink)) return;
    this.#reader.reset(this.#message, 0, this.#bytes);
    try {
      this.#header.read(this.#reader);
    } catch (error) {
      // What is wrong with it is told when all of it is there.
      if (!(error instanceof XdrError)) throw error;
      this.#keepWhole(MESSAGE_BYTES_MAX);
      return;
    }
    if (this.#header.successful) this.#place(sink);
    else this.#keepWhole(MESSAGE_BYTES_MAX);
  }

  /** `headerBytes` counts from the results: a verifier before them takes as much more. */
  #waitsForVerifier({ headerBytes }: ReplySink): boolean {
    if (this.#record.ended || this.#bytes < REPLY_HEADER_BYTES) return false;
    const length = this.#message.readUInt32BE(VERIFIER_LENGTH_AT);
    if (length > AUTH_BODY_BYTES_MAX) return false;
    const due = REPLY_HEADER_BYTES + length + paddingOf(length) + headerBytes;
    if (due <= this.#bytes) return false;
    this.#due = due;
    return true;
  }

  #place(sink: ReplySink): void {
    const resultsAt = this.#reader.offset;
    try {
      const place = sink.locate(this.#reader);
      if (place === null) this.#keepWhole(MESSAGE_BYTES_MAX);
      else this.#beginPayload(sink, resultsAt + place.start, place.length);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #beginPayload(sink: ReplySink, at: number, length: number): void {
    if (length > sink.bytes) throw new XdrError(`${length} bytes come where ${sink.bytes} were asked for`);
    if (at > this.#bytes) {
      if (this.#record.ended || at > MESSAGE_BYTES_MAX) throw new XdrError('it ends before its payload');
      this.#phase = 'header';
      this.#due = at;
      return;
    }
    const end = this.#bytes;
    const here = Math.min(end - at, length);
    const padding = paddingOf(length);
    const paddingHere = Math.min(end - at - here, padding);
    const rest = at + here + paddingHere;
    this.#payloadBytes = length;
    this.#paddingRest = padding - paddingHere;
    this.#phase = 'payload';
    this.#due = MESSAGE_BYTES_MAX;
    this.#cursor.start(sink, length);
    if (here > 0) this.#copy(this.#message, at, here);
    else if (length === 0) this.#payloadEnded();
    // What follows the padding moves up to where the payload was.
    this.#message.copyWithin(at, rest, end);
    this.#bytes = at + end - rest;
  }

  /** One call's answer is of no use; the connection is. */
  #refuse(error: unknown): void {
    if (!(error instanceof XdrError || error instanceof DioriteError)) throw error;
    const pending = this.#pending;
    this.#pending = null;
    this.#cursor.stop();
    this.#phase = 'skip';
    if (pending !== null) this.#inbox.failed(pending, error);
  }

  #recordEnded(): void {
    if (this.#phase === 'start') throw new XdrError(`a message of ${this.#bytes} bytes`);
    if (this.#phase === 'header') this.#locate();
    if (this.#phase === 'payload' || this.#phase === 'padding')
      this.#refuse(new XdrError(`it ends ${this.#cursor.rest} bytes before its payload does`));
    const pending = this.#pending;
    const fromServer = this.#fromServer;
    const bytes = this.#bytes;
    const payloadBytes = this.#payloadBytes;
    this.#next();
    if (fromServer) this.#inbox.called(this.#message, bytes);
    else if (pending !== null) this.#inbox.replied(pending, this.#message, bytes, payloadBytes);
  }

  /** Ready for the next record. */
  #next(): void {
    const sink = this.#pending?.call?.sink;
    if (sink !== null && sink !== undefined) sink.copiedBytes = this.#copiedBytes;
    this.#record.next();
    this.#cursor.stop();
    this.#phase = 'start';
    this.#due = MESSAGE_START_BYTES;
    this.#bytes = 0;
    this.#pending = null;
    this.#fromServer = false;
    this.#payloadBytes = 0;
    this.#copiedBytes = 0;
    this.#paddingRest = 0;
  }
}

/** Below this a loop is cheaper than a view. */
const LOOP_BYTES = 32;

function copyBytes(source: Uint8Array, from: number, bytes: number, target: Uint8Array, at: number): void {
  if (bytes > LOOP_BYTES) target.set(new Uint8Array(source.buffer, source.byteOffset + from, bytes), at);
  else for (let i = 0; i < bytes; i++) target[at + i] = source[from + i] ?? 0;
}
