// `diorite explain` as a user meets it: text, JSON, picture, refusals; and that it writes nothing.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { diorite } from '../cli/command.js';
import { tempDirectory } from '../support/temp.js';
import { checkedSvg } from './well-formed.js';

test('text: the plan, which memory goes where, and the others', async () => {
  const args = ['explain', '--vectors', '1024x512@stride+257'];
  const { code, stdout, stderr } = await diorite(args);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  for (const expected of [
    /1,024 vectors of 512 B/,
    /^ +0 +0 … 524288 +512 KiB +direct +1 segment, staged +512 KiB: small pieces +the range ends$/m,
    /^ +1 +131584 … 132096 +512 B +copied$/m,
    /^ +… 1,020 pieces more$/m,
    /^ +diorite +1 +request$/m,
    /^ +node:fs writev +1 +system call /m,
    /^ +node:fs write +1,024 +system calls /m,
    /^ +Linux NFS client +897 +WRITEs .*COMMIT/m,
    /^ +Ceph kernel client +1 +request /m,
  ])
    assert.match(stdout, expected);
  assert.deepEqual(await diorite(args), { code, signal: null, stdout, stderr });
});

test('a path is neither read nor written', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'file');
  writeFileSync(path, 'bytes');
  const before = statSync(path);
  for (const direction of ['read', 'write']) {
    const { code, stdout } = await diorite(['explain', path, '--vectors', '4x4K', '--direction', direction]);
    assert.equal(code, 0);
    assert.ok(stdout.includes(path));
  }
  const after = statSync(path);
  assert.deepEqual(
    [after.size, after.mtimeMs, after.ctimeMs, after.atimeMs],
    [before.size, before.mtimeMs, before.ctimeMs, before.atimeMs],
  );
});

test('--json', async () => {
  const args = ['explain', '--vectors', '4x100K@shuffled,5', '--offset', '1K', '--json', '--best-bytes', '64K'];
  const { code, stdout } = await diorite(args);
  assert.equal(code, 0);
  const result = JSON.parse(stdout);
  assert.deepEqual(Object.keys(result), [
    'path',
    'direction',
    'offset',
    'bytes',
    'vectors',
    'limits',
    'limitsFrom',
    'totals',
    'peers',
    'requests',
    'requestsNotListed',
  ]);
  assert.equal(result.bytes, 409605);
  assert.deepEqual(result.vectors, { count: 5, described: '4x100K@shuffled,5', seed: 1 });
  assert.equal(result.limits.bestBytes, 65536);
  assert.equal(result.requests.length, result.totals.requests);
  assert.equal(result.requestsNotListed, 0);
  assert.deepEqual(Object.keys(result.requests[0].segments[0]), ['how', 'offset', 'bytes', 'padBytes', 'memory']);
  assert.deepEqual(Object.keys(result.requests[0].segments[0].memory[0]), [
    'offset',
    'bytes',
    'firstVector',
    'lastVector',
  ]);
  for (const peer of result.peers)
    assert.deepEqual(Object.keys(peer), ['name', 'requests', 'noun', 'rule', 'note', 'source']);
  const other = JSON.parse((await diorite([...args, '--seed', '2', '--requests', '1'])).stdout);
  assert.equal(other.requests.length, 1);
  assert.equal(other.requestsNotListed, result.totals.requests - 1);
  assert.notDeepEqual(other.requests[0].segments, result.requests[0].segments);
});

test('--vectors-file', async (t) => {
  const file = join(tempDirectory(t), 'vectors.json');
  writeFileSync(
    file,
    JSON.stringify([
      { offset: 8192, size: 4096 },
      { offset: 100, size: 4096 },
    ]),
  );
  const { code, stdout } = await diorite(['explain', '--vectors-file', file, '--json']);
  assert.equal(code, 0);
  const result = JSON.parse(stdout);
  assert.equal(result.vectors.described, null);
  assert.equal(result.totals.copiedWhy.misalignedBytes, 4096);
  writeFileSync(file, '[1');
  const refused = await diorite(['explain', '--vectors-file', file]);
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /--vectors-file: .*not JSON/);
  assert.equal((await diorite(['explain', '--vectors-file', '/missing'])).code, 1);
});

test('--svg draws beside the text, over an older picture, and over nothing else', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'target');
  writeFileSync(path, '');
  const picture = join(directory, 'plan.svg');
  const draw = (file: string, vectors = '16x4K@scattered,100'): ReturnType<typeof diorite> =>
    diorite(['explain', path, '--vectors', vectors, '--svg', file]);
  const { code, stdout } = await draw(picture);
  assert.equal(code, 0);
  assert.match(stdout, /the same vectors elsewhere/);
  const first = readFileSync(picture, 'utf8');
  checkedSvg(first);
  assert.equal((await draw(picture)).code, 0);
  assert.equal(readFileSync(picture, 'utf8'), first);
  assert.equal((await draw(picture, '4K')).code, 0);
  assert.notEqual(readFileSync(picture, 'utf8'), first);

  const precious = join(directory, 'precious');
  writeFileSync(precious, 'not a picture');
  const link = join(directory, 'link');
  linkSync(path, link);
  mkdirSync(join(directory, 'folder'));
  for (const [file, expected] of [
    [precious, /--svg: .*is no SVG/],
    [path, /--svg: .*is PATH/],
    [link, /--svg: .*is PATH/],
    [join(directory, 'folder'), /--svg: .*not a regular file/],
  ] as const) {
    const refused = await draw(file);
    assert.equal(refused.code, 2);
    assert.equal(refused.stdout, '');
    assert.match(refused.stderr, expected);
  }
  assert.equal(readFileSync(precious, 'utf8'), 'not a picture');
  assert.equal(statSync(path).size, 0);
  const nowhere = await draw(join(directory, 'missing', 'plan.svg'));
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.stderr, /ENOENT/);
});

test('1 GiB of 4 KiB vectors', async () => {
  const { code, stdout } = await diorite(['explain', '--vectors', '262144x4K@shuffled']);
  assert.equal(code, 0);
  assert.match(stdout, /requests +1,024, 1 MiB on average/);
  assert.match(stdout, /… 1,016 requests more/);
});

const MISTAKES: readonly (readonly [string, RegExp])[] = [
  ['', /missing --vectors/],
  ['--vectors', /'--vectors' needs a value/],
  ['--vectors 4Q', /--vectors: '4Q'/],
  ['--vectors 4K@up', /--vectors: '4K@up': the layout 'up' is none of/],
  ['--vectors 5G', /--vectors: '5G'/],
  ['--vectors 4K --vectors-file x', /--vectors and --vectors-file/],
  ['a b --vectors 4K', /one argument too many: 'b'/],
  ['--vectors 4K --offset -1', /--offset: '-1'/],
  ['--vectors 4K --offset 9007199254740991', /--offset/],
  ['--vectors 4K --direction up', /--direction: 'up' is none of read, write/],
  ['--vectors 4K --seed x', /--seed: 'x'/],
  ['--vectors 4K --requests 1.5', /--requests: '1.5'/],
  ['--vectors 4K --memory-alignment 3', /--memory-alignment/],
  ['--vectors 4K --offset-alignment 3', /--offset-alignment/],
  ['--vectors 4K --memory-alignment 8K', /--memory-alignment/],
  ['--vectors 4K --best-bytes 100', /--end-alignment <= --best-bytes <= --max-bytes/],
  ['--vectors 4K --best-bytes lots', /--best-bytes: 'lots' is not a number of bytes/],
  ['--vectors 4K --best-segments 0', /--best-segments/],
  ['--vectors 4K --boundary 100', /--boundary/],
  ['--vectors 4K --wsize 100', /--wsize/],
  ['--vectors 4K --stripe-unit 100', /--stripe-unit/],
  ['--vectors 4K --frobnicate', /unknown option '--frobnicate'/],
];

test('mistakes: one line that names the option, and 2', async (t) => {
  for (const [line, expected] of MISTAKES) {
    await t.test(`diorite explain ${line}`, async () => {
      const { code, stdout, stderr } = await diorite(['explain', ...line.split(' ').filter((word) => word !== '')]);
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, expected);
      assert.equal(stderr.trimEnd().split('\n').length, 1);
    });
  }
});

test('what cannot be opened, or would wait for ever: 1', async (t) => {
  const fifo = join(tempDirectory(t), 'fifo');
  if (spawnSync('mkfifo', [fifo]).status === 0 && existsSync(fifo)) {
    const { code, stderr } = await diorite(['explain', fifo, '--vectors', '4K']);
    assert.equal(code, 1);
    assert.match(stderr, /not a regular file or block device/);
  }
  const { code, stderr } = await diorite(['explain', '/missing', '--vectors', '4K']);
  assert.equal(code, 1);
  assert.match(stderr, /^diorite: ENOENT/);
});

test('--help names every option', async () => {
  const { code, stdout } = await diorite(['explain', '--help']);
  assert.equal(code, 0);
  const documented = readFileSync(new URL('../../../docs/Explain.md', import.meta.url), 'utf8');
  for (const line of stdout.split('\n')) assert.ok(line.length <= 120, line);
  // The table of exit codes is that of all commands.
  const own = stdout.slice(0, stdout.indexOf('Exit status:'));
  for (const name of own.match(/--[a-z-]+/g) ?? []) assert.ok(name === '--help' || documented.includes(name), name);
  for (const name of documented.match(/--[a-z]+(?:-[a-z]+)*/g) ?? []) assert.ok(own.includes(name), name);
});
