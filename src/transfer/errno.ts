// From the kernel's −errno to an error of Node's shape.
import { getSystemErrorMap } from 'node:util';
import { DioriteError } from '../base/errors.js';

/** `EIO: i/o error, write '/path'`, as Node words it. `result` is −errno. */
export function errnoError(result: number, syscall: string, path: string): DioriteError {
  const [code, text] = getSystemErrorMap().get(result) ?? [`ERRNO_${-result}`, 'unknown error'];
  return new DioriteError(`${code}: ${text}, ${syscall} '${path}'`, { code, errno: result, syscall, path });
}
