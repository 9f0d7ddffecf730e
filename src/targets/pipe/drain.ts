// A stream to files: taken in order, a megabyte at a time, and written to every destination while the next one arrives.
//
//      source ─┬─ splice ─▶ cell ─┬───────────── splice ─▶ file          pages that lie well: nothing is copied
//              │                  ├─ tee ─▶ cell ─ splice ─▶ file
//              │                  └─ read ─▶ lease ─ write ─▶ file       those that do not, and the end of the stream
//              └─ read ─▶ lease ─────────────────── write ─▶ target      where nothing is spliced at all
//
// A fast stream of whole pages to one file is pumped: the first line, many times over, in one job of the pool.
import { assert } from '../../base/assert.js';
import { errors } from '../../base/errors.js';
import { IovIter } from '../../iter/iov-iter.js';
import type { Lease } from '../../memory/pool.js';
import { EAGAIN, EINVAL, errnoError } from '../../transfer/errno.js';
import { tellProgress } from '../../transfer/progress.js';
import { startTransfer } from '../../transfer/transfer.js';
import { Op } from '../file/engines/engine.js';
import { Attempts } from './attempts.js';
import { CELL_BYTES, Cell, nameOf } from './cell.js';
import type { PipeTarget } from './pipe-target.js';
import { isReady, POLLIN, POLLOUT } from './readiness.js';
import type { Route } from './route.js';
import { emptyCell, isRefusal, leaseOf, spliceSome, teeCell } from './steps.js';

/** Units on their way. Each holds a thread of libuv's pool, which has four, while a disk works on it. */
const UNITS_MAX = 3;
/** After a cell whose bytes did not fill their pages, so many units are copied, then twice as many, and so on. */
const PATIENCE_MAX_UNITS = 64;

/** One job of a pump: some milliseconds of a disk, after which a signal is looked at and progress is told. */
const PUMP_BYTES: number = 16 * CELL_BYTES;
/** A stream that gives less than a cell without a pause is slow: for so many units nothing is pumped. */
const PUMP_PAUSE_UNITS = 16;

/** A stretch of the stream on its way: in a cell, or in a lease. */
interface Unit {
  readonly at: number;
  readonly bytes: number;
  readonly cell: Cell | null;
  readonly lease: Lease | null;
}

export interface DrainInput {
  readonly source: PipeTarget;
  readonly routes: readonly Route[];
  /** The most that is taken of the stream. */
  readonly bytes: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((doneBytes: number) => void) | undefined;
}

export class Drain {
  readonly #input: DrainInput;
  readonly #idle: Cell[] = [];
  readonly #made: Cell[] = [];
  readonly #flying: Set<Promise<void>> = new Set();
  #taken = 0;
  #ended = false;
  #error: unknown = null;
  /** The route whose error ended it. */
  #failedRoute: Route | null = null;
  /** Why the stream's pages are not taken as they lie (any more). */
  #never: string | null;
  /** Units that are copied before a cell is tried again. */
  #patience = 0;
  #nextPatience = 1;
  #pumpPause = 0;

  constructor(input: DrainInput) {
    this.#input = input;
    const { source, routes } = input;
    if (!source.isPipe) this.#never = 'the source is no pipe';
    else if (!source.engine.supports(Op.SPLICE)) this.#never = 'splicing needs the addon';
    else this.#never = routes.find((route) => route.never !== null)?.never ?? null;
  }

  /** Whether the stream ended; false: as many bytes as were asked for have come. */
  async run(): Promise<boolean> {
    try {
      while (this.#error === null && !this.#ended && this.#taken < this.#input.bytes) {
        if (this.#flying.size >= UNITS_MAX) await Promise.race(this.#flying);
        else this.#launch(await this.#take());
      }
    } catch (error) {
      this.#error ??= error;
    }
    await Promise.all(this.#flying);
    for (const cell of this.#made) cell.close();
    if (this.#error === null) return this.#ended;
    const [first] = this.#input.routes;
    throw (this.#failedRoute ?? first)?.annotate(this.#error, this.#taken) ?? this.#error;
  }

  // ---- in --------------------------------------------------------------------------------------------------------

  async #take(): Promise<Unit> {
    const cell = this.#cellNow();
    if (cell === null) return this.#fillLease(null);
    await this.#pump(cell);
    await this.#fillCell(cell);
    // At the end of the stream whole blocks of it may still go as they lie: the route tries.
    if (cell.isWhole || (this.#never === null && (this.#ended || this.#isAll(cell.bytes)))) {
      if (cell.isWhole) this.#nextPatience = 1;
      return this.#unit(cell.bytes, cell, null);
    }
    if (this.#never === null) this.#lieBadly();
    return this.#fillLease(cell);
  }

  /** As much as goes in large jobs; leaves in the cell what came behind it. */
  async #pump(cell: Cell): Promise<void> {
    const { source, routes, bytes, signal } = this.#input;
    const [route] = routes;
    if (this.#pumpPause > 0) this.#pumpPause--;
    if (route === undefined || routes.length > 1 || this.#pumpPause > 0) return;
    if (!source.engine.supports(Op.PUMP) || !route.canPump(cell.capacity)) return;
    const before = this.#taken;
    while (cell.bytes === 0 && bytes - this.#taken >= cell.capacity && this.#error === null) {
      if (signal?.aborted) throw errors.aborted(signal.reason);
      const moved = await route.pump(source.fd, cell, this.#taken, Math.min(PUMP_BYTES, bytes - this.#taken));
      if (moved === 0) break;
      this.#taken += moved;
      this.#tellProgress();
    }
    if (this.#taken === before) this.#pumpPause = PUMP_PAUSE_UNITS;
  }

  #isAll(bytes: number): boolean {
    return this.#taken + bytes >= this.#input.bytes;
  }

  #lieBadly(): void {
    this.#patience = this.#nextPatience;
    this.#nextPatience = Math.min(2 * this.#nextPatience, PATIENCE_MAX_UNITS);
  }

  /** An empty cell, where one is to be tried. */
  #cellNow(): Cell | null {
    this.#never ??= this.#input.routes.find((route) => route.never !== null)?.never ?? null;
    if (this.#never !== null) return null;
    if (this.#patience > 0) {
      this.#patience--;
      return null;
    }
    return this.#emptyCell();
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

  /** Until it is full, of bytes or of slots, or the stream has ended, or its pages cannot be had so. */
  async #fillCell(cell: Cell): Promise<void> {
    const { source, bytes, signal } = this.#input;
    const wanted = Math.min(cell.capacity, bytes - this.#taken);
    const attempts = new Attempts();
    let ready = false;
    while (cell.bytes < wanted && this.#error === null) {
      if (signal?.aborted) throw errors.aborted(signal.reason);
      const moved = await spliceSome(source.engine, source.fd, cell.writeFd, wanted - cell.bytes);
      if (moved > 0) {
        cell.bytes += moved;
        attempts.moved();
        ready = false;
      } else if (moved === 0) {
        if (!isReady(source.fd, POLLIN)) {
          this.#ended = true;
          return;
        }
        if (!attempts.empty()) throw source.stuck('read');
      } else if (moved === EAGAIN) {
        if (!isReady(cell.writeFd, POLLOUT)) return; // its slots are full, and not of whole pages
        const pauseMs = ready ? attempts.beaten() : 0;
        if (pauseMs < 0) throw source.stuck('read');
        await source.untilReady('read', signal, pauseMs);
        ready = true;
      } else if (moved === EINVAL || isRefusal(moved)) {
        this.#never = `splice is refused: ${nameOf(moved)}`;
        return;
      } else {
        throw errnoError(moved, 'splice', source.name);
      }
    }
  }

  /** What the cell holds, and then what the stream gives, until the unit is full. */
  async #fillLease(cell: Cell | null): Promise<Unit> {
    const { source, bytes, signal } = this.#input;
    const lease = await leaseOf(CELL_BYTES, signal);
    try {
      const wanted = Math.min(CELL_BYTES, bytes - this.#taken);
      let filled = 0;
      if (cell !== null) {
        filled = cell.bytes;
        await emptyCell(source.engine, cell, lease.buffer, lease.byteOffset, filled);
        this.#idle.push(cell);
      }
      if (filled < wanted && !this.#ended) {
        const iter = IovIter.ubuf(lease.bytes.subarray(filled, wanted));
        const { bytes: read } = await startTransfer(source, iter, this.#taken + filled, wanted - filled, 'read', {
          signal,
        });
        this.#ended = read < wanted - filled;
        filled += read;
      }
      return this.#unit(filled, null, lease);
    } catch (error) {
      lease.release();
      throw error;
    }
  }

  #unit(bytes: number, cell: Cell | null, lease: Lease | null): Unit {
    const at = this.#taken;
    this.#taken += bytes;
    return { at, bytes, cell, lease };
  }

  // ---- out -------------------------------------------------------------------------------------------------------

  #launch(unit: Unit): void {
    const flight = this.#deliver(unit).finally(() => this.#flying.delete(flight));
    this.#flying.add(flight);
  }

  /** Never rejects. */
  async #deliver(unit: Unit): Promise<void> {
    try {
      if (unit.bytes > 0) await (unit.cell === null ? this.#deliverBytes(unit) : this.#deliverCell(unit, unit.cell));
      this.#tellProgress();
    } catch (error) {
      this.#error ??= error;
    }
    if (unit.cell !== null) this.#giveBack(unit.cell);
    unit.lease?.release();
  }

  /** A cell that an error left bytes in is of no more use. */
  #giveBack(cell: Cell): void {
    if (cell.bytes === 0) this.#idle.push(cell);
  }

  async #deliverBytes({ lease, bytes, at }: Unit): Promise<void> {
    assert(lease !== null, 'a unit has its memory');
    const why = this.#never ?? 'bytes in the pipe did not fill their pages';
    await this.#each((route) => route.writeBytes(lease.bytes.subarray(0, bytes), at, this.#input.signal, why));
  }

  async #deliverCell({ at }: Unit, cell: Cell): Promise<void> {
    const { routes, source, signal } = this.#input;
    const cells = [cell];
    for (let i = 1; i < routes.length; i++) {
      const copy = this.#emptyCell();
      if (copy !== null) cells.push(copy);
      if (copy === null || !(await teeCell(source.engine, cell, copy))) return this.#deliverUnteed(cells, at);
    }
    await this.#each((route, i) => {
      const own = cells[i];
      assert(own !== undefined, 'each route has its cell');
      return route.writeCell(own, at, signal);
    });
    for (const copy of cells.slice(1)) this.#giveBack(copy);
  }

  /** tee is refused, or no cell can be had for it: the bytes are read once, and written from memory to all. */
  async #deliverUnteed([cell, ...copies]: Cell[], at: number): Promise<void> {
    assert(cell !== undefined, 'the bytes are in the first');
    const { source, signal } = this.#input;
    this.#never ??= 'tee is refused, or takes less than there is';
    // What was teed is in copies that nobody writes: they are closed at the end, with the rest.
    for (const copy of copies) this.#giveBack(copy);
    const { bytes } = cell;
    const lease = await leaseOf(bytes, signal);
    try {
      await emptyCell(source.engine, cell, lease.buffer, lease.byteOffset, bytes);
      await this.#each((route) => route.writeBytes(lease.bytes.subarray(0, bytes), at, signal, this.#never));
    } finally {
      lease.release();
    }
  }

  /** All of them, whatever one of them says: what is in flight must have let go before the memory does. */
  async #each(write: (route: Route, index: number) => Promise<void>): Promise<void> {
    const writes = this.#input.routes.map(async (route, i) => {
      try {
        await write(route, i);
      } catch (error) {
        if (this.#error === null) {
          this.#error = error;
          this.#failedRoute = route;
        }
      }
    });
    await Promise.all(writes);
  }

  #tellProgress(): void {
    const { onProgress, routes } = this.#input;
    if (onProgress === undefined || this.#error !== null) return;
    tellProgress(onProgress, Math.min(...routes.map((route) => route.doneBytes)));
  }
}
