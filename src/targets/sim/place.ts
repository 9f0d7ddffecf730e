// Where a simulated request's bytes lie: its offset says so, or, in a striped target, its unit and the offset there.
import type { PlannedRequest } from '../../plan/request.js';
import { Stripes, type Striping } from '../striping.js';

const NAME = /^object\.([0-9a-f]{8,})$/;

function nameOf(object: number): string {
  return `object.${object.toString(16).padStart(8, '0')}`;
}

/** Offsets are those of the whole target; the request's own list of pieces is not looked at, only held against this. */
export class Place {
  readonly stripes: Stripes | null;

  constructor(striping: Striping | undefined) {
    this.stripes = striping === undefined ? null : new Stripes(striping, nameOf);
  }

  /** Calls f for bytes `from` … `to` of the request, counted from its first on the wire; `at` counts the same way. */
  each(
    request: PlannedRequest,
    from: number,
    to: number,
    f: (offset: number, bytes: number, at: number) => void,
  ): void {
    if (to <= from) return;
    if (this.stripes === null) return f(request.offset + from, to - from, from);
    let at = from;
    for (const { offset, bytes } of this.stripes.piecesOf(objectOf(request.unit), request.offset + from, to - from)) {
      f(offset, bytes, at);
      at += bytes;
    }
  }

  /** What is wrong with where the request says that its payload lies, or null. */
  breach(request: PlannedRequest): string | null {
    const { unit, headPadBytes, payloadBytes, bytes } = request;
    if (this.stripes === null && unit !== '') return `it names unit "${unit}" of a target without layout`;
    if (this.stripes !== null && !NAME.test(unit)) return `it names no unit of the layout: "${unit}"`;
    if (payloadBytes <= 0) return 'it has no payload';
    if (headPadBytes < 0 || headPadBytes + payloadBytes > bytes) return 'its payload passes its bytes';
    const said: number[] = [];
    const real: number[] = [];
    request.eachPiece(0, payloadBytes, (offset, length) => addRange(said, offset, length));
    this.each(request, headPadBytes, headPadBytes + payloadBytes, (offset, length) => addRange(real, offset, length));
    return said.join() === real.join() ? null : `its payload is said to lie at ${said}, and lies at ${real}`;
  }
}

function objectOf(unit: string): number {
  return Number.parseInt(NAME.exec(unit)?.[1] ?? '0', 16);
}

/** Appends from and to, or moves the last end: neighbours are one. */
function addRange(ranges: number[], offset: number, bytes: number): void {
  if (ranges.at(-1) === offset) ranges[ranges.length - 1] = offset + bytes;
  else ranges.push(offset, offset + bytes);
}
