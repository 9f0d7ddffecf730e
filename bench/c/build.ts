// C programs that figures are measured beside: built with the system's compiler where there is one.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Built {
  readonly program: string | null;
  readonly problem: string;
}

/** The program, or null and why there is none. */
export function buildC(name: string, directory: string, libraries: readonly string[] = []): Built {
  const source = fileURLToPath(new URL(`../../../bench/c/${name}.c`, import.meta.url));
  const program = join(directory, name);
  const { status, error, stderr } = spawnSync('cc', ['-O2', '-Wall', '-o', program, source, ...libraries], {
    encoding: 'utf8',
  });
  if (status === 0) return { program, problem: '' };
  return { program: null, problem: error?.message ?? stderr };
}
