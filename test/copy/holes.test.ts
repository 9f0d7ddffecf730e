// Holes stay holes where the destination is known to read as zeros; every byte is right everywhere.
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type CopyResult, copy, type DataRange, open } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { requireAddon } from '../support/needs.js';
import { Random, withSeed } from '../support/random.js';
import { type FilesystemKind, withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';

const MIB = 1024 * 1024;

/** A file of `size` bytes with data at some places only. */
function sparseFile(path: string, size: number, places: readonly (readonly [number, Uint8Array])[]): void {
  writeFileSync(path, '');
  truncateSync(path, size);
  const fd = openSync(path, 'r+');
  for (const [offset, bytes] of places) writeSync(fd, bytes, 0, bytes.length, offset);
  closeSync(fd);
}

async function mapOf(path: string): Promise<DataRange[]> {
  const file = await open(path);
  const ranges: DataRange[] = [];
  const { size } = await file.stat();
  for await (const range of file.target.holes?.map(0, size) ?? []) ranges.push(range);
  await file.close();
  return ranges;
}

/** ext4 has blocks of 1 KiB on a small device: each end of a range of data is then widened to its page, three blocks. */
const WIDENED_SECTORS = 2 * 3 * 2;
/** Blocks that hold the list of the others. */
const LIST_SECTORS = 16;

function assertSizes(result: CopyResult, source: string, to: string, ranges = 1): void {
  assert.equal(statSync(to).size, statSync(source).size);
  assert.equal(result.bytes, statSync(source).size);
  const most = statSync(source).blocks + LIST_SECTORS + ranges * WIDENED_SECTORS;
  assert.ok(statSync(to).blocks <= most, `${statSync(to).blocks} sectors for ${statSync(source).blocks}`);
}

const KINDS: readonly FilesystemKind[] = ['here', 'ext4', 'xfs', 'xfs-4kn', 'btrfs', 'tmpfs'];

for (const kind of KINDS) {
  test(`random sparse files, on ${kind}`, async (t) => {
    if (!requireAddon(t)) return;
    await withFilesystem(t, kind, {}, async ({ directory }) => {
      await withSeed(async (random) => {
        for (let round = 0; round < 8; round++) {
          const size = random.between(1, 12 * MIB);
          const places = Array.from({ length: random.between(0, 12) }, () => {
            const offset = random.below(size);
            const bytes = new Uint8Array(Math.min(size - offset, random.between(1, random.pick([100, 5000, 2 * MIB]))));
            random.fill(bytes);
            return [offset, bytes] as const;
          });
          const source = join(directory, `source-${round}`);
          const to = join(directory, `copy-${round}`);
          sparseFile(source, size, places);
          const result = await copy(source, to, {
            verify: random.chance(2),
            requestBytes: random.pick([4096, 65536, MIB]),
          });
          assert.ok(readFileSync(to).equals(readFileSync(source)), `round ${round}`);
          const ranges = (await mapOf(source)).length;
          assertSizes(result, source, to, ranges);
          assert.ok((await mapOf(to)).length <= ranges, 'no more ranges of data');
        }
      });
      assertNoLeaks();
    });
  });
}

test('a file of more than 4 GiB, nearly all of it a hole', async (t) => {
  if (!requireAddon(t)) return;
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  const to = join(directory, 'copy');
  const size = 6 * 1024 * MIB + 1;
  const words = Buffer.from('diorite');
  const offsets = [0, 4 * 1024 * MIB - 3, 5 * 1024 * MIB + 12_345, size - words.length];
  sparseFile(
    source,
    size,
    offsets.map((offset) => [offset, words] as const),
  );
  const result = await copy(source, to, { verify: true });
  assertSizes(result, source, to);
  assert.ok(result.holesBytes > size - MIB);
  const fd = openSync(to, 'r');
  const found = Buffer.alloc(words.length);
  for (const offset of offsets) {
    readSync(fd, found, 0, found.length, offset);
    assert.deepEqual(found, words);
  }
  closeSync(fd);
});

test('a file that is nothing but a hole, and one that ends in one', async (t) => {
  if (!requireAddon(t)) return;
  const directory = tempDirectory(t);
  for (const [name, places] of [
    ['hole', []],
    ['end', [[0, Buffer.from('start')]]],
  ] as const) {
    const source = join(directory, name);
    sparseFile(source, 3 * MIB + 7, places);
    const to = join(directory, `${name}-copy`);
    assertSizes(await copy(source, to, { verify: true }), source, to);
    assert.ok(readFileSync(to).equals(readFileSync(source)));
  }
});

test('what is replaced does not show through the holes', async (t) => {
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  const to = join(directory, 'copy');
  sparseFile(source, 2 * MIB, [[MIB, Buffer.from('middle')]]);
  writeFileSync(to, Buffer.alloc(5 * MIB, 'old'));
  await copy(source, to, { force: true });
  assert.ok(readFileSync(to).equals(readFileSync(source)));
});

test('many small ranges', async (t) => {
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  const to = join(directory, 'copy');
  const random = new Random(5);
  const bytes = new Uint8Array(4096);
  const places = Array.from({ length: 1000 }, (_, i) => {
    random.fill(bytes);
    return [i * 8192, bytes.slice()] as const;
  });
  sparseFile(source, 1000 * 8192, places);
  assertSizes(await copy(source, to, { verify: true }), source, to);
  assert.ok(readFileSync(to).equals(readFileSync(source)));
});
