// FilePublishing: what the conformance suite does not ask of a store: permissions, room, names that are there already.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { FilePublishing } from '../../src/targets/file/publish.js';
import { withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';

const MIB = 1024 * 1024;

test('nobody else may read it until it is published with its bits', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'name');
  for (const [mode, expected] of [
    [0o640, 0o640],
    [undefined, 0o666 & ~process.umask()],
  ] as const) {
    const publication = await new FilePublishing().begin(path, mode === undefined ? {} : { mode });
    assert.equal(statSync(publication.temporaryName).mode & 0o777, 0o600);
    assert.equal(await publication.publish(), true);
    assert.equal(statSync(path).mode & 0o777, expected);
  }
  assert.deepEqual(readdirSync(directory), ['name']);
});

test('replace: false refuses a name that came meanwhile, and leaves it', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'name');
  const publication = await new FilePublishing().begin(path, { replace: false });
  writeFileSync(path, 'theirs');
  await assert.rejects(publication.publish(), { code: 'ERR_DIORITE_EXISTS', path });
  await publication.discard();
  assert.equal(readFileSync(path, 'utf8'), 'theirs');
  assert.deepEqual(readdirSync(directory), ['name']);
});

test('what is no regular file any more is not replaced', async (t) => {
  const directory = tempDirectory(t);
  const path = join(directory, 'name');
  const publication = await new FilePublishing().begin(path, {});
  mkdirSync(path);
  await assert.rejects(publication.publish(), { code: 'ERR_DIORITE_EXISTS' });
  await publication.discard();
  assert.deepEqual(readdirSync(directory), ['name']);
});

test('a directory that takes no files, or a way of opening that cannot be had, leaves nothing', async (t) => {
  const directory = tempDirectory(t);
  await assert.rejects(new FilePublishing().begin(join(directory, 'no', 'name'), {}), { code: 'ENOENT' });
  await withFilesystem(t, 'tmpfs', {}, async ({ directory: memory }) => {
    const path = join(memory, 'name');
    symlinkSync('elsewhere', path);
    await assert.rejects(new FilePublishing({ io: 'direct' }).begin(path, {}), {
      code: 'ERR_DIORITE_NOT_DIRECT',
      path,
    });
    assert.deepEqual(readdirSync(memory), ['name']);
  });
});

test('a size for which there is no room is refused, and room is made for one that fits', async (t) => {
  await withFilesystem(t, 'tmpfs', { sizeMib: 8 }, async ({ directory }) => {
    const path = join(directory, 'name');
    await assert.rejects(new FilePublishing().begin(path, { size: 9 * MIB }), { code: 'ENOSPC', path });
    assert.deepEqual(readdirSync(directory), []);
    const publication = await new FilePublishing().begin(path, { size: 4 * MIB });
    assert.equal(statSync(publication.temporaryName).size, 4 * MIB);
    await publication.discard();
    assert.deepEqual(readdirSync(directory), []);
  });
});
