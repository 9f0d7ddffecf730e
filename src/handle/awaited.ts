// Small reads and writes that are awaited: one promise and one result each, and nothing else that is made for them.
import type { Direction } from '../plan/limits.js';
import type { TransferOptions } from '../transfer/options.js';
import type { How } from '../transfer/outcome.js';
import { type Single, type SingleOwner, takeSingle } from '../transfer/single.js';
import type { Target } from '../transfer/target.js';
import type { MoveOptions } from './arguments.js';
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

/** With these alone a call is as simple as without any. */
const SIMPLE_OPTIONS = new Set(['offset', 'length', 'position', 'dsync']);

/** Of one file and direction. */
export class Awaited implements SingleOwner {
  readonly #target: Target;
  readonly #direction: Direction;
  readonly #toResult: ToResult<unknown, unknown>;
  readonly #settled: () => void;
  readonly #options: TransferOptions;
  readonly #durable: TransferOptions;

  constructor(
    target: Target,
    direction: Direction,
    options: TransferOptions,
    toResult: ToResult<unknown, unknown>,
    /** Called once for each that was begun, right before its promise settles. */
    settled: () => void,
  ) {
    this.#target = target;
    this.#direction = direction;
    this.#options = options;
    this.#durable = { ...options, dsync: true };
    this.#toResult = toResult;
    this.#settled = settled;
  }

  /**
   * Takes one view by position, in either form of the arguments, that is one request. Null: it is something else, or
   * wrong, or there is no room; then nothing happened, and the long way says what it is.
   */
  begin(memory: unknown, second: unknown, third: unknown, fourth: unknown): Promise<never> | null {
    if (!ArrayBuffer.isView(memory)) return null;
    if (typeof second !== 'object' || second === null) return this.#begin(memory, second, third, fourth, this.#options);
    for (const name in second) if (!SIMPLE_OPTIONS.has(name)) return null;
    const { offset, length, position, dsync } = second as MoveOptions;
    if (dsync !== undefined && typeof dsync !== 'boolean') return null;
    return this.#begin(memory, offset, length, position, dsync === true ? this.#durable : this.#options);
  }

  #begin(
    memory: ArrayBufferView,
    offset: unknown,
    length: unknown,
    position: unknown,
    options: TransferOptions,
  ): Promise<never> | null {
    const from = offset ?? 0;
    if (!isIndex(from) || !isIndex(position)) return null;
    const bytes = length ?? memory.byteLength - from;
    if (!isIndex(bytes) || from + bytes > memory.byteLength || !isIndex(position + bytes)) return null;
    const single = takeSingle();
    const target = this.#target;
    const byteOffset = memory.byteOffset + from;
    if (single.begin(this, target, this.#direction, position, memory.buffer, byteOffset, bytes, options) !== 'begun') {
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

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
