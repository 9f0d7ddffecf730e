// The NFS target over a server in memory: how requests are cut, what is durable when, and what a restart does.
import assert from 'node:assert/strict';
import { performance } from 'node:perf_hooks';
import { describe, mock, test } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { File } from '../../src/handle/file.js';
import type { NfsTarget } from '../../src/targets/nfs/nfs-target.js';
import { openNfs } from '../conformance/nfs-subject.js';
import { Prng } from '../support/prng.js';
import { everyFault, type FakeOptions, FakeProtocol, firstFault, nthFault } from './fake-protocol.js';

const MiB = 1024 * 1024;

// Time stands still: a turn of the event loop is never used up, and what is drawn together is sent together on any machine.
mock.method(performance, 'now', () => 0);

interface Bench {
  readonly protocol: FakeProtocol;
  readonly target: NfsTarget;
  readonly file: File;
}

async function bench(contents: Uint8Array = new Uint8Array(0), options: FakeOptions = {}): Promise<Bench> {
  const { protocol, target } = await openNfs(new FakeProtocol(options), contents);
  const file = new File({ target, engineReason: null, depth: undefined, bytesInFlight: undefined, appends: false });
  return { protocol, target, file };
}

function bytesOf(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  const prng = new Prng(seed);
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32LE(prng.below(2 ** 32), i);
  return bytes;
}

/** `count` pieces of one buffer in an order of their own, each `skew` bytes off its place. */
function shuffled(count: number, bytes: number, skew: number): { views: Uint8Array[]; whole: Buffer } {
  const memory = bytesOf(count * (bytes + skew) + skew, count);
  const order = Array.from({ length: count }, (_, i) => i);
  const prng = new Prng(bytes);
  for (let i = count - 1; i > 0; i--) {
    const j = prng.below(i + 1);
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  const views = order.map((i) => memory.subarray(i * (bytes + skew) + skew, (i + 1) * (bytes + skew)));
  return { views, whole: Buffer.concat(views) };
}

describe('requests', () => {
  for (const [count, bytes] of [
    [128, 4096],
    [1024, 512],
    [512, 1000],
  ] as const) {
    for (const skew of [0, 100]) {
      test(`${count} shuffled pieces of ${bytes} bytes, ${skew} apart: one WRITE, one READ`, async () => {
        const { protocol, file } = await bench();
        const { views, whole } = shuffled(count, bytes, skew);
        const { requests, stable } = await file.writev(views, 0);
        assert.equal(requests, 1);
        assert.equal(stable, true);
        assert.equal(protocol.count('startWrite'), 1);
        assert.equal(protocol.count('commit'), 0, 'it was asked to be durable by itself');
        assert.ok(protocol.allDurable);
        assert.ok(whole.equals(protocol.bytesOf('/file')));
        for (const view of views) view.fill(0);
        const read = await file.readv(views, 0);
        assert.equal(read.requests, 1);
        assert.equal(protocol.count('startRead'), 1);
        assert.ok(whole.equals(Buffer.concat(views)));
        await file.close();
      });
    }
  }

  test('pages go as they lie, what is smaller than the copy break is gathered', async () => {
    const { file } = await bench();
    assert.equal((await file.writev(shuffled(128, 4096, 0).views, 0)).copiedBytes, 0);
    // Apart, so that no two of them happen to make a longer piece.
    assert.equal((await file.writev(shuffled(1024, 512, 1).views, 0)).copiedBytes, 1024 * 512);
    await file.close();
  });

  test('a read ends by the server word only, not by a short answer', async () => {
    const contents = bytesOf(300_000, 1);
    const { protocol, file } = await bench(contents);
    protocol.faults = (call) => (call.operation === 'startRead' ? { bytes: 1000 * call.nth } : null);
    const memory = Buffer.alloc(400_000);
    const { bytesRead } = await file.read(memory, 0, memory.length, 0);
    assert.equal(bytesRead, contents.length);
    assert.ok(contents.equals(memory.subarray(0, bytesRead)));
    await file.close();
  });

  test('a server that gives nothing and says nothing of an end is not asked for ever', async () => {
    const { protocol, file } = await bench(bytesOf(10_000, 1));
    protocol.faults = everyFault(['startRead', 'startWrite'], { bytes: 0, end: false });
    await assert.rejects(file.read(Buffer.alloc(5000), 0, 5000, 0), { code: 'ERR_DIORITE_NO_PROGRESS' });
    await assert.rejects(file.write(Buffer.alloc(5000), 0, 5000, 0), { code: 'ERR_DIORITE_NO_PROGRESS' });
    await file.close();
  });

  test('more calls than the server has room for wait', async () => {
    const { protocol, file } = await bench(new Uint8Array(0), { slots: 3 });
    const bytes = bytesOf(12 * MiB, 1);
    await file.write(bytes, 0, bytes.length, 0);
    assert.ok(protocol.mostInFlight <= 3);
    assert.ok(bytes.equals(protocol.bytesOf('/file')));
    await file.close();
  });
});

describe('durability', () => {
  test('several WRITEs are covered by COMMITs, and durable when the call resolves', async () => {
    const { protocol, file } = await bench();
    const bytes = bytesOf(5 * MiB + 3, 2);
    const { stable } = await file.write(bytes, 0, bytes.length, 7);
    assert.equal(stable, true);
    assert.equal(protocol.count('startWrite'), 6);
    assert.ok(protocol.count('commit') >= 1 && protocol.count('commit') <= 2);
    assert.ok(protocol.allDurable);
    assert.ok(bytes.equals(protocol.bytesOf('/file').subarray(7)));
    await file.close();
  });

  test('many calls at once share their COMMITs', async () => {
    const { protocol, file } = await bench();
    const bytes = bytesOf(64 * 4096, 3);
    const writes = Array.from({ length: 64 }, (_, i) => file.write(bytes, i * 4096, 4096, i * 4096));
    for (const { stable } of await Promise.all(writes)) assert.equal(stable, true);
    assert.ok(protocol.allDurable);
    assert.ok(protocol.count('commit') <= 32, `${protocol.count('commit')} commits`);
    assert.ok(bytes.equals(protocol.bytesOf('/file')));
    await file.close();
  });

  test('a byte budget that is smaller than what a COMMIT waits for holds up nobody for ever', async () => {
    const { protocol, target } = await bench();
    const input = { target, engineReason: null, depth: 2, bytesInFlight: 2 * MiB, appends: false };
    const file = new File(input);
    const bytes = bytesOf(20 * MiB, 4);
    await file.write(bytes, 0, bytes.length, 0);
    assert.ok(protocol.allDurable);
    assert.ok(bytes.equals(protocol.bytesOf('/file')));
    await file.close();
  });

  test('what was answered as durable by the server itself needs no COMMIT', async () => {
    const { protocol, file } = await bench();
    protocol.faults = everyFault(['startWrite'], { committed: 2 });
    const bytes = bytesOf(3 * MiB, 5);
    assert.equal((await file.write(bytes, 0, bytes.length, 0)).stable, true);
    assert.equal(protocol.count('commit'), 0);
    await file.close();
  });

  test('stable: false resolves at the answer, and sync is then the promise', async () => {
    const { protocol, file } = await bench();
    const bytes = bytesOf(2 * MiB, 6);
    const { stable } = await file.write(bytes, { position: 0, stable: false });
    assert.equal(stable, false);
    assert.equal(protocol.count('commit'), 0);
    assert.ok(!protocol.allDurable);
    await file.sync();
    assert.equal(protocol.count('commit'), 1);
    assert.ok(protocol.allDurable);
    await file.sync();
    assert.equal(protocol.count('commit'), 1, 'nothing was left to commit');
    await file.close();
  });

  test('close makes durable what nobody has synced', async () => {
    const { protocol, file } = await bench();
    await file.write(bytesOf(4096, 7), { position: 0, stable: false });
    await file.close();
    assert.ok(protocol.allDurable);
    assert.equal(protocol.openFiles, 0);
  });
});

describe('a server that restarts', () => {
  test('between WRITE and COMMIT: what it lost goes out again, from memory that was kept', async () => {
    const { protocol, file } = await bench();
    protocol.faults = nthFault('commit', 1, { restart: 'before' });
    const bytes = bytesOf(4 * MiB, 8);
    const { stable, requests } = await file.write(bytes, 0, bytes.length, 0);
    assert.equal(stable, true);
    assert.equal(requests, 4);
    assert.equal(protocol.count('startWrite'), 8);
    assert.ok(protocol.allDurable);
    assert.ok(bytes.equals(protocol.bytesOf('/file')));
    await file.close();
  });

  test('in the middle of the WRITEs', async () => {
    const { protocol, file } = await bench();
    protocol.faults = firstFault(
      nthFault('startWrite', 3, { restart: 'before' }),
      nthFault('startWrite', 9, { restart: 'after' }),
    );
    const bytes = bytesOf(6 * MiB, 9);
    await file.write(bytes, 0, bytes.length, 0);
    assert.ok(protocol.allDurable);
    assert.ok(bytes.equals(protocol.bytesOf('/file')));
    await file.close();
  });

  test('again and again: EIO after five times, and the ledger says what is unknown', async () => {
    const { protocol, file } = await bench();
    protocol.faults = everyFault(['commit'], { restart: 'before' });
    const bytes = bytesOf(2 * MiB, 10);
    await assert.rejects(file.write(bytes, 0, bytes.length, 0), (error: DioriteError) => {
      assert.equal(error.code, 'EIO');
      assert.equal(error.bytes, 0);
      assert.deepEqual(error.extents, [{ offset: 0, length: 2 * MiB, state: 'unknown' }]);
      return true;
    });
    assert.equal(protocol.count('startWrite'), 2 * 6);
    await file.close();
  });

  test('before sync: it rejects with exactly the extents that were lost, until they are written again', async () => {
    const { protocol, file } = await bench();
    const bytes = bytesOf(5 * 4096, 11);
    const write = (i: number) => file.write(bytes, i * 4096, 4096, i * 4096);
    await file.write(bytes, { offset: 0, length: 2 * 4096, position: 0, stable: false });
    protocol.restart();
    await file.write(bytes, { offset: 3 * 4096, length: 4096, position: 3 * 4096, stable: false });
    const lost = [{ offset: 0, length: 2 * 4096, state: 'unknown' }];
    await assert.rejects(file.sync(), { code: 'ERR_DIORITE_VERIFIER', extents: lost });
    await write(1);
    await assert.rejects(file.sync(), {
      code: 'ERR_DIORITE_VERIFIER',
      extents: [{ offset: 0, length: 4096, state: 'unknown' }],
    });
    await write(0);
    await file.sync();
    assert.ok(protocol.allDurable);
    await file.close();
  });
});

describe('a COMMIT that fails', () => {
  test('with an error of the server: what it covered is unknown, and nothing more is believed', async () => {
    const { protocol, file } = await bench();
    protocol.faults = nthFault('commit', 1, { error: 'ENOSPC' });
    const bytes = bytesOf(2 * MiB, 12);
    await assert.rejects(file.write(bytes, 0, bytes.length, 0), {
      code: 'ENOSPC',
      bytes: 0,
      extents: [{ offset: 0, length: 2 * MiB, state: 'unknown' }],
    });
    await assert.rejects(file.write(bytes, 0, 10, 0), { code: 'ERR_DIORITE_POISONED' });
    await file.close();
  });

  test('because the server was not reached: the next sync may still be good', async () => {
    const { protocol, file } = await bench();
    await file.write(bytesOf(8192, 13), { position: 4096, stable: false });
    protocol.faults = nthFault('commit', 1, { error: 'ETIMEDOUT' });
    const extents = [{ offset: 4096, length: 8192, state: 'unknown' }];
    await assert.rejects(file.sync(), { code: 'ETIMEDOUT', extents });
    await file.sync();
    assert.ok(protocol.allDurable);
    await file.close();
  });
});

describe('abort', () => {
  test('of what is on the wire: the call is given up, and its bytes are unknown', async () => {
    const { protocol, file } = await bench();
    protocol.faults = everyFault(['startWrite'], { hold: true });
    const controller = new AbortController();
    const writing = file.write(bytesOf(MiB, 14), { position: 0, signal: controller.signal });
    setImmediate(() => controller.abort());
    await assert.rejects(writing, {
      name: 'AbortError',
      extents: [{ offset: 0, length: MiB, state: 'unknown' }],
    });
    protocol.release();
    await file.close();
  });

  test('of what waits for its COMMIT: the memory is let go, and a sync is still the promise', async () => {
    const { protocol, file } = await bench();
    protocol.faults = nthFault('commit', 1, { hold: true });
    const controller = new AbortController();
    const bytes = bytesOf(2 * MiB, 15);
    const writing = file.write(bytes, { position: 0, signal: controller.signal });
    const rejected = assert.rejects(writing, {
      name: 'AbortError',
      extents: [{ offset: 0, length: 2 * MiB, state: 'done' }],
    });
    while (protocol.count('commit') === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await rejected;
    protocol.release();
    await file.sync();
    assert.ok(protocol.allDurable);
    assert.ok(bytes.equals(protocol.bytesOf('/file')));
    await file.close();
  });
});

test('errors that came before anything was written leave the bytes as they were', async () => {
  const { protocol, file } = await bench();
  protocol.faults = everyFault(['startWrite'], { error: 'EROFS' });
  await assert.rejects(file.write(bytesOf(4096, 16), 0, 4096, 0), {
    code: 'EROFS',
    extents: [{ offset: 0, length: 4096, state: 'failed' }],
  });
  protocol.faults = everyFault(['startWrite'], { error: 'EROFS', repeated: true });
  await assert.rejects(file.write(bytesOf(4096, 16), 0, 4096, 0), {
    code: 'EROFS',
    extents: [{ offset: 0, length: 4096, state: 'unknown' }],
  });
  protocol.faults = everyFault(['startWrite'], { error: 'ETIMEDOUT', unsent: true });
  await assert.rejects(file.write(bytesOf(4096, 16), 0, 4096, 0), {
    code: 'ETIMEDOUT',
    extents: [{ offset: 0, length: 4096, state: 'failed' }],
  });
  protocol.faults = everyFault(['startWrite'], { error: 'ETIMEDOUT' });
  await assert.rejects(file.write(bytesOf(4096, 16), 0, 4096, 0), {
    code: 'ETIMEDOUT',
    extents: [{ offset: 0, length: 4096, state: 'unknown' }],
  });
  await file.close();
});

test('stat, truncate, space and holes', async () => {
  const { file } = await bench(bytesOf(3 * MiB, 17));
  const stats = await file.stat();
  assert.ok(stats.isFile());
  assert.equal(stats.size, 3 * MiB);
  assert.equal((await file.stat({ bigint: true })).size, 3n * BigInt(MiB));
  await file.truncate(MiB);
  assert.equal((await file.stat()).size, MiB);
  await file.allocate(0, 2 * MiB);
  assert.equal((await file.stat()).size, 2 * MiB);
  await file.punch(0, 65_536);
  const memory = Buffer.alloc(65_536, 1);
  await file.read(memory, 0, memory.length, 0);
  assert.ok(memory.every((byte) => byte === 0));
  assert.equal(await file.zero(65_536, 4096), 'punched');
  const segments = [];
  for await (const segment of file.segments()) segments.push(segment);
  assert.equal(segments[0]?.kind, 'hole');
  await file.close();
});
