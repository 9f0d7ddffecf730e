// A copy that is ended in the middle, one way or another: nothing looks finished, and nothing old is lost.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Random } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { type Running, SLOW_BYTES, SLOWLY, start, temporaryFileAppears, temporaryFiles } from './command.js';

interface Scene {
  readonly directory: string;
  readonly source: string;
  readonly to: string;
}

function setUp(t: TestContext): Scene {
  const directory = tempDirectory(t);
  const source = join(directory, 'source');
  const bytes = Buffer.alloc(SLOW_BYTES);
  new Random(3).fill(bytes.subarray(0, 1024 * 1024));
  for (let at = 1024 * 1024; at < bytes.length; at *= 2) bytes.copy(bytes, at, 0, Math.min(at, bytes.length - at));
  writeFileSync(source, bytes);
  return { directory, source, to: join(directory, 'copy') };
}

/** A slow copy, seen to be under way. */
async function underWay(
  { directory, source, to }: Scene,
  ...options: string[]
): Promise<Running & { temporary: string }> {
  const appears = temporaryFileAppears(directory);
  const running = start(['copy', source, to, ...SLOWLY, ...options]);
  const failed = running.ended.then(({ code, stderr }) => {
    throw new Error(`it ended before it was seen: ${code} ${stderr}`);
  });
  const temporary = await Promise.race([appears, failed]);
  failed.catch(() => {});
  return { ...running, temporary: join(directory, temporary) };
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 143],
] as const) {
  test(`${signal} removes the temporary file: exit status ${status}`, async (t) => {
    const scene = setUp(t);
    const { child, ended } = await underWay(scene);
    child.kill(signal);
    const { code, stderr } = await ended;
    assert.equal(code, status);
    assert.match(stderr, /interrupted/);
    assert.deepEqual(readdirSync(scene.directory), ['source']);
  });
}

test('an old file keeps its bytes while it is being replaced, and after a signal', async (t) => {
  const scene = setUp(t);
  writeFileSync(scene.to, 'old');
  const { child, ended } = await underWay(scene, '--force');
  assert.equal(readFileSync(scene.to, 'utf8'), 'old');
  child.kill('SIGINT');
  assert.equal((await ended).code, 130);
  assert.equal(readFileSync(scene.to, 'utf8'), 'old');
  assert.deepEqual(await temporaryFiles(scene.directory), []);
});

test('after a crash the old file is whole, and what is left can be told by its name', async (t) => {
  const scene = setUp(t);
  writeFileSync(scene.to, 'old');
  const { child, ended } = await underWay(scene, '--force');
  child.kill('SIGKILL');
  assert.equal((await ended).signal, 'SIGKILL');
  assert.equal(readFileSync(scene.to, 'utf8'), 'old');
  const [left = ''] = await temporaryFiles(scene.directory);
  assert.match(left, /^\.copy\.diorite-[0-9a-f]{12}$/);
});

test('a destination that appears meanwhile is not replaced', async (t) => {
  const scene = setUp(t);
  const { ended } = await underWay(scene);
  writeFileSync(scene.to, 'theirs');
  const { code, stderr } = await ended;
  assert.equal(code, 1);
  assert.match(stderr, /destination exists/);
  assert.equal(readFileSync(scene.to, 'utf8'), 'theirs');
  assert.deepEqual(await temporaryFiles(scene.directory), []);
});

for (const [name, change] of [
  ['grows', (file: Awaited<ReturnType<typeof open>>) => file.write('more', SLOW_BYTES)],
  ['shrinks', (file: Awaited<ReturnType<typeof open>>) => file.truncate(SLOW_BYTES - 100_000)],
  ['is written to', (file: Awaited<ReturnType<typeof open>>) => file.write('other', 12_345)],
] as const) {
  test(`a source that ${name} is reported: exit status 4`, async (t) => {
    const scene = setUp(t);
    writeFileSync(scene.to, 'old');
    const { ended } = await underWay(scene, '--force');
    const file = await open(scene.source, 'r+');
    await change(file);
    await file.close();
    const { code, stderr } = await ended;
    assert.match(stderr, /source changed/);
    assert.equal(code, 4);
    assert.equal(readFileSync(scene.to, 'utf8'), 'old');
    assert.deepEqual(await temporaryFiles(scene.directory), []);
  });
}

test('--verify finds what another process did to the copy: exit status 3', async (t) => {
  const scene = setUp(t);
  const { ended, temporary } = await underWay(scene, '--verify');
  const expected = readFileSync(scene.source).subarray(0, 4096);
  const file = await open(temporary, 'r+');
  const found = Buffer.alloc(4096);
  // Until the first block has been written: from then on nobody writes it but this test.
  while (!found.equals(expected)) await file.read(found, 0, 4096, 0);
  await file.write(Buffer.of((expected[1234] ?? 0) ^ 1), 0, 1, 1234);
  await file.sync();
  await file.close();
  const { code, stderr } = await ended;
  assert.match(stderr, /differs from the source at offset 1234\b/);
  assert.equal(code, 3);
  assert.deepEqual(readdirSync(scene.directory), ['source']);
});
