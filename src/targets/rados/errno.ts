// Error numbers as daemons send them: Linux's, with two that Ceph gave a meaning of its own.
import { constants } from 'node:os';
import type { DioriteError } from '../../base/errors.js';
import { systemError } from '../net/system-error.js';

/** What Linux has and Node's table does not; include/rados.h and include/types.h name the first and last. */
const MORE: readonly (readonly [number, string])[] = [
  [85, 'EOLDSNAPC'],
  [56, 'EBADRQC'],
  [70, 'ECOMM'],
  [77, 'EBADFD'],
  [108, 'EBLOCKLISTED'],
];

const names: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno).map(([name, errno]): [number, string] => [errno, name]),
  [constants.errno.EOPNOTSUPP, 'EOPNOTSUPP'],
  [constants.errno.EAGAIN, 'EAGAIN'],
  ...MORE,
]);

/** Of a result below 0. */
export function errnoName(result: number): string {
  return names.get(Math.abs(result)) ?? `E${Math.abs(result)}`;
}

/** An error that a daemon answered with; `result` is below 0. */
export function daemonError(result: number, message: string): DioriteError {
  return systemError(errnoName(result), message);
}
