// What a handshake asks of authentication: one object for each connection that is tried.
import type { DencReader } from '../denc/reader.js';

/** CEPH_AUTH_NONE and CEPH_AUTH_CEPHX in include/ceph_fs.h. */
export const AUTH_NONE = 1;
export const AUTH_CEPHX = 2;

/** Keys of a connection that AUTH_DONE brought. Never to be shown. */
export interface ConnectionKeys {
  /** Signs the handshake; null: nothing is signed. */
  readonly sessionKey: Uint8Array | null;
  /** For secure mode; empty where it was not agreed upon. */
  readonly connectionSecret: Uint8Array;
}

export interface Authenticator {
  /** AUTH_… */
  readonly method: number;
  /** Who this is, for messages: `client.admin`. */
  readonly identity: string;
  /** The payload of AUTH_REQUEST. */
  request(): Uint8Array;
  /** The answer to AUTH_REPLY_MORE. Throws DencError, or EACCES. */
  more(challenge: DencReader): Uint8Array;
  /** AUTH_DONE's payload. Throws DencError, or EACCES. */
  done(globalId: bigint, payload: DencReader): ConnectionKeys;
}
