// Where everything of the picture's middle stands: memory on the left, requests on the right, staging between them.
import type { ExplainedRequest, How } from '../requests.js';
import { type Stretch, spread, within } from './elements.js';

export const COLUMN = { memory: 150, staging: 470, target: 760, width: 34 } as const;

/** What a request's label needs, and what the line under it where it is cut. */
const REQUEST_HEIGHT = 58;
export const CUT_GAP = 28;
const HEIGHT_MIN = 380;

/** A piece of memory's way: its place, and where it stands in its request. */
export interface Flow {
  readonly how: How;
  readonly memory: Stretch;
  readonly target: Stretch;
}

export interface Block {
  readonly how: How | 'pad';
  readonly at: Stretch;
}

/** A stretch of memory without gap that requests use. */
export interface Area {
  readonly offset: number;
  readonly bytes: number;
  readonly at: Stretch;
}

export interface Drawing {
  readonly height: number;
  readonly areas: readonly Area[];
  readonly requests: readonly Stretch[];
  /** Segments of requests; several that are thinner than a line are one. */
  readonly segments: readonly Block[];
  readonly flows: readonly Flow[];
}

export function layOut(requests: readonly ExplainedRequest[], top: number): Drawing {
  const gaps = CUT_GAP * Math.max(0, requests.length - 1);
  const height = Math.max(HEIGHT_MIN, requests.length * (REQUEST_HEIGHT + 12) + gaps);
  const sizes = requests.map((request) => request.bytes);
  const places = spread(sizes, top, height, REQUEST_HEIGHT, CUT_GAP);
  const areas = areasOf(requests, top, height);
  const segments: Block[] = [];
  const flows: Flow[] = [];
  for (const [i, request] of requests.entries()) {
    const place = places[i];
    if (place !== undefined) laySegments(request, place, areas, segments, flows);
  }
  return { height, areas, requests: places, segments: merged(segments), flows };
}

/** The memory that the requests use, in the order of its addresses; what is unused between is a gap. */
function areasOf(requests: readonly ExplainedRequest[], top: number, height: number): readonly Area[] {
  const pieces = requests.flatMap((request) => request.segments.flatMap((segment) => segment.memory));
  const used: { offset: number; bytes: number }[] = [];
  for (const { offset, bytes } of [...pieces].sort((a, b) => a.offset - b.offset)) {
    const last = used.at(-1);
    if (last === undefined || offset > last.offset + last.bytes) used.push({ offset, bytes });
    else last.bytes = Math.max(last.bytes, offset + bytes - last.offset);
  }
  const gap = Math.min(8, (0.3 * height) / Math.max(1, used.length));
  const least = Math.min(6, (0.3 * height) / Math.max(1, used.length));
  const places = spread(
    used.map((area) => area.bytes),
    top,
    height,
    least,
    gap,
  );
  return used.map((area, i) => ({ ...area, at: places[i] ?? { from: top, to: top } }));
}

function laySegments(
  request: ExplainedRequest,
  place: Stretch,
  areas: readonly Area[],
  segments: Block[],
  flows: Flow[],
): void {
  const height = place.to - place.from;
  const least = Math.min(3, height / 2 / Math.max(1, request.segments.length));
  const sizes = request.segments.map((segment) => segment.bytes);
  const places = spread(sizes, place.from, height, least, 0);
  for (const [i, segment] of request.segments.entries()) {
    const at = places[i];
    if (at === undefined) continue;
    // Bytes that nobody asked for stand before or behind the payload.
    const head = Math.min(segment.padBytes, Math.max(0, request.offset + request.headPadBytes - segment.offset));
    const payload = segment.bytes - segment.padBytes;
    segments.push({ how: 'pad', at: within(at, 0, head, segment.bytes) });
    segments.push({ how: segment.how, at: within(at, head, head + payload, segment.bytes) });
    segments.push({ how: 'pad', at: within(at, head + payload, segment.bytes, segment.bytes) });
    let into = head;
    for (const { offset, bytes } of segment.memory) {
      const target = within(at, into, into + bytes, segment.bytes);
      flows.push({ how: segment.how, memory: placeOf(areas, offset, bytes), target });
      into += bytes;
    }
  }
}

function placeOf(areas: readonly Area[], offset: number, bytes: number): Stretch {
  let low = 0;
  let high = areas.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((areas[middle]?.offset ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  const area = areas[low];
  if (area === undefined) return { from: 0, to: 0 };
  return within(area.at, offset - area.offset, offset - area.offset + bytes, area.bytes);
}

/** Less than this between two edges is not seen. */
const HAIR = 0.6;

/** Blocks in order, without what has no height; neighbours of a kind that are thinner than a hair together. */
export function merged(blocks: readonly Block[]): Block[] {
  const result: Block[] = [];
  for (const block of blocks) {
    if (block.at.to <= block.at.from) continue;
    const last = result.at(-1);
    const touches = last !== undefined && Math.abs(block.at.from - last.at.to) < HAIR;
    const isThin = block.at.to - block.at.from < HAIR || (last !== undefined && last.at.to - last.at.from < HAIR);
    if (last !== undefined && touches && isThin && last.how === block.how)
      result[result.length - 1] = { how: last.how, at: { from: last.at.from, to: block.at.to } };
    else result.push(block);
  }
  return result;
}
