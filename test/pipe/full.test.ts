// A disk that fills up while a stream is spliced to it: the error is the kernel's, and the ledger says what is there.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { movePipeToFile } from '../../src/targets/pipe/splice.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon } from '../support/needs.js';
import { checkExtents } from '../support/oracle.js';
import { withFilesystem } from '../support/root-harness.js';
import { contentsOf, feed, fileOf, streamOver } from './movers.js';
import { patternBytes, TestPipe } from './pipes.js';

const MIB = 1024 * 1024;

it('a disk that fills up under a stream: ENOSPC, and what is done is done', { skip: !hasAddon() }, async (t) => {
  await withFilesystem(t, 'ext4', { sizeMib: 32 }, async ({ directory }) => {
    const bytes = patternBytes(48 * MIB);
    const pipe = new TestPipe(t, MIB);
    void feed(pipe, bytes, () => MIB, MIB);
    const path = join(directory, 'file');
    const target = await fileOf(t, path, new Uint8Array(0));
    const source = streamOver(t, pipe.reads);
    await assert.rejects(movePipeToFile({ source, target }), (error: DioriteError) => {
      assert.equal(error.code, 'ENOSPC');
      const done = error.bytes ?? 0;
      assert.ok(done >= 8 * MIB && done < 32 * MIB, `${done} bytes`);
      checkExtents(error.extents ?? [], 0, error.length ?? -1);
      assert.ok(contentsOf(path).subarray(0, done).equals(bytes.subarray(0, done)));
      return true;
    });
    pipe.close('reads');
    await target.close();
    assertNoLeaks();
  });
});
