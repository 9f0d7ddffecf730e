// The grid of a copy: which cells appear, what of them is data, and what stands for the gaps.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DataRange } from '../transfer/target.js';
import { type Cell, cellsOf, filled } from './cells.js';

const KIB = 1024;
const CELL = 64 * KIB;

const range = (offset: number, length: number): DataRange => ({ offset, length });

async function collect(cells: AsyncIterable<Cell>): Promise<Cell[]> {
  const all: Cell[] = [];
  for await (const cell of cells) all.push({ ...cell, data: cell.data.map((each) => ({ ...each })) });
  return all;
}

test('a file of data from end to end is cut at the grid', async () => {
  const size = 2 * CELL + 1;
  assert.deepEqual(await collect(cellsOf([range(0, size)], size, CELL)), [
    { offset: 0, length: CELL, data: [range(0, CELL)] },
    { offset: CELL, length: CELL, data: [range(CELL, CELL)] },
    { offset: 2 * CELL, length: 1, data: [range(2 * CELL, 1)] },
  ]);
});

test('cells without data do not appear, and several ranges of one cell do', async () => {
  const size = 10 * CELL;
  const ranges = [range(4 * KIB, 4 * KIB), range(12 * KIB, 4 * KIB), range(7 * CELL - 4 * KIB, 8 * KIB)];
  assert.deepEqual(await collect(cellsOf(ranges, size, CELL)), [
    { offset: 0, length: CELL, data: [range(4 * KIB, 4 * KIB), range(12 * KIB, 4 * KIB)] },
    { offset: 6 * CELL, length: CELL, data: [range(7 * CELL - 4 * KIB, 4 * KIB)] },
    { offset: 7 * CELL, length: CELL, data: [range(7 * CELL, 4 * KIB)] },
  ]);
});

test('ranges are widened to pages and neighbours merged, below the size', async () => {
  const ranges = [range(100, 1), range(4000, 200), range(9000, 500)];
  assert.deepEqual(await collect(cellsOf(ranges, 9400, CELL)), [{ offset: 0, length: 9400, data: [range(0, 9400)] }]);
});

test('an empty map, and a map that ends after the size, are no trouble', async () => {
  assert.deepEqual(await collect(cellsOf([], 100, CELL)), []);
  assert.deepEqual(await collect(cellsOf([range(0, 100 * CELL)], 10, CELL)), [
    { offset: 0, length: 10, data: [range(0, 10)] },
  ]);
});

test('where holes must be written, the cells and the gaps cover the file', async () => {
  const size = 5 * CELL + 100;
  const cells = await collect(filled(cellsOf([range(CELL, 1), range(3 * CELL, 1)], size, CELL), size));
  let at = 0;
  for (const cell of cells) {
    assert.equal(cell.offset, at);
    at += cell.length;
  }
  assert.equal(at, size);
  assert.equal(cells.filter(({ data }) => data.length === 0).length, 3);
});

test('a gap is cut, so that a copy can be ended in it', async () => {
  const size = 2 ** 40;
  const cells = await collect(filled(cellsOf([], size, CELL), size));
  assert.ok(cells.length > 1000);
  assert.equal(
    cells.reduce((sum, { length }) => sum + length, 0),
    size,
  );
});
