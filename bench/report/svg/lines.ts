// Curves over something that grows by factors, each named where it ends.
import { type Curve, isOurs, type Plot } from '../../harness.js';
import type { Recorded } from '../../store.js';
import { bytes, short } from '../numbers.js';
import { Canvas, type Tone } from './canvas.js';
import { foot, head, MARGIN, type Picture, WIDTH } from './frame.js';
import { textWidth, wrapped } from './measure.js';
import { scaleOf } from './scale.js';

const HEIGHT = 340;
const NAME_MOST = 190;
const LINE = 16;
const MARK = 4.5;

interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
}

const SHAPES: readonly ((x: number, y: number) => string)[] = [
  (x, y) => `M${x - MARK} ${y}a${MARK} ${MARK} 0 1 0 ${2 * MARK} 0a${MARK} ${MARK} 0 1 0 ${-2 * MARK} 0z`,
  (x, y) => `M${x - MARK} ${y - MARK}h${2 * MARK}v${2 * MARK}h${-2 * MARK}z`,
  (x, y) => `M${x} ${y - MARK - 1}l${MARK + 1} ${2 * MARK}h${-2 * MARK - 2}z`,
  (x, y) =>
    `M${x} ${y - MARK - 1.5}l${MARK + 1.5} ${MARK + 1.5}l${-MARK - 1.5} ${MARK + 1.5}l${-MARK - 1.5} ${-MARK - 1.5}z`,
];

interface Styled {
  readonly curve: Curve;
  readonly tone: Tone;
  readonly shape: (x: number, y: number) => string;
  readonly width: number;
  readonly aside: number;
}

const TONES = ['line0', 'line1', 'line2', 'line3', 'line4', 'line5'] as const;
/** Ours are the blue one and, of several, these. */
const PEER_TONES = ['line4', 'line1', 'line2', 'line3', 'line5'] as const;
const OUR_TONES = ['line0', 'line3', 'line2'] as const;

function styled(plot: Plot, result: Recorded): Styled[] {
  const counts = { ours: 0, peers: 0 };
  const used = new Set<Tone>();
  return plot.curves.map((curve, i) => {
    const ours = isOurs(result, curve.name, i);
    const wanted: readonly Tone[] = ours ? OUR_TONES : PEER_TONES;
    const tone = [...wanted, ...TONES].find((each) => !used.has(each)) ?? 'line4';
    used.add(tone);
    const shape = SHAPES[(ours ? counts.ours++ : 1 + counts.peers++) % SHAPES.length] ?? circle;
    const aside = (i - (plot.curves.length - 1) / 2) * BESIDE;
    return { curve, tone, shape, width: ours ? 3 : 2, aside };
  });
}

function circle(x: number, y: number): string {
  return SHAPES[0]?.(x, y) ?? '';
}

/** Ticks are the places that were measured; where they stand too close, every second or third of them. */
function drawX(canvas: Canvas, plot: Plot, area: Area, places: readonly number[]): void {
  const named = places.map((place) => ({
    at: area.x(place),
    name: plot.xUnit === 'bytes' ? bytes(place) : String(place),
  }));
  let after = Number.NEGATIVE_INFINITY;
  for (const { at, name } of named) {
    canvas.line(at, area.bottom, at, area.bottom + 5, 'grid');
    const half = textWidth(name, 12) / 2;
    if (at - half < after) continue;
    canvas.text(at, area.bottom + 20, name, { size: 12, tone: 'muted', anchor: 'middle' });
    after = at + half + 8;
  }
  canvas.text((area.left + area.right) / 2, area.bottom + 42, plot.xLabel, { size: 13, anchor: 'middle' });
}

function drawY(canvas: Canvas, area: Area, ticks: readonly number[]): void {
  for (const value of ticks) {
    const y = area.y(value);
    canvas.line(area.left, y, area.right, y, 'grid');
    canvas.text(area.left - 10, y + 4, short(value), { size: 12, tone: 'muted', anchor: 'end' });
  }
}

/** Error marks of curves that run together stand beside each other. */
const BESIDE = 5;

function drawCurve(canvas: Canvas, { curve, tone, shape, width, aside }: Styled, within: Area): void {
  const area = { ...within, x: (value: number) => within.x(value) + aside };
  const points = curve.points.map(({ x, median }): readonly [number, number] => [area.x(x), area.y(median)]);
  canvas.polyline(points, tone, width);
  for (const { x, min, max } of curve.points)
    if (max > min) canvas.errorUpright(area.x(x), area.y(min), area.y(max), tone);
  for (const [x, y] of points) canvas.path(shape(Math.round(x * 10) / 10, Math.round(y * 10) / 10), tone);
}

/** Names at the ends of their curves; those that would touch are pushed apart, and none below the area. */
export function apart(wanted: readonly number[], heights: readonly number[], top: number, bottom: number): number[] {
  const order = wanted.map((_, i) => i).sort((a, b) => (wanted[a] ?? 0) - (wanted[b] ?? 0));
  const tops = wanted.map((middle, i) => middle - (heights[i] ?? 0) / 2);
  let least = top;
  for (const i of order) {
    tops[i] = Math.max(tops[i] ?? 0, least);
    least = (tops[i] ?? 0) + (heights[i] ?? 0);
  }
  let most = Math.max(bottom, top + heights.reduce((sum, height) => sum + height, 0));
  for (const i of [...order].reverse()) {
    tops[i] = Math.min(tops[i] ?? 0, most - (heights[i] ?? 0));
    most = tops[i] ?? 0;
  }
  return tops;
}

function drawNames(canvas: Canvas, all: readonly Styled[], area: Area): void {
  const names = all.map(({ curve }) => wrapped(curve.name, NAME_MOST, 13, 2));
  const heights = names.map((lines) => lines.length * LINE + 6);
  const wanted = all.map(({ curve }) => area.y(curve.points.at(-1)?.median ?? 0));
  const tops = apart(wanted, heights, area.top - 10, area.bottom + 10);
  for (const [i, { tone }] of all.entries()) {
    const top = tops[i] ?? 0;
    for (const [j, line] of (names[i] ?? []).entries())
      canvas.text(area.right + 16, top + 14 + j * LINE, line, { size: 13, tone });
  }
}

/** Undefined where nothing was measured. */
export function lineChart(plot: Plot, result: Recorded): Picture | undefined {
  const measured = { ...plot, curves: plot.curves.filter(({ points }) => points.length > 0) };
  const places = [...new Set(measured.curves.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const [least, most] = [places[0], places.at(-1)];
  if (least === undefined || most === undefined || least === most) return undefined;
  const canvas = new Canvas(WIDTH);
  const top = head(canvas, plot.title, `${plot.yLabel} · medians, marks from the lowest to the highest run`) + 10;
  const scale = scaleOf(measured);
  const all = styled(measured, result);
  const names = all.flatMap(({ curve }) => wrapped(curve.name, NAME_MOST, 13, 2));
  const right = WIDTH - MARGIN - 16 - Math.max(...names.map((name) => textWidth(name, 13)));
  const left = MARGIN + 10 + Math.max(...scale.ticks.map((value) => textWidth(short(value), 12)));
  const inset = 18;
  const logs = Math.log2(most / least);
  const area: Area = {
    left,
    right,
    top,
    bottom: top + HEIGHT,
    x: (value) => left + inset + (Math.log2(value / least) / logs) * (right - left - 2 * inset),
    y: (value) => top + HEIGHT - scale.part(value) * HEIGHT,
  };
  drawY(canvas, area, scale.ticks);
  drawX(canvas, measured, area, places);
  for (const each of [...all].reverse()) drawCurve(canvas, each, area);
  drawNames(canvas, all, area);
  return foot(canvas, area.bottom + 58, plot.title, [result]);
}
