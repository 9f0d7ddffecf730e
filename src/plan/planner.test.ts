// The planner's rules, one worked example each.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IovIter } from '../iter/iov-iter.js';
import { DISK, Places, planned, plannerOf, SOCKET } from './fixtures.test.js';
import type { Piece, Unit } from './layout.js';
import { limitsProblem } from './limits.js';
import { PlannedRequest } from './request.js';

const KiB = 1024;
const MiB = 1024 * KiB;

/** `count` views of `bytes` bytes with as much unused memory between them, so that none meet. */
function scattered(count: number, bytes: number, places: Places = new Places()): IovIter {
  const memory = places.memory(2 * count * bytes);
  return IovIter.iovec(Array.from({ length: count }, (_, i) => memory.subarray(2 * i * bytes, (2 * i + 1) * bytes)));
}

describe('how many requests', () => {
  it('1,024 scattered aligned pages are 4 requests of 256 segments', () => {
    const line = (n: number, cut: string) => `direct ${n * MiB}+${MiB} [256 segments] ${cut}`;
    const cuts = ['best-bytes', 'best-bytes', 'best-bytes', 'end'];
    assert.deepEqual(
      planned(scattered(1024, 4096)),
      cuts.map((cut, n) => line(n, cut)),
    );
    const large = planned(scattered(1024, 4096), { limits: { bestBytes: 8 * MiB } });
    assert.deepEqual(
      large,
      ['best-segments', 'best-segments', 'best-segments', 'end'].map((cut, n) => line(n, cut)),
    );
  });

  it('1,024 shuffled vectors of 512 bytes are one request, staged as one segment', () => {
    const memory = new Uint8Array(512 * KiB);
    const views = Array.from({ length: 1024 }, (_, i) => memory.subarray(((i * 389) % 1024) * 512).subarray(0, 512));
    for (const direction of ['read', 'write'] as const)
      assert.deepEqual(planned(IovIter.iovec(views), { direction }), ['direct 0+524288 [s524288] end']);
  });

  it('a contiguous 4 MiB is 4 requests of one segment', () => {
    const lines = planned(IovIter.ubuf(new Uint8Array(4 * MiB)));
    const line = (n: number, cut: string) => `direct ${n * MiB}+${MiB} [${MiB}] ${cut}`;
    assert.deepEqual(
      lines,
      ['best-bytes', 'best-bytes', 'best-bytes', 'end'].map((cut, n) => line(n, cut)),
    );
  });

  it('nothing is no request', () => {
    assert.deepEqual(planned(IovIter.ubuf(new Uint8Array(0))), []);
    assert.deepEqual(planned(IovIter.ubuf(new Uint8Array(9)), { bytes: 0, offset: 5 }), []);
  });
});

describe('the ends of a write', () => {
  it('head and tail that do not fill endAlignment go apart, from any memory', () => {
    const lines = planned(IovIter.ubuf(new Uint8Array(8900)), { offset: 100, places: new Places() });
    assert.deepEqual(lines, ['end 100+3996 [3996] route', 'direct 4096+4096 [s4096] route', 'end 8192+808 [808] end']);
  });

  it('a write within one block is one end, one across a boundary is two', () => {
    assert.deepEqual(planned(IovIter.ubuf(new Uint8Array(10)), { offset: 7 }), ['end 7+10 [10] end']);
    const across = planned(IovIter.ubuf(new Uint8Array(100)), { offset: 4000 });
    assert.deepEqual(across, ['end 4000+96 [96] route', 'end 4096+4 [4] end']);
  });

  it('an end is cut by the most segments, and goes on as an end', () => {
    const lines = planned(scattered(5, 1), { offset: 4094, limits: { maxSegments: 2, bestSegments: 1 } });
    assert.deepEqual(lines, ['end 4094+2 [1 1] route', 'end 4096+2 [1 1] best-segments', 'end 4098+1 [1] end']);
  });

  it('endAlignment 1 has no ends', () => {
    const lines = planned(IovIter.ubuf(new Uint8Array(8900)), { offset: 100, limits: SOCKET });
    assert.deepEqual(lines, ['direct 100+8900 [8900] end']);
  });
});

describe('reads are widened', () => {
  it('the pads lie in staged segments, the aligned middle goes as it lies', () => {
    const places = new Places();
    // The target's multiple of 512 at 512 is byte 412 of the memory: so that one has to be aligned.
    const memory = places.memory(10_000, 100);
    const lines = planned(IovIter.ubuf(memory), { direction: 'read', offset: 100, places });
    assert.deepEqual(lines, ['direct 0+10240 payload 100+10000 [s512 9216 s512] end']);
  });

  it('without an aligned middle all is one staged segment', () => {
    const lines = planned(IovIter.ubuf(new Uint8Array(10_000)), { direction: 'read', offset: 100 });
    assert.deepEqual(lines, ['direct 0+10240 payload 100+10000 [s10240] end']);
  });

  it('counts what is copied without the pads', () => {
    const request = new PlannedRequest();
    plannerOf(IovIter.ubuf(new Uint8Array(10)), { direction: 'read', offset: 1000 }).next(request);
    assert.deepEqual(
      [request.offset, request.bytes, request.headPadBytes, request.stagedBytes, request.copiedBytes],
      [512, 512, 488, 512, 10],
    );
  });

  it('the widened head counts against what is best', () => {
    const limits = { bestBytes: 1024, endAlignment: 512 };
    const lines = planned(IovIter.ubuf(new Uint8Array(1500)), { direction: 'read', offset: 100, limits });
    assert.deepEqual(lines, [
      'direct 0+1024 payload 100+924 [s1024] best-bytes',
      'direct 1024+1024 payload 1024+576 [s1024] end',
    ]);
  });
});

describe('what goes as it lies', () => {
  const read = { direction: 'read' } as const;

  it('a small aligned piece alone is not copied: that would save nothing', () => {
    assert.deepEqual(planned(IovIter.ubuf(new Uint8Array(512)), read), ['direct 0+512 [512] end']);
  });

  it('small pieces between large ones go as they lie, small neighbours are copied into one', () => {
    const views = (...sizes: number[]) => IovIter.iovec(sizes.map((bytes) => new Uint8Array(bytes)));
    assert.deepEqual(planned(views(8192, 512, 8192), read), ['direct 0+16896 [8192 512 8192] end']);
    assert.deepEqual(planned(views(8192, 512, 512, 8192), read), ['direct 0+17408 [8192 s1024 8192] end']);
    assert.deepEqual(planned(views(512, 512, 8192), read), ['direct 0+9216 [s1024 8192] end']);
  });

  it('a page is not small', () => {
    assert.deepEqual(planned(scattered(3, 4096), read), ['direct 0+12288 [4096 4096 4096] end']);
  });

  it('what does not fill a block is copied with its small neighbours', () => {
    const views = [8192 + 100, 412, 1024, 8192].map((bytes) => new Uint8Array(bytes));
    assert.deepEqual(planned(IovIter.iovec(views), read), ['direct 0+17920 [8192 s1536 8192] end']);
  });

  it('misaligned and unknown memory is copied, however long', () => {
    const places = new Places();
    const misaligned = places.memory(8192, 8);
    const unknown = places.memory(8192, -1);
    assert.deepEqual(planned(IovIter.ubuf(misaligned), { places }), ['direct 0+8192 [s8192] end']);
    assert.deepEqual(planned(IovIter.ubuf(unknown), { places }), ['direct 0+8192 [s8192] end']);
    const both = planned(IovIter.iovec([misaligned, unknown]), { places });
    assert.deepEqual(both, ['direct 0+16384 [s16384] end']);
  });

  it('byteOffset counts with the place of its buffer, not alone', () => {
    const places = new Places();
    const memory = places.memory(16_384, 512 - 8);
    const lines = planned(IovIter.ubuf(memory.subarray(8, 8 + 8192)), { places });
    assert.deepEqual(lines, ['direct 0+8192 [8192] end']);
  });

  it('a memory alignment coarser than the blocks is met further on in the run', () => {
    const places = new Places();
    const memory = places.memory(16_384, 512);
    const limits = { memoryAlignment: 4096, endAlignment: 512 };
    assert.deepEqual(planned(IovIter.ubuf(memory), { places, limits }), ['direct 0+16384 [s3584 12800] end']);
  });

  it('a target that takes anything gets it as it lies, even at unknown addresses', () => {
    const places = new Places();
    const views = [3, 5, 7].map((bytes) => places.memory(bytes, -1));
    const limits = { ...SOCKET, copyBreakBytes: 0 };
    assert.deepEqual(planned(IovIter.iovec(views), { offset: 9, limits, places }), ['direct 9+15 [3 5 7] end']);
    const socket = planned(IovIter.iovec([3, 5, 7].map((bytes) => new Uint8Array(bytes))), { limits: SOCKET });
    assert.deepEqual(socket, ['direct 0+15 [s15] end']);
  });

  it('says why it copies', () => {
    const places = new Places();
    const views = [places.memory(4096, -1), places.memory(4096, 8), places.memory(4096 + 100), places.memory(412)];
    const request = new PlannedRequest();
    plannerOf(IovIter.iovec(views), { places, direction: 'read', limits: { copyBreakBytes: 8192 } }).next(request);
    assert.deepEqual(request.copiedWhy, {
      unknownBytes: 4096,
      misalignedBytes: 4096,
      fractionBytes: 512,
      smallBytes: 4096,
    });
  });
});

describe('pieces shorter than a block', () => {
  const pieces = (memory: Uint8Array, count: number, stride: number): Uint8Array[] =>
    Array.from({ length: count }, (_, i) => memory.subarray(i * stride, i * stride + 128));

  it('go as they lie where they touch and make blocks together, empty ones between them or not', () => {
    const memory = new Uint8Array(8192);
    const views = pieces(memory, 64, 128);
    assert.deepEqual(planned(IovIter.iovec(views)), ['direct 0+8192 [8192] end']);
    const empty = views.flatMap((view) => [memory.subarray(5, 5), view, new Uint8Array(0)]);
    assert.deepEqual(planned(IovIter.iovec(empty)), ['direct 0+8192 [8192] end']);
  });

  it('are one staged segment where they lie apart, up to memory that goes as it lies', () => {
    const apart = pieces(new Uint8Array(16_384), 64, 256);
    const others = Array.from({ length: 64 }, () => new Uint8Array(128));
    const page = new Uint8Array(4096);
    for (const direction of ['read', 'write'] as const) {
      const lines = planned(IovIter.iovec([...apart, page, ...others, ...apart]), { direction });
      assert.deepEqual(lines, ['direct 0+28672 [s8192 4096 s16384] end']);
    }
  });

  it('of different buffers are not one run, though one begins where the other ends', () => {
    const views = Array.from({ length: 64 }, (_, i) => new Uint8Array(new ArrayBuffer(8192), i * 128, 128));
    assert.deepEqual(planned(IovIter.iovec(views)), ['direct 0+8192 [s8192] end']);
  });

  it('are cut where the request is full, and go on in mid-piece', () => {
    const views = pieces(new Uint8Array(100 * 256), 100, 256).map((view) => view.subarray(0, 100));
    const lines = planned(IovIter.iovec(views), { limits: { bestBytes: 4096 } });
    assert.deepEqual(lines, [
      'direct 0+4096 [s4096] best-bytes',
      'direct 4096+4096 [s4096] route',
      'end 8192+1808 [19 segments] end',
    ]);
  });

  it('leave a segment for what follows them: none is staged where none is left', () => {
    const limits = { bestSegments: 1, copyBreakBytes: 0 };
    const views = [new Uint8Array(8192), ...pieces(new Uint8Array(16_384), 64, 256)];
    assert.deepEqual(planned(IovIter.iovec(views), { limits }), [
      'direct 0+8192 [8192] best-segments',
      'direct 8192+8192 [s8192] end',
    ]);
  });

  it('whose memory is gone are refused before they are read', () => {
    const views = Array.from({ length: 40 }, () => new Uint8Array(128));
    const planner = plannerOf(IovIter.iovec(views), { direction: 'read' });
    const [gone] = views.slice(20);
    structuredClone(gone, { transfer: gone === undefined ? [] : [gone.buffer] });
    assert.throws(() => planner.next(new PlannedRequest()), { code: 'ERR_DIORITE_DETACHED' });
  });
});

describe('where a request is cut', () => {
  it('a write that runs out of segments ends at a whole unit of endAlignment', () => {
    const limits = { bestSegments: 3 };
    const views = Array.from({ length: 4 }, () => new Uint8Array(4608));
    const lines = planned(IovIter.iovec(views), { limits });
    assert.deepEqual(lines, [
      'direct 0+12288 [4608 4608 3072] best-segments',
      'direct 12288+4096 [s4096] route',
      'end 16384+2048 [2048] end',
    ]);
  });

  it('a read that runs out of segments ends at a block', () => {
    const lines = planned(scattered(5, 4608), { direction: 'read', limits: { bestSegments: 3 } });
    assert.deepEqual(lines, ['direct 0+13824 [4608 4608 4608] best-segments', 'direct 13824+9216 [4608 4608] end']);
  });

  it('more pieces than segments within one unit of endAlignment are copied, so that it gets on', () => {
    const limits = { bestSegments: 2, copyBreakBytes: 0 };
    const lines = planned(scattered(16, 512), { limits });
    assert.deepEqual(lines, ['direct 0+4096 [s4096] best-segments', 'direct 4096+4096 [s4096] end']);
  });

  it('one segment a request, and every run of another alignment', () => {
    const limits = { bestSegments: 1, endAlignment: 512 };
    const views = [512, 8192, 100, 412].map((bytes) => new Uint8Array(bytes));
    const lines = planned(IovIter.iovec(views), { limits });
    assert.deepEqual(lines, [
      'direct 0+512 [512] best-segments',
      'direct 512+8192 [8192] best-segments',
      'direct 8704+512 [s512] end',
    ]);
  });

  it('a large run that finds no segment left within such a unit is copied only as far as that', () => {
    const limits = { bestSegments: 1 };
    const lines = planned(IovIter.iovec([new Uint8Array(512), new Uint8Array(8192 - 512)]), { limits });
    assert.deepEqual(lines, ['direct 0+4096 [s4096] best-segments', 'direct 4096+4096 [4096] end']);
  });

  it('no request crosses a boundary of the target', () => {
    const lines = planned(IovIter.ubuf(new Uint8Array(20_480)), { offset: 4096, limits: { boundaryBytes: 16_384 } });
    assert.deepEqual(lines, ['direct 4096+12288 [12288] boundary', 'direct 16384+8192 [8192] end']);
  });

  it('limits are asked once a request, at its first byte, and hold until where they say', () => {
    const near = { ...DISK, until: 8192 };
    const far = { ...DISK, bestBytes: 4096 };
    const asked: number[] = [];
    const limitsAt = (offset: number) => {
      asked.push(offset);
      return offset < 8192 ? near : far;
    };
    const lines = planned(IovIter.ubuf(new Uint8Array(12_388)), { offset: 4096, limitsAt });
    assert.deepEqual(lines, [
      'direct 4096+4096 [4096] limits',
      'direct 8192+4096 [4096] best-bytes',
      'direct 12288+4096 [4096] route',
      'end 16384+100 [100] end',
    ]);
    assert.deepEqual(asked, [4096, 8192, 12_288, 16_384]);
  });

  it('refuses limits that no request could obey', () => {
    const limitsAt = () => ({ ...DISK, until: 4096 });
    assert.throws(() => planned(IovIter.ubuf(new Uint8Array(8192)), { limitsAt }), { code: 'ERR_DIORITE_ASSERTION' });
  });

  it('far offsets are as near ones', () => {
    const offset = 2 ** 52 + 100;
    const lines = planned(IovIter.ubuf(new Uint8Array(8900)), { offset });
    const at = (n: number) => 2 ** 52 + n;
    assert.deepEqual(lines, [
      `end ${at(100)}+3996 [3996] route`,
      `direct ${at(4096)}+4096 [s4096] route`,
      `end ${at(8192)}+808 [808] end`,
    ]);
  });
});

describe('units of a layout', () => {
  /** Stripes of 100 bytes over two objects. */
  const stripes = (offset: number, length: number): Unit[] => {
    const units: Unit[] = [];
    for (const which of [0, 1]) {
      const pieces: Piece[] = [];
      let first = -1;
      for (let at = offset; at < offset + length; ) {
        const stripe = Math.floor(at / 100);
        const bytes = Math.min((stripe + 1) * 100, offset + length) - at;
        if (stripe % 2 === which) {
          if (first < 0) first = Math.floor(stripe / 2) * 100 + (at % 100);
          pieces.push({ offset: at, bytes });
        }
        at += bytes;
      }
      if (pieces.length > 0) units.push({ name: 'ab'.charAt(which), offset: first, pieces });
    }
    return units;
  };

  const asItLies = { ...SOCKET, copyBreakBytes: 0 };

  it('pieces of a unit that are apart in the file are one request, which names the offset in the unit', () => {
    const iter = IovIter.ubuf(new Uint8Array(250));
    assert.deepEqual(planned(iter, { offset: 50, limits: asItLies, layout: stripes }), [
      'direct a:50+150 of 50+50 200+100 [50 100] unit',
      'direct b:0+100 [100] end',
    ]);
    const small = planned(iter, { offset: 50, limits: SOCKET, layout: stripes });
    assert.equal(small[0], 'direct a:50+150 of 50+50 200+100 [s150] unit');
  });

  it('units take turns, each filling its requests', () => {
    const limits = { ...asItLies, bestBytes: 250 };
    const lines = planned(IovIter.ubuf(new Uint8Array(1000)), { limits, layout: stripes });
    assert.deepEqual(lines, [
      'direct a:0+250 of 0+100 200+100 400+50 [100 100 50] best-bytes',
      'direct b:0+250 of 100+100 300+100 500+50 [100 100 50] best-bytes',
      'direct a:250+250 of 450+50 600+100 800+100 [50 100 100] unit',
      'direct b:250+250 of 550+50 700+100 900+100 [50 100 100] end',
    ]);
  });

  it('looks no further ahead than the window, and cuts what it leaves open at whole blocks', () => {
    const limits = { ...asItLies, offsetAlignment: 64, endAlignment: 64, memoryAlignment: 1, bestBytes: 192 };
    const iter = IovIter.ubuf(new Uint8Array(1600));
    const lines = planned(iter, { limits, layout: stripes, windowBytes: 1, direction: 'read' });
    for (const line of lines.slice(0, -2)) assert.match(line, /:\d+\+(64|128|192) of/);
  });

  it('alignment is that of the unit', () => {
    const limits = { ...SOCKET, offsetAlignment: 64, endAlignment: 64 };
    const request = new PlannedRequest();
    const iter = IovIter.ubuf(new Uint8Array(120));
    const planner = plannerOf(iter, { offset: 180, limits, layout: stripes, direction: 'read' });
    assert.ok(planner.next(request));
    assert.deepEqual([request.unit, request.offset, request.headPadBytes, request.bytes], ['b', 64, 16, 64]);
    assert.equal(request.payloadOffset, 180);
    assert.ok(planner.next(request));
    assert.deepEqual([request.unit, request.offset, request.headPadBytes, request.bytes], ['a', 64, 36, 192]);
    assert.equal(request.payloadOffset, 200);
    assert.equal(planner.next(request), false);
  });

  it('a unit larger than what is asked of the layout at a time is cut by nothing but limits', () => {
    const asked: number[] = [];
    const one = (offset: number, length: number): Unit[] => {
      asked.push(length);
      return [{ name: 'one', offset: offset + 7, pieces: [{ offset, bytes: length }] }];
    };
    const iter = IovIter.discard(2 ** 40);
    const planner = plannerOf(iter, { direction: 'read', limits: SOCKET, layout: one });
    const request = new PlannedRequest();
    for (let i = 0; i < 64; i++) {
      assert.ok(planner.next(request));
      assert.deepEqual([request.offset, request.bytes, request.cut], [i * MiB + 7, MiB, 'best-bytes']);
    }
    assert.ok(asked.length < 8 && Math.max(...asked) <= 16 * MiB, `${asked}`);
  });

  it('refuses a layout with a gap or an overlap', () => {
    for (const pieces of [
      [{ offset: 0, bytes: 10 }],
      [
        { offset: 0, bytes: 60 },
        { offset: 50, bytes: 50 },
      ],
    ]) {
      const layout = () => [{ name: 'a', offset: 0, pieces }];
      const iter = IovIter.ubuf(new Uint8Array(100));
      assert.throws(() => planned(iter, { limits: SOCKET, layout }), { code: 'ERR_DIORITE_ASSERTION' });
    }
  });
});

describe('memory that is none', () => {
  it('a discard iterator is read through staging', () => {
    const lines = planned(IovIter.discard(MiB + 5), { direction: 'read' });
    assert.deepEqual(lines, [`direct 0+${MiB} [s${MiB}] best-bytes`, `direct ${MiB}+512 payload ${MiB}+5 [s512] end`]);
  });

  it('and cannot be written', () => {
    assert.throws(() => planned(IovIter.discard(5)), { code: 'ERR_DIORITE_DIRECTION' });
  });
});

describe('limits', () => {
  it('says what is wrong with limits that no request could obey', () => {
    assert.equal(limitsProblem(DISK, 0), null);
    for (const [change, problem] of [
      [{ memoryAlignment: 3 }, /memoryAlignment/],
      [{ memoryAlignment: 8192 }, /memoryAlignment/],
      [{ offsetAlignment: 0 }, /offsetAlignment/],
      [{ endAlignment: 256 }, /endAlignment/],
      [{ bestBytes: 0 }, /bestBytes/],
      [{ bestBytes: 4097 }, /bestBytes/],
      [{ bestSegments: 0 }, /bestSegments/],
      [{ maxSegments: 5 }, /bestSegments/],
      [{ copyBreakBytes: Number.NaN }, /copyBreakBytes/],
      [{ boundaryBytes: 512 }, /boundaryBytes/],
      [{ until: 0 }, /until/],
      [{ until: 100 }, /until/],
    ] as const)
      assert.match(limitsProblem({ ...DISK, ...change }, 0) ?? 'none', problem);
  });
});
