// The few SVG elements that a picture is made of, as text. Coordinates have one digit after the point, text is escaped.

export interface Palette {
  readonly direct: string;
  readonly staged: string;
  readonly end: string;
}

/** Apart for people who tell red from green badly, and on paper: blue, orange, magenta, of unlike lightness. */
export const COLOURS: Palette = { direct: '#2563a8', staged: '#e08a1e', end: '#b0307f' };
export const INK = '#1c2733';
export const MUTED = '#5b6875';
export const FAINT = '#d5dce3';
/** Of no viewer's choosing: the picture brings its own light ground. */
export const GROUND = '#ffffff';
export const CUT = '#a4262c';

export interface TextStyle {
  readonly size?: number;
  readonly fill?: string;
  readonly weight?: number;
  readonly anchor?: 'start' | 'middle' | 'end';
}

export function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

export function escaped(text: string): string {
  // XML has no control characters and no halves of surrogate pairs; a path may have both.
  return text
    .replace(/\p{Cc}|\p{Cs}|\ufffe|\uffff/gu, '?')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** At most `most` characters: a picture does not grow with a path. */
export function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

export function text(x: number, y: number, content: string, style: TextStyle = {}): string {
  const { size = 13, fill = INK, weight = 400, anchor = 'start' } = style;
  const bold = weight === 400 ? '' : ` font-weight="${weight}"`;
  const at = anchor === 'start' ? '' : ` text-anchor="${anchor}"`;
  return `<text x="${n(x)}" y="${n(y)}" font-size="${size}" fill="${fill}"${bold}${at}>${escaped(content)}</text>`;
}

export function rect(x: number, y: number, width: number, height: number, fill: string, more = ''): string {
  const rest = more === '' ? '' : ` ${more}`;
  return `<rect x="${n(x)}" y="${n(y)}" width="${n(width)}" height="${n(Math.max(height, 0.5))}" fill="${fill}"${rest}/>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, stroke: string, more = ''): string {
  const rest = more === '' ? '' : ` ${more}`;
  return `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" stroke="${stroke}"${rest}/>`;
}

/** A line from (x1, y) to (x2, y) with a head at its second end. */
export function arrow(x1: number, x2: number, y: number): string {
  const back = x2 > x1 ? -7 : 7;
  const head = `<path d="M${n(x2)} ${n(y)}l${back} -4v8z" fill="${MUTED}"/>`;
  return line(x1, y, x2 + back, y, MUTED) + head;
}

/** A band from the stretch a of one column to the stretch b of another. */
export function ribbon(x1: number, a: Stretch, x2: number, b: Stretch): string {
  const middle = n((x1 + x2) / 2);
  const [left, right] = [n(x1), n(x2)];
  const to = `M${left} ${n(a.from)}C${middle} ${n(a.from)} ${middle} ${n(b.from)} ${right} ${n(b.from)}`;
  return `${to}V${n(b.to)}C${middle} ${n(b.to)} ${middle} ${n(a.to)} ${left} ${n(a.to)}Z`;
}

export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/**
 * Stretches one below the other from `top` on, `gap` apart, `height` in all: each `least` high, and what is left shared
 * out by size, so that the small are seen and the large are larger.
 */
export function spread(sizes: readonly number[], top: number, height: number, least: number, gap: number): Stretch[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const free = Math.max(0, height - gap * (sizes.length - 1) - least * sizes.length);
  let at = top;
  return sizes.map((size) => {
    const from = at;
    const to = from + least + (total === 0 ? 0 : (free * size) / total);
    at = to + gap;
    return { from, to };
  });
}

/** The stretch of bytes from … to of the `bytes` that `whole` stands for. */
export function within(whole: Stretch, from: number, to: number, bytes: number): Stretch {
  const scale = bytes === 0 ? 0 : (whole.to - whole.from) / bytes;
  return { from: whole.from + from * scale, to: whole.from + to * scale };
}
