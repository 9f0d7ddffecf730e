// An explanation as a picture for people: a standalone SVG document, drawn in sections from top to bottom.
import { counted, grouped, size } from '../../draw/draw.js';
import type { Explanation } from '../explanation.js';
import { nounOf } from '../models/peers.js';
import type { ExplainedRequest } from '../requests.js';
import { givenAs, limitsInWords, vectorsInWords } from '../text.js';
import { COLOURS, escaped, FAINT, GROUND, MUTED, rect, shortened, text } from './elements.js';
import { CUT_GAP, layOut } from './layout.js';
import { bands, heads, memoryColumn, RIGHT, ribbonStep, targetColumn } from './middle.js';

const WIDTH = 1280;
const LEFT = 40;
const FONTS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";

/** Hatched: bytes of a read that nobody asked for. */
const PAD_PATTERN =
  '<defs><pattern id="pad" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">' +
  '<rect width="6" height="6" fill="#eef1f4"/><rect width="2.5" height="6" fill="#a9b4bf"/></pattern></defs>';

export function drawPicture(explanation: Explanation, requests: readonly ExplainedRequest[]): string {
  const parts = [...header(explanation), ...cards(explanation, 104)];
  let y = 212;
  if (requests.length > 0) {
    parts.push(...legend(requests, y));
    const drawing = layOut(requests, y + 64);
    const hasStaged = drawing.flows.some((flow) => flow.how === 'staged');
    parts.push(...heads(explanation.plan.direction, hasStaged, y + 46));
    parts.push(...bands(drawing), ...memoryColumn(drawing), ...targetColumn(requests, drawing));
    y += 64 + drawing.height + CUT_GAP;
    const rest = more(explanation, requests.length, ribbonStep(drawing.flows.length), y + 6);
    parts.push(...rest);
    y += rest.length === 0 ? 0 : 34;
  }
  const { elements, height } = peerBars(explanation, y + 16);
  parts.push(...elements);
  return frame(titleOf(explanation), parts, y + 16 + height + 18);
}

function frame(title: string, parts: readonly string[], height: number): string {
  const open =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${Math.ceil(height)}" width="${WIDTH}" ` +
    `height="${Math.ceil(height)}" role="img" font-family="${escaped(FONTS)}">`;
  const ground = rect(0, 0, WIDTH, Math.ceil(height), GROUND);
  return [open, `<title>${escaped(title)}</title>`, PAD_PATTERN, ground, ...parts, '</svg>', ''].join('\n');
}

function titleOf({ plan, vectors }: Explanation): string {
  const { direction, bytes, offset } = plan;
  const memory = `${direction === 'write' ? 'from' : 'into'} ${vectorsInWords(vectors)}`;
  return `A ${direction} of ${size(bytes)} at offset ${grouped(offset)}, ${memory}`;
}

function header(explanation: Explanation): string[] {
  const { path, limitsFrom } = explanation;
  const target = path === null ? limitsFrom : `${path} (${limitsFrom})`;
  return [
    text(LEFT, 46, titleOf(explanation), { size: 24, weight: 700 }),
    text(LEFT, 70, shortened(`vectors ${givenAs(explanation)}; target ${target}`, 170), { fill: MUTED }),
    text(LEFT, 89, shortened(limitsInWords(explanation), 170), { fill: MUTED }),
  ];
}

/** The totals, large. */
function cards({ totals, plan }: Explanation, y: number): string[] {
  const share = totals.payloadBytes === 0 ? 0 : Math.floor((totals.copiedBytes / totals.payloadBytes) * 1000) / 10;
  const least = totals.complete ? '' : 'at least ';
  const shown: readonly (readonly [string, string])[] = [
    [grouped(totals.requests), `${least}${totals.requests === 1 ? 'request' : 'requests'} to the target`],
    [size(Math.round(totals.averageRequestBytes)), 'a request, on average'],
    [grouped(totals.segments), totals.segments === 1 ? 'segment' : 'segments'],
    [size(totals.copiedBytes), `copied, ${share} % of ${size(plan.bytes)}`],
  ];
  const width = (RIGHT - LEFT - 3 * 16) / 4;
  return shown.flatMap(([figure, caption], i) => {
    const x = LEFT + i * (width + 16);
    return [
      rect(x, y, width, 80, '#f4f6f8', 'rx="8"'),
      text(x + 18, y + 40, figure, { size: 28, weight: 700 }),
      text(x + 18, y + 64, caption, { fill: MUTED }),
    ];
  });
}

/** Each kind, and how wide its words are in the widest of the fonts. */
const KINDS: readonly (readonly [string, string, number])[] = [
  [COLOURS.direct, 'direct: as it lies', 170],
  [COLOURS.staged, 'staged: copied on the way', 232],
  [COLOURS.end, 'unaligned end of a write: as it lies, through the page cache', 468],
  ['url(#pad)', 'read, though nobody asked for it', 260],
];

function legend(requests: readonly ExplainedRequest[], y: number): string[] {
  const isPadded = requests.some((request) => request.bytes > request.payloadBytes);
  let x = LEFT;
  return KINDS.slice(0, isPadded ? 4 : 3).flatMap(([fill, words, width]) => {
    const at = x;
    x += width;
    return [rect(at, y - 1, 14, 14, fill, 'rx="3"'), text(at + 21, y + 10.5, words)];
  });
}

/** What is not drawn. */
function more({ totals }: Explanation, drawn: number, step: number, y: number): string[] {
  const parts: string[] = [];
  const left = totals.requests - drawn;
  if (left > 0) {
    const words = `… and ${grouped(left)}${totals.complete ? '' : ' or more'} more ${left === 1 ? 'request' : 'requests'}`;
    parts.push(text(RIGHT, y + 10, words, { size: 16, weight: 600, anchor: 'end' }));
  }
  if (step > 1)
    parts.push(text(LEFT, y + 10, `one of every ${step} pieces of memory is drawn`, { size: 12, fill: MUTED }));
  return parts;
}

const BAR = { x: 240, width: 250, height: 18, row: 29 } as const;

/** A bar for each: how many requests the same vectors become elsewhere. */
function peerBars({ totals, peers }: Explanation, y: number): { elements: string[]; height: number } {
  const own = { name: 'diorite', requests: totals.requests, noun: counted(totals.requests, 'request'), words: '' };
  const rows = [
    own,
    ...peers.map((peer) => ({
      name: peer.name,
      requests: peer.requests,
      noun: `${grouped(peer.requests)} ${nounOf(peer)}`,
      words: peer.note === '' ? peer.rule : `${peer.rule}; ${peer.note}`,
    })),
  ];
  const most = Math.max(1, ...rows.map((row) => row.requests));
  const elements = [
    rect(LEFT, y, RIGHT - LEFT, 1, FAINT),
    text(LEFT, y + 30, 'Requests that the same vectors become', { size: 15, weight: 600 }),
  ];
  for (const [i, { name, requests, noun, words }] of rows.entries()) {
    const top = y + 48 + i * BAR.row;
    const width = Math.max(requests === 0 ? 0 : 3, (BAR.width * requests) / most);
    const isOwn = i === 0;
    elements.push(
      text(BAR.x - 12, top + 13.5, name, { anchor: 'end', weight: isOwn ? 700 : 400 }),
      rect(BAR.x, top, width, BAR.height, isOwn ? COLOURS.direct : '#9aa7b4', 'rx="2"'),
      text(BAR.x + width + 8, top + 13.5, noun, { weight: 600 }),
      text(655, top + 13.5, shortened(words, 96), { size: 12, fill: MUTED }),
    );
  }
  return { elements, height: 48 + rows.length * BAR.row };
}
