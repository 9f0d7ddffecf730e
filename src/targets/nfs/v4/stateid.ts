// stateid4: a state that the server keeps for a client, an open file for one, and the version of it (RFC 8881 §8.2).
import type { XdrReader } from '../xdr/reader.js';
import { STATEID_BYTES } from './constants.js';

/** As it lies on the wire: the version, then twelve bytes that only the server understands. */
export type Stateid = Uint8Array;

/** All zeros: nobody's open file; for a SETATTR of the size without one (RFC 8881 §8.2.3). */
export const ANONYMOUS_STATEID: Stateid = new Uint8Array(STATEID_BYTES);

/** A copy: it outlives the answer. */
export function readStateid(xdr: XdrReader): Stateid {
  return xdr.fixed(STATEID_BYTES).slice();
}
