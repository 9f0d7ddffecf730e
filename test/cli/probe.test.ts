// `diorite probe`: every part of its page, and that it writes nothing.
import assert from 'node:assert/strict';
import { readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { hasAddon } from '../support/needs.js';
import { withDevice, withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';
import { diorite } from './command.js';

test('a file', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'file');
  writeFileSync(path, 'bytes');
  const before = statSync(path);
  const { code, stdout, stderr } = await diorite(['probe', path]);
  assert.equal(stderr, '');
  assert.equal(code, 0);
  for (const expected of [
    /^ {2}file system +\S/m,
    /learnt from: /,
    /^ {2}engine +(uring|threads)/m,
    /^ {2}one read or write +\d+ of \d/m,
    /^ {2}why +the start: /m,
    /^ {2}adapted to +\d+ to \d+ of 256 KiB to 4\.00 MiB/m,
    /hole maps/,
    /alignment per file/,
  ])
    assert.match(stdout, expected);
  for (const line of stdout.split('\n')) assert.ok(line.length <= 160, line);
  assert.equal(statSync(path).mtimeMs, before.mtimeMs);
  assert.deepEqual(readdirSync(directory), ['file']);
});

test('a directory is looked at, and nothing is made in it', async (t) => {
  const directory = tempDirectory(t);
  const before = statSync(directory);
  const { code, stdout } = await diorite(['probe', directory, '--json']);
  assert.equal(code, 0);
  const result = JSON.parse(stdout);
  assert.equal(result.kind, 'directory');
  assert.equal(result.notes.length >= 1, true);
  assert.equal(statSync(directory).mtimeMs, before.mtimeMs);
});

test('--json has every part', async (t) => {
  const path = join(tempDirectory(t), 'file');
  writeFileSync(path, 'bytes');
  const { stdout } = await diorite(['probe', path, '--json']);
  const result = JSON.parse(stdout);
  assert.deepEqual(Object.keys(result), [
    'path',
    'kind',
    'alignment',
    'notDirect',
    'fileSystem',
    'device',
    'defaults',
    'engine',
    'uring',
    'addonProblem',
    'capabilities',
    'machine',
    'notes',
  ]);
  for (const { value, from } of Object.values<{ value: number; from: string }>(result.alignment)) {
    assert.ok(Number.isInteger(Math.log2(value)));
    assert.ok(from.length > 0);
  }
  for (const { how, note } of result.capabilities) {
    assert.ok(['natively', 'slowly', 'refused'].includes(how));
    assert.ok(note.length > 0);
  }
});

test('without the addon it says why, and what is then done instead', async (t) => {
  const path = join(tempDirectory(t), 'file');
  writeFileSync(path, 'bytes');
  const { stdout } = await diorite(['probe', path, '--json'], { env: { DIORITE_ADDON: 'off' } });
  const result = JSON.parse(stdout);
  assert.equal(result.engine.name, 'threads');
  assert.match(result.engine.whyNotUring, /DIORITE_ADDON/);
  assert.match(result.addonProblem, /DIORITE_ADDON/);
  assert.ok(result.capabilities.some(({ how }: { how: string }) => how === 'slowly'));
});

test('the alignment of a 4Kn device is learnt, on it and on a file system of it', async (t) => {
  if (!hasAddon()) return t.skip('needs the addon');
  await withDevice(t, 'loop-4kn', { sizeMib: 16 }, async (device) => {
    const result = JSON.parse((await diorite(['probe', device, '--json'])).stdout);
    assert.equal(result.kind, 'block');
    assert.equal(result.alignment.write.value, 4096);
    assert.equal(result.device.bytes, 16 * 1024 * 1024);
  });
  await withFilesystem(t, 'xfs-4kn', {}, async ({ directory }) => {
    const path = join(directory, 'file');
    writeFileSync(path, 'bytes');
    const result = JSON.parse((await diorite(['probe', path, '--json'])).stdout);
    assert.equal(result.fileSystem.name, 'xfs');
    assert.deepEqual(result.alignment.write, { value: 4096, from: 'statx' });
  });
});

test('tmpfs says that it is the page cache', async (t) => {
  await withFilesystem(t, 'tmpfs', {}, async ({ directory }) => {
    const path = join(directory, 'file');
    writeFileSync(path, 'bytes');
    const { stdout } = await diorite(['probe', path]);
    assert.match(stdout, /direct I\/O +no: tmpfs lives in the page cache/);
    assert.match(stdout, /no block device of its own/);
  });
});

test('what is not there is told in one line', async () => {
  const { code, stderr } = await diorite(['probe', '/missing']);
  assert.equal(code, 1);
  assert.match(stderr, /^diorite: ENOENT.*\n$/);
});
