// copy() as a function: arguments, progress, abort, what the result says, and verification of a corrupted copy.
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { copyWith } from '../../src/copy/copy.js';
import { type CopyOptions, type CopyProgress, copy } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { requireAddon } from '../support/needs.js';
import { Random } from '../support/random.js';
import { type FilesystemKind, withFilesystem } from '../support/root-harness.js';
import { cachedPages, dropFromCache, tempDirectory } from '../support/temp.js';

const MIB = 1024 * 1024;

function setUp(
  t: TestContext,
  length = 5 * MIB + 333,
): { directory: string; source: string; bytes: Buffer; to: string } {
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  const bytes = Buffer.alloc(length);
  new Random(length).fill(bytes);
  writeFileSync(source, bytes);
  return { directory, source, bytes, to: join(directory, 'copy') };
}

test('paths may be strings, buffers and URLs', async (t) => {
  const { directory, source, bytes } = setUp(t, 100);
  for (const [i, path] of [source, Buffer.from(source), pathToFileURL(source)].entries()) {
    const to = join(directory, `copy-${i}`);
    await copy(path, i === 1 ? Buffer.from(to) : to);
    assert.ok(readFileSync(to).equals(bytes));
  }
});

const WRONG: readonly (readonly [string, unknown, string])[] = [
  ['depth', -1, 'ERR_OUT_OF_RANGE'],
  ['depth', 0, 'ERR_OUT_OF_RANGE'],
  ['depth', 1.5, 'ERR_OUT_OF_RANGE'],
  ['depth', '8', 'ERR_INVALID_ARG_TYPE'],
  ['requestBytes', 1000, 'ERR_OUT_OF_RANGE'],
  ['requestBytes', 2 ** 40, 'ERR_OUT_OF_RANGE'],
  ['io', 'fast', 'ERR_INVALID_ARG_VALUE'],
  ['engine', 'steam', 'ERR_INVALID_ARG_VALUE'],
  ['force', 'yes', 'ERR_INVALID_ARG_TYPE'],
  ['signal', {}, 'ERR_INVALID_ARG_TYPE'],
  ['onProgress', 1, 'ERR_INVALID_ARG_TYPE'],
];

test('a wrong option is named, and nothing is touched', async (t) => {
  const { directory, source, to } = setUp(t, 100);
  for (const [name, value, code] of WRONG) {
    // Wrong on purpose: what TypeScript would refuse must be refused from JavaScript too.
    const options = { [name]: value } as CopyOptions;
    await assert.rejects(copy(source, to, options), (error: Error & { code?: string }) => {
      assert.equal(error.code, code, `${name}: ${String(value)}`);
      assert.match(error.message, new RegExp(`options\\.${name}`));
      return true;
    });
  }
  for (const path of ['', 'a\0b', 5, null]) {
    await assert.rejects(copy(path as string, to), { message: /"source"/ });
    await assert.rejects(copy(source, path as string), { message: /"destination"/ });
  }
  assert.deepEqual(readdirSync(directory), ['source']);
});

test('progress goes up to the whole, once for each phase', async (t) => {
  const { source, to, bytes } = setUp(t);
  const seen: CopyProgress[] = [];
  await copy(source, to, { verify: true, requestBytes: 65536, onProgress: (progress) => seen.push(progress) });
  for (const phase of ['copy', 'verify']) {
    const done = seen.filter((each) => each.phase === phase).map(({ doneBytes }) => doneBytes);
    assert.equal(done.at(-1), bytes.length);
    assert.deepEqual(
      done,
      done.toSorted((a, b) => a - b),
    );
  }
  assert.ok(seen.every(({ totalBytes }) => totalBytes === bytes.length));
});

test('an abort at any moment leaves nothing', async (t) => {
  const { directory, source, to, bytes } = setUp(t);
  writeFileSync(to, 'old');
  // Parts of each phase: how often progress is told depends on how many answers come at once.
  for (const [phase, part] of [
    ['before', 0],
    ...[0, 0.2, 0.4, 0.6].map((each) => ['copy', each] as const),
    ...[0, 0.2, 0.4, 0.6].map((each) => ['verify', each] as const),
  ] as const) {
    const controller = new AbortController();
    if (phase === 'before') controller.abort();
    const onProgress = (progress: CopyProgress): void => {
      if (progress.phase === phase && progress.doneBytes >= part * bytes.length) controller.abort();
    };
    const options = {
      force: true,
      verify: true,
      depth: 2,
      requestBytes: 524288,
      signal: controller.signal,
      onProgress,
    };
    await assert.rejects(copy(source, to, options), { name: 'AbortError', code: 'ABORT_ERR' });
    assert.deepEqual(readdirSync(directory).sort(), ['copy', 'source']);
    assert.equal(readFileSync(to, 'utf8'), 'old');
  }
  assertNoLeaks();
});

test('an error thrown by onProgress ends the copy and comes out', async (t) => {
  const { directory, source, to } = setUp(t);
  const onProgress = (): never => {
    throw new RangeError('mine');
  };
  await assert.rejects(copy(source, to, { onProgress }), { name: 'RangeError', message: 'mine' });
  assert.deepEqual(readdirSync(directory), ['source']);
  assertNoLeaks();
});

for (const engine of ['auto', 'threads'] as const) {
  test(`direct I/O leaves no pages in the cache, and few requests (${engine})`, async (t) => {
    if (!requireAddon(t)) return;
    const { source, to, bytes } = setUp(t, 16 * MIB);
    dropFromCache(source);
    const result = await copy(source, to, { engine, requestBytes: MIB });
    if (result.io.read !== 'direct' || result.io.write !== 'direct') {
      t.skip(`the directory for temporary files does no direct I/O: ${JSON.stringify(result.io)}`);
      return;
    }
    assert.equal(cachedPages(source), 0);
    assert.equal(cachedPages(to), 0);
    assert.equal(result.bufferedBytes, 0);
    assert.equal(result.copiedBytes, 0);
    assert.equal(result.requests, 32);
    assert.equal(result.averageRequestBytes, MIB);
    assert.equal(result.stable, true);
    assert.ok(readFileSync(to).equals(bytes));
  });
}

const CORRUPTED: readonly FilesystemKind[] = ['here', 'ext4', 'xfs', 'btrfs', 'tmpfs'];

for (const kind of CORRUPTED) {
  test(`verify finds a byte that changed on the way, and publishes nothing: ${kind}`, async (t) => {
    const { source } = setUp(t);
    await withFilesystem(t, kind, {}, async ({ directory }) => {
      const to = join(directory, 'copy');
      for (const offset of [0, 1, 4096, 3 * MIB + 77, 5 * MIB + 332]) {
        const settled = (path: string | null): void => {
          const fd = openSync(path ?? '', 'r+');
          const [byte = 0] = readFileSync(source).subarray(offset, offset + 1);
          writeSync(fd, Buffer.of(byte ^ 0x40), 0, 1, offset);
          closeSync(fd);
        };
        await assert.rejects(copyWith(source, to, { verify: true, requestBytes: 65536 }, { settled }), {
          code: 'ERR_DIORITE_VERIFY',
          offset,
        });
      }
      assert.deepEqual(
        readdirSync(directory).filter((name) => /copy|diorite/.test(name)),
        [],
      );
    });
    assertNoLeaks();
  });
}

test('verify finds a destination that lost its end, and one that gained bytes in a hole', async (t) => {
  const { directory, to } = setUp(t, 10);
  const source = join(directory, 'sparse');
  const fd = openSync(source, 'w');
  writeSync(fd, 'end', 3 * MIB);
  closeSync(fd);
  const settled = (path: string | null): void => {
    const hole = openSync(path ?? '', 'r+');
    writeSync(hole, 'ghost', 2 * MIB + 5);
    closeSync(hole);
  };
  await assert.rejects(copyWith(source, to, { verify: true }, { settled }), {
    code: 'ERR_DIORITE_VERIFY',
    offset: 2 * MIB + 5,
  });
});

test("io: 'direct' where it cannot be had is refused, and leaves nothing", async (t) => {
  const { source } = setUp(t, 100);
  await withFilesystem(t, 'tmpfs', {}, async ({ directory }) => {
    const to = join(directory, 'copy');
    await assert.rejects(copy(source, to, { io: 'direct' }), { code: 'ERR_DIORITE_NOT_DIRECT', path: to });
    assert.deepEqual(readdirSync(directory), []);
  });
});

test('many copies at a time', async (t) => {
  const { directory, source, bytes } = setUp(t, 3 * MIB + 1);
  const names = Array.from({ length: 24 }, (_, i) => join(directory, `copy-${i}`));
  await Promise.all(names.map((to) => copy(source, to, { verify: true, depth: 32 })));
  for (const name of names) assert.ok(readFileSync(name).equals(bytes));
  assertNoLeaks();
});

test('of two copies to one new name, one wins and the other is told; never both, never half', async (t) => {
  const { directory, source, bytes, to } = setUp(t, MIB);
  const outcomes = await Promise.allSettled([copy(source, to), copy(source, to)]);
  const failed = outcomes.filter((each) => each.status === 'rejected');
  assert.equal(failed.length, 1);
  assert.equal(failed[0]?.reason.code, 'ERR_DIORITE_EXISTS');
  assert.ok(readFileSync(to).equals(bytes));
  assert.deepEqual(readdirSync(directory).sort(), ['copy', 'source']);
});

test('a library without the addon copies, too', async (t) => {
  const { source, to, bytes } = setUp(t);
  const { runJson } = await import('../support/children.js');
  const result = await runJson(new URL('../cli/start.js', import.meta.url), {
    args: ['copy', source, to, '--json', '--verify'],
    env: { DIORITE_ADDON: 'off' },
  });
  assert.ok(result !== null && typeof result === 'object' && 'engine' in result && result.engine === 'threads');
  assert.ok(readFileSync(to).equals(bytes));
});
