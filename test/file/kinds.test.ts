// Iterators of every kind as the memory of a file's reads and writes, from the middle of what they hold.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { open } from '../../src/index.js';
import { FolioQueue, IovIter } from '../../src/iter.js';
import { Region } from '../../src/memory.js';
import { MEMORY_KINDS, pattern } from '../support/iterators.js';
import { canBe, memoryAs } from '../support/transfer-memory.js';

const directory = mkdtempSync(join(tmpdir(), 'diorite-test-'));
after(() => rmSync(directory, { recursive: true }));

const PAGE = 4096;

/** Whole pages in any order and a part of one; one piece; and pieces of any length at any place. */
function viewsOf(shape: string): Uint8Array[] {
  const { bytes } = new Region(40 * PAGE);
  const page = (index: number, length = PAGE): Uint8Array => bytes.subarray(index * PAGE, index * PAGE + length);
  if (shape === 'one piece') return [page(2, 9 * PAGE + 77)];
  if (shape === 'pages') return [7, 8, 3, 30, 31, 32, 1].map((index) => page(index)).concat(page(20, 1000));
  return [page(2, 5 * PAGE), bytes.subarray(30_001, 30_007), page(12, 512), bytes.subarray(80_000, 99_999)];
}

function gather(views: readonly Uint8Array[]): Buffer {
  return Buffer.concat(views);
}

for (const engine of ['uring', 'threads'] as const) {
  for (const kind of MEMORY_KINDS) {
    describe(`${engine}, ${kind}`, () => {
      for (const shape of ['one piece', 'pages', 'pieces'])
        for (const position of [0, 4096, 5001]) {
          const views = viewsOf(shape);
          if (!canBe(kind, views)) continue;
          it(`${shape} at ${position}`, async () => {
            const path = join(directory, `${engine}-${kind}-${shape}-${position}`);
            const length = views.reduce((sum, view) => sum + view.length, 0);
            const data = pattern(length, 99);
            const fill = (from: Uint8Array): void => {
              let at = 0;
              for (const view of views) {
                view.set(from.subarray(at, at + view.length));
                at += view.length;
              }
            };
            writeFileSync(path, Buffer.alloc(position + length + 10, 1));
            await using file = await open(path, 'r+', { engine });
            fill(data);
            const out = memoryAs(kind, views);
            const before = out.iter.count;
            assert.equal((await file.write(out.iter, { length, position })).bytesWritten, length);
            assert.equal(before - out.iter.count, length);
            const expected = Buffer.alloc(position + length + 10, 1);
            expected.set(data, position);
            assert.ok(readFileSync(path).equals(expected), 'the bytes, and nothing before or behind them');
            fill(new Uint8Array(length));
            const into = memoryAs(kind, views);
            assert.equal((await file.read(into.iter, { length, position })).bytesRead, length);
            assert.equal(before - into.iter.count, length);
            assert.ok(gather(views).equals(data));
            assert.ok(out.isAroundUntouched() && into.isAroundUntouched());
          });
        }
    });
  }
}

describe('a queue at the handle’s own position', () => {
  it('is consumed by one call after the other, and refuses what an earlier one has consumed', async () => {
    await using file = await open(join(directory, 'stream'), 'w+');
    const queue = new FolioQueue();
    const data = pattern(10_000);
    for (let at = 0; at < data.length; at += 1000) queue.push(data.subarray(at, at + 1000));
    const iter = IovIter.folioq(queue);
    const [first, second] = [file.write(iter, { length: 4500 }), file.write(iter, { length: 5000 })];
    const third = file.write(iter);
    await Promise.all([first, second]);
    await assert.rejects(third, { code: 'ERR_DIORITE_ITERATOR_BOUNDS' });
    assert.deepEqual([iter.count, queue.bytes, queue.firstSlot], [500, 500 + 500, 9]);
    await file.write(iter);
    assert.ok(readFileSync(join(directory, 'stream')).equals(data));
    assert.equal(queue.bytes, 0);
  });
});
