// A picture that is being drawn: shapes, and text whose place is remembered, so that a test can see that none overlap.
import { escaped, n } from '../../../src/explain/svg/elements.js';
import { textWidth } from './measure.js';

export interface Box {
  readonly text: string;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** What a shape or a text is: its colour follows from that, on light and on dark ground. */
export type Tone = 'ink' | 'muted' | 'ours' | 'peer' | 'pass' | 'short' | `line${0 | 1 | 2 | 3 | 4 | 5}`;

export interface TextStyle {
  readonly size?: number;
  readonly tone?: Tone;
  readonly bold?: boolean;
  readonly anchor?: 'start' | 'middle' | 'end';
}

const TEXT_SIZE = 14;

/** [light, dark]: told apart by people who see red or green badly (after Okabe and Ito), and of unlike lightness. */
const COLOURS: Readonly<Record<Tone | 'ground' | 'grid', readonly [string, string]>> = {
  ground: ['#ffffff', '#0d1117'],
  grid: ['#dde3e9', '#2b323b'],
  ink: ['#1b2430', '#e6edf3'],
  muted: ['#5a6673', '#9aa6b2'],
  ours: ['#0072b2', '#3fa3dd'],
  peer: ['#b3bcc6', '#59636e'],
  pass: ['#007a59', '#2fbf94'],
  short: ['#c2410c', '#ff9b54'],
  line0: ['#0072b2', '#3fa3dd'],
  line1: ['#d55e00', '#ff8c3a'],
  line2: ['#00866a', '#2fc39a'],
  line3: ['#9c4585', '#e094c6'],
  line4: ['#6b7480', '#98a2ad'],
  line5: ['#8a6d00', '#e2b93b'],
};

const FONTS = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif";

function rulesOf(shade: 0 | 1): string {
  return Object.entries(COLOURS)
    .map(([name, pair]) => `.${name}{fill:${pair[shade]}}.s-${name}{stroke:${pair[shade]}}`)
    .join('');
}

/** The picture brings its own ground, so that it can be read wherever it is shown, and follows the viewer's theme. */
const STYLE = `text{font-family:${FONTS};font-variant-numeric:tabular-nums}${rulesOf(0)}@media (prefers-color-scheme:dark){${rulesOf(1)}}`;

export class Canvas {
  readonly width: number;
  readonly #elements: string[] = [];
  readonly #boxes: Box[] = [];

  constructor(width: number) {
    this.width = width;
  }

  /** Where each text stands, at its widest. */
  get boxes(): readonly Box[] {
    return this.#boxes;
  }

  text(x: number, y: number, content: string, style: TextStyle = {}): void {
    const { size = TEXT_SIZE, tone = 'ink', bold = false, anchor = 'start' } = style;
    const width = textWidth(content, size, bold);
    const left = anchor === 'start' ? x : anchor === 'end' ? x - width : x - width / 2;
    // Letters reach three quarters of their size above the line and a quarter below it.
    this.#boxes.push({ text: content, left, right: left + width, top: y - size * 0.75, bottom: y + size * 0.25 });
    const weight = bold ? ' font-weight="650"' : '';
    const at = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
    this.#elements.push(
      `<text x="${n(x)}" y="${n(y)}" font-size="${size}" class="${tone}"${weight}${at}>${escaped(content)}</text>`,
    );
  }

  rect(x: number, y: number, width: number, height: number, tone: Tone | 'ground', radius = 0): void {
    const round = radius === 0 ? '' : ` rx="${n(radius)}"`;
    this.#elements.push(
      `<rect x="${n(x)}" y="${n(y)}" width="${n(Math.max(0, width))}" height="${n(height)}"${round} class="${tone}"/>`,
    );
  }

  line(x1: number, y1: number, x2: number, y2: number, tone: Tone | 'grid', width = 1, dashes = ''): void {
    const dashed = dashes === '' ? '' : ` stroke-dasharray="${dashes}"`;
    this.#elements.push(
      `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" class="s-${tone}" stroke-width="${width}"${dashed}/>`,
    );
  }

  polyline(points: readonly (readonly [number, number])[], tone: Tone, width: number): void {
    const list = points.map(([x, y]) => `${n(x)},${n(y)}`).join(' ');
    this.#elements.push(
      `<polyline points="${list}" fill="none" class="s-${tone}" stroke-width="${width}" stroke-linejoin="round"/>`,
    );
  }

  path(d: string, tone: Tone | 'ground'): void {
    this.#elements.push(`<path d="${d}" class="${tone}"/>`);
  }

  /** From a to b at the height y, with caps: where the runs lay. */
  errorAcross(a: number, b: number, y: number): void {
    this.line(a, y, b, y, 'ink', 1.5);
    for (const x of [a, b]) this.line(x, y - 5, x, y + 5, 'ink', 1.5);
  }

  errorUpright(x: number, a: number, b: number, tone: Tone): void {
    this.line(x, a, x, b, tone, 1.25);
    for (const y of [a, b]) this.line(x - 4, y, x + 4, y, tone, 1.25);
  }

  /** `title`: what a screen reader says, and what is shown where pictures are not. */
  svg(height: number, title: string): string {
    const size = `width="${n(this.width)}" height="${n(height)}" viewBox="0 0 ${n(this.width)} ${n(height)}"`;
    return [
      `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`,
      `<title>${escaped(title)}</title>`,
      `<style>${STYLE}</style>`,
      `<rect width="${n(this.width)}" height="${n(height)}" rx="8" class="ground"/>`,
      ...this.#elements,
      '</svg>',
      '',
    ].join('\n');
  }
}
