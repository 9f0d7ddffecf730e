// Errors in Node's shape: what was called with which path, and on which server and export.
import { DioriteError } from '../../base/errors.js';

export interface Named {
  /** As node:fs has it: `open`, `rename` … */
  readonly syscall: string;
  /** As the caller gave it. */
  readonly path: string;
  readonly dest?: string | undefined;
  /** The URL of what the paths begin at, without its options; absent: `path` is a URL itself. */
  readonly url?: string | undefined;
}

/** It is named once, by who is nearest to what was called. */
class NamedError extends DioriteError {}

/** Errors of arguments and of the library itself say enough as they are. */
function isAnswer({ code }: DioriteError): boolean {
  return /^E[A-Z0-9]+$/.test(code);
}

export function namedError(error: DioriteError, { syscall, path, dest, url }: Named): DioriteError {
  if (error instanceof NamedError || !isAnswer(error)) return error;
  const { code, errno, message } = error;
  const where = url === undefined ? '' : ` in ${url}`;
  const what = dest === undefined ? `'${path}'` : `'${path}' -> '${dest}'`;
  const text = message.startsWith(`${code}: `) ? message : `${code}: ${message}`;
  return new NamedError(`${text}, ${syscall} ${what}${where}`, {
    code,
    errno,
    syscall,
    path,
    dest,
    cause: error,
  });
}

/**
 * `ENOENT: host:2049: LOOKUP "x": NFS4ERR_NOENT (2): no such file or directory, open 'dir/x' in nfs://host/export`: with
 * `code`, `errno`, `syscall`, `path` and `dest` as node:fs has them; `cause` is what the protocol rejected with.
 */
export async function named<T>(names: Named, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof DioriteError ? namedError(error, names) : error;
  }
}
