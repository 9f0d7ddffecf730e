// Where a transfer's bytes lie in a target of several units (a striped file's objects), gathered unit by unit.
import { assert } from '../base/assert.js';
import type { IovIter, IterState } from '../iter/iov-iter.js';
import type { PlannedRequest } from './request.js';

/** A part of the transfer, in the target's own offsets. */
export interface Piece {
  readonly offset: number;
  readonly bytes: number;
}

/** A unit of a layout: one object of a striped file. Pieces are in the order in which they lie in the unit. */
export interface Unit {
  readonly name: string;
  /** Where the pieces begin in the unit; they follow each other there without gap. */
  readonly offset: number;
  /** The parts of the transfer that lie there, which may be apart in the transfer. */
  readonly pieces: readonly Piece[];
}

/** Pure: which units hold [offset, offset+length), each byte in exactly one piece of one unit. */
export type Layout = (offset: number, length: number) => readonly Unit[];

/** How far ahead of what is planned pieces are gathered, so that a long transfer holds no more than a short one. */
const WINDOW_BYTES = 16 * 1024 * 1024;

interface Gathered {
  offset: number;
  bytes: number;
  /** The iterator at the piece's first byte. */
  readonly state: IterState;
}

/** Bytes that follow each other in a unit, gathered and not planned yet. */
class UnitRun {
  readonly unit: string;
  offset: number;
  bytes = 0;
  /** More may follow: nothing that lies elsewhere in the unit was met yet. */
  open = true;
  pieces: Gathered[] = [];

  constructor(unit: string, offset: number) {
    this.unit = unit;
    this.offset = offset;
  }
}

/**
 * Looks ahead in file order, and hands out in unit order: pieces of one unit that are apart in the file become one run.
 *
 *      units, stripe of 4      a: 0-3, 8-11, 16-19      b: 4-7, 12-15
 *      range 2 … 18            |2 3|4 5 6 7|8 9 10 11|12 13 14 15|16 17|
 *      runs                    a+2: 2-3, 8-11, 16-17    b+0: 4-7, 12-15
 *
 * A request is planned from a run that fills one, or that nothing can follow; the others wait while the window is not
 * full. Runs take turns, so that all units are busy.
 */
export class UnitRuns {
  readonly #layout: Layout | null;
  /** Walks in file order, to know where the memory of each piece begins. */
  readonly #iter: IovIter;
  readonly #end: number;
  readonly #windowBytes: number;
  readonly #latest: Map<string, UnitRun> = new Map();
  #runs: UnitRun[] = [];
  /** Everything before this is gathered. */
  #ahead: number;
  #gatheredBytes = 0;
  #run: UnitRun = new UnitRun('', 0);
  /** Where the planner stands in the run: its piece, and what is left of that. */
  #piece = 0;
  left = 0;
  /** How much of the chosen run can be planned now. */
  bytes = 0;

  constructor(layout: Layout | null, iter: IovIter, offset: number, bytes: number, windowBytes: number = WINDOW_BYTES) {
    this.#layout = layout;
    this.#iter = iter;
    this.#ahead = offset;
    this.#end = offset + bytes;
    this.#windowBytes = windowBytes;
  }

  /** What a request has left when `done` bytes of its payload are: one run, whatever the layout says. */
  static restOf(request: PlannedRequest, done: number, iter: IovIter): UnitRuns {
    const rest = new UnitRuns(null, iter, 0, 0);
    const run = new UnitRun(request.unit, request.offset + request.headPadBytes + done);
    request.eachPiece(done, request.payloadBytes, (offset, bytes, state, skipped) => {
      iter.restore(state);
      iter.advance(skipped);
      run.pieces.push({ offset, bytes, state: iter.saveState() });
    });
    run.bytes = request.payloadBytes - done;
    rest.#runs.push(run);
    rest.#gatheredBytes = run.bytes;
    return rest;
  }

  get remaining(): number {
    return this.#gatheredBytes + this.#end - this.#ahead;
  }

  get unit(): string {
    return this.#run.unit;
  }

  get unitOffset(): number {
    return this.#run.offset;
  }

  /** Where in the target the chosen run begins. */
  get offset(): number {
    return this.#first().offset;
  }

  /** The first byte of the range that is not planned. */
  get firstOffset(): number {
    return this.#runs.reduce((least, run) => Math.min(least, run.pieces[0]?.offset ?? least), this.#ahead);
  }

  /** Chooses a run and sets the iterator to its first byte. What ends within a `grain` of an open run is left for later. */
  choose(wantedBytes: number, grain: number, iter: IovIter): void {
    const windowBytes = Math.max(this.#windowBytes, 2 * wantedBytes);
    for (;;) {
      const isAll = this.#ahead === this.#end;
      const whole = (run: UnitRun) => (isAll || !run.open ? run.bytes : run.bytes - ((run.offset + run.bytes) % grain));
      let found = this.#runs.findIndex((run) => isAll || !run.open || run.bytes >= wantedBytes);
      if (found < 0 && this.#gatheredBytes >= windowBytes) found = this.#runs.findIndex((run) => whole(run) > 0);
      const [run] = found < 0 ? [] : this.#runs.splice(found, 1);
      if (run === undefined) {
        this.#gather(Math.max(wantedBytes, windowBytes - this.#gatheredBytes));
        continue;
      }
      this.#runs.push(run);
      this.#run = run;
      this.bytes = whole(run);
      return this.rewind(iter);
    }
  }

  /** How much of the chosen run lies before `until` in the target. */
  bytesBefore(until: number): number {
    let bytes = 0;
    for (const piece of this.#run.pieces) {
      if (bytes >= this.bytes || piece.offset >= until) break;
      bytes += Math.min(piece.bytes, until - piece.offset);
      if (piece.offset + piece.bytes > until) break;
    }
    return bytes;
  }

  rewind(iter: IovIter): void {
    this.#piece = 0;
    this.left = this.#first().bytes;
    iter.restore(this.#first().state);
  }

  /** Moves the iterator on in unit order, from piece to piece. */
  advance(iter: IovIter, bytes: number): void {
    for (let rest = bytes; rest > 0; ) {
      const step = Math.min(rest, this.left);
      iter.advance(step);
      rest -= step;
      this.moved(iter, step);
    }
  }

  /** The iterator has moved by `bytes` within its piece: to the next one at its end. */
  moved(iter: IovIter, bytes: number): void {
    this.left -= bytes;
    const next = this.left === 0 ? this.#run.pieces[this.#piece + 1] : undefined;
    if (next === undefined) return;
    this.#piece++;
    this.left = next.bytes;
    iter.restore(next.state);
  }

  /** The request takes its payload off the run: the iterator stands behind it. */
  take(request: PlannedRequest, iter: IovIter): void {
    const run = this.#run;
    let rest = request.payloadBytes;
    const isOne = rest <= this.#first().bytes;
    run.offset += rest;
    run.bytes -= rest;
    this.#gatheredBytes -= rest;
    let taken = 0;
    for (const piece of run.pieces) {
      if (rest === 0) break;
      const bytes = Math.min(piece.bytes, rest);
      if (!isOne) request.pieces.push(piece.offset, bytes, piece.state);
      rest -= bytes;
      if (bytes === piece.bytes) taken++;
      else {
        piece.offset += bytes;
        piece.bytes -= bytes;
        iter.saveState(piece.state);
      }
    }
    run.pieces.splice(0, taken);
    if (run.bytes > 0) return;
    this.#runs.pop(); // where `choose` has put it
    if (this.#latest.get(run.unit) === run) this.#latest.delete(run.unit);
  }

  #first(): Gathered {
    const first = this.#run.pieces[0];
    assert(first !== undefined, 'a run that is planned from holds a byte');
    return first;
  }

  #gather(bytes: number): void {
    assert(this.#layout !== null && this.#ahead < this.#end, 'there is more to gather');
    const to = Math.min(this.#end, this.#ahead + bytes);
    const placed: { piece: Piece; unit: string; unitOffset: number }[] = [];
    for (const { name, offset, pieces } of this.#layout(this.#ahead, to - this.#ahead)) {
      let unitOffset = offset;
      for (const piece of pieces) {
        if (piece.bytes > 0) placed.push({ piece, unit: name, unitOffset });
        unitOffset += piece.bytes;
      }
    }
    placed.sort((a, b) => a.piece.offset - b.piece.offset);
    for (const { piece, unit, unitOffset } of placed) {
      // A gap would be bytes that nobody moves, an overlap bytes that are moved twice.
      assert(piece.offset === this.#ahead, 'the pieces of a layout cover the range without gap or overlap');
      this.#add(piece, unit, unitOffset);
      this.#ahead += piece.bytes;
    }
    assert(this.#ahead === to, 'the pieces of a layout cover the range without gap or overlap');
  }

  #add({ offset, bytes }: Piece, unit: string, unitOffset: number): void {
    let run = this.#latest.get(unit);
    if (run === undefined || run.offset + run.bytes !== unitOffset) {
      if (run !== undefined) run.open = false;
      run = new UnitRun(unit, unitOffset);
      this.#latest.set(unit, run);
      this.#runs.push(run);
    }
    run.bytes += bytes;
    this.#gatheredBytes += bytes;
    const last = run.pieces.at(-1);
    if (last !== undefined && last.offset + last.bytes === offset) last.bytes += bytes;
    else run.pieces.push({ offset, bytes, state: this.#iter.saveState() });
    this.#iter.advance(bytes);
  }
}
