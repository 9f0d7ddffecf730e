// The one error of all decoders of Ceph's: the bytes are not what the protocol says.
import { constants } from 'node:os';
import { DioriteError } from '../../../base/errors.js';

/** EBADMSG; the message begins with what was being read. */
export class DencError extends DioriteError {
  constructor(what: string, problem: string) {
    super(`EBADMSG: ${what} makes no sense: ${problem}`, { code: 'EBADMSG', errno: -constants.errno.EBADMSG });
  }
}
