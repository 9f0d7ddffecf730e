// Cuts a source into the pieces that a copy moves, from the map of its data.
import { alignDown, alignUp, PAGE_SIZE } from '../base/integers.js';
import type { DataRange } from '../transfer/target.js';

/**
 * One cell of a fixed grid over the file: read whole in one request (its holes come as zeros and cost nothing), written
 * only where `data` is, or whole where what is not written is not zeros. A grid that does not depend on the data lets checksums of both sides be compared cell by cell.
 *
 *      source   |ddd··ddd|dddddddd|········|··dd|     d data, · hole
 *      cells    |   0    |   1    |        | 3  |     cell 2 does not appear
 *      data      ^^^  ^^^ ^^^^^^^^            ^^
 */
export interface Cell {
  readonly offset: number;
  readonly length: number;
  readonly data: readonly DataRange[];
}

interface OpenCell extends Cell {
  readonly data: { offset: number; length: number }[];
}

function append(cell: OpenCell, offset: number, length: number): void {
  const last = cell.data.at(-1);
  if (last !== undefined && last.offset + last.length === offset) last.length += length;
  else cell.data.push({ offset, length });
}

/** The cells that hold data. `ranges` are sorted; they are widened to whole pages, below `size`. */
export async function* cellsOf(
  ranges: AsyncIterable<DataRange> | Iterable<DataRange>,
  size: number,
  cellBytes: number,
): AsyncGenerator<Cell, void, undefined> {
  let open: OpenCell | null = null;
  let covered = 0;
  for await (const range of ranges) {
    const stop = Math.min(alignUp(range.offset + range.length, PAGE_SIZE), size);
    let at = Math.max(alignDown(range.offset, PAGE_SIZE), covered);
    while (at < stop) {
      const offset = alignDown(at, cellBytes);
      if (open === null || open.offset !== offset) {
        if (open !== null) yield open;
        open = { offset, length: Math.min(cellBytes, size - offset), data: [] };
      }
      const end = Math.min(stop, offset + cellBytes);
      append(open, at, end - at);
      at = end;
    }
    covered = Math.max(covered, stop);
  }
  if (open !== null) yield open;
}

/** What is made zero in one step: between two steps a copy can be ended. */
const GAP_BYTES_MAX = 256 * 1024 * 1024;

function* gap(from: number, to: number): Generator<Cell, void, undefined> {
  for (let offset = from; offset < to; offset += GAP_BYTES_MAX)
    yield { offset, length: Math.min(GAP_BYTES_MAX, to - offset), data: [] };
}

/** The cells and, where there are none, cells without data (`data` empty) for the gaps: they cover the file. */
export async function* filled(cells: AsyncIterable<Cell>, size: number): AsyncGenerator<Cell, void, undefined> {
  let at = 0;
  for await (const cell of cells) {
    yield* gap(at, cell.offset);
    yield cell;
    at = cell.offset + cell.length;
  }
  yield* gap(at, size);
}

/** The data alone. */
export async function* piecesOf(cells: AsyncIterable<Cell>): AsyncGenerator<DataRange, void, undefined> {
  for await (const { data } of cells) yield* data;
}
