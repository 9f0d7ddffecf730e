// Watches whoever uses the simulator: memory that changes in flight, requests that overlap, contracts that are broken.
import { AssertionFailure } from '../../base/assert.js';
import type { Request } from '../../transfer/request.js';
import type { Operation } from './operation.js';
import type { SimOverlap } from './options.js';

/** Overlaps and violations kept: the first ones tell. */
const KEPT_MAX = 100;

export class Watch {
  readonly overlaps: SimOverlap[] = [];
  readonly violations: Error[] = [];
  readonly #name: string;
  readonly #onViolation: ((failure: Error) => void) | undefined;

  constructor(name: string, onViolation: ((failure: Error) => void) | undefined) {
    this.#name = name;
    this.#onViolation = onViolation;
  }

  violated(what: string): void {
    const failure = new AssertionFailure(`${this.#name}: the contract of a target is broken: ${what}`);
    if (this.violations.length < KEPT_MAX) this.violations.push(failure);
    if (this.#onViolation === undefined) throw failure;
    this.#onViolation(failure);
  }

  checkMemory(operation: Operation): void {
    const at = operation.firstChange();
    if (at === -1) return;
    const { number, request } = operation;
    this.violated(`the memory of request ${number}, ${described(request)}, changed in flight, first at its byte ${at}`);
  }

  noteOverlaps(operation: Operation, held: Iterable<Operation>): void {
    const { request, number } = operation;
    for (const other of held) {
      const there = other.request;
      if (other.isAnswered || (there.direction === 'read' && request.direction === 'read')) continue;
      if (there.unit !== request.unit) continue;
      const offset = Math.max(request.offset, there.offset);
      const bytes = Math.min(request.offset + request.bytes, there.offset + there.bytes) - offset;
      if (bytes > 0 && this.overlaps.length < KEPT_MAX)
        this.overlaps.push({ first: other.number, second: number, offset, bytes });
    }
  }
}

export function described(request: Request): string {
  const { direction, bytes, unit, offset, route } = request;
  return `a ${direction} of ${bytes} bytes at ${unit === '' ? '' : `${unit}:`}${offset} (${route})`;
}
