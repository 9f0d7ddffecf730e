// Striped files made, replaced, cut, lengthened and removed on a real cluster: what every reader sees at each step, and what is left.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { objectIn, type PoolRef } from '../../src/targets/rados/osd/pool-ref.js';
import { write } from '../../src/targets/rados/osd/step.js';
import { objectName, type StripedHead } from '../../src/targets/rados/striped/layout.js';
import { removeStriped, stripesOf, truncateStriped } from '../../src/targets/rados/striped/reshape.js';
import { growSize, lockFile, readHead } from '../../src/targets/rados/striped/striped-file.js';
import { begin, discard, finish } from '../../src/targets/rados/striped/unfinished.js';
import { tempDirectory } from '../support/temp.js';
import { type Cluster, requireCluster, startCluster } from './cluster.js';
import { ObjectClient, pattern, segmentsOf } from './object-client.js';

const STRIPING = { stripeUnitBytes: 65_536, stripeCount: 3, objectBytes: 131_072 };
const POOLS = [{ name: 'data' }, { name: 'ec', erasure: { k: 2, m: 1 } }];

function refOf(client: ObjectClient): PoolRef {
  return { objecter: client.objecter, pool: client.name('').pool, namespace: '' };
}

/** Whole objects, as a copy with enough memory writes them. */
async function writeData(pool: PoolRef, name: string, head: StripedHead, data: Buffer): Promise<void> {
  const stripes = stripesOf(name, head);
  for (const unit of stripes.layout(0, data.length)) {
    const bytes = Buffer.concat(unit.pieces.map((piece) => data.subarray(piece.offset, piece.offset + piece.bytes)));
    await pool.objecter.execute(objectIn(pool, unit.name), [write(unit.offset, segmentsOf(bytes), bytes.length)]);
  }
}

async function make(pool: PoolRef, name: string, data: Buffer, replace = false): Promise<void> {
  const head = { striping: STRIPING, sizeBytes: data.length };
  const lock = await begin(pool, name, { ...head, replace });
  await writeData(pool, name, head, data);
  await finish(pool, name, head, lock);
}

function tools(cluster: Cluster, pool: string): (...args: readonly string[]) => Promise<Buffer> {
  return (...args) => cluster.tool('rados', '-p', pool, ...args);
}

async function objects(cluster: Cluster, pool: string): Promise<string[]> {
  const names = await tools(cluster, pool)('ls');
  return names.toString().split('\n').filter(Boolean).sort();
}

function named(name: string, ...numbers: readonly number[]): string[] {
  return numbers.map((number) => objectName(name, number));
}

describe('a striped file that is made', { timeout: 180_000 }, () => {
  for (const pool of ['data', 'ec']) {
    it(`is no file before it is whole, and nothing is left of one that is given up: ${pool}`, async (t) => {
      if (!(await requireCluster(t))) return;
      const cluster = await startCluster(t, { osds: 3, pools: POOLS });
      const ref = refOf(await ObjectClient.connect(t, cluster, { pool }));
      const rados = tools(cluster, pool);
      const data = pattern(1_000_001);
      const head = { striping: STRIPING, sizeBytes: data.length };

      const lock = await begin(ref, 'file', { ...head, replace: false });
      await writeData(ref, 'file', head, data);
      assert.equal(await readHead(ref, 'file'), null);
      await assert.rejects(rados('--striper', 'get', 'file', '-'), /\(16\) Device or resource busy/);
      await assert.rejects(rados('--striper', 'stat', 'file'), /No data available|\(61\)/);
      await assert.rejects(begin(ref, 'file', { ...head, replace: true }), { code: 'EBUSY' });
      await finish(ref, 'file', head, lock);
      assert.equal((await rados('--striper', 'get', 'file', '-')).compare(data), 0);
      assert.match((await rados('--striper', 'stat', 'file')).toString(), /size 1000001/);
      assert.equal((await rados('--striper', 'listxattr', 'file')).toString(), '');
      const whole = named('file', 0, 1, 2, 3, 4, 5, 6, 7, 8);
      assert.deepEqual(await objects(cluster, pool), whole);

      await assert.rejects(begin(ref, 'file', { ...head, replace: false }), {
        code: 'EEXIST',
        message: `EEXIST: ${pool}/file is there`,
      });
      const again = await begin(ref, 'file', { ...head, replace: true });
      assert.deepEqual(await objects(cluster, pool), named('file', 0));
      await writeData(ref, 'file', head, data.subarray(0, 500_000));
      await discard(ref, 'file', again);
      assert.deepEqual(await objects(cluster, pool), []);
    });
  }

  it('shows nothing of one whose maker died, of which it removes all', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const rados = tools(cluster, 'data');
    const old = pattern(3_000_000, 1);
    for (const sizeBytes of [old.length, null]) {
      for (const replace of [false, true]) {
        const dying = await ObjectClient.connect(t, cluster);
        if (replace) await make(refOf(dying), 'file', pattern(5_000_000, 3), true);
        await begin(refOf(dying), 'file', { striping: STRIPING, sizeBytes, replace, ttlMs: 200 });
        await writeData(refOf(dying), 'file', { striping: STRIPING, sizeBytes: old.length }, old);
        await dying.objecter.close();

        const ref = refOf(await ObjectClient.connect(t, cluster));
        assert.equal(await readHead(ref, 'file'), null);
        await assert.rejects(rados('--striper', 'stat', 'file'), /\(61\) No data available/);
        const head = { striping: { ...STRIPING, stripeCount: 2 }, sizeBytes: 900_000 };
        let lock = null;
        while (lock === null) {
          lock = await begin(ref, 'file', { ...head, replace: false }).catch((error: Error) => {
            assert.match(error.message, /^EBUSY/);
            return null;
          });
        }
        assert.deepEqual(await objects(cluster, 'data'), named('file', 0));
        // Of which only the end is written.
        const last = stripesOf('file', head).layout(899_999, 1)[0];
        assert.ok(last);
        await ref.objecter.execute(objectIn(ref, last.name), [write(last.offset, segmentsOf(pattern(1, 9)), 1)]);
        await finish(ref, 'file', head, lock);
        const read = await rados('--striper', 'get', 'file', '-');
        assert.equal(read.length, 900_000);
        assert.equal(
          read.subarray(0, -1).findIndex((byte) => byte !== 0),
          -1,
        );
        await removeStriped(ref, 'file');
        assert.deepEqual(await objects(cluster, 'data'), []);
      }
    }
  });

  it('takes no object that belongs to something else', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await ObjectClient.connect(t, cluster);
    await client.writeFull(objectName('file', 0), pattern(10));
    const file = { striping: STRIPING, sizeBytes: 10, replace: true };
    await assert.rejects(begin(refOf(client), 'file', file), {
      code: 'EEXIST',
      message: `EEXIST: data/${objectName('file', 0)} is there, and is no striped file's`,
    });
    assert.equal((await client.read(objectName('file', 0), 0, 20)).compare(pattern(10)), 0);
  });
});

describe('a striped file that is there', { timeout: 180_000 }, () => {
  it('is cut and lengthened to any size, with zeros behind what is left', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const rados = tools(cluster, 'data');
    const ref = refOf(await ObjectClient.connect(t, cluster));
    const full = pattern(1_000_001);
    const setBytes = STRIPING.objectBytes * STRIPING.stripeCount;
    for (const size of [
      0,
      1,
      65_535,
      65_536,
      65_537,
      200_000,
      setBytes - 1,
      setBytes,
      setBytes + 1,
      700_003,
      1_000_000,
    ]) {
      await make(ref, 'file', full, true);
      await truncateStriped(ref, 'file', size);
      assert.equal((await readHead(ref, 'file'))?.sizeBytes, size);
      const count = Math.max(1, stripesOf('file', { striping: STRIPING, sizeBytes: size }).objectCount(size));
      assert.deepEqual(await objects(cluster, 'data'), named('file', ...Array(count).keys()), String(size));
      await truncateStriped(ref, 'file', 1_500_000);
      const expected = Buffer.alloc(1_500_000);
      full.copy(expected, 0, 0, size);
      const read = await rados('--striper', 'get', 'file', '-');
      assert.equal(read.length, expected.length);
      assert.equal(read.compare(expected), 0, String(size));
    }
    const lock = await lockFile(ref, 'file', { exclusive: true });
    await truncateStriped(ref, 'file', 7, lock);
    await assert.rejects(truncateStriped(ref, 'file', 8), { code: 'EBUSY' });
    await assert.rejects(removeStriped(ref, 'file'), { code: 'EBUSY' });
    await lock.release();
    await assert.rejects(truncateStriped(ref, 'other', 8), {
      code: 'ENOENT',
      message: 'ENOENT: data/other: no such striped file',
    });
    await assert.rejects(removeStriped(ref, 'other'), { code: 'ENOENT' });
  });

  it('of a pool that only appends is cut between objects, and refused elsewhere with nothing done', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { osds: 3, pools: POOLS });
    const rados = tools(cluster, 'ec');
    const ref = refOf(await ObjectClient.connect(t, cluster, { pool: 'ec' }));
    const data = pattern(1_000_001);
    await make(ref, 'file', data);
    await assert.rejects(truncateStriped(ref, 'file', 700_000), {
      code: 'EOPNOTSUPP',
      message: 'EOPNOTSUPP: ec/file: objects of this erasure-coded pool cannot be truncated',
    });
    assert.equal((await rados('--striper', 'get', 'file', '-')).compare(data), 0);
    const twoSets = 2 * STRIPING.objectBytes * STRIPING.stripeCount;
    await truncateStriped(ref, 'file', twoSets);
    assert.equal((await rados('--striper', 'get', 'file', '-')).compare(data.subarray(0, twoSets)), 0);
    await truncateStriped(ref, 'file', 0);
    assert.deepEqual(await objects(cluster, 'ec'), named('file', 0));
    await removeStriped(ref, 'file');
    assert.deepEqual(await objects(cluster, 'ec'), []);
  });

  it('of libradosstriper is removed by its own layout, and ours by libradosstriper', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const rados = tools(cluster, 'data');
    const ref = refOf(await ObjectClient.connect(t, cluster));
    const data = pattern(9_500_001);
    const local = join(tempDirectory(t), 'local');
    writeFileSync(local, data);
    await rados('--striper', 'put', 'theirs', local);
    await growSize(ref, 'theirs', 30_000_000);
    assert.match((await rados('--striper', 'stat', 'theirs')).toString(), /size 30000000/);
    await truncateStriped(ref, 'theirs', 5_000_000);
    assert.equal((await rados('--striper', 'get', 'theirs', '-')).compare(data.subarray(0, 5_000_000)), 0);
    await removeStriped(ref, 'theirs');
    assert.deepEqual(await objects(cluster, 'data'), []);

    await make(ref, 'ours', data);
    await rados('--striper', 'truncate', 'ours', '400000');
    assert.equal((await readHead(ref, 'ours'))?.sizeBytes, 400_000);
    assert.equal((await rados('--striper', 'get', 'ours', '-')).compare(data.subarray(0, 400_000)), 0);
    await rados('--striper', 'rm', 'ours');
    assert.equal(await readHead(ref, 'ours'), null);
  });
});
