// The table of checksums: any order, holes as zeros, the place of a difference, and its bound.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Checks } from './checks.js';

const CELL = 4096;

function cell(fill: number): Uint8Array {
  return new Uint8Array(CELL).fill(fill);
}

test('the order of cells does not matter, their places do', () => {
  const one = new Checks(CELL);
  const other = new Checks(CELL);
  one.add(0, cell(1));
  one.add(CELL, cell(2));
  other.add(CELL, cell(2));
  other.add(0, cell(1));
  assert.equal(one.firstDifference(other), null);
  const swapped = new Checks(CELL);
  swapped.add(0, cell(2));
  swapped.add(CELL, cell(1));
  assert.deepEqual(one.firstDifference(swapped), { offset: 0, length: CELL });
});

test('a cell of zeros is a cell that was not seen', () => {
  const one = new Checks(CELL);
  one.add(5 * CELL, cell(0));
  one.add(6 * CELL, new Uint8Array(100));
  assert.equal(one.firstDifference(new Checks(CELL)), null);
});

test('a difference is found where it is, and a missing cell too', () => {
  const one = new Checks(CELL);
  const other = new Checks(CELL);
  for (let i = 0; i < 5000; i++) {
    one.add(i * CELL, cell((i % 255) + 1));
    if (i !== 4321) other.add(i * CELL, cell((i % 255) + 1));
  }
  assert.deepEqual(one.firstDifference(other), { offset: 4321 * CELL, length: CELL });
});

test('beyond its bound the table is folded, and still tells a difference', () => {
  const far = 2 ** 30 * CELL;
  const one = new Checks(CELL);
  const other = new Checks(CELL);
  for (const checks of [one, other]) {
    checks.add(0, cell(1));
    checks.add(7 * CELL, cell(7));
    checks.add(far, cell(9));
  }
  assert.equal(one.firstDifference(other), null);
  other.add(9 * CELL, cell(3));
  const difference = one.firstDifference(other);
  assert.ok(difference !== null);
  assert.ok(difference.offset <= 9 * CELL && 9 * CELL < difference.offset + difference.length);
});

test('tables of different sizes are compared', () => {
  const small = new Checks(CELL);
  const large = new Checks(CELL);
  small.add(3 * CELL, cell(4));
  large.add(3 * CELL, cell(4));
  large.add(2 ** 30 * CELL, cell(1));
  const difference = small.firstDifference(large);
  assert.ok(difference !== null && difference.offset + difference.length > 2 ** 30 * CELL);
});
