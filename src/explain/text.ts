// An explanation as text, for people: the plan's own drawing, which memory goes where, and the others' requests.
import { counted, grouped, size, table } from '../draw/draw.js';
import type { Explanation } from './explanation.js';
import { nounOf } from './models/peers.js';
import type { ExplainedRequest, ExplainedSegment, How, MemoryPiece } from './requests.js';
import type { Vector } from './vectors.js';

/** Lines of memory that each request gets: more say no more. */
const MEMORY_LINES = 4;

const IN_WORDS: Readonly<Record<How, string>> = {
  direct: 'as it lies',
  staged: 'copied',
  end: 'as it lies, through the page cache',
};

export function describe(explanation: Explanation, requests: readonly ExplainedRequest[]): string {
  const parts = [about(explanation), explanation.plan.toString({ requests: requests.length })];
  if (requests.length > 0) parts.push(memory(requests));
  parts.push(peers(explanation));
  return parts.join('\n\n');
}

/** `1,024 vectors of 512 B`, `3 vectors of 0 … 4 KiB`. */
export function vectorsInWords(vectors: readonly Vector[]): string {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  for (const vector of vectors) {
    least = Math.min(least, vector.size);
    most = Math.max(most, vector.size);
  }
  const sizes = least === most ? size(most) : `${size(least)} … ${size(most)}`;
  return `${counted(vectors.length, 'vector')} of ${sizes}`;
}

/** What one request to the target may look like, in a line. */
export function limitsInWords({ limits }: Explanation): string {
  const best = `best ${size(limits.bestBytes)} in ${counted(limits.bestSegments, 'segment')}`;
  const alignment = `memory at ${limits.memoryAlignment}, offsets at ${limits.offsetAlignment}, ends at ${limits.endAlignment}`;
  const boundary = limits.boundaryBytes === 0 ? '' : `; boundary every ${size(limits.boundaryBytes)}`;
  return `${alignment}; ${best}; copied below ${size(limits.copyBreakBytes)}${boundary}`;
}

/** How the vectors were asked for. */
export function givenAs({ described, seed }: Explanation): string {
  if (described === null) return 'a list';
  return described.includes('shuffled') ? `${described}, seed ${seed}` : described;
}

function about(explanation: Explanation): string {
  const { path, vectors, limitsFrom } = explanation;
  return table(
    [
      ['vectors', `${vectorsInWords(vectors)}: ${givenAs(explanation)}`],
      ['target', path ?? 'none given: nothing was opened'],
      ['limits', limitsInWords(explanation)],
      ['', `(${limitsFrom})`],
    ],
    [],
  ).join('\n');
}

function memory(requests: readonly ExplainedRequest[]): string {
  const rows = requests.flatMap(memoryOf);
  const head = ['#', 'vectors', 'memory, from … to before', 'size', 'goes'];
  return ['which memory goes into which request', ...table([head, ...rows], [0, 3])].join('\n');
}

function memoryOf(request: ExplainedRequest): string[][] {
  const rows: string[][] = [];
  let pieces = 0;
  for (const segment of request.segments) {
    for (const piece of segment.memory) {
      if (pieces++ < MEMORY_LINES) rows.push([pieces === 1 ? String(request.index) : '', ...pieceOf(piece, segment)]);
    }
  }
  if (pieces > MEMORY_LINES) rows.push(['', `… ${counted(pieces - MEMORY_LINES, 'piece')} more`, '', '', '']);
  return rows;
}

function pieceOf(piece: MemoryPiece, { how }: ExplainedSegment): string[] {
  const { firstVector, lastVector, offset, bytes } = piece;
  const vectors = firstVector === lastVector ? String(firstVector) : `${firstVector} … ${lastVector}`;
  return [vectors, `${offset} … ${offset + bytes}`, size(bytes), IN_WORDS[how]];
}

function peers({ totals, peers }: Explanation): string {
  const least = totals.complete ? '' : ' at least';
  const own = ['diorite', grouped(totals.requests) + least, totals.requests === 1 ? 'request' : 'requests', '', ''];
  const rows = peers.map((peer) => [peer.name, grouped(peer.requests), nounOf(peer), peer.rule, peer.note]);
  return ['the same vectors elsewhere', ...table([own, ...rows], [1])].join('\n');
}
