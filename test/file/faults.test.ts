// What the kernel may answer on real files: short and unaligned-short, EAGAIN, EINVAL, EIO, a sync that fails.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { Region } from '../../src/memory/region.js';
import { Op, type Operation } from '../../src/targets/file/engines/engine.js';
import type { Verdict } from '../support/faulty-engine.js';
import { openFaulty } from '../support/faulty-file.js';

const directory = mkdtempSync(join(tmpdir(), 'diorite-test-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;
const fresh = (): string => join(directory, `file-${files++}`);

const MIB = 1024 * 1024;
const EAGAIN = -11;
const EINTR = -4;
const EINVAL = -22;
const EIO = -5;

function region(bytes: number): Uint8Array {
  const view = new Uint8Array(new Region(bytes).buffer, 0, bytes);
  view.set(randomBytes(bytes));
  return view;
}

/** The n-th write (from 1) gets the verdict. */
function onWrite(n: number, verdict: Verdict): (operation: Operation) => Verdict {
  let writes = 0;
  return (operation) => (operation.op === Op.WRITE && ++writes === n ? verdict : undefined);
}

async function rejection(promise: Promise<unknown>): Promise<DioriteError> {
  try {
    await promise;
  } catch (error) {
    return error as DioriteError;
  }
  throw new assert.AssertionError({ message: 'it did not reject' });
}

describe('short answers', () => {
  it('a short write that ends in mid-block goes on from the last aligned boundary', async () => {
    const path = fresh();
    const data = region(4 * MIB);
    const offsets: number[] = [];
    const judge = onWrite(2, { saidBytes: 512 * 1024 + 100 });
    const file = await openFaulty(path, {
      judge: (operation) => {
        if (operation.op === Op.WRITE) offsets.push(operation.offset);
        return judge(operation);
      },
    });
    const result = await file.write(data, 0, null, 0);
    assert.equal(result.bytesWritten, 4 * MIB);
    assert.ok(offsets.includes(MIB + 512 * 1024), `resumed: ${offsets}`);
    await file.close();
    assert.ok(readFileSync(path).equals(data));
  });

  it('a short read goes on, and is not taken for the end of the file', async () => {
    const path = fresh();
    const data = randomBytes(3 * MIB + 100);
    let reads = 0;
    const file = await openFaulty(path, {
      judge: (operation) => (operation.op === Op.READ && ++reads === 1 ? { onlyBytes: 4096 } : undefined),
    });
    writeFileSync(path, data);
    const buffer = region(4 * MIB);
    const result = await file.read(buffer, 0, null, 0);
    assert.equal(result.bytesRead, data.length);
    assert.ok(data.equals(buffer.subarray(0, data.length)));
    await file.close();
  });

  it('answers that never move a byte end as an error', async () => {
    const file = await openFaulty(fresh(), {
      judge: (operation) => (operation.op === Op.WRITE ? { result: 0 } : undefined),
    });
    const error = await rejection(file.write(region(4096), 0, null, 0));
    assert.equal(error.code, 'ERR_DIORITE_NO_PROGRESS');
    assert.equal(error.bytes, 0);
    await file.close();
  });
});

describe('errors', () => {
  for (const [name, result] of [
    ['EAGAIN', EAGAIN],
    ['EINTR', EINTR],
  ] as const) {
    it(`${name} is sent again`, async () => {
      const path = fresh();
      const data = region(MIB);
      const file = await openFaulty(path, { judge: onWrite(1, { result }) });
      assert.equal((await file.write(data, 0, null, 0)).bytesWritten, MIB);
      await file.close();
      assert.ok(readFileSync(path).equals(data));
    });
  }

  it('EAGAIN for ever is an error after a bounded number of attempts, and nothing is unknown', async () => {
    let writes = 0;
    const file = await openFaulty(fresh(), {
      judge: (operation) => (operation.op === Op.WRITE && ++writes > 0 ? { result: EAGAIN } : undefined),
    });
    const error = await rejection(file.write(region(4096), 0, null, 0));
    assert.equal(error.code, 'EAGAIN');
    assert.ok(writes <= 64, `${writes} attempts`);
    assert.deepEqual(error.extents, [{ offset: 0, length: 4096, state: 'failed' }]);
    await file.close();
  });

  it('EIO in the middle: what was answered is done, the request that failed unknown', async () => {
    const file = await openFaulty(fresh(), {
      judge: (operation) => (operation.op === Op.WRITE && operation.offset === MIB ? { result: EIO } : undefined),
    });
    const error = await rejection(file.write(region(3 * MIB), 0, null, 0));
    assert.equal(error.code, 'EIO');
    assert.equal(error.syscall, 'write');
    assert.equal(error.bytes, MIB);
    assert.deepEqual(error.extents, [
      { offset: 0, length: MIB, state: 'done' },
      { offset: MIB, length: MIB, state: 'unknown' },
      { offset: 2 * MIB, length: MIB, state: 'done' },
    ]);
    await file.close();
  });

  it('prefer-direct: a file system that refuses O_DIRECT at I/O is written through the cache, and the result says so', async () => {
    const path = fresh();
    const data = region(MIB);
    const file = await openFaulty(path, {
      facts: { memoryAlignment: { value: 4096, from: 'assumed' } },
      judge: (operation) => (operation.op === Op.WRITE && !operation.buffered ? { result: EINVAL } : undefined),
    });
    const result = await file.write(data, 0, null, 0);
    assert.equal(result.io, 'buffered');
    assert.equal(result.bufferedBytes, MIB);
    await file.close();
    assert.ok(readFileSync(path).equals(data));
  });

  it("io: 'direct': a rewrite that fails makes its whole block unknown, the caller's neighbours too", async () => {
    const path = fresh();
    const file = await openFaulty(path, {
      io: 'direct',
      judge: (operation) => (operation.op === Op.WRITE ? { result: EIO } : undefined),
    });
    writeFileSync(path, randomBytes(8192));
    const block = file.facts.writeAlignment.value;
    const error = await rejection(file.write(new Uint8Array(10), 0, null, block + 100));
    assert.deepEqual(error.extents, [{ offset: block, length: block, state: 'unknown' }]);
    assert.equal(error.bytes, 0);
    await file.close();
  });
});

describe('a sync that fails', () => {
  it('makes unknown what was written since the last good one, and poisons every handle until all are closed', async () => {
    const path = fresh();
    let failing = false;
    const judge = (operation: Operation): undefined | { result: number } =>
      failing && operation.op === Op.FSYNC ? { result: EIO } : undefined;
    const file = await openFaulty(path, { judge });
    const other = await openFaulty(path, { judge });
    await file.write(region(MIB), 0, null, 0);
    await file.sync();
    await file.write(region(4096), 0, null, 8192);
    await other.write(region(4096), 0, null, 65536);
    failing = true;
    const error = await rejection(file.sync());
    assert.equal(error.code, 'EIO');
    assert.deepEqual(error.extents, [
      { offset: 8192, length: 4096, state: 'unknown' },
      { offset: 65536, length: 4096, state: 'unknown' },
    ]);
    failing = false;
    for (const call of [
      () => other.sync(),
      () => other.write(region(4096), 0, null, 0),
      () => file.read(region(4096), 0, null, 0),
    ]) {
      assert.equal((await rejection(call())).code, 'ERR_DIORITE_POISONED');
    }
    await file.close();
    assert.equal((await rejection(other.datasync())).code, 'ERR_DIORITE_POISONED');
    await other.close();
    const again = await openFaulty(path, { judge });
    await again.write(region(4096), 0, null, 0);
    await again.sync();
    await again.close();
  });
});
