// O_APPEND: each write lands where the file ends then, so that what one call writes must go one request after the other.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { open } from '../../src/index.js';
import { pattern } from '../conformance/subject.js';
import { tempDirectory } from '../support/temp.js';

for (const engine of ['auto', 'threads'] as const) {
  test(`one call's requests keep their order whatever depth is asked: ${engine}`, async (t) => {
    const path = join(tempDirectory(t), 'file');
    const [before, added] = [pattern(1001, 1), pattern(1_000_000, 2)];
    for (let round = 0; round < 4; round++) {
      writeFileSync(path, before);
      const file = await open(path, 'a', { engine, depth: 16, requestBytes: 16_384 });
      try {
        assert.equal((await file.write(added)).bytesWritten, added.length);
      } finally {
        await file.close();
      }
      assert.equal(Buffer.compare(readFileSync(path), Buffer.concat([before, added])), 0);
    }
  });
}
