// readBatch and writeBatch against byte arrays: answers and errors by element, on every engine, whatever the memory.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { DioriteError } from '../../src/base/errors.js';
import { Batch, open } from '../../src/index.js';
import { Region } from '../../src/memory/region.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { openFaulty } from '../support/faulty-file.js';
import { assertNoLeaks } from '../support/leaks.js';
import { requireAddon } from '../support/needs.js';
import { withSeed } from '../support/random.js';

const directory = mkdtempSync(join(tmpdir(), 'diorite-test-'));
after(() => rmSync(directory, { recursive: true }));
let files = 0;
const fresh = (): string => join(directory, `file-${files++}`);
const PAGE = 4096;
const EIO = -5;

function fileOf(bytes: number): { readonly path: string; readonly data: Buffer } {
  const path = fresh();
  const data = randomBytes(bytes);
  writeFileSync(path, data);
  return { path, data };
}

async function rejection(promise: Promise<unknown>): Promise<DioriteError> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown as DioriteError,
  );
  assert.ok(error !== null, 'it rejects');
  return error;
}

for (const engine of ['uring', 'threads'] as const) {
  describe(`batches, ${engine}`, () => {
    it('writes and reads what single calls would, more elements than fit in flight', async (t) => {
      if (!requireAddon(t)) return;
      const count = 1000;
      using region = new Region(count * PAGE);
      randomBytes(region.length).copy(region.bytes);
      const path = fresh();
      await using file = await open(path, 'w+', { engine });
      const batch = new Batch(count, region.bytes);
      for (let i = 0; i < count; i++) batch.add(((i * 7) % count) * PAGE, i * PAGE, PAGE);
      assert.equal(await file.writeBatch(batch, { depth: 300 }), batch);
      assert.ok(batch.bytes.subarray(0, count).every((bytes) => bytes === PAGE));
      assert.deepEqual([batch.requests, batch.copiedBytes, batch.failed], [count, 0, 0]);
      const before = Buffer.from(region.bytes);
      const content = readFileSync(path);
      for (let i = 0; i < count; i++) {
        const at = ((i * 7) % count) * PAGE;
        assert.ok(content.subarray(at, at + PAGE).equals(before.subarray(i * PAGE, (i + 1) * PAGE)), `element ${i}`);
      }
      region.bytes.fill(0);
      await file.readBatch(batch);
      assert.ok(before.equals(region.bytes));
    });

    it('takes any offset, length and memory, and stops at the end of the data', async () => {
      await withSeed(async (random) => {
        const { path, data } = fileOf(300_001);
        await using file = await open(path, 'r', { engine });
        const memory = Buffer.alloc(4_000_000);
        const batch = new Batch(200, memory);
        const views: { readonly position: number; readonly view: Buffer }[] = [];
        for (let offset = 0; views.length < batch.capacity; ) {
          const length = random.below(20_000);
          const position = random.below(310_000);
          const isOwn = random.chance(3);
          const view = isOwn ? Buffer.alloc(length) : memory.subarray(offset, offset + length);
          assert.equal(isOwn ? batch.addView(position, view) : batch.add(position, offset, length), views.length);
          views.push({ position, view });
          offset += length;
        }
        await file.readBatch(batch, { depth: random.between(1, 40) });
        for (const [i, { position, view }] of views.entries()) {
          const expected = data.subarray(position, position + view.length);
          assert.equal(batch.bytes[i], expected.length, `element ${i}`);
          assert.ok(view.subarray(0, expected.length).equals(expected), `element ${i}`);
        }
      });
    });

    it('calls back once, on a tick of its own', async () => {
      const { path, data } = fileOf(PAGE);
      await using file = await open(path, 'r', { engine });
      const memory = Buffer.alloc(PAGE);
      const batch = new Batch(1, memory);
      batch.add(0, 0, PAGE);
      const told = await new Promise<unknown[]>((resolve) => {
        assert.equal(
          file.readBatch(batch, (...all) => resolve(all)),
          undefined,
        );
        assert.equal(batch.busy, true);
      });
      assert.deepEqual(told, [null, batch]);
      assert.equal(batch.busy, false);
      assert.ok(memory.equals(data));
      batch.clear();
      await new Promise<void>((resolve) => file.readBatch(batch, { depth: 2 }, () => resolve()));
      await file.readBatch(batch);
      assert.equal(batch.requests, 0);
    });

    it('many at once, each with its own answers', async () => {
      const { path, data } = fileOf(512 * PAGE);
      await using file = await open(path, 'r', { engine });
      using region = new Region(8 * 100 * PAGE);
      const batches = Array.from({ length: 8 }, (_, b) => {
        const batch = new Batch(100, region.bytes.subarray(b * 100 * PAGE, (b + 1) * 100 * PAGE));
        for (let i = 0; i < 100; i++) batch.add(((b * 64 + i * 3) % 512) * PAGE, i * PAGE, PAGE);
        return batch;
      });
      await Promise.all(batches.map((batch) => file.readBatch(batch, { depth: 100 })));
      for (const batch of batches) {
        for (let i = 0; i < batch.count; i++) {
          const at = batch.positions[i] as number;
          const { byteOffset } = batch.memory as Uint8Array;
          const got = Buffer.from(region.buffer, byteOffset + i * PAGE, PAGE);
          assert.ok(got.equals(data.subarray(at, at + PAGE)));
        }
      }
    });
  });
}

describe('batches that fail', () => {
  it('each element has its own error and ledger, and the others are done', async (t) => {
    if (!requireAddon(t)) return;
    const path = fresh();
    const bad = new Set([3 * PAGE, 17 * PAGE]);
    const short = 8 * PAGE;
    let isFirst = true;
    await using file = await openFaulty(path, {
      judge: ({ op, offset }) => {
        if (op !== Op.WRITE) return undefined;
        if (bad.has(offset)) return { result: EIO };
        if (offset !== short || !isFirst) return undefined;
        isFirst = false;
        return { onlyBytes: 512 };
      },
    });
    using region = new Region(20 * PAGE);
    randomBytes(region.length).copy(region.bytes);
    const batch = new Batch(20, region.bytes);
    for (let i = 0; i < 20; i++) batch.add(i * PAGE, i * PAGE, PAGE);
    const error = await rejection(file.writeBatch(batch, { depth: 4 }));
    assert.equal(error.code, 'ERR_DIORITE_BATCH');
    assert.match(error.message, /2 of 20 elements failed, the first at index 3: /);
    assert.equal(error.cause, batch.errorOf(3));
    assert.equal(batch.failed, 2);
    const content = readFileSync(path);
    for (let i = 0; i < 20; i++) {
      const own = batch.errorOf(i) as DioriteError | null;
      if (!bad.has(i * PAGE)) {
        assert.deepEqual([own, batch.bytes[i]], [null, PAGE], `element ${i}`);
        assert.ok(content.subarray(i * PAGE, (i + 1) * PAGE).equals(region.bytes.subarray(i * PAGE, (i + 1) * PAGE)));
        continue;
      }
      assert.deepEqual([own?.code, own?.offset, own?.length, own?.bytes], ['EIO', i * PAGE, PAGE, 0]);
      assert.deepEqual(own?.extents, [{ offset: i * PAGE, length: PAGE, state: 'unknown' }]);
    }
    bad.clear();
    await file.writeBatch(batch);
    assert.deepEqual([batch.failed, batch.errorOf(3)], [0, null]);
    assertNoLeaks();
  });

  it('an abort: what was sent is answered, what was not is certainly as it was', async (t) => {
    if (!requireAddon(t)) return;
    const controller = new AbortController();
    const path = fresh();
    await using file = await openFaulty(path, {
      judge: ({ offset }) => {
        if (offset === 10 * PAGE) controller.abort(new Error('enough'));
        return undefined;
      },
    });
    using region = new Region(100 * PAGE);
    const batch = new Batch(100, region.bytes);
    for (let i = 0; i < 100; i++) batch.add(i * PAGE, i * PAGE, PAGE);
    const error = await rejection(file.writeBatch(batch, { depth: 2, signal: controller.signal }));
    assert.equal(error.code, 'ERR_DIORITE_BATCH');
    assert.equal(batch.failed, 89);
    assert.equal(batch.bytes[10], PAGE);
    for (const i of [11, 99]) {
      const own = batch.errorOf(i) as DioriteError;
      assert.deepEqual([own.name, own.code, own.bytes], ['AbortError', 'ABORT_ERR', 0]);
      assert.deepEqual(own.extents, [{ offset: i * PAGE, length: PAGE, state: 'failed' }]);
    }
    const before = await rejection(file.writeBatch(batch, { signal: controller.signal }));
    assert.deepEqual([before.code, batch.failed], ['ERR_DIORITE_BATCH', 100]);
  });

  it('memory that is gone when its turn comes', async () => {
    const { path } = fileOf(40 * PAGE);
    await using file = await open(path);
    const region = new Region(40 * PAGE);
    const batch = new Batch(40, region.bytes);
    for (let i = 0; i < 40; i++) batch.add(i * PAGE, i * PAGE, PAGE);
    const promise = file.readBatch(batch, { depth: 1 });
    region[Symbol.dispose]();
    const error = await rejection(promise);
    assert.equal(error.code, 'ERR_DIORITE_BATCH');
    assert.ok(batch.failed >= 39 && batch.errorOf(39) !== null);
  });

  it('refuses what cannot be before anything is sent', async () => {
    const { path } = fileOf(PAGE);
    await using file = await open(path, 'r+');
    const batch = new Batch(4, new Uint8Array(100));
    assert.throws(() => batch.add(-1, 0, 1), { code: 'ERR_OUT_OF_RANGE', message: /positions\[0\]/ });
    assert.throws(() => batch.add(2 ** 53 - 1, 0, 1), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => batch.add(0, 99, 2), { code: 'ERR_OUT_OF_RANGE', message: /offsets\[0\] and lengths\[0\]/ });
    assert.throws(() => batch.add(0, 0.5, 1), { code: 'ERR_OUT_OF_RANGE' });
    assert.equal(batch.count, 0);
    assert.throws(() => new Batch(1).add(0, 0, 1), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => new Batch(0), { code: 'ERR_OUT_OF_RANGE' });
    assert.throws(() => new Batch(1, 'x' as never), { code: 'ERR_INVALID_ARG_TYPE' });
    batch.positions[1] = Number.NaN;
    batch.lengths.fill(1);
    batch.count = 2;
    assert.equal((await rejection(file.readBatch(batch))).code, 'ERR_OUT_OF_RANGE');
    assert.equal(batch.busy, false);
    assert.throws(() => file.readBatch(batch, () => assert.fail('not called')), { code: 'ERR_OUT_OF_RANGE' });
    batch.clear();
    for (let i = 0; i < 4; i++) batch.add(i, i, 1);
    assert.throws(() => batch.add(0, 0, 1), { code: 'ERR_OUT_OF_RANGE', message: /capacity/ });
    const first = file.readBatch(batch);
    assert.throws(() => batch.clear(), { code: 'ERR_DIORITE_BATCH_BUSY' });
    assert.throws(() => batch.add(0, 0, 1), { code: 'ERR_DIORITE_BATCH_BUSY' });
    assert.equal((await rejection(file.readBatch(batch))).code, 'ERR_DIORITE_BATCH_BUSY');
    await first;
    assert.equal((await rejection(file.readBatch({} as never))).code, 'ERR_INVALID_ARG_TYPE');
    assert.equal((await rejection(file.readBatch(batch, { dsync: true } as never))).code, 'ERR_INVALID_ARG_VALUE');
    assert.equal((await rejection(file.readBatch(batch, { depth: 0 }))).code, 'ERR_OUT_OF_RANGE');
    await using appended = await open(path, 'a');
    assert.equal((await rejection(appended.writeBatch(batch))).code, 'ERR_DIORITE_UNSUPPORTED');
    await file.close();
    assert.equal((await rejection(file.readBatch(batch))).code, 'EBADF');
  });

  it('close waits for it', async () => {
    const { path } = fileOf(64 * PAGE);
    const file = await open(path);
    using region = new Region(64 * PAGE);
    const batch = new Batch(64, region.bytes);
    for (let i = 0; i < 64; i++) batch.add(i * PAGE, i * PAGE, PAGE);
    const reading = file.readBatch(batch, { depth: 2 });
    await file.close();
    assert.equal(batch.busy, false);
    await reading;
  });
});

it('docs/Batch.md: the example prints what it says', () => {
  const text = readFileSync(new URL('../../../docs/Batch.md', import.meta.url), 'utf8');
  const [, code, printed] = /```js\n(.*?)```\n\nprints\n\n```\n(.*?)```/s.exec(text) ?? [];
  assert.ok(code !== undefined && printed !== undefined);
  const place = join(directory, 'example');
  mkdirSync(join(place, 'node_modules'), { recursive: true });
  symlinkSync(fileURLToPath(new URL('../../../', import.meta.url)), join(place, 'node_modules', 'diorite'));
  writeFileSync(join(place, 'example.mjs'), code);
  // Node 20 has no `await using`: the compiler of the other examples does it for them.
  const portable = code.replace(/await using file = (.*);/, 'const file = $1;');
  writeFileSync(join(place, 'example.mjs'), `${portable}\nawait file.close();\n`);
  assert.equal(execFileSync(process.execPath, ['example.mjs'], { cwd: place, encoding: 'utf8' }), printed);
});
