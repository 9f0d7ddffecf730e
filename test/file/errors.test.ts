// Bad input and failures of the system: one clear error each, which names the argument or the file; nothing half-done.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, type TestContext, test } from 'node:test';
import { type Extent, type File, open } from '../../src/index.js';
import { runJson } from '../support/children.js';
import { assertNoLeaks } from '../support/leaks.js';
import { needs } from '../support/needs.js';
import { type FilesystemKind, withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';

afterEach(assertNoLeaks);

const CONTENT = 'what was there before';

/** A small file in a directory of its own. */
function smallFile(t: TestContext): string {
  const path = join(tempDirectory(t), 'file');
  writeFileSync(path, CONTENT);
  return path;
}

interface Expected {
  readonly code: string;
  readonly message?: RegExp;
}

async function refuses(call: () => Promise<unknown>, { code, message }: Expected): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof Error && 'code' in error, `not an error with a code: ${String(error)}`);
    assert.equal(error.code, code, error.message);
    if (message !== undefined) assert.match(error.message, message);
    return true;
  });
}

/** Every way to say where. */
const AT: readonly (readonly [string, (file: File, position: number | bigint) => Promise<unknown>])[] = [
  ['read', (file, position) => file.read(Buffer.alloc(8), 0, 8, position)],
  ['read with options', (file, position) => file.read(Buffer.alloc(8), { position })],
  ['write', (file, position) => file.write(Buffer.alloc(8), 0, 8, position as number)],
  ['write with options', (file, position) => file.write(Buffer.alloc(8), { position: position as number })],
];

for (const [name, call] of AT) {
  test(`${name}: positions that are none`, async (t) => {
    const path = smallFile(t);
    await using file = await open(path, 'r+');
    const isRead = name.startsWith('read');
    const named: Expected = { code: 'ERR_OUT_OF_RANGE', message: /position/ };
    await refuses(() => call(file, 1.5), named);
    await refuses(() => call(file, Number.NaN), named);
    await refuses(() => call(file, 2 ** 53), named);
    await refuses(() => call(file, Number.MAX_SAFE_INTEGER), named);
    await refuses(() => call(file, Number.POSITIVE_INFINITY), named);
    if (isRead) {
      await refuses(() => call(file, -2), named);
      await refuses(() => call(file, -(2n ** 40n)), named);
      await refuses(() => call(file, 2n ** 63n), named);
    }
    assert.equal(readFileSync(path, 'utf8'), CONTENT);
  });
}

test('vectored: a position that is none', async (t) => {
  const path = smallFile(t);
  await using file = await open(path, 'r+');
  for (const position of [1.5, Number.NaN, 2 ** 53, Number.MAX_SAFE_INTEGER]) {
    await refuses(() => file.readv([Buffer.alloc(8)], position), { code: 'ERR_OUT_OF_RANGE', message: /position/ });
    await refuses(() => file.writev([Buffer.alloc(8)], position), { code: 'ERR_OUT_OF_RANGE', message: /position/ });
  }
  assert.equal(readFileSync(path, 'utf8'), CONTENT);
});

test('a range beyond the buffer', async (t) => {
  const path = smallFile(t);
  await using file = await open(path, 'r+');
  const buffer = Buffer.alloc(16);
  for (const [offset, length, named] of [
    [17, 1, /offset|length/],
    [0, 17, /length/],
    [8, 9, /length/],
    [-1, 4, /offset/],
    [0, -1, /length/],
    [0.5, 4, /offset/],
    [0, 4.5, /length/],
  ] as const) {
    await refuses(() => file.read(buffer, offset, length, 0), { code: 'ERR_OUT_OF_RANGE', message: named });
    await refuses(() => file.write(buffer, offset, length, 0), { code: 'ERR_OUT_OF_RANGE', message: named });
  }
  assert.equal(readFileSync(path, 'utf8'), CONTENT);
});

test('arguments of the wrong type name the argument', async (t) => {
  const path = smallFile(t);
  await using file = await open(path, 'r+');
  // What JavaScript callers can pass and TypeScript would not let through.
  const loose = file as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const call = (name: string, ...args: unknown[]) => loose[name]?.apply(file, args) ?? Promise.resolve();
  const type = 'ERR_INVALID_ARG_TYPE';
  await refuses(() => call('read', 5), { code: type, message: /buffer/ });
  await refuses(() => call('write', 5), { code: type, message: /buffer/ });
  await refuses(() => call('write', {}), { code: type, message: /buffer/ });
  await refuses(() => call('readv', Buffer.alloc(4)), { code: type, message: /buffers/ });
  await refuses(() => call('writev', [Buffer.alloc(4), 'text']), { code: type, message: /\[1\]/ });
  await refuses(() => call('read', Buffer.alloc(4), 0, 4, 'here'), { code: type, message: /position/ });
  await refuses(() => call('truncate', 'much'), { code: type, message: /len/ });
  assert.equal(readFileSync(path, 'utf8'), CONTENT);
});

test('a detached buffer', async (t) => {
  const path = smallFile(t);
  await using file = await open(path, 'r+');
  const buffer = new ArrayBuffer(64);
  const view = new Uint8Array(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  const detached: Expected = { code: 'ERR_DIORITE_DETACHED' };
  await refuses(() => file.writev([Buffer.alloc(4), view], 0), detached);
  await refuses(() => file.readv([Buffer.alloc(4), view], 0), detached);
  await refuses(() => file.write(view, { position: 0 }), detached);
  await refuses(() => file.read(view, { position: 0 }), detached);
  assert.equal(readFileSync(path, 'utf8'), CONTENT, 'the buffer before the detached one was not written either');
});

test('a closed file', async (t) => {
  const file = await open(smallFile(t), 'r+');
  await file.close();
  assert.equal(file.fd, -1);
  const closed: Expected = { code: 'EBADF', message: /file/ };
  await refuses(() => file.read(Buffer.alloc(4), 0, 4, 0), closed);
  await refuses(() => file.write(Buffer.alloc(4), 0, 4, 0), closed);
  await refuses(() => file.readv([Buffer.alloc(4)], 0), closed);
  await refuses(() => file.writev([Buffer.alloc(4)], 0), closed);
  await refuses(() => file.stat(), closed);
  await refuses(() => file.truncate(0), closed);
  await refuses(() => file.sync(), closed);
  await refuses(() => file.datasync(), closed);
  await file.close();
});

test('a directory, a missing path, an existing one', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'file');
  writeFileSync(path, CONTENT);
  await refuses(() => open(directory, 'r+'), { code: 'EISDIR', message: /t-/ });
  await refuses(() => open(directory, 'w'), { code: 'EISDIR' });
  await refuses(
    async () => {
      await using file = await open(directory, 'r');
      await file.read(Buffer.alloc(4), 0, 4, 0);
    },
    { code: 'EISDIR' },
  );
  await refuses(() => open(join(directory, 'none'), 'r'), { code: 'ENOENT', message: /none/ });
  await refuses(() => open(join(directory, 'none', 'deeper'), 'w'), { code: 'ENOENT', message: /deeper/ });
  await refuses(() => open(join(path, 'below'), 'r'), { code: 'ENOTDIR' });
  await refuses(() => open(path, 'wx'), { code: 'EEXIST' });
  assert.equal(readFileSync(path, 'utf8'), CONTENT);
  assert.equal(existsSync(join(directory, 'none')), false);
});

test('a file opened for one direction', async (t) => {
  const path = smallFile(t);
  {
    await using file = await open(path, 'r');
    await refuses(() => file.write(Buffer.alloc(5000), 0, 5000, 0), { code: 'EBADF' });
    await refuses(() => file.write('text', 0), { code: 'EBADF' });
    await refuses(() => file.truncate(3), { code: 'EINVAL' });
  }
  assert.equal(readFileSync(path, 'utf8'), CONTENT);
  await using file = await open(path, 'a');
  await refuses(() => file.read(Buffer.alloc(4), 0, 4, 0), { code: 'EBADF' });
});

test('options that are unknown or wrong name themselves', async (t) => {
  const path = smallFile(t);
  const bad = (options: Record<string, unknown>) => () => open(path, 'r+', options as never);
  await refuses(bad({ io: 'sideways' }), { code: 'ERR_INVALID_ARG_VALUE', message: /io/ });
  await refuses(bad({ engine: 'steam' }), { code: 'ERR_INVALID_ARG_VALUE', message: /engine/ });
  await refuses(bad({ depht: 4 }), { code: 'ERR_INVALID_ARG_VALUE', message: /depht/ });
  await refuses(bad({ depth: 0 }), { code: 'ERR_OUT_OF_RANGE', message: /depth/ });
  await refuses(bad({ depth: 1.5 }), { code: 'ERR_OUT_OF_RANGE', message: /depth/ });
  await refuses(bad({ depth: 'many' }), { code: 'ERR_INVALID_ARG_TYPE', message: /depth/ });
  await refuses(bad({ bytesInFlight: -1 }), { code: 'ERR_OUT_OF_RANGE', message: /bytesInFlight/ });
  await refuses(() => open(path, 'rw'), { code: 'ERR_INVALID_ARG_VALUE', message: /flags/ });
  await refuses(() => open(5 as never), { code: 'ERR_INVALID_ARG_TYPE', message: /path/ });
  await refuses(() => open('a\0b'), { code: 'ERR_INVALID_ARG_VALUE', message: /path/ });
  assert.equal(readFileSync(path, 'utf8'), CONTENT);
});

test("io: 'direct' where that cannot be had", async (t) => {
  await withFilesystem(t, 'ext4-journal', {}, async ({ directory }) => {
    const path = join(directory, 'file');
    await refuses(
      async () => {
        await using file = await open(path, 'w', { io: 'direct' });
        await file.write(Buffer.alloc(8192), 0, 8192, 0);
      },
      { code: 'ERR_DIORITE_NOT_DIRECT' },
    );
  });
});

test('an aborted call', async (t) => {
  const path = smallFile(t);
  await using file = await open(path, 'r+');
  const reason = new Error('enough');
  const signal = AbortSignal.abort(reason);
  await assert.rejects(() => file.read(Buffer.alloc(4), { position: 0, signal }), {
    name: 'AbortError',
    code: 'ABORT_ERR',
    cause: reason,
  });
  await refuses(() => file.write(Buffer.alloc(4), { position: 0, signal }), { code: 'ABORT_ERR' });
  assert.equal(readFileSync(path, 'utf8'), CONTENT);
});

interface LedgerError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly path: string;
  readonly offset: number;
  readonly length: number;
  readonly bytes: number;
  readonly extents: readonly Extent[];
}

/** The ledger covers the range in order, without gap or overlap, and begins with what `bytes` says. */
function assertLedger(error: LedgerError, offset: number, length: number): void {
  assert.equal(error.offset, offset);
  assert.equal(error.length, length);
  let at = offset;
  for (const extent of error.extents) {
    assert.equal(extent.offset, at, 'no gap and no overlap');
    assert.ok(extent.length > 0);
    at += extent.length;
  }
  assert.equal(at, offset + length, 'the whole range is told of');
  const [first] = error.extents;
  assert.equal(error.bytes, first?.state === 'done' ? first.length : 0);
  assert.ok(error.extents.some(({ state }) => state !== 'done'));
}

/** What the ledger says of a write of 0x99 over fresh space is so. */
function assertLedgerHolds(path: string, error: LedgerError): void {
  const bytes = readFileSync(path);
  for (const { offset, length, state } of error.extents) {
    const found = bytes.subarray(offset, offset + length);
    if (state === 'done') assert.ok(found.length === length && found.every((byte) => byte === 0x99), 'done is new');
    if (state === 'failed')
      assert.ok(
        found.every((byte) => byte === 0),
        'failed is as it was',
      );
  }
}

for (const kind of ['tmpfs', 'ext4', 'xfs', 'btrfs'] satisfies FilesystemKind[]) {
  for (const engine of ['uring', 'threads'] as const) {
    test(`a full disk: ${kind}, ${engine}`, async (t) => {
      const sizeMib = { tmpfs: 24, ext4: 24, xfs: 300, btrfs: 128 }[kind];
      await withFilesystem(t, kind, { sizeMib }, async ({ directory }) => {
        const path = join(directory, 'file');
        const length = (sizeMib + 16) * 1024 * 1024 + 77;
        const piece = new Uint8Array(8 * 1024 * 1024).fill(0x99);
        const views = Array.from({ length: Math.ceil(length / piece.length) }, (_, index) =>
          piece.subarray(0, Math.min(piece.length, length - index * piece.length)),
        );
        await using file = await open(path, 'w', { engine });
        const error = await file.writev(views, 0).then(
          () => assert.fail('more was written than there is room for'),
          (thrown: LedgerError) => thrown,
        );
        assert.equal(error.code, 'ENOSPC', error.message);
        assert.equal(error.path, path);
        assertLedger(error, 0, length);
        assertLedgerHolds(path, error);
      });
    });
  }
}

test('the limit of a file size', async (t) => {
  if (!needs(t, 'prlimit')) return;
  const path = join(tempDirectory(t), 'file');
  const limit = 1024 * 1024 + 100;
  const wrapper = ['prlimit', `--fsize=${limit}`, '--'];
  const script = new URL('children/size-limit.js', import.meta.url);
  const found = (await runJson(script, { args: [path], wrapper })) as LedgerError;
  assert.equal(found.code, 'EFBIG', found.message);
  assertLedger(found, 0, 2 * 1024 * 1024);
  assertLedgerHolds(path, found);
  assert.ok(readFileSync(path).length <= limit);
});

test('a directory in the place of a file stays as it was', async (t) => {
  const directory = join(tempDirectory(t), 'directory');
  mkdirSync(directory);
  await refuses(() => open(directory, 'wx'), { code: 'EEXIST' });
  assert.ok(existsSync(directory));
});
