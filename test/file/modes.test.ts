// `io` asks, and the result's `io` says what the kernel did, on every file system: direct, buffered, dropped behind.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type OpenOptions, open } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon, needs } from '../support/needs.js';
import { type FilesystemKind, withFilesystem } from '../support/root-harness.js';
import { cachedPages, dropFromCache, ioCounters, tempDirectory } from '../support/temp.js';

const BYTES = 4 * 1024 * 1024;
const PAGES = BYTES / 4096;

interface Expected {
  readonly write: 'direct' | 'buffered' | 'drop-behind';
  readonly read: 'direct' | 'buffered' | 'drop-behind';
}

/** What `prefer-direct` comes to. */
const PREFERRED: Partial<Record<FilesystemKind, Expected>> = {
  ext4: { write: 'direct', read: 'direct' },
  xfs: { write: 'direct', read: 'direct' },
  'xfs-4kn': { write: 'direct', read: 'direct' },
  'zram-xfs': { write: 'direct', read: 'direct' },
  'btrfs-nocow': { write: 'direct', read: 'direct' },
  'ext4-journal': { write: 'buffered', read: 'buffered' },
  tmpfs: { write: 'buffered', read: 'buffered' },
};

async function writeThenRead(path: string, options: OpenOptions) {
  const file = await open(path, 'wx+', options);
  const written = await file.write(new Uint8Array(BYTES).fill(7), 0, BYTES, 0);
  const pagesWritten = cachedPages(path);
  const read = await file.read(new Uint8Array(BYTES), 0, BYTES, 0);
  const pagesRead = cachedPages(path);
  await file.sync();
  await file.close();
  return { written, read, pagesWritten, pagesRead };
}

for (const [kind, expected] of Object.entries(PREFERRED) as [FilesystemKind, Expected][]) {
  test(`prefer-direct on ${kind}`, async (t) => {
    if (!needs(t, 'fincore')) return;
    await withFilesystem(t, kind, {}, async ({ directory }) => {
      const { written, read, pagesWritten, pagesRead } = await writeThenRead(join(directory, 'file'), {});
      assert.deepEqual({ write: written.io, read: read.io }, expected);
      if (expected.write === 'direct') {
        assert.equal(written.bufferedBytes, 0);
        assert.deepEqual([pagesWritten, pagesRead], [0, 0], 'nothing is left in the page cache');
      } else {
        assert.equal(written.bufferedBytes, BYTES);
      }
    });
    assertNoLeaks();
  });
}

test('btrfs with checksums buffers writes, and the result says so', async (t) => {
  await withFilesystem(t, 'btrfs', {}, async ({ directory }) => {
    const { written } = await writeThenRead(join(directory, 'file'), {});
    assert.notEqual(written.io, 'direct');
    assert.equal(written.bufferedBytes, BYTES);
  });
});

test("io: 'direct' moves the bytes to and from the device and leaves no page", async (t) => {
  if (!needs(t, 'fincore')) return;
  await withFilesystem(t, 'ext4', {}, async ({ directory }) => {
    const before = ioCounters();
    const { written, read, pagesRead } = await writeThenRead(join(directory, 'file'), { io: 'direct' });
    const after = ioCounters();
    assert.deepEqual([written.io, read.io, pagesRead], ['direct', 'direct', 0]);
    assert.ok(after.writeBytes - before.writeBytes >= BYTES, 'the kernel counted the bytes as written to storage');
    assert.ok(after.readBytes - before.readBytes >= BYTES, 'and as read from there');
  });
});

test("io: 'direct' takes unaligned writes and keeps the bytes around them", async (t) => {
  await withFilesystem(t, 'xfs-4kn', {}, async ({ directory }) => {
    const path = join(directory, 'file');
    writeFileSync(path, new Uint8Array(20_000).fill(1));
    dropFromCache(path);
    await using file = await open(path, 'r+', { io: 'direct' });
    const { io, bufferedBytes } = await file.write(new Uint8Array(9000).fill(2), 0, 9000, 3001);
    assert.deepEqual([io, bufferedBytes], ['direct', 0]);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(30_000), 0, 30_000, 0);
    assert.equal(bytesRead, 20_000);
    const runs = [buffer.indexOf(2), buffer.lastIndexOf(2), buffer.lastIndexOf(1)];
    assert.deepEqual(runs, [3001, 3001 + 8999, 19_999]);
  });
});

async function onHere(t: TestContext, options: OpenOptions) {
  return writeThenRead(join(tempDirectory(t), 'file'), options);
}

test('drop-behind leaves no page', async (t) => {
  if (!needs(t, 'fincore')) return;
  await withFilesystem(t, 'ext4', {}, async ({ directory }) => {
    const path = join(directory, 'file');
    const { written, read } = await writeThenRead(path, { io: 'drop-behind' });
    if (!hasAddon()) {
      assert.equal(written.io, 'buffered', 'without the addon nothing can be dropped, and the result says so');
      return;
    }
    assert.deepEqual([written.io, read.io], ['drop-behind', 'drop-behind']);
    assert.equal(cachedPages(path), 0);
  });
});

test('buffered is what node:fs does', async (t) => {
  if (!needs(t, 'fincore')) return;
  const { written, read, pagesRead } = await onHere(t, { io: 'buffered' });
  assert.deepEqual([written.io, read.io, pagesRead], ['buffered', 'buffered', PAGES]);
  assert.equal(written.bufferedBytes, BYTES);
});

test('unaligned ends go through the page cache and are gone from it after sync', async (t) => {
  if (!needs(t, 'fincore') || !hasAddon()) {
    t.skip('needs the addon and fincore');
    return;
  }
  await withFilesystem(t, 'ext4', {}, async ({ directory }) => {
    const path = join(directory, 'file');
    await using file = await open(path, 'wx');
    const { io, bufferedBytes } = await file.write(new Uint8Array(100_000), 0, 100_000, 1000);
    assert.equal(io, 'direct');
    // 1000…4096 at the front, 98304…101000 at the back.
    assert.equal(bufferedBytes, 3096 + 2696);
    await file.sync();
    assert.equal(cachedPages(path), 0);
  });
});

test('the result has what Node has, and the rest on its prototype', async (t) => {
  const path = join(tempDirectory(t), 'file');
  await using file = await open(path, 'w+');
  const result = await file.write(new Uint8Array(8192), 0, 8192, 0);
  assert.deepEqual(Object.keys(result), ['bytesWritten', 'buffer']);
  assert.deepEqual(result.extents, [{ offset: 0, length: 8192, state: 'done' }]);
  assert.ok(result.requests >= 1);
  assert.equal(typeof result.copiedBytes, 'number');
  assert.equal(result.stable, false, 'a write is not durable by itself');
});

for (const engine of ['auto', 'threads'] as const) {
  test(`durability by dsync, datasync and sync: ${engine}`, async (t) => {
    await withFilesystem(t, 'here', {}, async ({ directory }) => {
      await using file = await open(join(directory, 'file'), 'wx+', { engine });
      const aligned = await file.write(new Uint8Array(8192).fill(1), { position: 0, dsync: true });
      const unaligned = await file.write(new Uint8Array(9000).fill(2), { position: 100, dsync: true });
      assert.deepEqual([aligned.stable, unaligned.stable], [true, true]);
      await file.write(new Uint8Array(5000), 0, 5000, 20_000);
      assert.equal(await file.datasync(), undefined);
      assert.equal(await file.sync(), undefined);
    });
    assertNoLeaks();
  });
}
