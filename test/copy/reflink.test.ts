// reflink: 'auto': blocks are shared where that can be; where not, bytes are moved, and the result says so.
import assert from 'node:assert/strict';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { copy } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { requireAddon } from '../support/needs.js';
import { Random } from '../support/random.js';
import { type FilesystemKind, withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';

const MIB = 1024 * 1024;
const SIZE = 5 * MIB + 333;

/** With a hole at its end, and bytes that are in the page cache only. */
function makeSource(path: string): Buffer {
  const bytes = Buffer.alloc(SIZE);
  new Random(SIZE).fill(bytes.subarray(0, 4 * MIB));
  writeFileSync(path, bytes.subarray(0, 4 * MIB));
  truncateSync(path, SIZE);
  return bytes;
}

const CLONES: readonly (readonly [FilesystemKind, boolean])[] = [
  ['xfs', true],
  ['btrfs', true],
  ['ext4', false],
  ['tmpfs', false],
];

for (const [kind, clones] of CLONES) {
  for (const verify of [false, true]) {
    test(`on ${kind}${verify ? ', verified' : ''}`, async (t) => {
      if (!requireAddon(t)) return;
      await withFilesystem(t, kind, {}, async ({ directory }) => {
        const source = join(directory, 'source');
        const to = join(directory, 'copy');
        const bytes = makeSource(source);
        const result = await copy(source, to, { reflink: 'auto', verify });
        assert.ok(readFileSync(to).equals(bytes));
        assert.equal(statSync(to).mode & 0o777, 0o666 & ~process.umask());
        assert.equal(result.verified, verify);
        assert.equal(result.stable, true);
        assert.equal(result.bytes, SIZE);
        if (clones) {
          assert.deepEqual(result.io, { read: 'clone', write: 'clone' });
          assert.equal(result.reflinkReason, null);
          assert.equal(result.writeRequests, 0);
          if (!verify) assert.equal(result.requests, 0);
        } else {
          assert.notEqual(result.io.write, 'clone');
          assert.match(result.reflinkReason ?? '', /^FICLONE: [A-Z]+$/);
          assert.ok(result.writeRequests > 0);
        }
        // Shared, and yet two files.
        const fd = openSync(source, 'r+');
        writeSync(fd, 'other', 12_345);
        closeSync(fd);
        assert.ok(readFileSync(to).equals(bytes));
        assert.deepEqual(
          readdirSync(directory).filter((name) => name.includes('diorite')),
          [],
        );
      });
      assertNoLeaks();
    });
  }
}

test('never, the default, moves bytes', async (t) => {
  await withFilesystem(t, 'btrfs', {}, async ({ directory }) => {
    const source = join(directory, 'source');
    makeSource(source);
    const { io, writeRequests, reflinkReason } = await copy(source, join(directory, 'copy'));
    assert.notEqual(io.write, 'clone');
    assert.ok(writeRequests > 0);
    assert.equal(reflinkReason, null);
  });
});

test('an old file is replaced by a clone, and keeps its bits', async (t) => {
  await withFilesystem(t, 'xfs', {}, async ({ directory }) => {
    const source = join(directory, 'source');
    const to = join(directory, 'copy');
    const bytes = makeSource(source);
    writeFileSync(to, 'old', { mode: 0o640 });
    await assert.rejects(copy(source, to, { reflink: 'auto' }), { code: 'ERR_DIORITE_EXISTS' });
    const { io } = await copy(source, to, { reflink: 'auto', force: true });
    assert.equal(io.write, 'clone');
    assert.ok(readFileSync(to).equals(bytes));
    assert.equal(statSync(to).mode & 0o777, 0o640);
  });
});

test('of two destinations one is a clone, the other is on another file system', async (t) => {
  if (!requireAddon(t)) return;
  const outside = tempDirectory(t);
  await withFilesystem(t, 'btrfs', {}, async ({ directory }) => {
    const source = join(directory, 'source');
    const bytes = makeSource(source);
    for (const verify of [false, true]) {
      const to = [join(directory, `copy-${verify}`), join(outside, `copy-${verify}`)];
      const { destinations, io } = await copy(source, to, { reflink: 'auto', verify });
      for (const path of to) assert.ok(readFileSync(path).equals(bytes));
      const [one, other] = destinations;
      assert.ok(one?.error === null && other?.error === null);
      assert.equal(one.io, 'clone');
      assert.equal(one.reflinkReason, null);
      assert.notEqual(other.io, 'clone');
      assert.equal(other.reflinkReason, 'FICLONE: EXDEV');
      assert.notEqual(io, 'clone');
    }
  });
});

test('without the addon bytes are moved, and the reason is given', async (t) => {
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  const bytes = makeSource(source);
  const to = join(directory, 'copy');
  const { runJson } = await import('../support/children.js');
  const result = await runJson(new URL('../cli/start.js', import.meta.url), {
    args: ['copy', source, to, '--json', '--reflink', 'auto'],
    env: { DIORITE_ADDON: 'off' },
  });
  assert.ok(result !== null && typeof result === 'object' && 'reflinkReason' in result);
  assert.match(String(result.reflinkReason), /addon/);
  assert.ok(readFileSync(to).equals(bytes));
});
