// Help, version, wrong usage: what is printed where, and the exit status.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { diorite } from './command.js';

test('--version and --help go to standard output', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  assert.deepEqual(await diorite(['--version']), { code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
  for (const args of [['--help'], ['copy', '--help'], ['probe', '-h']]) {
    const { code, stdout, stderr } = await diorite(args);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    assert.match(stdout, /Usage: ?/);
    for (const status of ['0', '1', '2', '3', '4', '5', '130'])
      assert.match(stdout, new RegExp(`^ +${status}  \\S`, 'm'));
    for (const line of stdout.split('\n')) assert.ok(line.length <= 120, line);
  }
});

test('the help of copy names every option', async () => {
  const { stdout } = await diorite(['copy', '--help']);
  for (const name of ['force', 'verify', 'depth', 'request-size', 'reflink', 'io', 'engine', 'json', 'no-progress'])
    assert.match(stdout, new RegExp(`--${name}\\b`));
});

const MISTAKES: readonly (readonly [string, RegExp])[] = [
  ['--frobnicate', /unknown option '--frobnicate'/],
  ['frobnicate', /unknown command 'frobnicate'/],
  ['copy a b --frobnicate', /unknown option '--frobnicate'/],
  ['copy a', /missing DESTINATION/],
  ['copy', /missing SOURCE/],
  ['probe a b', /one argument too many: 'b'/],
  ['copy a b c --reflink always', /--reflink: 'always' is none of never, auto/],
  ['copy a b --depth -1', /--depth: '-1'/],
  ['copy a b --depth 0', /--depth: '0'/],
  ['copy a b --depth 2.5', /--depth: '2.5'/],
  ['copy a b --depth', /'--depth' needs a value/],
  ['copy a b --request-size 1000', /--request-size: '1000'/],
  ['copy a b --request-size=64M --depth=256', /--depth times --request-size/],
  ['copy a b --io fast', /--io: 'fast' is none of direct, prefer-direct, drop-behind, buffered/],
  ['copy a b --engine steam', /--engine: 'steam' is none of auto, uring, threads/],
  ['probe', /missing PATH/],
];

test('wrong usage is one line on standard error, and 2', async (t) => {
  for (const [line, expected] of MISTAKES) {
    await t.test(`diorite ${line}`, async () => {
      const { code, stdout, stderr } = await diorite(line.split(' '));
      assert.equal(code, 2);
      assert.equal(stdout, '');
      assert.match(stderr, expected);
      assert.equal(stderr.trimEnd().split('\n').length, 1);
    });
  }
});

test('without a command the usage goes to standard error, and 2', async () => {
  const { code, stdout, stderr } = await diorite([]);
  assert.equal(code, 2);
  assert.equal(stdout, '');
  assert.match(stderr, /Usage:/);
});
