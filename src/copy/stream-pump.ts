// The pipeline of a copy whose source does not know its size: read in order until it ends, written while more arrives.
import { errors } from '../base/errors.js';
import type { Lease, Pool } from '../memory/pool.js';
import type { Cell } from './cells.js';
import type { Lane } from './lane.js';
import { allFailed, withLeases } from './pump.js';

export interface StreamPumpInput {
  /** Fills the view from `position`, as much as should be written at once; 0: the source has ended. */
  readonly fill: (view: Uint8Array, position: number) => Promise<number>;
  /** Nobody wants any more: ends a `fill` that waits. */
  readonly stop: () => void;
  readonly lanes: readonly Lane[];
  readonly pool: Pool;
  /** How many pieces are in memory: one is filled, the others are written. */
  readonly depth: number;
  readonly cellBytes: number;
  readonly signal: AbortSignal | undefined;
  /** Sees each piece that was read, before it is written. */
  readonly seen?: ((offset: number, bytes: Uint8Array) => void) | undefined;
  readonly done: (cell: Cell) => void;
}

/**
 *      lease 0   fill 0 ─┬─ write 0 ────────┐                 ┌─ fill 3 ─┬─ write 3 ──
 *      lease 1           └─ fill 1 ─┬─ write 1 ───────┐       │          └─ ...
 *      lease 2                      └─ fill 2 ─┬─ write 2 ────┤
 *                                              └ ~~~ waits ───┘    no lease is free: the source is not read meanwhile
 */
class StreamPump {
  readonly #input: StreamPumpInput;
  readonly #free: Lease[];
  readonly #flying: Set<Promise<void>> = new Set();
  #failure: { readonly error: unknown } | null = null;
  #position = 0;

  constructor(input: StreamPumpInput, leases: readonly Lease[]) {
    this.#input = input;
    this.#free = [...leases];
  }

  async run(): Promise<number> {
    try {
      while (this.#goesOn() && (await this.#next(await this.#lease()))) {
        // Each turn takes a piece of the source.
      }
    } catch (error) {
      // What is read for nobody was ended by `stop`.
      if (!allFailed(this.#input.lanes)) this.#failure ??= { error };
    }
    await Promise.all(this.#flying);
    if (this.#failure !== null) throw this.#failure.error;
    return this.#position;
  }

  readonly #goesOn = (): boolean => {
    const { lanes, signal } = this.#input;
    if (this.#failure === null && signal?.aborted === true) this.#failure = { error: errors.aborted(signal.reason) };
    return this.#failure === null && !allFailed(lanes);
  };

  async #lease(): Promise<Lease> {
    for (;;) {
      const lease = this.#free.pop();
      if (lease !== undefined) return lease;
      await Promise.race(this.#flying);
    }
  }

  /** False: the source has ended. */
  async #next(lease: Lease): Promise<boolean> {
    const { fill, seen, cellBytes } = this.#input;
    if (!this.#goesOn()) return false;
    const offset = this.#position;
    const length = await fill(lease.bytes.subarray(0, cellBytes), offset);
    if (length === 0) return false;
    const bytes = lease.bytes.subarray(0, length);
    seen?.(offset, bytes);
    this.#position += length;
    const flight = this.#deliver({ offset, length, data: [{ offset, length }] }, bytes).finally(() => {
      this.#flying.delete(flight);
      this.#free.push(lease);
    });
    this.#flying.add(flight);
    return true;
  }

  /** Never rejects: what fails in one lane stays there; what a callback throws is everyone's. */
  async #deliver(cell: Cell, bytes: Uint8Array): Promise<void> {
    const { lanes, done, stop } = this.#input;
    await Promise.all(lanes.map((lane) => lane.write(lane.takeTurn(), cell, bytes, this.#goesOn)));
    try {
      if (this.#goesOn()) done(cell);
    } catch (error) {
      this.#failure ??= { error };
    }
    if (!this.#goesOn()) stop();
  }
}

/**
 * Returns how many bytes the source had, and leaves it to the caller to end the lanes. Rejects for what is everyone's;
 * when it settles, nothing is in flight.
 */
export function pumpUntilEnd(input: StreamPumpInput): Promise<number> {
  return withLeases(input.pool, input.cellBytes, input.depth, (leases) => new StreamPump(input, leases).run());
}
