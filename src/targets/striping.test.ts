// Striping against Ceph's own reckoning of one byte, and there and back again.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Stripes, type Striping } from './striping.js';

const someStriping = fc
  .record({
    stripeUnitBytes: fc.integer({ min: 1, max: 50 }),
    stripeCount: fc.integer({ min: 1, max: 5 }),
    units: fc.integer({ min: 1, max: 6 }),
  })
  .map(({ units, ...striping }): Striping => ({ ...striping, objectBytes: units * striping.stripeUnitBytes }));

/** One byte at a time, by the formulas of Ceph's documentation. */
function placeOf({ stripeUnitBytes, stripeCount, objectBytes }: Striping, offset: number): string {
  const stripesPerObject = objectBytes / stripeUnitBytes;
  const block = Math.floor(offset / stripeUnitBytes);
  const stripe = Math.floor(block / stripeCount);
  const set = Math.floor(stripe / stripesPerObject);
  const object = set * stripeCount + (block % stripeCount);
  return `${object}:${(stripe % stripesPerObject) * stripeUnitBytes + (offset % stripeUnitBytes)}`;
}

describe('Stripes', () => {
  it('places every byte of a range as Ceph does, once, and finds it again', () => {
    fc.assert(
      fc.property(someStriping, fc.nat(5000), fc.nat(3000), (striping, offset, length) => {
        const stripes = new Stripes(striping, String);
        const placed: string[] = [];
        for (const unit of stripes.layout(offset, length)) {
          const bytes = unit.pieces.reduce((sum, piece) => sum + piece.bytes, 0);
          const back = [...stripes.piecesOf(Number(unit.name), unit.offset, bytes)];
          assert.deepEqual(
            back.filter((piece) => piece.bytes > 0),
            [...unit.pieces],
          );
          let at = unit.offset;
          for (const piece of unit.pieces)
            for (let i = 0; i < piece.bytes; i++) placed[piece.offset + i - offset] = `${unit.name}:${at++}`;
        }
        assert.deepEqual(
          placed,
          Array.from({ length }, (_, i) => placeOf(striping, offset + i)),
        );
      }),
    );
  });

  it('counts objects, and the bytes of each, as placing every byte does', () => {
    fc.assert(
      fc.property(someStriping, fc.nat(3000), (striping, size) => {
        const stripes = new Stripes(striping, String);
        const counted = new Map<string, number>();
        for (let i = 0; i < size; i++) {
          const [object = ''] = placeOf(striping, i).split(':');
          counted.set(object, (counted.get(object) ?? 0) + 1);
        }
        const count = Math.max(-1, ...[...counted.keys()].map(Number)) + 1;
        assert.equal(stripes.objectCount(size), count);
        for (let object = 0; object < count + 3; object++)
          assert.equal(stripes.bytesOf(object, size), counted.get(String(object)) ?? 0);
      }),
    );
  });

  it('gives what lies together as one piece', () => {
    const stripes = new Stripes({ stripeUnitBytes: 4, stripeCount: 1, objectBytes: 16 }, String);
    assert.deepEqual(stripes.layout(6, 20), [
      { name: '0', offset: 6, pieces: [{ offset: 6, bytes: 10 }] },
      { name: '1', offset: 0, pieces: [{ offset: 16, bytes: 10 }] },
    ]);
  });

  it('a file beyond 2 ** 45 bytes', () => {
    const stripes = new Stripes({ stripeUnitBytes: 65_536, stripeCount: 4, objectBytes: 2 ** 22 }, String);
    const [unit] = stripes.layout(2 ** 45 + 5, 10);
    assert.deepEqual(
      [...stripes.piecesOf(Number(unit?.name), unit?.offset ?? 0, 10)],
      [{ offset: 2 ** 45 + 5, bytes: 10 }],
    );
  });

  it('refuses an object of parts of stripe units', () => {
    assert.throws(() => new Stripes({ stripeUnitBytes: 10, stripeCount: 1, objectBytes: 15 }, String), {
      code: 'ERR_DIORITE_ASSERTION',
    });
  });
});
