// PROFILE.md: where the hot paths spend their time, and what they allocate.
import { type Machine, machineLines } from '../machine.js';
import { shown } from '../report/numbers.js';
import { HOT_PATHS } from './paths.js';
import type { Profiled } from './worker.js';

const FUNCTIONS = 12;
const LEAST_PERCENT = 0.5;

function operationOf(name: string): string {
  return HOT_PATHS.find((path) => path.name === name)?.operation ?? '';
}

function allocationRow(found: Profiled): string {
  const doubt = found.collections === 0 ? '' : ` (at least: ${found.collections} collections came between)`;
  return [
    '',
    found.name,
    `${shown(found.bytesByOperation)}${doubt}`,
    shown(found.keptBytesByOperation),
    found.operations.toLocaleString('en-US'),
    operationOf(found.name),
    '',
  ]
    .join(' | ')
    .trim();
}

function pathSection(found: Profiled): string[] {
  const top = found.selfTimes.filter(({ percent }) => percent >= LEAST_PERCENT).slice(0, FUNCTIONS);
  const rows = top.map(({ name, file, percent }) => `| ${percent.toFixed(1)} | ${name} | ${file} |`);
  const rate = shown(found.operationsPerSecond);
  return [
    `## ${found.name}`,
    '',
    `One operation: ${operationOf(found.name)}. ${rate} a second under the profiler; the thread was idle for ${found.idlePercent.toFixed(0)} % of the time, and of the rest:`,
    '',
    '| % self | function | file |',
    '| ---: | --- | --- |',
    ...rows,
    '',
  ];
}

export function profileText(found: readonly Profiled[], machine: Machine, at: Date): string {
  return [
    '# Where the time goes, and what is allocated',
    '',
    'Written by `npm run bench -- --profile`, each path in a process of its own, warm. Time is sampled by V8’s profiler (that of `--cpu-prof`) every 200 µs; the rates are those of a process that is being watched, and no figures to compare.',
    '',
    ...machineLines(machine).map((line) => `- ${line}`),
    `- ${at.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    '',
    '## Bytes allocated by operation',
    '',
    'The growth of the heap between two collections that are asked for, summed over batches in which no other came: garbage counts as well as what stays. *Kept*: what of it is still there after the last collection.',
    '',
    '| path | bytes an operation | kept | operations | an operation is |',
    '| --- | ---: | ---: | ---: | --- |',
    ...found.map(allocationRow),
    '',
    ...found.flatMap(pathSection),
  ].join('\n');
}
