// What every chart has: its title, what is shown and which way is better, and at the foot what it was measured on.
import type { Recorded } from '../../store.js';
import { day } from '../numbers.js';
import type { Box, Canvas } from './canvas.js';
import { wrapped } from './measure.js';

export const WIDTH = 880;
export const MARGIN = 32;

export interface Picture {
  readonly svg: string;
  readonly height: number;
  readonly boxes: readonly Box[];
}

/** Where the drawing may begin. */
export function head(canvas: Canvas, title: string, subtitle: string): number {
  let y = 44;
  for (const line of wrapped(title, canvas.width - 2 * MARGIN, 23, 2)) {
    canvas.text(MARGIN, y, line, { size: 20, bold: true });
    y += 26;
  }
  for (const line of wrapped(subtitle, canvas.width - 2 * MARGIN, 13, 2)) {
    canvas.text(MARGIN, y, line, { size: 13, tone: 'muted' });
    y += 19;
  }
  return y + 8;
}

export function foot(canvas: Canvas, y: number, title: string, results: readonly Recorded[]): Picture {
  const [first] = results;
  let at = y + 16;
  if (first !== undefined) {
    for (const line of wrapped(provenance(first, results), canvas.width - 2 * MARGIN, 11, 2)) {
      canvas.text(MARGIN, at, line, { size: 11, tone: 'muted' });
      at += 15;
    }
  }
  const height = at + 10;
  return { svg: canvas.svg(height, title), height, boxes: canvas.boxes };
}

function provenance(first: Recorded, results: readonly Recorded[]): string {
  const { machine, medium } = first;
  const where = results.length > 1 ? '' : `${medium ?? `${machine.fileSystem} on ${machine.device.split(' ')[0]}`} · `;
  const kind = machine.virtual ? 'virtual machine' : 'machine';
  const facts = `${machine.cores}-core ${kind} (${machine.cpu}), ${machine.kernel}, Node ${machine.node}`;
  const days = [...new Set(results.map((result) => day(result).slice(0, 10)))].sort();
  const when = days.length > 1 ? `${days[0]} to ${days.at(-1)}` : (days[0] ?? '');
  const warning = results.some(({ quick }) => quick) ? ' · QUICK RUN: NOT TO JUDGE BY' : '';
  const without = results.some(({ addon }) => addon !== 'built') ? ' · WITHOUT THE NATIVE ADDON' : '';
  return `${where}${facts} · ${when}${warning}${without}`;
}
