// A direct read that passes the end of a file on XFS gives what there is, whatever the file system has reserved beyond.
import assert from 'node:assert/strict';
import { statfsSync } from 'node:fs';
import { open as openHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type File, open } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon } from '../support/needs.js';
import { withFilesystem } from '../support/root-harness.js';

const BLOCK = 4096;
const MIB = 1024 * 1024;
/** Every second block of so much is free. */
const COMB_BYTES: number = 64 * MIB;
/** Enough for XFS to reserve space for files that grow: it is sparing with the last 5 %. */
const LEFT_BLOCKS = 3000;
const WHOLE_BLOCKS = 16;

function freeBlocks(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return Math.floor((bavail * bsize) / BLOCK);
}

/** Allocates in the largest pieces that there are, down to `leastBytes` and until so many blocks are left. */
async function fill(
  file: File,
  directory: string,
  at: number,
  leastBytes: number,
  leftBlocks: number,
): Promise<number> {
  let end = at;
  for (let piece = 16 * MIB; piece >= leastBytes && freeBlocks(directory) > leftBlocks; ) {
    try {
      await file.allocate(end, piece);
      end += piece;
    } catch (error) {
      assert.match(String(error), /ENOSPC/);
      piece /= 2;
    }
  }
  return end;
}

/** Leaves no two free blocks side by side, or few. */
async function fragment(directory: string): Promise<void> {
  await using file = await open(join(directory, 'filler'), 'wx+');
  const end = await fill(file, directory, 0, BLOCK, 0);
  const holes = Array.from({ length: COMB_BYTES / BLOCK / 2 }, (_, i) => file.punch(2 * i * BLOCK, BLOCK));
  await Promise.all(holes);
  await file.sync();
  await fill(file, directory, end, 4 * BLOCK, LEFT_BLOCKS);
}

for (const kind of ['xfs', 'xfs-4kn'] as const) {
  test(`reads past the end where space beyond is reserved and has no place: ${kind}`, async (t) => {
    await withFilesystem(t, kind, {}, async ({ directory }) => {
      await fragment(directory);
      const path = join(directory, 'grown');
      await using grown = await openHandle(path, 'ax+');
      for (let i = 0; i < WHOLE_BLOCKS; i++) await grown.write(Buffer.alloc(BLOCK, i));
      await grown.sync();
      await grown.write(Buffer.alloc(100, 0xff));
      await grown.sync();
      const size = WHOLE_BLOCKS * BLOCK + 100;
      for (const engine of ['uring', 'threads'] as const) {
        if (engine === 'uring' && !hasAddon()) continue;
        await using file = await open(path, 'r', { engine });
        const all = await file.read(Buffer.alloc(MIB), 0, MIB, 0);
        assert.equal(all.bytesRead, size);
        assert.equal(all.io, 'direct');
        assert.equal(all.buffer[size - 1], 0xff);
        const end = await file.read(Buffer.alloc(MIB), 0, MIB, size - 50);
        assert.equal(end.bytesRead, 50);
        const beyond = await file.read(Buffer.alloc(MIB), 0, MIB, size + BLOCK);
        assert.equal(beyond.bytesRead, 0);
      }
    });
    assertNoLeaks();
  });
}
