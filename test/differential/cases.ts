// Vectors that the kernel was measured with, and random ones of every alignment.
import type { Random } from '../support/random.js';
import type { Vector } from './kernel.js';
import type { Call } from './pair.js';

const PAGE = 4096;
const SECTOR = 512;

export interface FixedCase {
  readonly name: string;
  /** Bytes that the file holds at first. */
  readonly size?: number;
  /** It is made longer by truncation: what is added is a hole. */
  readonly holeTo?: number;
  readonly calls: readonly Call[];
}

/** `count` vectors, each in pages of its own, no two neighbours: `from` is where in its page each begins. */
export function apart(count: number, length: number, from = 0): Vector[] {
  const stride = (Math.ceil((from + length) / PAGE) + 1) * PAGE;
  return Array.from({ length: count }, (_, i) => ({ at: i * stride + from, length }));
}

function each(...pieces: readonly (readonly [from: number, length: number])[]): Vector[] {
  let page = 0;
  return pieces.map(([from, length]) => {
    const at = page * PAGE + from;
    page += Math.ceil((from + length) / PAGE) + 1;
    return { at, length };
  });
}

function both(offset: number, vectors: readonly Vector[]): Call[] {
  return [
    { op: 'write', offset, vectors },
    { op: 'read', offset, vectors },
  ];
}

function read(offset: number, ...vectors: readonly Vector[]): Call {
  return { op: 'read', offset, vectors };
}

const MEMORY: readonly (readonly [string, readonly Vector[]])[] = [
  ['16 scattered pages', apart(16, PAGE)],
  ['256 scattered pages', apart(256, PAGE)],
  ['1,024 scattered pages', apart(1024, PAGE)],
  ['1,024 scattered pages backwards', apart(1024, PAGE).reverse()],
  ['16 × 512 bytes, each in its own page', apart(16, SECTOR)],
  ['16 × 512 bytes of one page, backwards', Array.from({ length: 8 }, (_, i) => ({ at: (7 - i) * 512, length: 512 }))],
  ['8 KiB at page + 512', each([512, 2 * PAGE])],
  ['an empty vector in the middle', each([0, PAGE], [0, 0], [0, PAGE])],
  ['an empty vector that is misaligned', each([0, PAGE], [3, 0], [0, PAGE])],
  ['empty vectors first, last and in a row', each([0, 0], [7, 0], [0, PAGE], [0, 0], [9, 0])],
  ['an empty vector alone', each([0, 0])],
  ['empty vectors alone', each([0, 0], [1, 0], [2, 0])],
  ['no vector', []],
  ['4 KiB at + 4', each([4, PAGE])],
  ['100 and 412 bytes', each([0, 100], [0, 412])],
  ['4,096 and 100 bytes', each([0, PAGE], [0, 100])],
  ['the second is misaligned', each([0, PAGE], [1, PAGE])],
  ['512, 1,024 and 2,560 bytes', each([0, 512], [512, 1024], [1024, 2560])],
  ['512 bytes at + 1, inside of one page', each([1, SECTOR])],
  ['512 bytes at + 4, inside of one page', each([4, SECTOR])],
  ['512 bytes at + 16, inside of one page', each([16, SECTOR])],
  ['3,072 bytes at + 516, inside of one page', each([516, 3072])],
  ['one byte', each([0, 1])],
  ['one byte in front of whole pages', each([0, 1], [0, 4 * PAGE])],
  ['1,024 single bytes', apart(1024, 1)],
];

export const FIXED: readonly FixedCase[] = [
  ...MEMORY.map(([name, vectors]) => ({ name, calls: both(0, vectors) })),
  ...MEMORY.map(([name, vectors]) => ({ name: `${name}, over old bytes`, size: 50_000, calls: both(PAGE, vectors) })),
  { name: 'at offset 100', size: 20_000, calls: both(100, each([0, PAGE])) },
  { name: 'at offset 512', size: 20_000, calls: both(512, each([0, PAGE])) },
  { name: 'misaligned past the end', size: 5000, calls: [read(6001, ...each([0, PAGE])), read(5000, ...each([4, 9]))] },
  { name: 'misaligned before the end', size: 5000, calls: [read(4999, ...each([0, PAGE])), read(1, ...each([4, 9]))] },
  {
    name: 'over the end of 5,000 bytes',
    size: 5000,
    calls: [
      read(4096, ...each([0, 4096])),
      read(0, ...each([0, 16384])),
      read(4608, ...each([0, 512])),
      read(5120, ...each([0, 512])),
      read(0, ...apart(8, 1024)),
      read(512, ...apart(30, 300, 5)),
    ],
  },
  {
    name: 'a hole',
    holeTo: 100_000,
    calls: [read(0, ...apart(8, PAGE)), read(4096, ...each([3, 5000])), read(98_304, ...apart(2, PAGE))],
  },
  {
    name: 'extending at an unaligned end',
    size: 5000,
    calls: [...both(5000, each([0, 300])), read(0, ...apart(2, PAGE))],
  },
  { name: 'extending past the end', size: 100, calls: [...both(8192, apart(2, PAGE)), read(0, ...apart(5, PAGE))] },
  { name: 'extending by whole pages', size: 8192, calls: both(8192, apart(4, PAGE)) },
  {
    name: 'an end inside of the last block',
    size: 8192,
    calls: [...both(4096, each([0, 5000])), read(0, ...apart(4, PAGE))],
  },
];

/** Beyond this no random call begins, so that a file stays small enough to be compared often. */
const OFFSET_MAX = 160 * 1024;
const TOTAL_MAX = 64 * 1024;
/** What random vectors need of the arena. */
export const RANDOM_ARENA_BYTES: number = 4 * 1024 * 1024;

export function randomOffset(random: Random, size: number): number {
  const offset = random.below(OFFSET_MAX);
  switch (random.below(6)) {
    case 0:
    case 1:
      return offset - (offset % PAGE);
    case 2:
      return offset - (offset % SECTOR);
    case 3:
      return Math.max(0, size - random.below(9000));
    case 4:
      return size + random.below(9000);
    default:
      return offset;
  }
}

type Shape = 'pages' | 'sectors' | 'inside' | 'odd' | 'any';

function randomLength(random: Random, shape: Shape): number {
  switch (shape) {
    case 'pages':
      return PAGE * random.between(1, 4);
    case 'sectors':
      return SECTOR * random.between(1, 20);
    case 'inside':
      return SECTOR * random.between(1, 7);
    case 'odd':
      return random.between(1, 3000);
    default:
      return random.pick([0, 0, 1, SECTOR, PAGE, 2 * PAGE, random.below(9000)]);
  }
}

function randomFrom(random: Random, shape: Shape, length: number): number {
  switch (shape) {
    case 'pages':
      return 0;
    case 'sectors':
      return SECTOR * random.below(8);
    case 'inside':
      return random.below(PAGE - length + 1);
    default:
      return random.pick([0, 0, 4, SECTOR, random.below(PAGE)]);
  }
}

/** No two overlap; in any order; some empty; neighbours may touch. Most are in pages of their own. */
export function randomVectors(random: Random): Vector[] {
  if (random.chance(25)) return manyVectors(random);
  const shape: Shape = random.pick(['pages', 'pages', 'sectors', 'sectors', 'inside', 'odd', 'any']);
  const count = shape === 'inside' ? 1 : random.below(random.pick([2, 5, 40]) + 1);
  const vectors: Vector[] = [];
  let page = 0;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const length = Math.min(randomLength(random, shape), TOTAL_MAX - total);
    const from = randomFrom(random, shape, length);
    vectors.push({ at: page * PAGE + from, length });
    if (random.chance(10)) vectors.push({ at: page * PAGE + from, length: 0 });
    page += Math.ceil((from + length) / PAGE) + random.below(2);
    total += length;
  }
  return shuffled(random, vectors);
}

/** More than one call of the kernel takes, or nearly. */
function manyVectors(random: Random): Vector[] {
  const length = random.pick([1, 16, 64]);
  const count = random.between(1020, 1200);
  return shuffled(
    random,
    Array.from({ length: count }, (_, i) => ({ at: i * 128 + random.below(64), length })),
  );
}

function shuffled(random: Random, vectors: Vector[]): Vector[] {
  if (random.chance(2)) return vectors;
  for (let i = vectors.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    const [a, b] = [vectors[i], vectors[j]];
    if (a !== undefined && b !== undefined) [vectors[i], vectors[j]] = [b, a];
  }
  return vectors;
}
