// Where a transfer's bytes lie in a target of several units (a striped file's objects), read off in file order.
import { assert } from '../base/assert.js';

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

/** A layout is asked for this much at a time, so that a long transfer holds no more of it than a short one. */
const WINDOW_BYTES = 16 * 1024 * 1024;

interface Placed {
  readonly from: number;
  readonly to: number;
  readonly unit: string;
  /** Where in the unit the byte `from` lies. */
  readonly unitOffset: number;
}

/**
 * Walks a layout from the start of a range to its end: `locate` says which unit holds a byte, and how far.
 *
 *      units, stripe of 4      a: 0-3, 8-11         b: 4-7
 *      range 2 … 10            |2 3|4 5 6 7|8 9|
 *      pieces in file order     a+2   b+0   a+4     (8 follows 3 in unit a)
 */
export class LayoutCursor {
  readonly #layout: Layout;
  readonly #end: number;
  #placed: readonly Placed[] = [];
  #index = 0;
  #windowEnd = 0;

  /** Of the piece that `locate` found: its unit, where in the unit the byte lies, and how many bytes of it follow. */
  unit = '';
  unitOffset = 0;
  bytes = 0;

  constructor(layout: Layout, end: number) {
    this.#layout = layout;
    this.#end = end;
  }

  /**
   * Finds the byte at `offset`, which never goes back. A piece is seen whole, or for more than `wantedBytes`: the end
   * of the window that was asked for must not look like the end of a unit.
   */
  locate(offset: number, wantedBytes: number): void {
    while (this.#index < this.#placed.length && this.#at(this.#index).to <= offset) this.#index++;
    const known = this.#index < this.#placed.length && !this.#isClipped(offset, wantedBytes);
    if (!known) this.#ask(offset, wantedBytes);
    const placed = this.#at(this.#index);
    assert(placed.from <= offset && offset < placed.to, 'a layout places every byte that it is asked for');
    this.unit = placed.unit;
    this.unitOffset = placed.unitOffset + (offset - placed.from);
    this.bytes = placed.to - offset;
  }

  #at(index: number): Placed {
    const placed = this.#placed[index];
    assert(placed !== undefined, 'a layout places every byte that it is asked for');
    return placed;
  }

  #isClipped(offset: number, wantedBytes: number): boolean {
    const windowEnd = this.#windowEnd;
    return windowEnd < this.#end && this.#at(this.#index).to === windowEnd && windowEnd - offset <= wantedBytes;
  }

  #ask(offset: number, wantedBytes: number): void {
    const length = Math.min(this.#end - offset, Math.max(WINDOW_BYTES, 2 * wantedBytes));
    const placed: Placed[] = [];
    for (const unit of this.#layout(offset, length)) {
      let unitOffset = unit.offset;
      for (const piece of unit.pieces) {
        if (piece.bytes === 0) continue;
        placed.push({ from: piece.offset, to: piece.offset + piece.bytes, unit: unit.name, unitOffset });
        unitOffset += piece.bytes;
      }
    }
    this.#placed = placed.sort((a, b) => a.from - b.from);
    this.#index = 0;
    this.#windowEnd = offset + length;
    assertCovers(this.#placed, offset, this.#windowEnd);
  }
}

/** A gap would be bytes that nobody moves, an overlap bytes that are moved twice. */
function assertCovers(placed: readonly Placed[], from: number, to: number): void {
  let at = from;
  for (const piece of placed) {
    assert(piece.from === at && piece.to > at, 'the pieces of a layout cover the range without gap or overlap');
    at = piece.to;
  }
  assert(at === to, 'the pieces of a layout cover the range without gap or overlap');
}
