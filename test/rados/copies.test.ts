// Copies to, from and between clusters: streams, several destinations, holes, erasure-coded pools, what is there already.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { copy, open } from '../../src/index.js';
import { tempDirectory } from '../support/temp.js';
import { type Cluster, type ClusterOptions, requireCluster, startCluster } from './cluster.js';
import { pattern } from './object-client.js';
import { urlOf } from './urls.js';

const MIB = 2 ** 20;
const MAIN = fileURLToPath(new URL('../../../bin/diorite.js', import.meta.url));

async function allOf(url: string): Promise<Buffer> {
  await using file = await open(url);
  const { size } = await file.stat();
  const bytes = Buffer.alloc(size);
  const { bytesRead } = await file.read(bytes, 0, size, 0);
  assert.equal(bytesRead, size);
  return bytes;
}

/** `diorite copy - URL`, its input given in pieces. */
async function stream(url: string, pieces: readonly Buffer[]): Promise<void> {
  const child = spawn(process.execPath, [MAIN, 'copy', '-', url, '--no-progress'], {
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  let told = '';
  child.stderr.on('data', (chunk) => {
    told += String(chunk);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for (const piece of pieces)
    if (!child.stdin.write(piece)) await new Promise((resolve) => child.stdin.once('drain', resolve));
  child.stdin.end();
  assert.equal(await ended, 0, told);
}

async function names(cluster: Cluster, pool: string): Promise<string[]> {
  return (await cluster.tool('rados', '-p', pool, 'ls')).toString().split('\n').filter(Boolean).sort();
}

const POOLS: ClusterOptions['pools'] = [{ name: 'data' }, { name: 'coded', erasure: { k: 3, m: 1 } }];
const SMALL = { stripe_unit: '65536', stripe_count: '2', object_size: '131072' };
const ODD = { stripe_unit: '196608', stripe_count: '3', object_size: '786432' };

describe('a copy', () => {
  it('goes in every direction: pipes, several destinations, cluster to cluster, pools of both kinds', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { osds: 4, pools: POOLS });
    const directory = tempDirectory(t);
    const local = join(directory, 'local');
    const bytes = pattern(11 * MIB + 4321);
    writeFileSync(local, bytes);

    const urls = [
      urlOf(cluster, 'striped'),
      urlOf(cluster, 'small', SMALL),
      urlOf(cluster, 'one', { striped: 'no' }),
      urlOf(cluster, 'of a namespace', { namespace: 'n', ...ODD }),
      urlOf(cluster, 'striped', {}, 'coded'),
      urlOf(cluster, 'small', SMALL, 'coded'),
      urlOf(cluster, 'odd', ODD, 'coded'),
      urlOf(cluster, 'one', { striped: 'no' }, 'coded'),
    ];
    const result = await copy(local, [...urls, join(directory, 'beside')], { verify: true });
    assert.equal(result.failed, 0);
    for (const url of urls) assert.ok((await allOf(url)).equals(bytes), url);

    for (const [i, url] of urls.entries()) {
      const to = urlOf(cluster, `again-${i}`, i % 2 === 0 ? {} : ODD, i % 3 === 0 ? 'coded' : 'data');
      await copy(url, to);
      assert.ok((await allOf(to)).equals(bytes), to);
    }
    // A pool alone takes the source's name.
    const { destination } = await copy(local, urlOf(cluster, ''));
    assert.equal(new URL(destination).pathname, '/local');

    const pieces = [bytes.subarray(0, 100_000), bytes.subarray(100_000, 7 * MIB + 1), bytes.subarray(7 * MIB + 1)];
    for (const [pool, parameters] of [
      ['data', SMALL],
      ['coded', {}],
      ['coded', { striped: 'no' }],
    ] as const) {
      const url = urlOf(cluster, `stream-${Object.keys(parameters).length}`, parameters, pool);
      await stream(url, pieces);
      assert.ok((await allOf(url)).equals(bytes), url);
    }
    for (const pool of ['data', 'coded'])
      assert.deepEqual(
        (await names(cluster, pool)).filter((name) => name.startsWith('.')),
        [],
        'nothing temporary',
      );
  });

  it('leaves holes out where a pool has room for them, and zeros where it has not', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { osds: 4, pools: POOLS });
    const directory = tempDirectory(t);
    const local = join(directory, 'local');
    const fd = openSync(local, 'w');
    writeSync(fd, pattern(100_000), 0, 100_000, 9 * MIB);
    ftruncateSync(fd, 40 * MIB);
    closeSync(fd);
    const bytes = readFileSync(local);
    for (const pool of ['data', 'coded']) {
      const url = urlOf(cluster, 'holes', {}, pool);
      await copy(local, url, { verify: true });
      assert.ok((await allOf(url)).equals(bytes), pool);
      if (pool === 'data')
        assert.deepEqual(await names(cluster, pool), ['holes.0000000000000000', 'holes.0000000000000002']);
      const back = join(directory, `back-${pool}`);
      const { holesBytes } = await copy(url, back, { verify: true });
      assert.ok(readFileSync(back).equals(bytes), pool);
      assert.equal(holesBytes > 30 * MIB, pool === 'data');
    }
  });

  it('replaces only where that is asked, and says that a striped file is not replaced at once', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const [long, short] = [pattern(6 * MIB, 1), pattern(1000, 2)];
    const directory = tempDirectory(t);
    const [first, second] = [join(directory, 'first'), join(directory, 'second')];
    writeFileSync(first, long);
    writeFileSync(second, short);
    for (const parameters of [{}, { striped: 'no' }]) {
      const url = urlOf(cluster, `x${Object.keys(parameters).length}`, parameters);
      await copy(first, url);
      const message = 'striped' in parameters ? /--force, replaces it\)/ : /--force.*cannot be replaced at once/;
      await assert.rejects(copy(second, url), { code: 'ERR_DIORITE_EXISTS', message });
      assert.ok((await allOf(url)).equals(long), 'as it was');
      await copy(second, url, { force: true, verify: true });
      assert.ok((await allOf(url)).equals(short));
    }
    assert.deepEqual(await names(cluster, 'data'), ['x0.0000000000000000', 'x1'], 'nothing is left of the longer one');
    // One name for both kinds is nobody's to tell apart.
    await assert.rejects(copy(first, urlOf(cluster, 'x1'), { force: true }), { code: 'ERR_DIORITE_EXISTS' });
    await copy(first, urlOf(cluster, 'x1', { striped: 'yes' }));
    await assert.rejects(open(urlOf(cluster, 'x1')), { code: 'ERR_INVALID_ARG_VALUE', message: /striped/ });
    assert.ok((await allOf(urlOf(cluster, 'x1', { striped: 'no' }))).equals(short));
    assert.ok((await allOf(urlOf(cluster, 'x1', { striped: 'yes' }))).equals(long));
    await assert.rejects(copy(urlOf(cluster, 'x0'), urlOf(cluster, 'x0', { timeout: '20' }), { force: true }), {
      code: 'ERR_DIORITE_SAME_FILE',
    });
  });
});
