// explain(): what it says of a plan is what the plan says, every byte has its memory, and pictures are well-formed.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, test } from 'node:test';
import type { ExplainOptions } from '../../src/explain/explain.js';
import { limitsWith, USUAL_DISK } from '../../src/explain/limits.js';
import { explain } from '../../src/index.js';
import { limitsProblem } from '../../src/plan/limits.js';
import { BEST_BYTES_DEFAULT, directLimits } from '../../src/targets/file/limits.js';
import { Stripes } from '../../src/targets/striping.js';
import type { FileFacts } from '../../src/transfer/facts.js';
import { type Random, withSeed } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { checkedSvg } from './well-formed.js';

/** Every byte of the range, in order: where in memory the requests say that it is. */
async function bytesOf(options: ExplainOptions): Promise<{ told: number[]; wanted: number[] }> {
  const explanation = await explain(options);
  const told: number[] = [];
  let at = explanation.plan.offset;
  for (const request of explanation.requests(Number.MAX_SAFE_INTEGER)) {
    assert.equal(request.payloadOffset, at);
    at += request.payloadBytes;
    let offset = request.offset;
    let staged = 0;
    for (const segment of request.segments) {
      assert.equal(segment.offset, offset);
      offset += segment.bytes;
      if (segment.how === 'staged') staged += segment.bytes;
      assert.equal(segment.how === 'end', request.route === 'end');
      const memoryBytes = segment.memory.reduce((sum, piece) => sum + piece.bytes, 0);
      assert.equal(memoryBytes + segment.padBytes, segment.bytes);
      for (const piece of segment.memory) for (let i = 0; i < piece.bytes; i++) told.push(piece.offset + i);
    }
    assert.equal(offset, request.offset + request.bytes);
    assert.equal(staged, request.stagedBytes);
  }
  assert.equal(at, explanation.plan.offset + explanation.plan.bytes);
  const wanted = explanation.vectors.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i));
  return { told, wanted };
}

function randomOptions(random: Random): ExplainOptions {
  const layouts = ['', '@scattered', '@shuffled', '@misaligned', '@page+512', '@page+100', '@stride+1'] as const;
  const item = () =>
    `${random.between(1, 5)}x${random.pick([0, 1, 100, 512, 1000, 4096, 5000])}${random.pick(layouts)}`;
  return {
    vectors: Array.from({ length: random.between(1, 5) }, item).join(','),
    seed: random.below(1000),
    offset: random.pick([0, 1, 512, 4096, 5000, 2 ** 40 + 100]),
    direction: random.pick(['read', 'write']),
    limits: {
      bestBytes: random.pick([4096, 8192, 65536]),
      bestSegments: random.pick([1, 2, 256]),
      memoryAlignment: random.pick([1, 4, 512, 4096]),
      copyBreakBytes: random.pick([0, 512, 4096]),
    },
  };
}

test('requests say of each byte where in memory it is; text, JSON and picture can be made of anything', async () => {
  await withSeed(async (random) => {
    for (let i = 0; i < 150; i++) {
      const options = randomOptions(random);
      const { told, wanted } = await bytesOf(options);
      assert.deepEqual(told, wanted, JSON.stringify(options));
      const explanation = await explain(options);
      checkedSvg(explanation.toSvg());
      assert.ok(explanation.toString().includes('the same vectors elsewhere'));
      assert.equal(JSON.stringify(explanation), JSON.stringify(await explain(options)));
    }
  });
});

describe('pictures', () => {
  it('show the first requests and count the others', async () => {
    const explanation = await explain({ vectors: '4096x64K@shuffled' });
    assert.equal(explanation.totals.requests, 256);
    const svg = explanation.toSvg();
    checkedSvg(svg);
    assert.match(svg, />… and 248 more requests</);
    assert.match(svg, />#7</);
    assert.doesNotMatch(svg, />#8</);
    assert.match(explanation.toSvg({ requests: 1000 }), />… and 224 more requests</);
    checkedSvg(explanation.toSvg({ requests: 0 }));
  });

  it('stay small, whatever they show', async () => {
    const explanation = await explain({ vectors: '100000x300@shuffled', limits: { bestBytes: 2 ** 23 } });
    const svg = explanation.toSvg({ requests: 32 });
    assert.ok(svg.length < 400_000, String(svg.length));
    assert.match(svg, />one of every \d+ pieces of memory is drawn</);
  });

  it("colour what is direct, staged, an end and nobody's, and label the cuts", async () => {
    const write = (await explain({ vectors: '64K@scattered,8x512@shuffled,64K@scattered,50' })).toSvg();
    for (const words of ['direct: as it lies', 'staging', 'cut: the range ends', 'an end', 'small pieces'])
      assert.ok(write.includes(words), words);
    assert.doesNotMatch(write, /fill="url\(#pad\)"/);
    const read = (await explain({ vectors: '5000', offset: 100, direction: 'read' })).toSvg();
    assert.match(read, /fill="url\(#pad\)"/);
  });

  it('escape what is in a path', async (t) => {
    const path = join(tempDirectory(t), 'a<b>&"c\u0007');
    writeFileSync(path, '');
    const svg = (await explain({ vectors: '4K', path })).toSvg();
    checkedSvg(svg);
    assert.match(svg, /a&lt;b&gt;&amp;&quot;c\?/);
  });
});

describe('limits', () => {
  it("the usual disk's are what open() makes of one", () => {
    const learnt = (value: number) => ({ value, from: 'statx' }) as const;
    const alignments = { readAlignment: learnt(512), writeAlignment: learnt(512), memoryAlignment: learnt(512) };
    const facts = { ...alignments, endAlignment: learnt(4096) } as FileFacts; // what limits are made of
    assert.deepEqual(USUAL_DISK, directLimits(facts, 'write', BEST_BYTES_DEFAULT, USUAL_DISK.maxSegments));
  });

  it('those that are not given make way for those that are', () => {
    const TABLE = [
      {},
      { bestBytes: 2 ** 32 },
      { offsetAlignment: 2 ** 16 },
      { endAlignment: 2 ** 22 },
      { maxBytes: 8192 },
      { maxBytes: 5000 },
      { bestSegments: 5000 },
      { maxSegments: 3 },
    ];
    for (const wishes of TABLE) {
      const limits = limitsWith(USUAL_DISK, wishes);
      assert.equal(limitsProblem(limits, 0), null, JSON.stringify(wishes));
      for (const [name, value] of Object.entries(wishes)) assert.equal(Object(limits)[name], value);
    }
  });

  it("a path's are those of open()", async (t) => {
    const { open } = await import('../../src/index.js');
    const path = join(tempDirectory(t), 'file');
    writeFileSync(path, 'bytes');
    const file = await open(path);
    for (const direction of ['read', 'write'] as const) {
      const explanation = await explain({ vectors: '4K', path, direction });
      assert.deepEqual(explanation.limits, file.limits(direction));
      assert.ok(explanation.limitsFrom.length > 0);
    }
    await file.close();
  });
});

describe('arguments', () => {
  const TABLE: readonly (readonly [string, unknown, string, RegExp])[] = [
    ['no object', null, 'ERR_INVALID_ARG_TYPE', /options/],
    ['no vectors', {}, 'ERR_INVALID_ARG_VALUE', /vectors/],
    ['wrong text', { vectors: '4Q' }, 'ERR_INVALID_ARG_VALUE', /"vectors".*'4Q'/],
    ['direction', { vectors: '4K', direction: 'up' }, 'ERR_INVALID_ARG_VALUE', /direction/],
    ['offset', { vectors: '4K', offset: -1 }, 'ERR_OUT_OF_RANGE', /offset/],
    ['offset at the end of numbers', { vectors: '4K', offset: Number.MAX_SAFE_INTEGER }, 'ERR_OUT_OF_RANGE', /offset/],
    ['a limit that is none', { vectors: '4K', limits: { until: 5 } }, 'ERR_INVALID_ARG_VALUE', /limits\.until/],
    ['a limit', { vectors: '4K', limits: { memoryAlignment: 3 } }, 'ERR_OUT_OF_RANGE', /limits\.memoryAlignment/],
    ['limits that contradict', { vectors: '4K', limits: { bestBytes: 100 } }, 'ERR_INVALID_ARG_VALUE', /bestBytes/],
    ['nfsBytes', { vectors: '4K', nfsBytes: 1000 }, 'ERR_OUT_OF_RANGE', /nfsBytes/],
    ['stripeUnitBytes', { vectors: '4K', stripeUnitBytes: 4096 }, 'ERR_OUT_OF_RANGE', /stripeUnitBytes/],
    ['a path that is not there', { vectors: '4K', path: '/missing' }, 'ENOENT', /missing/],
    ['a directory', { vectors: '4K', path: '/' }, 'ERR_DIORITE_UNSUPPORTED', /regular file/],
  ];
  for (const [name, options, code, message] of TABLE) {
    it(name, async () => {
      // What a caller without types may give.
      await assert.rejects(explain(options as ExplainOptions), { code, message });
    });
  }
});

test('a target of several units: every byte of the range has its memory, whatever unit it goes to', async () => {
  const stripes = new Stripes({ stripeUnitBytes: 5000, stripeCount: 3, objectBytes: 20_000 }, (object) => `o${object}`);
  const vectors = '3x5000@shuffled,0,40x512@scattered,7x3000';
  for (const direction of ['write', 'read'] as const)
    for (const memoryAlignment of [1, 512]) {
      const limits = { bestBytes: 16_384, memoryAlignment, offsetAlignment: 1, endAlignment: 1 };
      const explanation = await explain({ vectors, direction, offset: 1234, limits, layout: stripes.layout });
      const places = explanation.vectors.flatMap(({ offset, size }) =>
        Array.from({ length: size }, (_, i) => offset + i),
      );
      const told: number[] = [];
      let gathers = 0;
      for (const { unit, pieces, segments, payloadBytes, headPadBytes } of explanation.requests(1000)) {
        assert.match(unit, /^o\d+$/);
        assert.equal(headPadBytes, 0);
        const memory = segments.flatMap((segment) =>
          segment.memory.flatMap(({ offset, bytes }) => Array.from({ length: bytes }, (_, i) => offset + i)),
        );
        assert.equal(memory.length, payloadBytes);
        if (pieces.length > 1) gathers++;
        for (const { offset, bytes } of pieces)
          for (let i = 0; i < bytes; i++) told[offset - 1234 + i] = memory.shift() ?? -1;
      }
      assert.deepEqual(told, places);
      assert.ok(gathers > 0);
      assert.match(String(explanation), /^ +bytes \d+ … \d+ /m);
      const picture = explanation.toSvg();
      checkedSvg(picture);
      assert.match(picture, /gathers \d+ pieces of the range/);
    }
});
