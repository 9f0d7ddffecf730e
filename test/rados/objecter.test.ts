// Requests to objects of a real cluster: what every step does, and that each is done once and in order whatever breaks.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { COMPARE_EQUAL, COMPARE_GREATER } from '../../src/targets/rados/osd/codes.js';
import { OsdRequest, type RequestResult } from '../../src/targets/rados/osd/request.js';
import * as step from '../../src/targets/rados/osd/step.js';
import { POOL_FULL } from '../../src/targets/rados/osdmap/pool.js';
import { type ClusterOptions, requireCluster, startCluster } from './cluster.js';
import { ObjectClient, pattern, segmentsOf } from './object-client.js';

const SHAPES: readonly ClusterOptions[] = [
  { auth: 'none' },
  { auth: 'cephx' },
  { auth: 'cephx', mode: 'secure' },
  { store: 'bluestore' },
];

/** Around every place where memory is cut, sealed, padded or read into directly. */
const LENGTHS = [1, 15, 16, 17, 47, 4096, 65_535, 65_536, 65_537, 1_000_003, 4 << 20];

describe('an object', { timeout: 280_000 }, () => {
  for (const shape of SHAPES) {
    it(`is written from pieces and read into pieces: ${JSON.stringify(shape)}`, async (t) => {
      if (!(await requireCluster(t))) return;
      const cluster = await startCluster(t, shape);
      const client = await ObjectClient.connect(t, cluster);
      for (const bytes of LENGTHS) {
        const data = pattern(bytes, bytes);
        await client.writeFull('object', data, Math.max(1, Math.ceil(bytes / 700)));
        for (const pieceBytes of [bytes, 4096, 65_536, 100_001])
          assert.equal((await client.read('object', 0, bytes + 10, pieceBytes)).compare(data), 0, `${bytes}`);
        assert.equal((await client.read('object', bytes - 1, 5)).compare(data.subarray(-1)), 0);
        assert.equal((await client.read('object', bytes, 5)).length, 0);
      }
      assert.equal(
        (await cluster.tool('rados', '-p', 'data', 'get', 'object', '-')).compare(pattern(4 << 20, 4 << 20)),
        0,
      );
    });
  }

  it('is changed by every step as Ceph says, together or not at all', async (t) => {
    if (!(await requireCluster(t))) return;
    const client = await ObjectClient.connect(t, await startCluster(t));
    const { objecter } = client;
    const name = client.name('steps', 'space');
    const run = (...steps: step.Step[]): Promise<RequestResult> => objecter.execute(name, steps);
    const text = (data: Uint8Array | undefined): string => Buffer.from(data ?? []).toString();
    const written = (text_: string): [ReturnType<typeof segmentsOf>, number] => [
      segmentsOf(Buffer.from(text_)),
      text_.length,
    ];

    await assert.rejects(run(step.assertExists(), step.write(0, ...written('x'))), { code: 'ENOENT' });
    await run(step.create(true), step.setXattr('kind', Buffer.from('test')));
    await assert.rejects(run(step.create(true)), { code: 'EEXIST' });
    await run(step.create(false), step.write(2, ...written('cdef')), step.append(...written('gh')), step.zero(4, 1));
    assert.equal(text((await run(step.read(0, 100))).steps[0]?.data), '\0\0cd\0fgh');
    await run(step.truncate(3));
    const all = await run(step.stat(), step.read(0, 100), step.getXattr('kind'), step.sparseRead(0, 100));
    assert.equal(step.readStat(all.steps[0]?.data ?? Buffer.alloc(0)).bytes, 3);
    assert.equal(text(all.steps[1]?.data), '\0\0c');
    assert.equal(text(all.steps[2]?.data), 'test');
    assert.equal(text(step.readSparse(all.steps[3]?.data ?? Buffer.alloc(0)).data), '\0\0c');

    // What one step forbids, none does.
    await assert.rejects(run(step.write(0, ...written('zz')), step.compareXattr('kind', COMPARE_EQUAL, 'other')), {
      code: 'ECANCELED',
    });
    await run(step.compareXattr('kind', COMPARE_EQUAL, 'test'), step.setXattr('size', Buffer.from('8')));
    await run(step.compareXattr('size', COMPARE_GREATER, 9n), step.write(0, ...written('ab')));
    await assert.rejects(run(step.compareExtent(0, ...written('aX')), step.truncate(0)), {
      code: 'ECANCELED',
      message: 'ECANCELED: data/space/steps: step 1 of 2: byte 1 of what was compared is different',
    });
    await run(step.compareExtent(0, ...written('abc')));
    const { version } = await run(step.setXattr('n', Buffer.from('1')));
    await run(step.assertVersion(version), step.read(0, 1));
    await assert.rejects(run(step.assertVersion(version + 1n), step.read(0, 1)), { code: 'EOVERFLOW' });
    await assert.rejects(run(step.assertVersion(version - 1n), step.read(0, 1)), { code: 'ERANGE' });
    await assert.rejects(run(step.getXattr('none')), { code: 'ENODATA' });

    const values = new Map(['a1', 'a2', 'b1'].map((key) => [key, Buffer.from(`value of ${key}`)]));
    await run(step.setOmap(values), step.removeXattr('n'));
    const omap = await run(
      step.omapKeys('', 2),
      step.omapValues('', 'b', 9),
      step.omapValuesOf(['a2', 'no']),
      step.getXattrs(),
    );
    const [keys, ofB, ofA2, xattrs] = omap.steps.map(({ data }) => data);
    assert.deepEqual(step.readKeys(keys ?? Buffer.alloc(0)), { keys: ['a1', 'a2'], more: true });
    assert.deepEqual([...step.readNamedValues(ofB ?? Buffer.alloc(0)).values.keys()], ['b1']);
    assert.equal(text(step.readNamedValues(ofA2 ?? Buffer.alloc(0)).values.get('a2')), 'value of a2');
    assert.deepEqual([...step.readNamedValues(xattrs ?? Buffer.alloc(0)).values.keys()].sort(), ['kind', 'size']);
    await run(step.removeOmap(['a1']), step.clearOmap());
    assert.deepEqual(step.readKeys((await run(step.omapKeys('', 9))).steps[0]?.data ?? Buffer.alloc(0)).keys, []);

    await run(step.remove());
    await assert.rejects(run(step.stat()), { code: 'ENOENT', message: 'ENOENT: data/space/steps: no such object' });
  });

  it('is refused by name where it, its pool or its size cannot be', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await ObjectClient.connect(t, cluster);
    await assert.rejects(client.writeFull('n'.repeat(2049), pattern(1)), { code: 'ENAMETOOLONG' });
    await assert.rejects(client.write('object', 128 << 20, pattern(1)), { code: 'EFBIG' });
    const nowhere = { pool: 4711, namespace: '', name: 'object' };
    await assert.rejects(client.objecter.execute(nowhere, [step.stat()]), {
      code: 'ENOENT',
      message: 'ENOENT: pool 4711/object: the cluster has no such pool',
    });
    // One that is made while the request waits is waited for no longer than it takes.
    await cluster.createPool({ name: 'later' });
    await client.objecter.mon.version('osdmap');
    const later = await ObjectClient.connect(t, cluster, { pool: 'later' });
    await later.writeFull('object', pattern(9));
  });

  it('of an erasure-coded pool is written and read as any', async (t) => {
    if (!(await requireCluster(t))) return;
    const pools = [{ name: 'ec', erasure: { k: 2, m: 1 } }];
    const cluster = await startCluster(t, { osds: 3, pools });
    const client = await ObjectClient.connect(t, cluster, { pool: 'ec' });
    for (let i = 0; i < 24; i++) await client.writeFull(`object ${i}`, pattern(100_000 + i, i));
    for (let i = 0; i < 24; i++)
      assert.equal((await client.read(`object ${i}`, 0, 200_000)).compare(pattern(100_000 + i, i)), 0);
    const { objecter } = client;
    await assert.rejects(client.write('object 1', 1, pattern(3)), {
      code: 'EOPNOTSUPP',
      message:
        'EOPNOTSUPP: ec/object 1: objects of this erasure-coded pool are appended to at multiples of 8192 bytes, not at 1',
    });
    await assert.rejects(objecter.execute(client.name('object 1'), [step.truncate(8192)]), { code: 'EOPNOTSUPP' });
    await assert.rejects(objecter.execute(client.name('object 1'), [step.setOmap(new Map())]), { code: 'EOPNOTSUPP' });
    // What no pool forbids and this object does: its end is not where an append may begin.
    const tail = pattern(10);
    await assert.rejects(objecter.execute(client.name('object 1'), [step.append(segmentsOf(tail), 10)]), {
      code: 'EOPNOTSUPP',
      message:
        'EOPNOTSUPP: ec/object 1: this pool cannot do that: objects of erasure-coded ones are only appended to, at their end',
    });
    for (let at = 0; at < 5; at++) await client.write('appended', at * 16_384, pattern(16_384, at));
    assert.equal((await client.read('appended', 16_384 * 4, 20_000)).compare(pattern(16_384, 4)), 0);
  });
});

/** Appends numbered lines while `disturb` runs, many at a time; each must be there once, those of an object in order. */
async function appendAll(
  client: ObjectClient,
  objects: number,
  lines: number,
  disturb: () => Promise<unknown>,
): Promise<void> {
  const appends: Promise<unknown>[] = [];
  const disturbed = disturb();
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < objects; i++) {
      const text = Buffer.from(`line ${line} of ${i}${'.'.repeat((line * 97) % 3000)}\n`);
      appends.push(client.objecter.execute(client.name(`log ${i}`), [step.append(segmentsOf(text), text.length)]));
    }
    // The next ones go out while these are on their way.
    if (line % 8 === 0) await appends[appends.length - objects];
  }
  await Promise.all([...appends, disturbed]);
  for (let i = 0; i < objects; i++) {
    const found = (await client.read(`log ${i}`, 0, 8 << 20)).toString().split('\n').slice(0, -1);
    assert.deepEqual(
      found.map((line) => /^line (\d+) of (\d+)/.exec(line)?.slice(1).map(Number)),
      Array.from({ length: lines }, (_, line) => [line, i]),
    );
  }
}

/** What is broken here comes back, however slow the machine is. */
const PATIENT = { timeoutMs: 120_000 } as const;

describe('requests, each once and in order', { timeout: 280_000 }, () => {
  it('though connections are cut again and again', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await ObjectClient.connect(t, cluster, PATIENT);
    await cluster.osds[0]?.ask({ prefix: 'config set', var: 'ms_inject_socket_failures', val: ['100'] });
    await appendAll(client, 8, 40, async () => undefined);
    const data = pattern(3_000_001);
    for (let i = 0; i < 12; i++) {
      await client.writeFull(`big ${i % 3}`, data, 65_537);
      assert.equal((await client.read(`big ${i % 3}`, 0, data.length, 131_072)).compare(data), 0);
    }
  });

  it('though the OSD is killed and comes back', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { store: 'bluestore' });
    const client = await ObjectClient.connect(t, cluster, PATIENT);
    await appendAll(client, 4, 60, async () => cluster.osds[0]?.restart({ kill: true }));
  });

  it('though the monitor is killed and comes back', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await ObjectClient.connect(t, cluster, PATIENT);
    await appendAll(client, 4, 60, async () => {
      await cluster.mon.restart({ kill: true });
      await cluster.admin.command({ prefix: 'osd set', key: 'noout' });
    });
  });

  it('though their objects move from OSD to OSD, and groups are split', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { osds: 3, pools: [{ name: 'data', size: 2, pgs: 8 }] });
    const client = await ObjectClient.connect(t, cluster, PATIENT);
    await appendAll(client, 12, 60, async () => {
      for (const ids of [['0'], ['1']]) {
        await cluster.admin.command({ prefix: 'osd out', ids });
        await cluster.admin.command({ prefix: 'osd in', ids });
      }
      await cluster.admin.command({ prefix: 'osd pool set', pool: 'data', var: 'pg_num', val: '16' });
      await cluster.admin.command({ prefix: 'osd down', ids: ['2'] });
    });
  });
});

describe('a request', { timeout: 280_000 }, () => {
  it('is answered at once where the cluster is full, and deletes go through', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await ObjectClient.connect(t, cluster);
    await client.writeFull('object', pattern(1000));
    const { objecter } = client;
    await cluster.admin.tellOsd(0, { prefix: 'injectfull', type: 'full', count: 1_000_000 });
    while (((objecter.map.poolNamed('data')?.flags ?? 0) & POOL_FULL) === 0)
      await objecter.reached(objecter.map.epoch + 1);
    await assert.rejects(client.writeFull('other', pattern(1000)), { code: 'ENOSPC' });
    assert.equal((await client.read('object', 0, 1000)).length, 1000);
    await client.objecter.execute(client.name('object'), [step.remove()]);
  });

  it('fails in time where the OSD is stopped, and is done where it goes on in time', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await ObjectClient.connect(t, cluster, { timeoutMs: 4_000 });
    await client.writeFull('object', pattern(10));
    cluster.osds[0]?.freeze();
    const startMs = performance.now();
    const outcome = new Promise<boolean>((resolve) => {
      const request = new OsdRequest(client.name('object'), [step.write(0, segmentsOf(pattern(8 << 20)), 8 << 20)], {
        answered: () => assert.fail('nobody answers'),
        failed: (error, unsent) => {
          assert.equal(error.code, 'ETIMEDOUT');
          assert.match(error.message, /^ETIMEDOUT: data\/object: osd\.0 has not answered in 4000 ms$/);
          resolve(unsent);
        },
      });
      client.objecter.submit(request);
    });
    assert.equal(await outcome, false);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > 3_900 && tookMs < 30_000, `${tookMs} ms`);
    const late = client.read('object', 0, 5);
    cluster.osds[0]?.thaw();
    await late;
  });

  it('waits while the cluster is paused', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await ObjectClient.connect(t, cluster);
    await cluster.admin.command({ prefix: 'osd set', key: 'pause' });
    await client.objecter.reached((await client.objecter.mon.version('osdmap')).newest);
    let isDone = false;
    const written = client.writeFull('object', pattern(10)).then(() => {
      isDone = true;
    });
    await client.objecter.mon.version('osdmap');
    assert.equal(isDone, false);
    await cluster.admin.command({ prefix: 'osd unset', key: 'pause' });
    await written;
  });

  it('that is given up has its memory back at once, and harms no other', async (t) => {
    if (!(await requireCluster(t))) return;
    const client = await ObjectClient.connect(t, await startCluster(t));
    const { objecter } = client;
    const data = pattern(4 << 20);
    await client.writeFull('object', data);
    for (let round = 0; round < 24; round++) {
      const memory = Buffer.alloc(data.length);
      const given = new Promise<string>((resolve) => {
        const request = new OsdRequest(client.name('object'), [step.read(0, data.length, segmentsOf(memory))], {
          answered: () => resolve('answered'),
          failed: (error) => resolve(error.code),
        });
        objecter.submit(request);
        setTimeout(() => {
          if (!objecter.cancel(request)) return;
          memory.fill(0xee);
        }, round / 4);
      });
      const other = client.read('object', 0, data.length);
      if ((await given) === 'ECANCELED') assert.ok(memory.every((byte) => byte === 0xee));
      assert.equal((await other).compare(data), 0);
      if ((await given) === 'ECANCELED') assert.equal(memory.indexOf(0), -1);
    }
    assert.equal(objecter.inFlight, 0);
  });

  it('waits its turn where too many are out, and all are done', async (t) => {
    if (!(await requireCluster(t))) return;
    const client = await ObjectClient.connect(t, await startCluster(t), { limits: { requests: 3, bytes: 100_000 } });
    const writes = Array.from({ length: 40 }, (_, i) => client.writeFull(`object ${i % 7}`, pattern(1 + i * 5_000, i)));
    assert.equal(client.objecter.isFull, true);
    await Promise.all(writes);
    assert.equal(client.objecter.isFull, false);
    assert.equal((await client.read('object 4', 0, 1 << 20)).compare(pattern(1 + 39 * 5_000, 39)), 0);
  });

  it('ends with ERR_DIORITE_CLOSED where the client is closed', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const client = await ObjectClient.connect(t, cluster);
    cluster.osds[0]?.freeze();
    const rejected = assert.rejects(client.read('object', 0, 10), { code: 'ERR_DIORITE_CLOSED' });
    await client.objecter.close();
    await rejected;
    await assert.rejects(client.objecter.execute({ pool: 1, namespace: '', name: 'x' }, [step.stat()]), {
      code: 'ERR_DIORITE_CLOSED',
    });
    cluster.osds[0]?.thaw();
  });
});
