// A stream to streams: what comes goes on at once, as it lies.
//
//      source ─┬─ splice ─▶ cell ─┬───────────── splice ─▶ sink       pipes and sockets take pages however they lie
//              │                  └─ tee ─▶ cell ─ splice ─▶ sink
//              └─ read ─▶ lease ────────────────── write ─▶ sink      where splice or tee is refused
import { assert } from '../../base/assert.js';
import { DioriteError, errors } from '../../base/errors.js';
import { IovIter } from '../../iter/iov-iter.js';
import { EAGAIN, EINVAL, errnoError } from '../../transfer/errno.js';
import { startTransfer } from '../../transfer/transfer.js';
import { Attempts } from './attempts.js';
import { CELL_BYTES, Cell, nameOf } from './cell.js';
import { letOut } from './outlet.js';
import type { PipeTarget } from './pipe-target.js';
import { isReady, POLLIN, POLLOUT } from './readiness.js';
import type { Spliced } from './splice.js';
import { emptyCell, isRefusal, leaseOf, spliceSome, teeCell } from './steps.js';

export interface RelayInput {
  readonly source: PipeTarget;
  readonly sinks: readonly PipeTarget[];
  readonly bytes: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((doneBytes: number) => void) | undefined;
}

/** One sink, and its share of what is on its way. */
interface Branch {
  readonly sink: PipeTarget;
  readonly cell: Cell;
  splicedBytes: number;
  stagedBytes: number;
  reason: string | null;
}

export class Relay {
  readonly #input: RelayInput;
  readonly #branches: readonly Branch[];
  /** Of the caller's, or because a sink failed. */
  readonly #signal: AbortSignal;
  readonly #ends = new AbortController();
  #done = 0;
  #ended = false;
  /** Why nothing is spliced (any more). */
  #never: string | null = null;

  private constructor(input: RelayInput, cells: readonly Cell[]) {
    this.#input = input;
    const { signal } = input;
    this.#signal = signal === undefined ? this.#ends.signal : AbortSignal.any([signal, this.#ends.signal]);
    this.#branches = input.sinks.map((sink, i) => {
      const cell = cells[i];
      assert(cell !== undefined, 'each sink has a cell');
      return { sink, cell, splicedBytes: 0, stagedBytes: 0, reason: null };
    });
  }

  /** Or why there can be no cells. */
  static make(input: RelayInput): Relay | string {
    const cells: Cell[] = [];
    for (const _ of input.sinks) {
      const cell = Cell.make();
      if (typeof cell !== 'string') cells.push(cell);
      else {
        for (const made of cells) made.close();
        return cell;
      }
    }
    return new Relay(input, cells);
  }

  get doneBytes(): number {
    return this.#done;
  }

  get splits(): readonly Spliced[] {
    return this.#branches.map(({ splicedBytes, stagedBytes, reason }) => ({ splicedBytes, stagedBytes, reason }));
  }

  /** Whether the stream ended; false: as many bytes as were asked for have come. */
  async run(): Promise<boolean> {
    const { bytes } = this.#input;
    try {
      while (!this.#ended && this.#done < bytes) {
        if (this.#never === null) await this.#passPages();
        else await this.#passBytes(this.#never);
      }
      return this.#ended;
    } catch (error) {
      throw this.#annotate(error);
    } finally {
      for (const { cell } of this.#branches) cell.close();
    }
  }

  // ---- pages -----------------------------------------------------------------------------------------------------

  async #passPages(): Promise<void> {
    const [first, ...others] = this.#branches;
    assert(first !== undefined, 'there is a sink');
    const moved = await this.#take(first.cell);
    if (moved === 0) return;
    for (const { cell } of others) {
      if (await teeCell(this.#input.source.engine, first.cell, cell)) continue;
      this.#never = 'tee is refused, or takes less than there is';
      return this.#passUnteed(first.cell, moved);
    }
    await this.#each((branch) => this.#letOut(branch, moved));
    this.#moved(moved);
  }

  /** What the source gives, into the empty cell: 0 where it has ended, or is not taken so. */
  async #take(cell: Cell): Promise<number> {
    const { source, bytes, signal } = this.#input;
    const attempts = new Attempts();
    for (let ready = false; ; ) {
      if (signal?.aborted) throw errors.aborted(signal.reason);
      const moved = await spliceSome(
        source.engine,
        source.fd,
        cell.writeFd,
        Math.min(cell.capacity, bytes - this.#done),
      );
      if (moved > 0) {
        cell.bytes = moved;
        return moved;
      }
      if (moved === 0) {
        this.#ended = !isReady(source.fd, POLLIN) || source.isSocket;
        if (this.#ended) return 0;
        if (!attempts.empty()) throw source.stuck('read');
      } else if (moved === EAGAIN) {
        assert(isReady(cell.writeFd, POLLOUT), 'an empty cell has room');
        const pauseMs = ready ? attempts.beaten() : 0;
        if (pauseMs < 0) throw source.stuck('read');
        await source.untilReady('read', signal, pauseMs);
        ready = true;
      } else if (moved === EINVAL || isRefusal(moved)) {
        this.#never = `splice is refused: ${nameOf(moved)}`;
        return 0;
      } else throw errnoError(moved, 'read', source.name);
    }
  }

  async #letOut(branch: Branch, bytes: number): Promise<void> {
    const { sink, cell } = branch;
    const signal = this.#signal;
    let left = bytes;
    const problem = await letOut(cell, bytes, sink, signal, (moved) => {
      left -= moved;
      branch.splicedBytes += moved;
    });
    if (problem === null) return;
    this.#never ??= problem;
    await this.#fromCell(cell, left, (view) => this.#write(branch, view, problem));
  }

  /** The copies are of no use, and not all there: they go with their cells. */
  async #passUnteed(cell: Cell, bytes: number): Promise<void> {
    await this.#fromCell(cell, bytes, (view) => this.#writeAll(view, this.#never));
    this.#moved(bytes);
  }

  async #fromCell(cell: Cell, bytes: number, use: (view: Uint8Array) => Promise<void>): Promise<void> {
    const lease = await leaseOf(bytes, this.#signal);
    try {
      await emptyCell(this.#input.source.engine, cell, lease.buffer, lease.byteOffset, bytes);
      await use(lease.bytes.subarray(0, bytes));
    } finally {
      lease.release();
    }
  }

  // ---- bytes -----------------------------------------------------------------------------------------------------

  async #passBytes(why: string): Promise<void> {
    const { source, bytes, signal } = this.#input;
    const lease = await leaseOf(CELL_BYTES, signal);
    try {
      const view = lease.bytes.subarray(0, Math.min(CELL_BYTES, bytes - this.#done));
      const options = { signal, partial: true };
      const read = await startTransfer(source, IovIter.ubuf(view), this.#done, view.length, 'read', options);
      this.#ended = read.bytes === 0;
      if (read.bytes === 0) return;
      await this.#writeAll(view.subarray(0, read.bytes), why);
      this.#moved(read.bytes);
    } finally {
      lease.release();
    }
  }

  async #writeAll(view: Uint8Array, why: string | null): Promise<void> {
    await this.#each((branch) => this.#write(branch, view, why));
  }

  /** All of them are awaited, for they use the cells; one that fails ends the waits of the others. */
  async #each(work: (branch: Branch) => Promise<void>): Promise<void> {
    let failure: { readonly error: unknown } | null = null;
    const all = this.#branches.map(async (branch) => {
      try {
        await work(branch);
      } catch (error) {
        failure ??= { error };
        this.#ends.abort();
      }
    });
    await Promise.all(all);
    if (failure !== null) throw (failure as { readonly error: unknown }).error;
  }

  async #write(branch: Branch, view: Uint8Array, why: string | null): Promise<void> {
    branch.reason ??= why;
    const signal = this.#signal;
    await startTransfer(branch.sink, IovIter.ubuf(view), this.#done, view.length, 'write', { signal });
    branch.stagedBytes += view.length;
  }

  // ---- what is known ---------------------------------------------------------------------------------------------

  #moved(bytes: number): void {
    this.#done += bytes;
    try {
      this.#input.onProgress?.(this.#done);
    } catch (error) {
      // The caller's own: it surfaces as an uncaught exception, and must not end what is under way.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** Of the slowest sink: what every one has taken. */
  #annotate(error: unknown): unknown {
    if (!(error instanceof DioriteError)) return error;
    const taken = this.#branches.map(({ splicedBytes, stagedBytes }) => splicedBytes + stagedBytes);
    const bytes = Math.max(this.#done, Math.min(...taken));
    error.offset = 0;
    error.bytes = bytes;
    error.length = bytes;
    error.extents = bytes === 0 ? [] : [{ offset: 0, length: bytes, state: 'done' }];
    return error;
  }
}
