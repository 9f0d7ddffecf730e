// `npm run bench`: every figure with its peer beside it in the same run.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonBanner, addonReport } from './addon-state.js';
import { CASES, GROUPS } from './cases/index.js';
import type { Case } from './harness.js';
import { machineLines } from './machine.js';
import { HELP, type Options, parseOptions } from './options.js';
import { runProfiles } from './profile/run.js';
import { withFigures } from './report/readme.js';
import { textOf } from './report/text.js';
import { writeReport } from './report/write.js';
import { runInProcess } from './run-case.js';
import { mergeResults, type Recorded, readStore, writeStore } from './store.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const KEPT = join(ROOT, 'bench');
const README = join(ROOT, 'README.md');
/** What is tried out: not in the repository. */
const LOCAL = join(ROOT, 'bench', 'local');

function isMeant(name: string, asked: string): boolean {
  return name === asked || name.startsWith(`${asked}-`);
}

function chosenCases({ names }: Options): readonly Case[] {
  const all = CASES.map(({ name }) => name);
  for (const asked of names) {
    if (!all.some((name) => isMeant(name, asked)))
      throw new RangeError(`a case is one of ${all.join(', ')}, or what several begin with, not "${asked}"`);
  }
  return names.length === 0 ? CASES : CASES.filter(({ name }) => names.some((asked) => isMeant(name, asked)));
}

/** Kept after each case: an interrupted run loses one. */
function keep(options: Options, recorded: Recorded): void {
  const folder = options.quick ? LOCAL : KEPT;
  const path = options.json ?? join(folder, 'results.json');
  const results = mergeResults(readStore(path), [recorded]);
  writeStore(path, results);
  if (options.json !== undefined) return;
  writeReport(folder, results);
  if (folder === KEPT) writeReadme(results);
}

function writeReadme(results: readonly Recorded[]): void {
  writeFileSync(README, withFigures(readFileSync(README, 'utf8'), results));
}

async function runCases(options: Options): Promise<void> {
  const parent = options.directory ?? join(ROOT, '.tmp');
  const failed: string[] = [];
  let machineTold = false;
  for (const { name } of chosenCases(options)) {
    try {
      const recorded = await runInProcess({ name, runs: options.runs, quick: options.quick, parent });
      if (!machineTold) console.log([...machineLines(recorded.machine), ''].join('\n'));
      machineTold = true;
      console.log(textOf(recorded));
      keep(options, recorded);
    } catch (error) {
      failed.push(name);
      console.error(`${name} FAILED: ${error instanceof Error ? error.message : String(error)}\n`);
    }
  }
  if (options.quick) console.log('--quick: too little data and too few runs to judge by\n');
  if (failed.length > 0) throw new RangeError(`these cases failed and have no figures: ${failed.join(', ')}`);
}

function render({ names }: Options): void {
  const path = join(KEPT, 'results.json');
  const results = mergeResults(readStore(path), ...names.map((name) => readStore(name)));
  writeStore(path, results);
  writeReport(KEPT, results);
  writeReadme(results);
  console.log(`bench/REPORT.md: ${results.length} of ${CASES.length} cases`);
}

async function runLoudly(options: Options): Promise<void> {
  const banner = addonBanner(addonReport());
  process.stderr.write(banner);
  try {
    await runCases(options);
  } finally {
    process.stderr.write(banner);
  }
}

async function profile({ names, directory }: Options): Promise<void> {
  const banner = addonBanner(addonReport());
  process.stderr.write(banner);
  // Of some paths only: the page that is kept has all of them.
  const page = join(names.length === 0 ? KEPT : LOCAL, 'PROFILE.md');
  await runProfiles({ names, parent: directory ?? join(ROOT, '.tmp'), page });
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  if (options.mode === 'help') process.stdout.write(HELP);
  else if (options.mode === 'list') {
    for (const { title, cases } of GROUPS) console.log(`${title}: ${cases.map(({ name }) => name).join(', ')}`);
  } else if (options.mode === 'render') render(options);
  else if (options.mode === 'profile') await profile(options);
  else await runLoudly(options);
}

try {
  await main();
} catch (error) {
  console.error(error instanceof RangeError || error instanceof TypeError ? error.message : error);
  process.exitCode = 1;
}
