// CRC-32C: known values, pieces of any size, and a computation bit by bit.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Crc32c } from './crc32c.js';

function bitwise(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('Crc32c', () => {
  it('gives the values of RFC 3720, B.4', () => {
    const up = Uint8Array.from({ length: 32 }, (_, i) => i);
    const known: [Uint8Array, number][] = [
      [new Uint8Array(0), 0],
      [new TextEncoder().encode('123456789'), 0xe3069283],
      [new Uint8Array(32), 0x8a9136aa],
      [new Uint8Array(32).fill(0xff), 0x62a8ab43],
      [up, 0x46dd794e],
      [up.slice().reverse(), 0x113fdb5c],
    ];
    for (const [bytes, value] of known) assert.equal(new Crc32c().update(bytes).value, value);
  });

  it('is the same however the bytes are cut', () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 151) >>> 1);
    const whole = bitwise(bytes);
    for (let from = 0; from < 20; from++)
      for (let to = from; to < 130; to++) {
        const crc = new Crc32c()
          .update(bytes.subarray(0, from))
          .update(bytes.subarray(from, to))
          .update(bytes.subarray(to));
        assert.equal(crc.value, whole);
      }
  });
});
