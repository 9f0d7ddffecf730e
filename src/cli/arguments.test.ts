// Arguments: every mistake is one line that names what is wrong.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atLeast, countOf, exactly, oneOf, parseArguments, sizeOf } from './arguments.js';

const OPTIONS = {
  force: { type: 'boolean', short: 'f' },
  depth: { type: 'string' },
  size: { type: 'string' },
} as const;

function parse(...args: string[]): ReturnType<typeof parseArguments> {
  return parseArguments(args, OPTIONS);
}

test('options may stand anywhere, and -- ends them', () => {
  const parsed = parse('a', '-f', '--depth', '4', '--', '--force');
  assert.deepEqual(parsed.positionals, ['a', '--force']);
  assert.deepEqual([...parsed.flags], ['force']);
  assert.equal(parsed.values.get('depth'), '4');
});

test('a wrong option is named', () => {
  assert.throws(() => parse('--forse'), { name: 'UsageError', message: "unknown option '--forse'" });
  assert.throws(() => parse('-x'), { message: "unknown option '-x'" });
  assert.throws(() => parse('--force=yes'), { message: "option '--force' takes no value" });
  assert.throws(() => parse('--depth'), { message: "option '--depth' needs a value" });
  assert.throws(() => parse('--constructor'), { message: "unknown option '--constructor'" });
});

test('counts', () => {
  assert.equal(countOf(parse('--depth', '7'), 'depth', 9), 7);
  assert.equal(countOf(parse(), 'depth', 9), undefined);
  for (const wrong of ['-1', '0', '1.5', '10', 'x', '1e1', '0x1'])
    assert.throws(() => countOf(parse('--depth', wrong), 'depth', 9), {
      message: `--depth: '${wrong}' is not an integer from 1 to 9`,
    });
});

test('sizes', () => {
  const size = (text: string): number | undefined => sizeOf(parse('--size', text), 'size', 4096, 2 ** 26);
  assert.equal(size('4096'), 4096);
  assert.equal(size('512K'), 512 * 1024);
  assert.equal(size('1M'), 1024 * 1024);
  assert.equal(size('1MiB'), 1024 * 1024);
  assert.equal(size('1mb'), 1024 * 1024);
  for (const wrong of ['4095', '0', '-4K', '3M', '1G', '1T', '1.5M', 'M', '99999999999999999999'])
    assert.throws(() => size(wrong), /^UsageError: --size: '.+' is not a power of two from 4096 to 67108864/);
});

test('choices and positionals', () => {
  assert.throws(() => oneOf(parse('--depth', 'c'), 'depth', ['a', 'b']), { message: "--depth: 'c' is none of a, b" });
  assert.deepEqual(exactly(parse('x', 'y'), ['A', 'B']), ['x', 'y']);
  assert.throws(() => exactly(parse('x'), ['A', 'B']), { message: 'missing B' });
  assert.throws(() => exactly(parse('x', 'y', 'z'), ['A', 'B']), { message: "one argument too many: 'z'" });
  assert.throws(() => exactly(parse('x', ''), ['A', 'B']), { message: 'an empty path' });
  assert.deepEqual(atLeast(parse('x', 'y', 'z'), ['A', 'B']), ['x', 'y', 'z']);
  assert.throws(() => atLeast(parse('x'), ['A', 'B']), { message: 'missing B' });
  assert.throws(() => atLeast(parse('x', 'y', ''), ['A', 'B']), { message: 'an empty path' });
});
