// One destination of a copy while bytes move: its order, its depth, its ledger, and its failure, which is nobody else's.
import type { Cell } from './cells.js';
import type { CopyLedger } from './copy-ledger.js';

export interface Sink {
  /** Bytes can only be taken in order, one write at a time (FIFO, terminal). */
  readonly sequential: boolean;
  /** What was never written reads as zeros: holes need not be written. */
  readonly freshReadsZero: boolean;
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Makes the range read as zeros. */
  zero(offset: number, length: number): Promise<void>;
}

/** A place in the order of a lane: to be taken when the cell is, and used once. */
export interface Turn {
  readonly previous: Promise<void>;
  readonly pass: () => void;
}

/** `whole`: every cell is written. `stopped`: the copy ended before, for a reason that is not this destination's. */
export type LaneEnd = 'whole' | 'failed' | 'stopped';

export class Lane {
  readonly #sink: Sink;
  readonly #depth: number;
  readonly #ledger: CopyLedger;
  /** Resolves when the writes of the cell whose turn was taken last have been issued (sequential sinks: are done). */
  #lastTurn: Promise<void> = Promise.resolve();
  #turns = 0;
  #inFlight = 0;
  #onRoom: (() => void) | null = null;
  /** How far cells have been issued: what lies between them reads as zeros already. */
  #issuedTo = 0;
  #failure: { readonly error: unknown } | null = null;
  #end: LaneEnd | null = null;
  #skipped = false;
  #resolve: (end: LaneEnd) => void = () => {};
  /** Resolves when nothing of this lane is in flight, and nothing will be. */
  readonly ended: Promise<LaneEnd> = new Promise((resolve) => {
    this.#resolve = resolve;
  });

  /** `depth`: the most cells that are written at a time. */
  constructor(sink: Sink, depth: number, ledger: CopyLedger) {
    this.#sink = sink;
    this.#depth = depth;
    this.#ledger = ledger;
  }

  get failure(): { readonly error: unknown } | null {
    return this.#failure;
  }

  takeTurn(): Turn {
    const previous = this.#lastTurn;
    let pass: () => void = () => {};
    this.#lastTurn = new Promise((resolve) => {
      pass = resolve;
    });
    this.#turns++;
    return { previous, pass };
  }

  /** `bytes`: null for a gap. Never rejects: a failure stays in the lane, and later cells pass by. */
  async write(turn: Turn, cell: Cell, bytes: Uint8Array | null, goesOn: () => boolean): Promise<void> {
    try {
      await turn.previous;
      if (this.#failure === null && this.#inFlight >= this.#depth) await this.#room();
      if (this.#failure !== null) return;
      if (goesOn()) await this.#carryOut(turn, cell, bytes);
      else this.#skipped = true;
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      turn.pass();
      this.#turns--;
      this.#settle();
    }
  }

  /** No turn is taken any more. */
  end(how: 'whole' | 'stopped'): void {
    this.#end ??= how;
    this.#settle();
  }

  /** Only one waits at a time: the next one's turn comes when this one has been issued. */
  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#onRoom = resolve;
    });
  }

  async #carryOut(turn: Turn, cell: Cell, bytes: Uint8Array | null): Promise<void> {
    this.#inFlight++;
    try {
      const written = this.#issue(cell, bytes);
      if (!this.#sink.sequential) turn.pass();
      await settled(written);
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      this.#inFlight--;
      this.#onRoom?.();
      this.#onRoom = null;
    }
  }

  #issue(cell: Cell, bytes: Uint8Array | null): Promise<void>[] {
    const { offset, length } = cell;
    const end = offset + length;
    if (!this.#sink.freshReadsZero) {
      const whole = bytes === null ? this.#sink.zero(offset, length) : this.#sink.write(bytes, offset);
      return [this.#told(whole, offset, length)];
    }
    const writes: Promise<void>[] = [];
    for (const range of cell.data) {
      this.#ledger.done(this.#issuedTo, range.offset - this.#issuedTo);
      this.#issuedTo = range.offset + range.length;
      if (bytes === null) continue;
      const at = range.offset - offset;
      const written = this.#sink.write(bytes.subarray(at, at + range.length), range.offset);
      writes.push(this.#told(written, range.offset, range.length));
    }
    this.#ledger.done(this.#issuedTo, end - this.#issuedTo);
    this.#issuedTo = end;
    return writes;
  }

  async #told(written: Promise<void>, offset: number, length: number): Promise<void> {
    try {
      await written;
      this.#ledger.done(offset, length);
    } catch (error) {
      this.#ledger.failed(offset, length, error);
      throw error;
    }
  }

  #settle(): void {
    if (this.#inFlight > 0) return;
    if (this.#failure !== null) this.#resolve('failed');
    else if (this.#end !== null && this.#turns === 0) this.#resolve(this.#skipped ? 'stopped' : this.#end);
  }
}

/** Waits for all, also when one fails: their memory is in use until then. Throws the first failure. */
async function settled(promises: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(promises);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
