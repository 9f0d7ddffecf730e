// fio and diorite check each other's bytes: what one writes the other reads.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type File, open } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { needs } from '../support/needs.js';
import { type Random, withSeed } from '../support/random.js';
import { type FilesystemKind, withFilesystem } from '../support/root-harness.js';
import { gather, scatter, scatteredViews } from '../support/scattered.js';

const SIZE_BYTES = 16 * 1024 * 1024;
const KINDS: readonly FilesystemKind[] = ['here', 'xfs-4kn', 'btrfs'];

/** Every 8 bytes hold the offset of their 4 KiB block; `%o` of fio. */
const OFFSET_PATTERN: readonly string[] = ['--verify=pattern', '--verify_pattern=%o', '--bs=4k'];

function fio(path: string, ...options: readonly string[]): { failed: boolean; output: string } {
  const common = ['--name=diorite', `--filename=${path}`, `--size=${SIZE_BYTES}`, '--ioengine=psync', '--thread'];
  // fio leaves a state file of the verification where it runs.
  const cwd = join(path, '..');
  const result = spawnSync('fio', [...common, '--verify_state_save=0', ...options], { encoding: 'utf8', cwd });
  return { failed: result.status !== 0, output: `${result.stdout}\n${result.stderr}` };
}

function assertFio(path: string, ...options: readonly string[]): void {
  const { failed, output } = fio(path, ...options);
  assert.ok(!failed, output);
}

function patternAt(offset: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) {
    const block = BigInt(offset + i - ((offset + i) % 4096));
    bytes[i] = Number((block >> BigInt(8 * ((offset + i) % 8))) & 0xffn);
  }
  return bytes;
}

/** Cuts the file into pieces of any length, in file order. */
function* pieces(random: Random): Generator<{ offset: number; length: number }> {
  for (let offset = 0; offset < SIZE_BYTES; ) {
    const length = Math.min(random.between(1, 300_000), SIZE_BYTES - offset);
    yield { offset, length };
    offset += length;
  }
}

async function readAll(random: Random, file: File, use: (offset: number, bytes: Uint8Array) => Promise<void>) {
  for (const { offset, length } of pieces(random)) {
    const views = scatteredViews(random, length);
    assert.equal((await file.readv(views, offset)).bytesRead, length);
    await use(offset, gather(views));
  }
}

async function onEach(t: TestContext, body: (directory: string, random: Random) => Promise<void>): Promise<void> {
  for (const kind of KINDS) {
    await t.test(kind, async (inner) => {
      if (!needs(inner, 'fio')) return;
      await withFilesystem(inner, kind, {}, ({ directory }) => withSeed((random) => body(directory, random)));
      assertNoLeaks();
    });
  }
}

test('fio writes a pattern, diorite reads it', async (t) => {
  await onEach(t, async (directory, random) => {
    const path = join(directory, 'pattern');
    assertFio(path, '--rw=randwrite', '--do_verify=0', ...OFFSET_PATTERN);
    await using file = await open(path, 'r');
    await readAll(random, file, async (offset, bytes) => {
      assert.equal(Buffer.compare(bytes, patternAt(offset, bytes.length)), 0, `at ${offset}`);
    });
  });
});

test('diorite writes a pattern, fio verifies it', async (t) => {
  await onEach(t, async (directory, random) => {
    const path = join(directory, 'pattern');
    const file = await open(path, 'wx');
    for (const { offset, length } of [...pieces(random)].reverse()) {
      const views = scatteredViews(random, length);
      scatter(patternAt(offset, length), views);
      await file.writev(views, offset);
    }
    await file.close();
    assertFio(path, '--rw=read', ...OFFSET_PATTERN);
  });
});

test('a copy of what fio wrote with checksums holds for fio, and one wrong byte does not', async (t) => {
  await onEach(t, async (directory, random) => {
    const source = join(directory, 'source');
    const copied = join(directory, 'copied');
    const checksums = ['--verify=crc32c', '--bs=16k'];
    assertFio(source, '--rw=write', '--do_verify=0', ...checksums);
    const from = await open(source, 'r');
    const to = await open(copied, 'wx');
    await readAll(random, from, async (offset, bytes) => {
      const views = scatteredViews(random, bytes.length);
      scatter(bytes, views);
      await to.writev(views, offset);
    });
    await from.close();
    await to.close();
    assertFio(copied, '--rw=read', ...checksums);
    flipByte(copied, 5_000_003);
    assert.ok(fio(copied, '--rw=read', ...checksums).failed, 'fio sees a wrong byte');
  });
});

function flipByte(path: string, offset: number): void {
  const fd = openSync(path, 'r+');
  const byte = new Uint8Array(1);
  readSync(fd, byte, 0, 1, offset);
  writeSync(
    fd,
    byte.map((value) => value ^ 0x40),
    0,
    1,
    offset,
  );
  closeSync(fd);
}
