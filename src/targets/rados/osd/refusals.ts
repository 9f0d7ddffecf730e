// What an OSD would refuse, known before it is sent, and what its refusals mean.
import type { DioriteError } from '../../../base/errors.js';
import { systemError } from '../../net/system-error.js';
import { daemonError } from '../errno.js';
import { appendAlignment, ERASURE, type Pool } from '../osdmap/pool.js';
import * as code from './codes.js';
import type { RequestResult } from './request.js';
import type { Step } from './step.js';

/** MAX_ERRNO: what is beyond it tells where two extents differ. */
const ERRNO_MAX = 4095;

const OMAP_CHANGES: ReadonlySet<number> = new Set([
  code.OP_OMAP_SET_VALUES,
  code.OP_OMAP_SET_HEADER,
  code.OP_OMAP_CLEAR,
  code.OP_OMAP_REMOVE_KEYS,
]);

/** What the pool cannot do: no OSD needs to be asked, and nothing is done. */
export function refusalOf(pool: Pool, steps: readonly Step[]): string | null {
  if (pool.type !== ERASURE) return null;
  const alignment = appendAlignment(pool);
  for (const step of steps) {
    if (OMAP_CHANGES.has(step.code)) return 'objects of erasure-coded pools have no omap';
    if (alignment === 1) continue;
    if (step.code === code.OP_TRUNCATE || step.code === code.OP_ZERO)
      return 'objects of this erasure-coded pool are appended to or replaced, and neither truncated nor zeroed';
    if (step.code === code.OP_WRITE && offsetOf(step) % alignment !== 0)
      return `objects of this erasure-coded pool are appended to at multiples of ${alignment} bytes, not at ${offsetOf(step)}`;
  }
  return null;
}

/** The first field of the union's `extent`. */
function offsetOf({ args }: Step): number {
  return Number(new DataView(args.buffer, args.byteOffset, args.length).getBigUint64(0, true));
}

const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: 'no such object',
  EEXIST: 'there is such an object',
  ENODATA: 'no such attribute',
  ECANCELED: 'what was compared is different',
  ENOSPC: 'the pool or the cluster is full',
  EDQUOT: "the pool's quota is used up",
  EFBIG: 'larger than objects may be (osd_max_object_size)',
  EMSGSIZE: 'more than one request may write (osd_max_write_size)',
  ENAMETOOLONG: 'the name is too long (osd_max_object_name_len)',
  EBLOCKLISTED: 'the cluster has shut this client out',
  EOPNOTSUPP: 'this pool cannot do that: objects of erasure-coded ones are only appended to, at their end',
};

/** Of one of several steps it is said which one failed; `user` asked. */
export function answerError(
  name: string,
  user: string,
  steps: readonly Step[],
  { result, steps: ends }: RequestResult,
): DioriteError {
  const failed = ends.findIndex((end, i) => end.result < 0 && ((steps[i]?.flags ?? 0) & code.OP_FLAG_FAIL_OK) === 0);
  const which = steps.length > 1 && failed >= 0 ? `step ${failed + 1} of ${steps.length}: ` : '';
  return resultError(`${name}: ${which}`, result, `client.${user}`);
}

/** `result`: below 0. */
export function resultError(before: string, result: number, who = 'this user'): DioriteError {
  if (result < -ERRNO_MAX) {
    const text = `${before}byte ${-result - ERRNO_MAX} of what was compared is different`;
    return systemError('ECANCELED', text);
  }
  const { code: name } = daemonError(result, '');
  if (name === 'EPERM' || name === 'EACCES') return daemonError(result, `${before}${who} may not do that in this pool`);
  return daemonError(result, `${before}${MEANINGS[name] ?? `the OSD answers ${result}`}`);
}
