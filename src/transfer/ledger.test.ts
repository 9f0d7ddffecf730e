// The ledger against an array with a state per byte.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ExtentState } from '../base/errors.js';
import { Ledger } from './ledger.js';

const STATES: ExtentState[] = ['done', 'failed', 'unknown'];

describe('Ledger', () => {
  it('begins failed, and covers its range whatever is marked', () => {
    const mark = fc.record({ at: fc.nat(99), length: fc.nat(40), state: fc.constantFrom(...STATES) });
    fc.assert(
      fc.property(fc.array(mark, { maxLength: 60 }), (marks) => {
        const ledger = new Ledger(1000, 100);
        const oracle = new Array<ExtentState>(100).fill('failed');
        for (const { at, length, state } of marks) {
          const bytes = Math.min(length, 100 - at);
          ledger.mark(1000 + at, bytes, state);
          oracle.fill(state, at, at + bytes);
        }
        let expectedOffset = 1000;
        let before: ExtentState | null = null;
        for (const extent of ledger.extents()) {
          assert.equal(extent.offset, expectedOffset);
          assert.notEqual(extent.state, before);
          for (let i = 0; i < extent.length; i++) assert.equal(oracle[extent.offset - 1000 + i], extent.state);
          expectedOffset += extent.length;
          before = extent.state;
        }
        assert.equal(expectedOffset, 1100);
        const firstOther = oracle.findIndex((state) => state !== 'done');
        assert.equal(ledger.doneFrom(1000), firstOther < 0 ? 100 : firstOther);
      }),
    );
  });

  it('takes in what lies outside: the rest of a rewritten block', () => {
    const ledger = new Ledger(100, 50);
    ledger.mark(0, 512, 'unknown');
    assert.deepEqual(ledger.extents(), [{ offset: 0, length: 512, state: 'unknown' }]);
    const tail = new Ledger(100, 50);
    tail.mark(100, 20, 'done');
    tail.mark(120, 40, 'unknown');
    assert.deepEqual(tail.extents(), [
      { offset: 100, length: 20, state: 'done' },
      { offset: 120, length: 40, state: 'unknown' },
    ]);
    assert.equal(tail.doneFrom(100), 20);
  });

  it('an empty range has no extents', () => {
    const ledger = new Ledger(5, 0);
    assert.deepEqual(ledger.extents(), []);
    assert.equal(ledger.doneFrom(5), 0);
  });
});
