// copy() to several destinations: one reading, each by itself; what fails is told, with its ledger, and nobody else's.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  watch,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { open as openNode } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { copyAllWith } from '../../src/copy/copy.js';
import { CopyError } from '../../src/copy/results.js';
import {
  type CopyAllResult,
  type CopyOptions,
  type CopyProgress,
  copy,
  type DioriteError,
  type Extent,
} from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { Random, withSeed } from '../support/random.js';
import { withDevice, withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';

const KIB = 1024;
const MIB = 1024 * KIB;

interface Scene {
  readonly directory: string;
  readonly source: string;
  readonly bytes: Buffer;
  /** Three names in three directories. */
  readonly to: readonly [string, string, string];
}

function setUp(t: TestContext, length = 5 * MIB + 333): Scene {
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  const bytes = Buffer.alloc(length);
  new Random(length).fill(bytes);
  writeFileSync(source, bytes);
  const name = (n: number): string => {
    mkdirSync(join(directory, `${n}`));
    return join(directory, `${n}`, 'copy');
  };
  return { directory, source, bytes, to: [name(0), name(1), name(2)] };
}

async function failureOf(promise: Promise<CopyAllResult>): Promise<CopyError> {
  const error: unknown = await promise.then(
    () => assert.fail('it resolved'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof CopyError, String(error));
  return error;
}

function errorAt({ destinations }: CopyAllResult, i: number): DioriteError {
  const error = destinations[i]?.error;
  assert.ok(error !== null && error !== undefined, `destination ${i} failed`);
  return error;
}

/** Covers the copy without gap or overlap. */
function assertLedger(extents: readonly Extent[] | undefined, size: number): void {
  assert.ok(extents !== undefined);
  let at = 0;
  for (const { offset, length } of extents) {
    assert.equal(offset, at);
    assert.ok(length > 0);
    at += length;
  }
  assert.equal(at, size);
}

const temporaries = (directory: string): string[] =>
  readdirSync(directory).filter((name) => name.includes('.diorite-'));

test('each is what cp makes, and the source is read once', async (t) => {
  await withSeed(async (random) => {
    for (let round = 0; round < 6; round++) {
      const { directory, source, bytes, to } = setUp(t, random.between(0, 3 * MIB));
      chmodSync(source, random.pick([0o644, 0o755, 0o600, 0o4755]));
      writeFileSync(to[2], 'old', { mode: 0o640 });
      const options: CopyOptions = {
        force: true,
        verify: random.below(2) === 0,
        requestBytes: 64 * KIB,
        depth: random.between(1, 6),
        io: random.pick(['prefer-direct', 'drop-behind', 'buffered']),
        engine: random.pick(['auto', 'threads']),
      };
      const result = await copy(source, to, options);
      assert.equal(result.readRequests, Math.ceil(bytes.length / (64 * KIB)));
      assert.equal(result.failed, 0);
      for (const [i, path] of to.entries()) {
        const expected = join(directory, `expected-${i}`);
        if (i === 2) writeFileSync(expected, 'old', { mode: 0o640 });
        execFileSync('cp', [source, expected]);
        assert.ok(readFileSync(path).equals(readFileSync(expected)));
        assert.equal(statSync(path).mode, statSync(expected).mode);
        const done = result.destinations[i];
        assert.ok(done !== undefined && done.error === null);
        assert.equal(done.destination, path);
        assert.equal(done.verified, options.verify);
        assert.deepEqual(readdirSync(dirname(path)), ['copy']);
      }
    }
  });
  assertNoLeaks();
});

test('a directory means the name inside it; one destination in a list has the shape of several', async (t) => {
  const { directory, source, bytes, to } = setUp(t, 100_000);
  const { destinations } = await copy(source, [dirname(to[0]), to[1]]);
  const inside = join(directory, '0', 'source');
  assert.equal(destinations[0]?.destination, inside);
  assert.ok(readFileSync(inside).equals(bytes));
  assert.equal((await copy(source, [to[2]])).destinations.length, 1);
});

test('the same destination twice is refused by whatever names, and nothing is made', async (t) => {
  const { directory, source, to } = setUp(t, 100);
  const twice = async (...paths: string[]): Promise<void> => {
    await assert.rejects(copy(source, paths, { force: true }), { code: 'ERR_DIORITE_SAME_FILE' });
    assert.deepEqual(temporaries(directory), []);
  };
  await twice(to[0], to[1], to[0]);
  await twice(to[0], `${dirname(to[0])}/../0/copy`);
  symlinkSync(dirname(to[0]), join(directory, 'short'));
  await twice(to[0], join(directory, 'short', 'copy'));
  symlinkSync(to[0], join(directory, 'dangling'));
  await twice(to[0], join(directory, 'dangling'));
  await twice(dirname(to[0]), join(dirname(to[0]), 'source'));
  writeFileSync(to[1], 'old');
  linkSync(to[1], to[2]);
  await twice(to[1], to[2]);
  assert.equal(readFileSync(to[1], 'utf8'), 'old');
});

test('wrong lists of destinations are refused', async (t) => {
  const { source } = setUp(t, 1);
  for (const list of [[], Array.from({ length: 257 }, (_, i) => `${source}-${i}`)])
    await assert.rejects(copy(source, list), { code: 'ERR_INVALID_ARG_VALUE', message: /"destinations"/ });
  // Wrong on purpose: what TypeScript would refuse must be refused from JavaScript too.
  await assert.rejects(copy(source, ['a', 5 as unknown as string]), { message: /"destinations\[1\]"/ });
});

test('what is refused before it begins is told with all bytes as they were, and the others are written', async (t) => {
  const { directory, source, bytes, to } = setUp(t);
  writeFileSync(to[1], 'old');
  const missing = join(directory, 'no', 'such', 'name');
  const error = await failureOf(copy(source, [to[0], to[1], missing, to[2]]));
  assert.equal(error.code, 'ERR_DIORITE_DESTINATIONS');
  assert.match(error.message, /^2 of 4 destinations were written; /);
  const { result } = error;
  assert.equal(result.failed, 2);
  assert.equal(errorAt(result, 1).code, 'ERR_DIORITE_EXISTS');
  assert.equal(errorAt(result, 2).code, 'ENOENT');
  for (const i of [1, 2])
    assert.deepEqual(errorAt(result, i).extents, [{ offset: 0, length: bytes.length, state: 'failed' }]);
  assert.ok(readFileSync(to[0]).equals(bytes) && readFileSync(to[2]).equals(bytes));
  assert.equal(readFileSync(to[1], 'utf8'), 'old');
});

test('the source among the destinations: the others are written', async (t) => {
  const { source, bytes, to } = setUp(t, 1000);
  const { result } = await failureOf(copy(source, [to[0], source], { force: true }));
  assert.equal(errorAt(result, 1).code, 'ERR_DIORITE_SAME_FILE');
  assert.ok(readFileSync(to[0]).equals(bytes) && readFileSync(source).equals(bytes));
});

test('where none can be written for one reason, that is the reason', async (t) => {
  const { source, to } = setUp(t, 10);
  for (const path of to) writeFileSync(path, 'old');
  const error = await failureOf(copy(source, to));
  assert.equal(error.code, 'ERR_DIORITE_EXISTS');
  assert.equal(error.result.failed, 3);
});

test('a reader of a FIFO that goes away: its ledger, and the others go on', async (t) => {
  const { directory, source, bytes, to } = setUp(t, 4 * MIB);
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const copying = failureOf(copy(source, [to[0], fifo, to[1]], { requestBytes: 64 * KIB, depth: 2 }));
  const reader = await openNode(fifo, 'r');
  const seen = Buffer.alloc(MIB);
  for (let at = 0; at < seen.length; ) at += (await reader.read(seen, at, seen.length - at, null)).bytesRead;
  await reader.close();
  const { code, result } = await copying;
  assert.equal(code, 'ERR_DIORITE_DESTINATIONS');
  assert.equal(result.failed, 1);
  const error = errorAt(result, 1);
  assert.equal(error.code, 'EPIPE');
  assertLedger(error.extents, bytes.length);
  assert.deepEqual(
    error.extents?.map(({ state }) => state),
    ['done', 'unknown', 'failed'],
  );
  assert.equal(error.bytes, error.extents?.[0]?.length);
  assert.ok((error.bytes ?? 0) >= MIB - 128 * KIB, `${error.bytes} bytes were taken`);
  assert.ok(seen.equals(bytes.subarray(0, MIB)));
  for (const path of [to[0], to[1]]) assert.ok(readFileSync(path).equals(bytes));
  assertNoLeaks();
});

/** Resolves when the directory has the name. Begins to look before it returns. */
function appears(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const watcher = watch(dirname(path), (_event, name) => {
      if (name !== basename(path)) return;
      watcher.close();
      resolve();
    });
    watcher.on('error', reject);
  });
}

test('one that is within reach of the memory is published while another still waits', async (t) => {
  const { directory, source, bytes, to } = setUp(t, MIB);
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const published = appears(to[0]);
  // Sixteen pieces: all of the file is in memory, and the FIFO holds one of them.
  const copying = copy(source, [fifo, to[0]], { requestBytes: 64 * KIB, depth: 8 });
  const reader = await openNode(fifo, 'r');
  await published;
  assert.ok(readFileSync(to[0]).equals(bytes));
  const chunks: Buffer[] = [];
  for await (const chunk of reader.createReadStream()) chunks.push(chunk);
  assert.ok(Buffer.concat(chunks).equals(bytes));
  assert.equal((await copying).failed, 0);
});

test('an abort at any moment removes all temporary files', async (t) => {
  const { source, to } = setUp(t);
  for (let at = 0; at < 24; at += 3) {
    writeFileSync(to[1], 'old');
    const controller = new AbortController();
    let calls = 0;
    const onProgress = (): void => {
      if (++calls === at) controller.abort();
    };
    if (at === 0) controller.abort();
    const options = { force: true, verify: true, requestBytes: 512 * KIB, signal: controller.signal, onProgress };
    const error: unknown = await copy(source, to, options).catch((reason: unknown) => reason);
    for (const path of to) assert.deepEqual(temporaries(dirname(path)), []);
    // Each is read back at its own pace: late in the verification one may have been published before the abort.
    if (!(error instanceof Error)) break;
    assert.equal(error.name, 'AbortError');
    if (at === 0) continue;
    assert.ok(error instanceof CopyError && error.code === 'ABORT_ERR');
    for (const [i, { error: own }] of error.result.destinations.entries())
      if (own !== null) {
        assert.equal(own.name, 'AbortError');
        assertLedger(own.extents, 5 * MIB + 333);
        if (i === 1) assert.ok(readFileSync(to[1]).equals(Buffer.from('old')));
      }
  }
  assertNoLeaks();
});

test('a source that is changed: none is published', async (t) => {
  const { source, to } = setUp(t);
  let calls = 0;
  const onProgress = (): void => {
    if (++calls === 3) appendFileSync(source, 'more');
  };
  const error = await failureOf(copy(source, to, { requestBytes: 64 * KIB, onProgress }));
  assert.equal(error.code, 'ERR_DIORITE_SOURCE_CHANGED');
  assert.equal(error.result.failed, 3);
  for (const path of to) assert.deepEqual(readdirSync(dirname(path)), []);
});

test('a copy that is changed on its way fails alone in the verification', async (t) => {
  const { source, bytes, to } = setUp(t);
  const settled = (path: string | null): void => {
    if (path === null || dirname(path) !== dirname(to[1])) return;
    const fd = openSync(path, 'r+');
    writeSync(fd, Buffer.of((bytes[3 * MIB + 77] ?? 0) ^ 0x40), 0, 1, 3 * MIB + 77);
    closeSync(fd);
  };
  const { result } = await failureOf(copyAllWith(source, to, { verify: true, requestBytes: 64 * KIB }, { settled }));
  assert.equal(result.failed, 1);
  assert.equal(errorAt(result, 1).code, 'ERR_DIORITE_VERIFY');
  assert.equal(errorAt(result, 1).offset, 3 * MIB + 77);
  assert.deepEqual(readdirSync(dirname(to[1])), []);
  for (const path of [to[0], to[2]]) assert.ok(readFileSync(path).equals(bytes));
});

test('progress is that of the slowest, goes up to the whole, and once for each phase', async (t) => {
  const { source, to, bytes } = setUp(t);
  const seen: CopyProgress[] = [];
  await copy(source, to, { verify: true, requestBytes: 64 * KIB, onProgress: (progress) => seen.push(progress) });
  const phases = seen.map(({ phase }) => phase);
  assert.equal(phases.lastIndexOf('copy') + 1, phases.indexOf('verify'));
  for (const phase of ['copy', 'verify']) {
    const done = seen.filter((each) => each.phase === phase).map(({ doneBytes }) => doneBytes);
    assert.equal(done.at(-1), bytes.length);
    assert.deepEqual(
      done,
      done.toSorted((a, b) => a - b),
    );
  }
});

test('an error thrown by onProgress ends it all and comes out as it is', async (t) => {
  const { source, to } = setUp(t);
  const onProgress = (): never => {
    throw new RangeError('mine');
  };
  await assert.rejects(copy(source, to, { onProgress }), { name: 'RangeError', message: 'mine' });
  for (const path of to) assert.deepEqual(readdirSync(dirname(path)), []);
  assertNoLeaks();
});

test('a source that says nothing of its size', async (t) => {
  const { to } = setUp(t, 1);
  const result = await copy('/proc/filesystems', to, { verify: true });
  for (const path of to) assert.equal(readFileSync(path, 'utf8'), readFileSync('/proc/filesystems', 'utf8'));
  assert.equal(result.bytes, statSync(to[0]).size);
});

for (const kind of ['tmpfs', 'ext4'] as const) {
  test(`of three destinations one is on a full disk (${kind})`, async (t) => {
    const { source, bytes, to } = setUp(t, 40 * MIB);
    await withFilesystem(t, kind, { sizeMib: 32 }, async ({ directory }) => {
      const small = join(directory, 'copy');
      const { result } = await failureOf(copy(source, [to[0], small, to[2]], { verify: true }));
      assert.equal(result.failed, 1);
      assert.equal(errorAt(result, 1).code, 'ENOSPC');
      assert.equal(errorAt(result, 1).path, small);
      assertLedger(errorAt(result, 1).extents, bytes.length);
      for (const path of [to[0], to[2]]) assert.ok(readFileSync(path).equals(bytes));
      assert.deepEqual(
        readdirSync(directory).filter((name) => name !== 'lost+found'),
        [],
      );
    });
    assertNoLeaks();
  });
}

test('one that fills up under way, where space cannot be reserved', async (t) => {
  const { directory, source, bytes, to } = setUp(t, 3 * MIB);
  const node = join(directory, 'full');
  if (spawnSync('mknod', ['-m', '666', node, 'c', '1', '7']).status !== 0) {
    t.skip('no device nodes here');
    return;
  }
  const { result } = await failureOf(copy(source, [node, to[0]], { requestBytes: 64 * KIB }));
  const { code, extents } = errorAt(result, 0);
  if (code === 'EACCES' || code === 'EPERM') {
    t.skip('device nodes cannot be opened here (nodev)');
    return;
  }
  assert.equal(code, 'ENOSPC');
  assertLedger(extents, bytes.length);
  assert.equal(extents?.at(-1)?.state, 'failed', 'what was never sent');
  assert.ok(readFileSync(to[0]).equals(bytes));
});

test('a device and a file at once: holes are zeros on the one and holes in the other', async (t) => {
  await withDevice(t, 'loop-4kn', { sizeMib: 16 }, async (device) => {
    execFileSync('dd', ['if=/dev/urandom', `of=${device}`, 'bs=1M', 'count=16', 'status=none', 'conv=fsync']);
    const { source, to } = setUp(t, 3 * MIB + 77);
    truncateSync(source, 11 * MIB + 5);
    const fd = openSync(source, 'r+');
    writeSync(fd, 'lonely', 7 * MIB + 4097);
    closeSync(fd);
    const bytes = readFileSync(source);
    const options = { force: true, verify: true, requestBytes: MIB };
    const result = await copy(source, [device, to[0]], options);
    assert.ok(readFileSync(device).subarray(0, bytes.length).equals(bytes), 'the device');
    assert.ok(readFileSync(to[0]).equals(bytes), 'the file');
    assert.ok(statSync(to[0]).blocks * 512 < 4 * MIB, 'with its holes');
    assert.ok(result.holesBytes > 7 * MIB);
  });
});

test('many destinations, many at a time, in bounded memory', async (t) => {
  const { directory, source, bytes } = setUp(t, 2 * MIB + 1);
  const groups = Array.from({ length: 4 }, (_, group) =>
    Array.from({ length: 12 }, (_, i) => join(directory, `copy-${group}-${i}`)),
  );
  await Promise.all(groups.map((names) => copy(source, names, { verify: true, depth: 16, requestBytes: 128 * KIB })));
  for (const name of groups.flat()) assert.ok(readFileSync(name).equals(bytes));
  assertNoLeaks();
});
