// The kernel's −errno: those that are looked at by number, and an error of Node's shape for any.
import { getSystemErrorMap } from 'node:util';
import { DioriteError } from '../base/errors.js';

// asm-generic/errno-base.h and errno.h, as results have them.
export const EPERM = -1;
export const ENOENT = -2;
export const EINTR = -4;
export const EIO = -5;
export const ENXIO = -6;
export const EBADF = -9;
export const EAGAIN = -11;
export const EACCES = -13;
export const EBUSY = -16;
export const EINVAL = -22;
export const ESPIPE = -29;
export const ENOSYS = -38;
export const ENODATA = -61;
export const EOPNOTSUPP = -95;
export const ECANCELED = -125;

/** `EIO: i/o error, write '/path'`, as Node words it. `result` is −errno. */
export function errnoError(result: number, syscall: string, path: string): DioriteError {
  const [code, text] = getSystemErrorMap().get(result) ?? [`ERRNO_${-result}`, 'unknown error'];
  return new DioriteError(`${code}: ${text}, ${syscall} '${path}'`, { code, errno: result, syscall, path });
}
