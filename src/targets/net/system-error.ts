// Errors with the kernel's names, for what goes wrong between us and a server.
import { getSystemErrorMap } from 'node:util';
import { DioriteError } from '../../base/errors.js';

let errnoByCode: ReadonlyMap<string, number> | undefined;

/** `code`: the kernel's name. The number, negative as Node has it, where this system has one. */
export function systemError(code: string, message: string, cause?: unknown): DioriteError {
  errnoByCode ??= new Map([...getSystemErrorMap()].map(([errno, [name]]) => [name, errno]));
  return new DioriteError(`${code}: ${message}`, { code, errno: errnoByCode.get(code), cause });
}
