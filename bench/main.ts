// `npm run bench`: every figure with its peer beside it in the same run.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CASES } from './cases/index.js';
import type { Case, CaseResult, Context } from './harness.js';
import { describeMachine, type Machine, machineLines } from './machine.js';
import { HELP, type Options, parseOptions } from './options.js';
import { report } from './report.js';
import { makeScratch } from './scratch.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
function chosenCases({ cases }: Options): readonly Case[] {
  const names = CASES.map(({ name }) => name);
  const isMeant = (name: string, asked: string): boolean => name === asked || name.startsWith(`${asked}-`);
  for (const asked of cases) {
    if (!names.some((name) => isMeant(name, asked)))
      throw new RangeError(`--case takes one of ${names.join(', ')}, or what several begin with, not "${asked}"`);
  }
  return cases.length === 0 ? CASES : CASES.filter(({ name }) => cases.some((asked) => isMeant(name, asked)));
}

function writeJson(path: string, machine: Machine, quick: boolean, results: readonly CaseResult[]): void {
  mkdirSync(dirname(path), { recursive: true });
  const at = new Date().toISOString();
  writeFileSync(path, `${JSON.stringify({ at, quick, machine, results }, null, 2)}\n`);
}

async function runCases(options: Options, chosen: readonly Case[]): Promise<void> {
  const scratch = makeScratch(options.directory ?? join(ROOT, '.tmp'));
  try {
    const context: Context = {
      directory: scratch.directory,
      runs: options.runs,
      quick: options.quick,
      say: (line) => process.stderr.write(`${line}\n`),
    };
    const machine = describeMachine(scratch.directory);
    console.log([...machineLines(machine), ''].join('\n'));
    if (options.quick) console.log('--quick: too little data and too few runs to judge by\n');
    const results: CaseResult[] = [];
    const path = options.json ?? join(ROOT, 'bench', 'results', 'latest.local.json');
    for (const chosenCase of chosen) {
      const result = await chosenCase.run(context);
      console.log(report(result));
      results.push(result);
      writeJson(path, machine, options.quick, results);
    }
    console.log(`written to ${path}`);
  } finally {
    scratch.remove();
  }
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) process.stdout.write(HELP);
  else await runCases(options, chosenCases(options));
}

try {
  await main();
} catch (error) {
  console.error(error instanceof RangeError || error instanceof TypeError ? error.message : error);
  process.exitCode = 1;
}
