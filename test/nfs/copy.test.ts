// copy(), probe() and the command line with nfs-ganesha: every mixture, bad input, and a server that is killed on the way.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { NfsPlace } from '../../src/copy/nfs/nfs-place.js';
import { copy, explain, probe } from '../../src/index.js';
import { nfsConnections } from '../../src/targets/nfs/connect.js';
import { diorite } from '../cli/command.js';
import { placeSuite } from '../copy/place-suite.js';
import { Random } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { type Ganesha, ganeshaProblem, type NfsVersion, requireGanesha, startGanesha } from './ganesha.js';

const VERSIONS: readonly NfsVersion[] = ['3', '4.1', '4.2'];
const MIB = 1024 * 1024;

function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  new Random(length).fill(bytes);
  return bytes;
}

let shared: Ganesha | null = null;
const cleanups: (() => void | Promise<void>)[] = [];

before(async () => {
  if (ganeshaProblem() === null) shared = await startGanesha({ after: (hook) => cleanups.push(hook) });
});

after(async () => {
  for (const cleanup of cleanups) await cleanup();
});

/** Null, and the test is skipped, where there is no server. */
function serverFor(t: TestContext): Ganesha | null {
  return requireGanesha(t) ? shared : null;
}

/** A fresh directory of the server, and what its names are as URLs. */
function directoryOn(server: Ganesha, version: NfsVersion): { path: string; url: (name: string) => string } {
  const path = mkdtempSync(join(server.vfsDirectory, 'd-'));
  const base = `${server.exportPath}/${basename(path)}`;
  return { path, url: (name) => server.url(version, name === '' ? base : `${base}/${name}`).href };
}

for (const version of VERSIONS) {
  placeSuite({
    name: `NFS ${version}`,
    async stand(t) {
      const server = serverFor(t);
      if (server === null) return null;
      const { path, url } = directoryOn(server, version);
      return { place: new NfsPlace(nfsConnections), directory: path, at: url };
    },
  });

  describe(`copy by NFS ${version}`, () => {
    it('takes a file there, to another name, and back', async (t) => {
      const server = serverFor(t);
      if (server === null) return;
      const { path, url } = directoryOn(server, version);
      const local = tempDirectory(t);
      const bytes = bytesOf(9 * MIB + 333);
      writeFileSync(join(local, 'source'), bytes, { mode: 0o640 });
      const there = await copy(join(local, 'source'), url(''), { verify: true });
      assert.deepEqual([there.io.write, there.stable, there.verified], ['direct', true, true]);
      assert.equal(statSync(join(path, 'source')).mode & 0o777, 0o640);
      await copy(url('source'), [url('second'), join(local, 'back')], { verify: true });
      for (const name of [join(path, 'source'), join(path, 'second'), join(local, 'back')])
        assert.ok(readFileSync(name).equals(bytes), name);
      assert.deepEqual(readdirSync(path).toSorted(), ['second', 'source']);
    });

    it('ends by an abort with nothing left', async (t) => {
      const server = serverFor(t);
      if (server === null) return;
      const { path, url } = directoryOn(server, version);
      const source = join(tempDirectory(t), 'source');
      writeFileSync(source, bytesOf(32 * MIB));
      const controller = new AbortController();
      const onProgress = (): void => controller.abort();
      await assert.rejects(copy(source, url('new'), { signal: controller.signal, onProgress }), { name: 'AbortError' });
      assert.deepEqual(readdirSync(path), []);
    });
  });

  describe(`the command line with NFS ${version}`, () => {
    it('copies, refuses, verifies, and says so by its exit status', async (t) => {
      const server = serverFor(t);
      if (server === null) return;
      const { path, url } = directoryOn(server, version);
      const source = join(tempDirectory(t), 'source');
      writeFileSync(source, bytesOf(3 * MIB));
      const first = await diorite(['copy', source, url('copy'), '--verify', '--json']);
      assert.deepEqual([first.code, first.stderr], [0, '']);
      const result = JSON.parse(first.stdout);
      assert.deepEqual([result.destination, result.engine, result.verified], [url('copy'), `nfs${version}`, true]);
      const refused = await diorite(['copy', source, url('copy')]);
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /^diorite: The destination exists: nfs:.*--force.*\n$/);
      const some = await diorite(['copy', source, url('copy'), url('other')]);
      assert.equal(some.code, 5);
      assert.deepEqual(readdirSync(path).toSorted(), ['copy', 'other']);
    });

    it('probes a file and a directory', async (t) => {
      const server = serverFor(t);
      if (server === null) return;
      const { path, url } = directoryOn(server, version);
      writeFileSync(join(path, 'file'), 'bytes');
      const { code, stdout, stderr } = await diorite(['probe', url('file')]);
      assert.deepEqual([code, stderr], [0, '']);
      for (const expected of [
        /^ {2}kind +file$/m,
        new RegExp(`^ {2}name +127\\.0\\.0\\.1:${server.port}$`, 'm'),
        new RegExp(`^ {2}protocol +NFS ${version.replace('.', '\\.')}$`, 'm'),
        /^ {2}one WRITE +up to 1\.00 MiB/m,
        /^ {2}carried by +(uring|node:net: .+)$/m,
        /^ {2}round trip +\d+\.\d{3} ms$/m,
      ])
        assert.match(stdout, expected);
      const found = await probe(url(''));
      assert.equal(found.kind, 'directory');
      assert.equal(found.server?.version, version);
      assert.ok(found.server.roundTripMs > 0 && found.fileSystem.freeBytes > 0);
      // Only 4.2 has anything that a file would have to be asked about; nfs-ganesha has no COPY on a local disk.
      const { server: ofFile } = await probe(url('file'));
      const has = version === '4.2';
      assert.deepEqual(ofFile?.operations, { seek: has, allocate: has, deallocate: has, copy: false, clone: false });
      assert.ok(Object.values(found.server.operations).every((offered) => offered === (has ? null : false)));
      assert.deepEqual(readdirSync(path), ['file']);
    });

    it('explains what requests become there', async (t) => {
      const server = serverFor(t);
      if (server === null) return;
      const { path, url } = directoryOn(server, version);
      writeFileSync(join(path, 'file'), 'bytes');
      const { totals } = await explain({ path: url('file'), vectors: '1024x512@shuffled', direction: 'write' });
      assert.equal(totals.requests, 1);
    });

    it('waits for a silent server no longer than it was told to', async (t) => {
      const silent = createServer();
      const sockets = new Set<Socket>();
      // That the client leaves in the end is no error of the test's.
      silent.on('connection', (socket) => sockets.add(socket.on('error', () => {})));
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      t.after(() => {
        for (const socket of sockets) socket.destroy();
        silent.close();
      });
      const { port } = silent.address() as AddressInfo;
      const local = join(tempDirectory(t), 'file');
      writeFileSync(local, 'bytes');
      const url = `nfs://127.0.0.1:${port}/vfs/new?version=${version}&mountport=${port}&timeo=10`;
      const started = performance.now();
      const { code, stderr } = await diorite(['copy', local, url]);
      assert.equal(code, 1);
      assert.match(stderr, /^diorite: ETIMEDOUT: .*127\.0\.0\.1.*\n$/);
      assert.ok(performance.now() - started < 30_000);
    });

    it('tells in one line what is wrong, and which server says so', async (t) => {
      const server = serverFor(t);
      if (server === null) return;
      const { path, url } = directoryOn(server, version);
      mkdirSync(join(path, 'inner'));
      writeFileSync(join(path, 'file'), 'bytes');
      const local = join(tempDirectory(t), 'file');
      writeFileSync(local, 'bytes');
      const at = new RegExp(`127\\.0\\.0\\.1:${server.port}`);
      const cases: readonly (readonly [string, string, RegExp, RegExp])[] = [
        [url('none'), local, /ENOENT/, at],
        [url(''), local, /EISDIR|is a directory/, /nfs:/],
        [local, url('none/new'), /ENOENT/, at],
        [local, url('file/new'), /ENOTDIR/, at],
        [local, url('x'.repeat(300)), /ENAMETOOLONG: .*NFS\dERR_NAMETOOLONG \(63\)/, at],
        [url('x'.repeat(300)), local, /ENAMETOOLONG/, at],
        [local, server.url(version, '/no-such-export/file').href, /ENOENT|EACCES/, at],
        [local, `${url('new')}&uid=-1`, /uid/, /-1/],
        [local, `${url('new')}&speed=9`, /speed/, /version/],
        [local, 'nfs://no-such-host.invalid/vfs/new?timeo=50', /ENOTFOUND|EAI_AGAIN|ETIMEDOUT/, /no-such-host/],
        [local, `nfs://127.0.0.1:1/vfs/new?version=${version}&mountport=1`, /ECONNREFUSED/, /127\.0\.0\.1:1/],
      ];
      for (const [from, to, code, who] of cases) {
        const { code: status, stdout, stderr } = await diorite(['copy', from, to]);
        assert.deepEqual([status, stdout], [1, ''], `${from} ${to}`);
        assert.match(stderr, /^diorite: [^\n]+\n$/);
        assert.match(stderr, code);
        assert.match(stderr, who);
      }
      assert.deepEqual(readdirSync(path).toSorted(), ['file', 'inner']);
    });
  });
}
