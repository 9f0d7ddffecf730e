// All that is measured as "so many times its peer" in one picture: where each lies, and the mark that it had to reach.
import type { Figure, Verdict } from '../../harness.js';
import type { Recorded } from '../../store.js';
import { shown } from '../numbers.js';
import { Canvas } from './canvas.js';
import { foot, head, MARGIN, type Picture, WIDTH } from './frame.js';
import { textWidth, wrapped } from './measure.js';

export interface Section {
  readonly title: string;
  readonly results: readonly Recorded[];
}

interface Line {
  readonly name: string;
  readonly verdict: Verdict;
  readonly figure: Figure;
}

const PITCH = 34;
const LABEL = 400;
/** The left edge, unless something lies further left; nothing is drawn further left than that. */
const LEFT_EDGE = 0.5;
const LEFT_MOST = 1 / 16;
const TICK_GAP = 16;

function linesOf({ results }: Section): Line[] {
  return results.flatMap((result) =>
    result.verdicts.flatMap((verdict): Line[] => {
      const { figure } = verdict;
      if (figure === undefined || figure.unit !== '×' || figure.limitIs !== 'least') return [];
      // "≥ 2 × nfs-cp" is told by the mark: the name says beside whom.
      return [{ name: `${result.name}: ${verdict.bar.replace(/≥ [\d.]+ × /, 'beside ')}`, verdict, figure }];
    }),
  );
}

function tickName(tick: number): string {
  return `${tick < 1 ? `1/${1 / tick}` : tick} ×`;
}

/** Powers of two, 1 among them, as many as have room. */
function ticksOf(least: number, most: number, doubling: number): number[] {
  const widest = textWidth(tickName(2 ** Math.floor(Math.log2(most))), 12) + TICK_GAP;
  const every = Math.max(1, Math.ceil(widest / doubling));
  const ticks: number[] = [];
  for (let power = Math.ceil(Math.log2(least)); power <= Math.log2(most); power++)
    if (power % every === 0) ticks.push(2 ** power);
  return ticks;
}

function drawLine(canvas: Canvas, line: Line, y: number, x: (value: number) => number): void {
  const { figure, verdict } = line;
  const tone = verdict.passed === false ? 'short' : 'ours';
  const labels = wrapped(line.name, LABEL - 20, 13, 2);
  const first = y + 5 - ((labels.length - 1) * 15) / 2;
  for (const [i, label] of labels.entries()) canvas.text(MARGIN, first + i * 15, label, { size: 13 });
  const at = x(figure.median);
  const limit = x(figure.limit);
  canvas.line(limit, y - 10, limit, y + 10, 'ink', 2.5);
  canvas.line(x(figure.min), y, x(figure.max), y, tone, 2);
  canvas.path(`M${(at - 6).toFixed(1)} ${y}a6 6 0 1 0 12 0a6 6 0 1 0 -12 0z`, tone);
  const text = `${shown(figure.median)} ×${verdict.passed === false ? ' SHORT' : ''}`;
  canvas.text(WIDTH - MARGIN, y + 5, text, {
    anchor: 'end',
    size: 13,
    bold: true,
    tone: verdict.passed === false ? 'short' : 'ink',
  });
}

/** Undefined where no result has such a figure. */
export function overviewChart(sections: readonly Section[]): Picture | undefined {
  const drawn = sections
    .map((section) => ({ section, lines: linesOf(section) }))
    .filter(({ lines }) => lines.length > 0);
  const lines = drawn.flatMap((each) => each.lines);
  if (lines.length === 0) return undefined;
  const canvas = new Canvas(WIDTH);
  const title = 'How many times its peer';
  const subtitle =
    'Rate beside the peer’s in the same run: dots are medians, lines reach from the lowest to the highest run, upright marks are what had to be reached. Logarithmic.';
  let y = head(canvas, title, subtitle) + 12;
  const most = Math.max(2, ...lines.map(({ figure }) => Math.max(figure.max, figure.limit)));
  const left = MARGIN + LABEL;
  const right = WIDTH - MARGIN - textWidth('64.0 × SHORT', 13, true) - 20;
  const least = Math.max(LEFT_MOST, Math.min(LEFT_EDGE, ...lines.map(({ figure }) => figure.min)));
  const span = Math.log2(most / least);
  const x = (value: number): number => left + (Math.log2(Math.max(value, least) / least) / span) * (right - left);
  const top = y;
  const bottom = y + lines.length * PITCH + drawn.length * 40;
  for (const tick of ticksOf(least, most, (right - left) / span)) {
    canvas.line(x(tick), top, x(tick), bottom, tick === 1 ? 'muted' : 'grid', 1, tick === 1 ? '3 3' : '');
    canvas.text(x(tick), top - 8, tickName(tick), {
      size: 12,
      tone: 'muted',
      anchor: 'middle',
    });
  }
  for (const { section, lines: own } of drawn) {
    canvas.text(MARGIN, y + 26, section.title, { size: 14, bold: true });
    y += 40;
    for (const line of own) {
      drawLine(canvas, line, y + PITCH / 2, x);
      y += PITCH;
    }
  }
  return foot(
    canvas,
    y + 6,
    title,
    drawn.flatMap(({ section }) => section.results),
  );
}
