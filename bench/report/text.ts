// The tables that a person reads.
import type { CaseResult, Row, Verdict } from '../harness.js';
import { shown } from './numbers.js';

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

/** `ratio`: how many times better the first row is than the row it stands in. */
export function textOf(result: CaseResult): string {
  const extras = [...new Set(result.rows.flatMap((row) => Object.keys(row.extras)))];
  const head = [result.unit, 'median', 'min', 'max', 'ratio', ...extras];
  const bars = result.verdicts.map((verdict) => `  ${mark(verdict)}  ${verdict.bar}: ${verdict.measured}`);
  return [
    `${result.title} (${result.runs} interleaved runs)`,
    ...table([head, ...result.rows.map((row) => cellsOf(row, extras))]),
    ...bars,
    ...result.notes.map((note) => `  note   ${note}`),
    '',
  ].join('\n');
}
