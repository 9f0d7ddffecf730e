// What others make of vectors: the models against figures that were counted, and against their rules' corners.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cephRequests } from '../../src/explain/models/ceph.js';
import { nfsCommits, nfsRequests } from '../../src/explain/models/nfs.js';
import { nodeOneByOne, nodeVectored } from '../../src/explain/models/node-fs.js';
import { refusedByDirect } from '../../src/explain/models/o-direct.js';
import { parseVectors, type Vector } from '../../src/explain/vectors.js';

const KIB = 1024;
const MIB = 1024 * KIB;

function vectors(text: string, seed = 1): readonly Vector[] {
  return parseVectors(text, seed, (problem) => new Error(problem));
}

/** Memory that begins `by` bytes into its page. */
function moved(list: readonly Vector[], by: number): readonly Vector[] {
  return list.map(({ offset, size }) => ({ offset: offset + by, size }));
}

describe('the Linux NFS client', () => {
  /** Counted in the mount statistics of a 6.1 client: 512 KiB, wsize 1 MiB. */
  const COUNTED: readonly (readonly [string, number, number])[] = [
    ['512K', 0, 1],
    ['128x4K', 0, 1],
    ['128x4K@shuffled', 0, 1],
    ['1024x512', 0, 1],
    ['127x4095', 0, 1],
    // 1,024 less the 127 times that a vector at the end of a page is followed by one at the start of a page.
    ['1024x512@stride+257', 0, 897],
    // Neighbours would be continued within their page: a stride has none.
    ['128x4K@stride+37', 100, 128],
    // 512 KiB in vectors of 1,000 bytes.
    ['524x1000@stride+37', 0, 524],
  ];
  for (const [text, by, expected] of COUNTED) {
    it(`${text}${by === 0 ? '' : ` at page+${by}`}: ${expected}`, () => {
      assert.equal(nfsRequests(moved(vectors(text), by), MIB), expected);
    });
  }

  it('an order by chance of 1,024 vectors of 512 bytes: about 17 find a neighbour', () => {
    let sum = 0;
    for (let seed = 1; seed <= 50; seed++) sum += nfsRequests(vectors('1024x512@shuffled', seed), MIB);
    assert.ok(sum / 50 > 1005 && sum / 50 < 1009, `${sum / 50} on average`);
  });

  const RULES: readonly (readonly [string, readonly Vector[], number, number])[] = [
    ['nothing', [], MIB, 0],
    ['empty vectors, which part nothing', vectors('512,0,512'), MIB, 1],
    ['only empty vectors', vectors('0,0'), MIB, 0],
    [
      'a seam in mid-page between pages',
      [
        { offset: 0, size: 512 },
        { offset: 8192, size: 512 },
      ],
      MIB,
      2,
    ],
    [
      'the end of a page, and the start of one far off',
      [
        { offset: 3584, size: 512 },
        { offset: 40960, size: 512 },
      ],
      MIB,
      1,
    ],
    [
      'the end of a page, and the middle of one',
      [
        { offset: 3584, size: 512 },
        { offset: 41472, size: 512 },
      ],
      MIB,
      2,
    ],
    [
      'the start of a page after the middle of one',
      [
        { offset: 0, size: 512 },
        { offset: 4096, size: 512 },
      ],
      MIB,
      2,
    ],
    [
      'the same page backwards',
      [
        { offset: 512, size: 512 },
        { offset: 0, size: 512 },
      ],
      MIB,
      2,
    ],
    ['whole pages fill wsize', vectors('1000x4K@scattered'), MIB, 4],
    ['a fragment is split to fill wsize exactly', [{ offset: 100, size: 3 * MIB }], MIB, 3],
    ['512 pages are the most, whatever wsize', vectors('1024x4K'), 16 * MIB, 2],
  ];
  for (const [name, list, wsize, expected] of RULES) {
    it(`${name}: ${expected}`, () => assert.equal(nfsRequests(list, wsize), expected));
  }

  it('one WRITE is stable, several need a COMMIT', () => {
    assert.deepEqual([0, 1, 2, 897].map(nfsCommits), [0, 0, 1, 1]);
  });
});

describe('the Ceph kernel client', () => {
  const TABLE: readonly (readonly [string, number, number, number, number])[] = [
    ['nothing', 0, 0, 4 * MIB, 0],
    ['within a stripe unit', 100, 5000, 4 * MIB, 1],
    ['exactly one', 4 * MIB, 4 * MIB, 4 * MIB, 1],
    ['over an edge', 4 * MIB - 1, 2, 4 * MIB, 2],
    ['units smaller than objects', 0, 1_500_001, 64 * KIB, 23],
    ['the last byte of a unit, and a whole one', 64 * KIB - 1, 64 * KIB + 1, 64 * KIB, 2],
    ['units larger than a request', 0, 200 * MIB, 128 * MIB, 4],
  ];
  for (const [name, offset, bytes, unit, expected] of TABLE) {
    it(`${name}: ${expected}`, () => assert.equal(cephRequests(offset, bytes, unit), expected));
  }
});

describe('node:fs', () => {
  const TABLE: readonly (readonly [string, readonly number[], number, number])[] = [
    ['nothing', [], 0, 0],
    ['1,024 vectors', Array(1024).fill(512), 1, 1024],
    ['1,025 vectors', Array(1025).fill(512), 2, 1025],
    ['empty ones count', [...Array(1023).fill(0), 1, 1], 2, 1025],
    ['more than the kernel moves in one call', [3 * 2 ** 30], 2, 2],
    ['the rest of a vector goes with the next', [2 ** 31, 2 ** 31, 2 ** 31], 4, 6],
  ];
  for (const [name, sizes, vectored, alone] of TABLE) {
    it(`${name}: ${vectored} and ${alone}`, () => {
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      assert.deepEqual(nodeVectored(sizes), { calls: vectored, bytes });
      assert.deepEqual(nodeOneByOne(sizes), { calls: alone, bytes });
    });
  }

  it('1,024 empty vectors in a row end a writev', () => {
    assert.deepEqual(nodeVectored([...Array(1024).fill(0), 3]), { calls: 1, bytes: 0 });
  });
});

describe('O_DIRECT', () => {
  const ASKED = { memoryAlignment: 512, offsetAlignment: 512 };
  const TABLE: readonly (readonly [string, readonly Vector[], number, string | null])[] = [
    ['aligned', vectors('16x4K@scattered'), 4096, null],
    ['8 KiB at page+512', [{ offset: 512, size: 8192 }], 0, null],
    ['empty vectors anywhere', [{ offset: 3, size: 0 }, ...vectors('4K')], 0, null],
    ['the offset', vectors('4K'), 100, 'offset 100'],
    [
      'a length',
      [
        { offset: 0, size: 4096 },
        { offset: 4096, size: 100 },
      ],
      0,
      '100 bytes',
    ],
    ['an address', [{ offset: 4, size: 4096 }], 0, 'memory 4 into a page'],
    ['one vector within a page, at any address', [{ offset: 516, size: 3072 }], 0, null],
    ['the same beside another', [{ offset: 516, size: 3072 }, ...vectors('4K')], 0, 'memory 516 into a page'],
  ];
  for (const [name, list, offset, expected] of TABLE) {
    it(`${name}: ${expected ?? 'taken'}`, () => assert.equal(refusedByDirect(list, offset, ASKED), expected));
  }
});
