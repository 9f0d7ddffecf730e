// The heads of RPC messages (RFC 5531 §9), written and read for either side.
import { XdrError, type XdrReader } from '../xdr/reader.js';
import type { XdrWriter } from '../xdr/writer.js';

const RPC_VERSION = 2;

/** msg_type */
export const CALL = 0;
export const REPLY = 1;

/** reply_stat */
const MSG_ACCEPTED = 0;
const MSG_DENIED = 1;

/** accept_stat */
export const SUCCESS = 0;
export const PROG_UNAVAIL = 1;
export const PROG_MISMATCH = 2;
export const PROC_UNAVAIL = 3;
export const GARBAGE_ARGS = 4;
export const SYSTEM_ERR = 5;

/** reject_stat */
export const RPC_MISMATCH = 0;
export const AUTH_ERROR = 1;

/** auth_flavor */
export const AUTH_NONE = 0;
export const AUTH_SYS = 1;

/** opaque_auth's body: RFC 5531 §8.2. */
export const AUTH_BODY_BYTES_MAX = 400;

/** An accepted reply with an empty verifier: xid, type, reply_stat, flavor, length, accept_stat. */
export const REPLY_HEADER_BYTES = 24;

/** `credentials`: an opaque_auth as encoded by auth.ts. */
export function writeCallHeader(
  xdr: XdrWriter,
  xid: number,
  program: number,
  version: number,
  procedure: number,
  credentials: Uint8Array,
): void {
  xdr.u32(xid);
  xdr.u32(CALL);
  xdr.u32(RPC_VERSION);
  xdr.u32(program);
  xdr.u32(version);
  xdr.u32(procedure);
  xdr.fixed(credentials);
  writeNoVerifier(xdr);
}

function writeNoVerifier(xdr: XdrWriter): void {
  xdr.u32(AUTH_NONE);
  xdr.u32(0);
}

/** Results follow where the status is SUCCESS; `low` and `high` are PROG_MISMATCH's. */
export function writeAccepted(xdr: XdrWriter, xid: number, status: number, low = 0, high = 0): void {
  xdr.u32(xid);
  xdr.u32(REPLY);
  xdr.u32(MSG_ACCEPTED);
  writeNoVerifier(xdr);
  xdr.u32(status);
  if (status !== PROG_MISMATCH) return;
  xdr.u32(low);
  xdr.u32(high);
}

/** `reason`: RPC_MISMATCH with the versions `detail` … `high`, or AUTH_ERROR with the auth_stat `detail`. */
export function writeDenied(xdr: XdrWriter, xid: number, reason: number, detail: number, high = 0): void {
  xdr.u32(xid);
  xdr.u32(REPLY);
  xdr.u32(MSG_DENIED);
  xdr.u32(reason);
  xdr.u32(detail);
  if (reason === RPC_MISMATCH) xdr.u32(high);
}

/** A call's head; `read` fills it again and again. */
export class CallHeader {
  xid = 0;
  program = 0;
  version = 0;
  procedure = 0;
  credentialFlavor = 0;
  /** A view. */
  credential: Uint8Array = new Uint8Array(0);

  /** Leaves the reader at the arguments. `rpcVersion` other than 2 is the caller's to deny: it is returned. */
  read(xdr: XdrReader): number {
    this.xid = xdr.u32();
    if (xdr.u32() !== CALL) throw new XdrError('the message is no call');
    const rpcVersion = xdr.u32();
    this.program = xdr.u32();
    this.version = xdr.u32();
    this.procedure = xdr.u32();
    this.credentialFlavor = xdr.u32();
    this.credential = xdr.opaque(AUTH_BODY_BYTES_MAX);
    xdr.u32();
    xdr.opaque(AUTH_BODY_BYTES_MAX);
    return rpcVersion;
  }
}

/** A reply's head; `read` fills it again and again. */
export class ReplyHeader {
  xid = 0;
  denied = false;
  /** accept_stat, or reject_stat where denied. */
  status = 0;
  /** auth_stat of an AUTH_ERROR. */
  authStatus = 0;
  /** The versions that the server has, of a mismatch. */
  low = 0;
  high = 0;

  get successful(): boolean {
    return !this.denied && this.status === SUCCESS;
  }

  /** Leaves the reader at the results of a successful one. */
  read(xdr: XdrReader): void {
    this.xid = xdr.u32();
    if (xdr.u32() !== REPLY) throw new XdrError('the message is no reply');
    const replyStatus = xdr.u32();
    if (replyStatus > MSG_DENIED) throw new XdrError(`a reply's status is ${replyStatus}`);
    this.denied = replyStatus === MSG_DENIED;
    if (!this.denied) {
      xdr.u32();
      xdr.opaque(AUTH_BODY_BYTES_MAX);
    }
    this.status = xdr.u32();
    const mismatch = this.denied ? RPC_MISMATCH : PROG_MISMATCH;
    if (this.status > (this.denied ? AUTH_ERROR : SYSTEM_ERR))
      throw new XdrError(`a ${this.denied ? 'denied' : 'accepted'} reply's status is ${this.status}`);
    if (this.status === mismatch) {
      this.low = xdr.u32();
      this.high = xdr.u32();
    } else if (this.denied) this.authStatus = xdr.u32();
  }
}
