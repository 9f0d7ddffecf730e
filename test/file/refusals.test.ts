// What open refuses leaves the file as it was: O_TRUNC happens last.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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
});
