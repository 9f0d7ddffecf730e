// Ranges of page numbers: owners are found from any number, freed ranges are used again, and there is an end.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PageNumbers } from './page-numbers.js';

test('every number of a range leads to its owner, and to nobody once it is free', () => {
  const numbers = new PageNumbers<string>();
  const one = numbers.take(1, 'one');
  const five = numbers.take(5, 'five');
  const eight = numbers.take(8, 'eight');
  assert.equal(numbers.ownerOf(one), 'one');
  for (let page = 0; page < 5; page++) assert.equal(numbers.ownerOf(five + page), 'five');
  for (let page = 0; page < 8; page++) assert.equal(numbers.ownerOf(eight + page), 'eight');
  numbers.free(five);
  assert.equal(numbers.ownerOf(five), undefined);
  assert.equal(numbers.ownerOf(eight), 'eight');
  assert.equal(numbers.take(6, 'six'), five, 'a free range is used again');
  assert.equal(numbers.ownerOf(-1), undefined);
  assert.equal(numbers.ownerOf(2 ** 31 - 1), undefined);
});

test('a range is freed once', () => {
  const numbers = new PageNumbers<string>();
  const range = numbers.take(3, 'three');
  numbers.free(range);
  assert.throws(() => numbers.free(range), { code: 'ERR_DIORITE_ASSERTION' });
});

test('numbers stay in 31 bits, and more than there are is an error', () => {
  const numbers = new PageNumbers<number>();
  const largest = numbers.take(2 ** 26, 0);
  assert(largest + 2 ** 26 <= 2 ** 31);
  assert.throws(() => numbers.take(2 ** 26, 1), { code: 'ERR_DIORITE_BUDGET' });
  assert.throws(() => numbers.take(2 ** 26 + 1, 1), { code: 'ERR_DIORITE_BUDGET' });
  for (let i = 0; i < 4; i++) assert(numbers.take(2 ** 24, i) < 2 ** 31);
  assert.throws(() => numbers.take(2 ** 24, 4), { code: 'ERR_DIORITE_BUDGET' });
});
