// The picture's middle: memory, what is copied on the way, the target's requests, and where each of them is cut.
import { counted, grouped, inWords, reasons, size } from '../../draw/draw.js';
import type { Direction } from '../../plan/limits.js';
import type { ExplainedRequest, How } from '../requests.js';
import { arrow, COLOURS, CUT, FAINT, INK, line, MUTED, n, rect, ribbon, type Stretch, text } from './elements.js';
import { type Area, type Block, COLUMN, CUT_GAP, type Drawing, type Flow, merged } from './layout.js';

const { memory: MEMORY, staging: STAGING, target: TARGET, width: WIDTH } = COLUMN;
const LABELS = TARGET + WIDTH + 20;
export const RIGHT = 1240;

/** Ribbons in a picture; of more pieces every so-manieth is drawn. */
const RIBBONS_MAX = 1200;

export function heads(direction: Direction, hasStaged: boolean, y: number): string[] {
  const style = { size: 15, weight: 600, anchor: 'middle' } as const;
  const [from, to] = [MEMORY + WIDTH + 50, TARGET - 40];
  const middle = STAGING + WIDTH / 2;
  const parts = [text(MEMORY + WIDTH / 2, y, 'memory', style), text(TARGET + WIDTH / 2, y, 'target', style)];
  const breaks: readonly (readonly [number, number])[] = hasStaged
    ? [
        [from, middle - 50],
        [middle + 50, to],
      ]
    : [[from, to]];
  if (hasStaged) parts.push(text(middle, y, 'staging', style));
  for (const [left, right] of breaks)
    parts.push(direction === 'write' ? arrow(left, right, y - 5) : arrow(right, left, y - 5));
  return parts;
}

/** Every how-many-th ribbon is drawn. */
export function ribbonStep(flows: number): number {
  return Math.ceil(flows / RIBBONS_MAX);
}

export function bands({ flows, segments }: Drawing): string[] {
  const step = ribbonStep(flows.length);
  const drawn = flows.filter((_, i) => i % step === 0);
  const parts: string[] = [];
  for (const how of ['direct', 'end', 'staged'] as const) {
    const right = how === 'staged' ? STAGING : TARGET;
    const paths = drawn.filter((flow) => flow.how === how).map((flow) => band(flow, right));
    if (paths.length > 0) parts.push(group(how, paths));
  }
  const staged = segments.filter((block) => block.how === 'staged');
  const across = staged.map(({ at }) => `M${STAGING + WIDTH} ${n(at.from)}H${TARGET}V${n(at.to)}H${STAGING + WIDTH}Z`);
  if (across.length > 0) parts.push(group('staged', across));
  for (const { at } of staged) parts.push(rect(STAGING, at.from, WIDTH, at.to - at.from, COLOURS.staged));
  return parts;
}

function band({ memory, target }: Flow, right: number): string {
  return ribbon(MEMORY + WIDTH, visible(memory), right, visible(target));
}

/** Nothing thinner than can be seen. */
function visible({ from, to }: Stretch): Stretch {
  return { from, to: Math.max(to, from + 0.6) };
}

/** One path each: bands that cross show through each other. The more there are, the fainter each. */
function group(how: How, paths: readonly string[]): string {
  const opacity = paths.length > 300 ? 0.22 : 0.34;
  const elements = paths.map((d) => `<path d="${d}"/>`).join('');
  return `<g fill="${COLOURS[how]}" fill-opacity="${opacity}">${elements}</g>`;
}

/** Memory in the order of its addresses, coloured by how it goes. */
export function memoryColumn({ areas, flows }: Drawing): string[] {
  const blocks: Block[] = flows
    .map(({ how, memory }) => ({ how, at: memory }))
    .sort((a, b) => a.at.from - b.at.from || a.at.to - b.at.to);
  const parts = areas.map(({ at }) => rect(MEMORY, at.from, WIDTH, at.to - at.from, FAINT));
  parts.push(...merged(blocks).map((block) => columnBlock(MEMORY, block)));
  return [...parts, ...addresses(areas)];
}

function columnBlock(x: number, { how, at }: Block): string {
  const height = at.to - at.from;
  if (how === 'pad') return rect(x, at.from, WIDTH, height, 'url(#pad)');
  // A light edge parts neighbours, where there is room for one.
  const edge = height >= 6 ? 'stroke="#ffffff" stroke-width="0.8"' : '';
  return rect(x, at.from, WIDTH, height, COLOURS[how], edge);
}

/** Where in memory areas begin, and the last one ends: as many as there is room for. */
function addresses(areas: readonly Area[]): string[] {
  const parts: string[] = [];
  const style = { size: 11, fill: MUTED, anchor: 'end' } as const;
  let free = Number.NEGATIVE_INFINITY;
  for (const { offset, at } of areas) {
    if (at.from < free) continue;
    parts.push(text(MEMORY - 10, at.from + 9, place(offset), style));
    free = at.from + 20;
  }
  const last = areas.at(-1);
  if (last !== undefined && last.at.to >= free + 3)
    parts.push(text(MEMORY - 10, last.at.to, place(last.offset + last.bytes), style));
  return parts;
}

/** Exact, in the largest unit that it is a multiple of. */
function place(offset: number): string {
  if (offset === 0 || offset % 1024 !== 0) return grouped(offset);
  const isMebi = offset % 2 ** 20 === 0;
  return `${grouped(offset / (isMebi ? 2 ** 20 : 1024))} ${isMebi ? 'MiB' : 'KiB'}`;
}

export function targetColumn(requests: readonly ExplainedRequest[], drawing: Drawing): string[] {
  const parts = drawing.segments.map((block) => columnBlock(TARGET, block));
  for (const [i, request] of requests.entries()) {
    const at = drawing.requests[i];
    if (at === undefined) continue;
    parts.push(rect(TARGET, at.from, WIDTH, at.to - at.from, 'none', `stroke="${INK}" stroke-width="1.2"`));
    parts.push(...label(request, at.from), cut(request, at.to));
  }
  return parts;
}

function label(request: ExplainedRequest, y: number): string[] {
  const { index, route, bytes, unit, offset, segments, copiedBytes, copiedWhy } = request;
  const place = `${unit === '' ? '' : `${unit} `}${grouped(offset)} … ${grouped(offset + bytes)}`;
  const pieces = segments.reduce((sum, segment) => sum + segment.memory.length, 0);
  const from = pieces === segments.length ? '' : ` of ${counted(pieces, 'piece')}`;
  const title = `${size(bytes)}, ${route === 'end' ? 'an end' : 'direct'}`;
  const lines = [
    text(LABELS, y + 14, `#${index}`, { size: 14, fill: MUTED }),
    text(LABELS + 18 + 9 * String(index).length, y + 14, title, { size: 14, weight: 600 }),
    text(LABELS, y + 31, `${place}; ${counted(segments.length, 'segment')}${from}`, { size: 12, fill: MUTED }),
  ];
  const notes: string[] = [];
  if (copiedBytes > 0) notes.push(`${size(copiedBytes)} copied: ${reasons(copiedWhy)}`);
  if (request.pieces.length > 1) notes.push(`gathers ${counted(request.pieces.length, 'piece')} of the range`);
  if (bytes > request.payloadBytes) notes.push(`widened by ${size(bytes - request.payloadBytes)}`);
  if (notes.length > 0) lines.push(text(LABELS, y + 48, notes.join('; '), { size: 12, fill: '#8a4f06' }));
  return lines;
}

/** Why the request ends, on the line where it does. */
function cut({ cut, route }: ExplainedRequest, y: number): string {
  const at = y + CUT_GAP / 2 - 1;
  return (
    line(TARGET - 10, at, LABELS - 8, at, CUT, 'stroke-dasharray="4 3"') +
    text(LABELS, at + 4, `cut: ${inWords(cut, route)}`, { size: 11.5, fill: CUT })
  );
}
