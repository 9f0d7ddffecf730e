// A connection whose other end is the test: what was sent is kept, and bytes arrive in the pieces that the test says.
import { memoryGone } from '../../src/iter/segments.js';
import type { SegmentList } from '../../src/plan/request.js';
import { READ_DIRECT_BYTES } from '../../src/targets/net/sink-cursor.js';
import type { Address, MakeTransport, Transport, TransportUser } from '../../src/targets/net/transport.js';
import { gatherViews } from '../../src/targets/net/views.js';

/** So few that a payload takes several times as many. */
const PIECES_MAX = 3;

export class ManualTransport implements Transport {
  readonly user: TransportUser;
  readonly address: Address;
  /** By `send`: its parts, put together when they were sent. */
  readonly sent: Buffer[] = [];
  /** How many parts the last `send` had. */
  views = 0;
  readonly #payload: Uint8Array[] = [];
  readonly directBytes: number = READ_DIRECT_BYTES;
  readonly localPort = 700;
  destroyed = false;
  reset = false;
  kept = true;
  /** Bytes go to several pieces of memory at once. */
  scatters = false;

  constructor(address: Address, user: TransportUser) {
    this.address = address;
    this.user = user;
  }

  load(segments: SegmentList, bytes: number): void {
    gatherViews(segments, bytes, this.#payload);
  }

  send(parts: readonly Uint8Array[]): void {
    const [first = new Uint8Array(0), ...others] = parts;
    const all = [first, ...this.#payload.splice(0), ...others];
    this.views = all.length;
    this.sent.push(Buffer.concat(all));
  }

  destroy(reset: boolean, then?: () => void): void {
    this.destroyed = true;
    this.reset = reset;
    if (then !== undefined) queueMicrotask(then);
  }

  keepAlive(keep: boolean): void {
    this.kept = keep;
  }

  /** Where the next bytes go. */
  #memory(): Uint8Array[] {
    if (!this.scatters) return [this.user.nextBuffer()];
    const pieces: Uint8Array[] = [];
    const put = (buffer: ArrayBufferLike, byteOffset: number, length: number): boolean => {
      if (pieces.length === PIECES_MAX) return false;
      try {
        pieces.push(new Uint8Array(buffer, byteOffset, length));
      } catch (error) {
        throw memoryGone('a read in flight', error);
      }
      return true;
    };
    return (this.user.nextPieces?.({ put }) ?? 0) > 0 ? pieces : [this.user.nextBuffer()];
  }

  /** Bytes arrive in pieces of at most `piece()` bytes, in the memory that the user names. */
  arrive(bytes: Uint8Array, piece: () => number = () => Number.POSITIVE_INFINITY): void {
    for (let at = 0; at < bytes.length && !this.destroyed; ) {
      const buffers = this.#memory();
      const room = buffers.reduce((sum, { length }) => sum + length, 0);
      const taken = Math.min(room, piece(), bytes.length - at);
      let done = 0;
      for (const buffer of buffers) {
        const part = bytes.subarray(at + done, at + Math.min(taken, done + buffer.length));
        buffer.set(part);
        done += part.length;
      }
      at += taken;
      this.user.received(taken, 0);
    }
  }
}

/** Makes transports and keeps them. */
export class ManualTransports {
  readonly made: ManualTransport[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly make: MakeTransport = (address, user) => {
    const transport = new ManualTransport(address, user);
    this.made.push(transport);
    for (const resolve of this.#waiting.splice(0)) resolve();
    return transport;
  };

  /** The one that is made as the `index`-th. */
  async at(index: number): Promise<ManualTransport> {
    for (;;) {
      const transport = this.made[index];
      if (transport !== undefined) return transport;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
