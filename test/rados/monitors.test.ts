// Sessions with a real monitor: every mode and method, maps as they change, restarts, refusals, cut connections.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import type { DioriteError } from '../../src/base/errors.js';
import { readSettings } from '../../src/targets/rados/auth/settings.js';
import { connectCluster } from '../../src/targets/rados/mon/mon-client.js';
import { freePorts, LOOPBACK } from '../nfs/ports.js';
import { requireCluster, startCluster } from './cluster.js';
import { connected, MonWatcher, osdPlace } from './mon-watcher.js';

/** Long enough for whatever a test waits for: only a failure waits so long. */
const TIMEOUT_MS = 60_000;

describe('a session with a monitor', { timeout: 280_000 }, () => {
  for (const [auth, mode] of [
    ['none', 'crc'],
    ['cephx', 'crc'],
    ['cephx', 'secure'],
  ] as const) {
    it(`opens with ${auth} in ${mode} mode, and tells of each map as it comes`, async (t) => {
      if (!(await requireCluster(t))) return;
      const cluster = await startCluster(t, { auth, mode });
      const { client, watcher } = await connected(t, cluster);
      client.wantOsdMap(0);
      await watcher.until(() => watcher.fulls.length > 0);
      const { newest } = await client.version('osdmap');
      // The monitor may have made another map since it sent the first.
      assert.ok((watcher.fulls[0] as number) <= newest, String(watcher.fulls));
      client.haveOsdMap(newest);
      const { result, output } = await client.command({ prefix: 'osd set', key: 'noout' });
      assert.equal(result, 0, output.toString());
      await watcher.until(() => watcher.newest > newest);
      assert.ok(watcher.incrementals.includes(newest + 1), String(watcher.incrementals));
      assert.equal(client.fsid, cluster.fsid);
      assert.ok(client.globalId > 0n);
      // Asked for by number, they come again.
      const before = watcher.incrementals.length;
      client.wantOsdMap(newest);
      const again = (): number[] => watcher.incrementals.slice(before);
      // Those that were on their way already may come before; in order they come in any case.
      await watcher.until(() => again().includes(newest) && again().lastIndexOf(newest + 1) > again().indexOf(newest));
    });
  }

  it('takes crc where the server prefers it, secure where the client does, of a server that has both', async (t) => {
    if (!(await requireCluster(t))) return;
    const both = { 'ms mon service mode': 'crc secure', 'ms mon client mode': 'crc secure' };
    const cluster = await startCluster(t, { settings: both });
    for (const mode of ['secure', 'crc', 'secure crc']) {
      const conf = join(cluster.directory, `${mode.replace(' ', '-')}.conf`);
      const text = readFileSync(cluster.confPath, 'utf8').replaceAll(
        /ms mon client mode.*/g,
        `ms mon client mode = ${mode}`,
      );
      writeFileSync(conf, text);
      const { client } = await connected(t, cluster, { conf });
      assert.ok((await client.version('osdmap')).newest > 0);
    }
  });

  it('is refused at once where the key is wrong, missing or for somebody unknown, and no key is shown', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const keyring = readFileSync(cluster.keyringPath, 'utf8');
    const key = /key\s*=\s*(\S+)/.exec(keyring)?.[1] ?? '';
    const wrong = `${key.slice(0, 20)}${key[20] === 'A' ? 'B' : 'A'}${key.slice(21)}`;
    const path = join(cluster.directory, 'other.keyring');
    const refused = async (text: string, user: string): Promise<void> => {
      writeFileSync(path, text);
      const startMs = performance.now();
      const settings = await readSettings({ conf: cluster.confPath, keyring: path, user, timeoutMs: TIMEOUT_MS });
      await assert.rejects(connectCluster(settings, new MonWatcher()), (error: DioriteError) => {
        assert.equal(error.code, 'EACCES');
        const shown = `${inspect(error, { depth: 9 })} ${JSON.stringify(error)} ${inspect(settings, { depth: 9, showHidden: true })}`;
        for (const secret of [key, wrong, Buffer.from(key, 'base64').toString('hex')])
          assert.ok(!shown.includes(secret));
        assert.match(error.message, new RegExp(`client\\.${user}`));
        return true;
      });
      assert.ok(performance.now() - startMs < TIMEOUT_MS / 2);
    };
    await refused(`[client.admin]\n key = ${wrong}\n`, 'admin');
    await refused(`[client.nobody]\n key = ${key}\n`, 'nobody');
    await refused(`[client.other]\n key = ${key}\n`, 'admin');
    // Neither is a key, and what it looks like is not told.
    for (const text of ['AQAbc', `${key}AAAA`, 'ÿ'])
      await assert.rejects(readSettings({ conf: cluster.confPath, keyring: write(path, text) }), (error: Error) => {
        assert.equal((error as DioriteError).code, 'ERR_INVALID_ARG_VALUE');
        assert.ok(!inspect(error).includes(text));
        return true;
      });
  });

  it('is not waited for longer than asked, whether nobody listens, nobody answers or somebody else does', async (t) => {
    const [closed = 0] = await freePorts('ceph', 1);
    const silent = createServer((socket) => socket.on('error', () => undefined));
    const other = createServer((socket) => socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2\r\n'));
    for (const server of [silent, other]) {
      await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
      t.after(() => server.close());
    }
    const ports = [closed, ...[silent, other].map((server) => (server.address() as { port: number }).port)];
    for (const port of ports) {
      const startMs = performance.now();
      const settings = {
        user: 'admin',
        key: null,
        monitors: [{ type: 2, nonce: 0, host: LOOPBACK, port }],
        methods: [1],
        monModes: [1],
        osdModes: [1],
        timeoutMs: 600,
      };
      await assert.rejects(connectCluster(settings, new MonWatcher()), {
        code: 'ETIMEDOUT',
        message: `ETIMEDOUT: no monitor of v2:${LOOPBACK}:${port} opened a session in 600 ms`,
      });
      const tookMs = performance.now() - startMs;
      assert.ok(tookMs > 500 && tookMs < TIMEOUT_MS / 2, `${tookMs} ms`);
    }
  });

  it('is made again with a monitor that was killed, goes on behind the last map, and asks again what was not answered', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const { client, watcher } = await connected(t, cluster, { timeoutMs: TIMEOUT_MS });
    client.wantOsdMap(0);
    await watcher.until(() => watcher.fulls.length > 0);
    const { globalId } = client;
    for (let round = 1; round <= 3; round++) {
      client.haveOsdMap(watcher.newest);
      const before = watcher.newest;
      await cluster.mon.halt({ kill: true });
      await watcher.until(() => watcher.lost >= round);
      const asked = client.command({ prefix: 'osd set', key: round === 2 ? 'nodown' : 'noup' });
      await cluster.mon.resume();
      assert.equal((await asked).result, 0);
      await watcher.until(() => watcher.newest > before);
      assert.equal(client.globalId, globalId, 'the ticket is shown, and the number stays');
    }
    assert.equal(watcher.fulls.length, 1);
    assert.ok(watcher.found >= 3);
  });

  it('answers nothing in time where the monitor is stopped, and goes on where it is let go', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t);
    const { client } = await connected(t, cluster, { timeoutMs: 4_000 });
    cluster.mon.freeze();
    const startMs = performance.now();
    await assert.rejects(client.version('osdmap'), {
      code: 'ETIMEDOUT',
      message: 'ETIMEDOUT: no monitor answered for the version of osdmap in 4000 ms',
    });
    assert.ok(performance.now() - startMs < TIMEOUT_MS / 2);
    cluster.mon.thaw();
    assert.ok((await client.version('osdmap')).newest > 0);
  });

  it('lasts over connections that are cut again and again', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { settings: { 'ms inject socket failures': '50' } });
    const { client, watcher } = await connected(t, cluster, { timeoutMs: TIMEOUT_MS });
    client.wantOsdMap(0);
    // One message in fifty, more or less: it goes on until some were cut.
    for (let i = 0; i < 100 || watcher.lost < 2; i++) assert.ok((await client.version('osdmap')).newest > 0);
    await watcher.until(() => watcher.fulls.length > 0);
  });

  it('gets new tickets for OSDs, and its own by a new session before it runs out', async (t) => {
    if (!(await requireCluster(t))) return;
    const cluster = await startCluster(t, { settings: { 'auth mon ticket ttl': '4' } });
    const { client, watcher } = await connected(t, cluster);
    const place = await osdPlace(client, 0);
    const openOsd = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const connection = client.openOsd(place, { ready: resolve, message: () => undefined, lost: reject });
        t.after(() => connection.destroy());
      });
    await openOsd();
    await client.renewTickets();
    await openOsd();
    await watcher.until(() => watcher.found > 0);
    for (const { message } of watcher.losses) assert.match(message, /its ticket is renewed/);
    await openOsd();
    await client.renewTickets();
  });
});

function write(path: string, key: string): string {
  writeFileSync(path, `[client.admin]\n key = ${key}\n`);
  return path;
}
