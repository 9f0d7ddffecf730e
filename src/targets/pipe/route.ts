// Where a stream's bytes go: one destination, what of it is done, and how it went.
import { assert } from '../../base/assert.js';
import { DioriteError, type Extent } from '../../base/errors.js';
import { alignDown, PAGE_SIZE } from '../../base/integers.js';
import { IovIter } from '../../iter/iov-iter.js';
import { EINVAL, errnoError } from '../../transfer/errno.js';
import { Ledger } from '../../transfer/ledger.js';
import type { Target } from '../../transfer/target.js';
import { startTransfer } from '../../transfer/transfer.js';
import { Op } from '../file/engines/engine.js';
import { FileTarget } from '../file/file-target.js';
import { Attempts } from './attempts.js';
import { type Cell, nameOf } from './cell.js';
import { checksPages, uncheckedProblem } from './checked.js';
import { emptyCell, isRefusal, leaseOf } from './steps.js';

export interface Destination {
  readonly target: Target;
  /** Where the first byte goes; 0 where it is not given. */
  readonly offset?: number | undefined;
}

export class Route {
  readonly target: Target;
  readonly offset: number;
  splicedBytes = 0;
  stagedBytes = 0;
  /** Why bytes were staged, as one clause; null: none were. */
  reason: string | null = null;
  readonly #file: FileTarget | null;
  readonly #blockBytes: number;
  /** How pages lie is checked before anything is written. */
  readonly #checked: boolean;
  /** Why nothing is spliced to it (any more). */
  #never: string | null;
  /** All bytes before are done; what is known of those behind, as they were settled. */
  #doneTo = 0;
  readonly #behind: Map<number, readonly Extent[]> = new Map();

  constructor({ target, offset = 0 }: Destination) {
    this.target = target;
    this.offset = offset;
    this.#file = target instanceof FileTarget ? target : null;
    this.#blockBytes = Math.max(PAGE_SIZE, target.limitsAt(offset, 'write').endAlignment);
    this.#never =
      this.#file === null
        ? 'the destination is no local file'
        : (this.#file.splices.problem('write') ?? uncheckedProblem(this.#file.facts));
    this.#checked = this.#file !== null && checksPages(this.#file.facts);
    if (this.#never === null && offset % this.#blockBytes !== 0) this.#never = `it begins at ${offset}, within a block`;
  }

  /** Why nothing is spliced to it; null: pages that lie well are. */
  get never(): string | null {
    return this.#never;
  }

  get doneBytes(): number {
    return this.#doneTo;
  }

  /** Whether whole cells of this capacity can be pumped. */
  canPump(capacity: number): boolean {
    if (this.#never !== null || this.#file === null) return false;
    return capacity % this.#blockBytes === 0 && this.#file.engine.supports(Op.PUMP);
  }

  /** From the stream through the cell, as long as whole pages come without a pause: how many bytes from `at` on. */
  async pump(source: number, cell: Cell, at: number, most: number): Promise<number> {
    assert(this.#file !== null && cell.bytes === 0, 'a pump begins with an empty cell');
    const { moved, held } = await this.#file.splices.pump(source, cell, this.offset + at, most);
    cell.bytes = held;
    this.splicedBytes += moved;
    if (moved > 0) this.#settle(at, moved);
    return moved;
  }

  /** The cell's bytes at `at` of the stream: as they lie where the file takes them so, and copied where not. */
  async writeCell(cell: Cell, at: number, signal: AbortSignal | undefined): Promise<void> {
    const bytes = cell.bytes;
    const spliced = await this.#spliceCell(cell, at);
    if (spliced === bytes) return;
    this.reason ??= 'the last bytes did not fill their pages';
    const lease = await leaseOf(bytes - spliced, signal);
    try {
      assert(this.#file !== null, 'cells are for files');
      await emptyCell(this.#file.engine, cell, lease.buffer, lease.byteOffset, bytes - spliced);
      await this.writeBytes(lease.bytes.subarray(0, bytes - spliced), at + spliced, signal);
    } finally {
      lease.release();
    }
  }

  /** The same for bytes in memory. `why` they were not spliced. */
  async writeBytes(
    bytes: Uint8Array,
    at: number,
    signal: AbortSignal | undefined,
    why: string | null = null,
  ): Promise<void> {
    const { length } = bytes;
    if (this.reason === null) this.reason = this.#never ?? why;
    const offset = this.offset + at;
    try {
      await startTransfer(this.target, IovIter.ubuf(bytes), offset, length, 'write', { signal, stable: false });
    } catch (error) {
      const extents = error instanceof DioriteError ? error.extents : undefined;
      this.#behind.set(at, extents ?? [{ offset, length, state: 'unknown' }]);
      throw error;
    }
    this.stagedBytes += length;
    this.#settle(at, length);
  }

  /** How many bytes from the cell's first on went as they lie. */
  async #spliceCell(cell: Cell, at: number): Promise<number> {
    const bytes = this.#splicable(cell);
    const attempts = new Attempts();
    let done = 0;
    while (done < bytes && done % this.#blockBytes === 0) {
      const moved = await this.#spliceOnce(cell, at + done, bytes - done);
      if (moved < 0) break;
      if (moved > 0) attempts.moved();
      else if (!attempts.empty()) throw this.#stuck(at + done);
      done += moved;
      cell.bytes -= moved;
      this.splicedBytes += moved;
      this.#settle(at + done - moved, moved);
    }
    return done;
  }

  /** A count, or below 0: refused, and still in the cell. */
  async #spliceOnce(cell: Cell, at: number, length: number): Promise<number> {
    assert(this.#file !== null, 'only files are spliced to');
    const whole = cell.isWhole;
    const offset = this.offset + at;
    const result = await this.#file.splices.move('write', cell.readFd, offset, length);
    if (result >= 0) return result;
    if (isRefusal(result)) this.#never = `splice is refused: ${nameOf(result)}`;
    else if (result !== EINVAL) {
      this.#behind.set(at, [{ offset, length, state: 'unknown' }]);
      throw errnoError(result, 'splice', this.target.name);
    } else if (whole) this.#never = 'the file takes no pages of a pipe (splice: EINVAL)';
    this.reason ??= this.#never ?? 'bytes in the pipe did not fill their pages (splice: EINVAL)';
    return result;
  }

  /**
   * A cell that is full of whole pages goes as it is. Of another, whole blocks are tried where somebody checks them: two
   * pages and more, because the kernel checks how memory lies only where it might have to split (Linux 6.18).
   */
  #splicable(cell: Cell): number {
    if (this.#never !== null || this.#file === null) return 0;
    if (cell.isWhole && cell.bytes % this.#blockBytes === 0) return cell.bytes;
    const bytes = alignDown(cell.bytes, this.#blockBytes);
    if (this.#checked && bytes >= 2 * PAGE_SIZE) return bytes;
    this.reason ??= 'the last bytes did not fill their pages';
    return 0;
  }

  #stuck(at: number): DioriteError {
    const message = `${this.target.name}: it takes no byte of the pipe at offset ${this.offset + at}`;
    return new DioriteError(message, { code: 'ERR_DIORITE_NO_PROGRESS', path: this.target.name, syscall: 'splice' });
  }

  // ---- what is known ---------------------------------------------------------------------------------------------

  #settle(at: number, length: number): void {
    this.#behind.set(at, [{ offset: this.offset + at, length, state: 'done' }]);
    for (;;) {
      const next = this.#behind.get(this.#doneTo);
      const [only] = next ?? [];
      if (next?.length !== 1 || only?.state !== 'done') return;
      this.#behind.delete(this.#doneTo);
      this.#doneTo += only.length;
    }
  }

  /** Gives an error the ledger of the `taken` bytes that the stream gave. */
  annotate(error: unknown, taken: number): unknown {
    if (!(error instanceof DioriteError)) return error;
    const ledger = new Ledger(this.offset, taken);
    if (taken > 0) {
      ledger.mark(this.offset, this.#doneTo, 'done');
      for (const extents of this.#behind.values())
        for (const { offset, length, state } of extents) ledger.mark(offset, length, state);
    }
    error.offset = this.offset;
    error.length = taken;
    error.bytes = taken === 0 ? 0 : ledger.doneFrom(this.offset);
    error.extents = ledger.extents();
    return error;
  }
}
