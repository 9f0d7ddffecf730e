// Runs one case in a process of its own: no case finds another's memory, compiled code or files, and a crash ends one.
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { addonReport } from './addon-state.js';
import { CASES } from './cases/index.js';
import type { CaseResult, Context } from './harness.js';
import { describeMachine, watchStolen } from './machine.js';
import { makeScratch } from './scratch.js';
import type { Recorded } from './store.js';

export interface CaseJob {
  readonly name: string;
  readonly runs: number;
  readonly quick: boolean;
  /** Where the scratch directory is made. */
  readonly parent: string;
}

type Outcome = { readonly recorded: Recorded } | { readonly error: string };

const SELF = fileURLToPath(import.meta.url);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** What figures depend on; what the bench writes itself is not among it. */
const SOURCES = ['src', 'native', 'bin', 'bench', ':!bench/results.json', ':!bench/*.md', ':!bench/charts'];

function git(...args: readonly string[]): { readonly status: number | null; readonly stdout: string } {
  return spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
}

function commit(): string | null {
  const { status, stdout } = git('rev-parse', '--short', 'HEAD');
  if (status !== 0) return null;
  return `${stdout.trim()}${git('diff', '--quiet', 'HEAD', '--', ...SOURCES).status === 0 ? '' : '+'}`;
}

/** What is kept names no path of the machine. */
function withoutPaths(result: CaseResult, ...paths: readonly string[]): CaseResult {
  const clean = (_: string, value: unknown): unknown =>
    typeof value === 'string' ? paths.reduce((text, path) => text.replaceAll(path, '…'), value) : value;
  return JSON.parse(JSON.stringify(result, clean)) as CaseResult; // the same shape
}

async function carryOut(job: CaseJob): Promise<Recorded> {
  const found = CASES.find(({ name }) => name === job.name);
  if (found === undefined) throw new RangeError(`there is no case ${job.name}`);
  const scratch = makeScratch(job.parent);
  try {
    const machine = describeMachine(scratch.directory);
    const context: Context = {
      directory: scratch.directory,
      runs: job.runs,
      quick: job.quick,
      say: (line) => process.stderr.write(`${line}\n`),
    };
    const stolen = watchStolen();
    const result = await found.run(context);
    return {
      ...withoutPaths(result, scratch.directory, ROOT),
      at: new Date().toISOString(),
      quick: job.quick,
      addon: addonReport().state,
      commit: commit(),
      peakMib: result.ownPeakMib ?? process.resourceUsage().maxRSS / 1024,
      stolenPercent: stolen(),
      machine,
    };
  } finally {
    scratch.remove();
  }
}

function ended(child: ChildProcess, outcome: () => Outcome | undefined): Promise<Recorded> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      const seen = outcome();
      if (seen === undefined) reject(new Error(`its process ended with ${signal ?? `exit code ${code}`}`));
      else if ('error' in seen) reject(new Error(seen.error));
      else resolve(seen.recorded);
    });
  });
}

/** Rejects with what the case threw. */
export function runInProcess(job: CaseJob): Promise<Recorded> {
  const child = fork(SELF, [JSON.stringify(job)]);
  let outcome: Outcome | undefined;
  child.on('message', (message) => {
    outcome = message as Outcome; // of the last lines of this file
  });
  return ended(child, () => outcome);
}

if (process.argv[1] === SELF && process.send !== undefined) {
  const job = JSON.parse(process.argv[2] ?? '') as CaseJob; // of runInProcess
  // Whoever ends the parent ends this, and with it its files. Waiting for that keeps no process alive.
  process.once('disconnect', () => process.exit());
  process.channel?.unref();
  let outcome: Outcome;
  try {
    outcome = { recorded: await carryOut(job) };
  } catch (error) {
    outcome = { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    process.exitCode = 1;
  }
  process.send(outcome, () => process.disconnect());
}
