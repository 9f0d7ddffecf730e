// What an error says of the bytes of a request: an OSD carries a request out as a whole, or refuses it and changes nothing.
import type { DioriteError } from '../../base/errors.js';
import type { Effect } from '../../transfer/target.js';

/** Refused before anything was written, where the OSD itself says so. */
const REFUSALS: ReadonlySet<string> = new Set([
  'EACCES',
  'EDQUOT',
  'EEXIST',
  'EFBIG',
  'EINVAL',
  'EMSGSIZE',
  'ENAMETOOLONG',
  'ENOENT',
  'ENOSPC',
  'EOPNOTSUPP',
  'ENOTSUP',
  'EPERM',
  'EROFS',
  'EBLOCKLISTED',
]);
/** Nothing happened. */
const RETRY: ReadonlySet<string> = new Set(['EAGAIN', 'EINTR']);

/** Remembers of each error how its request went. */
export class Effects {
  readonly #none: WeakSet<DioriteError> = new WeakSet();

  /** Nothing of the request reached an OSD. */
  noteUnsent(error: DioriteError): void {
    this.#none.add(error);
  }

  /** An OSD answered with it. `repeated`: the request was sent before, and what became of that is not known. */
  noteAnswer(error: DioriteError, repeated: boolean): void {
    if (!repeated && REFUSALS.has(error.code)) this.#none.add(error);
  }

  of(error: DioriteError): Effect {
    if (this.#none.has(error)) return 'none';
    return RETRY.has(error.code) ? 'retry' : 'unknown';
  }
}
