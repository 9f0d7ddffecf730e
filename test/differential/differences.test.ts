// Each row of docs/Differences.md, played: what the kernel does here is reported, what diorite does is held to its row.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { DioriteError, open } from '../../src/index.js';
import { IovIter } from '../../src/iter.js';
import { Region } from '../../src/memory.js';
import { runJson } from '../support/children.js';
import { needs, requireAddon, requireRoot } from '../support/needs.js';
import { type Filesystem, type FilesystemKind, withFilesystem } from '../support/root-harness.js';
import { apart } from './cases.js';
import { DIFFERENCES, rowOf } from './differences.js';
import { type Answer, buildKernelCaller, Kernel, type Vector } from './kernel.js';
import { answerOf, assertSame, viewsOf } from './pair.js';

const PAGE = 4096;
const ARENA_BYTES = 4 * 1024 * 1024;
const DOCUMENT = new URL('../../../docs/Differences.md', import.meta.url);

interface Stage {
  readonly kernel: Kernel;
  readonly region: Region;
  readonly filesystem: Filesystem;
  /** A file for each, of these bytes. */
  readonly theirs: string;
  readonly ours: string;
}

async function staged(
  t: TestContext,
  kind: FilesystemKind,
  content: Uint8Array,
  body: (stage: Stage) => Promise<void>,
  options: { readonly sizeMib?: number; readonly wrapper?: readonly string[] } = {},
): Promise<void> {
  const program = buildKernelCaller(t);
  if (program === null) return;
  const { wrapper, ...size } = options;
  await withFilesystem(t, kind, size, async (filesystem) => {
    const theirs = join(filesystem.directory, 'theirs');
    const ours = join(filesystem.directory, 'ours');
    for (const path of [theirs, ours]) writeFileSync(path, content);
    using region = new Region(ARENA_BYTES);
    region.bytes.fill(1);
    const kernel = await Kernel.start(program, ARENA_BYTES, wrapper);
    try {
      await kernel.open('rw', theirs);
      await body({ kernel, region, filesystem, theirs, ours });
    } finally {
      await kernel.stop();
    }
  });
}

function tell(t: TestContext, theirs: Answer, ours: Answer): void {
  t.diagnostic(`the kernel here: ${theirs}; diorite: ${ours}`);
}

/** The error of a transfer, or a failure. */
async function errorOf(call: Promise<unknown>): Promise<DioriteError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof DioriteError, String(error));
    return error;
  }
  assert.fail('it was not refused');
}

const bytesOf = (vectors: readonly Vector[]): number => vectors.reduce((sum, { length }) => sum + length, 0);

test('docs/Differences.md has these rows of the kernel and no others', () => {
  const [, kernel = ''] = readFileSync(DOCUMENT, 'utf8').split(/^# /m);
  const rows = kernel.split('\n').filter((line) => line.startsWith('| '));
  assert.deepEqual(rows.slice(2), Object.values(DIFFERENCES).map(rowOf));
});

for (const [difference, vectors] of [
  ['vectors', Array.from({ length: 1025 }, (_, i) => ({ at: i * 1024, length: 512 }))],
  ['tinyVectors', apart(512, 1)],
] as const) {
  test(DIFFERENCES[difference].name, async (t) => {
    await staged(t, 'ext4', new Uint8Array(0), async ({ kernel, region, theirs, ours }) => {
      await kernel.fill(1, ARENA_BYTES);
      region.bytes.set(await kernel.dump(ARENA_BYTES));
      const refused = await kernel.direct('write', 0, vectors);
      assert.equal(await kernel.buffered('write', 0, vectors), bytesOf(vectors));
      await using file = await open(ours, 'r+');
      const written = await answerOf(file.writev(viewsOf(region, vectors), 0));
      tell(t, refused, written);
      assert.equal(written, bytesOf(vectors));
      assertSame(readFileSync(ours), readFileSync(theirs), 'file');
      const wanted = Buffer.from(region.bytes);
      for (const { at, length } of vectors) region.bytes.fill(0, at, at + length);
      assert.equal(await answerOf(file.readv(viewsOf(region, vectors), 0)), bytesOf(vectors));
      assertSame(region.bytes, wanted, 'memory');
    });
  });
}

test(DIFFERENCES.sizeLimit.name, async (t) => {
  if (!needs(t, 'prlimit')) return;
  const limit = 1024 * 1024 + 100;
  const wrapper = ['prlimit', `--fsize=${limit}`, '--'];
  const body = async ({ kernel, ours }: Stage): Promise<void> => {
    const offset = limit - 100 - PAGE;
    const length = 4 * PAGE;
    const theirs = await kernel.direct('write', offset, [{ at: 0, length }]);
    const args = [ours, String(offset), String(length)];
    const script = new URL('children/limited.js', import.meta.url);
    const found = (await runJson(script, { args, wrapper })) as { code: string | null; bytes: number };
    tell(t, theirs, String(found.code));
    assert.equal(found.code, 'EFBIG');
    assert.ok(found.bytes <= PAGE + 100);
    assert.ok(readFileSync(ours).length <= limit);
  };
  await staged(t, 'ext4', new Uint8Array(0), body, { wrapper });
});

for (const kind of ['tmpfs', 'btrfs', 'ext4', 'xfs'] as const) {
  test(`${DIFFERENCES.shortWrite.name}: ${kind}`, async (t) => {
    const sizeMib = { tmpfs: 16, btrfs: 120, ext4: 16, xfs: 300 }[kind];
    const body = async ({ kernel, region, filesystem, ours }: Stage): Promise<void> => {
      if (!(await fillUp(filesystem.directory))) {
        t.skip('the file system did not fill up');
        return;
      }
      const vectors = apart(256, PAGE);
      const theirs = await kernel.direct('write', 0, vectors);
      await kernel.truncate(0);
      await using file = await open(ours, 'r+');
      const error = await errorOf(file.writev(viewsOf(region, vectors), 0));
      tell(t, theirs, `${error.code}, ${error.bytes} bytes done`);
      assert.equal(error.code, 'ENOSPC');
      const covered = (error.extents ?? []).reduce((sum, { length }) => sum + length, 0);
      assert.equal(covered, bytesOf(vectors), 'the ledger covers what was asked');
      assert.ok((error.bytes ?? Number.NaN) < bytesOf(vectors));
    };
    await staged(t, kind, new Uint8Array(0), body, { sizeMib });
  });
}

/** Leaves less than what the test writes. */
async function fillUp(directory: string): Promise<boolean> {
  await using file = await open(join(directory, 'filler'), 'wx', { io: 'buffered' });
  const piece = new Uint8Array(1024 * 1024).fill(1);
  for (let at = 0; at < 2 ** 29; at += piece.length) {
    if ((await answerOf(file.write(piece, 0, null, at))) === piece.length) continue;
    // What is only in the cache may find no place yet: it is written now, or is lost and leaves room.
    await file.sync().catch(() => undefined);
    await file.truncate(Math.max(0, at - piece.length / 2));
    return true;
  }
  return false;
}

for (const [kind, vectors] of [
  ['btrfs', apart(8, PAGE)],
  ['btrfs-nocow', apart(8, PAGE, 4)],
] as const) {
  test(`${DIFFERENCES.silentBuffering.name}: ${kind}`, async (t) => {
    await staged(t, kind, new Uint8Array(0), async ({ kernel, region, theirs, ours }) => {
      assert.equal(await kernel.direct('write', 0, vectors), bytesOf(vectors), 'the kernel takes it');
      await using file = await open(ours, 'r+');
      await kernel.fill(1, ARENA_BYTES);
      await kernel.direct('write', 0, vectors);
      region.bytes.set(await kernel.dump(ARENA_BYTES));
      const written = await file.writev(viewsOf(region, vectors), 0);
      tell(t, bytesOf(vectors), `${written.bytesWritten}, io: ${written.io}`);
      assert.equal(written.io, kind === 'btrfs' ? 'buffered' : 'direct', 'staged memory is aligned, and goes directly');
      if (kind === 'btrfs') {
        assert.equal((await errorOf(open(ours, 'r+', { io: 'direct' }))).code, 'ERR_DIORITE_NOT_DIRECT');
      }
      assertSame(readFileSync(ours), readFileSync(theirs), 'file');
    });
  });
}

for (const kind of ['ext4', 'xfs', 'btrfs'] as const) {
  test(`${DIFFERENCES.partialFault.name}: ${kind}`, async (t) => {
    const old = new Uint8Array(2 * PAGE).fill(9);
    await staged(t, kind, old, async ({ kernel, region, theirs, ours }) => {
      // The page behind the arena is not mapped.
      const answer = await kernel.direct('write', 0, [
        { at: 0, length: PAGE },
        { at: ARENA_BYTES, length: PAGE },
      ]);
      const changed = readFileSync(theirs).filter((byte) => byte !== 9).length;
      await using file = await open(ours, 'r+');
      const late = new Uint8Array(PAGE);
      const memory = IovIter.iovec([region.bytes.subarray(0, PAGE), late]);
      structuredClone(late.buffer, { transfer: [late.buffer] });
      const error = await errorOf(file.write(memory, 0, null, 0));
      tell(t, `${answer}, ${changed} bytes changed`, error.code);
      assert.equal(error.code, 'ERR_DIORITE_DETACHED');
      assertSame(readFileSync(ours), old, 'file');
    });
  });
}

test(DIFFERENCES.zram.name, async (t) => {
  if (!requireAddon(t)) return;
  const content = Uint8Array.from({ length: 4 * PAGE }, (_, i) => i % 251);
  await staged(t, 'zram-xfs', content, async ({ kernel, region, ours }) => {
    const vectors = [{ at: PAGE + 512, length: PAGE }];
    await kernel.fill(1, ARENA_BYTES);
    const before = await kernel.dump(ARENA_BYTES);
    region.bytes.set(before);
    const wanted = Buffer.from(before);
    wanted.set(content.subarray(0, PAGE), PAGE + 512);
    const answer = await kernel.direct('read', 0, vectors);
    const isRight = Buffer.compare(await kernel.dump(ARENA_BYTES), wanted) === 0;
    await using file = await open(ours, 'r');
    assert.equal(await answerOf(file.readv(viewsOf(region, vectors), 0)), PAGE);
    tell(t, `${answer}, memory ${isRight ? 'right' : 'overwritten'}`, `${PAGE}, memory right`);
    assertSame(region.bytes, wanted, 'memory');
  });
});

test(DIFFERENCES.offsets.name, async (t) => {
  if (!requireRoot(t)) return;
  await staged(t, 'xfs', new Uint8Array(0), async ({ kernel, region, ours }) => {
    const vectors = [{ at: 0, length: 2 * PAGE }];
    await using file = await open(ours, 'r+');
    for (const offset of [2 ** 53 - PAGE, 2 ** 53 - 1]) {
      const error = await errorOf(file.writev(viewsOf(region, vectors), offset));
      tell(t, await kernel.direct('write', offset, vectors), error.code);
      assert.equal(error.code, 'ERR_OUT_OF_RANGE');
    }
    assert.equal(readFileSync(ours).length, 0);
  });
});
