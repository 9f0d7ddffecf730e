// 1,024 scattered pages reach the device as few block requests: by the kernel's own trace, not by our counters.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { open } from '../../src/index.js';
import { Region } from '../../src/memory.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon } from '../support/needs.js';
import { Random } from '../support/random.js';
import { type BlockRequest, withBlockTrace, withFilesystem } from '../support/root-harness.js';

const PAGE = 4096;
const COUNT = 1024;
const BYTES = COUNT * PAGE;
/** The loop device takes 128 segments a request, and no two shuffled pages are neighbours: 8 requests where none is copied. */
const REQUESTS_MAX = 32;

/** The pages of one region in an order that leaves no two neighbours together. */
function scatteredPages(memory: Uint8Array): Uint8Array[] {
  const random = new Random(1);
  const order = Array.from({ length: COUNT }, (_, page) => page);
  for (let i = COUNT - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  return order.map((page) => memory.subarray(2 * page * PAGE, (2 * page + 1) * PAGE));
}

/** Requests for the file's data, without the file system's own. */
function data(requests: readonly BlockRequest[], direction: 'R' | 'W'): BlockRequest[] {
  return requests.filter(({ kind, bytes }) => kind.includes(direction) && !kind.includes('M') && bytes > 0);
}

for (const engine of ['auto', 'threads'] as const) {
  test(`1,024 scattered pages, ${engine}`, async (t) => {
    if (!hasAddon()) {
      t.skip('needs the addon: without it what is scattered is gathered by copying');
      return;
    }
    await withFilesystem(t, 'ext4', {}, async ({ directory, device }) => {
      assert.ok(device !== null);
      using region = new Region(2 * BYTES);
      const pages = scatteredPages(region.bytes);
      for (const [index, page] of pages.entries()) page.fill(index);
      await using file = await open(join(directory, 'file'), 'wx+', { engine });
      await file.truncate(BYTES);
      await withBlockTrace(t, device, async (trace) => {
        const written = await file.writev(pages, 0);
        assert.equal(written.requests, BYTES / 2 ** 20, 'requests of 1 MiB');
        const issued = data(trace.requests(), 'W');
        const moved = issued.reduce((sum, { bytes }) => sum + bytes, 0);
        assert.ok(moved >= BYTES, `all bytes went to the device: ${moved}`);
        assert.ok(issued.length <= REQUESTS_MAX, `${issued.length} block requests for ${COUNT} pages`);
        region.bytes.fill(0);
        await file.readv(pages, 0);
        const read = data(trace.requests(), 'R');
        assert.ok(read.length <= REQUESTS_MAX, `${read.length} block requests to read ${COUNT} pages`);
        assert.ok(pages.every((page, index) => page.every((byte) => byte === index % 256)));
      });
    });
    assertNoLeaks();
  });
}

test('long scattered runs go as they lie, in few block requests', async (t) => {
  if (!hasAddon()) {
    t.skip('needs the addon: without it what is scattered is gathered by copying');
    return;
  }
  await withFilesystem(t, 'ext4', {}, async ({ directory, device }) => {
    assert.ok(device !== null);
    using region = new Region(2 * BYTES);
    const run = 16 * PAGE;
    const runs = Array.from({ length: BYTES / run }, (_, index) =>
      region.bytes.subarray(2 * index * run).subarray(0, run),
    );
    await using file = await open(join(directory, 'file'), 'wx+');
    await withBlockTrace(t, device, async (trace) => {
      const written = await file.writev(runs.reverse(), 0);
      assert.equal(written.copiedBytes, 0);
      const issued = data(trace.requests(), 'W');
      assert.ok(issued.length <= REQUESTS_MAX, `${issued.length} block requests for ${runs.length} runs`);
    });
  });
  assertNoLeaks();
});

test('1,024 pieces of 512 bytes become few block requests as well', async (t) => {
  await withFilesystem(t, 'ext4', {}, async ({ directory, device }) => {
    assert.ok(device !== null);
    const memory = new Uint8Array(COUNT * 1024).fill(3);
    const pieces = Array.from({ length: COUNT }, (_, index) => memory.subarray(index * 1024, index * 1024 + 512));
    await using file = await open(join(directory, 'file'), 'wx+');
    await withBlockTrace(t, device, async (trace) => {
      await file.writev(pieces, 0);
      const issued = data(trace.requests(), 'W');
      assert.ok(issued.length <= 8, `${issued.length} block requests for 512 KiB`);
    });
  });
  assertNoLeaks();
});
