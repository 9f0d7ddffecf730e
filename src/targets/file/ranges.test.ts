// Range sets against a set of bytes; range locks against their promise: shared overlaps, alone does not, nobody starves.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Claim, RangeLock } from './range-lock.js';
import { RangeSet } from './range-set.js';

const range = fc.record({ offset: fc.nat(200), length: fc.nat(30) });

describe('RangeSet', () => {
  it('holds the union, sorted and merged', () => {
    fc.assert(
      fc.property(fc.array(range), (ranges) => {
        const set = new RangeSet(1000);
        const bytes = new Set<number>();
        for (const { offset, length } of ranges) {
          set.add(offset, length);
          for (let i = 0; i < length; i++) bytes.add(offset + i);
        }
        let end = -1;
        let total = 0;
        for (const { offset, length } of set.ranges()) {
          assert.ok(offset > end, 'ranges do not touch');
          for (let i = 0; i < length; i++) assert.ok(bytes.has(offset + i));
          end = offset + length;
          total += length;
        }
        assert.equal(total, bytes.size);
      }),
    );
  });

  it('past its bound it is the one range around all', () => {
    const set = new RangeSet(3);
    for (const offset of [0, 10, 20, 30]) set.add(offset, 1);
    assert.deepEqual(set.ranges(), [{ offset: 0, length: 31 }]);
    assert.deepEqual(set.take(), [{ offset: 0, length: 31 }]);
    assert.equal(set.size, 0);
  });
});

describe('RangeLock', () => {
  it('shared claims overlap; one that wants its range alone waits, and those behind it wait for it', () => {
    const lock = new RangeLock();
    const granted: string[] = [];
    const take = (name: string, start: number, end: number, alone: boolean): Claim =>
      lock.take(start, end, alone, () => granted.push(name));
    const a = take('a', 0, 100, false);
    const b = take('b', 50, 150, false);
    const c = take('c', 90, 110, true);
    const d = take('d', 0, 200, false);
    const e = take('e', 110, 120, true);
    assert.deepEqual(granted, ['a', 'b']);
    lock.release(a);
    assert.deepEqual(granted, ['a', 'b']);
    lock.release(b);
    assert.deepEqual(granted, ['a', 'b', 'c']);
    lock.release(c);
    assert.deepEqual(granted, ['a', 'b', 'c', 'd']);
    lock.release(d);
    assert.deepEqual(granted, ['a', 'b', 'c', 'd', 'e']);
    lock.release(e);
    assert.equal(lock.held, 0);
  });

  it('never grants overlapping ranges unless both are shared, and grants all in the end', () => {
    const claim = fc.record({ start: fc.nat(20), length: fc.integer({ min: 1, max: 10 }), alone: fc.boolean() });
    fc.assert(
      fc.property(fc.array(claim, { maxLength: 30 }), fc.infiniteStream(fc.nat(100)), (claims, picks) => {
        const lock = new RangeLock();
        const held = new Set<{ start: number; end: number; alone: boolean; claim: Claim | null }>();
        let granted = 0;
        for (const { start, length, alone } of claims) {
          const own = { start, end: start + length, alone, claim: null as Claim | null };
          own.claim = lock.take(own.start, own.end, alone, () => {
            for (const other of held) {
              const overlap = other.start < own.end && own.start < other.end;
              assert.ok(!overlap || !(other.alone || own.alone));
            }
            held.add(own);
            granted++;
          });
        }
        while (held.size > 0) {
          const list = [...held];
          const one = list[picks.next().value % list.length];
          assert.ok(one?.claim);
          held.delete(one);
          lock.release(one.claim);
        }
        assert.equal(granted, claims.length);
        assert.equal(lock.held, 0);
      }),
    );
  });
});
