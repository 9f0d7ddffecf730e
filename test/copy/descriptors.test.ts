// copy() by descriptors, in one process: what is read once, what is told of it, and what ends it.
import assert from 'node:assert/strict';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { copyWith } from '../../src/copy/copy.js';
import { type CopyProgress, copy, type DioriteError } from '../../src/index.js';
import { assertNoLeaks } from '../support/leaks.js';
import { Random } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { pipeOf } from './fifo.js';

const MIB = 1024 * 1024;

function setUp(t: TestContext, length: number): { directory: string; file: string; to: string; bytes: Buffer } {
  const directory = tempDirectory(t);
  const bytes = Buffer.alloc(length);
  new Random(length).fill(bytes);
  const file = join(directory, 'file');
  writeFileSync(file, bytes);
  return { directory, file, to: join(directory, 'to'), bytes };
}

test('progress knows bytes and no total, and comes to all of them', async (t) => {
  for (const verify of [false, true]) {
    const { file, to, bytes } = setUp(t, 9 * MIB + 5);
    const seen: CopyProgress[] = [];
    const result = await copy(new URL(pipeOf(t, file)), to, { verify, onProgress: (each) => seen.push(each) });
    assert.ok(readFileSync(to).equals(bytes));
    const copied = seen.filter(({ phase }) => phase === 'copy');
    assert.equal(copied.at(-1)?.doneBytes, bytes.length);
    assert.ok(seen.every(({ totalBytes }) => totalBytes === undefined));
    assert.equal(result.verified, verify);
    assert.equal(result.destination, to);
  }
  assertNoLeaks();
});

test('what a callback throws ends it, and comes out as it is', async (t) => {
  for (const verify of [false, true]) {
    const { directory, file, to } = setUp(t, 16 * MIB);
    const mine = new Error('mine');
    const onProgress = (): void => {
      throw mine;
    };
    await assert.rejects(copy(pipeOf(t, file), to, { verify, onProgress }), mine);
    assert.deepEqual(readdirSync(directory), ['file']);
  }
  assertNoLeaks();
});

test('an abort ends a wait for more, with the ledger and nothing left', async (t) => {
  const { directory, to } = setUp(t, 0);
  // A terminal's worth of nothing: who could write is there, and never does.
  const fifo = pipeOf(t, '/dev/null');
  const writer = openSync(`/proc/self/fd/${fifo.slice('fd://'.length)}`, 'r+');
  t.after(() => closeSync(writer));
  for (const destinations of [[to], [to, `${to}.2`]] as const) {
    const controller = new AbortController();
    const copying = copy(fifo, destinations, { signal: controller.signal });
    setImmediate(() => controller.abort());
    await assert.rejects(copying, { name: 'AbortError' });
  }
  assert.deepEqual(readdirSync(directory), ['file']);
  assertNoLeaks();
});

test('what differs when it is read back is told by its piece: the source is gone', async (t) => {
  const { directory, file, to } = setUp(t, 3 * MIB);
  const settled = (path: string | null): void => {
    const bytes = readFileSync(path ?? '');
    bytes[2 * MIB + 7] = (bytes[2 * MIB + 7] ?? 0) ^ 1;
    writeFileSync(path ?? '', bytes);
  };
  const copying = copyWith(pipeOf(t, file), to, { verify: true, requestBytes: MIB }, { settled });
  await assert.rejects(copying, (error: DioriteError) => {
    assert.equal(error.code, 'ERR_DIORITE_VERIFY');
    assert.equal(error.offset, 2 * MIB);
    assert.match(error.message, /checksum of 1048576 bytes/);
    return true;
  });
  assert.deepEqual(readdirSync(directory), ['file']);
});

test('a clone is made of a whole redirected file, and of no part of one', async (t) => {
  const { file, to, bytes } = setUp(t, MIB);
  const fd = openSync(file, 'r');
  t.after(() => closeSync(fd));
  const result = await copy(`fd://${fd}`, to, { reflink: 'auto' });
  assert.ok(result.io.write === 'clone' || result.reflinkReason !== null);
  assert.ok(readFileSync(to).equals(bytes));
  // It was left at its end: what is there from now on is nothing.
  const rest = await copy(`fd://${fd}`, `${to}.2`, { reflink: 'auto' });
  assert.equal(rest.bytes, 0);
  assert.equal(rest.reflinkReason, 'the source is read from the middle of a file on');
});

test('one thing is not copied onto itself, nor twice over one, by whatever names', async (t) => {
  const { file, bytes } = setUp(t, 100);
  const fd = openSync(file, 'r+');
  t.after(() => closeSync(fd));
  await assert.rejects(copy(file, `fd://${fd}`), { code: 'ERR_DIORITE_SAME_FILE' });
  await assert.rejects(copy(`fd://${fd}`, file, { force: true }), { code: 'ERR_DIORITE_SAME_FILE' });
  await assert.rejects(copy('/proc/version', [file, `fd://${fd}`]), { code: 'ERR_DIORITE_SAME_FILE' });
  assert.ok(readFileSync(file).equals(bytes));
});

test('a URL that names no descriptor, and a descriptor that is not open', async (t) => {
  const { to } = setUp(t, 0);
  for (const wrong of ['fd://', 'fd://x', new URL('fd:-1')])
    await assert.rejects(copy(wrong, to), { code: 'ERR_INVALID_ARG_VALUE' });
  await assert.rejects(copy('fd://99999', to), { code: 'EBADF' });
  await assert.rejects(copy('/proc/version', 'fd://99999'), { code: 'EBADF' });
});
