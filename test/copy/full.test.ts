// A full disk shows before the first byte, and leaves nothing behind.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { copy } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { type FilesystemKind, withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';

const MIB = 1024 * 1024;
const CASES: readonly (readonly [FilesystemKind, number])[] = [
  ['tmpfs', 8],
  ['ext4', 32],
  ['xfs', 320],
];

for (const [kind, sizeMib] of CASES) {
  test(`on ${kind}`, async (t) => {
    const outside = tempDirectory(t);
    await withFilesystem(t, kind, { sizeMib }, async ({ directory }) => {
      const source = join(outside, 'source');
      // All free blocks, those that are kept for root too.
      const { bfree, bsize } = statfsSync(directory);
      writeFileSync(source, Buffer.alloc(bfree * bsize + MIB, 'x'));
      const old = join(directory, 'old');
      writeFileSync(old, 'old');
      let moved = 0;
      const onProgress = (): void => {
        moved++;
      };
      for (const to of [join(directory, 'new'), old])
        await assert.rejects(copy(source, to, { force: true, onProgress }), { code: 'ENOSPC', path: to });
      assert.equal(moved, 0, 'not a byte was moved');
      assert.equal(readFileSync(old, 'utf8'), 'old');
      assert.deepEqual(
        readdirSync(directory).filter((name) => name !== 'lost+found'),
        ['old'],
      );
      assert.ok(statfsSync(directory).bfree * bsize > bfree * bsize - MIB, 'the space is free again');
      assertNoLeaks();
    });
  });
}

test('a hole needs no space', async (t) => {
  const outside = tempDirectory(t);
  await withFilesystem(t, 'tmpfs', { sizeMib: 8 }, async ({ directory }) => {
    const source = join(outside, 'source');
    writeFileSync(source, 'start');
    truncateSync(source, 64 * MIB);
    const to = join(directory, 'copy');
    await copy(source, to);
    assert.ok(readFileSync(to).equals(readFileSync(source)));
  });
});
