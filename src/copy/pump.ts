// The pipeline of a copy: a bounded number of slots, each of which reads a cell once and has every lane write it.
import { errors } from '../base/errors.js';
import { alignUp, PAGE_SIZE } from '../base/integers.js';
import type { Lease, Pool } from '../memory/pool.js';
import type { Pace } from '../transfer/pace.js';
import type { Cell } from './cells.js';
import type { Lane } from './lane.js';

export interface Reader {
  /** Fills `view` from `position`; fewer bytes only at the end of the data. */
  read(view: Uint8Array, position: number): Promise<number>;
}

/** What a file of `size` needs of the memory that `depth` cells may take. */
export function memoryFor(size: number, cellBytes: number, depth: number): { depth: number; leaseBytes: number } {
  return {
    depth: Math.min(depth, Math.max(1, Math.ceil(size / cellBytes))),
    leaseBytes: Math.min(cellBytes, alignUp(Math.max(size, 1), PAGE_SIZE)),
  };
}

export interface PumpInput {
  readonly cells: AsyncGenerator<Cell, void, undefined>;
  readonly reader: Reader;
  /** None: everything is read, and nothing is written. */
  readonly lanes: readonly Lane[];
  readonly pool: Pool;
  /** How many slots there are: what all lanes together may hold of memory. With a pace: at first. */
  readonly depth: number;
  /** How many there are from then on. */
  readonly pace?: Pick<Pace, 'depth' | 'used' | 'answered'> | null | undefined;
  readonly cellBytes: number;
  /** The largest cell that comes; a small file needs no more memory than it has bytes. */
  readonly leaseBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Sees each cell that was read, before it is written. */
  readonly seen?: ((offset: number, bytes: Uint8Array) => void) | undefined;
  /** A cell, or a gap, is done with in every lane; cells may be done out of order. */
  readonly done: (cell: Cell) => void;
  /** The source ended inside a cell: what to throw. */
  readonly ended: (position: number) => Error;
}

/**
 * Cells are taken, read and, lane by lane, written in file order of issue; they overlap, and may be done in any order. A
 * slot has its memory until the slowest lane has written it: a fast lane runs ahead of a slow one by the slots there are.
 *
 *      slot 0   read 0 ───┐ a: write 0 ───┐             read 3 ─┐ a: write 3
 *                         │ b: write 0 ─────────────────┤       │ b: ...
 *      slot 1   read 1 ─────┐ a: write 1 ──┐            :  read 4 ──┐ ...
 *                           │ b: ~~~~~~~~~ write 1 ────────┤            ~ waits: b has no room yet
 *      slot 2   read 2 ─┐ a: ~~~ write 2 ────┐                          ~ waits: write 1 was not issued yet
 */
class Pump {
  readonly #input: PumpInput;
  #failure: { readonly error: unknown } | null = null;
  /** All slots that ever were; those that ended for the pace's sake have left their memory in `#idle`. */
  readonly #slots: Promise<void>[] = [];
  readonly #idle: Lease[] = [];
  readonly #more: Lease[] = [];
  #busy = 0;

  constructor(input: PumpInput) {
    this.#input = input;
  }

  async run(leases: readonly Lease[]): Promise<void> {
    const { pace, cells, lanes } = this.#input;
    pace?.used(1);
    try {
      for (const lease of leases) this.#begin(lease);
      // Each slot settles by itself: when this is done, nothing is in flight any more, whatever happened. There may come
      // more while it is waited for.
      for (const slot of this.#slots) await slot;
    } finally {
      pace?.used(-1);
      for (const lease of this.#more) lease.release();
    }
    await cells.return();
    for (const lane of lanes) lane.end('stopped');
    if (this.#failure !== null) throw this.#failure.error;
  }

  #begin(lease: Lease): void {
    this.#busy++;
    this.#slots.push(this.#slot(lease));
  }

  /** After a cell was moved: as many slots as the pace says. False: this one is too many. */
  #keepsPace(lease: Lease, bytes: number): boolean {
    const { pace } = this.#input;
    if (pace == null) return true;
    pace.answered(bytes, performance.now());
    if (this.#busy > pace.depth) {
      this.#busy--;
      this.#idle.push(lease);
      return false;
    }
    while (this.#busy < pace.depth) {
      const more = this.#idle.pop() ?? this.#lease();
      if (more === null) break;
      this.#begin(more);
    }
    return true;
  }

  /** Null: what there is of the pool is for others. */
  #lease(): Lease | null {
    const { pool, leaseBytes } = this.#input;
    if (this.#busy >= mostLeases(pool, leaseBytes)) return null;
    const lease = pool.lease(leaseBytes);
    if (lease !== null) this.#more.push(lease);
    return lease;
  }

  /** False once the copy was aborted, or what is everyone's failed, or each lane: nothing new is started then. */
  readonly #goesOn = (): boolean => {
    const { lanes, signal } = this.#input;
    if (this.#failure === null && signal?.aborted === true) this.#failure = { error: errors.aborted(signal.reason) };
    return this.#failure === null && !allFailed(lanes);
  };

  async #slot(lease: Lease): Promise<void> {
    try {
      while (this.#goesOn()) {
        const { done, value: cell } = await this.#input.cells.next();
        if (done === true) return this.#allTaken();
        await this.#move(cell, lease);
        if (!this.#keepsPace(lease, cell.length)) return;
      }
    } catch (error) {
      this.#failure ??= { error };
    }
  }

  /** Every cell has its turns: a lane that gets through them is whole, though others are not yet. */
  #allTaken(): void {
    if (this.#failure === null) for (const lane of this.#input.lanes) lane.end('whole');
  }

  async #move(cell: Cell, lease: Lease): Promise<void> {
    const lanes = this.#input.lanes.map((lane) => ({ lane, turn: lane.takeTurn() }));
    let bytes: Uint8Array | null = null;
    try {
      if (cell.data.length > 0) bytes = await this.#read(cell, lease);
    } catch (error) {
      // Before the turns pass: what follows must not be issued.
      this.#failure ??= { error };
    }
    await Promise.all(lanes.map(({ lane, turn }) => lane.write(turn, cell, bytes, this.#goesOn)));
    if (this.#goesOn()) this.#input.done(cell);
  }

  async #read(cell: Cell, lease: Lease): Promise<Uint8Array> {
    const { reader, seen, ended } = this.#input;
    // Asked for in whole pages, so that the end of the file needs no staging; what is past the end does not come.
    const view = lease.bytes.subarray(0, alignUp(cell.length, PAGE_SIZE));
    const got = await reader.read(view, cell.offset);
    if (got < cell.length) throw ended(cell.offset + got);
    const bytes = view.subarray(0, cell.length);
    seen?.(cell.offset, bytes);
    return bytes;
  }
}

export function allFailed(lanes: readonly Lane[]): boolean {
  return lanes.length > 0 && lanes.every(({ failure }) => failure !== null);
}

/** Half of the pool is left to others. */
function mostLeases(pool: Pool, bytes: number): number {
  return Math.max(1, Math.floor(pool.stats.bytesMax / 2 / bytes));
}

/**
 * Up to `count` leases: as many as there is room for, but half of the pool is left to others. Cells are whole pages of
 * page-aligned memory, which need no staging: nothing here waits for the pool while it holds some of it.
 */
function leaseSome(pool: Pool, bytes: number, count: number): Lease[] {
  const most = Math.min(count, mostLeases(pool, bytes));
  const leases: Lease[] = [];
  while (leases.length < most) {
    const lease = pool.lease(bytes);
    if (lease === null) break;
    leases.push(lease);
  }
  return leases;
}

/** At least one lease. While others wait, memory is given only to who is being called back, until that returns. */
function takeLeases(pool: Pool, bytes: number, count: number): Promise<Lease[]> {
  return new Promise((resolve, reject) => {
    const take = (): void => {
      try {
        const leases = leaseSome(pool, bytes, count);
        if (leases.length > 0) resolve(leases);
        else pool.onceFree(take);
      } catch (error) {
        reject(error);
      }
    };
    take();
  });
}

/** Runs `use` with 1 to `count` pieces of memory. */
export async function withLeases<T>(
  pool: Pool,
  bytes: number,
  count: number,
  use: (leases: readonly Lease[]) => Promise<T>,
): Promise<T> {
  const leases = await takeLeases(pool, bytes, count);
  try {
    return await use(leases);
  } finally {
    for (const lease of leases) lease.release();
  }
}

/**
 * Moves all cells. When it settles, nothing is in flight. Rejects for what is everyone's: the source, the signal, a
 * callback; what fails in one lane stays there.
 */
export function pump(input: PumpInput): Promise<void> {
  return withLeases(input.pool, input.leaseBytes, input.depth, (leases) => new Pump(input).run(leases));
}
