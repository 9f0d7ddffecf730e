// What an error of a server says of the bytes that it is about.
import type { DioriteError } from '../../base/errors.js';
import type { Direction } from '../../plan/limits.js';
import type { Effect } from '../../transfer/target.js';

/** Refused before anything was written: RFC 1813 §3.3.7, RFC 8881 §18.32. */
const NO_EFFECT = new Set(['EACCES', 'EPERM', 'EROFS', 'ESTALE', 'EISDIR', 'EBADF', 'EINVAL', 'ERR_DIORITE_DETACHED']);
/** Nothing happened: a server that is busy with this file for the moment (NFS4ERR_LOCKED, DENIED). */
const RETRY = new Set(['EAGAIN', 'EINTR']);
/** COMMIT was not answered, or not sent: the server may still have what it took. */
const OUT_OF_REACH = new Set([
  'ETIMEDOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ECANCELED',
]);

export function isOutOfReach({ code }: DioriteError): boolean {
  return OUT_OF_REACH.has(code);
}

/** Remembers of each error how its call went. */
export class Effects {
  readonly #unsent: WeakSet<DioriteError> = new WeakSet();
  readonly #repeated: WeakSet<DioriteError> = new WeakSet();

  /** As IoCall's `failed` has it. */
  note(error: DioriteError, unsent: boolean, repeated: boolean): void {
    if (unsent) this.#unsent.add(error);
    if (repeated) this.#repeated.add(error);
  }

  of(error: DioriteError, direction: Direction): Effect {
    if (this.#unsent.has(error)) return 'none';
    // What is refused now may have been written by the sending before, whose answer is lost.
    if (direction === 'write' && this.#repeated.has(error)) return 'unknown';
    if (RETRY.has(error.code)) return 'retry';
    return direction === 'write' && NO_EFFECT.has(error.code) ? 'none' : 'unknown';
  }
}
