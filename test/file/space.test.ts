// Space of files: reserved, punched, zeroed and mapped, on every file system and without the addon.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { type File, type FileSegment, open } from '../../src/index.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { runJson } from '../support/children.js';
import { openFaulty } from '../support/faulty-file.js';
import { requireAddon } from '../support/needs.js';
import { type Random, withSeed } from '../support/random.js';
import { type FilesystemKind, withDevice, withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';

const ENGINES = ['uring', 'threads'] as const;
const EIO = -5;
const EOPNOTSUPP = -95;
const FILE_BYTES = 1024 * 1024;

async function segmentsOf(file: File, offset?: number, length?: number): Promise<FileSegment[]> {
  const found: FileSegment[] = [];
  for await (const segment of file.segments(offset, length)) found.push(segment);
  return found;
}

/** Sorted, none empty, no gap, no overlap. */
function checkCover(found: readonly FileSegment[], from: number, to: number): void {
  let at = from;
  for (const { offset, length } of found) {
    assert.equal(offset, at);
    assert.ok(length > 0);
    at += length;
  }
  assert.equal(at, Math.max(from, to));
}

/** Every byte that is not zero lies in data. */
async function checkSegments(file: File, expected: Uint8Array, random: Random): Promise<void> {
  const from = random.chance(2) ? 0 : random.below(expected.length + 10);
  const length = random.chance(2) ? undefined : random.below(expected.length);
  const found = await segmentsOf(file, from, length);
  checkCover(found, from, Math.min(expected.length, length === undefined ? expected.length : from + length));
  for (const { kind, offset, length: bytes } of found)
    if (kind === 'hole') assert.ok(expected.subarray(offset, offset + bytes).every((byte) => byte === 0));
}

async function rounds(file: File, path: string, random: Random): Promise<void> {
  let expected = new Uint8Array(FILE_BYTES);
  random.fill(expected);
  await file.write(expected, { position: 0 });
  for (let i = 0; i < 60; i++) {
    const unit = random.pick([1, 512, 4096, 65536]);
    const offset = random.below(FILE_BYTES / unit) * unit;
    const length = Math.min(random.below(200_000), unit * random.between(0, 20));
    const choice = random.below(5);
    if (choice === 0) {
      await file.punch(offset, length);
      expected.fill(0, offset, offset + length);
    } else if (choice === 1) {
      assert.ok(['punched', 'zeroed', 'written'].includes(await file.zero(offset, length)));
      expected.fill(0, offset, offset + length);
    } else if (choice === 2) {
      const bytes = new Uint8Array(Math.min(length, expected.length - Math.min(offset, expected.length)));
      random.fill(bytes);
      await file.write(bytes, { position: Math.min(offset, expected.length) });
      expected.set(bytes, Math.min(offset, expected.length));
    } else if (choice === 3) {
      const keepSize = random.chance(2);
      const reach = offset + length;
      await file.allocate(offset, Math.max(1, length), { keepSize });
      const size = keepSize ? expected.length : Math.max(expected.length, Math.max(reach, offset + 1));
      const longer = new Uint8Array(size);
      longer.set(expected);
      expected = longer;
    } else {
      await checkSegments(file, expected, random);
    }
  }
  assert.equal((await file.stat()).size, expected.length);
  const whole = new Uint8Array(expected.length);
  await file.read(whole, { position: 0 });
  assert.ok(Buffer.compare(whole, expected) === 0, 'what is read is as the byte array');
  await file.sync();
  assert.ok(Buffer.compare(readFileSync(path), expected) === 0, 'the file is as the byte array');
}

for (const kind of ['here', 'ext4', 'xfs', 'xfs-4kn', 'btrfs', 'tmpfs'] satisfies FilesystemKind[]) {
  for (const engine of ENGINES) {
    test(`random allocate, punch, zero and segments on ${kind}, ${engine}`, async (t) => {
      if (!requireAddon(t)) return;
      await withFilesystem(t, kind, {}, async ({ directory }) => {
        await withSeed(async (random) => {
          const path = join(directory, 'file');
          await using file = await open(path, 'w+', { engine });
          await rounds(file, path, random);
        });
      });
    });
  }
}

test('segments: data and holes, where they are, up to the end', async (t) => {
  if (!requireAddon(t)) return;
  await withFilesystem(t, 'ext4', {}, async ({ directory }) => {
    await using file = await open(join(directory, 'file'), 'w+');
    await file.write(Buffer.alloc(65536, 1), { position: 0 });
    await file.write(Buffer.alloc(65536, 1), { position: 262_144 });
    await file.truncate(524_288);
    assert.deepEqual(await segmentsOf(file), [
      { offset: 0, length: 65536, kind: 'data' },
      { offset: 65536, length: 196_608, kind: 'hole' },
      { offset: 262_144, length: 65536, kind: 'data' },
      { offset: 327_680, length: 196_608, kind: 'hole' },
    ]);
    assert.deepEqual(await segmentsOf(file, 65536, 65536), [{ offset: 65536, length: 65536, kind: 'hole' }]);
    assert.deepEqual(await segmentsOf(file, 600_000), []);
    await file.punch(0, 65536);
    assert.equal((await segmentsOf(file, 0, 262_144))[0]?.kind, 'hole');
    assert.throws(() => file.segments(-1), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => file.segments(0, Number.MAX_SAFE_INTEGER + 1), { code: 'ERR_OUT_OF_RANGE' });
  });
});

test('segments stops with an error when the file is closed in between', async (t) => {
  if (!requireAddon(t)) return;
  const file = await open(join(tempDirectory(t), 'file'), 'w+');
  await file.write(Buffer.alloc(4096, 1), { position: 65536 });
  const walk = file.segments()[Symbol.asyncIterator]();
  await walk.next();
  await walk.next();
  await file.close();
  await assert.rejects(async () => walk.next(), { code: 'EBADF' });
});

test('zero says how: another way where one cannot be had, and by writing zeros where none can', async (t) => {
  if (!requireAddon(t)) return;
  const path = join(tempDirectory(t), 'file');
  for (const [way, refusals] of [
    ['punched', 0],
    ['zeroed', 1],
    ['written', 2],
  ] as const) {
    let asked = 0;
    const file = await openFaulty(path, {
      judge: ({ op }) => (op === Op.FALLOCATE && asked++ < refusals ? { result: EOPNOTSUPP } : undefined),
    });
    await file.write(Buffer.alloc(300_000, 7), { position: 0 });
    // The second case: the real file system may lack it as well.
    const got = await file.zero(1000, 400_000);
    if (way !== 'zeroed' || got !== 'written') assert.equal(got, way);
    assert.equal((await file.stat()).size, 300_000, 'the size stays');
    await file.close();
    const expected = Buffer.alloc(300_000);
    expected.fill(7, 0, 1000);
    assert.ok(readFileSync(path).equals(expected));
  }
});

test('what cannot be had is refused by name, and other errors stay what they are', async (t) => {
  if (!requireAddon(t)) return;
  const path = join(tempDirectory(t), 'file');
  let result = EOPNOTSUPP;
  const file = await openFaulty(path, { judge: ({ op }) => (op === Op.FALLOCATE ? { result } : undefined) });
  await file.write(Buffer.alloc(8192, 1), { position: 0 });
  await file.sync();
  await assert.rejects(file.punch(0, 4096), { code: 'ERR_DIORITE_UNSUPPORTED' });
  await assert.rejects(file.allocate(0, 4096), { code: 'ERR_DIORITE_UNSUPPORTED' });
  result = EIO;
  await assert.rejects(file.punch(0, 4096), { code: 'EIO', syscall: 'fallocate(PUNCH_HOLE)' });
  await assert.rejects(file.zero(0, 4096), { code: 'EIO' });
  await assert.rejects(file.allocate(0, 4096), { code: 'EIO' });
  await assert.rejects(file.punch(-1, 4096), { code: 'ERR_OUT_OF_RANGE' });
  await assert.rejects(file.zero(0, 1.5), { code: 'ERR_OUT_OF_RANGE' });
  await assert.rejects(file.allocate('0' as never, 1), { code: 'ERR_INVALID_ARG_TYPE' });
  await file.close();
  await assert.rejects(file.punch(0, 1), { code: 'EBADF' });
  assert.throws(() => file.segments(), { code: 'EBADF' });
});

test('what was punched is unknown when the next sync fails', async (t) => {
  if (!requireAddon(t)) return;
  let failing = false;
  const file = await openFaulty(join(tempDirectory(t), 'file'), {
    judge: ({ op }) => (failing && op === Op.FSYNC ? { result: EIO } : undefined),
  });
  await file.write(Buffer.alloc(65536, 1), { position: 0 });
  await file.sync();
  await file.punch(8192, 4096);
  failing = true;
  await assert.rejects(file.sync(), (error: DioriteError) => {
    assert.deepEqual(error.extents, [{ offset: 8192, length: 4096, state: 'unknown' }]);
    return true;
  });
  await file.close();
});

test('allocate: a full disk shows now', async (t) => {
  if (!requireAddon(t)) return;
  await withFilesystem(t, 'ext4', { sizeMib: 16 }, async ({ directory }) => {
    await using file = await open(join(directory, 'file'), 'w+');
    await assert.rejects(file.allocate(0, 64 * 1024 * 1024), { code: 'ENOSPC' });
    // What there was has been reserved before it was full.
    await file.truncate(0);
    await file.allocate(0, 1024 * 1024, { keepSize: true });
    const { size, blocks } = await file.stat();
    assert.equal(size, 0);
    assert.ok(blocks * 512 >= 1024 * 1024);
  });
});

for (const engine of ENGINES) {
  test(`a block device: zeroed whole blocks, written ends, ${engine}`, async (t) => {
    if (!requireAddon(t)) return;
    await withDevice(t, 'loop', { sizeMib: 8 }, async (device) => {
      await using file = await open(device, 'r+', { engine });
      const bytes = Buffer.alloc(65536, 9);
      await file.write(bytes, { position: 0 });
      assert.equal(await file.zero(100, 20_000), 'zeroed');
      assert.equal(await file.zero(40_000, 10), 'written');
      bytes.fill(0, 100, 20_100).fill(0, 40_000, 40_010);
      const got = Buffer.alloc(65536);
      await file.read(got, { position: 0 });
      assert.ok(got.equals(bytes));
      assert.deepEqual(await segmentsOf(file, 0, 4096), [{ offset: 0, length: 4096, kind: 'data' }]);
      await assert.rejects(file.allocate(0, 4096), { code: 'ERR_DIORITE_UNSUPPORTED' });
    });
  });
}

test('a file opened to append: what would be written elsewhere is refused', async (t) => {
  const path = join(tempDirectory(t), 'file');
  writeFileSync(path, Buffer.alloc(8192, 1));
  const script = new URL('children/space.js', import.meta.url);
  const env = { DIORITE_ADDON: 'off' };
  assert.equal(await runJson(script, { args: [path, 'append'], env }), true);
  assert.ok(readFileSync(path).equals(Buffer.alloc(8192, 1)));
});

test('without the addon zeros are written, and the rest is refused by name', async (t) => {
  const path = join(tempDirectory(t), 'file');
  const script = new URL('children/space.js', import.meta.url);
  assert.equal(await runJson(script, { args: [path, 'write'], env: { DIORITE_ADDON: 'off' } }), true);
});
