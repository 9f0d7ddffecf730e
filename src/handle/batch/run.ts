// Carries a batch out: so many elements at a time, each as a small transfer, or as a whole one where that is what it takes.
import { assert } from '../../base/assert.js';
import { DioriteError, errors } from '../../base/errors.js';
import { IovIter } from '../../iter/iov-iter.js';
import type { Direction } from '../../plan/limits.js';
import { onAbort } from '../../transfer/abort.js';
import type { TransferOptions } from '../../transfer/options.js';
import type { How, Outcome } from '../../transfer/outcome.js';
import { Single, type SingleOwner, takeSingle } from '../../transfer/single.js';
import type { Target } from '../../transfer/target.js';
import { runTransfer } from '../../transfer/transfer.js';
import { turnIsUsedUp } from '../../transfer/turn.js';
import { type Batch, failed, finish, memoryOf } from './batch.js';

const NO_MEMORY: ArrayBuffer = new ArrayBuffer(0);

/**
 *      next ─ send ─┬─ Single ────────────┐
 *        ▲          ├─ Transfer ──────────┴─ answered: `bytes`, or an error ─ the next one, or the end
 *        └──────────┴─ full: when drained
 */
export class BatchRun implements SingleOwner {
  readonly #batch: Batch;
  /** The batch's memory, asked once: a view's buffer costs as much as the rest of an element. */
  readonly #memory: ArrayBufferView | null;
  readonly #buffer: ArrayBufferLike;
  readonly #byteOffset: number;
  readonly #target: Target;
  readonly #direction: Direction;
  readonly #depth: number;
  readonly #bytesInFlightMax: number;
  readonly #options: TransferOptions;
  readonly #isSimple: boolean;
  readonly #ended: () => void;
  #next = 0;
  #inFlight = 0;
  #inFlightBytes = 0;
  #requests = 0;
  #copiedBytes = 0;
  #bufferedBytes = 0;
  #stable: boolean;
  #unsent: Error | null = null;
  /** For room in the target, or for the next turn. */
  #waiting = false;
  #pumping = false;
  #isOver = false;
  #onSettled: (() => void) | null = null;

  /** The batch has begun. `options` are those of each element. `ended` is called once, when all are answered. */
  constructor(
    batch: Batch,
    target: Target,
    direction: Direction,
    limits: { readonly depth: number; readonly bytesInFlight: number },
    options: TransferOptions,
    ended: () => void,
  ) {
    this.#batch = batch;
    this.#memory = batch.memory;
    this.#buffer = batch.memory?.buffer ?? NO_MEMORY;
    this.#byteOffset = batch.memory?.byteOffset ?? 0;
    this.#target = target;
    this.#direction = direction;
    this.#depth = limits.depth;
    this.#bytesInFlightMax = limits.bytesInFlight;
    this.#options = options;
    this.#ended = ended;
    this.#isSimple = Single.fits(target);
    this.#stable = direction === 'write';
  }

  /** Aborting sends nothing more; what is in flight is awaited. */
  start(signal: AbortSignal | undefined): void {
    if (signal?.aborted === true) this.#unsent = errors.aborted(signal.reason);
    else if (signal !== undefined) {
      this.#onSettled = onAbort(signal, () => {
        this.#unsent = errors.aborted(signal.reason);
        this.#pump();
      });
    }
    this.#pump();
  }

  moved(single: Single, bytes: number, how: How): void {
    const { index } = single;
    single.recycle();
    this.#answer(index, bytes, how);
  }

  failed(single: Single, error: unknown): void {
    const { index } = single;
    single.recycle();
    this.#answerError(index, error);
  }

  /** Not from within itself: what is answered at once (nothing to move, memory that is gone) must not nest. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    const { count, lengths } = this.#batch;
    while (this.#unsent === null && !this.#waiting && this.#next < count && this.#hasRoom()) {
      const index = this.#next++;
      this.#inFlight++;
      this.#inFlightBytes += lengths[index] as number;
      try {
        this.#send(index);
      } catch (error) {
        this.#answerError(index, error);
      }
      if (turnIsUsedUp(false)) this.#goOnNextTurn();
    }
    this.#pumping = false;
    if (this.#inFlight === 0 && !this.#waiting && (this.#unsent !== null || this.#next === count)) this.#end();
  }

  #hasRoom(): boolean {
    return this.#inFlight === 0 || (this.#inFlight < this.#depth && this.#inFlightBytes < this.#bytesInFlightMax);
  }

  #goOnNextTurn(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    setImmediate(this.#goOn);
  }

  readonly #goOn = (): void => {
    this.#waiting = false;
    this.#pump();
  };

  #send(index: number): void {
    const batch = this.#batch;
    const position = batch.positions[index] as number;
    const length = batch.lengths[index] as number;
    const offset = batch.offsets[index] as number;
    const memory = memoryOf(batch, index);
    // Looked at once more: the columns may have been written since, and an address is made of this.
    const problem = batch.problemOf(index);
    if (problem !== null || memory === null) throw problem;
    if (length === 0) return this.#answered(index);
    const isShared = memory === this.#memory;
    const buffer = isShared ? this.#buffer : memory.buffer;
    const byteOffset = (isShared ? this.#byteOffset : memory.byteOffset) + offset;
    if (!this.#isSimple || !this.#sendSingle(index, buffer, byteOffset, position, length))
      this.#sendTransfer(index, new Uint8Array(buffer, byteOffset, length), position);
  }

  /** False: it takes a transfer. */
  #sendSingle(index: number, buffer: ArrayBufferLike, byteOffset: number, position: number, length: number): boolean {
    const single = takeSingle();
    single.index = index;
    const begun = single.begin(
      this,
      this.#target,
      this.#direction,
      position,
      buffer,
      byteOffset,
      length,
      this.#options,
    );
    if (begun === 'begun') return true;
    single.recycle();
    if (begun === 'not one') return false;
    // Full, and nothing happened: the same element again when there is room.
    this.#next--;
    this.#inFlight--;
    this.#inFlightBytes -= length;
    this.#waiting = true;
    this.#target.onceDrained(this.#goOn);
    return true;
  }

  #sendTransfer(index: number, memory: Uint8Array, position: number): void {
    const iter = IovIter.ubuf(memory);
    const { length } = memory;
    const done = (outcome: Outcome): void => this.#answer(index, outcome.bytes, outcome);
    const failed = (error: unknown): void => this.#answerError(index, error);
    runTransfer(this.#target, iter, position, length, this.#direction, this.#options, done, failed);
  }

  #answer(index: number, bytes: number, how: How): void {
    this.#batch.bytes[index] = bytes;
    this.#requests += how.requests;
    this.#copiedBytes += how.copiedBytes;
    this.#bufferedBytes += how.bufferedBytes;
    this.#stable &&= how.stable;
    this.#answered(index);
  }

  #answerError(index: number, thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.#batch.bytes[index] = error instanceof DioriteError ? (error.bytes ?? 0) : 0;
    this.#stable = false;
    failed(this.#batch, index, error);
    this.#answered(index);
  }

  #answered(index: number): void {
    this.#inFlight--;
    this.#inFlightBytes -= this.#batch.lengths[index] as number;
    this.#pump();
  }

  #end(): void {
    assert(!this.#isOver, 'a batch ends once');
    this.#isOver = true;
    this.#onSettled?.();
    const stable = this.#stable && this.#unsent === null;
    const totals = {
      requests: this.#requests,
      copiedBytes: this.#copiedBytes,
      bufferedBytes: this.#bufferedBytes,
      stable,
    };
    finish(this.#batch, totals, this.#next, this.#unsent);
    this.#ended();
  }
}
