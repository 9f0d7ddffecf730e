// Sends queued calls in batches: one buffer of heads, and the payload of the last one as it lies.
import { assert } from '../../../base/assert.js';
import { DioriteError } from '../../../base/errors.js';
import type { Transport } from '../../net/transport.js';
import { paddingOf, XdrWriter } from '../xdr/writer.js';
import { writeCallHeader } from './message.js';
import type { CallQueue, PendingCall } from './pending.js';
import { beginRecord, endRecord } from './record.js';

const ZEROS = new Uint8Array(4);

/** Heads of one batch. */
const BATCH_BYTES = 64 * 1024;

/** Answers to the server's own calls that wait to be sent: one that reads none of them is not served. */
export const OWN_REPLIES_MAX = 64;

export interface Outbox {
  readonly queue: CallQueue;
  readonly credentials: Uint8Array;
  /** It could not be written down: its memory is gone. */
  unsendable(pending: PendingCall, error: DioriteError): void;
}

/**
 * One batch is under way at a time, and a batch ends with the first payload: when it has left, its heads are free to be
 * written over, and no answer is older than the memory of its call is free.
 */
export class Sender {
  readonly #outbox: Outbox;
  readonly #transport: Transport;
  readonly #writer: XdrWriter = new XdrWriter();
  /** The heads, and the padding of the payload between. */
  readonly #parts: Uint8Array[] = [];
  readonly #ownReplies: Uint8Array[] = [];
  /** Of the batch that is made, with why. */
  readonly #unsendable: [PendingCall, DioriteError][] = [];
  #sending = false;
  /** Whose payload is under way. */
  #owner: PendingCall | null = null;

  constructor(outbox: Outbox, transport: Transport) {
    this.#outbox = outbox;
    this.#transport = transport;
  }

  /** Its memory is being read from. */
  isAt(pending: PendingCall): boolean {
    return this.#owner === pending;
  }

  /** An answer to a call of the server, record mark included. False: too many wait. */
  reply(record: Uint8Array): boolean {
    return this.#ownReplies.push(record) <= OWN_REPLIES_MAX;
  }

  /** The batch has left. Whose payload was in it? */
  sent(): PendingCall | null {
    const owner = this.#owner;
    this.#sending = false;
    this.#owner = null;
    return owner;
  }

  flush(): void {
    if (this.#sending) return;
    const writer = this.#writer;
    writer.reset();
    for (const record of this.#ownReplies.splice(0)) writer.fixed(record);
    while (writer.payloadSegments === null && writer.headBytes < BATCH_BYTES) {
      const pending = this.#outbox.queue.shift();
      if (pending === null) break;
      this.#append(pending);
    }
    if (writer.headBytes > 0) this.#send();
    // Last: whoever hears of it may end the connection.
    for (const [pending, error] of this.#unsendable.splice(0)) this.#outbox.unsendable(pending, error);
  }

  #send(): void {
    const writer = this.#writer;
    this.#sending = true;
    const parts = this.#parts;
    parts.length = 0;
    parts.push(writer.bytes);
    const padding = paddingOf(writer.payloadBytes);
    if (padding > 0) parts.push(ZEROS.subarray(0, padding));
    this.#transport.send(parts);
  }

  #append(pending: PendingCall): void {
    const writer = this.#writer;
    const { call } = pending;
    assert(call !== null, 'a queue holds calls that somebody waits for');
    const at = beginRecord(writer);
    const { program, version, procedure } = call;
    writeCallHeader(writer, pending.xid, program, version, procedure, this.#outbox.credentials);
    call.encode(writer);
    try {
      const { payloadSegments, payloadBytes } = writer;
      if (payloadSegments !== null) this.#transport.load(payloadSegments, payloadBytes);
    } catch (error) {
      if (!(error instanceof DioriteError)) throw error;
      writer.truncate(at);
      this.#unsendable.push([pending, error]);
      return;
    }
    endRecord(writer, at);
    pending.sends++;
    if (writer.payloadSegments !== null) this.#owner = pending;
  }
}
