// A case as bars: each contender's median, marks from its slowest run to its fastest, and what it had to reach.
import { isOurs, type Row, type Verdict } from '../../harness.js';
import type { Recorded } from '../../store.js';
import { shown } from '../numbers.js';
import { Canvas } from './canvas.js';
import { foot, head, MARGIN, type Picture, WIDTH } from './frame.js';
import { textWidth, wrapped } from './measure.js';

const LABEL_MOST = 250;
const LABEL_GAP = 14;
const BAR = 24;
const PITCH = 44;
const LINE = 17;
/** One that is so many times the next is drawn broken: the others would be hairs beside it. */
const BREAK_FROM = 6;
const BROKEN = 1.12;

interface Scale {
  readonly left: number;
  readonly width: number;
  readonly most: number;
}

/** Whiskers included. */
function reach(row: Row): number {
  return Math.max(row.max, row.median, 0);
}

/** What the full width stands for. */
function scaleMost(rows: readonly Row[]): number {
  const sorted = rows.map(reach).sort((a, b) => b - a);
  const [first = 1, second = first] = sorted;
  return second > 0 && first > BREAK_FROM * second ? second * BROKEN : first;
}

/** A long unit stands in the subtitle alone. */
const UNIT_MOST = 8;

function valueText(row: Row, unit: string): string {
  return unit.length > UNIT_MOST ? shown(row.median) : `${shown(row.median)} ${unit}`;
}

/** Beside a peer; how ours compare with each other, the bars below say where it matters. */
function ratioText({ ratio, name }: Row, result: Recorded, index: number): string {
  if (ratio === null || !Number.isFinite(ratio.median) || isOurs(result, name, index)) return '';
  return `diorite ${shown(ratio.median)} × as ${result.unit.startsWith('CPU') ? 'cheap' : 'fast'}`;
}

function drawRow(canvas: Canvas, row: Row, y: number, scale: Scale, result: Recorded, index: number): void {
  const ours = isOurs(result, row.name, index);
  const labels = wrapped(row.name, scale.left - MARGIN - LABEL_GAP, 14, 2);
  const middle = y + PITCH / 2;
  const first = middle + 5 - ((labels.length - 1) * LINE) / 2;
  for (const [i, label] of labels.entries())
    canvas.text(scale.left - LABEL_GAP, first + i * LINE, label, { anchor: 'end', tone: ours ? 'ink' : 'muted' });
  const place = (value: number): number => scale.left + (Math.min(value, scale.most) / scale.most) * scale.width;
  const isBroken = row.median > scale.most;
  const end = place(row.median);
  canvas.rect(scale.left, middle - BAR / 2, Math.max(2, end - scale.left), BAR, ours ? 'ours' : 'peer', 2);
  let after = end;
  if (isBroken) drawBreak(canvas, end - 34, middle);
  else {
    after = place(reach(row));
    if (row.max > row.min) canvas.errorAcross(place(row.min), after, middle);
  }
  const value = valueText(row, result.unit);
  canvas.text(after + 12, middle + 5, value, { bold: ours });
  const ratio = ratioText(row, result, index);
  if (ratio !== '')
    canvas.text(after + 22 + textWidth(value, 14, ours), middle + 5, ratio, { size: 12, tone: 'muted' });
}

/** Two slanting cuts in the bar. */
function drawBreak(canvas: Canvas, x: number, middle: number): void {
  const half = BAR / 2 + 3;
  canvas.path(`M${x + 5} ${middle - half}h9l-10 ${2 * half}h-9z`, 'ground');
}

function drawVerdict(canvas: Canvas, verdict: Verdict, y: number): number {
  const { passed } = verdict;
  const tone = passed === null ? 'muted' : passed ? 'pass' : 'short';
  const word = passed === null ? 'NOT JUDGED' : passed ? 'PASS' : 'SHORT';
  canvas.text(MARGIN, y, word, { size: 12, bold: true, tone });
  const left = MARGIN + 96;
  const lines = wrapped(`${verdict.bar}: ${verdict.measured}`, canvas.width - MARGIN - left, 13, 2);
  for (const [i, line] of lines.entries()) canvas.text(left, y + i * 18, line, { size: 13 });
  return y + lines.length * 18 + 4;
}

/** Undefined where there is nothing to draw: a case that was skipped, or that counts and does not measure. */
export function barChart(result: Recorded): Picture | undefined {
  const rows = result.rows.filter(({ median }) => Number.isFinite(median));
  if (rows.length < 2) return undefined;
  const canvas = new Canvas(WIDTH);
  const better = result.better === 'higher' ? 'more is better' : 'less is better';
  const spread = `medians of ${result.runs} interleaved runs, marks from the lowest to the highest`;
  const subtitle = `${result.unit}, ${better}${result.runs > 1 ? ` · ${spread}` : ''}`;
  let y = head(canvas, result.title, subtitle);
  const widest = Math.max(...rows.map(({ name }) => textWidth(name, 14)));
  const left = MARGIN + Math.min(LABEL_MOST, widest) + LABEL_GAP;
  const values = rows.map(
    (row, i) => textWidth(valueText(row, result.unit), 14, true) + textWidth(ratioText(row, result, i), 12) + 34,
  );
  const scale = { left, width: WIDTH - MARGIN - left - Math.max(...values), most: scaleMost(rows) };
  canvas.line(left, y, left, y + rows.length * PITCH, 'grid');
  for (const [i, row] of rows.entries()) drawRow(canvas, row, y + i * PITCH, scale, result, i);
  y += rows.length * PITCH + 26;
  for (const verdict of result.verdicts) y = drawVerdict(canvas, verdict, y);
  return foot(canvas, y, result.title, [result]);
}
