// `npm run bench -- --profile`: each hot path in a process of its own.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeMachine } from '../machine.js';
import { runProcess } from '../processes.js';
import { makeScratch } from '../scratch.js';
import { profileText } from './page.js';
import { HOT_PATHS } from './paths.js';
import type { Profiled } from './worker.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
const SECONDS = 3;
/** In megabytes, each of two halves: what a batch allocates must fit. */
const YOUNG_MB = 128;
const FLAGS = ['--expose-gc', `--min-semi-space-size=${YOUNG_MB}`, `--max-semi-space-size=${YOUNG_MB}`];

export interface ProfileJob {
  /** Of paths; none: all. */
  readonly names: readonly string[];
  readonly parent: string;
  /** Where the page is written. */
  readonly page: string;
}

export async function runProfiles({ names, parent, page }: ProfileJob): Promise<void> {
  const all = HOT_PATHS.map(({ name }) => name);
  for (const name of names)
    if (!all.includes(name)) throw new RangeError(`a hot path is one of ${all.join(', ')}, not "${name}"`);
  const chosen = names.length === 0 ? all : all.filter((name) => names.includes(name));
  const scratch = makeScratch(parent);
  try {
    const found: Profiled[] = [];
    for (const name of chosen) {
      process.stderr.write(`profile: ${name}\n`);
      const directory = mkdtempSync(join(scratch.directory, 'path-'));
      const { stdout } = await runProcess(
        process.execPath,
        [...FLAGS, WORKER, name, directory, String(SECONDS)],
        false,
      );
      rmSync(directory, { recursive: true, force: true });
      found.push(JSON.parse(stdout) as Profiled); // as the worker prints it
      // Kept after each path: an interrupted run loses one.
      mkdirSync(dirname(page), { recursive: true });
      writeFileSync(page, profileText(found, describeMachine(scratch.directory), new Date()));
    }
    console.log(profileText(found, describeMachine(scratch.directory), new Date()));
  } finally {
    scratch.remove();
  }
}
