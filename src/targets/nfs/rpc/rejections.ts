// What goes wrong between client and server below the protocol's own statuses, as errors that name the server.
import type { DioriteError } from '../../../base/errors.js';
import { systemError } from '../../net/system-error.js';
import { XdrError } from '../xdr/reader.js';
import {
  GARBAGE_ARGS,
  PROC_UNAVAIL,
  PROG_MISMATCH,
  PROG_UNAVAIL,
  type ReplyHeader,
  RPC_MISMATCH,
  SUCCESS,
  SYSTEM_ERR,
} from './message.js';

export { systemError };

/** auth_stat: RFC 5531 §9. */
const AUTH_STATUS: readonly string[] = [
  'AUTH_OK',
  'AUTH_BADCRED',
  'AUTH_REJECTEDCRED',
  'AUTH_BADVERF',
  'AUTH_REJECTEDVERF',
  'AUTH_TOOWEAK',
  'AUTH_INVALIDRESP',
  'AUTH_FAILED',
];

/** Programs that clients of NFS call, as people call them. */
const PROGRAM_NAMES: ReadonlyMap<number, string> = new Map([
  [100000, 'PORTMAP'],
  [100003, 'NFS'],
  [100005, 'MOUNT'],
]);

export function nonsense(server: string, error: XdrError): DioriteError {
  return systemError('EIO', `the answer of ${server} makes no sense: ${error.message}`, error);
}

interface Called {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
}

/** Why the server did not carry the call out. */
export function rejection(server: string, { program, version, procedure }: Called, reply: ReplyHeader): DioriteError {
  const name = PROGRAM_NAMES.get(program) ?? `program ${program}`;
  const { status, low, high, authStatus } = reply;
  if (reply.denied) {
    if (status === RPC_MISMATCH) return systemError('EPROTONOSUPPORT', `${server} speaks RPC ${low} to ${high}, not 2`);
    const why = AUTH_STATUS[authStatus] ?? `auth_stat ${authStatus}`;
    return systemError('EACCES', `${server} refuses these credentials: ${why}`);
  }
  if (status === PROG_UNAVAIL) return systemError('EPROTONOSUPPORT', `${server} does not offer ${name}`);
  if (status === PROG_MISMATCH)
    return systemError('EPROTONOSUPPORT', `${server} offers ${name} in versions ${low} to ${high}, not ${version}`);
  if (status === PROC_UNAVAIL)
    return systemError('ENOTSUP', `${server} does not offer procedure ${procedure} of ${name} ${version}`);
  if (status === GARBAGE_ARGS)
    return systemError('EIO', `${server} cannot decode procedure ${procedure} of ${name} ${version}: GARBAGE_ARGS`);
  if (status === SYSTEM_ERR) return systemError('EREMOTEIO', `${server} failed within itself: SYSTEM_ERR`);
  return nonsense(server, new XdrError(status === SUCCESS ? 'it is no rejection' : `accept_stat ${status}`));
}
