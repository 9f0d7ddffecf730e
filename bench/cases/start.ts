// Case `start`: what importing the library, and starting the command line, takes on top of a bare node.
import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  rowsOf,
  type Verdict,
} from '../harness.js';
import { median } from '../statistics.js';

const LIBRARY = new URL('../../src/index.js', import.meta.url).href;
const CLI = fileURLToPath(new URL('../../../bin/diorite.js', import.meta.url));
const RUNS = 31;
const IMPORT_MS_MAX = 20;
const CLI_MS_MAX = 100;

function contender(name: string, args: readonly string[]): Contender {
  const measure: Contender['measure'] = async () => {
    const started = performance.now();
    const { status } = spawnSync(process.execPath, [...args], { stdio: 'ignore' });
    if (status !== 0) throw new Error(`${name}: exit code ${status}`);
    return { value: performance.now() - started };
  };
  return { name, measure };
}

function judge(bar: string, given: readonly number[], bare: readonly number[], mostMs: number): Verdict {
  const overMs = median(given) - median(bare);
  return {
    bar: `${bar} ≤ ${mostMs} ms over a bare node`,
    measured: `${overMs.toFixed(1)} ms`,
    passed: overMs <= mostMs,
  };
}

async function run(context: Context): Promise<CaseResult> {
  const runs = context.runs || (context.quick ? 5 : RUNS);
  const contenders = [
    contender('bare node', ['-e', '0']),
    contender('import of the library', ['-e', `import(${JSON.stringify(LIBRARY)})`]),
    contender('diorite --version', [CLI, '--version']),
  ];
  context.say(`start: ${runs} runs of three processes`);
  for (const { measure } of contenders) await measure(); // the files are in the page cache from here on
  const all = await interleave(contenders, runs);
  const [bare = [], library = [], cli = []] = all.map(({ values }) => values);
  return {
    name: 'start',
    title: 'Start: whole processes',
    unit: 'ms',
    better: 'lower',
    runs,
    // What is on top of it is the figure here; a ratio would say nothing.
    rows: rowsOf(all, 'lower').map((row) => ({ ...row, ratio: null })),
    verdicts: [
      judge('import of the library', library, bare, IMPORT_MS_MAX),
      judge('start of the command line', cli, bare, CLI_MS_MAX),
    ],
    notes: [],
    ours: ['import of the library', 'diorite --version'],
  };
}

export const startCase: Case = { name: 'start', run };
