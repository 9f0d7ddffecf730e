// What carries the bytes: TCP now, TLS over it later. One transport is one connection, and does not outlive its first error.
import type { DioriteError } from '../../base/errors.js';
import type { SegmentList } from '../../plan/request.js';

/** Pieces of memory that one read fills, one after the other. */
export interface Pieces {
  /** False: it takes no more, or cannot reach this memory. Throws ERR_DIORITE_DETACHED. */
  put(buffer: ArrayBufferLike, byteOffset: number, length: number): boolean;
}

/** Whoever uses a transport. Called by the transport only, and never again after `closed` or after `destroy`. */
export interface TransportUser {
  /** The server can be sent to. */
  connected(): void;
  /** Where the next bytes go. Asked before each read; the memory is the transport's until `received`, or its end. */
  nextBuffer(): Uint8Array;
  /**
   * The same, for transports that fill several pieces of memory at once, and asked first: how many bytes they hold. 0, or
   * absent: `nextBuffer` is asked.
   */
  nextPieces?(pieces: Pieces): number;
  /**
   * The first `bytes` of the last buffer, or of the last pieces, were filled, `copiedBytes` of them by a copy. False: no
   * more in this turn of the event loop.
   */
  received(bytes: number, copiedBytes: number): boolean;
  /** All that `send` was given has left this process. */
  sent(): void;
  /** It broke, could not be made, or the server ended it. */
  closed(error: DioriteError): void;
}

export interface Transport {
  /**
   * The first `bytes` of the segments go with the next `send`, right after its first part and without a copy: the memory
   * is the transport's until `sent`, or its end. Throws ERR_DIORITE_DETACHED; nothing is loaded then.
   */
  load(segments: SegmentList, bytes: number): void;
  /**
   * The parts, in this order and without a copy: their memory, not the list, is the transport's until `sent`, or its end.
   * At least one; one call at a time.
   */
  send(parts: readonly Uint8Array[]): void;
  /**
   * Ends it. When this returns, it touches no memory any more; `then` is called when nothing is left of it. `reset`: at
   * once for the server as well, and its port is free again.
   */
  destroy(reset: boolean, then?: () => void): void;
  /** From here on a piece of memory is better read into straight from the socket than copied to. */
  readonly directBytes: number;
  /** Where it comes from: known while it is connected. */
  readonly localPort: number | null;
  /**
   * Whether bytes came or went, since it was last asked, that its user was not told of, for they are not yet all of what
   * one read or send is about. Absent: every byte is told.
   */
  moved?(): boolean;
  /** Whether it keeps the process alive. */
  keepAlive(keep: boolean): void;
}

export interface Address {
  readonly host: string;
  readonly port: number;
  /** To come from a port below 1024, which servers that export `secure` (the default of Linux) ask for. */
  readonly privilegedPort: boolean;
  /**
   * Where to come from, if that can be had: servers know a call that is sent again by its xid and the port (measured with
   * ganesha: a MKDIR sent again is answered 0 from the old port, EXIST from another).
   */
  readonly localPort: number | null;
  /** To have a connection in. */
  readonly timeoutMs: number;
}

/** Begins to connect; calls nothing of its user but `nextBuffer` before it returns. */
export type MakeTransport = (address: Address, user: TransportUser) => Transport;

/** `host:port` for messages. */
export function addressName({ host, port }: Pick<Address, 'host' | 'port'>): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
