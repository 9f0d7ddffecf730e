// Files of a real cluster while parts of it break: every write ends byte for byte, or in a clear error with an exact ledger.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { DioriteError } from '../../src/base/errors.js';
import { RadosClient } from '../../src/rados.js';
import { checkBytes, checkExtents } from '../support/oracle.js';
import { type Cluster, type ClusterOptions, requireCluster, startCluster } from './cluster.js';
import { openFile, type Parameters, readByTool, readFile, urlOf, writeFile } from './file-client.js';
import { pattern } from './object-client.js';

/** Many requests: several objects at a time, of several pieces. */
const STRIPED: Parameters = { stripe_unit: '65536', stripe_count: '4', object_size: '1048576' };
const BYTES = 16_000_003;
const COPIES = { osds: 3, pools: [{ name: 'data', size: 2, pgs: 16 }] } as const;

interface Fault {
  readonly name: string;
  readonly options: ClusterOptions;
  /** Begun when a part of the file is written; the next part waits for nothing of it. */
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

/** In parts, of which several are under way; `happens` begins in the middle. */
async function writeThrough(t: TestContext, url: string, data: Buffer, happens: () => Promise<unknown>): Promise<void> {
  const file = await openFile(t, url, 'w');
  const part = Math.ceil(data.length / 10);
  const disturbed: Promise<unknown>[] = [];
  let before: Promise<unknown> = Promise.resolve();
  for (let at = 0; at < data.length; at += part) {
    const writing = file.write(data, at, Math.min(part, data.length - at), at);
    if (at >= 4 * part && disturbed.length === 0) disturbed.push(happens());
    await before;
    before = writing;
  }
  await before;
  await Promise.all(disturbed);
  await file.close();
}

describe('a striped file', { timeout: 300_000 }, () => {
  for (const { name, options, happens } of FAULTS) {
    it(`is written and read byte for byte though ${name}`, async (t) => {
      if (!(await requireCluster(t))) return;
      const cluster = await startCluster(t, options);
      const data = pattern(BYTES, 3);
      const url = urlOf(cluster, 'file', STRIPED);
      await writeThrough(t, url, data, () => happens(cluster));
      assert.equal((await readFile(t, urlOf(cluster, 'file'))).compare(data), 0);
      assert.equal((await readByTool(cluster, 'file')).compare(data), 0);
    });
  }

  it('is read byte for byte though the OSD is killed and comes back', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { store: 'bluestore' });
    const data = pattern(BYTES, 4);
    await writeFile(t, urlOf(cluster, 'file', STRIPED), data);
    const reading = readFile(t, urlOf(cluster, 'file'));
    await cluster.osds[0]?.restart({ kill: true });
    assert.equal((await reading).compare(data), 0);
  });
});

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
    await writeFile(t, url, before);
    const file = await openFile(t, url, 'r+');
    const client = await RadosClient.connect(url.replace('/file?', '?').replace(/&stripe_unit.*/, ''));
    t.after(() => client.close());
    await cluster.admin.tellOsd(0, { prefix: 'injectfull', type: 'full', count: 1_000_000 });
    // The map says so when the OSD has looked. What makes nothing larger is written even then.
    while ((await client.append('log', 'a line').catch((error: DioriteError) => error.code)) !== 'ENOSPC');
    const data = pattern(6_000_000, 2);
    const startMs = performance.now();
    const error = await failureOf(file.write(data, 0, data.length, 0));
    assert.ok(performance.now() - startMs < 10_000);
    assert.equal(error.code, 'ENOSPC');
    assert.match(error.message, /the pool or the cluster is full/);
    assert.ok(error.extents?.every(({ state }) => state !== 'unknown'));
    const after = await readFile(t, url);
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
    await writeFile(t, urlOf(cluster, 'file', STRIPED), before);
    const file = await openFile(t, urlOf(cluster, 'file', { ...STRIPED, timeout: '2' }), 'r+');
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
    assert.ok(tookMs < 20_000, `${tookMs} ms`);
    const states = new Set(error.extents?.map(({ state }) => state));
    assert.ok(states.has('unknown'), JSON.stringify([...states]));
    // What was on its way is carried out before what is asked now.
    checkLedger(error, data, before, await readFile(t, urlOf(cluster, 'file')));
    await file.close();
  });

  it('because its OSD is gone does so in time, and nothing of what was not sent is unknown', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { store: 'bluestore' });
    const before = pattern(8_000_000, 7);
    await writeFile(t, urlOf(cluster, 'file', STRIPED), before);
    const file = await openFile(t, urlOf(cluster, 'file', { ...STRIPED, timeout: '2' }), 'r+');
    await cluster.osds[0]?.halt({ kill: true });
    const data = pattern(before.length, 8);
    const error = await failureOf(file.write(data, 0, data.length, 0));
    assert.equal(error.code, 'ETIMEDOUT');
    await cluster.osds[0]?.resume();
    const after = await readFile(t, urlOf(cluster, 'file'));
    checkLedger(error, data, before, after);
    assert.equal(after.compare(before), 0);
    await file.close();
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
    const error = await failureOf(openFile(t, urlOf(cluster, 'file', { keyring }), 'w'));
    assert.ok(performance.now() - startMs < 5_000);
    assert.equal(error.code, 'EACCES');
    for (let each: unknown = error; each instanceof Error; each = each.cause)
      for (const key of [right, wrong]) assert.ok(!`${each.message} ${each.stack}`.includes(key));
  });
});
