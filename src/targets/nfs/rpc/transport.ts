// What carries the bytes: TCP now, TLS over it later. One transport is one connection, and does not outlive its first error.

/** Whoever uses a transport. Called by the transport only, and never again after `closed` or after `destroy`. */
export interface TransportUser {
  /** The server can be sent to. */
  connected(): void;
  /** Where the next bytes go. Asked before each read; the memory is the transport's until `received`, or its end. */
  nextBuffer(): Uint8Array;
  /** The first `bytes` of the last buffer were filled. */
  received(bytes: number): void;
  /** All that `send` was given has left this process. */
  sent(): void;
  /** It broke, could not be made, or the server ended it. */
  closed(error: Error): void;
}

export interface Transport {
  /**
   * Head, payload, `padding` zeros, in this order and without a copy; the memory is the transport's until `sent`, or its
   * end. One at a time.
   */
  send(head: Uint8Array, payload: readonly Uint8Array[], padding: number): void;
  /** Ends it. When this returns, it touches no memory any more; `then` is called when nothing is left of it. */
  destroy(then?: () => void): void;
  /** Whether it keeps the process alive. */
  keepAlive(keep: boolean): void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
  /** To come from a port below 1024, which servers that export `secure` (the default of Linux) ask for. */
  readonly privilegedPort: boolean;
  /** To have a connection in. */
  readonly timeoutMs: number;
}

/** Begins to connect; calls nothing of its user but `nextBuffer` before it returns. */
export type MakeTransport = (address: Address, user: TransportUser) => Transport;

/** `host:port` for messages. */
export function addressName({ host, port }: Pick<Address, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
