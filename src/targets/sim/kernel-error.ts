// Errors as the kernel's look after Node has shaped them: code, errno, syscall, path.
import { getSystemErrorMap } from 'node:util';
import { assert } from '../../base/assert.js';
import { DioriteError } from '../../base/errors.js';

/** `code` → [errno (negative), message], from Node's own table. */
let table: Map<string, readonly [number, string]> | undefined;

function lookUp(code: string): readonly [number, string] {
  table ??= new Map([...getSystemErrorMap()].map(([errno, [name, message]]) => [name, [errno, message] as const]));
  const found = table.get(code);
  assert(found !== undefined, `${code} is an error of this system`);
  return found;
}

export function kernelError(code: string, syscall: string, path: string, offset: number, length: number): DioriteError {
  const [errno, message] = lookUp(code);
  return new DioriteError(`${code}: ${message}, ${syscall} '${path}'`, { code, errno, syscall, path, offset, length });
}
