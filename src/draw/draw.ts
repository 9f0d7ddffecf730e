// A plan as text: what goes where, what is copied and why, why each request ends. For people; nobody parses it.

import type { CopiedWhy, Cut, Route } from '../plan/request.js';
import type { PlanRequest, PlanTotals } from './plan.js';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `4 KiB`, `1.5 MiB`; rounded where it does not come out even: exact offsets stand beside it. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number.isInteger(value) ? value : value.toFixed(value < 10 ? 2 : 1)} ${UNITS[unit]}`;
}

export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** 1,048,576. Not by locale: the same text everywhere. */
export function grouped(n: number): string {
  return String(n).replace(/\B(?=(\d{3})+$)/g, ',');
}

export function inWords(cut: Cut, route: Route): string {
  switch (cut) {
    case 'end':
      return 'the range ends';
    case 'best-bytes':
      return 'as many bytes as are best';
    case 'best-segments':
      return route === 'end' ? 'as many segments as the target takes' : 'as many segments as are best';
    case 'boundary':
      return 'a boundary of the target';
    case 'limits':
      return 'other limits hold from here';
    case 'unit':
      return 'its unit ends';
    case 'route':
      return route === 'end' ? 'whole blocks begin here' : 'the last block is not whole';
  }
}

const REASONS: readonly (readonly [keyof CopiedWhy, string])[] = [
  ['misalignedBytes', 'misaligned memory'],
  ['unknownBytes', 'unknown address'],
  ['fractionBytes', 'parts of blocks'],
  ['smallBytes', 'small pieces'],
];

export function reasons(why: CopiedWhy): string {
  const given = REASONS.filter(([key]) => why[key] > 0);
  const [only] = given;
  if (given.length === 1 && only !== undefined) return only[1];
  return given.map(([key, words]) => `${size(why[key])} ${words}`).join(', ');
}

function memoryOf(request: PlanRequest): string {
  const staged = request.segments.filter((segment) => segment.staged).length;
  const all = counted(request.segments.length, 'segment');
  if (staged === 0) return all;
  return staged === request.segments.length ? `${all}, staged` : `${all}, ${grouped(staged)} staged`;
}

function copiedOf(request: PlanRequest): string {
  const copied = request.copiedBytes === 0 ? '' : `${size(request.copiedBytes)}: ${reasons(request.copiedWhy)}`;
  const padBytes = request.bytes - request.payloadBytes;
  if (padBytes === 0) return copied === '' ? '-' : copied;
  return `${copied}; widened by ${size(padBytes)}`;
}

type Row = readonly string[];

/** Columns two blanks apart; those that `right` names end together, the others begin together. */
export function table(rows: readonly Row[], right: readonly number[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  const padded = (cell: string, i: number) =>
    right.includes(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0);
  return rows.map((row) => `  ${row.map(padded).join('  ')}`.trimEnd());
}

/** From and to end together in the column, so that neighbours can be compared. */
function ranges(requests: readonly PlanRequest[]): string[] {
  const from = requests.map((request) => String(request.offset));
  const to = requests.map((request) => String(request.offset + request.bytes));
  const width = (texts: readonly string[]) => texts.reduce((most, text) => Math.max(most, text.length), 0);
  const [fromWidth, toWidth] = [width(from), width(to)];
  return requests.map((request, i) => {
    const unit = request.unit === '' ? '' : `${request.unit} `;
    return `${unit}${from[i]?.padStart(fromWidth)} … ${to[i]?.padStart(toWidth)}`;
  });
}

/** Lines that the pieces of a request get: more say no more. */
const PIECE_LINES = 4;

/** Under a request that gathers what lies apart in the range: where its pieces lie there, in the order of their unit. */
function piecesOf({ pieces }: PlanRequest): Row[] {
  if (pieces.length < 2) return [];
  const drawn = pieces.slice(0, PIECE_LINES);
  const rows = drawn.map(({ offset, bytes }) => ['', `  bytes ${offset} … ${offset + bytes}`, size(bytes)]);
  const more = pieces.length - drawn.length;
  return more === 0 ? rows : [...rows, ['', `  … ${counted(more, 'piece')} more`]];
}

export interface Drawn {
  readonly direction: string;
  readonly offset: number;
  readonly bytes: number;
  readonly segments: number;
  /** The first requests. */
  readonly requests: readonly PlanRequest[];
  readonly totals: PlanTotals;
}

/**
 *      write of 12.1 KiB, 100 … 12488, from 1 segment of memory
 *
 *        #  target           size      route   memory              copied                       ends because
 *        0    100 …  4096    3.90 KiB  end     1 segment           -                            whole blocks begin here
 *        1   4096 … 12288    8 KiB     direct  1 segment, staged   8 KiB: misaligned memory     the last block is not whole
 *        …
 */
export function draw(plan: Drawn): string {
  const { direction, offset, bytes, requests, totals } = plan;
  const memory = `${direction === 'write' ? 'from' : 'into'} ${counted(plan.segments, 'segment')} of memory`;
  const lines = [`${direction} of ${size(bytes)}, ${offset} … ${offset + bytes}, ${memory}`];
  if (requests.length === 0) return lines[0] ?? '';
  const where = ranges(requests);
  const rows = requests.flatMap((request, i) => [
    [
      String(request.index),
      where[i] ?? '',
      size(request.bytes),
      request.route,
      memoryOf(request),
      copiedOf(request),
      inWords(request.cut, request.route),
    ],
    ...piecesOf(request),
  ]);
  lines.push(
    '',
    ...table([['#', 'target, from … to before', 'size', 'route', 'memory', 'copied', 'ends because'], ...rows], [0, 2]),
  );
  const more = totals.requests - requests.length;
  if (more > 0 || !totals.complete)
    lines.push(`  … ${counted(more, 'request')} more${totals.complete ? '' : ', at least'}`);
  lines.push('', ...summary(totals, bytes));
  return lines.join('\n');
}

function summary(totals: PlanTotals, bytes: number): string[] {
  const { copiedBytes } = totals;
  // Rounded down: 100 % means every byte.
  const share = Math.floor((copiedBytes / totals.payloadBytes) * 1000) / 10;
  const rows = [
    ['requests', `${grouped(totals.requests)}, ${size(Math.round(totals.averageRequestBytes))} on average`],
    ['segments', grouped(totals.segments)],
    ['copied', copiedBytes === 0 ? 'nothing' : `${size(copiedBytes)} (${share} %): ${reasons(totals.copiedWhy)}`],
  ];
  const padBytes = totals.bytes - totals.payloadBytes;
  if (padBytes > 0) rows.push(['widened', `by ${size(padBytes)}, to whole blocks`]);
  const cuts = totals.ends.map(({ cut, route, requests }) => `${grouped(requests)} × ${inWords(cut, route)}`);
  rows.push(['they end', cuts.join(', ')]);
  if (!totals.complete) rows.push(['counted', `only the first ${size(totals.payloadBytes)} of ${size(bytes)}`]);
  return table(rows, []);
}
