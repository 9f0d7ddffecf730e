// Sizes beyond the kernel's own limits: offsets over 4 GiB, over 1,024 vectors, over 2 GiB in one call; and holes.
import assert from 'node:assert/strict';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { open } from '../../src/index.js';
import { IovIter } from '../../src/iter.js';
import { assertNoLeaks } from '../support/leaks.js';
import { Random, withSeed } from '../support/random.js';
import { withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';

const GIB = 2 ** 30;
const ENGINES = ['auto', 'threads'] as const;

afterEach(assertNoLeaks);

for (const engine of ENGINES) {
  test(`offsets beyond 4 GiB in a sparse file: ${engine}`, async (t) => {
    const path = join(tempDirectory(t), 'sparse');
    await using file = await open(path, 'wx+', { engine });
    const random = new Random(1);
    const written = new Map<number, Uint8Array>();
    for (const offset of [4 * GIB - 5000, 5 * GIB, 9 * GIB + 123, 2 ** 40 + 7]) {
      const bytes = new Uint8Array(20_001);
      random.fill(bytes);
      written.set(offset, bytes);
      await file.write(bytes, 0, bytes.length, offset);
    }
    for (const [offset, bytes] of written) {
      const { buffer, bytesRead } = await file.read(new Uint8Array(bytes.length), 0, bytes.length, offset);
      assert.equal(bytesRead, bytes.length);
      assert.equal(Buffer.compare(buffer, bytes), 0, `at ${offset}`);
    }
    assert.equal((await file.stat()).size, 2 ** 40 + 7 + 20_001);
    assert.ok(statSync(path).blocks * 512 < GIB, 'what was not written takes no space');
  });

  test(`holes read as zeros: ${engine}`, async (t) => {
    await withFilesystem(t, 'xfs', {}, async ({ directory }) => {
      const path = join(directory, 'holes');
      writeFileSync(path, 'data');
      truncateSync(path, 10 * 1024 * 1024 + 13);
      await using file = await open(path, 'r+', { engine });
      await file.write(Buffer.from('more'), 0, 4, 5_000_001);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(11 * 1024 * 1024, 0xff), { position: 0 });
      assert.equal(bytesRead, 10 * 1024 * 1024 + 13);
      const expected = Buffer.alloc(bytesRead);
      expected.write('data', 0);
      expected.write('more', 5_000_001);
      assert.equal(Buffer.compare(buffer.subarray(0, bytesRead), expected), 0);
    });
  });

  test(`5,000 vectors in one call: ${engine}`, async (t) => {
    await withFilesystem(t, 'here', {}, async ({ directory }) => {
      await withSeed(async (random) => {
        const views = Array.from({ length: 5000 }, () => new Uint8Array(random.between(0, 3000)));
        for (const view of views) random.fill(view);
        const total = views.reduce((sum, view) => sum + view.length, 0);
        await using file = await open(join(directory, 'file'), 'wx+', { engine });
        assert.equal((await file.writev(views, 777)).bytesWritten, total);
        const back = views.map((view) => new Uint8Array(view.length));
        assert.equal((await file.readv(back, 777)).bytesRead, total);
        assert.equal(Buffer.compare(Buffer.concat(back), Buffer.concat(views)), 0);
      });
    });
  });

  test(`3,000 vectors in one page: ${engine}`, async (t) => {
    const path = join(tempDirectory(t), 'file');
    writeFileSync(path, new Uint8Array(5000).fill(0xff));
    await using file = await open(path, 'r+', { engine });
    const views = Array.from({ length: 3000 }, (_, index) => new Uint8Array([index]));
    assert.equal((await file.writev(views, 700)).bytesWritten, 3000);
    const back = views.map(() => new Uint8Array(1));
    assert.equal((await file.readv(back, 700)).bytesRead, 3000);
    assert.ok(back.every(([byte], index) => byte === index % 256));
    const { buffer } = await file.read(Buffer.alloc(5000), { position: 0 });
    assert.deepEqual([buffer[699], buffer[3700]], [0xff, 0xff]);
  });

  test(`more than 2 GiB in one call: ${engine}`, async (t) => {
    const piece = 256 * 1024 * 1024;
    if (freemem() < 4 * piece) {
      t.skip(`needs 1 GiB of free memory, there are ${Math.floor(freemem() / 2 ** 20)} MiB`);
      return;
    }
    const path = join(tempDirectory(t), 'sparse');
    writeFileSync(path, '');
    const size = 2 * GIB + 5 * 4096 + 17;
    truncateSync(path, size);
    await using file = await open(path, 'r+', { engine });
    const last = Buffer.from('the last bytes');
    await file.write(last, 0, last.length, size - last.length);
    // The same memory again and again: what is read last stands in it.
    const memory = new Uint8Array(piece).fill(0xff);
    const views = Array.from({ length: 9 }, () => memory);
    const iterator = IovIter.iovec(views);
    const { bytesRead } = await file.read(iterator, { position: 0 });
    assert.equal(bytesRead, size);
    assert.equal(iterator.count, 9 * piece - size, 'the iterator stands at what was read');
    const end = size - 8 * piece;
    assert.equal(Buffer.from(memory.subarray(end - last.length, end)).toString(), 'the last bytes');
    assert.ok(
      memory.subarray(0, end - last.length).every((byte) => byte === 0),
      'and the hole before them as zeros',
    );
  });
}
