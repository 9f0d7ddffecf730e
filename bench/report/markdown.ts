// REPORT.md: what was measured, beside what, on what, and what fell short.
import type { Verdict } from '../harness.js';
import { machineLines } from '../machine.js';
import type { Recorded } from '../store.js';
import { day, shown } from './numbers.js';
import type { Section } from './svg/overview.js';

/** File names of a case's charts, in the order in which they are shown. */
export type Charts = ReadonlyMap<string, readonly string[]>;

const MARKS = { pass: 'pass', short: '**SHORT**', open: 'not judged' } as const;

function mark({ passed }: Verdict): string {
  if (passed === null) return MARKS.open;
  return passed ? MARKS.pass : MARKS.short;
}

/** A bar in a table would end its cell. */
function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string[] {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...lines].map((cells) => `| ${cells.map(cell).join(' | ')} |`);
}

function rowTable(result: Recorded): string[] {
  if (result.rows.length === 0) return [];
  const extras = [...new Set(result.rows.flatMap((row) => Object.keys(row.extras)))];
  const head = [result.unit, 'median', 'min', 'max', 'ours is', ...extras];
  const lines = result.rows.map((row) => [
    row.name,
    shown(row.median),
    shown(row.min),
    shown(row.max),
    row.ratio === null ? '' : `${shown(row.ratio.median)} × (${shown(row.ratio.min)} to ${shown(row.ratio.max)})`,
    ...extras.map((name) => (name in row.extras ? shown(row.extras[name] ?? Number.NaN) : '')),
  ]);
  return [...table(head, lines), ''];
}

function verdictTable(verdicts: readonly Verdict[]): string[] {
  if (verdicts.length === 0) return [];
  const lines = verdicts.map((verdict) => [`${verdict.bar}`, verdict.measured, mark(verdict)]);
  return [
    '| bar | measured | |',
    '| --- | --- | --- |',
    ...lines.map((cells) => `| ${cells.map(cell).join(' | ')} |`),
    '',
  ];
}

function plotTables({ plots = [] }: Recorded): string[] {
  return plots.flatMap((plot) => {
    const places = [...new Set(plot.curves.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
    const lines = plot.curves.map((curve) => [
      curve.name,
      ...places.map((place) => shown(curve.points.find(({ x }) => x === place)?.median ?? Number.NaN)),
    ]);
    const unit = plot.xUnit === 'bytes' ? 'KiB' : '';
    const heads = places.map((place) => (plot.xUnit === 'bytes' ? `${shown(place / 1024)} ${unit}` : String(place)));
    const body = table([plot.yLabel, ...heads], lines);
    return [`<details><summary>${plot.title}: the figures</summary>`, '', ...body, '', '</details>', ''];
  });
}

/** What makes a result less than it seems. */
function caveats(result: Recorded): string[] {
  const found: string[] = [];
  if (result.quick) found.push('**quick run: not to judge by**');
  if (result.addon !== 'built') found.push(`**the native addon was ${result.addon}**`);
  const stolen = result.stolenPercent ?? 0;
  if (stolen >= 1) found.push(`the hypervisor gave ${shown(stolen)} % of the processors to others meanwhile`);
  return found;
}

function caseSection(result: Recorded, charts: readonly string[], machineName: string): string[] {
  const commit = result.commit === null ? '' : `, sources ${result.commit}`;
  const runs = result.runs > 1 ? `, ${result.runs} interleaved runs` : '';
  const medium = result.medium === undefined ? '' : `, on ${result.medium}`;
  const facts = [`${day(result)} UTC${runs}${medium}${commit}${machineName}`, ...caveats(result)].join('; ');
  return [
    `### ${result.name}: ${result.title}`,
    '',
    `${facts}`,
    '',
    ...charts.flatMap((name) => [`![${result.title}](charts/${name})`, '']),
    ...verdictTable(result.verdicts),
    ...rowTable(result),
    ...plotTables(result),
    ...result.notes.map((note) => `- ${note}`),
    ...(result.notes.length > 0 ? [''] : []),
  ];
}

function machineSection(results: readonly Recorded[], names: ReadonlyMap<string, string>): string[] {
  const lines: string[] = ['## Measured on', ''];
  for (const [key, name] of names) {
    const result = results.find(({ machine }) => JSON.stringify(machine) === key);
    if (result === undefined) continue;
    const prefix = names.size > 1 ? `Machine ${name}: ` : '';
    lines.push(...machineLines(result.machine).map((line, i) => `- ${i === 0 ? prefix : ''}${line}`), '');
  }
  return lines;
}

function countLine(results: readonly Recorded[]): string {
  const verdicts = results.flatMap((result) => result.verdicts);
  const count = (wanted: boolean | null): number => verdicts.filter(({ passed }) => passed === wanted).length;
  const open = count(null) === 0 ? '' : `, ${count(null)} could not be judged here`;
  return `**${count(true)} bars are passed, ${count(false)} fall short${open}.**`;
}

/** What falls short stands first: nobody should have to look for it. */
function shortSection(results: readonly Recorded[]): string[] {
  const lines = results.flatMap((result) =>
    result.verdicts
      .filter(({ passed }) => passed !== true)
      .map((verdict) => [result.name, verdict.bar, verdict.measured, mark(verdict)]),
  );
  if (lines.length === 0) return [];
  const body = lines.map((cells) => `| ${cells.map(cell).join(' | ')} |`);
  return [
    '## What falls short, or was not judged',
    '',
    '| case | bar | measured | |',
    '| --- | --- | --- | --- |',
    ...body,
    '',
  ];
}

export function reportText(sections: readonly Section[], charts: Charts, missing: readonly string[]): string {
  const results = sections.flatMap((section) => section.results);
  const keys = [...new Set(results.map(({ machine }) => JSON.stringify(machine)))];
  const names = new Map(keys.map((key, i) => [key, String.fromCharCode(65 + i)]));
  const nameOf = ({ machine }: Recorded): string =>
    names.size > 1 ? `, machine ${names.get(JSON.stringify(machine)) ?? '?'}` : '';
  const overview = charts.get('') ?? [];
  const without = results.filter(({ addon }) => addon !== 'built').map(({ name }) => name);
  return [
    '# Figures',
    '',
    'Written by `npm run bench`; [docs/Bench.md](../docs/Bench.md) says how they are made and how to make them again. Each row was measured beside its peer in one run of interleaved rounds.',
    '',
    countLine(results),
    '',
    ...(without.length > 0
      ? [`> **Without the native addon, and so not of the library as it is meant to run: ${without.join(', ')}.**`, '']
      : []),
    ...(missing.length > 0 ? [`> **Not measured yet: ${missing.join(', ')}.**`, ''] : []),
    ...overview.flatMap((name) => [`![How many times its peer](charts/${name})`, '']),
    ...shortSection(results),
    ...machineSection(results, names),
    ...sections.flatMap((section) => [
      `## ${section.title}`,
      '',
      ...section.results.flatMap((result) => caseSection(result, charts.get(result.name) ?? [], nameOf(result))),
    ]),
  ].join('\n');
}
