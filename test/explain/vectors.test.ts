// Vectors from text and lists: every layout's places, determinism, and refusals that say what is wrong.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkVectors, MEMORY_BYTES_MAX, parseSize, parseVectors, type Vector } from '../../src/explain/vectors.js';

function vectors(text: string, seed = 1): readonly Vector[] {
  return parseVectors(text, seed, (problem) => new RangeError(problem));
}

function offsets(text: string): number[] {
  return vectors(text).map((vector) => vector.offset);
}

describe('sizes', () => {
  const TABLE: readonly (readonly [string, number])[] = [
    ['0', 0],
    ['512', 512],
    ['4k', 4096],
    ['1.5M', 1572864],
    ['1GiB', 2 ** 30],
    ['2T', 2 ** 41],
    ['512b', 512],
    ['', Number.NaN],
    ['-1', Number.NaN],
    ['1.3', Number.NaN],
    ['4KK', Number.NaN],
    ['0x10', Number.NaN],
    ['9007199254740993K', Number.NaN],
  ];
  for (const [text, expected] of TABLE) it(`'${text}' is ${expected}`, () => assert.equal(parseSize(text), expected));
});

describe('layouts', () => {
  const TABLE: readonly (readonly [string, readonly number[]])[] = [
    ['4K', [0]],
    ['4x100', [0, 100, 200, 300]],
    ['100,4K,2x50@contiguous', [0, 100, 4196, 4246]],
    ['3x100@scattered', [0, 8192, 16384]],
    ['2x5000@scattered', [0, 12288]],
    ['2x100@page+40', [40, 8232]],
    ['2x100@misaligned', [1, 8193]],
    ['4x10@stride+3', [0, 30, 20, 10]],
    // Each layout has memory of its own, and contiguous goes on only behind contiguous.
    ['100,100@scattered,100,100', [0, 8192, 16384, 16484]],
  ];
  for (const [text, expected] of TABLE) it(text, () => assert.deepEqual(offsets(text), expected));

  it('shuffled: each place once, the same for a seed, another for another', () => {
    const first = offsets('1000x512@shuffled');
    assert.deepEqual(
      [...first].sort((a, b) => a - b),
      offsets('1000x512'),
    );
    assert.notDeepEqual(first, offsets('1000x512'));
    assert.deepEqual(offsets('1000x512@shuffled'), first);
    assert.notDeepEqual(vectors('1000x512@shuffled', 2), vectors('1000x512@shuffled', 1));
  });
});

describe('refusals', () => {
  const TABLE: readonly (readonly [string, RegExp])[] = [
    ['', /'' is not \[Nx\]SIZE/],
    ['4K,', /'' is not/],
    ['x4K', /'x4K' is not/],
    ['4Kx2', /'4Kx2' is not/],
    ['0x4K', /a count is 1 or more/],
    ['8x4K@sideways', /'sideways' is none of contiguous, scattered/],
    ['8x4K@page+4096', /page\+0 to page\+4095/],
    ['8x4K@stride+6', /they have a divisor/],
    ['8x4K@stride+0', /they have a divisor/],
    ['300000x4K', /300000 vectors are more than 262144/],
    ['5G', /at most 4294967296/],
    ['3G,2G', /past 4 GiB/],
    ['2x3G@scattered', /past 4 GiB/],
  ];
  for (const [text, expected] of TABLE) {
    it(`'${text}'`, () => assert.throws(() => vectors(text), { name: 'RangeError', message: expected }));
  }

  const LISTS: readonly (readonly [string, unknown, RegExp])[] = [
    ['no list', { offset: 0 }, /not an array/],
    ['an empty list', [], /empty/],
    ['no size', [{ offset: 0, size: 1 }, { offset: 5 }], /^\[1\]/],
    ['a fraction', [{ offset: 0.5, size: 1 }], /^\[0\]/],
    ['negative', [{ offset: -1, size: 1 }], /^\[0\]/],
    ['null', [null], /^\[0\]/],
    ['too far', [{ offset: MEMORY_BYTES_MAX, size: 1 }], /^\[0\]/],
  ];
  for (const [name, list, expected] of LISTS) {
    it(`a list: ${name}`, () =>
      assert.throws(() => checkVectors(list, (problem) => new RangeError(problem)), { message: expected }));
  }
});
