// Child of space.test.ts, without the addon. PATH append|write.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { open } from '../../../src/index.js';

const [path = '', how] = process.argv.slice(2);
const unsupported = { code: 'ERR_DIORITE_UNSUPPORTED' };

if (how === 'append') {
  await using file = await open(path, 'a+');
  await assert.rejects(file.zero(0, 4096), unsupported);
} else {
  await using file = await open(path, 'w+');
  await file.write(Buffer.alloc(200_000, 3), { position: 0 });
  assert.equal(await file.zero(777, 150_000), 'written');
  const expected = Buffer.alloc(200_000, 3).fill(0, 777, 150_777);
  assert.ok(readFileSync(path).equals(expected));
  await assert.rejects(file.punch(0, 4096), unsupported);
  await assert.rejects(file.allocate(0, 4096), unsupported);
  await assert.rejects(async () => {
    for await (const _ of file.segments()) break;
  }, unsupported);
  await assert.rejects(file.write(Buffer.alloc(4096), { position: 0, atomic: true }), unsupported);
}
console.log('true');
