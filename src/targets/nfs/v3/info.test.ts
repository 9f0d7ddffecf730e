// Limits: the least of what the server takes and the user allows; and how long a JUKEBOX is waited out.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { limitsOf, type ServerLimits } from './info.js';
import { pauseMs } from './patience.js';

const MIB = 2 ** 20;

function limits(bytesMax: number, bytesBest: number, capBytes: number): readonly [most: number, best: number] {
  const server: ServerLimits = {
    readBytesMax: bytesMax,
    readBytesBest: bytesBest,
    writeBytesMax: bytesMax,
    writeBytesBest: bytesBest,
    fileBytesMax: 2n ** 63n - 1n,
  };
  const found = limitsOf(server, capBytes);
  assert.equal(found.fileBytesMax, 2n ** 63n - 1n);
  assert.deepEqual([found.writeBytesMax, found.writeBytesBest], [found.readBytesMax, found.readBytesBest]);
  return [found.readBytesMax, found.readBytesBest];
}

describe('limits', () => {
  it('are the least of server and user', () => {
    assert.deepEqual(limits(64 * MIB, 64 * MIB, MIB), [MIB, MIB]);
    assert.deepEqual(limits(64 * MIB, 64 * MIB, 8 * MIB), [8 * MIB, 8 * MIB]);
    assert.deepEqual(limits(32_768, 32_768, MIB), [32_768, 32_768]);
  });

  it('make calls of 1 MiB where a server that takes more says it likes less', () => {
    assert.deepEqual(limits(64 * MIB, 65_536, 64 * MIB), [64 * MIB, MIB]);
    assert.deepEqual(limits(524_288, 65_536, MIB), [524_288, 524_288]);
    assert.deepEqual(limits(64 * MIB, 4 * MIB, 16 * MIB), [16 * MIB, 4 * MIB]);
    // Above what it takes.
    assert.deepEqual(limits(MIB, 4 * MIB, 16 * MIB), [MIB, MIB]);
    assert.deepEqual(limits(MIB, 0, MIB), [MIB, MIB]);
  });

  it('are whole blocks where a block fits', () => {
    assert.deepEqual(limits(65_000, 65_000, MIB), [61_440, 61_440]);
    assert.deepEqual(limits(MIB, MIB, 10_000), [8192, 8192]);
    assert.deepEqual(limits(1000, 1000, MIB), [1000, 1000]);
    assert.deepEqual(limits(1, 0, MIB), [1, 1]);
  });
});

describe('patience', () => {
  it('doubles from 0.1 s to 15 s', () => {
    const pauses = Array.from({ length: 10 }, (_, attempt) => pauseMs(attempt, 0, 0, Number.POSITIVE_INFINITY));
    assert.deepEqual(pauses, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]);
  });

  it('ends with the time that there is', () => {
    assert.equal(pauseMs(5, 1000, 1500, 600), 100);
    assert.equal(pauseMs(0, 1000, 1600, 600), null);
    assert.equal(pauseMs(2000, 0, 1e12, Number.POSITIVE_INFINITY), 15_000);
  });
});
