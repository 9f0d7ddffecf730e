// The tables that a person reads.
import type { CaseResult, Plot, Row, Verdict } from '../harness.js';
import { bytes, shown } from './numbers.js';

function mark({ passed }: Verdict): string {
  if (passed === null) return '?????';
  return passed ? 'PASS ' : 'SHORT';
}

function cellsOf(row: Row, extras: readonly string[]): string[] {
  const ratio = row.ratio === null ? '' : `${row.ratio.median.toFixed(2)} ×`;
  const more = extras.map((name) => (name in row.extras ? shown(row.extras[name] ?? Number.NaN) : ''));
  return [row.name, shown(row.median), shown(row.min), shown(row.max), ratio, ...more];
}

function table(lines: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const cells of lines) {
    for (const [i, cell] of cells.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return lines.map((cells) => {
    const padded = cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)));
    return `  ${padded.join('  ')}`.trimEnd();
  });
}

/** A curve is a line, a place a column. */
function plotLines(plot: Plot): string[] {
  const places = [...new Set(plot.curves.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const name = plot.xUnit === 'bytes' ? bytes : String;
  const lines = plot.curves.map((curve) => [
    curve.name,
    ...places.map((place) => shown(curve.points.find(({ x }) => x === place)?.median ?? Number.NaN)),
  ]);
  return table([[plot.yLabel, ...places.map(name)], ...lines]);
}

/** `ratio`: how many times better the first row is than the row it stands in. */
export function textOf(result: CaseResult): string {
  const extras = [...new Set(result.rows.flatMap((row) => Object.keys(row.extras)))];
  const head = [result.unit, 'median', 'min', 'max', 'ratio', ...extras];
  const bars = result.verdicts.map((verdict) => `  ${mark(verdict)}  ${verdict.bar}: ${verdict.measured}`);
  return [
    `${result.title} (${result.runs} interleaved runs)`,
    ...(result.rows.length === 0 ? [] : table([head, ...result.rows.map((row) => cellsOf(row, extras))])),
    ...(result.plots ?? []).flatMap(plotLines),
    ...bars,
    ...result.notes.map((note) => `  note   ${note}`),
    '',
  ].join('\n');
}
