// AUTH_SYS (RFC 5531 appendix A): who the caller says that he is. The server believes it, or maps it.
import { hostname } from 'node:os';
import { errors } from '../../../base/errors.js';
import { XdrWriter } from '../xdr/writer.js';
import { AUTH_SYS } from './message.js';

/** RFC 5531 appendix A: authsys_parms. */
export const GIDS_MAX = 16;
const MACHINE_NAME_BYTES_MAX = 255;

export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  /** At most 16. */
  readonly gids: readonly number[];
  /** For the server's logs. Default: this host's name. */
  readonly machineName?: string | undefined;
}

/** The opaque_auth that goes into every call's head: made once for a connection. */
export function encodeCredentials({ uid, gid, gids, machineName }: Credentials): Uint8Array {
  if (gids.length > GIDS_MAX) throw errors.invalidValue('gids', `at most ${GIDS_MAX} groups`, gids.length);
  const body = new XdrWriter();
  // The stamp: any number.
  body.u32(0);
  body.opaque(Buffer.from(machineName ?? hostname()).subarray(0, MACHINE_NAME_BYTES_MAX));
  body.u32(uid);
  body.u32(gid);
  body.u32(gids.length);
  for (const id of gids) body.u32(id);
  const credentials = new XdrWriter();
  credentials.u32(AUTH_SYS);
  credentials.opaque(body.bytes);
  return credentials.bytes;
}
