// Small reads and writes that are awaited: one promise and one result each, and nothing else that is made for them.
import type { Direction } from '../plan/limits.js';
import type { TransferOptions } from '../transfer/options.js';
import type { How } from '../transfer/outcome.js';
import { type Single, type SingleOwner, takeSingle } from '../transfer/single.js';
import type { Target } from '../transfer/target.js';
import type { ToResult } from './results.js';

type Resolve = (result: never) => void;
type Reject = (error: unknown) => void;

// One executor for all promises: it leaves their functions here, and who made the promise takes them at once.
let resolveOfLast: Resolve = () => {};
let rejectOfLast: Reject = () => {};
const executor = (resolve: Resolve, reject: Reject): void => {
  resolveOfLast = resolve;
  rejectOfLast = reject;
};

/** Of one file and direction. */
export class Awaited implements SingleOwner {
  readonly #target: Target;
  readonly #direction: Direction;
  readonly #toResult: ToResult<unknown, unknown>;
  readonly #settled: () => void;

  constructor(
    target: Target,
    direction: Direction,
    toResult: ToResult<unknown, unknown>,
    /** Called once for each that was begun, right before its promise settles. */
    settled: () => void,
  ) {
    this.#target = target;
    this.#direction = direction;
    this.#toResult = toResult;
    this.#settled = settled;
  }

  /** Null: it takes more than one request, or the target is full; nothing happened. The range lies within the memory. */
  begin(
    memory: ArrayBufferView,
    memoryOffset: number,
    bytes: number,
    position: number,
    options: TransferOptions,
  ): Promise<never> | null {
    const single = takeSingle();
    if (!single.begin(this, this.#target, this.#direction, position, memory, memoryOffset, bytes, options)) {
      single.recycle();
      return null;
    }
    const promise = new Promise<never>(executor);
    single.memory = memory;
    single.resolve = resolveOfLast;
    single.reject = rejectOfLast;
    return promise;
  }

  moved(single: Single, bytes: number, how: How): void {
    const { memory, offset, resolve } = single;
    single.recycle();
    this.#settled();
    // The result is of the type that the caller's memory makes it: it went through here as unknown.
    resolve?.(this.#toResult(memory, offset, bytes, how) as never);
  }

  failed(single: Single, error: unknown): void {
    const { reject } = single;
    single.recycle();
    this.#settled();
    reject?.(error);
  }
}
