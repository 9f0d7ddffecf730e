// plan(): what it refuses, what it yields, what its totals say, and how it is drawn.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { IovIter } from '../iter/iov-iter.js';
import { DISK, Places, SOCKET } from '../plan/fixtures.test.js';
import { Stripes } from '../targets/striping.js';
import { type PlanOptions, plan } from './plan.js';

const MiB = 2 ** 20;
const write: PlanOptions = { offset: 0, direction: 'write', limits: DISK, pages: new Places() };

describe('plan', () => {
  it('yields requests of their own, frozen, and again from the start', () => {
    const memory = new Uint8Array(3 * MiB);
    const made = plan(memory, write);
    const first = [...made];
    assert.deepEqual(
      first.map(({ index, offset, bytes, cut }) => ({ index, offset, bytes, cut })),
      [
        { index: 0, offset: 0, bytes: MiB, cut: 'best-bytes' },
        { index: 1, offset: MiB, bytes: MiB, cut: 'best-bytes' },
        { index: 2, offset: 2 * MiB, bytes: MiB, cut: 'end' },
      ],
    );
    assert.deepEqual(first[1]?.segments, [{ buffer: memory.buffer, byteOffset: MiB, length: MiB, staged: false }]);
    assert.ok(first.every((request) => Object.isFrozen(request) && Object.isFrozen(request.segments)));
    assert.deepEqual([...made], first);
  });

  it('takes a view, views or an iterator, which it neither moves nor follows', () => {
    const views = [new Uint8Array(10), new Uint8Array(20)];
    assert.equal(plan(views, write).bytes, 30);
    const iter = IovIter.iovec(views);
    iter.advance(5);
    const made = plan(iter, { ...write, offset: 7n });
    iter.advance(5);
    assert.deepEqual([made.offset, made.bytes, iter.count], [7, 25, 20]);
    assert.equal([...made][0]?.bytes, 25);
  });

  it('names the argument that is wrong', () => {
    const memory = new Uint8Array(100);
    const wrong = (memory: unknown, options: unknown) => () => plan(memory as Uint8Array, options as PlanOptions);
    for (const [call, code, message] of [
      [wrong(3, write), 'ERR_INVALID_ARG_TYPE', /"memory"/],
      [wrong([memory, 3], write), 'ERR_INVALID_ARG_TYPE', /"memory\[1\]"/],
      [wrong(memory, undefined), 'ERR_INVALID_ARG_TYPE', /"options"/],
      [wrong(memory, { ...write, direction: 'up' }), 'ERR_INVALID_ARG_VALUE', /"options.direction"/],
      [wrong(memory, { ...write, offset: -1 }), 'ERR_OUT_OF_RANGE', /"options.offset"/],
      [wrong(memory, { ...write, offset: 2 ** 53 - 10 }), 'ERR_OUT_OF_RANGE', /"options.offset"/],
      [wrong(memory, { ...write, bytes: 101 }), 'ERR_OUT_OF_RANGE', /"options.bytes".*at most 100/],
      [wrong(memory, { ...write, limits: undefined }), 'ERR_INVALID_ARG_TYPE', /"options.limits"/],
      [
        wrong(memory, { ...write, limits: { ...DISK, bestBytes: 1 } }),
        'ERR_INVALID_ARG_VALUE',
        /"options.limits".*bestBytes/,
      ],
      [wrong(memory, { ...write, pages: {} }), 'ERR_INVALID_ARG_TYPE', /"options.pages"/],
      [wrong(memory, { ...write, layout: 1 }), 'ERR_INVALID_ARG_TYPE', /"options.layout"/],
      [wrong(IovIter.discard(9), write), 'ERR_DIORITE_DIRECTION', /"memory"/],
    ] as const)
      assert.throws(call, (error: Error & { code: string }) => {
        assert.equal(error.code, code);
        assert.match(error.message, message);
        return true;
      });
  });

  it('counts in its totals', () => {
    const { totals } = plan(new Uint8Array(3 * MiB), { ...write, offset: 100 });
    assert.deepEqual(totals, {
      requests: 5,
      segments: 5,
      bytes: 3 * MiB,
      payloadBytes: 3 * MiB,
      copiedBytes: 3 * MiB - 4096,
      copiedWhy: { unknownBytes: 0, misalignedBytes: 3 * MiB - 4096, fractionBytes: 0, smallBytes: 0 },
      stagedBytes: 3 * MiB - 4096,
      averageRequestBytes: (3 * MiB) / 5,
      ends: [
        { cut: 'best-bytes', route: 'direct', requests: 2 },
        { cut: 'route', route: 'end', requests: 1 },
        { cut: 'route', route: 'direct', requests: 1 },
        { cut: 'end', route: 'end', requests: 1 },
      ],
      complete: true,
    });
  });

  it('looks at the beginning only of what has no end', () => {
    const made = plan(IovIter.discard(2 ** 52), {
      ...write,
      direction: 'read',
      limits: { ...DISK, bestBytes: 2 ** 20 },
    });
    assert.deepEqual([made.totals.requests, made.totals.complete], [2 ** 20, false]);
    assert.match(made.toString({ requests: 1 }), /counted +only the first 1 TiB of 4 PiB/);
  });
});

describe('the drawing', () => {
  it('of an unaligned write', () => {
    const text = String(plan(new Uint8Array(12_388), { ...write, offset: 100 }));
    assert.equal(
      text,
      `
write of 12.1 KiB, 100 … 12488, from 1 segment of memory

  #  target, from … to before      size  route   memory             copied                    ends because
  0    100 …  4096             3.90 KiB  end     1 segment          -                         whole blocks begin here
  1   4096 … 12288                8 KiB  direct  1 segment, staged  8 KiB: misaligned memory  the last block is not whole
  2  12288 … 12488                200 B  end     1 segment          -                         the range ends

  requests  3, 4.03 KiB on average
  segments  3
  copied    8 KiB (66.1 %): misaligned memory
  they end  1 × whole blocks begin here, 1 × the last block is not whole, 1 × the range ends`.trimStart(),
    );
  });

  it('of a widened read, with every reason', () => {
    const places = new Places();
    const memory = [places.memory(924, -1), places.memory(600), places.memory(8192), places.memory(1024, 4)];
    const text = String(plan(memory, { offset: 100, direction: 'read', limits: DISK, pages: places }));
    assert.match(text, /^read of 10.5 KiB, 100 … 10840, into 4 segments of memory$/m);
    assert.match(text, /unknown address/);
    assert.match(text, /misaligned memory/);
    assert.match(text, /; widened by 524 B/);
    assert.match(text, /^ {2}widened +by 524 B, to whole blocks$/m);
  });

  it('says how many it leaves out, and draws as many as it is asked for', () => {
    const made = plan(new Uint8Array(30 * MiB), write);
    assert.match(String(made), /^ {2}… 22 requests more$/m);
    assert.match(made.toString({ requests: 29 }), /^ {2}… 1 request more$/m);
    assert.doesNotMatch(made.toString({ requests: 30 }), / more$/m);
    assert.equal(inspect(made), String(made));
    assert.throws(() => made.toString({ requests: -1 }), { code: 'ERR_OUT_OF_RANGE' });
  });

  it('of units that gather what is apart in the range, piece by piece, as many as tell', () => {
    const KiB = 1024;
    const layout = new Stripes(
      { stripeUnitBytes: 4 * KiB, stripeCount: 2, objectBytes: 64 * KiB },
      (object) => `obj.${object}`,
    ).layout;
    const made = plan(new Uint8Array(44 * KiB), { ...write, limits: SOCKET, layout });
    const [first, second] = [...made];
    assert.deepEqual(
      first?.pieces,
      [0, 8, 16, 24, 32, 40].map((at) => ({ offset: at * KiB, bytes: 4 * KiB })),
    );
    assert.equal(second?.pieces.length, 5);
    assert.ok(Object.isFrozen(first.pieces) && first.pieces.every(Object.isFrozen));
    const lines = String(made).split('\n').slice(2, 11);
    assert.deepEqual(lines, [
      '  #  target, from … to before    size  route   memory      copied  ends because',
      '  0  obj.0 0 … 24576           24 KiB  direct  6 segments  -       its unit ends',
      '       bytes 0 … 4096           4 KiB',
      '       bytes 8192 … 12288       4 KiB',
      '       bytes 16384 … 20480      4 KiB',
      '       bytes 24576 … 28672      4 KiB',
      '       … 2 pieces more',
      '  1  obj.1 0 … 20480           20 KiB  direct  5 segments  -       the range ends',
      '       bytes 4096 … 8192        4 KiB',
    ]);
  });

  it('names units, and draws nothing as one line', () => {
    const layout = (offset: number, length: number) => [
      { name: 'obj.7', offset: 9, pieces: [{ offset, bytes: length }] },
    ];
    assert.match(String(plan(new Uint8Array(10), { ...write, limits: SOCKET, layout })), /obj\.7 9 … 19/);
    assert.equal(String(plan([], write)), 'write of 0 B, 0 … 0, from 0 segments of memory');
  });
});
