// The transport over the ring: a socket whose sends and receives name the memory of segments as it lies.
//
//      load, send ──▶ [ head | pieces of the payload | other parts ]   SENDMSG, one for a batch
//      received   ◀── [ a reply's head ]                               RECVMSG into one buffer
//                 ◀── [ pieces of the payload ]                        RECVMSG into the caller's memory

import { getSystemErrorName } from 'node:util';
import { assert } from '../../base/assert.js';
import type { DioriteError } from '../../base/errors.js';
import type { SegmentList } from '../../plan/request.js';
import { EINTR } from '../../transfer/errno.js';
import { OP_RECVMSG, OP_SENDMSG } from '../file/engines/uring-abi.js';
import { MessageVector } from './message-vector.js';
import { RingCall } from './ring-call.js';
import { RingDialer, type RingHost } from './ring-dialer.js';
import { systemError } from './system-error.js';
import { type Address, addressName, type Transport, type TransportUser } from './transport.js';
import { gatherViews } from './views.js';

/** linux/socket.h */
const MSG_WAITALL = 0x100;
const MSG_NOSIGNAL = 0x4000;

/** Below a page a piece of the list costs more than the copy. */
const DIRECT_BYTES = 4096;

/** A request of 1,024 segments, its head and its padding. A batch in more pieces is copied. */
const SEND_PIECES_MAX = 1026;
const RECEIVE_PIECES_MAX = 1024;

/** What is waited for in one go. A server that needs long for it is known by `moved`. */
const RECEIVE_BYTES_MAX = 256 * 1024;

/** For memory whose address nobody knows. */
const BOUNCE_BYTES = 64 * 1024;

export class RingTransport implements Transport {
  readonly directBytes: number = DIRECT_BYTES;
  readonly #host: RingHost;
  readonly #address: Address;
  readonly #user: TransportUser;
  readonly #onGone: () => void;
  readonly #out: MessageVector;
  readonly #in: MessageVector;
  readonly #sending: RingCall;
  readonly #receiving: RingCall;
  #dialer: RingDialer | null;
  #fd = -1;
  #localPort: number | null = null;
  /** Of a payload that the kernel is not told of piece by piece: its address is not known, or it has too many pieces. */
  readonly #copied: Uint8Array[] = [];
  /** What is sent is kept from the collector until the kernel is done with it. */
  readonly #parts: Uint8Array[] = [];
  #payload: SegmentList | null = null;
  #payloadBytes = 0;
  /** Where bytes of unknown number go, and through what, if its address is not known. */
  #buffer: Uint8Array | null = null;
  #bounce: Uint8Array | null = null;
  #bounces = false;
  /** The server said that it sends no more: what is shut down already cannot be reset. */
  #half = false;
  #ended = false;
  #gone = false;
  #reset = false;
  readonly #then: (() => void)[] = [];
  /** That came, as far as the user knows. */
  #toldBytes = 0;
  /** By the kernel's count, when somebody last asked. */
  #receivedBytes = 0;
  #ackedBytes = 0;

  /** `onGone`: nothing is left of it. Throws where there is no memory for it. */
  constructor(host: RingHost, address: Address, user: TransportUser, onGone: () => void) {
    this.#host = host;
    this.#address = address;
    this.#user = user;
    this.#onGone = onGone;
    const { ring, addon, addressOf } = host;
    this.#out = new MessageVector('a write in flight', SEND_PIECES_MAX, addon, addressOf);
    this.#in = new MessageVector('a read in flight', RECEIVE_PIECES_MAX, addon, addressOf);
    this.#sending = new RingCall(ring, (result) => this.#onSent(result));
    this.#receiving = new RingCall(ring, (result) => this.#onReceived(result));
    this.#dialer = new RingDialer(host, address, {
      connected: (fd) => this.#onConnected(fd),
      failed: (error) => this.#onUnreachable(error),
    });
  }

  get localPort(): number | null {
    return this.#localPort;
  }

  #onConnected(fd: number): void {
    this.#dialer = null;
    this.#fd = fd;
    const port = this.#host.addon.socketPort(fd);
    this.#localPort = port > 0 ? port : null;
    this.#user.connected();
    if (!this.#ended) this.#receive();
  }

  #onUnreachable(error: Error): void {
    this.#dialer = null;
    const code = codeOf(error);
    const told = code === 'ETIMEDOUT' ? `in ${this.#address.timeoutMs} ms` : '';
    this.#end(systemError(code, `no connection to ${addressName(this.#address)} ${told}`.trimEnd(), error));
  }

  load(segments: SegmentList, bytes: number): void {
    this.#out.clear(1);
    if (!this.#putPayload(segments, bytes)) this.#gather(segments, bytes);
    this.#payload = segments;
    this.#payloadBytes = bytes;
  }

  #putPayload(segments: SegmentList, bytes: number): boolean {
    for (let i = 0, rest = bytes; rest > 0; i++) {
      const buffer = segments.buffer[i];
      assert(buffer !== null && buffer !== undefined, 'each segment of a payload has memory');
      const length = Math.min(segments.length[i] as number, rest);
      if (length > 0 && !this.#out.put(buffer, segments.byteOffset[i] as number, length)) return false;
      rest -= length;
    }
    return true;
  }

  #gather(segments: SegmentList, bytes: number): void {
    try {
      gatherViews(segments, bytes, this.#copied);
    } catch (error) {
      this.#copied.length = 0;
      throw error;
    }
  }

  send(parts: readonly Uint8Array[]): void {
    assert(this.#fd >= 0 && !this.#ended, 'only a connection sends');
    if (this.#payload === null) this.#out.clear(1);
    for (const part of parts) this.#parts.push(part);
    if (this.#copied.length > 0 || !this.#putParts()) this.#putCopy();
    this.#send();
  }

  /** The first goes before the payload. False: not all have an address, or a place. */
  #putParts(): boolean {
    const [first, ...others] = this.#parts;
    assert(first !== undefined, 'a batch has a part');
    if (!this.#out.set(0, first)) return false;
    return others.every(({ buffer, byteOffset, length }) => this.#out.put(buffer, byteOffset, length));
  }

  /** The whole batch, in one piece. */
  #putCopy(): void {
    const parts = this.#parts;
    if (this.#payload !== null && this.#copied.length === 0) this.#gather(this.#payload, this.#payloadBytes);
    const whole = Buffer.concat([...parts.splice(0, 1), ...this.#copied.splice(0), ...parts.splice(0)]);
    parts.push(whole);
    this.#out.clear(1);
    assert(this.#out.set(0, whole), 'the address of memory of our own is known');
  }

  #send(): void {
    this.#out.seal();
    this.#sending.start(OP_SENDMSG, this.#fd, 0, this.#out.address, 1, MSG_WAITALL | MSG_NOSIGNAL);
  }

  #onSent(result: number): void {
    if (this.#ended) {
      this.#close();
      return;
    }
    if (result <= 0 && result !== EINTR) {
      this.#end(this.#broken(result));
      return;
    }
    this.#out.advance(Math.max(0, result));
    if (this.#out.bytes > 0) {
      this.#send();
      return;
    }
    this.#forgetSent();
    this.#user.sent();
  }

  #forgetSent(): void {
    this.#payload = null;
    this.#parts.length = 0;
  }

  readonly #resume = (): void => {
    if (!this.#ended) this.#receive();
  };

  #receive(): void {
    const into = this.#in;
    into.clear(0, RECEIVE_BYTES_MAX);
    let flags = MSG_WAITALL;
    if ((this.#user.nextPieces?.(into) ?? 0) === 0) {
      // Bytes of unknown number: what is there is taken.
      flags = 0;
      this.#receiveInto(this.#user.nextBuffer());
    }
    into.seal();
    this.#receiving.start(OP_RECVMSG, this.#fd, 0, into.address, 1, flags | MSG_NOSIGNAL);
  }

  #receiveInto(buffer: Uint8Array): void {
    const into = this.#in;
    this.#buffer = buffer;
    into.clear(1);
    this.#bounces = !into.set(0, buffer);
    if (!this.#bounces) return;
    this.#bounce ??= Buffer.allocUnsafeSlow(BOUNCE_BYTES);
    into.clear(1);
    const set = into.set(0, this.#bounce.subarray(0, buffer.length));
    assert(set, 'the address of memory of our own is known');
  }

  /** Brings what came to where it belongs; says how much. */
  #copyBounced(bytes: number): number {
    if (!this.#bounces || this.#bounce === null) return 0;
    this.#bounces = false;
    this.#buffer?.set(this.#bounce.subarray(0, bytes));
    return bytes;
  }

  #onReceived(result: number): void {
    if (this.#ended) {
      this.#close();
      return;
    }
    if (result === 0) {
      this.#half = true;
      this.#end(systemError('ECONNRESET', `${addressName(this.#address)} closed the connection`));
      return;
    }
    if (result < 0 && result !== EINTR) {
      this.#end(this.#broken(result));
      return;
    }
    this.#toldBytes += Math.max(0, result);
    const goOn = result < 0 || this.#user.received(result, this.#copyBounced(result));
    if (goOn) this.#resume();
    else setImmediate(this.#resume);
  }

  moved(): boolean {
    const [received, acked] = this.#countBytes();
    const moved =
      received > Math.max(this.#toldBytes, this.#receivedBytes) || (this.#sending.busy && acked > this.#ackedBytes);
    this.#receivedBytes = received;
    this.#ackedBytes = acked;
    return moved;
  }

  #countBytes(): readonly [received: number, acked: number] {
    const counted = new Float64Array(2);
    if (this.#fd >= 0 && !this.#ended) this.#host.addon.socketBytes(this.#fd, counted);
    return [counted[0] as number, counted[1] as number];
  }

  #broken(result: number): DioriteError {
    const code = result === 0 ? 'EIO' : getSystemErrorName(result);
    return systemError(code, `the connection to ${addressName(this.#address)} broke`);
  }

  #end(error: DioriteError): void {
    if (this.#ended) return;
    this.destroy(false);
    this.#user.closed(error);
  }

  destroy(reset: boolean, then?: () => void): void {
    this.#ended = true;
    this.#reset ||= reset;
    if (then !== undefined) this.#then.push(then);
    for (const call of [this.#sending, this.#receiving]) {
      // Its completion is due at once, and the descriptor is closed then.
      call.keepAlive(true);
      call.cancel();
    }
    this.#dialer?.stop(() => {
      this.#dialer = null;
      this.#close();
    });
    this.#close();
  }

  /** Once nothing is in flight any more. */
  #close(): void {
    if (this.#dialer !== null || this.#sending.busy || this.#receiving.busy) return;
    if (!this.#gone) {
      this.#gone = true;
      if (this.#fd >= 0) this.#host.addon.socketClose(this.#fd, this.#reset && !this.#half);
      this.#out.release();
      this.#in.release();
      this.#forgetSent();
      this.#buffer = null;
      this.#onGone();
    }
    for (const then of this.#then.splice(0)) queueMicrotask(then);
  }

  keepAlive(keep: boolean): void {
    if (this.#ended) return;
    this.#dialer?.keepAlive(keep);
    this.#sending.keepAlive(keep);
    this.#receiving.keepAlive(keep);
  }
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : 'EIO';
}
