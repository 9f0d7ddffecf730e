// The same calls on a diorite file and on Node's FileHandle give the same results, the same error codes, the same bytes.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { type FileHandle, open as nodeOpen } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { open } from '../../src/index.js';
import { runChild } from '../support/children.js';
import { assertNoLeaks } from '../support/leaks.js';
import { tempDirectory } from '../support/temp.js';
import { bytes, type Call, CONTENT, type Loose, SEQUENCES } from './node-parity-calls.js';

function comparable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const shown = bytes.length > 64 ? createHash('sha1').update(bytes).digest('hex') : bytes.toString('hex');
    return { [value.constructor.name]: shown, length: value.byteLength };
  }
  if (Array.isArray(value)) return value.map(comparable);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, comparable(inner)]));
}

async function outcomeOf(file: Loose, call: Call): Promise<unknown> {
  try {
    return { value: comparable(await call(file)) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { code, syscall, name } = error as NodeJS.ErrnoException;
    const isSystem = typeof code === 'string' && !code.startsWith('ERR_');
    // Which call of the system it was is not the same: the library reads with preadv2 or a ring.
    return isSystem ? { code, hasSyscall: typeof syscall === 'string' } : { code, name };
  }
}

const FLAGS = [
  'r',
  'r+',
  'rs+',
  'w',
  'w+',
  'a',
  'a+',
  'as',
  'as+',
  'wx',
  'ax+',
  'x',
  'rw',
  '',
  0,
  2,
  0o2001,
  1.5,
  null,
  undefined,
];

for (const engine of ['auto', 'threads'] as const) {
  for (const [name, calls] of Object.entries(SEQUENCES)) {
    test(`${name} (engine ${engine})`, async (t) => {
      const directory = tempDirectory(t);
      const [ours, nodes] = [join(directory, 'ours'), join(directory, 'nodes')];
      writeFileSync(ours, CONTENT);
      writeFileSync(nodes, CONTENT);
      const file = await open(ours, 'r+', { engine });
      const handle: FileHandle = await nodeOpen(nodes, 'r+');
      try {
        for (const [index, call] of calls.entries()) {
          const expected = await outcomeOf(handle, call);
          const actual = await outcomeOf(file, call);
          assert.deepEqual(actual, expected, `call ${index}: ${call}`);
          assert.equal(
            Buffer.compare(readFileSync(ours), readFileSync(nodes)),
            0,
            `bytes after call ${index}: ${call}`,
          );
        }
      } finally {
        await file.close();
        await handle.close();
      }
      assertNoLeaks();
    });
  }
}

/** Opens, writes, reads and closes; `exists`: whether the file is there before. */
async function openAndUse(openIt: Loose, path: string, args: readonly unknown[]): Promise<unknown> {
  const opened = await outcomeOf(null, async () => {
    const file = await openIt(path, ...args);
    try {
      const results: unknown[] = [];
      const uses: readonly Call[] = [
        (f) => f.write(bytes(5000), 0, 5000, 3),
        (f) => f.write(bytes(10)),
        (f) => f.writev([bytes(4096), bytes(1)], 0),
        (f) => f.read(Buffer.alloc(20)),
        (f) => f.read(Buffer.alloc(20), 0, 20, 1),
        (f) => f.stat().then((s: Loose) => [s.size, s.mode]),
      ];
      for (const use of uses) results.push(await outcomeOf(file, use));
      return results;
    } finally {
      await file.close();
    }
  });
  return opened;
}

for (const exists of [true, false]) {
  for (const flags of FLAGS) {
    test(`open ${exists ? 'an existing' : 'a missing'} file with ${inspect(flags)}`, async (t) => {
      const directory = tempDirectory(t);
      const [ours, nodes] = [join(directory, 'ours'), join(directory, 'nodes')];
      if (exists) for (const path of [ours, nodes]) writeFileSync(path, CONTENT);
      const expected = await openAndUse(nodeOpen, nodes, [flags]);
      assert.deepEqual(await openAndUse(open, ours, [flags]), expected);
      const after = [ours, nodes].map((path) => outcomeOf(null, () => readFileSync(path)));
      assert.deepEqual(await after[0], await after[1], 'the same bytes');
    });
  }
}

test('paths and modes', async (t) => {
  const directory = tempDirectory(t);
  let made = 0;
  const both = async (makePath: (path: string) => unknown, ...args: readonly unknown[]) => {
    const [ours, nodes] = [join(directory, `ours${++made}`), join(directory, `nodes${made}`)];
    const expected = await openAndUse(nodeOpen, makePath(nodes) as string, args);
    assert.deepEqual(await openAndUse(open, makePath(ours) as string, args), expected, inspect(args));
  };
  const plain = (path: string) => path;
  await both((path) => Buffer.from(path), 'w+');
  await both((path) => pathToFileURL(path), 'w+');
  await both(() => 'a\0b', 'r');
  await both(() => 7, 'r');
  await both(() => null, 'r');
  for (const mode of [0o600, 0o444, '640', '0o640', '8', -1, 1.5, 2 ** 32, null, undefined])
    await both(plain, 'w+', mode);
});

test('calls at once on the own position run in the order in which they were made', async (t) => {
  const path = join(tempDirectory(t), 'file');
  writeFileSync(path, CONTENT);
  await using file = await open(path, 'r+');
  const lengths = [3, 1000, 5000, 17];
  const results = await Promise.all(lengths.map((length) => file.read(Buffer.alloc(length))));
  assert.equal(Buffer.compare(Buffer.concat(results.map(({ buffer }) => buffer)), CONTENT.subarray(0, 6020)), 0);
  await Promise.all([file.write('one '), file.write('two '), file.write('three')]);
  assert.equal(readFileSync(path).subarray(6020, 6033).toString(), 'one two three');
});

/**
 * Where Node 20 takes a wrong or unusual position for "none" and moves the handle's own, or an unknown encoding for
 * UTF-8, its documentation says otherwise, and so does this library.
 */
test('what is wrong is refused, and bigint positions are taken', async (t) => {
  const path = join(tempDirectory(t), 'file');
  writeFileSync(path, CONTENT);
  const file: Loose = await open(path, 'r+');
  for (const position of [1.5, -2, 2 ** 53, Number.NaN, -2n, 2n ** 63n]) {
    const refused = { code: 'ERR_OUT_OF_RANGE', message: /position/ };
    await assert.rejects(file.read(Buffer.alloc(5), 0, 5, position), refused, inspect(position));
    await assert.rejects(file.write(Buffer.alloc(5), 0, 5, position), refused, inspect(position));
    await assert.rejects(file.readv([Buffer.alloc(5)], position), refused, inspect(position));
    await assert.rejects(file.writev([Buffer.alloc(5)], position), refused, inspect(position));
  }
  for (const position of ['x', {}, true]) {
    const refused = { code: 'ERR_INVALID_ARG_TYPE', message: /position/ };
    await assert.rejects(file.read(Buffer.alloc(5), 0, 5, position), refused, inspect(position));
    await assert.rejects(file.writev([Buffer.alloc(5)], position), refused, inspect(position));
  }
  const encoding = { code: 'ERR_INVALID_ARG_VALUE', message: /encoding/ };
  await assert.rejects(file.write('text', 10, 'no such encoding'), encoding);
  assert.equal(Buffer.compare(readFileSync(path), CONTENT), 0);
  const { buffer } = await file.read(Buffer.alloc(10), 0, 10, 15_001n);
  assert.deepEqual(buffer, CONTENT.subarray(15_001, 15_011));
  await file.writev([bytes(10)], 15_001n);
  assert.deepEqual(readFileSync(path).subarray(15_001, 15_011), bytes(10));
  await file.close();
});

test('without the addon', async (t) => {
  if (process.env.DIORITE_ADDON === 'off') {
    t.skip('this is the run without the addon');
    return;
  }
  const result = await runChild(new URL(import.meta.url), { env: { DIORITE_ADDON: 'off' } });
  const failed = result.stdout.split('\n').filter((line) => /^(not ok|✖)/.test(line));
  assert.equal(result.code, 0, failed.join('\n'));
});
