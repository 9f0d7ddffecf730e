// Striped files of a real cluster: seen when they are whole, locked while they change, and shared with libradosstriper.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeldLock } from '../../src/targets/rados/osd/held-lock.js';
import { breakLock, lockInfo, lockNames, readLockInfo, readLockNames } from '../../src/targets/rados/osd/lock-steps.js';
import { objectIn, type PoolRef } from '../../src/targets/rados/osd/pool-ref.js';
import { remove } from '../../src/targets/rados/osd/step.js';
import { LOCK_NAME, objectName } from '../../src/targets/rados/striped/layout.js';
import { growSize, lockFile, readHead, writeHead } from '../../src/targets/rados/striped/striped-file.js';
import { aborted } from '../support/aborted.js';
import { requireCluster, startCluster } from './cluster.js';
import { ObjectClient, pattern } from './object-client.js';

const STRIPING = { stripeUnitBytes: 65_536, stripeCount: 3, objectBytes: 262_144 };
const POOLS = [{ name: 'data' }, { name: 'ec', erasure: { k: 2, m: 1 } }];

function poolOf(client: ObjectClient, namespace = ''): PoolRef {
  const { pool } = client.name('');
  return { objecter: client.objecter, pool, namespace };
}

describe('a striped file', { timeout: 120_000 }, () => {
  for (const pool of ['data', 'ec']) {
    it(`is there when size and layout are, and grows: ${pool}`, async (t) => {
      if (!(await requireCluster(t))) return;
      const cluster = await startCluster(t, { osds: 3, pools: POOLS });
      const client = await ObjectClient.connect(t, cluster, { pool });
      const ref = poolOf(client);
      assert.equal(await readHead(ref, 'file'), null);
      await assert.rejects(growSize(ref, 'file', 1), { code: 'ENOENT' });
      await assert.rejects(lockFile(ref, 'file', { exclusive: false, mustExist: true }), { code: 'ENOENT' });

      const lock = await lockFile(ref, 'file', { exclusive: true });
      assert.equal(await readHead(ref, 'file'), null);
      await assert.rejects(growSize(ref, 'file', 1), { code: 'ENOENT' });
      await assert.rejects(lockFile(ref, 'file', { exclusive: false }), {
        code: 'EBUSY',
        message: new RegExp(
          `^EBUSY: ${pool}/file\\.0{16} is locked \\(striper\\.lock\\) by client\\.\\d+ \\(diorite on .+, process ${process.pid}\\) until 20`,
        ),
      });
      const data = pattern(100_000);
      await client.writeFull(objectName('file', 0), data);
      await writeHead(ref, 'file', { striping: STRIPING, sizeBytes: 65_536 }, { lock, exclusive: true });
      const head = await readHead(ref, 'file');
      assert.ok(head);
      assert.deepEqual([head.striping, head.sizeBytes], [STRIPING, 65_536]);
      assert.ok(Math.abs(head.mtimeMs - Date.now()) < 60_000);
      await assert.rejects(writeHead(ref, 'file', { striping: STRIPING, sizeBytes: 1 }, { lock, exclusive: true }), {
        code: 'EEXIST',
        message: `EEXIST: ${pool}/file is there`,
      });
      await lock.release();
      await lock.release();
      await assert.rejects(writeHead(ref, 'file', { striping: STRIPING, sizeBytes: 1 }, { lock, exclusive: false }), {
        code: 'EBUSY',
      });

      // Writers share the lock, and the largest size stays.
      const writers = await Promise.all([1, 2, 3].map(() => lockFile(ref, 'file', { exclusive: false })));
      await assert.rejects(lockFile(ref, 'file', { exclusive: true }), { code: 'EBUSY' });
      await Promise.all([5, 900_000, 70_000, 800_000].map((size) => growSize(ref, 'file', size)));
      assert.equal((await readHead(ref, 'file'))?.sizeBytes, 900_000);
      await Promise.all(writers.map((writer) => writer.release()));

      const read = await cluster.tool('rados', '-p', pool, '--striper', 'get', 'file', '-');
      assert.equal(read.length, 900_000);
      assert.equal(read.compare(data, 0, 65_536, 0, 65_536), 0);
      assert.equal(read.compare(data, 65_536, 100_000, 3 * 65_536, 3 * 65_536 + 34_464), 0);
      assert.equal(
        read.subarray(65_536, 3 * 65_536).findIndex((byte) => byte !== 0),
        -1,
      );
    });
  }
});

/** Renewed in time on a machine that is busy as well. */
const LOCK_TTL_MS = 3_000;

describe('a lock', { timeout: 120_000 }, () => {
  it('outlives its time while it is renewed, and ends where its holder dies', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const [client, other] = await Promise.all([1, 2].map(() => ObjectClient.connect(t, cluster)));
    assert.ok(client && other);
    const [ref, otherRef] = [poolOf(client, 'space'), poolOf(other, 'space')];
    const name = objectIn(ref, 'object');
    const options = { exclusive: true, ttlMs: LOCK_TTL_MS };
    const lock = await HeldLock.acquire(ref, 'object', 'mine', options);
    const again = (): Promise<HeldLock> => HeldLock.acquire(otherRef, 'object', 'mine', options);
    let firstMs = 0;
    let lastMs = 0;
    while (lastMs - firstMs <= LOCK_TTL_MS) {
      await assert.rejects(again(), { code: 'EBUSY' });
      const { steps } = await client.objecter.execute(name, [lockInfo('mine'), lockNames()]);
      const { lockers, exclusive } = readLockInfo(steps[0]?.data ?? Buffer.alloc(0));
      assert.deepEqual([exclusive, lockers.length], [true, 1]);
      lastMs = lockers[0]?.expires?.getTime() ?? 0;
      firstMs ||= lastMs;
      assert.deepEqual(readLockNames(steps[1]?.data ?? Buffer.alloc(0)), ['mine']);
    }
    assert.equal(lock.lost.aborted, false);

    // One who dies no longer renews it.
    await client.objecter.close();
    let taken: HeldLock | null = null;
    while (taken === null) {
      taken = await again().catch((error: Error) => {
        assert.match(error.message, /^EBUSY/);
        return null;
      });
    }
    await aborted(lock.lost);
    assert.equal(lock.lost.reason.code, 'ERR_DIORITE_CLOSED');
    await taken.release();
  });

  it('is lost where it is broken, its object removed, or nobody answers in time', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await ObjectClient.connect(t, cluster);
    const ref = poolOf(client);
    const take = (): Promise<HeldLock> => lockFile(ref, 'file', { exclusive: true, ttlMs: LOCK_TTL_MS });
    const object = objectIn(ref, objectName('file', 0));

    const broken = await take();
    const { steps } = await client.objecter.execute(object, [lockInfo(LOCK_NAME)]);
    const [locker] = readLockInfo(steps[0]?.data ?? Buffer.alloc(0)).lockers;
    assert.ok(locker);
    await client.objecter.execute(object, [breakLock(LOCK_NAME, locker)]);
    await aborted(broken.lost);
    assert.equal(broken.lost.reason.code, 'ENOENT');
    await broken.release();

    const removed = await take();
    await client.objecter.execute(object, [remove()]);
    await aborted(removed.lost);
    await assert.rejects(client.objecter.execute(object, [removed.guard]), { code: /^(ENOENT|EBUSY)$/ });

    const late = await take();
    cluster.osds[0]?.freeze();
    await aborted(late.lost);
    assert.match(
      late.lost.reason.message,
      /^ETIMEDOUT: the lock striper\.lock of data\/file\.0{16} was not renewed in 3000 ms$/,
    );
    cluster.osds[0]?.thaw();
  });

  it('of libradosstriper is ours as well, both ways', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await ObjectClient.connect(t, cluster);
    const ref = poolOf(client);
    const rados = (...args: readonly string[]): Promise<Buffer> => cluster.tool('rados', '-p', 'data', ...args);
    const lock = await lockFile(ref, 'file', { exclusive: true });
    await writeHead(ref, 'file', { striping: STRIPING, sizeBytes: 10 }, { lock, exclusive: true });
    await assert.rejects(rados('--striper', 'get', 'file', '-'), /Device or resource busy|\(16\)/);
    await assert.rejects(rados('--striper', 'rm', 'file'), /Device or resource busy|\(16\)/);
    await lock.release();
    assert.equal((await rados('--striper', 'get', 'file', '-')).length, 10);

    await rados('lock', 'get', objectName('file', 0), LOCK_NAME, '--lock-tag', 'Tag', '--lock-type', 'shared');
    await assert.rejects(lockFile(ref, 'file', { exclusive: true }), { code: 'EBUSY', message: / for ever$/ });
    await (await lockFile(ref, 'file', { exclusive: false })).release();
  });
});
