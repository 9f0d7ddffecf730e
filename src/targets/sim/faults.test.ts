// Which operation a rule hits.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FaultRule, Faults } from './faults.js';
import { Prng } from './prng.js';

/** A write of 100 bytes. */
function next(faults: Faults, at: number): FaultRule | null {
  return faults.next('write', (offset, length) => offset < at + 100 && offset + length > at);
}

/** The kinds of fault that hit ten writes of 100 bytes at 0, 100, 200 … */
function hits(...rules: FaultRule[]): string {
  const faults = new Faults(rules, new Prng(1));
  let line = '';
  for (let i = 0; i < 10; i++) line += next(faults, i * 100)?.fault.charAt(2) ?? '.';
  return line;
}

const cases: [string, FaultRule[], string][] = [
  ['the third, once', [{ at: 3, fault: 'EIO' }], '..O.......'],
  ['the third and the next', [{ at: 3, times: 2, fault: 'EIO' }], '..OO......'],
  ['from the third on', [{ at: 3, times: Number.POSITIVE_INFINITY, fault: 'EIO' }], '..OOOOOOOO'],
  ['a bad extent', [{ range: { offset: 250, length: 100 }, fault: 'EIO' }], '..OO......'],
  ['a bad extent that ends at an edge', [{ range: { offset: 200, length: 100 }, fault: 'EIO' }], '..O.......'],
  ['a bad extent, from the fourth on', [{ at: 4, range: { offset: 0, length: 600 }, fault: 'EIO' }], '...O......'],
  [
    'the first rule wins',
    [
      { at: 2, fault: 'EIO' },
      { at: 2, fault: 'ENOSPC' },
    ],
    '.O........',
  ],
  [
    'a rule that lost may still hit',
    [
      { at: 2, fault: 'EIO' },
      { at: 1, times: 2, fault: 'ENOSPC' },
    ],
    'OO........',
  ],
  ['other operations are not counted', [{ on: 'read', at: 1, fault: 'EIO' }], '..........'],
  ['always', [{ fault: 'EIO', chance: 1 }], 'OOOOOOOOOO'],
  ['never', [{ fault: 'EIO', chance: 0 }], '..........'],
];
for (const [name, rules, expected] of cases) {
  test(name, () => assert.equal(hits(...rules), expected));
}

test('sync is meant only when it is named', () => {
  const any = new Faults([{ fault: 'EIO' }], new Prng(1));
  assert.equal(
    any.next('sync', () => true),
    null,
  );
  assert.equal(any.next('read', () => true)?.fault, 'EIO');
  const sync = new Faults([{ on: 'sync', at: 2, fault: 'EIO' }], new Prng(1));
  assert.equal(
    sync.next('sync', () => true),
    null,
  );
  assert.equal(
    sync.next('write', () => true),
    null,
  );
  assert.equal(sync.next('sync', () => true)?.fault, 'EIO');
});

test('chance follows the seed', () => {
  const line = (seed: number): string => {
    const faults = new Faults([{ fault: 'EIO', chance: 0.5 }], new Prng(seed));
    return Array.from({ length: 64 }, () => (faults.next('read', () => true) === null ? '.' : 'x')).join('');
  };
  assert.equal(line(5), line(5));
  assert.notEqual(line(5), line(6));
});
