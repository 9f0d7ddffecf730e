// The same vectors through diorite and through the kernel's preadv and pwritev with O_DIRECT: same results, same bytes.
// Where they differ on purpose: differences.test.ts and docs/Differences.md.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Region } from '../../src/memory.js';
import { assertNoLeaks } from '../support/leaks.js';
import { type Random, withSeed } from '../support/random.js';
import { type Filesystem, type FilesystemKind, withFilesystem } from '../support/root-harness.js';
import { FIXED, RANDOM_ARENA_BYTES, randomOffset, randomVectors } from './cases.js';
import { type Answer, buildKernelCaller, Kernel } from './kernel.js';
import { answerOf, Pair, type PairOptions, type Verdict, viewsOf } from './pair.js';

const KINDS: readonly FilesystemKind[] = [
  'here',
  'ext4',
  'ext4-journal',
  'xfs',
  'xfs-4kn',
  'btrfs',
  'btrfs-nocow',
  'tmpfs',
  'overlay',
];
/** There the kernel has no alignment of its own: it buffers what does not fit, or everything. */
const TAKES_ALL: ReadonlySet<FilesystemKind> = new Set(['ext4-journal', 'btrfs', 'btrfs-nocow', 'tmpfs']);
const ENGINES = ['auto', 'threads'] as const;

const ARENA_BYTES = 9 * 1024 * 1024;
/** Both engines make the same requests: the second is tried with fewer. */
const RANDOM_CALLS = { auto: 300, threads: 100 } as const;

/** What a test of one file system works with. */
interface Bench {
  readonly kernel: Kernel;
  /** A second one, for what the first must not do. */
  readonly other: Kernel;
  readonly region: Region;
  readonly filesystem: Filesystem;
}

async function onFilesystem(
  t: TestContext,
  kind: FilesystemKind,
  arenaBytes: number,
  body: (bench: Bench) => Promise<void>,
): Promise<void> {
  const program = buildKernelCaller(t);
  if (program === null) return;
  await withFilesystem(t, kind, {}, async (filesystem) => {
    using region = new Region(arenaBytes);
    const kernels: Kernel[] = [];
    try {
      for (let i = 0; i < 2; i++) kernels.push(await Kernel.start(program, arenaBytes));
      const [kernel, other] = kernels;
      assert.ok(kernel !== undefined && other !== undefined);
      await body({ kernel, other, region, filesystem });
    } finally {
      for (const kernel of kernels) await kernel.stop();
    }
  });
  assertNoLeaks();
}

function tell(t: TestContext, verdicts: readonly Verdict[]): void {
  const count = (wanted: Verdict): number => verdicts.filter((verdict) => verdict === wanted).length;
  t.diagnostic(
    `${verdicts.length} calls: the kernel took ${count('taken')}, refused ${count('refused')} for alignment, ` +
      `answered ${count('errno')} with another errno`,
  );
}

function content(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + (i >> 8)) & 255);
}

for (const kind of KINDS) {
  for (const engine of ENGINES) {
    test(`vectors that were measured: ${kind}, ${engine}`, async (t) => {
      await onFilesystem(t, kind, ARENA_BYTES, async ({ kernel, region, filesystem }) => {
        const verdicts: Verdict[] = [];
        for (const [index, { name, size = 0, holeTo, calls }] of FIXED.entries()) {
          const path = join(filesystem.directory, `fixed-${index}`);
          const pair = await Pair.open(kernel, region, path, { engine, content: content(size) });
          try {
            if (holeTo !== undefined) await pair.truncate(holeTo);
            for (const call of calls) verdicts.push(await pair.check(call));
            pair.compareFiles(name);
          } catch (error) {
            if (error instanceof Error) error.message = `${name}: ${error.message}`;
            throw error;
          } finally {
            await pair.close();
          }
        }
        tell(t, verdicts);
        assert.ok(verdicts.includes('taken'));
        assert.equal(verdicts.includes('refused'), !TAKES_ALL.has(kind), 'the rule of alignment was put to the test');
      });
    });

    test(`random vectors, one call after the other: ${kind}, ${engine}`, async (t) => {
      await onFilesystem(t, kind, RANDOM_ARENA_BYTES, async (bench) => {
        await withSeed((random) => {
          // Other vectors on each file system, from one seed.
          for (let i = 0; i < KINDS.indexOf(kind) + KINDS.length * ENGINES.indexOf(engine); i++) random.next();
          return randomCalls(t, bench, random, engine);
        });
      });
    });
  }

  test(`other errors: ${kind}`, async (t) => {
    await onFilesystem(t, kind, ARENA_BYTES, otherErrors);
  });
}

async function randomCalls(
  t: TestContext,
  bench: Bench,
  random: Random,
  engine: (typeof ENGINES)[number],
): Promise<void> {
  const { kernel, other, region, filesystem } = bench;
  const path = join(filesystem.directory, 'random');
  const pair = await Pair.open(kernel, region, path, { engine, content: content(random.below(90_000)) });
  const verdicts: Verdict[] = [];
  try {
    for (let step = 0; step < RANDOM_CALLS[engine]; step++) {
      const { size } = await pair.file.stat();
      if (random.chance(12))
        await pair.truncate(random.pick([0, size, random.below(200_000), random.below(40) * 4096]));
      if (random.chance(20)) await pair.punch(random.below(100_000), random.between(1, 50_000), other);
      const op = random.pick(['read', 'write'] as const);
      const call = { op, offset: randomOffset(random, size), vectors: randomVectors(random) };
      verdicts.push(await pair.check(call));
      if (random.chance(10)) await pair.file.sync();
      if (random.chance(5)) pair.compareFiles(`after step ${step}`);
    }
    pair.compareFiles('at the end');
  } catch (error) {
    if (error instanceof Error) error.message = `step ${verdicts.length}: ${error.message}`;
    throw error;
  } finally {
    await pair.close();
  }
  tell(t, verdicts);
}

async function otherErrors(bench: Bench): Promise<void> {
  const { kernel, region, filesystem } = bench;
  const vectors = [{ at: 0, length: 4096 }];
  const on = async (name: string, options: PairOptions, body: (pair: Pair) => Promise<void>): Promise<void> => {
    const path = join(filesystem.directory, name);
    const pair = await Pair.open(kernel, region, path, { content: content(20_000), ...options });
    try {
      await body(pair);
      pair.compareFiles(name);
    } finally {
      await pair.close();
    }
  };
  await on('write-only', { mode: 'w' }, async (pair) => {
    assert.equal(await pair.check({ op: 'read', offset: 0, vectors }), 'errno');
  });
  await on('read-only', { mode: 'r' }, async (pair) => {
    assert.equal(await pair.check({ op: 'write', offset: 0, vectors }), 'errno');
  });
  await on('far', {}, async (pair) => {
    await pair.check({ op: 'read', offset: 2 ** 52, vectors });
    await pair.check({ op: 'read', offset: 2 ** 52 + 1, vectors: [{ at: 5, length: 700 }] });
  });
  await on('appended', { mode: 'a' }, async (pair) => {
    for (const length of [100, 4096, 700, 0, 8192]) {
      await pair.check({ op: 'write', offset: 4096, vectors: [{ at: 4096, length }] });
    }
  });
  await farWrite(bench);
}

/** A write where only some file systems can have a byte: the same errno, or the same size, which is not looked through. */
async function farWrite({ kernel, region, filesystem }: Bench): Promise<void> {
  const offset = 2 ** 50;
  const path = join(filesystem.directory, 'far-write');
  const pair = await Pair.open(kernel, region, path);
  try {
    const vectors = [{ at: 0, length: 4096 }];
    const theirs: Answer = await kernel.direct('write', offset, vectors);
    assert.equal(await answerOf(pair.file.writev(viewsOf(region, vectors), offset)), theirs);
    assert.equal((await pair.file.stat()).size, typeof theirs === 'number' ? offset + theirs : 0);
  } finally {
    await pair.close();
  }
}
