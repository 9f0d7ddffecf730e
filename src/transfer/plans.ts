// What is still to be drawn of a transfer: its range's own plan, and above it the rests that short answers have left.
import { assert } from '../base/assert.js';
import { alignDown } from '../base/integers.js';
import type { IovIter } from '../iter/iov-iter.js';
import { hostPages } from '../memory/pages.js';
import { UnitRuns } from '../plan/layout.js';
import type { Direction, Limits } from '../plan/limits.js';
import { Planner, type PlannerInput } from '../plan/planner.js';
import type { Pacing } from './pacing.js';
import type { Request } from './request.js';
import { takeRequest } from './request-pool.js';
import type { Target } from './target.js';

type LimitsAt = (offset: number, direction: Direction) => Limits;

/**
 * Knows no transfer: one that did would keep it, and its memory, from young collections. Measured: a read stream of 2 GiB on
 * Node 20 has 6 full collections, and 22 where this knows its Plans.
 */
function limitsOf(target: Target, pacing: Pacing | null): LimitsAt {
  if (pacing === null) return (at, way) => target.limitsAt(at, way);
  return (at, way) => pacing.scale(target.limitsAt(at, way));
}

export class Plans {
  readonly #target: Target;
  readonly #direction: Direction;
  /** The first planner's own; rests are planned with duplicates of it. */
  readonly #iter: IovIter;
  /** Of a layout's pieces: gathered within it. */
  readonly #windowBytes: number;
  #limitsAt: LimitsAt;
  /** The last one is drawn from. */
  readonly #planners: Planner[] = [];

  constructor(target: Target, direction: Direction, iter: IovIter, windowBytes: number) {
    this.#target = target;
    this.#direction = direction;
    this.#iter = iter;
    this.#windowBytes = windowBytes;
    this.#limitsAt = limitsOf(target, null);
  }

  /** Before `begin`. */
  paceBy(pacing: Pacing): void {
    this.#limitsAt = limitsOf(this.#target, pacing);
  }

  begin(offset: number, bytes: number): void {
    this.#planners.push(this.#planFrom(this.#iter, offset, bytes));
  }

  get isEmpty(): boolean {
    return this.#planners.length === 0;
  }

  /** Null: all is drawn, up to `end`. */
  draw(end: number): Request | null {
    while (this.#planners.length > 0) {
      const planner = this.#planners[this.#planners.length - 1];
      assert(planner !== undefined, 'a planner is drawn from');
      if (planner.remaining === 0 || (end < Number.POSITIVE_INFINITY && planner.offset >= end)) {
        this.#planners.pop();
        continue;
      }
      const request = takeRequest();
      const drawn = planner.next(request);
      assert(drawn, 'a planner that has bytes left gives a request');
      if (planner.remaining === 0) this.#planners.pop();
      return request;
    }
    return null;
  }

  /** What a request has left behind the first `done` bytes of its payload is drawn before all else. */
  again(request: Request, done: number): void {
    const iter = this.#iter.dup();
    if (this.#target.layout === undefined) {
      iter.restore(request.state);
      iter.advance(done);
      this.#planners.push(this.#planFrom(iter, request.payloadOffset + done, request.payloadBytes - done));
      return;
    }
    const units = UnitRuns.restOf(request, done, iter);
    this.#planners.push(new Planner({ ...this.#inputFrom(iter, request.payloadOffset, 0), units }));
  }

  /** Where each plan goes on. */
  eachOffset(f: (offset: number) => void): void {
    for (const planner of this.#planners) if (planner.remaining > 0) f(planner.offset);
  }

  #planFrom(iter: IovIter, offset: number, bytes: number): Planner {
    const { layout } = this.#target;
    const input = this.#inputFrom(iter, offset, bytes);
    return new Planner(layout === undefined ? input : { ...input, layout, windowBytes: this.#windowBytes });
  }

  #inputFrom(iter: IovIter, offset: number, bytes: number): PlannerInput {
    return { iter, offset, bytes, direction: this.#direction, limitsAt: this.#limitsAt, pages: hostPages() };
  }
}

/**
 * How many of the first bytes of a payload of which `payload` were answered need not be moved again. It goes on from the
 * last aligned boundary at or below what was reached, because O_DIRECT refuses to go on in mid-block. Example: 1,572,964
 * of 4,194,304 bytes at offset 0 with alignment 4096: on from 1,572,864, and the 100 bytes after it are moved twice.
 */
export function keptBytes(target: Target, request: Request, payload: number): number {
  // Nobody gives again, or takes again, what was consumed in order.
  if (request.route === 'end' || !target.seekable) return payload;
  const { direction } = request;
  const limits = target.limitsAt(request.payloadOffset, direction);
  const alignment = direction === 'write' ? limits.endAlignment : limits.offsetAlignment;
  const reached = request.offset + request.headPadBytes + payload;
  const kept = Math.max(0, payload - (reached - alignDown(reached, alignment)));
  // Nothing whole was written: on by the way of unaligned ends, which takes any byte. Else a device whose size is no
  // multiple of the alignment would give the same short answer for ever, and never its ENOSPC.
  return kept === 0 && direction === 'write' ? payload : kept;
}
