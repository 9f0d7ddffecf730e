// `diorite copy` as a user meets it: what is copied, what is refused, what is printed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { AS_NOBODY, publicScript, requireNobody, runChild } from '../support/children.js';
import { Random, withSeed } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { CLI, diorite } from './command.js';

function randomBytes(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  new Random(seed).fill(bytes);
  return bytes;
}

/** A directory with a source of some bytes. */
function setUp(t: TestContext, length = 10_000): { directory: string; source: string; bytes: Buffer; to: string } {
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  const bytes = randomBytes(length);
  writeFileSync(source, bytes);
  return { directory, source, bytes, to: join(directory, 'copy') };
}

async function refused(args: readonly string[], expected: RegExp, code = 1): Promise<void> {
  const result = await diorite(['copy', ...args]);
  assert.match(result.stderr, expected);
  assert.equal(result.stderr.trimEnd().split('\n').length, 1, 'one line');
  assert.equal(result.code, code);
  assert.equal(result.stdout, '');
}

test('files of all sizes, in all modes, by both engines', async (t) => {
  await withSeed(async (random) => {
    const directory = tempDirectory(t);
    const sizes = [0, 1, 511, 512, 4095, 4096, 4097, 1024 * 1024 - 1, 1024 * 1024, 3 * 1024 * 1024 + 12_345];
    for (const [i, size] of sizes.entries()) {
      const source = join(directory, `source-${size}`);
      writeFileSync(source, randomBytes(size, random.next()));
      const io = random.pick(['prefer-direct', 'drop-behind', 'buffered'] as const);
      const engine = ['auto', 'threads'][i % 2] ?? 'auto';
      const to = join(directory, `copy-${size}`);
      const args = ['copy', source, to, '--io', io, '--engine', engine, '--json', '--request-size=64K'];
      const { code, stdout, stderr } = await diorite(i % 3 === 0 ? [...args, '--verify'] : args);
      assert.equal(stderr, '');
      assert.equal(code, 0);
      assert.ok(readFileSync(to).equals(readFileSync(source)), `${size} bytes, ${io}`);
      const result: unknown = JSON.parse(stdout);
      assert.ok(result !== null && typeof result === 'object' && 'bytes' in result && result.bytes === size);
    }
    assert.equal(readdirSync(directory).length, 2 * sizes.length, 'nothing else is left');
  });
});

test('--json prints one object with everything in it', async (t) => {
  const { source, to } = setUp(t, 3_000_000);
  const { code, stdout } = await diorite(['copy', source, to, '--json', '--verify']);
  assert.equal(code, 0);
  assert.equal(stdout.split('\n').length, 2);
  const result = JSON.parse(stdout);
  assert.deepEqual(Object.keys(result).sort(), [
    'averageRequestBytes',
    'bufferedBytes',
    'bytes',
    'chosen',
    'copiedBytes',
    'cpuMs',
    'destination',
    'durationMs',
    'engine',
    'engineReason',
    'holesBytes',
    'io',
    'readRequests',
    'reflinkReason',
    'requests',
    'splicedBytes',
    'stable',
    'stagedBytes',
    'stagedReason',
    'verified',
    'verifyIo',
    'wholeBy',
    'writeRequests',
  ]);
  assert.equal(result.bytes, 3_000_000);
  assert.equal(result.verified, true);
  assert.equal(result.destination, to);
  assert.equal(result.requests, result.readRequests + result.writeRequests);
});

test('--json prints an error as an object too', async (t) => {
  const { directory, to } = setUp(t);
  const missing = join(directory, 'missing');
  const { code, stdout, stderr } = await diorite(['copy', missing, to, '--json']);
  assert.equal(code, 1);
  assert.match(stderr, /ENOENT/);
  const { error } = JSON.parse(stdout);
  assert.equal(error.code, 'ENOENT');
  assert.equal(error.path, missing);
});

test('without --json there are lines for people, and no bar without a terminal', async (t) => {
  const { source, to } = setUp(t);
  const { code, stdout, stderr } = await diorite(['copy', source, to]);
  assert.equal(code, 0);
  assert.equal(stderr, '');
  for (const label of ['copied', 'time', 'requests', 'io', 'engine', 'verified', 'durable'])
    assert.match(stdout, new RegExp(`^${label} `, 'm'));
});

test('an existing destination is refused, and replaced with --force', async (t) => {
  const { directory, source, bytes, to } = setUp(t);
  writeFileSync(to, 'old');
  await refused([source, to], /destination exists/);
  assert.equal(readFileSync(to, 'utf8'), 'old');
  assert.equal((await diorite(['copy', source, to, '--force'])).code, 0);
  assert.ok(readFileSync(to).equals(bytes));
  assert.deepEqual(readdirSync(directory).sort(), ['copy', 'source']);
});

test('a directory means the name inside it', async (t) => {
  const { directory, source, bytes } = setUp(t);
  const inside = join(directory, 'inside');
  mkdirSync(inside);
  assert.equal((await diorite(['copy', source, inside])).code, 0);
  assert.ok(readFileSync(join(inside, 'source')).equals(bytes));
  await refused([source, `${inside}/`], /destination exists/);
  mkdirSync(join(directory, 'other', 'source'), { recursive: true });
  await refused([source, join(directory, 'other')], /is a directory/);
  await refused([source, directory], /same file/);
});

test('the source and the destination may not be one file, under whatever names', async (t) => {
  const { directory, source, bytes } = setUp(t);
  linkSync(source, join(directory, 'hard'));
  symlinkSync('source', join(directory, 'soft'));
  for (const name of ['source', 'hard', 'soft', './source', `../${directory.split('/').at(-1)}/source`])
    await refused([source, `${join(directory, '.')}/${name}`, '--force'], /same file/);
  assert.ok(readFileSync(source).equals(bytes));
  assert.equal(lstatSync(source).nlink, 2);
});

test('sources that cannot be copied', async (t) => {
  const { directory, to } = setUp(t);
  await refused([join(directory, 'missing'), to], /ENOENT/);
  await refused([directory, to], /EISDIR: The source is a directory/);
  await refused(['/dev/null', to], /neither a regular file nor a block device/);
  assert.equal(existsSync(to), false);
});

test('destinations that cannot be', async (t) => {
  const { directory, source } = setUp(t);
  await refused([source, join(directory, 'missing', 'copy')], /ENOENT/);
  await refused([source, join(directory, 'missing/')], /ENOTDIR/);
  await refused([source, join(source, 'copy')], /ENOTDIR/);
  symlinkSync('loop', join(directory, 'loop'));
  await refused([source, join(directory, 'loop')], /ELOOP/);
  const long = 'x'.repeat(256);
  await refused([source, join(directory, long)], /ENAMETOOLONG/);
});

test('the longest name there is can be copied to', async (t) => {
  const { directory, source, bytes } = setUp(t);
  const to = join(directory, `${'é'.repeat(127)}x`);
  assert.equal((await diorite(['copy', source, to])).code, 0);
  assert.ok(readFileSync(to).equals(bytes));
});

test('a symbolic link is followed to the file that it names, and stays a link', async (t) => {
  const { directory, source, bytes } = setUp(t);
  mkdirSync(join(directory, 'real'));
  mkdirSync(join(directory, 'links'));
  writeFileSync(join(directory, 'real', 'file'), 'old');
  symlinkSync('../real/file', join(directory, 'links', 'one'));
  symlinkSync('one', join(directory, 'links', 'two'));
  // A `..` after a link to a directory is of the directory that the link names.
  symlinkSync('links', join(directory, 'shortcut'));
  const to = join(directory, 'shortcut', 'two');
  await refused([source, to], /destination exists/);
  assert.equal((await diorite(['copy', source, to, '--force'])).code, 0);
  assert.ok(readFileSync(join(directory, 'real', 'file')).equals(bytes));
  assert.equal(readlinkSync(join(directory, 'links', 'two')), 'one');
  assert.equal(readlinkSync(join(directory, 'links', 'one')), '../real/file');
  assert.deepEqual(readdirSync(join(directory, 'real')), ['file']);
});

test('a dangling link makes the file that it names', async (t) => {
  const { directory, source, bytes } = setUp(t);
  symlinkSync('new', join(directory, 'link'));
  assert.equal((await diorite(['copy', source, join(directory, 'link')])).code, 0);
  assert.ok(readFileSync(join(directory, 'new')).equals(bytes));
  assert.equal(readlinkSync(join(directory, 'link')), 'new');
});

test('a source that is a link is followed', async (t) => {
  const { directory, bytes, to } = setUp(t);
  symlinkSync('source', join(directory, 'link'));
  assert.equal((await diorite(['copy', join(directory, 'link'), to])).code, 0);
  assert.ok(lstatSync(to).isFile());
  assert.ok(readFileSync(to).equals(bytes));
});

test('files that say nothing of their size are copied until they end', async (t) => {
  const directory = tempDirectory(t);
  for (const source of ['/proc/filesystems', '/proc/sys/kernel/ostype']) {
    const to = join(directory, source.replaceAll('/', '-'));
    const { code, stderr } = await diorite(['copy', source, to, '--verify']);
    assert.equal(stderr, '');
    assert.equal(code, 0);
    assert.equal(readFileSync(to, 'utf8'), readFileSync(source, 'utf8'));
  }
});

test('a reader that goes away is no failure', async (t) => {
  const { source, bytes, to } = setUp(t);
  const child = spawn(process.execPath, [fileURLToPath(CLI), 'copy', source, to], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  child.stderr.destroy();
  const [code] = await once(child, 'close');
  assert.equal(code, 0);
  assert.ok(readFileSync(to).equals(bytes));
});

test('who may not read or write is told so', async (t) => {
  if (!requireNobody(t)) return;
  const { directory, source, to } = setUp(t);
  const asNobody = (...args: string[]): ReturnType<typeof runChild> =>
    runChild(publicScript(CLI_IN_DIST), { args: ['copy', ...args], wrapper: AS_NOBODY });
  const denied = await asNobody(source, to);
  assert.equal(denied.code, 1);
  assert.match(denied.stderr, /Cannot create a file in .* \(EACCES\)/);
  chmodSync(source, 0o600);
  chmodSync(directory, 0o777);
  const unreadable = await asNobody(source, to);
  assert.equal(unreadable.code, 1);
  assert.match(unreadable.stderr, /EACCES/);
  assert.equal(existsSync(to), false);
});

/** bin/ is not below dist/: the copy that nobody can read starts here. */
const CLI_IN_DIST = new URL('./start.js', import.meta.url);
