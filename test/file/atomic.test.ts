// write(…, { atomic: true }): one request that the kernel promises to do whole, or a refusal that gives the limits.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { type File, open } from '../../src/index.js';
import { IovIter } from '../../src/iter.js';
import { Region } from '../../src/memory/region.js';
import { Op, type Operation, RWF_ATOMIC, RWF_DSYNC } from '../../src/targets/file/engines/engine.js';
import type { AtomicWriteFacts } from '../../src/transfer/facts.js';
import { openFaulty } from '../support/faulty-file.js';
import { assertNoLeaks } from '../support/leaks.js';
import { requireAddon } from '../support/needs.js';
import { withFilesystem } from '../support/root-harness.js';
import { tempDirectory } from '../support/temp.js';

const EINVAL = -22;
const EIO = -5;

function aligned(bytes: number): Uint8Array {
  const view = new Region(bytes).bytes.subarray(0, bytes);
  view.set(randomBytes(bytes));
  return view;
}

/** A file of 4 MiB on XFS, where the kernel does atomic writes; skipped where it does not. */
async function onXfs(
  t: TestContext,
  engine: 'uring' | 'threads',
  body: (file: File, path: string, limits: AtomicWriteFacts) => Promise<void>,
): Promise<void> {
  if (!requireAddon(t)) return;
  await withFilesystem(t, 'xfs', {}, async ({ directory }) => {
    const path = join(directory, 'file');
    writeFileSync(path, Buffer.alloc(4 * 1024 * 1024, 1));
    await using file = await open(path, 'r+', { engine });
    const limits = file.facts.atomicWrite;
    if (limits === null) t.skip('this kernel promises no atomic writes on XFS');
    else await body(file, path, limits);
  });
}

for (const engine of ['uring', 'threads'] as const) {
  test(`one request of any size within the limits, from any memory, ${engine}`, async (t) => {
    await onXfs(t, engine, async (file, path, { minBytes, maxBytes }) => {
      const expected = readFileSync(path);
      for (let bytes = minBytes; bytes <= maxBytes; bytes *= 2) {
        const data = randomBytes(bytes);
        const pages = aligned(bytes);
        pages.set(data);
        const odd = Buffer.alloc(bytes + 1).subarray(1);
        odd.set(data);
        const third = Math.floor(bytes / 3);
        const pieces = [odd.subarray(0, third), pages.subarray(third, third + 100), odd.subarray(third + 100)];
        for (const [i, memory] of [pages, odd, pieces, IovIter.iovec(pieces)].entries()) {
          const position = i * bytes;
          const result = await file.write(memory, { position, atomic: true });
          assert.equal(result.bytesWritten, bytes);
          assert.deepEqual([result.requests, result.bufferedBytes, result.io], [1, 0, 'direct']);
          assert.equal(result.copiedBytes, memory === pages ? 0 : bytes);
          data.copy(expected, position);
        }
      }
      const durable = await file.write(aligned(minBytes).fill(5), { position: 0, atomic: true, dsync: true });
      assert.equal(durable.stable, true);
      expected.fill(5, 0, minBytes);
      await file.writev([aligned(minBytes).fill(6)], minBytes, { atomic: true });
      expected.fill(6, minBytes, 2 * minBytes);
      await file.sync();
      assert.ok(readFileSync(path).equals(expected));
    });
    assertNoLeaks();
  });

  test(`what the limits do not allow is refused with them, and nothing is written, ${engine}`, async (t) => {
    await onXfs(t, engine, async (file, path, { minBytes, maxBytes }) => {
      const before = readFileSync(path);
      const outOfRange = { code: 'ERR_OUT_OF_RANGE', message: new RegExp(`${minBytes} to ${maxBytes}`) };
      for (const bytes of [1, minBytes / 2, 3 * minBytes, minBytes + 1, 2 * maxBytes])
        await assert.rejects(file.write(new Uint8Array(bytes), { position: 0, atomic: true }), outOfRange);
      for (const position of [1, minBytes, 512]) {
        const memory = new Uint8Array(2 * minBytes);
        await assert.rejects(file.write(memory, { position, atomic: true }), { code: 'ERR_OUT_OF_RANGE' });
      }
      assert.ok(readFileSync(path).equals(before));
      await file.close();
    });
  });
}

test('where there are none the refusal says so: ext4 on a loop, tmpfs, through the cache, a read', async (t) => {
  if (!requireAddon(t)) return;
  for (const kind of ['ext4', 'tmpfs'] as const) {
    await withFilesystem(t, kind, {}, async ({ directory }) => {
      await using file = await open(join(directory, 'file'), 'w+');
      const write = file.write(aligned(4096), { position: 0, atomic: true });
      const unsupported = { code: 'ERR_DIORITE_UNSUPPORTED', message: /atomic.*limits: none/ };
      if (file.facts.atomicWrite === null) await assert.rejects(write, unsupported);
      else await write;
    });
  }
  await using buffered = await open(join(tempDirectory(t), 'file'), 'w+', { io: 'buffered' });
  const refused = { code: 'ERR_DIORITE_UNSUPPORTED', message: /must be direct/ };
  await assert.rejects(buffered.write(aligned(4096), { position: 0, atomic: true }), refused);
  await assert.rejects(buffered.read(aligned(4096), { position: 0, atomic: true }), { code: 'ERR_INVALID_ARG_VALUE' });
  assert.equal((await buffered.stat()).size, 0);
});

const PROMISED = { facts: { atomicWrite: { minBytes: 4096, maxBytes: 65536, segmentsMax: 1 } } };

test('what goes to the kernel is one write with RWF_ATOMIC, and its refusal is ours, with the ledger', async (t) => {
  if (!requireAddon(t)) return;
  const sent: Pick<Operation, 'offset' | 'length' | 'flags'>[] = [];
  const file = await openFaulty(join(tempDirectory(t), 'file'), {
    ...PROMISED,
    judge: ({ op, offset, length, flags }) => {
      if (op !== Op.WRITE) return undefined;
      sent.push({ offset, length, flags });
      return { result: EINVAL };
    },
  });
  await assert.rejects(
    file.write([aligned(4096), aligned(4096)], { position: 8192, atomic: true, dsync: true }),
    (error: DioriteError) => {
      assert.equal(error.code, 'ERR_DIORITE_UNSUPPORTED');
      assert.match(error.message, /EINVAL.*limits: 4096 to 65536 bytes/);
      assert.deepEqual(error.extents, [{ offset: 8192, length: 8192, state: 'failed' }]);
      assert.equal(error.bytes, 0);
      return true;
    },
  );
  assert.deepEqual(sent, [{ offset: 8192, length: 8192, flags: RWF_ATOMIC | RWF_DSYNC }], 'nothing falls back');
  await file.close();
  assertNoLeaks();
});

for (const [name, result] of [
  ['an error', EIO],
  ['a short answer', 4096],
] as const) {
  test(`${name} is not completed by a second request: all of it is unknown`, async (t) => {
    if (!requireAddon(t)) return;
    let writes = 0;
    const file = await openFaulty(join(tempDirectory(t), 'file'), {
      ...PROMISED,
      judge: ({ op }) => {
        if (op !== Op.WRITE) return undefined;
        writes++;
        return { result };
      },
    });
    await assert.rejects(file.write(aligned(8192), { position: 0, atomic: true }), (error: DioriteError) => {
      assert.equal(error.code, 'EIO');
      assert.deepEqual(error.extents, [{ offset: 0, length: 8192, state: 'unknown' }]);
      return true;
    });
    assert.equal(writes, 1);
    await file.close();
  });
}
