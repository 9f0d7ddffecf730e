// The calls that make and end client ids and sessions: they stand outside every session (RFC 8881 §18.35-37, §18.50).
import type { RpcRequest } from '../rpc/call.js';
import type { XdrReader } from '../xdr/reader.js';
import { XdrError } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';
import { CompoundReader, OPERATIONS_MAX, writeCompoundHead } from './compound.js';
import {
  EXCHGID4_FLAG_CONFIRMED_R,
  EXCHGID4_FLAG_USE_NON_PNFS,
  NFS_PROGRAM,
  NFS_VERSION,
  OP,
  OPAQUE_BYTES_MAX,
  PROCEDURE_COMPOUND,
  SESSION_ID_BYTES,
  SP4_NONE,
} from './constants.js';

/** What a session's fore channel carries: channel_attrs4 of RFC 8881 §18.36. */
export interface ChannelLimits {
  readonly requestBytesMax: number;
  readonly responseBytesMax: number;
  readonly cachedBytesMax: number;
  readonly operationsMax: number;
  readonly slots: number;
}

/** client_owner4: the same pair for as long as the client lives, so that a restarted server knows it again. */
export interface ClientOwner {
  readonly id: Uint8Array;
  readonly verifier: Uint8Array;
}

export interface ClientId {
  readonly id: bigint;
  /** Of the next CREATE_SESSION. */
  readonly sequence: number;
  /** The server knew this client, and keeps what it holds open. */
  readonly confirmed: boolean;
}

export interface CreatedSession {
  readonly id: Uint8Array;
  readonly limits: ChannelLimits;
}

/** Enough for the largest answer that must be kept: an OPEN with handle and attributes. */
const CACHED_BYTES = 4096;
/**
 * The back channel is not used, but some servers refuse a session whose back channel could not carry a recall
 * (fs/nfsd/nfs4state.c, check_backchannel_attrs): a page each way, two operations, one slot.
 */
const BACK_BYTES = 4096;
const BACK_OPERATIONS = 2;
const BACK_SLOTS = 1;
/** Of callbacks that never come: the first number that is free for such programs (RFC 5531 §8.2). */
const CALLBACK_PROGRAM = 0x40000000;
const AUTH_NONE = 0;
/** rdma_ird<1> */
const RDMA_READS_MAX = 1;

/** A compound of one operation; what it refuses rejects with a StatusError. */
function alone<T>(
  minorVersion: number,
  operation: number,
  encode: (xdr: XdrWriter) => void,
  decode: (xdr: XdrReader) => T,
): RpcRequest<T> {
  return {
    program: NFS_PROGRAM,
    version: NFS_VERSION,
    procedure: PROCEDURE_COMPOUND,
    encode(xdr) {
      writeCompoundHead(xdr, minorVersion, 1);
      xdr.u32(operation);
      encode(xdr);
    },
    decode: (xdr) => decode(CompoundReader.withoutSequence(xdr).next(operation).xdr),
  };
}

export function exchangeId(minorVersion: number, owner: ClientOwner): RpcRequest<ClientId> {
  return alone(
    minorVersion,
    OP.EXCHANGE_ID,
    (xdr) => {
      xdr.fixed(owner.verifier);
      xdr.opaque(owner.id);
      xdr.u32(EXCHGID4_FLAG_USE_NON_PNFS);
      xdr.u32(SP4_NONE);
      // No nfs_impl_id4: it is for statistics.
      xdr.u32(0);
    },
    readClientId,
  );
}

function readClientId(xdr: XdrReader): ClientId {
  const id = xdr.u64();
  const sequence = xdr.u32();
  const flags = xdr.u32();
  const protection = xdr.u32();
  if (protection !== SP4_NONE) throw new XdrError(`state protection ${protection}, which was not asked for`);
  // server_owner4, server scope: one server is spoken to, by its address.
  xdr.u64();
  xdr.opaque(OPAQUE_BYTES_MAX);
  xdr.opaque(OPAQUE_BYTES_MAX);
  return { id, sequence, confirmed: (flags & EXCHGID4_FLAG_CONFIRMED_R) !== 0 };
}

function writeChannel(
  xdr: XdrWriter,
  bytes: { request: number; response: number; cached: number },
  operations: number,
  slots: number,
): void {
  // No padding before headers.
  xdr.u32(0);
  xdr.u32(bytes.request);
  xdr.u32(bytes.response);
  xdr.u32(bytes.cached);
  xdr.u32(operations);
  xdr.u32(slots);
  // No RDMA.
  xdr.u32(0);
}

function readChannel(xdr: XdrReader): ChannelLimits {
  xdr.u32();
  const limits = {
    requestBytesMax: xdr.u32(),
    responseBytesMax: xdr.u32(),
    cachedBytesMax: xdr.u32(),
    operationsMax: xdr.u32(),
    slots: xdr.u32(),
  };
  const reads = xdr.u32();
  if (reads > RDMA_READS_MAX) throw new XdrError(`rdma_ird of ${reads} words`);
  if (reads === 1) xdr.u32();
  return limits;
}

export function createSession(
  minorVersion: number,
  client: ClientId,
  ask: { readonly messageBytes: number; readonly slots: number },
): RpcRequest<CreatedSession> {
  const fore = { request: ask.messageBytes, response: ask.messageBytes, cached: CACHED_BYTES };
  const back = { request: BACK_BYTES, response: BACK_BYTES, cached: 0 };
  return alone(
    minorVersion,
    OP.CREATE_SESSION,
    (xdr) => {
      xdr.u64(client.id);
      xdr.u32(client.sequence);
      // Flags: not persistent, no back channel on this connection.
      xdr.u32(0);
      writeChannel(xdr, fore, OPERATIONS_MAX, ask.slots);
      writeChannel(xdr, back, BACK_OPERATIONS, BACK_SLOTS);
      xdr.u32(CALLBACK_PROGRAM);
      // callback_sec_parms4<>: one, AUTH_NONE.
      xdr.u32(1);
      xdr.u32(AUTH_NONE);
    },
    (xdr) => {
      const id = xdr.fixed(SESSION_ID_BYTES).slice();
      xdr.u32();
      xdr.u32();
      const limits = readChannel(xdr);
      readChannel(xdr);
      if (limits.slots === 0) throw new XdrError('a session without slots');
      return { id, limits };
    },
  );
}

export function destroySession(minorVersion: number, sessionId: Uint8Array): RpcRequest<void> {
  return alone(
    minorVersion,
    OP.DESTROY_SESSION,
    (xdr) => xdr.fixed(sessionId),
    () => undefined,
  );
}

export function destroyClientId(minorVersion: number, clientId: bigint): RpcRequest<void> {
  return alone(
    minorVersion,
    OP.DESTROY_CLIENTID,
    (xdr) => xdr.u64(clientId),
    () => undefined,
  );
}
