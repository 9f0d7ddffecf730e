// Range sets against a set of bytes; range locks against their promise: shared overlaps, alone does not, nobody starves.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Claim, type ClaimKind, RangeLock, withRange } from './range-lock.js';
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
  it('claims of one kind share; another kind waits, and those behind it wait for it', () => {
    const lock = new RangeLock();
    const granted: string[] = [];
    const take = (name: string, start: number, end: number, kind: ClaimKind): Claim => {
      const claim: Claim = { start, end, kind, waits: false, granted: () => granted.push(name) };
      if (lock.take(claim)) granted.push(name);
      return claim;
    };
    const a = take('a', 0, 100, 'direct');
    const b = take('b', 50, 150, 'direct');
    const c = take('c', 90, 110, 'buffered');
    const d = take('d', 0, 200, 'direct');
    const e = take('e', 110, 120, 'alone');
    const f = take('f', 500, 600, 'buffered');
    assert.deepEqual(granted, ['a', 'b', 'f']);
    lock.release(a);
    lock.release(b);
    assert.deepEqual(granted, ['a', 'b', 'f', 'c']);
    lock.release(c);
    assert.deepEqual(granted, ['a', 'b', 'f', 'c', 'd']);
    lock.release(d);
    assert.deepEqual(granted, ['a', 'b', 'f', 'c', 'd', 'e']);
    lock.release(e);
    lock.release(f);
    assert.equal(lock.held, 0);
  });

  it('never grants overlapping ranges of different kinds, and grants all in the end', () => {
    const kinds: ClaimKind[] = ['direct', 'buffered', 'alone'];
    const range = fc.record({
      start: fc.nat(20),
      length: fc.integer({ min: 1, max: 10 }),
      kind: fc.constantFrom(...kinds),
    });
    fc.assert(
      fc.property(fc.array(range, { maxLength: 30 }), fc.infiniteStream(fc.nat(100)), (ranges, picks) => {
        const lock = new RangeLock();
        const held = new Set<Claim>();
        let granted = 0;
        const hold = (own: Claim): void => {
          for (const other of held) {
            const overlap = other.start < own.end && own.start < other.end;
            assert.ok(!overlap || (other.kind === own.kind && own.kind !== 'alone'));
          }
          held.add(own);
          granted++;
        };
        for (const { start, length, kind } of ranges) {
          const own: Claim = { start, end: start + length, kind, waits: false, granted: () => hold(own) };
          if (lock.take(own)) hold(own);
        }
        while (held.size > 0) {
          const list = [...held];
          const one = list[picks.next().value % list.length];
          assert.ok(one);
          held.delete(one);
          lock.release(one);
        }
        assert.equal(granted, ranges.length);
        assert.equal(lock.held, 0);
      }),
    );
  });

  it('lets go of a range however the work ends', async () => {
    const lock = new RangeLock();
    const range = { start: 0, end: 10, kind: 'alone' } as const;
    await assert.rejects(
      withRange(lock, range, () => Promise.reject(new Error('thrown'))),
      /thrown/,
    );
    assert.equal(await withRange(lock, range, () => Promise.resolve(7)), 7);
    assert.equal(lock.held, 0);
  });
});
