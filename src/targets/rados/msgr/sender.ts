// Frames on their way out, in batches: heads in one buffer, payload as it lies, or all of it sealed.
import type { CipherGCM } from 'node:crypto';
import { assert } from '../../../base/assert.js';
import { DioriteError } from '../../../base/errors.js';
import type { Transport } from '../../net/transport.js';
import { gatherViews } from '../../net/views.js';
import { crc32c } from '../crc32c/crc32c.js';
import { DencWriter } from '../denc/writer.js';
import {
  blockPadding,
  CRC_SEED,
  EPILOGUE_SECURE_BYTES,
  INLINE_BYTES,
  LATE_COMPLETE,
  PREAMBLE_BYTES,
  TAG_MESSAGE,
  writePreamble,
} from './frame.js';
import { MESSAGE_HEADER_BYTES, type OutgoingMessage, writeMessageHeader } from './message.js';
import type { SecureStream } from './secure.js';

/** A batch ends with the payload that reaches this: what waits behind it is not held up by the answer that `sent` is. */
const BATCH_PAYLOAD_BYTES = 256 * 1024;
const BATCH_HEAD_BYTES = 64 * 1024;
/** What is given to the transport at once: a socket whose reader keeps up takes 4 MiB at once too, in several milliseconds. */
const SEND_BYTES = 256 * 1024;
/** Answers to keepalives that wait: a server that reads none of them is not answered. */
const CONTROLS_MAX = 64;

const ZEROS = Buffer.alloc(INLINE_BYTES);

export interface Outbox {
  /** The next message to be sent, in order; null: none waits. */
  next(): OutgoingMessage | null;
  /** It could not be written down: its memory is gone. */
  unsendable(message: OutgoingMessage, error: DioriteError): void;
  /** Of the message that was received last. */
  readonly seqReceived: number;
}

/** One batch is under way at a time: until `sent`, its memory is in use. */
export class Sender {
  readonly #outbox: Outbox;
  readonly #transport: Transport;
  readonly #heads: DencWriter = new DencWriter(4096);
  readonly #front: DencWriter = new DencWriter();
  /** Where in the heads payload comes in, and where in `#payload` it begins. */
  readonly #cuts: number[] = [];
  readonly #cutViews: number[] = [];
  readonly #payload: Uint8Array[] = [];
  readonly #parts: Uint8Array[] = [];
  /** Of these, what the transport has, or has sent. */
  #partsGiven = 0;
  readonly #some: Uint8Array[] = [];
  readonly #controls: Buffer[] = [];
  /** Messages of the batch that is under way. */
  readonly #batch: OutgoingMessage[] = [];
  #secure: SecureStream | null = null;
  #sending = false;
  #seq = 0;

  constructor(outbox: Outbox, transport: Transport) {
    this.#outbox = outbox;
    this.#transport = transport;
  }

  /** Frames from now on are sealed. */
  seal(stream: SecureStream): void {
    this.#secure = stream;
  }

  /** It is in the batch that is under way: its memory is being read from. */
  isAt(message: OutgoingMessage): boolean {
    return this.#batch.includes(message);
  }

  /** Bytes that go before all messages that wait: the banner, and frames that `frame` made. False: too many wait. */
  control(bytes: Buffer): boolean {
    this.#controls.push(bytes);
    this.flush();
    return this.#controls.length <= CONTROLS_MAX;
  }

  /** A control frame. */
  frame(tag: number, payload: Uint8Array): Buffer {
    const writer = new DencWriter();
    writePreamble(writer, tag, payload.length);
    if (this.#secure !== null) {
      const parts: Uint8Array[] = [];
      sealFirst(this.#secure, writer.bytes, payload, parts);
      return Buffer.concat(parts);
    }
    writer.raw(payload);
    if (payload.length > 0) writer.u32(crc32c(CRC_SEED, payload));
    return writer.copy();
  }

  /** What was given to the transport has left. True: that was all of the batch. */
  sent(): boolean {
    this.#sending = false;
    if (this.#partsGiven < this.#parts.length) return false;
    this.#batch.length = 0;
    return true;
  }

  /** Sends what waits, as much of it as goes at once: of the batch that is under way, or of the next one. */
  flush(): void {
    if (this.#sending) return;
    if (this.#partsGiven === this.#parts.length) this.#nextBatch();
    const some = this.#some;
    some.length = 0;
    for (let bytes = 0; bytes < SEND_BYTES && this.#partsGiven < this.#parts.length; ) {
      const part = this.#takePart(SEND_BYTES - bytes);
      some.push(part);
      bytes += part.length;
    }
    if (some.length === 0) return;
    this.#sending = true;
    this.#transport.send(some);
  }

  #takePart(bytesMax: number): Uint8Array {
    const part = this.#parts[this.#partsGiven];
    assert(part !== undefined, 'there is more of the batch');
    if (part.length <= bytesMax) this.#partsGiven++;
    else this.#parts[this.#partsGiven] = part.subarray(bytesMax);
    return part.subarray(0, bytesMax);
  }

  #nextBatch(): void {
    this.#heads.reset();
    this.#partsGiven = 0;
    this.#cuts.length = this.#cutViews.length = this.#payload.length = this.#parts.length = 0;
    this.#batch.length = 0;
    this.#parts.push(...this.#controls.splice(0));
    let payloadBytes = 0;
    while (payloadBytes < BATCH_PAYLOAD_BYTES && this.#heads.length < BATCH_HEAD_BYTES) {
      const message = this.#outbox.next();
      if (message === null) break;
      if (!this.#gather(message)) continue;
      payloadBytes += message.payloadBytes;
      this.#batch.push(message);
    }
    this.#collect();
  }

  /** Appends the message's frame; false: its memory is gone. */
  #gather(message: OutgoingMessage): boolean {
    const from = this.#payload.length;
    try {
      if (message.payload !== null) gatherViews(message.payload, message.payloadBytes, this.#payload);
    } catch (error) {
      if (!(error instanceof DioriteError)) throw error;
      this.#payload.length = from;
      this.#outbox.unsendable(message, error);
      return false;
    }
    const front = this.#front.reset();
    message.encode(front);
    if (this.#secure === null) this.#append(message, front, from);
    else this.#seal(message, front, from, this.#secure);
    return true;
  }

  #append(message: OutgoingMessage, front: DencWriter, from: number): void {
    const heads = this.#heads;
    const segments = writePreamble(heads, TAG_MESSAGE, MESSAGE_HEADER_BYTES, front.length, 0, message.payloadBytes);
    const at = heads.length;
    writeMessageHeader(heads, message, ++this.#seq, this.#outbox.seqReceived);
    heads.u32(crc32c(CRC_SEED, heads.bytes.subarray(at)));
    if (segments === 1) return;
    heads.raw(front.bytes);
    let crc = CRC_SEED;
    if (message.payloadBytes > 0) {
      this.#cuts.push(heads.length);
      this.#cutViews.push(from);
      for (let i = from; i < this.#payload.length; i++) crc = crc32c(crc, this.#payload[i] ?? ZEROS);
    }
    heads.u8(LATE_COMPLETE);
    heads.u32(crc32c(CRC_SEED, front.bytes));
    heads.u32(segments > 2 ? CRC_SEED : 0);
    heads.u32(segments > 3 ? crc : 0);
  }

  #seal(message: OutgoingMessage, front: DencWriter, from: number, secure: SecureStream): void {
    const heads = this.#heads.reset();
    const segments = writePreamble(heads, TAG_MESSAGE, MESSAGE_HEADER_BYTES, front.length, 0, message.payloadBytes);
    writeMessageHeader(heads, message, ++this.#seq, this.#outbox.seqReceived);
    const parts = this.#parts;
    sealFirst(secure, heads.bytes.subarray(0, PREAMBLE_BYTES), heads.bytes.subarray(PREAMBLE_BYTES), parts);
    heads.reset();
    if (segments === 1) return;
    const cipher = secure.seal();
    parts.push(cipher.update(front.bytes), cipher.update(ZEROS.subarray(0, blockPadding(front.length))));
    for (let i = from; i < this.#payload.length; i++) parts.push(cipher.update(this.#payload[i] ?? ZEROS));
    const epilogue = Buffer.alloc(blockPadding(message.payloadBytes) + EPILOGUE_SECURE_BYTES);
    epilogue[epilogue.length - EPILOGUE_SECURE_BYTES] = LATE_COMPLETE;
    parts.push(cipher.update(epilogue));
    finishSealing(cipher, parts);
    this.#payload.length = from;
  }

  /** Heads and payload, in the order in which they go. */
  #collect(): void {
    const heads = this.#heads.bytes;
    let at = 0;
    for (let i = 0; i < this.#cuts.length; i++) {
      const cut = this.#cuts[i] ?? at;
      const to = this.#cutViews[i + 1] ?? this.#payload.length;
      this.#parts.push(heads.subarray(at, cut));
      for (let view = this.#cutViews[i] ?? to; view < to; view++) this.#parts.push(this.#payload[view] ?? ZEROS);
      at = cut;
    }
    if (at < heads.length) this.#parts.push(heads.subarray(at));
  }
}

/** The preamble with what of the first segment goes along, then the rest of it. */
function sealFirst(secure: SecureStream, preamble: Uint8Array, first: Uint8Array, parts: Uint8Array[]): void {
  const inline = first.subarray(0, INLINE_BYTES);
  const cipher = secure.seal();
  parts.push(cipher.update(preamble), cipher.update(inline));
  parts.push(cipher.update(ZEROS.subarray(0, INLINE_BYTES - inline.length)));
  finishSealing(cipher, parts);
  if (first.length <= INLINE_BYTES) return;
  const rest = secure.seal();
  parts.push(rest.update(first.subarray(INLINE_BYTES)), rest.update(ZEROS.subarray(0, blockPadding(first.length))));
  finishSealing(rest, parts);
}

function finishSealing(cipher: CipherGCM, parts: Uint8Array[]): void {
  cipher.final();
  parts.push(cipher.getAuthTag());
}
