// A batch: many reads or writes as columns of numbers, and their answers beside them. Nothing is made for an element.
import { DioriteError, errors } from '../../base/errors.js';
import { toOffset } from '../../base/integers.js';

/** More than this is a mistake: 40 bytes of columns each. */
const CAPACITY_MAX = 2 ** 24;

/** What a run tells its batch. */
export interface BatchTotals {
  readonly requests: number;
  readonly copiedBytes: number;
  readonly bufferedBytes: number;
  readonly stable: boolean;
}

const NOTHING: BatchTotals = { requests: 0, copiedBytes: 0, bufferedBytes: 0, stable: false };

/** For who carries batches out. */
export let begin: (batch: Batch) => void;
export let failed: (batch: Batch, index: number, error: Error) => void;
export let finish: (batch: Batch, totals: BatchTotals, unsentFrom: number, unsent: Error | null) => void;
export let memoryOf: (batch: Batch, index: number) => ArrayBufferView | null;

/**
 * Made once and used again and again: fill it with `add`, or write the columns and set `count`; hand it to `readBatch` or
 * `writeBatch`; read `bytes` when that has answered; `clear` it.
 *
 *      element       0       1       2             count     capacity
 *      positions  [ 8192 |   0   | 40960 | · · · · · | · · · · · · ]      where in the file
 *      offsets    [   0  | 4096  |  8192 | · · · · · | · · · · · · ]      where in the memory
 *      lengths    [ 4096 | 4096  |  4096 | · · · · · | · · · · · · ]
 *      bytes      [ 4096 | 4096  |  1000 | · · · · · | · · · · · · ]      answered: how many from the start are done
 *
 * While it is handed over, it and its memory are the file's, and nobody changes them.
 */
export class Batch {
  static {
    begin = (batch) => batch.#begin();
    failed = (batch, index, error) => {
      batch.#errors.set(index, error);
    };
    finish = (batch, totals, unsentFrom, unsent) => batch.#finish(totals, unsentFrom, unsent);
    memoryOf = (batch, index) => batch.#memoryOf(index);
  }

  readonly capacity: number;
  /** What `offsets` count in; null: each element has a view of its own (`addView`). */
  readonly memory: ArrayBufferView | null;
  readonly positions: Float64Array;
  readonly offsets: Float64Array;
  readonly lengths: Float64Array;
  /**
   * The answers, by element: all of `lengths`, fewer where a read reached the end of the data, and the unbroken run from
   * the start where it failed (see `errorOf`).
   */
  readonly bytes: Float64Array;
  #count = 0;
  /** Where there are elements with views of their own. */
  #views: (ArrayBufferView | null)[] | null = null;
  readonly #errors = new Map<number, Error>();
  #unsentFrom = 0;
  #unsent: Error | null = null;
  #totals: BatchTotals = NOTHING;
  #busy = false;

  constructor(capacity: number, memory: ArrayBufferView | null = null) {
    const most = toOffset(capacity, 'capacity');
    if (most < 1 || most > CAPACITY_MAX) throw errors.outOfRange('capacity', `>= 1 and <= ${CAPACITY_MAX}`, capacity);
    if (memory !== null && !ArrayBuffer.isView(memory)) throw errors.invalidType('memory', 'a view, or null', memory);
    this.capacity = most;
    this.memory = memory;
    this.positions = new Float64Array(most);
    this.offsets = new Float64Array(most);
    this.lengths = new Float64Array(most);
    this.bytes = new Float64Array(most);
  }

  /** How many elements there are. Settable, for who writes the columns. */
  get count(): number {
    return this.#count;
  }

  set count(count: number) {
    this.#mustBeIdle();
    if (!Number.isInteger(count) || count < 0 || count > this.capacity)
      throw errors.outOfRange('count', `>= 0 and <= ${this.capacity}`, count);
    this.#count = count;
  }

  /** It is handed over, and not answered yet. */
  get busy(): boolean {
    return this.#busy;
  }

  /** One more: `length` bytes at `position` of the file, from byte `offset` of the batch's memory on. Returns its index. */
  add(position: number, offset: number, length: number): number {
    const index = this.#next();
    this.positions[index] = position;
    this.offsets[index] = offset;
    this.lengths[index] = length;
    if (this.#views !== null) this.#views[index] = null;
    const problem = this.problemOf(index);
    if (problem !== null) throw problem;
    this.#count = index + 1;
    return index;
  }

  /** One more, with memory of its own: all of the view. Returns its index. */
  addView(position: number, view: ArrayBufferView): number {
    const index = this.#next();
    if (!ArrayBuffer.isView(view)) throw errors.invalidType('view', 'a view', view);
    this.#views ??= new Array<ArrayBufferView | null>(this.capacity).fill(null);
    this.positions[index] = position;
    this.offsets[index] = 0;
    this.lengths[index] = view.byteLength;
    this.#views[index] = view;
    const problem = this.problemOf(index);
    if (problem !== null) throw problem;
    this.#count = index + 1;
    return index;
  }

  /** Empties it, its answers too; the columns keep what they hold. */
  clear(): void {
    this.#mustBeIdle();
    // Dropped: a batch that waits for reuse must not keep a caller's memory alive.
    this.#views?.fill(null, 0, this.#count);
    this.#count = 0;
    this.#forget();
  }

  /** How many elements failed. */
  get failed(): number {
    return this.#errors.size + (this.#unsent === null ? 0 : this.#count - this.#unsentFrom);
  }

  /** Why an element failed, with its ledger; null: it did not. */
  errorOf(index: number): Error | null {
    const own = this.#errors.get(index);
    if (own !== undefined) return own;
    const unsent = this.#unsent;
    return unsent !== null && index >= this.#unsentFrom && index < this.#count
      ? this.#unsentError(index, unsent)
      : null;
  }

  /** How many requests went to the target. */
  get requests(): number {
    return this.#totals.requests;
  }

  /** Bytes that were copied because they could not go as they lay. */
  get copiedBytes(): number {
    return this.#totals.copiedBytes;
  }

  /** Bytes that went through the page cache. */
  get bufferedBytes(): number {
    return this.#totals.bufferedBytes;
  }

  /** Of a write: every byte of it is durable. */
  get stable(): boolean {
    return this.#totals.stable;
  }

  /** What is wrong with an element; null: nothing. */
  problemOf(index: number): Error | null {
    const position = this.positions[index] as number;
    const offset = this.offsets[index] as number;
    const length = this.lengths[index] as number;
    const held = this.#memoryOf(index)?.byteLength ?? -1;
    if (
      isIndex(position) &&
      isIndex(offset) &&
      isIndex(length) &&
      offset + length <= held &&
      isIndex(position + length)
    )
      return null;
    if (held < 0) return errors.invalidValue(`elements[${index}]`, 'in the memory of the batch, or a view', null);
    if (!isIndex(position) || !isIndex(position + length))
      return errors.outOfRange(`positions[${index}]`, '>= 0 and <= 2 ** 53 - 1, as is its end', position);
    const what = `offsets[${index}] and lengths[${index}]`;
    return errors.outOfRange(what, `integers >= 0 that lie within ${held} bytes`, `${offset} and ${length}`);
  }

  #memoryOf(index: number): ArrayBufferView | null {
    return this.#views?.[index] ?? this.memory;
  }

  #next(): number {
    this.#mustBeIdle();
    if (this.#count === this.capacity)
      throw errors.outOfRange('count', `<= ${this.capacity}, the capacity`, this.#count + 1);
    return this.#count;
  }

  #mustBeIdle(): void {
    if (this.#busy) throw errors.make('ERR_DIORITE_BATCH_BUSY', 'The batch is handed over, and not answered yet');
  }

  #begin(): void {
    this.#mustBeIdle();
    for (let i = 0; i < this.#count; i++) {
      const problem = this.problemOf(i);
      if (problem !== null) throw problem;
    }
    this.#forget();
    this.bytes.fill(0, 0, this.#count);
    this.#busy = true;
  }

  #finish(totals: BatchTotals, unsentFrom: number, unsent: Error | null): void {
    this.#busy = false;
    this.#totals = totals;
    this.#unsentFrom = unsentFrom;
    this.#unsent = unsentFrom < this.#count ? unsent : null;
  }

  #forget(): void {
    this.#errors.clear();
    this.#unsent = null;
    this.#totals = NOTHING;
  }

  /** Made when it is asked for: an aborted batch may hold thousands that were never sent. */
  #unsentError(index: number, reason: Error): Error {
    const error =
      reason.name === 'AbortError'
        ? errors.aborted(reason.cause)
        : new DioriteError(reason.message, { code: 'ERR_DIORITE_CLOSED', cause: reason });
    const offset = this.positions[index] as number;
    const length = this.lengths[index] as number;
    error.offset = offset;
    error.length = length;
    error.bytes = 0;
    error.extents = length === 0 ? [] : [{ offset, length, state: 'failed' }];
    return error;
  }
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
