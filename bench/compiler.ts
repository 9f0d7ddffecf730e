// Peers in C: compiled when the bench runs, left out with the reason where there is no compiler.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** dist/bench → the repository's bench/c: sources are not copied. */
const SOURCES = fileURLToPath(new URL('../../bench/c/', import.meta.url));

export type Compiled =
  | { readonly path: string; readonly problem: null }
  | { readonly path: null; readonly problem: string };

/** Compiles bench/c/NAME.c with -O2 into the directory. */
export function compile(name: string, directory: string): Compiled {
  const path = join(directory, name);
  const result = spawnSync('cc', ['-O2', '-o', path, join(SOURCES, `${name}.c`)], { encoding: 'utf8' });
  if (result.error !== undefined) return { path: null, problem: `no C compiler: ${result.error.message}` };
  if (result.status !== 0) return { path: null, problem: `cc failed: ${result.stderr.split('\n', 1)[0]}` };
  return { path, problem: null };
}
