// ONC RPC on the server's side: heads of calls, heads of replies, refusals. RFC 5531 §9.
import { XdrError, type XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import type { RpcRefusal } from './faults.js';

const CALL = 0;
const REPLY = 1;
const AUTH_NONE = 0;
const AUTH_SYS = 1;
const AUTH_BYTES_MAX = 400;
const MACHINE_NAME_MAX = 255;
const GIDS_MAX = 16;

export interface Credentials {
  readonly flavor: number;
  readonly uid: number;
  readonly gid: number;
  readonly gids: readonly number[];
  readonly machine: string;
}

export interface CallHead {
  readonly xid: number;
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly credentials: Credentials;
}

/** Reads the head of a message; null: it is a reply (to a call of the server's own). What is wrong is thrown. */
export function readCallHead(xdr: XdrReader): CallHead | null {
  const xid = xdr.u32();
  const type = xdr.u32();
  if (type === REPLY) return null;
  if (type !== CALL) throw new XdrError(`a message of type ${type}`);
  const rpcVersion = xdr.u32();
  if (rpcVersion !== 2) throw new XdrError(`RPC version ${rpcVersion}`);
  const [program, version, procedure] = [xdr.u32(), xdr.u32(), xdr.u32()];
  const credentials = readCredentials(xdr);
  const verifierFlavor = xdr.u32();
  const verifierBytes = xdr.opaque(AUTH_BYTES_MAX).length;
  if (verifierFlavor !== AUTH_NONE || verifierBytes !== 0) throw new XdrError('a verifier other than AUTH_NONE');
  return { xid, program, version, procedure, credentials };
}

function readCredentials(xdr: XdrReader): Credentials {
  const flavor = xdr.u32();
  const length = xdr.u32();
  if (length > AUTH_BYTES_MAX) throw new XdrError(`credentials of ${length} bytes`);
  if (flavor !== AUTH_SYS) {
    xdr.fixed(length);
    return { flavor, uid: 65534, gid: 65534, gids: [], machine: '' };
  }
  const from = xdr.offset;
  xdr.u32(); // the stamp: any number
  const machine = xdr.string(MACHINE_NAME_MAX);
  const [uid, gid, count] = [xdr.u32(), xdr.u32(), xdr.u32()];
  if (count > GIDS_MAX) throw new XdrError(`AUTH_SYS with ${count} groups`);
  const gids = Array.from({ length: count }, () => xdr.u32());
  if (xdr.offset - from !== length) throw new XdrError(`AUTH_SYS of ${xdr.offset - from} bytes announced as ${length}`);
  return { flavor, uid, gid, gids, machine };
}

/** The head of a reply that was accepted and successful; results follow. */
export function acceptedReply(xid: number): XdrWriter {
  const out = new XdrWriter();
  for (const word of [xid, REPLY, 0, AUTH_NONE, 0, 0]) out.u32(word);
  return out;
}

/** What follows the xid. Accepted: REPLY, 0, an empty verifier, accept_stat; denied: REPLY, 1, reject_stat. */
const REFUSALS: Readonly<Record<RpcRefusal, readonly number[]>> = {
  'prog unavail': [REPLY, 0, AUTH_NONE, 0, 1],
  'prog mismatch': [REPLY, 0, AUTH_NONE, 0, 2],
  'proc unavail': [REPLY, 0, AUTH_NONE, 0, 3],
  'garbage args': [REPLY, 0, AUTH_NONE, 0, 4],
  'system err': [REPLY, 0, AUTH_NONE, 0, 5],
  'denied mismatch': [REPLY, 1, 0, 2, 2],
  // AUTH_BADCRED
  'denied auth': [REPLY, 1, 1, 1],
  'unknown message type': [7],
  'unknown reply status': [REPLY, 9],
  'unknown accept status': [REPLY, 0, AUTH_NONE, 0, 77],
  'unknown reject status': [REPLY, 1, 55],
};

/** `versions`: the lowest and highest that there are, for a program that lacks the one asked for. */
export function refusal(xid: number, how: RpcRefusal, versions: readonly [number, number]): Buffer {
  const words = [xid, ...REFUSALS[how], ...(how === 'prog mismatch' ? versions : [])];
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, index * 4);
  return bytes;
}

/** A call of the server's own to the client: RFC 8881 §20, CB_NULL and CB_COMPOUND without operations. */
export function callbackCall(xid: number, program: number, procedure: 0 | 1): Buffer {
  const head = [xid, CALL, 2, program, 1, procedure, AUTH_NONE, 0, AUTH_NONE, 0];
  // An empty tag, minor version 1, callback_ident, no operations.
  const words = procedure === 0 ? head : [...head, 0, 1, 0, 0];
  const bytes = Buffer.alloc(words.length * 4);
  for (const [index, word] of words.entries()) bytes.writeUInt32BE(word, index * 4);
  return bytes;
}
