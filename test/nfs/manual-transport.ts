// A connection whose other end is the test: what was sent is kept, and bytes arrive in the pieces that the test says.
import type { Address, MakeTransport, Transport, TransportUser } from '../../src/targets/net/transport.js';

export class ManualTransport implements Transport {
  readonly user: TransportUser;
  readonly address: Address;
  /** By `send`: its parts, put together when they were sent. */
  readonly sent: Buffer[] = [];
  /** How many parts the last `send` had. */
  views = 0;
  readonly localPort = 700;
  destroyed = false;
  reset = false;
  kept = true;

  constructor(address: Address, user: TransportUser) {
    this.address = address;
    this.user = user;
  }

  send(parts: readonly Uint8Array[]): void {
    this.views = parts.length;
    this.sent.push(Buffer.concat(parts));
  }

  destroy(reset: boolean, then?: () => void): void {
    this.destroyed = true;
    this.reset = reset;
    if (then !== undefined) queueMicrotask(then);
  }

  keepAlive(keep: boolean): void {
    this.kept = keep;
  }

  /** Bytes arrive in pieces of at most `piece()` bytes, in the memory that the user names. */
  arrive(bytes: Uint8Array, piece: () => number = () => Number.POSITIVE_INFINITY): void {
    for (let at = 0; at < bytes.length && !this.destroyed; ) {
      const buffer = this.user.nextBuffer();
      const taken = Math.min(buffer.length, piece(), bytes.length - at);
      buffer.set(bytes.subarray(at, at + taken));
      at += taken;
      this.user.received(taken);
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
