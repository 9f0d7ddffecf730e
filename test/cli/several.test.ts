// `diorite copy` to several destinations as a user meets it: what is printed, the exit status, signals, crashes, full disks.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Random } from '../support/random.js';
import { withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';
import { diorite, type Running, SLOW_BYTES, SLOWLY, start, temporaryFileAppears, temporaryFiles } from './command.js';

interface Scene {
  readonly source: string;
  readonly bytes: Buffer;
  /** Three names in three directories. */
  readonly to: readonly string[];
}

function setUp(t: TestContext, length = 3_000_000): Scene {
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  const bytes = Buffer.alloc(length);
  new Random(5).fill(bytes.subarray(0, 1024 * 1024));
  for (let at = 1024 * 1024; at < length; at *= 2) bytes.copy(bytes, at, 0, Math.min(at, length - at));
  writeFileSync(source, bytes);
  const to = ['a', 'b', 'c'].map((name) => {
    mkdirSync(join(directory, name));
    return join(directory, name, 'copy');
  });
  return { source, bytes, to };
}

test('--json prints one object with a row for each destination', async (t) => {
  const { source, bytes, to } = setUp(t);
  const { code, stdout, stderr } = await diorite(['copy', source, ...to, '--json', '--verify']);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  assert.equal(stdout.split('\n').length, 2);
  const result = JSON.parse(stdout);
  assert.deepEqual(Object.keys(result).sort(), [
    'bytes',
    'chosen',
    'cpuMs',
    'destinations',
    'durationMs',
    'failed',
    'holesBytes',
    'io',
    'readRequests',
    'wholeBy',
  ]);
  assert.equal(result.failed, 0);
  assert.equal(result.readRequests, 1);
  for (const [i, each] of result.destinations.entries()) {
    assert.deepEqual(Object.keys(each).sort(), [
      'bufferedBytes',
      'copiedBytes',
      'destination',
      'durationMs',
      'engine',
      'engineReason',
      'error',
      'io',
      'reflinkReason',
      'splicedBytes',
      'stable',
      'stagedBytes',
      'stagedReason',
      'verified',
      'verifyIo',
      'writeRequests',
    ]);
    assert.equal(each.destination, to[i]);
    assert.equal(each.error, null);
    assert.equal(each.verified, true);
    assert.ok(readFileSync(to[i] ?? '').equals(bytes));
  }
});

test('without --json there is a line for each, and of what failed on standard error', async (t) => {
  const { source, bytes, to } = setUp(t);
  writeFileSync(to[1] ?? '', 'old');
  const { code, stdout, stderr } = await diorite(['copy', source, ...to]);
  assert.equal(code, 5);
  assert.match(stdout, /^copied +2\.86 MiB to 2 of 3 destinations$/m);
  assert.ok(stdout.split('\n').some((line) => line.startsWith(to[0] ?? '') && /requests?, /.test(line)));
  assert.match(stdout, /b\/copy +not written: The destination exists/);
  assert.match(stderr, /^diorite: 2 of 3 destinations were written; The destination exists: \S+b\/copy /);
  assert.equal(stderr.trimEnd().split('\n').length, 1);
  assert.equal(readFileSync(to[1] ?? '', 'utf8'), 'old');
  for (const i of [0, 2]) assert.ok(readFileSync(to[i] ?? '').equals(bytes));
});

test('--json tells of a failure with its ledger, beside those that were written: exit status 5', async (t) => {
  const { source, bytes, to } = setUp(t);
  writeFileSync(to[1] ?? '', 'old');
  const { code, stdout } = await diorite(['copy', source, ...to, '--json']);
  assert.equal(code, 5);
  const { error, failed, destinations } = JSON.parse(stdout);
  assert.equal(error.code, 'ERR_DIORITE_DESTINATIONS');
  assert.equal(failed, 1);
  assert.equal(destinations[0].error, null);
  assert.equal(destinations[1].error.code, 'ERR_DIORITE_EXISTS');
  assert.match(destinations[1].error.message, /exists/);
  assert.equal(destinations[1].error.bytes, 0);
  assert.deepEqual(destinations[1].error.extents, [{ offset: 0, length: bytes.length, state: 'failed' }]);
});

test('where none could be written the exit status is 1; --force replaces all', async (t) => {
  const { source, bytes, to } = setUp(t);
  for (const path of to) writeFileSync(path, 'old');
  assert.equal((await diorite(['copy', source, ...to])).code, 1);
  assert.equal((await diorite(['copy', source, ...to, '--force'])).code, 0);
  for (const path of to) assert.ok(readFileSync(path).equals(bytes));
});

test('the same destination twice is refused', async (t) => {
  const { source, to } = setUp(t);
  const { code, stderr } = await diorite(['copy', source, to[0] ?? '', dirname(to[1] ?? ''), to[0] ?? '']);
  assert.equal(code, 1);
  assert.match(stderr, /Two destinations are the same file/);
  for (const path of to) assert.deepEqual(readdirSync(dirname(path)), []);
});

test('--reflink says why bytes were moved', async (t) => {
  const { source, to } = setUp(t);
  await withFilesystem(t, 'tmpfs', {}, async ({ directory }) => {
    const one = await diorite(['copy', source, join(directory, 'one'), '--reflink', 'auto']);
    assert.match(one.stdout, /^reflink +no: \S/m);
    const several = await diorite(['copy', source, join(directory, 'two'), to[0] ?? '', '--reflink=auto']);
    assert.match(several.stdout, /two +.*; no reflink: \S/);
  });
});

/** A slow copy, seen to be under way in every directory. */
async function underWay({ source, to }: Scene, ...options: string[]): Promise<Running> {
  const appear = to.map((path) => temporaryFileAppears(dirname(path)));
  const running = start(['copy', source, ...to, ...SLOWLY, ...options]);
  const failed = running.ended.then(({ code, stderr }) => {
    throw new Error(`it ended before it was seen: ${code} ${stderr}`);
  });
  await Promise.race([Promise.all(appear), failed]);
  failed.catch(() => {});
  return running;
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} removes every temporary file: exit status ${status}`, async (t) => {
    const scene = setUp(t, SLOW_BYTES);
    const [old = ''] = scene.to;
    writeFileSync(old, 'old');
    const { child, ended } = await underWay(scene, '--force');
    child.kill(signal);
    const { code, stderr } = await ended;
    assert.equal(code, status);
    assert.match(stderr, /interrupted: \S+ was not copied to \S+a\/copy, \S+b\/copy, \S+c\/copy$/m);
    assert.equal(readFileSync(old, 'utf8'), 'old');
    for (const path of scene.to) assert.deepEqual(readdirSync(dirname(path)), path === old ? ['copy'] : []);
  });
}

test('after a crash nothing looks finished, and what is left can be told by its name', async (t) => {
  const scene = setUp(t, SLOW_BYTES);
  const [old = ''] = scene.to;
  writeFileSync(old, 'old');
  const { child, ended } = await underWay(scene, '--force');
  child.kill('SIGKILL');
  assert.equal((await ended).signal, 'SIGKILL');
  assert.equal(readFileSync(old, 'utf8'), 'old');
  for (const path of scene.to) {
    const names = readdirSync(dirname(path)).filter((name) => path !== old || name !== 'copy');
    assert.deepEqual(names, await temporaryFiles(dirname(path)));
  }
});

test('a full disk under one of three: exit status 5, and the others are whole', async (t) => {
  const { source, bytes, to } = setUp(t, 12 * 1024 * 1024);
  await withFilesystem(t, 'tmpfs', { sizeMib: 8 }, async ({ directory }) => {
    const { code, stderr } = await diorite(['copy', source, to[0] ?? '', directory, to[2] ?? '']);
    assert.equal(code, 5);
    assert.match(stderr, /2 of 3 destinations were written; No space left on device/);
    assert.deepEqual(readdirSync(directory), []);
    for (const i of [0, 2]) assert.ok(readFileSync(to[i] ?? '').equals(bytes));
  });
});
