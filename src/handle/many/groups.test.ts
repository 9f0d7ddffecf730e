// Groups against the plainest way to find them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Item } from './entry.js';
import { groupsOf, takeAll, takeDisjoint } from './groups.js';

type Range = readonly [position: number, bytes: number];

function items(ranges: readonly Range[]): Item<null>[] {
  return ranges.map(([position, bytes], index) => ({ index, entry: null, position, bytes, views: [], iter: null }));
}

function overlap(a: Item<null>, b: Item<null>): boolean {
  return a.position < b.position + b.bytes && b.position < a.position + a.bytes;
}

const ranges = fc.array(fc.tuple(fc.nat(2000), fc.integer({ min: 1, max: 60 })), { minLength: 1, maxLength: 80 });

describe('takeDisjoint', () => {
  it('takes the longest run from the first on of which no two overlap, and leaves the rest in order', () => {
    fc.assert(
      fc.property(ranges, (given) => {
        const list = items(given);
        let most = 1;
        while (most < list.length && list.slice(0, most).every((item) => !overlap(item, list[most] ?? item))) most++;
        const rest = list.slice(most);
        const left = [...list];
        const taken = takeDisjoint(left);
        assert.equal(taken.length, most);
        assert.deepEqual(left, rest);
        for (const [i, item] of taken.entries()) if (i > 0) assert.ok((taken[i - 1]?.position ?? 0) < item.position);
      }),
    );
  });

  it('the same place again and again: one at a time', () => {
    const list = items(Array.from({ length: 5000 }, () => [0, 100] as const));
    for (let i = 0; i < 5000; i++) assert.equal(takeDisjoint(list)[0]?.index, i);
    assert.equal(list.length, 0);
  });
});

describe('groupsOf', () => {
  it('each item is in one group; a group is sorted, its gaps small, its end where its last item ends', () => {
    fc.assert(
      fc.property(ranges, fc.nat(100), fc.integer({ min: 1, max: 300 }), (given, gapBytes, groupBytes) => {
        const groups = groupsOf(takeAll(items(given)), { gapBytes, groupBytes, alignment: 16 });
        const seen = groups.flatMap((group) => group.items.map(({ index }) => index));
        assert.deepEqual(
          seen.sort((a, b) => a - b),
          given.map((_, i) => i),
        );
        for (const { items: members, start, end } of groups) {
          let at = start;
          for (const [i, { position, bytes }] of members.entries()) {
            assert.ok(position >= at && position - at <= (i === 0 ? 0 : gapBytes));
            if (i > 0) assert.ok(at - start < 2 * groupBytes, 'a full group takes no more');
            at = position + bytes;
          }
          assert.equal(end, at);
        }
      }),
    );
  });

  it('what is read twice keeps its neighbours', () => {
    const twice = [0, 100, 200, 300].flatMap((position): Range[] => [
      [position, 100],
      [position, 100],
    ]);
    const groups = groupsOf(takeAll(items(twice)), { gapBytes: 0, groupBytes: 1e6, alignment: 1 });
    assert.deepEqual(
      groups.map(({ start, end }) => [start, end]),
      [
        [0, 400],
        [0, 400],
      ],
    );
  });

  it('a group that is full ends where a whole block ends, or at twice the size', () => {
    const pieces = Array.from({ length: 100 }, (_, i): Range => [i * 24, 24]);
    const groups = groupsOf(takeAll(items(pieces)), { gapBytes: 0, groupBytes: 100, alignment: 64 });
    for (const { end } of groups.slice(0, -1)) assert.equal(end % 64, 0);
    const odd = Array.from({ length: 100 }, (_, i): Range => [1 + i * 64, 64]);
    const cut = groupsOf(takeAll(items(odd)), { gapBytes: 0, groupBytes: 128, alignment: 64 });
    for (const { start, end } of cut.slice(0, -1)) assert.equal(end - start, 256);
  });
});
