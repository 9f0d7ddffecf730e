// CRC-32C: every means that this process has gives the values of RFC 3720, from any seed, cut anywhere.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadAddon } from '../../../memory/addon.js';
import { Prng } from '../../sim/prng.js';
import { crc32c, crc32cBy, crc32cMeans } from './crc32c.js';

function bitwise(remainder: number, bytes: Uint8Array): number {
  let crc = remainder;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return crc >>> 0;
}

describe('crc32c', () => {
  it('is the best means there is', () => {
    const [best] = [...crc32cMeans()];
    assert.equal(best?.by, crc32cBy);
    if (loadAddon()?.crc32c !== undefined) assert.equal(crc32cBy, 'addon');
    assert.equal(crc32c(0xffffffff, new Uint8Array(0)), 0xffffffff);
    assert.ok([...crc32cMeans()].some(({ by }) => by === 'webassembly'));
  });

  for (const { by, crc32c: function_ } of crc32cMeans()) {
    it(`by ${by} has the values of RFC 3720, B.4`, () => {
      const inverted = (bytes: Uint8Array): number => ~function_(0xffffffff, bytes) >>> 0;
      assert.equal(inverted(Buffer.from('123456789')), 0xe3069283);
      assert.equal(inverted(new Uint8Array(32)), 0x8a9136aa);
      assert.equal(inverted(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
    });

    it(`by ${by} goes on from any remainder, at any place, for any length`, () => {
      const seed = 20_170_203;
      const random = new Prng(seed);
      const memory = Uint8Array.from({ length: 20_000 }, () => random.below(256));
      for (let round = 0; round < 300; round++) {
        const from = random.below(64);
        const to = from + random.below(round % 10 === 0 ? 15_000 : 300);
        const cut = random.between(from, to);
        const start = random.next32();
        const whole = function_(start, memory.subarray(from, to));
        assert.equal(whole, bitwise(start, memory.subarray(from, to)), `seed ${seed}, round ${round}`);
        assert.equal(function_(function_(start, memory.subarray(from, cut)), memory.subarray(cut, to)), whole);
      }
    });

    it(`by ${by} takes more than any buffer on its way holds`, () => {
      const large = Uint8Array.from({ length: 300_001 }, (_, i) => (i * 7 + (i >> 9)) & 0xff);
      assert.equal(function_(1, large), bitwise(1, large));
    });
  }
});
