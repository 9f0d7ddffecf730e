// The bytes of a simulated target: against a plain array, and what a crash leaves.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Media } from './media.js';
import { Prng } from './prng.js';
import { WrittenRanges } from './written-ranges.js';

function bytesOf(media: Media, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(0xee);
  media.read(offset, bytes);
  return bytes;
}

for (const contentSeed of [undefined, 9]) {
  test(`random writes, zeroing and resizing, ${contentSeed === undefined ? 'empty' : 'filled'}: as a plain array`, () => {
    const prng = new Prng(11);
    const reachBytes = 40_000;
    const media = new Media({ size: 20_001, contentSeed });
    const array = new Uint8Array(reachBytes);
    array.set(bytesOf(media, 0, 20_001));
    assert.equal(
      array.subarray(0, 20_001).some((byte) => byte !== 0),
      contentSeed !== undefined,
    );
    let size = 20_001;
    for (let round = 0; round < 300; round++) {
      const offset = prng.below(reachBytes - 1);
      const length = prng.between(1, Math.min(9000, reachBytes - offset));
      const kind = prng.below(4);
      if (kind === 0) {
        media.resize(offset);
        if (offset < size) array.fill(0, offset);
        size = offset;
      } else if (kind === 1) {
        const inside = Math.max(0, Math.min(length, size - offset));
        media.zero(offset, inside);
        array.fill(0, offset, offset + inside);
      } else {
        const bytes = new Uint8Array(length);
        prng.fill(bytes);
        media.write(offset, bytes);
        array.set(bytes, offset);
        size = Math.max(size, offset + length);
      }
      assert.equal(media.size, size);
      assert.equal(Buffer.compare(bytesOf(media, 0, reachBytes), array), 0, `round ${round}`);
      let from = 0;
      for (const range of media.dataRanges(0, reachBytes)) {
        assert.ok(range.offset >= from && range.length > 0 && range.offset + range.length <= size);
        assert.ok(array.subarray(from, range.offset).every((byte) => byte === 0));
        from = range.offset + range.length;
      }
      assert.ok(array.subarray(from, size).every((byte) => byte === 0));
    }
  });
}

test('a terabyte costs nothing', () => {
  const media = new Media({ size: 2 ** 40 });
  media.write(2 ** 40 - 3, new Uint8Array([1, 2, 3]));
  assert.deepEqual([...bytesOf(media, 2 ** 40 - 4, 5)], [0, 1, 2, 3, 0]);
  assert.deepEqual([...media.dataRanges(0, 2 ** 40)], [{ offset: 2 ** 40 - 4096, length: 4096 }]);
  assert.equal(media.bytesBeforeTrailingHole(0, 2 ** 20), 0);
  assert.equal(media.bytesBeforeTrailingHole(2 ** 40 - 8192, 8192), 8192);
});

const SECTORS = 64;
const BYTES = SECTORS * 512;

/** After a crash: how many sectors are the old, and how many the new; fails when one is neither. */
function survey(media: Media, old: number, now: number): { old: number; now: number } {
  const bytes = bytesOf(media, 0, BYTES);
  const counts = { old: 0, now: 0 };
  for (let at = 0; at < BYTES; at += 512) {
    const sector = bytes.subarray(at, at + 512);
    if (sector.every((byte) => byte === old)) counts.old++;
    else if (sector.every((byte) => byte === now)) counts.now++;
    else assert.fail('a sector is torn');
  }
  return counts;
}

function written(): Media {
  const media = new Media({ size: BYTES });
  media.write(0, new Uint8Array(BYTES).fill(1));
  media.sync();
  media.write(0, new Uint8Array(BYTES).fill(2));
  return media;
}

test('a crash keeps what was synced, and any sectors of what was not', () => {
  const torn = written();
  torn.crash(new Prng(1));
  const counts = survey(torn, 1, 2);
  assert.ok(counts.old > 8 && counts.now > 8, JSON.stringify(counts));
  const synced = written();
  synced.sync();
  synced.crash(new Prng(1));
  assert.deepEqual(survey(synced, 1, 2), { old: 0, now: SECTORS });
});

test('what a failed sync lost is lost, though the next sync succeeds', () => {
  const media = written();
  media.failSync();
  media.sync();
  assert.deepEqual(survey(media, 1, 2), { old: 0, now: SECTORS }, 'reads still give the new bytes');
  media.crash(new Prng(1));
  const counts = survey(media, 1, 2);
  assert.ok(counts.old > 8 && counts.now > 8, JSON.stringify(counts));
});

test('what was written again after a failed sync is made durable by the next', () => {
  const media = written();
  media.failSync();
  media.write(0, new Uint8Array(BYTES).fill(2));
  media.sync();
  media.crash(new Prng(1));
  assert.deepEqual(survey(media, 1, 2), { old: 0, now: SECTORS });
});

test('a durable write is durable alone', () => {
  const media = written();
  media.syncRange(0, BYTES / 2);
  media.crash(new Prng(1));
  const half = bytesOf(media, 0, BYTES / 2);
  assert.ok(half.every((byte) => byte === 2));
  assert.ok(survey(media, 1, 2).old > 4);
});

test('a size that was not synced may be lost', () => {
  const sizes = new Set<number>();
  for (let seed = 1; seed < 20; seed++) {
    const media = written();
    media.sync();
    media.write(BYTES, new Uint8Array(100).fill(3));
    media.crash(new Prng(seed));
    sizes.add(media.size);
  }
  assert.deepEqual([...sizes].sort(), [BYTES, BYTES + 100]);
});

test('written ranges melt together, and stay bounded', () => {
  const ranges = new WrittenRanges();
  ranges.add(100, 10);
  ranges.add(300, 10);
  ranges.add(110, 5);
  ranges.add(90, 10);
  assert.deepEqual(ranges.take(), [
    { offset: 90, length: 25, state: 'unknown' },
    { offset: 300, length: 10, state: 'unknown' },
  ]);
  assert.deepEqual(ranges.take(), []);
  for (let i = 0; i < 1024; i++) ranges.add(i * 10, 5);
  ranges.add(5, 5);
  assert.equal(ranges.take().length, 1023);
  for (let i = 0; i < 1025; i++) ranges.add(i * 10, 5);
  assert.deepEqual(ranges.take(), [{ offset: 0, length: 10_245, state: 'unknown' }]);
});
