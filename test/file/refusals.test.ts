// What open refuses leaves everything as it was: O_TRUNC happens last, and what O_CREAT made is removed.
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { open } from '../../src/index.js';

/** A tmpfs on every Linux: it cannot do direct I/O. */
const SHARED_MEMORY = '/dev/shm';
const reason = existsSync(SHARED_MEMORY) ? false : `no ${SHARED_MEMORY}`;

describe('a refused open', { skip: reason }, () => {
  const directory = reason === false ? mkdtempSync(join(SHARED_MEMORY, 'diorite-test-')) : '';
  after(() => rmSync(directory, { recursive: true, force: true }));

  it("io: 'direct' where there is none: the old bytes stay, though the flags say truncate", async () => {
    const path = join(directory, 'old');
    writeFileSync(path, 'old bytes');
    await assert.rejects(open(path, 'w', { io: 'direct' }), { code: 'ERR_DIORITE_NOT_DIRECT', path });
    assert.equal(readFileSync(path, 'utf8'), 'old bytes');
  });

  it('the same without a refusal truncates', async () => {
    const path = join(directory, 'new');
    writeFileSync(path, 'old bytes');
    await using file = await open(path, 'w');
    assert.equal((await file.stat()).size, 0);
    assert.equal((await file.write('new')).io, 'buffered');
    assert.equal(readFileSync(path, 'utf8'), 'new');
  });

  for (const flags of ['w', 'wx', 'a', 'w+']) {
    it(`flags '${flags}': a file that was not there is not there afterwards`, async () => {
      const inside = mkdtempSync(join(directory, 'new-'));
      const path = join(inside, 'file');
      await assert.rejects(open(path, flags, { io: 'direct' }), { code: 'ERR_DIORITE_NOT_DIRECT', path });
      assert.deepEqual(readdirSync(inside), []);
    });
  }

  it('a dangling link stays one: what it names is not made', async () => {
    const inside = mkdtempSync(join(directory, 'link-'));
    mkdirSync(join(inside, 'real'));
    symlinkSync('real/file', join(inside, 'one'));
    symlinkSync('one', join(inside, 'two'));
    await assert.rejects(open(join(inside, 'two'), 'w', { io: 'direct' }), { code: 'ERR_DIORITE_NOT_DIRECT' });
    assert.deepEqual(readdirSync(join(inside, 'real')), []);
    symlinkSync('loop', join(inside, 'loop'));
    await assert.rejects(open(join(inside, 'loop'), 'w', { io: 'direct' }), { code: 'ELOOP' });
  });

  it('errors are those of open(2)', async () => {
    const path = join(directory, 'there');
    writeFileSync(path, '');
    await assert.rejects(open(path, 'wx', { io: 'direct' }), { code: 'EEXIST' });
    await assert.rejects(open(directory, 'w', { io: 'direct' }), { code: 'EISDIR' });
    await assert.rejects(open(`${path}/below`, 'w', { io: 'direct' }), { code: 'ENOTDIR' });
    await assert.rejects(open(join(directory, 'no', 'such'), 'w', { io: 'direct' }), { code: 'ENOENT' });
  });

  it('while others make and remove the name, theirs is never removed', async () => {
    const inside = mkdtempSync(join(directory, 'race-'));
    const path = join(inside, 'file');
    for (let turn = 0; turn < 200; turn++) {
      const refused = assert.rejects(open(path, 'w', { io: 'direct' }), { code: 'ERR_DIORITE_NOT_DIRECT' });
      // At another moment of the open each time.
      for (let wait = turn % 20; wait > 0; wait--) await new Promise((resolve) => setImmediate(resolve));
      if (turn % 3 === 0) rmSync(path, { force: true });
      writeFileSync(path, 'theirs');
      await refused;
      if (existsSync(path)) assert.equal(readFileSync(path, 'utf8'), 'theirs');
      rmSync(path, { force: true });
    }
    writeFileSync(path, 'theirs');
    const refused = open(path, 'w', { io: 'direct' });
    await assert.rejects(refused, { code: 'ERR_DIORITE_NOT_DIRECT' });
    assert.equal(readFileSync(path, 'utf8'), 'theirs');
    unlinkSync(path);
  });
});
