// Files of a real cluster while parts of it break: every write ends byte for byte, or in a clear error with an exact ledger.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { DioriteError } from '../../src/base/errors.js';
import { type CopyProgress, copy, open } from '../../src/index.js';
import { RadosClient } from '../../src/rados.js';
import { checkBytes, checkExtents } from '../support/oracle.js';
import { type Cleanup, tempDirectory } from '../support/temp.js';
import { type Cluster, type ClusterOptions, requireCluster, startCluster } from './cluster.js';
import { pattern } from './object-client.js';
import { urlOf } from './urls.js';

/** Many requests: several objects at a time, of several pieces. */
const STRIPED = { stripe_unit: '65536', stripe_count: '4', object_size: '1048576' };
const BYTES = 16_000_003;
/** Of a machine that has much else to do: what is told late is told from what hangs. */
const LATE_MS = 25_000;
const COPIES = { osds: 3, pools: [{ name: 'data', size: 2, pgs: 16 }] } as const;

interface Fault {
  readonly name: string;
  readonly options: ClusterOptions;
  readonly happens: (cluster: Cluster) => Promise<unknown>;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'every hundredth message breaks a connection',
    options: { osds: 2, settings: { 'ms inject socket failures': '100' } },
    happens: async () => undefined,
  },
  {
    name: 'the OSD is killed and comes back',
    options: { store: 'bluestore' },
    happens: async (cluster) => cluster.osds[0]?.restart({ kill: true }),
  },
  {
    name: 'the monitor is killed and comes back',
    options: {},
    happens: async (cluster) => cluster.mon.restart({ kill: true }),
  },
  {
    name: 'an OSD is marked out and in',
    options: COPIES,
    happens: async (cluster) => {
      await cluster.admin.command({ prefix: 'osd out', ids: ['1'] });
      await turn();
      await cluster.admin.command({ prefix: 'osd in', ids: ['1'] });
    },
  },
  {
    name: 'one of three OSDs is killed and stays away',
    options: COPIES,
    happens: async (cluster) => {
      await cluster.osds[2]?.halt({ kill: true });
      await cluster.admin.command({ prefix: 'osd down', ids: ['2'] });
    },
  },
];

/** `happens` begins when a part is copied, and has happened when this resolves. */
async function copyThrough(source: string, destination: string, happens: () => Promise<unknown>): Promise<void> {
  let happening: Promise<unknown> | null = null;
  const onProgress = ({ doneBytes }: CopyProgress): void => {
    if (doneBytes > BYTES / 5) happening ??= happens();
  };
  await copy(source, destination, { depth: 4, onProgress });
  assert.ok(happening !== null, 'the copy went on while it happened');
  await happening;
}

/** As libradosstriper reads it. */
function readByTool(cluster: Cluster, name: string): Promise<Buffer> {
  return cluster.tool('rados', '-p', 'data', '--striper', 'get', name, '-');
}

describe('a copy', { timeout: 300_000 }, () => {
  for (const { name, options, happens } of FAULTS) {
    it(`to a cluster and back ends byte for byte though ${name}`, async (t) => {
      if (!(await requireCluster(t))) return;
      const cluster = await startCluster(t, options);
      const directory = tempDirectory(t);
      const [local, back] = [join(directory, 'local'), join(directory, 'back')];
      const data = pattern(BYTES, 3);
      writeFileSync(local, data);
      await copyThrough(local, urlOf(cluster, 'file', STRIPED), () => happens(cluster));
      assert.equal((await readByTool(cluster, 'file')).compare(data), 0);
      await copyThrough(urlOf(cluster, 'file'), back, () => happens(cluster));
      assert.equal(readFileSync(back).compare(data), 0);
    });
  }

  it('to a pool that becomes full ends at once, and leaves nothing', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const local = join(tempDirectory(t), 'local');
    writeFileSync(local, pattern(BYTES, 4));
    const client = await connect(t, cluster);
    await fill(cluster, client);
    const startMs = performance.now();
    const error = await failureOf(copy(local, urlOf(cluster, 'file', STRIPED)));
    assert.ok(performance.now() - startMs < LATE_MS);
    assert.equal(error.code, 'ENOSPC');
    await assert.rejects(client.stat('file'), { code: 'ENOENT' });
    for await (const { name } of client.list()) assert.equal(name, 'log');
  });

  it('to a cluster that says nothing any more ends in time, and is no file when it does again', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const local = join(tempDirectory(t), 'local');
    writeFileSync(local, pattern(BYTES, 5));
    const startMs = performance.now();
    const url = urlOf(cluster, 'file', { ...STRIPED, timeout: '2' });
    const onProgress = ({ doneBytes }: CopyProgress): void => {
      if (doneBytes > 0) cluster.osds[0]?.freeze();
    };
    const error = await failureOf(copy(local, url, { depth: 2, onProgress }));
    assert.equal(error.code, 'ETIMEDOUT');
    assert.ok(performance.now() - startMs < LATE_MS);
    cluster.osds[0]?.thaw();
    const client = await connect(t, cluster);
    await assert.rejects(client.stat('file'), { code: 'ENOENT' });
  });
});

/** Until the cluster's map says so. What makes nothing larger is written even then. */
async function fill(cluster: Cluster, client: RadosClient): Promise<void> {
  await cluster.admin.tellOsd(0, { prefix: 'injectfull', type: 'full', count: 1_000_000 });
  while ((await client.append('log', 'a line').catch((error: DioriteError) => error.code)) !== 'ENOSPC');
}

async function connect(t: Cleanup, cluster: Cluster): Promise<RadosClient> {
  const client = await RadosClient.connect(urlOf(cluster, ''));
  t.after(() => client.close());
  return client;
}

async function writeFile(url: string, data: Buffer): Promise<void> {
  await using file = await open(url, 'w');
  await file.write(data, 0, data.length, 0);
}

async function readFile(url: string): Promise<Buffer> {
  await using file = await open(url);
  const { size } = await file.stat();
  const { bytesRead, buffer } = await file.read(Buffer.alloc(size + 1), 0, size + 1, 0);
  return buffer.subarray(0, bytesRead);
}

async function failureOf(work: Promise<unknown>): Promise<DioriteError> {
  const error: unknown = await work.then(
    () => assert.fail('it was done'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DioriteError, String(error));
  return error;
}

/** `before` and `after`: what was stored then. */
function checkLedger(error: DioriteError, data: Buffer, before: Buffer, after: Buffer): void {
  const { extents = [], bytes } = error;
  checkExtents(extents, 0, data.length);
  const [first] = extents;
  assert.equal(bytes, first?.state === 'done' ? first.length : 0);
  checkBytes({ direction: 'write', offset: 0, bytes: data.length, extents, before, after, source: data });
}

describe('a write that fails', { timeout: 180_000 }, () => {
  it('for a full pool does so at once, with the bytes as they were, and the file can be removed', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const url = urlOf(cluster, 'file', STRIPED);
    const before = pattern(3_000_000, 1);
    await writeFile(url, before);
    const file = await open(url, 'r+');
    const client = await connect(t, cluster);
    await fill(cluster, client);
    const data = pattern(6_000_000, 2);
    const startMs = performance.now();
    const error = await failureOf(file.write(data, 0, data.length, 0));
    assert.ok(performance.now() - startMs < LATE_MS);
    assert.equal(error.code, 'ENOSPC');
    assert.match(error.message, /the pool or the cluster is full/);
    assert.ok(error.extents?.every(({ state }) => state !== 'unknown'));
    const after = await readFile(url);
    assert.equal(after.length, before.length);
    const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(data.length - bytes.length)]);
    checkLedger(error, data, padded(before), padded(after));
    await client.remove('log');
    await file.close();
    await client.remove('file');
    await assert.rejects(client.stat('file'), { code: 'ENOENT' });
  });

  it('because an OSD says nothing does so in time, and its ledger holds', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { osds: 2 });
    const before = pattern(20_000_000, 5);
    await writeFile(urlOf(cluster, 'file', STRIPED), before);
    const file = await open(urlOf(cluster, 'file', { ...STRIPED, timeout: '2' }), 'r+');
    const data = pattern(before.length, 6);
    const writing = failureOf(file.write(data, 0, data.length, 0));
    await turn();
    cluster.osds[1]?.freeze();
    const startMs = performance.now();
    const error = await writing;
    const tookMs = performance.now() - startMs;
    cluster.osds[1]?.thaw();
    assert.equal(error.code, 'ETIMEDOUT');
    assert.match(error.message, /data\/file\.[0-9a-f]{16}: osd\.1 has not answered in 2000 ms/);
    assert.ok(tookMs < LATE_MS, `${tookMs} ms`);
    const states = new Set(error.extents?.map(({ state }) => state));
    assert.ok(states.has('unknown'), JSON.stringify([...states]));
    // What was on its way is carried out before what is asked now.
    checkLedger(error, data, before, await readFile(urlOf(cluster, 'file')));
    await file.close();
  });

  it('because its OSD is gone does so in time, and nothing of what was not sent is unknown', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { store: 'bluestore' });
    const before = pattern(8_000_000, 7);
    await writeFile(urlOf(cluster, 'file', STRIPED), before);
    const file = await open(urlOf(cluster, 'file', { ...STRIPED, timeout: '2' }), 'r+');
    await cluster.osds[0]?.halt({ kill: true });
    const data = pattern(before.length, 8);
    const error = await failureOf(file.write(data, 0, data.length, 0));
    assert.equal(error.code, 'ETIMEDOUT');
    // Its lock cannot be let go, and expires.
    await file.close();
    await cluster.osds[0]?.resume();
    const after = await readFile(urlOf(cluster, 'file'));
    checkLedger(error, data, before, after);
    assert.equal(after.compare(before), 0);
  });
});

describe('a key that is not the user’s', { timeout: 60_000 }, () => {
  it('is refused at once, and is in no message', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const right = /key = (\S+)/.exec(readFileSync(cluster.keyringPath, 'utf8'))?.[1] ?? '';
    const bytes = Buffer.from(right, 'base64');
    bytes[20] = (bytes[20] ?? 0) ^ 1;
    const wrong = bytes.toString('base64');
    const keyring = `${cluster.directory}/wrong.keyring`;
    writeFileSync(keyring, `[client.admin]\nkey = ${wrong}\n`);
    const startMs = performance.now();
    const error = await failureOf(open(urlOf(cluster, 'file', { keyring }), 'w'));
    assert.ok(performance.now() - startMs < LATE_MS);
    assert.equal(error.code, 'EACCES');
    for (let each: unknown = error; each instanceof Error; each = each.cause)
      for (const key of [right, wrong]) assert.ok(!`${each.message} ${each.stack}`.includes(key));
  });
});
