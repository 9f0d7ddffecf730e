// What is known to be one request is what the planner makes of it, and whatever the planner makes so is known.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IovIter } from '../iter/iov-iter.js';
import type { Direction, Limits } from '../plan/limits.js';
import { Planner } from '../plan/planner.js';
import { PlannedRequest } from '../plan/request.js';
import { fillWhole, isWhole } from './whole.js';

const buffer = new ArrayBuffer(64 * 1024);
const power = (least: number, most: number): fc.Arbitrary<number> =>
  fc.integer({ min: least, max: most }).map((bits) => 2 ** bits);

const scene = fc.record({
  direction: fc.constantFrom<Direction>('read', 'write'),
  memoryAlignment: power(0, 10),
  offsetAlignment: power(0, 9),
  endBits: fc.integer({ min: 0, max: 2 }),
  bestBlocks: fc.integer({ min: 1, max: 64 }),
  boundaryBlocks: fc.constantFrom(0, 0, 0, 0, 2),
  untilBlocks: fc.constantFrom(Number.POSITIVE_INFINITY, 4),
  copyBreakBytes: fc.constantFrom(0, 512, 8192),
  inPage: fc.constantFrom(-1, 0, 0, 0, 16, 512),
  offset: fc.oneof(
    fc.integer({ min: 0, max: 40 }).map((n) => n * 512),
    fc.nat(9000),
  ),
  byteOffset: fc.oneof(
    fc.integer({ min: 0, max: 8 }).map((n) => n * 512),
    fc.nat(4096),
  ),
  bytes: fc.oneof(
    fc.integer({ min: 1, max: 40 }).map((n) => n * 512),
    fc.integer({ min: 1, max: 20_000 }),
  ),
});

function picture(request: PlannedRequest): unknown {
  const { pieces, segments, copiedWhy, state, ...rest } = request;
  const list = Array.from({ length: segments.count }, (_, i) => [
    segments.buffer[i],
    segments.byteOffset[i],
    segments.length[i],
    segments.staged[i],
  ]);
  return { ...rest, pieces: pieces.count, list, copiedWhy: { ...copiedWhy }, state: { ...state } };
}

test('isWhole and fillWhole say what the planner says', () => {
  let whole = 0;
  fc.assert(
    fc.property(scene, (given) => {
      const { direction, offset, byteOffset, bytes, memoryAlignment, offsetAlignment } = given;
      const endAlignment = offsetAlignment * 2 ** given.endBits;
      const limits: Limits = {
        memoryAlignment,
        offsetAlignment,
        endAlignment,
        maxBytes: 1 << 30,
        bestBytes: given.bestBlocks * endAlignment,
        maxSegments: 16,
        bestSegments: 16,
        copyBreakBytes: given.copyBreakBytes,
        boundaryBytes: given.boundaryBlocks * endAlignment,
        until: Math.ceil(offset / endAlignment + 1) * endAlignment + given.untilBlocks * endAlignment,
      };
      const planner = new Planner({
        iter: IovIter.ubuf(new Uint8Array(buffer, byteOffset, bytes)),
        offset,
        bytes,
        direction,
        limitsAt: () => limits,
        pages: { offsetInPage: () => given.inPage },
      });
      const planned = new PlannedRequest();
      planner.next(planned);
      if (!isWhole(limits, direction, offset, bytes, given.inPage < 0 ? -1 : given.inPage + byteOffset)) return;
      whole++;
      assert.equal(planner.remaining, 0);
      const filled = new PlannedRequest();
      fillWhole(filled, limits, direction, offset, bytes, buffer, byteOffset);
      assert.deepEqual(picture(filled), picture(planned));
    }),
    { numRuns: 6000 },
  );
  assert.ok(whole > 50, `${whole} of 6,000 were whole`);
});
