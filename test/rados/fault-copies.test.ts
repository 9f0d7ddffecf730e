// Copies while the cluster fails: each ends byte for byte, or in a clear error whose ledger is true and that leaves nothing to be seen.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DioriteError } from '../../src/base/errors.js';
import { type CopyProgress, copy, open } from '../../src/index.js';
import { radosConnections } from '../../src/targets/rados/connections.js';
import { POOL_FULL } from '../../src/targets/rados/osdmap/pool.js';
import { removeStriped } from '../../src/targets/rados/striped/reshape.js';
import { parseRadosUrl } from '../../src/targets/rados/url.js';
import { checkExtents } from '../support/oracle.js';
import { tempDirectory } from '../support/temp.js';
import { type Cluster, type ClusterOptions, requireCluster, startCluster } from './cluster.js';
import { pattern } from './object-client.js';
import { urlOf } from './urls.js';

const MIB = 2 ** 20;
const BYTES = 48 * MIB + 777;
const LAYOUT = { stripe_unit: '65536', stripe_count: '4', object_size: '1048576' };

interface Bench {
  readonly cluster: Cluster;
  readonly local: string;
  readonly back: string;
}

async function bench(t: Parameters<typeof startCluster>[0], options: ClusterOptions): Promise<Bench> {
  const cluster = await startCluster(t, options);
  const directory = tempDirectory(t);
  const local = join(directory, 'local');
  writeFileSync(local, pattern(BYTES));
  return { cluster, local, back: join(directory, 'back') };
}

/** Calls `event` once, when so much is done; its promise is awaited by `ended`. */
function at(
  doneBytes: number,
  event: () => Promise<unknown>,
): {
  readonly onProgress: (progress: CopyProgress) => void;
  readonly ended: () => Promise<unknown>;
} {
  let happening: Promise<unknown> | null = null;
  return {
    onProgress: (progress) => {
      if (progress.doneBytes >= doneBytes) happening ??= event();
    },
    ended: async () => {
      assert.ok(happening !== null, 'it happened while bytes moved');
      await happening;
    },
  };
}

function assertEqualFiles(one: string, other: string): void {
  const [a, b] = [openSync(one, 'r'), openSync(other, 'r')];
  const [left, right] = [Buffer.alloc(MIB), Buffer.alloc(MIB)];
  for (let offset = 0; ; offset += MIB) {
    const [n, m] = [readSync(a, left, 0, MIB, offset), readSync(b, right, 0, MIB, offset)];
    assert.equal(n, m);
    if (n === 0) break;
    assert.ok(left.subarray(0, n).equals(right.subarray(0, m)), `${offset}`);
  }
  closeSync(a);
  closeSync(b);
}

/** There and back, each while it happens. */
async function thereAndBack(
  { cluster, local, back }: Bench,
  event: () => Promise<unknown>,
  parameters: Record<string, string> = LAYOUT,
): Promise<void> {
  const url = urlOf(cluster, 'file', { timeout: '120', ...parameters });
  const there = at(8 * MIB, event);
  await copy(local, url, { verify: true, depth: 4, requestBytes: MIB, onProgress: there.onProgress });
  await there.ended();
  const again = at(8 * MIB, event);
  await copy(url, back, { force: true, depth: 4, requestBytes: MIB, onProgress: again.onProgress });
  await again.ended();
  assertEqualFiles(local, back);
}

async function failureOf(work: Promise<unknown>): Promise<DioriteError> {
  const error: unknown = await work.then(
    () => assert.fail('it resolved'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof DioriteError, String(error));
  return error;
}

/** Covers the file, and says nothing is done that is not; the name is nobody's. */
async function checkFailed(error: DioriteError, url: string): Promise<void> {
  checkExtents(error.extents ?? [], 0, BYTES);
  assert.equal(error.bytes, error.extents?.[0]?.state === 'done' ? error.extents[0].length : 0);
  await assert.rejects(open(url), { code: 'ENOENT' });
}

describe('a copy ends byte for byte', { timeout: 400_000 }, () => {
  it('though connections are cut every hundred messages', async (t) => {
    if (!(await requireCluster(t))) return;
    const faulty = await bench(t, { settings: { 'ms inject socket failures': '100' } });
    await thereAndBack(faulty, async () => undefined);
  });

  it('though the OSD is killed and started again', async (t) => {
    if (!(await requireCluster(t))) return;
    const faulty = await bench(t, { store: 'bluestore' });
    await thereAndBack(faulty, async () => faulty.cluster.osds[0]?.restart({ kill: true }));
  });

  it('though an OSD is marked out, and in again', async (t) => {
    if (!(await requireCluster(t))) return;
    const faulty = await bench(t, { osds: 3, pools: [{ name: 'data', size: 2 }] });
    const { admin } = faulty.cluster;
    await thereAndBack(faulty, async () => {
      await admin.command({ prefix: 'osd out', ids: ['0'] });
      await admin.command({ prefix: 'osd in', ids: ['0'] });
    });
  });

  it('though the OSD stands still for a while', async (t) => {
    if (!(await requireCluster(t))) return;
    const faulty = await bench(t, {});
    await thereAndBack(faulty, async () => {
      faulty.cluster.osds[0]?.freeze();
      for (let i = 0; i < 100; i++) await faulty.cluster.admin.json({ prefix: 'status' });
      faulty.cluster.osds[0]?.thaw();
    });
  });
});

describe('a copy ends in a clear error, and leaves nothing that anybody sees', { timeout: 200_000 }, () => {
  it('at once, where the pool is full', async (t) => {
    if (!(await requireCluster(t))) return;
    const { cluster, local } = await bench(t, {});
    const [url, there] = [urlOf(cluster, 'file', LAYOUT), urlOf(cluster, 'there', LAYOUT)];
    await copy(local, there);
    const connection = await radosConnections.acquire(parseRadosUrl(url).cluster);
    t.after(() => connection.release());
    const pool = await connection.poolRef('data', '');
    const { objecter } = connection;
    await cluster.admin.tellOsd(0, { prefix: 'injectfull', type: 'full', count: 1_000_000 });
    // Until the OSD has told the monitor, and that everybody, copies go on; one of them meets it.
    let error: DioriteError | null = null;
    while (error === null) {
      const copying = copy(local, url, { depth: 2, requestBytes: MIB, force: true });
      error = await copying.then(
        () => null,
        (reason) => reason,
      );
    }
    assert.equal(error.code, 'ENOSPC', error.message);
    assert.match(error.message, /data\/file/);
    if (error.extents !== undefined) await checkFailed(error, url);
    while (((objecter.map.poolNamed('data')?.flags ?? 0) & POOL_FULL) === 0)
      await objecter.reached(objecter.map.epoch + 1);
    const startMs = performance.now();
    const other = urlOf(cluster, 'other', { striped: 'no' });
    assert.equal((await failureOf(copy(local, other))).code, 'ENOSPC');
    assert.ok(performance.now() - startMs < 10_000);
    await removeStriped(pool, 'there');
    await assert.rejects(open(there), { code: 'ENOENT' });
  });

  it('in time, where the OSD is stopped, and another copy is not in its way', async (t) => {
    if (!(await requireCluster(t))) return;
    const { cluster, local } = await bench(t, {});
    const url = urlOf(cluster, 'file', { ...LAYOUT, timeout: '3' });
    const stopped = at(8 * MIB, async () => cluster.osds[0]?.freeze());
    const startMs = performance.now();
    const error = await failureOf(copy(local, url, { depth: 4, requestBytes: MIB, onProgress: stopped.onProgress }));
    const tookMs = performance.now() - startMs;
    await stopped.ended();
    assert.equal(error.code, 'ETIMEDOUT');
    assert.match(error.message, /osd\.0 has not answered in 3000 ms.*data|data.*osd\.0 has not answered in 3000 ms/);
    assert.ok(tookMs < 30_000, `${tookMs} ms`);
    assert.ok(error.extents?.some(({ state }) => state === 'unknown'));
    cluster.osds[0]?.thaw();
    await checkFailed(error, urlOf(cluster, 'file', { ...LAYOUT, timeout: '4' }));
  });

  it('within seconds of its signal, where the OSD is stopped', async (t) => {
    if (!(await requireCluster(t))) return;
    const { cluster, local } = await bench(t, {});
    const url = urlOf(cluster, 'file', LAYOUT);
    const controller = new AbortController();
    const stopped = at(8 * MIB, async () => {
      cluster.osds[0]?.freeze();
      // So that it counts as silent, and not as slow.
      setTimeout(() => controller.abort(), 2500);
    });
    const { signal } = controller;
    const options = { depth: 4, requestBytes: MIB, onProgress: stopped.onProgress, signal };
    const startMs = performance.now();
    const error = await failureOf(copy(local, url, options));
    assert.equal(error.name, 'AbortError');
    assert.ok(performance.now() - startMs < 20_000);
    cluster.osds[0]?.thaw();
    await assert.rejects(open(url), { code: 'ENOENT' });
  });

  it('though its process is killed: it is a file to nobody, and goes when the name is written again', async (t) => {
    if (!(await requireCluster(t))) return;
    const { cluster, local } = await bench(t, {});
    const url = urlOf(cluster, 'file', LAYOUT);
    const main = fileURLToPath(new URL('../../../bin/diorite.js', import.meta.url));
    const child = spawn(process.execPath, [main, 'copy', '-', url], { stdio: ['pipe', 'ignore', 'inherit'] });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.stdin.on('error', () => undefined);
    child.stdin.write(pattern(20 * MIB));
    const objects = async (): Promise<string[]> =>
      (await cluster.tool('rados', '-p', 'data', 'ls')).toString().split('\n').filter(Boolean);
    while ((await objects()).length < 9)
      await once(child.stdin, 'drain', { signal: AbortSignal.timeout(100) }).catch(() => undefined);
    child.kill('SIGKILL');
    await gone;
    await assert.rejects(open(url), { code: 'ENOENT' });
    await assert.rejects(cluster.tool('rados', '-p', 'data', '--striper', 'stat', 'file'));
    // Whoever was killed has it locked for a minute: the administrator need not wait.
    const error = await failureOf(copy(local, url));
    assert.equal(error.code, 'EBUSY');
    assert.match(error.message, new RegExp(`process ${child.pid}`));
    const first = 'file.0000000000000000';
    const info = await cluster.tool('rados', '-p', 'data', '--format', 'json', 'lock', 'info', first, 'striper.lock');
    const { lockers } = JSON.parse(info.toString()) as { lockers: { name: string; cookie: string }[] };
    for (const { name, cookie } of lockers)
      await cluster.tool('rados', '-p', 'data', 'lock', 'break', first, 'striper.lock', name, '--lock-cookie', cookie);
    const small = join(tempDirectory(t), 'small');
    writeFileSync(small, pattern(1000));
    await copy(small, url, { verify: true });
    assert.deepEqual(await objects(), [first], 'nothing is left of what died');
  });

  it('by the key that is wrong, the user that is unknown, and what a user may not do; no key is shown', async (t) => {
    if (!(await requireCluster(t))) return;
    const { cluster, local } = await bench(t, {});
    const directory = tempDirectory(t);
    const wrong = 'AQBkZ2lvcml0ZRAAFDcrHPWtm3XSFOSO7uxPCA==';
    const keyring = join(directory, 'keyring');
    writeFileSync(keyring, `[client.admin]\n\tkey = ${wrong}\n[client.nobody]\n\tkey = ${wrong}\n`);
    for (const parameters of [{ keyring }, { keyring, user: 'nobody' }]) {
      const url = urlOf(cluster, 'file', { timeout: '5', ...parameters });
      for (const work of [() => copy(local, url), () => copy(url, join(directory, 'back')), () => open(url)]) {
        const error = await failureOf(work());
        assert.equal(error.code, 'EACCES');
        const shown = JSON.stringify([error, error.message, error.stack, String(error.cause)]);
        assert.ok(!shown.includes(wrong) && !shown.includes(wrong.slice(0, 20)), shown);
      }
    }
    const added = await cluster.admin.command({
      prefix: 'auth get-or-create',
      entity: 'client.reader',
      caps: ['mon', 'allow r', 'osd', 'allow r pool=data'],
    });
    writeFileSync(keyring, added);
    await copy(local, urlOf(cluster, 'there'));
    const reading = urlOf(cluster, 'there', { keyring, user: 'reader' });
    await copy(reading, join(directory, 'back'));
    for (const name of ['there', 'new']) {
      const url = urlOf(cluster, name, { keyring, user: 'reader', striped: 'no' });
      const error = await failureOf(copy(local, url, { force: true }));
      assert.ok(error.code === 'EPERM' || error.code === 'EACCES', error.message);
      assert.match(error.message, /data\//);
    }
  });
});

describe('what cannot be is refused by name, and in time', { timeout: 100_000 }, () => {
  it('pools, monitors, names, sizes and layouts', async (t) => {
    if (!(await requireCluster(t))) return;
    const { cluster, local } = await bench(t, {
      osds: 3,
      pools: [{ name: 'data' }, { name: 'coded', erasure: { k: 2, m: 1 } }],
    });
    const large = join(tempDirectory(t), 'large');
    closeSync(openSync(large, 'w'));
    truncateSync(large, 65 * MIB);
    const refusals: readonly (readonly [string, string, string, RegExp])[] = [
      [local, urlOf(cluster, 'x', {}, 'nowhere'), 'ENOENT', new RegExp(`${cluster.fsid} has no pool "nowhere"`)],
      [local, urlOf(cluster, 'x', { mon: '127.0.0.1:1', timeout: '2' }), 'ETIMEDOUT', /127\.0\.0\.1:1/],
      [local, urlOf(cluster, 'x', { conf: '/nowhere' }), 'ENOENT', /\/nowhere/],
      [local, urlOf(cluster, 'x', { keyring: '/nowhere' }), 'ENOENT', /\/nowhere/],
      [local, urlOf(cluster, 'n'.repeat(2032)), 'ERR_INVALID_ARG_VALUE', /2031 bytes/],
      [local, urlOf(cluster, 'x', { stripe_unit: '1000' }), 'ERR_INVALID_ARG_VALUE', /stripe_unit/],
      [local, urlOf(cluster, 'x', { striped: 'maybe' }), 'ERR_INVALID_ARG_VALUE', /striped/],
      [large, urlOf(cluster, 'x', { striped: 'no' }), 'EFBIG', /data\/x.*67108864/],
      [
        local,
        urlOf(cluster, 'x', { object_size: '67108864', stripe_count: '2' }, 'coded'),
        'EINVAL',
        /coded\/x.*erasure/,
      ],
      [urlOf(cluster, 'x'), join(large, '..', 'back'), 'ENOENT', /data\/x/],
      [urlOf(cluster, ''), join(large, '..', 'back'), 'EISDIR', /pool/],
    ];
    for (const [from, to, code, message] of refusals) {
      const startMs = performance.now();
      const error = await failureOf(copy(from, to));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      assert.ok(performance.now() - startMs < 20_000, error.message);
    }
    await assert.rejects(open(urlOf(cluster, 'x'), 'a'), { code: 'ERR_DIORITE_UNSUPPORTED', message: /append/ });
    // Objects of such a pool are written once, in order.
    const coded = urlOf(cluster, 'x', { striped: 'no' }, 'coded');
    await using file = await open(coded, 'wx+');
    await file.write(pattern(8192), 0, 8192, 0);
    for (const offset of [0, 100]) {
      const error = await failureOf(file.write(pattern(10), 0, 10, offset));
      assert.equal(error.code, 'EOPNOTSUPP', error.message);
      assert.match(error.message, /coded\/x.*erasure-coded/);
      assert.deepEqual(error.extents, [{ offset, length: 10, state: 'failed' }]);
    }
    const left = (await cluster.tool('rados', '-p', 'data', 'ls')).toString();
    assert.equal(left, '', 'nothing is left of what was refused');
  });
});
