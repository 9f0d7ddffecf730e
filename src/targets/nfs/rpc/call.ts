// What the RPC client is asked: a call with its answer's way, and the memory that the payload of a READ's reply goes to.
import type { DioriteError } from '../../../base/errors.js';
import type { SegmentList } from '../../../plan/request.js';
import type { XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';

/** Where the payload lies in the results: `length` bytes from byte `start` on, which is behind its length word. */
export interface PayloadPlace {
  readonly start: number;
  readonly length: number;
}

/** Where the payload of a READ's reply goes, without waiting for the whole reply. */
export interface ReplySink {
  readonly segments: SegmentList;
  /** The most that may come: a server that sends more is not believed. */
  readonly bytes: number;
  /** Enough of the results to hold everything before the payload. */
  readonly headerBytes: number;
  /**
   * Given the first bytes of the results (at least `headerBytes`, or all of them): where the payload is. Null: there is
   * none (an error, or nothing was read). Throws XdrError. May give one object again and again.
   */
  locate(head: XdrReader): PayloadPlace | null;
  /** Set by the connection before the answer: how much went through its staging buffer. */
  copiedBytes: number;
}

/** The owner may reuse it, and its sink, once it was answered. */
export interface RpcCall {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** The arguments. Called later than `call`, and again, to give the same bytes, when they are sent again. */
  encode(xdr: XdrWriter): void;
  readonly sink: ReplySink | null;
  /**
   * For what does harm when it is done twice: once it was sent it is not sent again, and fails with ECONNRESET where the
   * connection breaks before its answer. Default: false.
   */
  readonly once?: boolean;
  /**
   * Accepted and successful; `xdr` stands at the results, whose bytes are there only until this returns: what is kept is
   * copied. With a payload in the sink, the reader holds what came before it (its length word included) and what follows
   * its padding, and `payloadBytes` says how much lies in the sink. `resent`: it was sent more than once. An XdrError
   * thrown here is answered by failed(EIO).
   */
  replied(xdr: XdrReader, resent: boolean, payloadBytes: number): void;
  /** `unsent`: certainly not a byte of it reached the server. */
  failed(error: DioriteError, unsent: boolean): void;
}

/** The awaited form of a call, for everything but READ and WRITE. */
export interface RpcRequest<T> {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** As RpcCall's. */
  readonly once?: boolean;
  encode(xdr: XdrWriter): void;
  /** What it throws rejects the promise; an XdrError as EIO. The reader's bytes are there only until this returns. */
  decode(xdr: XdrReader, resent: boolean): T;
}

/** What a client and a pool of clients have in common. */
export interface Rpc {
  /** `host:port`. */
  readonly name: string;
  /** Calls that wait for an answer. */
  readonly inFlight: number;
  /** Time was up for a call or a connection, or none could be made, and nothing has come from the server since. */
  readonly isSilent: boolean;
  /** Never answers before it returns. */
  call(call: RpcCall): void;
  /** A promise for the results; rejects with a DioriteError. */
  request<T>(request: RpcRequest<T>): Promise<T>;
  /**
   * Gives a call up: it fails with ECANCELED, not before this returns, and once nothing touches its memory any more. The
   * server may carry it out all the same. A connection in the middle of its bytes is destroyed, and the others' calls are
   * sent again on a new one; else the answer that may still come is dropped. False: it is none of the calls in flight.
   * `gone`: told once, later than `failed`: the answer has come after all, or (false) it can come no more.
   */
  abandon(call: RpcCall, gone?: (answered: boolean) => void): boolean;
  /** Fails what is in flight with ERR_DIORITE_CLOSED. Idempotent. */
  close(): Promise<void>;
}
