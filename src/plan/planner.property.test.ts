// What holds for every plan, tried on random memory, limits and layouts. fast-check prints the seed of a failure.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { IovIter } from '../iter/iov-iter.js';
import { Places } from './fixtures.test.js';
import type { Unit } from './layout.js';
import type { Direction, Limits } from './limits.js';
import { Planner } from './planner.js';
import { PlannedRequest } from './request.js';

const powerOfTwo = (from: number, to: number) => fc.integer({ min: from, max: to }).map((n) => 2 ** n);

/** Small numbers on purpose: a block of 16 bytes meets its corner cases a hundred times sooner than one of 512. */
const someLimits: fc.Arbitrary<Limits> = fc
  .record({
    memoryAlignment: powerOfTwo(0, 6),
    offsetLog: fc.integer({ min: 0, max: 6 }),
    endFactor: powerOfTwo(0, 3),
    bestFactor: fc.integer({ min: 1, max: 30 }),
    maxBytes: fc.constant(2 ** 20),
    bestSegments: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constant(16)),
    moreSegments: fc.integer({ min: 0, max: 3 }),
    copyBreakBytes: fc.constantFrom(0, 1, 32, 100),
    boundaryFactor: fc.constantFrom(0, 0, 1, 3, 8),
    untilFactor: fc.constantFrom(0, 0, 2, 5),
  })
  .map((raw) => {
    const offsetAlignment = 2 ** raw.offsetLog;
    const endAlignment = offsetAlignment * raw.endFactor;
    return {
      memoryAlignment: raw.memoryAlignment,
      offsetAlignment,
      endAlignment,
      maxBytes: raw.maxBytes,
      bestBytes: endAlignment + offsetAlignment * (raw.bestFactor - 1),
      maxSegments: raw.bestSegments + raw.moreSegments,
      bestSegments: raw.bestSegments,
      copyBreakBytes: raw.copyBreakBytes,
      boundaryBytes: endAlignment * raw.boundaryFactor,
      until: raw.untilFactor === 0 ? Number.POSITIVE_INFINITY : endAlignment * raw.untilFactor,
    };
  });

/** Buffers at chosen places in their pages, cut into views that are then shuffled, or not. */
const someMemory = fc.record({
  buffers: fc.array(
    fc.record({
      inPage: fc.oneof(fc.constantFrom(0, 0, 16, 32, 64, -1), fc.integer({ min: 0, max: 4095 })),
      views: fc.array(
        fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constantFrom(16, 32, 64, 128), fc.integer({ min: 0, max: 400 })),
        { minLength: 1, maxLength: 12 },
      ),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  order: fc.option(fc.infiniteStream(fc.nat(1 << 20)), { nil: null }),
});

interface Case {
  readonly iter: IovIter;
  readonly buffers: readonly Uint8Array[];
  readonly places: Places;
  readonly limits: readonly Limits[];
  readonly direction: Direction;
  readonly offset: number;
  readonly bytes: number;
  readonly layout: ((offset: number, length: number) => readonly Unit[]) | undefined;
  readonly windowBytes: number;
}

const someCase: fc.Arbitrary<Case> = fc
  .record({
    memory: someMemory,
    limits: fc.array(someLimits, { minLength: 1, maxLength: 3 }),
    direction: fc.constantFrom<Direction>('read', 'write'),
    offset: fc.oneof(fc.constant(0), fc.constantFrom(64, 512), fc.nat(700)),
    skip: fc.nat(50),
    leave: fc.oneof(fc.constant(0), fc.nat(100)),
    stripe: fc.option(fc.oneof(fc.integer({ min: 1, max: 300 }), powerOfTwo(4, 8)), { nil: undefined }),
    objectStripes: fc.integer({ min: 1, max: 5 }),
    windowBytes: fc.constantFrom(1, 500, 1_000_000),
  })
  .map(({ memory, limits, direction, offset, skip, leave, stripe, objectStripes, windowBytes }) => {
    const places = new Places();
    const buffers: Uint8Array[] = [];
    const views: Uint8Array[] = [];
    for (const { inPage, views: sizes } of memory.buffers) {
      const whole = places.memory(
        sizes.reduce((sum, size) => sum + size, 0),
        inPage,
      );
      whole.forEach((_, i) => {
        whole[i] = (i * 31 + buffers.length * 7 + (i >> 8)) & 255;
      });
      buffers.push(whole);
      let at = 0;
      for (const size of sizes) {
        views.push(whole.subarray(at, at + size));
        at += size;
      }
    }
    if (memory.order !== null) {
      for (let i = views.length - 1; i > 0; i--) {
        const j = memory.order.next().value % (i + 1);
        const [a, b] = [views[i], views[j]];
        if (a !== undefined && b !== undefined) [views[i], views[j]] = [b, a];
      }
    }
    const iter = IovIter.iovec(views);
    iter.advance(Math.min(skip, iter.count));
    const bytes = Math.max(0, iter.count - leave);
    return {
      iter,
      buffers,
      places,
      limits,
      direction,
      offset,
      bytes,
      layout: stripe === undefined ? undefined : stripes(stripe, objectStripes),
      windowBytes,
    };
  });

/** Stripes over three units, and then over the next three, as RADOS lays a file over objects. */
function stripes(size: number, objectStripes: number): (offset: number, length: number) => readonly Unit[] {
  return (offset, length) => {
    const units = new Map<number, { name: string; offset: number; pieces: { offset: number; bytes: number }[] }>();
    for (let at = offset; at < offset + length; ) {
      const stripe = Math.floor(at / size);
      const bytes = Math.min((stripe + 1) * size, offset + length) - at;
      const row = Math.floor(stripe / 3);
      const number = Math.floor(row / objectStripes) * 3 + (stripe % 3);
      const unitOffset = (row % objectStripes) * size + (at % size);
      const unit = units.get(number) ?? { name: `u${number}`, offset: unitOffset, pieces: [] };
      unit.pieces.push({ offset: at, bytes });
      units.set(number, unit);
      at += bytes;
    }
    return [...units.values()];
  };
}

/** Where a byte of the range lies, straight from the layout. */
function placeOf(input: Case, offset: number): { unit: string; offset: number } {
  const unit = input.layout?.(offset, 1)[0];
  return unit === undefined ? { unit: '', offset } : { unit: unit.name, offset: unit.offset };
}

/** Where the bytes of the request's payload lie in the range, in order. */
function payloadOf(request: PlannedRequest): number[] {
  const offsets: number[] = [];
  request.eachPiece(0, request.payloadBytes, (offset, bytes) => {
    for (let i = 0; i < bytes; i++) offsets.push(offset + i);
  });
  assert.equal(offsets[0], request.payloadOffset);
  assert.equal(offsets.length, request.payloadBytes);
  return offsets;
}

function limitsOf(input: Case): (offset: number) => Limits {
  // What ends before the offset no longer holds: the next ones do, and the last everywhere.
  const everywhere = { ...(input.limits.at(-1) as Limits), until: Number.POSITIVE_INFINITY }; // minLength is 1
  return (offset) => input.limits.find((limits) => limits.until > offset) ?? everywhere;
}

function plannerOf(input: Case): Planner {
  const { offset, bytes, direction, layout, places } = input;
  return new Planner({
    iter: input.iter.dup(),
    offset,
    bytes,
    direction,
    layout,
    limitsAt: limitsOf(input),
    pages: places,
    windowBytes: input.windowBytes,
  });
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

function checkSize(request: PlannedRequest, limits: Limits, offsets: readonly number[]): void {
  const lengths = request.segments.length.slice(0, request.segments.count);
  assert.equal(sum(lengths), request.bytes, 'segments hold the bytes');
  assert.ok(
    lengths.every((length) => length > 0),
    'no empty segment',
  );
  assert.ok(request.bytes <= limits.bestBytes);
  assert.ok(request.segments.count <= (request.route === 'end' ? limits.maxSegments : limits.bestSegments));
  const { boundaryBytes } = limits;
  if (boundaryBytes > 0)
    assert.equal(
      Math.floor(request.offset / boundaryBytes),
      Math.floor((request.offset + request.bytes - 1) / boundaryBytes),
    );
  assert.ok(offsets.every((offset) => offset < limits.until));
}

/** The rules of alignment, for the request and for each of its segments. */
function checkAlignment(request: PlannedRequest, limits: Limits, input: Case): void {
  const isAnything = limits.memoryAlignment === 1 && limits.offsetAlignment === 1 && limits.copyBreakBytes === 0;
  const { buffer, byteOffset, length, staged, count } = request.segments;
  if (request.route === 'end') {
    assert.ok(input.direction === 'write' && !staged.slice(0, count).includes(true));
    const block = Math.floor(request.offset / limits.endAlignment);
    assert.equal(Math.floor((request.offset + request.bytes - 1) / limits.endAlignment), block, 'within one block');
    assert.ok(request.bytes < limits.endAlignment, 'a whole block is no end');
    return;
  }
  const grain = input.direction === 'write' ? limits.endAlignment : limits.offsetAlignment;
  assert.equal(request.offset % grain, 0);
  assert.equal(request.bytes % grain, 0);
  for (let i = 0; i < count; i++) {
    assert.equal((length[i] ?? 0) % limits.offsetAlignment, 0, 'a segment ends at a block');
    const memory = buffer[i];
    if (staged[i]) {
      assert.ok(!staged[i + 1] || i + 1 === count, 'neighbouring staged bytes are one segment');
      // Memory that could go as it lies is staged only where a whole unit of endAlignment has too many pieces.
      assert.ok(memory === null && !(isAnything && limits.endAlignment === 1));
    } else if (!isAnything) {
      assert.ok(memory);
      const inPage = input.places.offsetInPage(memory);
      assert.ok(inPage >= 0, 'memory at an unknown address is staged');
      assert.equal((inPage + (byteOffset[i] ?? 0)) % limits.memoryAlignment, 0);
    }
  }
}

/** Small pieces go as they lie only where copying them would save no segment. */
function checkCost(request: PlannedRequest, limits: Limits): void {
  const { length, staged, count } = request.segments;
  const merges = (i: number) => i >= 0 && i < count && (staged[i] || (length[i] ?? 0) < limits.copyBreakBytes);
  for (let i = 0; i < count && request.route === 'direct'; i++)
    if (merges(i)) assert.ok(!merges(i + 1), 'a small piece beside another is merged with it');
}

function checkCounts(request: PlannedRequest, input: Case, offsets: readonly number[]): void {
  const { length, staged, count } = request.segments;
  const stagedBytes = sum(length.slice(0, count).filter((_, i) => staged[i]));
  assert.equal(request.stagedBytes, stagedBytes);
  assert.equal(request.copiedBytes, stagedBytes - (request.bytes - request.payloadBytes));
  const why = request.copiedWhy;
  assert.equal(why.unknownBytes + why.misalignedBytes + why.fractionBytes + why.smallBytes, request.copiedBytes);
  const tailPad = request.bytes - request.headPadBytes - request.payloadBytes;
  assert.ok(request.headPadBytes >= 0 && tailPad >= 0);
  if (input.direction === 'write') assert.equal(request.bytes, request.payloadBytes);
  if (request.headPadBytes > 0) assert.ok(staged[0] && (length[0] ?? 0) > request.headPadBytes);
  if (tailPad > 0) assert.ok(staged[count - 1] && (length[count - 1] ?? 0) > tailPad);
  const unitOffset = request.offset + request.headPadBytes;
  for (const [i, offset] of offsets.entries())
    assert.deepEqual(placeOf(input, offset), { unit: request.unit, offset: unitOffset + i });
}

function checkCut(request: PlannedRequest, limits: Limits, input: Case, planner: Planner): void {
  assert.equal(request.cut === 'end', planner.remaining === 0);
  const endInUnit = request.offset + request.headPadBytes + request.payloadBytes;
  if (input.layout === undefined) assert.notEqual(request.cut, 'unit');
  if (request.cut === 'limits' && input.layout === undefined) assert.equal(endInUnit, limits.until);
  if (request.cut === 'boundary') assert.equal(endInUnit % limits.boundaryBytes, 0);
  if (request.cut === 'best-bytes') {
    const grain = input.direction === 'write' ? limits.endAlignment : 1;
    assert.ok(request.bytes + grain > limits.bestBytes);
  }
  if (request.cut === 'best-segments' && input.direction === 'read')
    assert.equal(request.segments.count, limits.bestSegments);
}

it('every request obeys the limits, and together they cover the range once, in order where there is one unit', () => {
  fc.assert(
    fc.property(someCase, (input) => {
      const planner = plannerOf(input);
      const limitsAt = limitsOf(input);
      const request = new PlannedRequest();
      const planned = new Uint8Array(input.bytes + 1);
      let left = input.bytes;
      while (planner.next(request)) {
        const offsets = payloadOf(request);
        assert.ok(offsets.length > 0);
        if (input.layout === undefined)
          assert.deepEqual([offsets[0], request.pieces.count], [input.offset + input.bytes - left, 0]);
        for (const offset of offsets) {
          assert.equal(planned[offset - input.offset], 0, 'each byte once');
          planned[offset - input.offset] = 1;
        }
        const limits = limitsAt(request.payloadOffset);
        checkSize(request, limits, offsets);
        checkAlignment(request, limits, input);
        checkCost(request, limits);
        checkCounts(request, input, offsets);
        checkCut(request, limits, input, planner);
        left -= offsets.length;
        assert.equal(planner.offset, input.offset + planned.indexOf(0));
        assert.equal(planner.remaining, left);
      }
      assert.equal(left, 0);
    }),
    { numRuns: 800 },
  );
});

it('in a window that holds all, pieces of a unit become requests that only limits cut', () => {
  fc.assert(
    fc.property(someCase, ({ windowBytes: _, ...rest }) => {
      const input = { ...rest, windowBytes: 2 ** 30 };
      const planner = plannerOf(input);
      const request = new PlannedRequest();
      const ends = new Set<string>();
      while (planner.next(request)) {
        const endInUnit = request.offset + request.headPadBytes + request.payloadBytes;
        if (request.cut === 'unit' || request.cut === 'end') {
          const end = `${request.unit} ${endInUnit}`;
          assert.ok(!ends.has(end));
          ends.add(end);
        }
        // Nothing that is planned later goes on where a unit was said to end.
        const begin = `${request.unit} ${request.offset + request.headPadBytes}`;
        assert.ok(!ends.has(begin), begin);
      }
    }),
    { numRuns: 200 },
  );
});

/** A target of plain bytes, and what carries a request out against it as a transfer does. */
class Bytes {
  readonly #units = new Map<string, Uint8Array>();

  of(unit: string): Uint8Array {
    let bytes = this.#units.get(unit);
    if (bytes === undefined) {
      bytes = new Uint8Array(32_768).map((_, i) => (i * 13 + (i >> 8) + unit.charCodeAt(1)) & 255);
      this.#units.set(unit, bytes);
    }
    return bytes;
  }

  carryOut(request: PlannedRequest, scratch: IovIter): void {
    const { segments } = request;
    const target = this.of(request.unit);
    for (let i = 0, wire = 0; i < segments.count; wire += segments.length[i++] ?? 0) {
      const length = segments.length[i] ?? 0;
      const there = target.subarray(request.offset + wire, request.offset + wire + length);
      const memory = segments.buffer[i];
      if (segments.staged[i]) {
        const lease = new Uint8Array(length);
        if (request.direction === 'read') lease.set(there);
        const from = Math.max(0, wire - request.headPadBytes);
        let at = Math.max(0, request.headPadBytes - wire);
        const to = Math.min(request.payloadBytes, wire + length - request.headPadBytes);
        request.eachPiece(from, to, (_offset, bytes, state, skipped) => {
          scratch.restore(state);
          scratch.advance(skipped);
          const part = lease.subarray(at, at + bytes);
          assert.equal(request.direction === 'write' ? scratch.copyFrom(part) : scratch.copyTo(part), bytes);
          at += bytes;
        });
        if (request.direction === 'write') there.set(lease);
      } else {
        assert.ok(memory);
        const here = new Uint8Array(memory, segments.byteOffset[i], length);
        if (request.direction === 'write') there.set(here);
        else here.set(there);
      }
    }
  }
}

function bytesOf(iter: IovIter, bytes: number): Uint8Array {
  const out = new Uint8Array(bytes);
  assert.equal(iter.dup().copyFrom(out), bytes);
  return out;
}

it('carrying a plan out moves the bytes of the range, and no others', () => {
  fc.assert(
    fc.property(someCase, (input) => {
      const target = new Bytes();
      const request = new PlannedRequest();
      const planner = plannerOf(input);
      const range = Array.from({ length: input.bytes }, (_, i) => placeOf(input, input.offset + i));
      const before = new Map(['', ...range.map((place) => place.unit)].map((unit) => [unit, target.of(unit).slice()]));
      const expected = input.direction === 'write' ? bytesOf(input.iter, input.bytes) : null;
      const memoryBefore = input.buffers.map((buffer) => buffer.slice());
      const scratch = input.iter.dup();
      while (planner.next(request)) target.carryOut(request, scratch);
      if (expected !== null) {
        range.forEach((place, i) => {
          const bytes = before.get(place.unit);
          assert.ok(bytes);
          bytes[place.offset] = expected[i] ?? 0;
        });
        for (const [unit, bytes] of before) assert.deepEqual(target.of(unit), bytes);
        for (const [i, buffer] of input.buffers.entries()) assert.deepEqual(buffer, memoryBefore[i]);
        return;
      }
      const wanted = Uint8Array.from(range, (place) => target.of(place.unit)[place.offset] ?? 0);
      assert.deepEqual(bytesOf(input.iter, input.bytes), wanted);
      // Put the range back as it was: then nothing else may differ.
      for (const [i, buffer] of input.buffers.entries())
        input.buffers[i]?.set(undoOutside(input, buffer, memoryBefore[i]));
    }),
    { numRuns: 500 },
  );
});

/** Checks that bytes of `buffer` which the range does not cover are as they were, and returns what was there before. */
function undoOutside(input: Case, buffer: Uint8Array, before: Uint8Array | undefined): Uint8Array {
  assert.ok(before);
  const covered = new Uint8Array(buffer.byteLength);
  input.iter.dup().forEachRun(input.bytes, (memory, byteOffset, size) => {
    if (memory === buffer.buffer) covered.fill(1, byteOffset, byteOffset + size);
  });
  for (let i = 0; i < buffer.byteLength; i++) if (covered[i] === 0) assert.equal(buffer[i], before[i]);
  return before;
}
