// A file to a stream: read ahead into cells, kernel to kernel, and let out in order as the stream takes it.
//
//      file ─ splice ─▶ cell ─ splice ─▶ sink        read by the disk into the kernel's own pages, which nobody reuses
//      file ─ read ──▶ lease ─ write ──▶ sink        where one of the two is refused: copied, and so free to reuse
//
//      wanted         100 ........................ 2,000,000
//      cells     [ 0 ────────── 1 MiB )[ ────── 2,000,384 )      whole blocks; what was not asked for is dropped
import { assert } from '../../base/assert.js';
import { DioriteError } from '../../base/errors.js';
import { alignDown, alignUp } from '../../base/integers.js';
import { IovIter } from '../../iter/iov-iter.js';
import type { Lease } from '../../memory/pool.js';
import { EINVAL, errnoError } from '../../transfer/errno.js';
import { tellProgress } from '../../transfer/progress.js';
import type { Target } from '../../transfer/target.js';
import { startTransfer } from '../../transfer/transfer.js';
import { FileTarget } from '../file/file-target.js';
import { CELL_BYTES, Cell, nameOf } from './cell.js';
import { endProblem } from './ends.js';
import { letOut } from './outlet.js';
import type { PipeTarget } from './pipe-target.js';
import type { MoveResult } from './splice.js';
import { emptyCell, isRefusal, leaseOf } from './steps.js';

/** Units read ahead. Each holds a thread of libuv's pool, which has four, while a disk works on it. */
const UNITS_MAX = 3;

interface Unit {
  readonly cell: Cell | null;
  readonly lease: Lease | null;
  /** In front of what is wanted, of the block that it begins in. */
  readonly skip: number;
  readonly bytes: number;
  /** Fewer bytes than were asked for: the file ends here. */
  readonly last: boolean;
}

export interface FeedInput {
  readonly target: Target;
  readonly offset: number;
  readonly bytes: number;
  readonly sink: PipeTarget;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((doneBytes: number) => void) | undefined;
}

type Settled = { readonly unit: Unit } | { readonly error: unknown };

export class Feed {
  readonly #input: FeedInput;
  readonly #file: FileTarget | null;
  readonly #blockBytes: number;
  readonly #idle: Cell[] = [];
  readonly #made: Cell[] = [];
  readonly #ahead: Promise<Settled>[] = [];
  /** Bytes that reads were started for, and that the sink has taken. */
  #asked = 0;
  #done = 0;
  #splicedBytes = 0;
  #stagedBytes = 0;
  #reason: string | null = null;
  /** Why nothing is spliced (any more); null: pages go as they lie. */
  #never: string | null;
  #ended = false;
  #error: unknown = null;

  constructor(input: FeedInput) {
    this.#input = input;
    const { target, offset, sink } = input;
    this.#file = target instanceof FileTarget ? target : null;
    this.#blockBytes = target.limitsAt(offset, 'read').offsetAlignment;
    this.#never =
      this.#file === null ? 'the source is no local file' : (this.#file.splices.problem('read') ?? endProblem(sink));
  }

  async run(): Promise<MoveResult> {
    const { bytes } = this.#input;
    try {
      while (!this.#ended && this.#done < bytes) {
        while (this.#ahead.length < UNITS_MAX && this.#asked < bytes) this.#readAhead();
        const next = await this.#ahead.shift();
        assert(next !== undefined, 'what is not done is read');
        if ('error' in next) throw next.error;
        await this.#deliver(next.unit);
      }
    } catch (error) {
      this.#error = error;
    }
    await this.#letGo();
    if (this.#error !== null) throw this.#annotate(this.#error);
    return {
      bytes: this.#done,
      ended: this.#ended,
      splicedBytes: this.#splicedBytes,
      stagedBytes: this.#stagedBytes,
      reason: this.#reason,
    };
  }

  // ---- in --------------------------------------------------------------------------------------------------------

  #readAhead(): void {
    const { offset, bytes, signal } = this.#input;
    const at = offset + this.#asked;
    const cell = this.#never === null ? this.#emptyCell() : null;
    const skip = cell === null ? 0 : at - alignDown(at, this.#blockBytes);
    const capacity = cell === null ? CELL_BYTES : alignDown(cell.capacity, this.#blockBytes);
    const length = Math.min(capacity - skip, bytes - this.#asked);
    this.#asked += length;
    const read = cell === null ? this.#readBytes(at, length, signal) : this.#readCell(cell, at, skip, length);
    this.#ahead.push(
      read.then(
        (unit): Settled => ({ unit }),
        (error: unknown): Settled => ({ error }),
      ),
    );
  }

  #emptyCell(): Cell | null {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    const made = Cell.make();
    if (typeof made === 'string') {
      this.#never = made;
      return null;
    }
    this.#made.push(made);
    return made;
  }

  async #readBytes(at: number, length: number, signal: AbortSignal | undefined): Promise<Unit> {
    const lease = await leaseOf(length, signal);
    try {
      const iter = IovIter.ubuf(lease.bytes.subarray(0, length));
      const { bytes } = await startTransfer(this.#input.target, iter, at, length, 'read', { signal });
      return { cell: null, lease, skip: 0, bytes, last: bytes < length };
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  async #readCell(cell: Cell, at: number, skip: number, length: number): Promise<Unit> {
    const wanted = alignUp(skip + length, this.#blockBytes);
    assert(wanted <= cell.capacity, 'a cell holds what is read into it');
    const problem = await this.#spliceIn(cell, at - skip, wanted);
    if (problem !== null) {
      this.#never ??= problem;
      cell.bytes = 0; // it may hold a part, and is used no more
      return this.#readBytes(at, length, this.#input.signal);
    }
    const bytes = Math.max(0, Math.min(length, cell.bytes - skip));
    return { cell, lease: null, skip: Math.min(skip, cell.bytes), bytes, last: bytes < length };
  }

  /** Fills the cell from `offset` on, to the end of the file at most. Why it cannot be done, or null. */
  async #spliceIn(cell: Cell, offset: number, wanted: number): Promise<string | null> {
    const file = this.#file;
    assert(file !== null, 'only files are spliced from');
    while (cell.bytes < wanted) {
      const moved = await file.splices.move('read', cell.writeFd, offset + cell.bytes, wanted - cell.bytes);
      if (moved === 0) return null;
      if (moved === EINVAL || isRefusal(moved)) return `splice is refused: ${nameOf(moved)}`;
      if (moved < 0) throw errnoError(moved, 'splice', file.name);
      cell.bytes += moved;
      // Only the end of the file is no block's end. Anything else is read again, another way.
      if (cell.bytes % this.#blockBytes === 0) continue;
      return offset + cell.bytes >= (await file.askBytes()) ? null : 'splice stopped within a block';
    }
    return null;
  }

  // ---- out -------------------------------------------------------------------------------------------------------

  async #deliver(unit: Unit): Promise<void> {
    const { cell, lease, bytes } = unit;
    if (lease !== null) await this.#writeLease(lease, bytes);
    else if (cell !== null) await this.#spliceOut(cell, unit);
    if (unit.last) this.#ended = true;
  }

  async #writeLease(lease: Lease, bytes: number): Promise<void> {
    this.#reason ??= this.#never;
    const { sink, signal } = this.#input;
    try {
      const iter = IovIter.ubuf(lease.bytes.subarray(0, bytes));
      const before = this.#done;
      const onProgress = (done: number): void => this.#moved(before + done - this.#done, 'staged');
      await startTransfer(sink, iter, before, bytes, 'write', { signal, onProgress });
    } finally {
      lease.release();
    }
  }

  async #spliceOut(cell: Cell, { skip, bytes }: Unit): Promise<void> {
    if (skip > 0) await this.#drop(cell, skip);
    const { sink, signal } = this.#input;
    let left = bytes;
    const problem = await letOut(cell, bytes, sink, signal, (moved) => {
      left -= moved;
      this.#moved(moved, 'spliced');
    });
    if (problem !== null) {
      this.#never ??= problem;
      await this.#writeRest(cell, left);
    }
    // Only the last unit of a range holds more than was wanted.
    if (cell.bytes === 0) this.#idle.push(cell);
  }

  /** The sink takes no pages: what the cell holds is read, and written. */
  async #writeRest(cell: Cell, bytes: number): Promise<void> {
    const lease = await leaseOf(bytes, this.#input.signal);
    try {
      await emptyCell(this.#input.sink.engine, cell, lease.buffer, lease.byteOffset, bytes);
    } catch (error) {
      lease.release();
      throw error;
    }
    await this.#writeLease(lease, bytes);
  }

  async #drop(cell: Cell, bytes: number): Promise<void> {
    const lease = await leaseOf(bytes, this.#input.signal);
    try {
      await emptyCell(this.#input.sink.engine, cell, lease.buffer, lease.byteOffset, bytes);
    } finally {
      lease.release();
    }
  }

  #moved(bytes: number, how: 'spliced' | 'staged'): void {
    this.#done += bytes;
    if (how === 'spliced') this.#splicedBytes += bytes;
    else this.#stagedBytes += bytes;
    tellProgress(this.#input.onProgress, this.#done);
  }

  // ---- the end ---------------------------------------------------------------------------------------------------

  /** What is read ahead still comes, and is dropped; then the cells may go. */
  async #letGo(): Promise<void> {
    for (const settled of await Promise.all(this.#ahead)) if ('unit' in settled) settled.unit.lease?.release();
    for (const cell of this.#made) cell.close();
  }

  #annotate(error: unknown): unknown {
    if (!(error instanceof DioriteError)) return error;
    const { offset } = this.#input;
    error.offset = offset;
    error.bytes = this.#done;
    error.extents = this.#done === 0 ? [] : [{ offset, length: this.#done, state: 'done' }];
    error.length = this.#done;
    return error;
  }
}
