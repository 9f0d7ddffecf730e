// plan(): shows how memory would be laid over a target's range as requests, without carrying anything out.
import { errors } from '../base/errors.js';
import { toOffset } from '../base/integers.js';
import { hostPageSource } from '../iter/host-pages.js';
import { IovIter } from '../iter/iov-iter.js';
import type { Layout, Piece } from '../plan/layout.js';
import { type Direction, type Limits, limitsProblem } from '../plan/limits.js';
import { Planner } from '../plan/planner.js';
import { type CopiedWhy, type Cut, PlannedRequest, type Route } from '../plan/request.js';
import { draw } from './draw.js';

export interface PlanOptions {
  /** Where in the target the range begins. */
  readonly offset: number | bigint;
  readonly direction: Direction;
  /** What requests may look like: everywhere, or by place, as a target's `limitsAt`. */
  readonly limits: Limits | ((offset: number, direction: Direction) => Limits);
  /** All that the memory holds, where it is not given. */
  readonly bytes?: number | bigint | undefined;
  /** Where the memory lies, as a PageSource says; the host's where it is not given. */
  readonly pages?: { offsetInPage(buffer: ArrayBufferLike): number } | undefined;
  /** For a target of several units. */
  readonly layout?: Layout | undefined;
}

/** A piece of a request's memory. Staged: copied through memory of the library's, `buffer` is then null. */
export interface PlanSegment {
  readonly buffer: ArrayBufferLike | null;
  readonly byteOffset: number;
  readonly length: number;
  readonly staged: boolean;
}

/** One request of a plan: frozen, and its own; see PlannedRequest for what the fields mean. */
export interface PlanRequest {
  readonly index: number;
  readonly direction: Direction;
  readonly route: Route;
  readonly unit: string;
  readonly offset: number;
  readonly bytes: number;
  readonly payloadOffset: number;
  readonly payloadBytes: number;
  readonly headPadBytes: number;
  /** Where the payload lies in the range, in the order of its unit: a file's is one piece. */
  readonly pieces: readonly Piece[];
  readonly segments: readonly PlanSegment[];
  readonly stagedBytes: number;
  readonly copiedBytes: number;
  readonly copiedWhy: Readonly<CopiedWhy>;
  readonly cut: Cut;
}

export interface PlanTotals {
  readonly requests: number;
  readonly segments: number;
  /** On the wire: more than the payload where reads are widened. */
  readonly bytes: number;
  readonly payloadBytes: number;
  readonly copiedBytes: number;
  readonly copiedWhy: Readonly<CopiedWhy>;
  readonly stagedBytes: number;
  readonly averageRequestBytes: number;
  /** How many requests end for which reason, the most frequent first. */
  readonly ends: readonly { readonly cut: Cut; readonly route: Route; readonly requests: number }[];
  /** False: the plan has more requests than are looked at, and the totals are those of its beginning. */
  readonly complete: boolean;
}

/** Totals look at no more requests than this (1 TiB in requests of 1 MiB, about a second): a plan may be endless. */
const TOTALS_REQUESTS_MAX = 2 ** 20;
const DRAWN_REQUESTS = 8;

/**
 * Lays memory over a target's range. Lazy: requests are planned while the plan is iterated, anew each time, so that
 * a plan of 1 TB costs no more memory than one of 1 GB. `String(plan)` draws it.
 */
export function plan(memory: ArrayBufferView | readonly ArrayBufferView[] | IovIter, options: PlanOptions): Plan {
  return new Plan(memory, options);
}

export class Plan implements Iterable<PlanRequest> {
  readonly direction: Direction;
  readonly offset: number;
  readonly bytes: number;
  readonly #iter: IovIter;
  readonly #limitsAt: (offset: number, direction: Direction) => Limits;
  readonly #pages: { offsetInPage(buffer: ArrayBufferLike): number };
  readonly #layout: Layout | undefined;
  #totals: PlanTotals | undefined;

  /** As `plan` takes them. */
  constructor(memory: ArrayBufferView | readonly ArrayBufferView[] | IovIter, options: PlanOptions) {
    if (options === null || typeof options !== 'object') throw errors.invalidType('options', 'an object', options);
    const { direction, pages, layout } = options;
    this.#iter = IovIter.from(memory).dup();
    if (direction !== 'read' && direction !== 'write')
      throw errors.invalidValue('options.direction', "'read' or 'write'", direction);
    this.direction = direction;
    if (this.#iter.kind === 'discard' && direction === 'write')
      throw errors.make('ERR_DIORITE_DIRECTION', 'The "memory" of a write is a discard iterator, which holds no bytes');
    this.offset = toOffset(options.offset, 'options.offset');
    this.bytes = options.bytes === undefined ? this.#iter.count : toOffset(options.bytes, 'options.bytes');
    if (this.bytes > this.#iter.count)
      throw errors.outOfRange('options.bytes', `at most ${this.#iter.count}, what the memory holds`, options.bytes);
    if (!Number.isSafeInteger(this.offset + this.bytes))
      throw errors.outOfRange('options.offset', 'such that the range ends at 2 ** 53 - 1 or before', options.offset);
    if (pages !== undefined && typeof pages?.offsetInPage !== 'function')
      throw errors.invalidType('options.pages', 'an object with a method offsetInPage', pages);
    if (layout !== undefined && typeof layout !== 'function')
      throw errors.invalidType('options.layout', 'a function', layout);
    this.#pages = pages ?? hostPageSource();
    this.#layout = layout;
    this.#limitsAt = checkedLimits(options.limits);
    if (this.bytes > 0) this.#limitsAt(this.offset, direction);
  }

  *[Symbol.iterator](): Generator<PlanRequest, void, undefined> {
    const planner = this.#planner();
    const request = new PlannedRequest();
    for (let index = 0; planner.next(request); index++) yield described(request, index);
  }

  /** Computed when first asked for; see `complete`. */
  get totals(): PlanTotals {
    this.#totals ??= totalsOf(this.#planner());
    return this.#totals;
  }

  /** The first requests (8, or as many as asked for) and the totals, for people. */
  toString(options: { readonly requests?: number | undefined } = {}): string {
    const most = options.requests === undefined ? DRAWN_REQUESTS : toOffset(options.requests, 'options.requests');
    const requests: PlanRequest[] = [];
    if (most > 0) {
      for (const request of this) {
        if (requests.push(request) >= most) break;
      }
    }
    const { direction, offset, bytes, totals } = this;
    return draw({ direction, offset, bytes, segments: this.#iter.nrSegs, requests, totals });
  }

  #planner(): Planner {
    return new Planner({
      iter: this.#iter.dup(),
      offset: this.offset,
      bytes: this.bytes,
      direction: this.direction,
      limitsAt: this.#limitsAt,
      pages: this.#pages,
      layout: this.#layout,
    });
  }
}

// `console.log(plan)` draws it too, by a registered symbol: nothing is imported from Node for it.
Object.defineProperty(Plan.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value(this: Plan): string {
    return this.toString();
  },
});

/** The planner asserts its target's limits; here they come from a caller, who is told which argument is wrong. */
function checkedLimits(limits: PlanOptions['limits']): (offset: number, direction: Direction) => Limits {
  const limitsAt = typeof limits === 'function' ? limits : () => limits;
  let checked: Limits | undefined;
  return (offset, direction) => {
    const found: unknown = limitsAt(offset, direction);
    if (found === checked && checked !== undefined && checked.until > offset) return checked;
    if (found === null || typeof found !== 'object')
      throw errors.invalidType('options.limits', 'a Limits object', found);
    const candidate = found as Limits; // each field is checked right here
    const problem = limitsProblem(candidate, offset);
    if (problem !== null)
      throw errors.invalidValue('options.limits', `such that a request can obey: ${problem}`, found);
    checked = candidate;
    return candidate;
  };
}

function described(request: PlannedRequest, index: number): PlanRequest {
  const { direction, route, unit, offset, bytes, payloadOffset, payloadBytes, headPadBytes } = request;
  const { stagedBytes, copiedBytes, cut } = request;
  const pieces: Piece[] = [];
  request.eachPiece(0, payloadBytes, (at, length) => pieces.push(Object.freeze({ offset: at, bytes: length })));
  const segments: PlanSegment[] = [];
  for (let i = 0; i < request.segments.count; i++) {
    const { buffer, byteOffset, length, staged } = request.segments;
    segments.push(
      Object.freeze({
        buffer: buffer[i] ?? null,
        byteOffset: byteOffset[i] ?? 0,
        length: length[i] ?? 0,
        staged: staged[i] ?? false,
      }),
    );
  }
  return Object.freeze({
    index,
    direction,
    route,
    unit,
    offset,
    bytes,
    payloadOffset,
    payloadBytes,
    headPadBytes,
    pieces: Object.freeze(pieces),
    segments: Object.freeze(segments),
    stagedBytes,
    copiedBytes,
    copiedWhy: Object.freeze({ ...request.copiedWhy }),
    cut,
  });
}

function totalsOf(planner: Planner): PlanTotals {
  const request = new PlannedRequest();
  const sums = { requests: 0, segments: 0, bytes: 0, payloadBytes: 0, copiedBytes: 0, stagedBytes: 0 };
  const why: CopiedWhy = { unknownBytes: 0, misalignedBytes: 0, fractionBytes: 0, smallBytes: 0 };
  const ends = new Map<string, { cut: Cut; route: Route; requests: number }>();
  while (sums.requests < TOTALS_REQUESTS_MAX && planner.next(request)) {
    sums.requests++;
    sums.segments += request.segments.count;
    sums.bytes += request.bytes;
    sums.payloadBytes += request.payloadBytes;
    sums.copiedBytes += request.copiedBytes;
    sums.stagedBytes += request.stagedBytes;
    why.unknownBytes += request.copiedWhy.unknownBytes;
    why.misalignedBytes += request.copiedWhy.misalignedBytes;
    why.fractionBytes += request.copiedWhy.fractionBytes;
    why.smallBytes += request.copiedWhy.smallBytes;
    const { cut, route } = request;
    const end = ends.get(`${cut} ${route}`);
    if (end === undefined) ends.set(`${cut} ${route}`, { cut, route, requests: 1 });
    else end.requests++;
  }
  return Object.freeze({
    ...sums,
    copiedWhy: Object.freeze(why),
    averageRequestBytes: sums.requests === 0 ? 0 : sums.bytes / sums.requests,
    ends: Object.freeze([...ends.values()].sort((a, b) => b.requests - a.requests).map((end) => Object.freeze(end))),
    complete: planner.remaining === 0,
  });
}
