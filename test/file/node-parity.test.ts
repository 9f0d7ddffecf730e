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

/** Both are called as JavaScript would: with whatever is given, also what the types forbid. */
// biome-ignore lint/suspicious/noExplicitAny: the calls are data here, and half of them are wrong on purpose
type Loose = any;

/** A call, the same for both; made anew for each, so that buffers are not shared. */
type Call = (file: Loose) => unknown;

const CONTENT = Buffer.from(Array.from({ length: 20_000 }, (_, index) => (index * 31) % 251));

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

const bytes = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, index) => 200 - (index % 100)));

/** Each line runs on fresh files; the calls of one line run one after the other on the same one. */
const SEQUENCES: Record<string, readonly Call[]> = {
  'read without anything': [(f) => f.read(), (f) => f.read(), (f) => f.read()],
  'read into a buffer, position kept': [
    (f) => f.read(Buffer.alloc(100)),
    (f) => f.read(Buffer.alloc(100)),
    (f) => f.read(Buffer.alloc(100), 10),
    (f) => f.read(Buffer.alloc(100), 10, 20),
    (f) => f.read(Buffer.alloc(100), 10, 20, 500),
    (f) => f.read(Buffer.alloc(100), 10, 20),
    (f) => f.read(Buffer.alloc(100), 10, 20, null),
    (f) => f.read(Buffer.alloc(100), 10, 20, undefined),
    (f) => f.read(Buffer.alloc(100), 10, 20, -1),
    (f) => f.read(Buffer.alloc(100), 10, 20, 0),
    (f) => f.read(Buffer.alloc(100), undefined, undefined, 7),
    (f) => f.read(Buffer.alloc(100), null, null, null),
  ],
  'read with options': [
    (f) => f.read({ buffer: Buffer.alloc(50) }),
    (f) => f.read({ buffer: Buffer.alloc(50), offset: 5, length: 6, position: 7 }),
    (f) => f.read({ length: 10, buffer: Buffer.alloc(50) }),
    (f) => f.read({}),
    (f) => f.read({ position: 100 }),
    (f) => f.read(Buffer.alloc(50), { offset: 5, length: 6, position: 7 }),
    (f) => f.read(Buffer.alloc(50), {}),
    (f) => f.read(Buffer.alloc(50), { offset: 50 }),
    (f) => f.read(Buffer.alloc(50), { length: 51 }),
    (f) => f.read(null),
    (f) => f.read(undefined),
    (f) => f.read(Buffer.alloc(50), null),
  ],
  'read around the end': [
    (f) => f.read(Buffer.alloc(10_000), 0, 10_000, 15_000),
    (f) => f.read(Buffer.alloc(10), 0, 10, 20_000),
    (f) => f.read(Buffer.alloc(10), 0, 10, 1e12),
    (f) => f.read(Buffer.alloc(30_000)),
    (f) => f.read(Buffer.alloc(10)),
  ],
  'read of nothing': [
    (f) => f.read(Buffer.alloc(10), 0, 0, 0),
    (f) => f.read(Buffer.alloc(10), 10, 0, 0),
    (f) => f.read(Buffer.alloc(0)),
    (f) => f.read(Buffer.alloc(0), 0, 0, 0),
    (f) => f.read(Buffer.alloc(0), { position: 0 }),
  ],
  'read into other views': [
    (f) => f.read(new Uint16Array(50), 0, 20, 0),
    (f) => f.read(new DataView(new ArrayBuffer(50), 5, 20), 0, 20, 0),
    (f) => f.read(new BigUint64Array(8)),
    (f) => f.read(new Uint8Array(new SharedArrayBuffer(50)), 0, 20, 0),
    (f) => f.read(new ArrayBuffer(50)),
    (f) => f.read('text'),
    (f) => f.read([1, 2]),
    (f) => f.read(7),
  ],
  'read with wrong numbers': [
    (f) => f.read(Buffer.alloc(10), -1, 5, 0),
    (f) => f.read(Buffer.alloc(10), 11, 1, 0),
    (f) => f.read(Buffer.alloc(10), 0, 11, 0),
    (f) => f.read(Buffer.alloc(10), 5, 6, 0),
    (f) => f.read(Buffer.alloc(10), 0, -1, 0),
    (f) => f.read(Buffer.alloc(10), 0.5, 5, 0),
    (f) => f.read(Buffer.alloc(10), '0', 5, 0),
  ],
  readv: [
    (f) => f.readv([Buffer.alloc(10), Buffer.alloc(3), new Uint16Array(4)], 5),
    (f) => f.readv([Buffer.alloc(10), Buffer.alloc(3)]),
    (f) => f.readv([Buffer.alloc(10)], null),
    (f) => f.readv([Buffer.alloc(10)], undefined),
    (f) => f.readv([Buffer.alloc(10), Buffer.alloc(0), Buffer.alloc(10)], 19_985),
    (f) => f.readv([Buffer.alloc(10)], 20_000),
    (f) => f.readv([Buffer.alloc(0)], 0),
    (f) => f.readv([1]),
    (f) => f.readv('text'),
    (f) => f.readv(undefined),
  ],
  'write, position kept': [
    (f) => f.write(bytes(100)),
    (f) => f.write(bytes(100), 10),
    (f) => f.write(bytes(100), 10, 20),
    (f) => f.write(bytes(100), 10, 20, 5000),
    (f) => f.write(bytes(100), 10, 20, null),
    (f) => f.write(bytes(100), 10, 20, undefined),
    (f) => f.write(bytes(100), undefined, undefined, 7000),
    (f) => f.read(Buffer.alloc(50)),
    (f) => f.write(bytes(9000), 0, 9000, 30_001),
    (f) => f.read(Buffer.alloc(50)),
  ],
  'write with options': [
    (f) => f.write(bytes(50), { offset: 5, length: 6, position: 7 }),
    (f) => f.write(bytes(50), { position: 70 }),
    (f) => f.write(bytes(50), {}),
    (f) => f.write(bytes(50), { offset: 50 }),
    (f) => f.write(bytes(50), { offset: 51 }),
    (f) => f.write(bytes(50), { length: 51 }),
    (f) => f.write(bytes(50), null),
  ],
  'write of nothing': [
    (f) => f.write(Buffer.alloc(0)),
    (f) => f.write(bytes(10), 0, 0, 50_000),
    (f) => f.write(bytes(10), 10, 0, 0),
    (f) => f.write(''),
    (f) => f.writev([Buffer.alloc(0)], 0),
    (f) => f.stat().then((s: { size: number }) => s.size),
  ],
  'write of text': [
    (f) => f.write('grüße'),
    (f) => f.write('grüße', 100),
    (f) => f.write('grüße', 200, 'latin1'),
    (f) => f.write('67c3bc', 300, 'hex'),
    (f) => f.write('Z3LDvMOfZQ==', 400, 'base64'),
    (f) => f.write('text', null, 'utf16le'),
    (f) => f.write('text', undefined, 'ucs2'),
    (f) => f.write('abc', 10, 'hex'),
    (f) => f.write('x'.repeat(10_000), 11),
  ],
  'write of other things': [
    (f) => f.write(new Uint16Array([1, 2, 3]), 0, 6, 0),
    (f) => f.write(new DataView(new ArrayBuffer(50), 5, 20), 0, 20, 100),
    (f) => f.write(new Uint8Array(new SharedArrayBuffer(50)), 0, 20, 200),
    (f) => f.write(new ArrayBuffer(50)),
    (f) => f.write({}),
    (f) => f.write({ toString: () => 'text' }),
    (f) => f.write(7),
    (f) => f.write(null),
    (f) => f.write(undefined),
    (f) => f.write(['text']),
  ],
  'write with wrong numbers': [
    (f) => f.write(bytes(10), -1, 5, 0),
    (f) => f.write(bytes(10), 11, 1, 0),
    (f) => f.write(bytes(10), 0, 11, 0),
    (f) => f.write(bytes(10), 5, 6, 0),
    (f) => f.write(bytes(10), 0, -1, 0),
    (f) => f.write(bytes(10), 0.5, 5, 0),
    (f) => f.write(bytes(10), '0', 5, 0),
  ],
  writev: [
    (f) => f.writev([bytes(10), bytes(3), new Uint16Array([1, 2, 3, 4])], 5),
    (f) => f.writev([bytes(10), bytes(3)]),
    (f) => f.writev([bytes(10)], null),
    (f) => f.writev([bytes(10)], undefined),
    (f) => f.writev([bytes(5000), Buffer.alloc(0), bytes(5001)], 4095),
    (f) => f.writev([bytes(10)]),
    (f) => f.writev([]),
    (f) => f.writev([1]),
    (f) => f.writev([bytes(10), 'text']),
    (f) => f.writev('text'),
    (f) => f.writev(undefined),
  ],
  truncate: [
    (f) => f.truncate(12_345),
    (f) => f.truncate(25_000),
    (f) => f.read(Buffer.alloc(30_000), 0, 30_000, 0),
    (f) => f.truncate(1.5),
    (f) => f.truncate('5'),
    (f) => f.truncate(3),
    (f) => f.truncate(null),
    (f) => f.truncate(10),
    (f) => f.truncate(),
    (f) => f.write(bytes(5000), 0, 5000, 100),
  ],
  'truncate to less than nothing': [(f) => f.truncate(-5)],
  stat: [
    (f) => f.stat().then((s: Loose) => [s.size, s.isFile(), s.mode, s.nlink, typeof s.mtimeMs, s.constructor.name]),
    (f) => f.stat({ bigint: true }).then((s: Loose) => [s.size, s.mode, typeof s.mtimeNs, s.constructor.name]),
    (f) => f.stat({ bigint: false }).then((s: Loose) => s.size),
    (f) => f.stat({}).then((s: Loose) => s.size),
    (f) => f.write(bytes(7777), 0, 7777, 19_000),
    (f) => f.stat().then((s: Loose) => s.size),
  ],
  sync: [(f) => f.write(bytes(5000)), (f) => f.datasync(), (f) => f.sync(), (f) => f.read(Buffer.alloc(5))],
  close: [
    (f) => typeof f.fd,
    (f) => f.close(),
    (f) => f.fd,
    (f) => f.close(),
    (f) => f[Symbol.asyncDispose](),
    (f) => f.read(Buffer.alloc(5)),
    (f) => f.write(Buffer.alloc(5)),
    (f) => f.readv([Buffer.alloc(5)]),
    (f) => f.writev([Buffer.alloc(5)]),
    (f) => f.stat(),
    (f) => f.truncate(),
    (f) => f.sync(),
    (f) => f.datasync(),
  ],
  'the close event': [
    async (f) => {
      let closed = 0;
      f.on('close', () => closed++);
      await f.close();
      await f.close();
      return closed;
    },
  ],
  'the arrays and buffers of a result are those that were given': [
    async (f) => {
      const given = Buffer.alloc(10);
      const list = [given];
      const results = [
        (await f.read(given, 0, 10, 0)).buffer === given,
        (await f.write(given, 0, 10, 0)).buffer === given,
        (await f.readv(list, 0)).buffers === list,
        (await f.writev(list, 0)).buffers === list,
        (await f.write('text', 0)).buffer === 'text',
      ];
      return results;
    },
    async (f) => Object.keys(await f.read(Buffer.alloc(10), 0, 10, 0)),
    async (f) => Object.keys(await f.write(Buffer.alloc(10), 0, 10, 0)),
    async (f) => Object.keys(await f.readv([Buffer.alloc(10)], 0)),
    async (f) => Object.keys(await f.writev([Buffer.alloc(10)], 0)),
  ],
};

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
