// RadosClient on a real cluster: what it changes Ceph's tools see, what they change it sees, and its errors say where.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { RadosClient, step, stripedObjectName } from '../../src/rados.js';
import { aborted } from '../support/aborted.js';
import { type Cleanup, tempDirectory } from '../support/temp.js';
import { type Cluster, requireCluster, startCluster } from './cluster.js';
import { pattern } from './object-client.js';

async function connect(t: Cleanup, cluster: Cluster, { pool = 'data', more = '' } = {}): Promise<RadosClient> {
  const options = `conf=${cluster.confPath}&keyring=${cluster.keyringPath}`;
  const client = await RadosClient.connect(`rados://${pool}?${options}${more}`);
  t.after(() => client.close());
  return client;
}

describe('RadosClient', { timeout: 120_000 }, () => {
  it('reads and writes objects, attributes and omap that Ceph’s tools see too', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const rados = (...args: readonly string[]): Promise<Buffer> => cluster.tool('rados', '-p', 'data', ...args);
    const client = await connect(t, cluster);
    assert.deepEqual(client.pool, { name: 'data', id: 1, type: 'replicated', size: 1, alignment: 1 });
    assert.equal(client.fsid, cluster.fsid);
    const data = pattern(1_000_003);
    await client.writeFull('object', [data.subarray(0, 7), data.subarray(7, 65_536), data.subarray(65_536)]);
    await client.append('object', 'end');
    await client.write('object', 'XY', 1);
    data.write('XY', 1);
    const whole = Buffer.concat([data, Buffer.from('end')]);
    assert.equal((await rados('get', 'object', '-')).compare(whole), 0);
    assert.equal((await client.read('object')).compare(whole), 0);
    assert.equal((await client.read('object', 1_000_000, 100)).toString('latin1'), whole.toString('latin1', 1_000_000));
    assert.equal((await client.read('object', 5_000_000)).length, 0);

    await client.setXattr('object', 'kind', 'test');
    await rados('setxattr', 'object', 'theirs', 'value');
    assert.equal((await rados('getxattr', 'object', 'kind')).toString(), 'test');
    assert.deepEqual([...(await client.xattrs('object'))].map(([name, value]) => `${name}=${value}`).sort(), [
      'kind=test',
      'theirs=value',
    ]);
    assert.equal((await client.getXattr('object', 'theirs')).toString(), 'value');
    await client.removeXattr('object', 'theirs');
    assert.equal((await rados('listxattr', 'object')).toString(), 'kind\n');

    await client.setOmap('object', { a: '1', ü: Buffer.from([0, 255]) });
    await client.setOmap('object', new Map(Array.from({ length: 2_500 }, (_, i) => [`k${10_000 + i}`, `value ${i}`])));
    assert.equal((await rados('listomapkeys', 'object')).toString().split('\n').length, 2_503);
    const keys: string[] = [];
    for await (const [key, value] of client.omap('object', 'k')) {
      assert.equal(value.toString(), `value ${Number(key.slice(1)) - 10_000}`);
      keys.push(key);
    }
    assert.deepEqual(
      keys,
      Array.from({ length: 2_500 }, (_, i) => `k${10_000 + i}`),
    );
    await client.removeOmap('object', ['a']);
    assert.deepEqual([...(await client.getOmap('object', ['a', 'ü']))], [['ü', Buffer.from([0, 255])]]);
    for await (const _ of client.omap('object', 'none')) assert.fail('there is none');

    const { kind, size, mtime, layout } = await client.stat('object');
    assert.deepEqual([kind, size, layout], ['object', whole.length, null]);
    assert.ok(Math.abs(mtime.getTime() - Date.now()) < 60_000);
    await client.truncate('object', 5);
    assert.equal((await rados('get', 'object', '-')).length, 5);
    await client.remove('object');
    await assert.rejects(client.stat('object'), {
      code: 'ENOENT',
      syscall: 'stat',
      path: 'object',
      message: `ENOENT: data/object: no such object or striped file, stat 'object' in rados://data of cluster ${cluster.fsid}`,
    });
  });

  it('carries out several steps or none, and says which of them failed', async (t) => {
    if (!(await requireCluster(t))) return;
    const client = await connect(t, await startCluster(t));
    const made = await client.operate('object', [
      step.create({ exclusive: true }),
      step.write(['hello ', 'world'].map((text) => Buffer.from(text))),
      step.setXattr('state', 'open'),
      step.setOmapHeader('header'),
    ]);
    const memory = Buffer.alloc(8);
    const { results, version } = await client.operate('object', [
      step.stat(),
      step.read(6, 100),
      step.readInto([memory.subarray(0, 3), memory.subarray(5)], 2),
      step.xattrs(),
      step.omapHeader(),
      step.optional(step.getXattr('none')),
      step.sparseRead(0, 5),
      step.assertVersion(made.version),
    ]);
    const [stat, text, bytes, attributes, header, none, sparse] = results;
    assert.equal(version, made.version);
    assert.equal(stat.size, 11);
    assert.deepEqual([text.toString(), header.toString(), sparse.data.toString()], ['world', 'header', 'hello']);
    assert.deepEqual([bytes, memory.toString('latin1')], [6, 'llo\0\0 wo']);
    assert.deepEqual([...attributes.keys()], ['state']);
    assert.ok(none instanceof Error && 'code' in none && none.code === 'ENODATA');

    const closing = [step.compareXattr('state', '==', 'open'), step.append('!'), step.setXattr('state', 'closed')];
    await client.operate('object', closing);
    await assert.rejects(client.operate('object', [step.assertExists(), ...closing]), {
      code: 'ECANCELED',
      message:
        /^ECANCELED: data\/object: step 2 of 4: what was compared is different, operate 'object' in rados:\/\/data/,
    });
    await assert.rejects(client.operate('object', [step.compareExtent('help', 0), step.remove()]), {
      code: 'ECANCELED',
      message: /: step 1 of 2: byte 3 of what was compared is different/,
    });
    assert.equal((await client.read('object')).toString(), 'hello world!');

    const mixed = [step.append('?'), step.getXattr('state')] as const;
    await assert.rejects(client.operate('object', mixed), { code: 'ERR_INVALID_ARG_VALUE' });
    const { results: both } = await client.operate('object', mixed, { returnData: true });
    assert.equal(both[1].toString(), 'closed');
    await assert.rejects(client.operate('object', []), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(client.operate('', [step.stat()]), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(client.operate('n'.repeat(2049), [step.stat()]), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(client.write('object', 'x', -1), { code: 'ERR_OUT_OF_RANGE' });
    await assert.rejects(client.write('object', 'x', 128 << 20), {
      code: 'EFBIG',
      message: /larger than objects may be/,
    });
  });

  it('lists by namespace, and locks', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await connect(t, cluster);
    const space = await connect(t, cluster, { more: '&namespace=space' });
    await Promise.all(['a', 'b'].map((name) => client.writeFull(name, name)));
    await space.writeFull('c', 'c');
    const names = async (from: RadosClient, all?: 'all'): Promise<string[]> => {
      const found: string[] = [];
      for await (const { namespace, name } of from.list({ namespaces: all })) found.push(`${namespace}/${name}`);
      return found.sort();
    };
    assert.deepEqual(await names(client), ['/a', '/b']);
    assert.deepEqual(await names(space), ['space/c']);
    assert.deepEqual(await names(space, 'all'), ['/a', '/b', 'space/c']);

    const lock = await space.lock('c', 'mine', { description: 'a test', ttlMs: 3_000 });
    const { exclusive, lockers } = await space.lockInfo('c', 'mine');
    const [locker] = lockers;
    assert.ok(exclusive && locker?.description === 'a test' && locker.address.host === '127.0.0.1');
    assert.deepEqual(await space.lockNames('c'), ['mine']);
    await assert.rejects(space.lock('c', 'mine'), {
      code: 'EBUSY',
      message: /is locked \(mine\) by client\.\d+ \(a test\) until/,
    });
    await space.operate('c', [step.assertLocked(lock), step.append('!')]);
    await space.breakLock('c', 'mine', locker);
    await assert.rejects(space.operate('c', [step.assertLocked(lock), step.append('!')]), { code: 'EBUSY' });
    await aborted(lock.lost);
    await assert.rejects(space.breakLock('c', 'mine', locker), { code: 'ENOENT' });
    await assert.rejects(space.breakLock('c', 'mine', { ...locker, client: 'somebody' }), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await assert.rejects(space.lock('c', 'mine', { ttlMs: 1 }), { code: 'ERR_OUT_OF_RANGE' });
    const shared = await Promise.all([1, 2].map(() => space.lock('c', 'mine', { exclusive: false })));
    await Promise.all(shared.map((each) => each.release()));
    assert.deepEqual((await space.lockInfo('c', 'mine')).lockers, []);
  });

  it('looks at, cuts and removes striped files, and asks where there is an object too', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const rados = (...args: readonly string[]): Promise<Buffer> => cluster.tool('rados', '-p', 'data', ...args);
    const client = await connect(t, cluster);
    const local = join(tempDirectory(t), 'local');
    writeFileSync(local, pattern(9_000_000));
    await rados('--striper', 'put', 'file', local);
    const { kind, size, layout } = await client.stat('file');
    assert.deepEqual([kind, size], ['striped', 9_000_000]);
    assert.deepEqual(layout, { stripeUnitBytes: 4 << 20, stripeCount: 1, objectBytes: 4 << 20 });
    await client.truncate('file', 5_000_000);
    assert.match((await rados('--striper', 'stat', 'file')).toString(), /size 5000000/);

    const file = await client.open('file');
    assert.equal((await file.stat()).size, 5_000_000);
    await file.close();
    const wide = await connect(t, cluster, { more: '&stripe_unit=65536&stripe_count=3&object_size=131072' });
    await using made = await wide.open('a/new ?file', 'wx');
    await made.write(pattern(500_000));
    assert.deepEqual((await client.stat('a/new ?file')).layout, {
      stripeUnitBytes: 65_536,
      stripeCount: 3,
      objectBytes: 131_072,
    });
    await made.close();
    assert.equal((await rados('--striper', 'get', 'a/new ?file', '-')).compare(pattern(500_000)), 0);
    await client.remove('a/new ?file');

    await client.writeFull('file', 'one object');
    await assert.rejects(client.stat('file'), {
      code: 'ERR_INVALID_ARG_VALUE',
      message: /a striped file and one object have this name/,
    });
    assert.equal((await client.stat('file', { striped: false })).size, 10);
    await client.remove('file', { striped: false });
    assert.deepEqual([...(await client.xattrs(stripedObjectName('file', 0))).keys()].includes('striper.size'), true);
    await client.remove('file');
    for await (const object of client.list()) assert.fail(object.name);
    await assert.rejects(client.remove('file', { striped: true }), { code: 'ENOENT', message: /no such striped file/ });
  });

  it('knows what erasure-coded pools take, and where there is no pool, key or monitor', async (t) => {
    if (!(await requireCluster(t))) return;
    const pools = [{ name: 'ec', erasure: { k: 2, m: 1 } }];
    const cluster = await startCluster(t, { osds: 3, pools });
    const client = await connect(t, cluster, { pool: 'ec' });
    const { type, size, alignment } = client.pool;
    assert.deepEqual([type, size, alignment], ['erasure', 3, 8192]);
    await client.append('object', pattern(alignment));
    await client.append('object', pattern(10));
    await assert.rejects(client.append('object', 'more'), { code: 'EOPNOTSUPP' });
    await assert.rejects(client.write('object', 'x', 4), {
      code: 'EOPNOTSUPP',
      message: /at multiples of 8192 bytes, not at 4/,
    });
    await assert.rejects(client.setOmap('object', { a: 'b' }), { code: 'EOPNOTSUPP', message: /have no omap/ });

    await assert.rejects(connect(t, cluster, { pool: 'none' }), {
      code: 'ENOENT',
      message: `ENOENT: cluster ${cluster.fsid} has no pool "none", connect 'rados://none'`,
    });
    const elsewhere = RadosClient.connect(`rados://ec?mon=127.0.0.1:1&timeout=1&keyring=${cluster.keyringPath}`);
    await assert.rejects(elsewhere, { code: /^(ETIMEDOUT|ECONNREFUSED)$/, message: /127\.0\.0\.1:1/ });
    await assert.rejects(connect(t, cluster, { more: '&user=nobody' }), (error: Error) => {
      assert.match(error.message, /^(EACCES|ENOENT)/);
      return true;
    });
    await client.close();
    await assert.rejects(client.stat('object'), { code: 'ERR_DIORITE_CLOSED' });
  });
});
