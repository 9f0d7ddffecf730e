// NFSv4.1 and 4.2 against nfs-ganesha: every operation, both exports, and restarts while work is under way.
import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { FileHandle, NfsOpenFile, NfsProtocol } from '../../src/targets/nfs/protocol.js';
import { parseNfsUrl } from '../../src/targets/nfs/url.js';
import { connectV4 } from '../../src/targets/nfs/v4/protocol-v4.js';
import type { Cleanup } from '../support/temp.js';
import { type Ganesha, type GaneshaOptions, requireGanesha, startGanesha } from './ganesha.js';
import { read, startWrite, type Written, write } from './v4/start.js';

const VERSIONS = ['4.1', '4.2'] as const;
const CREATE = { reads: true, writes: true, create: 'unchecked', mode: 0o640 } as const;
const EXCLUSIVE = { ...CREATE, create: 'exclusive' } as const;
const EXISTING = { ...CREATE, create: 'never' } as const;

interface Mounted {
  readonly protocol: NfsProtocol;
  readonly directory: FileHandle;
}

/** A server, and clients that say goodbye before it ends: hooks run in the order in which they were set up. */
class Stage {
  readonly #protocols: NfsProtocol[] = [];
  readonly server: Ganesha;

  static async start(t: Cleanup, options: GaneshaOptions = {}): Promise<Stage> {
    const protocols: NfsProtocol[] = [];
    t.after(async () => {
      await Promise.all(protocols.map((protocol) => protocol.close()));
    });
    return new Stage(await startGanesha(t, options), protocols);
  }

  private constructor(server: Ganesha, protocols: NfsProtocol[]) {
    this.server = server;
    this.#protocols = protocols;
  }

  /** The directory that `path` names. */
  async mount(
    version: (typeof VERSIONS)[number],
    path: string,
    parameters: Readonly<Record<string, string>> = {},
  ): Promise<Mounted> {
    const { settings, path: whole } = parseNfsUrl(this.server.url(version, path, parameters));
    const { protocol, rest } = await connectV4(settings, whole);
    this.#protocols.push(protocol);
    assert.equal(protocol.version, version);
    let directory = protocol.root;
    for (const name of rest.split('/')) directory = await protocol.lookup(directory.handle, name);
    return { protocol, directory: directory.handle };
  }

  local(name: string): string {
    return join(this.server.vfsDirectory, name);
  }
}

function pattern(bytes: number, seed = 1): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => (i * 31 + (i >> 8) * seed + seed) & 0xff));
}

for (const version of VERSIONS) {
  describe(`NFSv${version} over nfs-ganesha`, () => {
    it('does with names what the server’s own file system shows', async (t) => {
      if (!requireGanesha(t)) return;
      const stage = await Stage.start(t);
      const { protocol, directory } = await stage.mount(version, '/vfs');
      const made = await protocol.makeDirectory(directory, 'dir', 0o750);
      assert.equal(statSync(stage.local('dir')).mode & 0o7777, 0o750);
      assert.equal(made.attributes.fileId, statSync(stage.local('dir'), { bigint: true }).ino);
      const link = await protocol.symlink(made.handle, 'link', '../else where');
      assert.equal(readlinkSync(stage.local('dir/link')), '../else where');
      assert.equal(await protocol.readLink(link.handle), '../else where');
      await assert.rejects(protocol.makeDirectory(directory, 'dir', 0o750), { code: 'EEXIST' });
      writeFileSync(stage.local('dir/file'), 'content');
      const file = await protocol.lookup(made.handle, 'file');
      await protocol.link(file.handle, directory, 'hard');
      await protocol.rename(made.handle, 'file', directory, 'moved');
      assert.equal(statSync(stage.local('moved')).ino, statSync(stage.local('hard')).ino);
      const set = { atimeNs: 1_000_000_007n, mtimeNs: 3_000_000_000_000_000_009n } as const;
      // The set-user-ID bit by itself: this server takes it away again with a change of the owner.
      await protocol.setAttributes(file.handle, { ...set, mode: 0o644, uid: 7, gid: 8 });
      await protocol.setAttributes(file.handle, { mode: 0o4711 });
      const stat = statSync(stage.local('moved'), { bigint: true });
      const attributes = await protocol.attributes(file.handle);
      for (const seen of [
        { ...attributes, mode: BigInt(attributes.mode), uid: BigInt(attributes.uid), gid: BigInt(attributes.gid) },
        { ...stat, mode: stat.mode & 0o7777n, type: 'file', links: Number(stat.nlink) },
      ]) {
        const { atimeNs, mtimeNs, mode, uid, gid, links, size, type } = seen;
        const shown = { atimeNs, mtimeNs, mode, uid, gid, links, size, type };
        assert.deepEqual(shown, { ...set, mode: 0o4711n, uid: 7n, gid: 8n, links: 2, size: 7n, type: 'file' });
      }
      await assert.rejects(protocol.remove(directory, 'dir'), { code: 'EISDIR' });
      await assert.rejects(protocol.removeDirectory(directory, 'moved'), { code: 'ENOTDIR' });
      await assert.rejects(protocol.removeDirectory(directory, 'dir'), { code: 'ENOTEMPTY' });
      await protocol.remove(made.handle, 'link');
      await protocol.removeDirectory(directory, 'dir');
      await protocol.remove(directory, 'hard');
      assert.deepEqual(readdirSync(stage.server.vfsDirectory), ['moved']);
      await assert.rejects(protocol.lookup(directory, 'dir'), {
        code: 'ENOENT',
        message: new RegExp(`127\\.0\\.0\\.1:${stage.server.port}: LOOKUP "dir": NFS4ERR_NOENT \\(2\\)`),
      });
      const space = await protocol.space(directory);
      assert.ok(space.bytesTotal > 0n && space.bytesAvailable <= space.bytesFree);
      assert.ok((await protocol.ping()) > 0);
    });

    it('opens files as asked, and says why it does not', async (t) => {
      if (!requireGanesha(t)) return;
      const stage = await Stage.start(t);
      const { protocol, directory } = await stage.mount(version, '/vfs');
      await assert.rejects(protocol.open(directory, 'file', EXISTING), { code: 'ENOENT' });
      const before = Date.now() - 10_000;
      const made = await protocol.open(directory, 'file', EXCLUSIVE);
      const { mode, mtimeMs, atimeMs } = statSync(stage.local('file'));
      assert.equal(mode & 0o7777, 0o640);
      assert.ok(mtimeMs > before && atimeMs > before, 'no verifier is left in the times');
      assert.equal(made.attributes.mode, 0o640);
      await assert.rejects(protocol.open(directory, 'file', EXCLUSIVE), { code: 'EEXIST' });
      await write(protocol, made.file, 0, pattern(10));
      // An open of its own: closing it leaves the first one open.
      const second = await protocol.open(directory, 'file', { ...CREATE, mode: 0o777 });
      assert.equal(second.attributes.size, 10n);
      assert.equal(second.attributes.mode, 0o640);
      await protocol.closeFile(second.file);
      await protocol.setAttributes(made.file.handle, { size: 4 }, made.file);
      await write(protocol, made.file, 4, pattern(2));
      await protocol.closeFile(made.file);
      assert.equal(statSync(stage.local('file')).size, 6);
      mkdirSync(stage.local('directory'));
      await protocol.symlink(directory, 'link', 'file');
      await assert.rejects(protocol.open(directory, 'directory', EXISTING), { code: 'EISDIR' });
      await assert.rejects(protocol.open(directory, 'link', EXISTING), { code: 'ELOOP' });
      await assert.rejects(protocol.open(directory, 'n'.repeat(300), CREATE), { code: 'ENAMETOOLONG' });
    });

    it('keeps permissions of the user that asks', async (t) => {
      if (!requireGanesha(t)) return;
      const stage = await Stage.start(t);
      writeFileSync(stage.local('secret'), 'data', { mode: 0o600 });
      const { protocol, directory } = await stage.mount(version, '/vfs', { uid: '1234', gid: '1234' });
      await assert.rejects(protocol.open(directory, 'secret', EXISTING), { code: 'EACCES' });
      const { attributes, file } = await protocol.open(directory, 'own', CREATE);
      assert.deepEqual([attributes.uid, attributes.gid], [1234, 1234]);
      await protocol.closeFile(file);
    });

    for (const path of ['/vfs', '/mem'] as const) {
      it(`writes and reads on ${path}, scattered over slots and connections`, async (t) => {
        if (!requireGanesha(t)) return;
        const stage = await Stage.start(t, { memFileBytes: 2 << 20, slots: 8 });
        const { protocol, directory } = await stage.mount(version, path, { connections: '3' });
        assert.equal(protocol.room, 7);
        assert.equal(protocol.limits.writeBytesMax, 1 << 20);
        const { file } = await protocol.open(directory, 'file', CREATE);
        const data = pattern(1_900_000);
        const pieces: Promise<Written>[] = [];
        for (let at = 0; at < data.length; at += 70_001)
          pieces.push(write(protocol, file, at, data.subarray(at, at + 70_001)));
        const written = await Promise.all(pieces);
        const verifier = await protocol.commit(file);
        for (const each of written) assert.ok(each.committed === 2 || each.verifier === verifier);
        const parts = await Promise.all(
          Array.from({ length: 20 }, (_, i) => read(protocol, file, i * 100_000, 100_000)),
        );
        assert.equal(Buffer.concat(parts.map((part) => part.data)).compare(data), 0);
        assert.deepEqual([parts.at(-1)?.end, parts[0]?.end], [true, false]);
        const beyond = await read(protocol, file, 5_000_000, 10);
        assert.deepEqual([beyond.data.length, beyond.end], [0, true]);
        assert.equal((await write(protocol, file, 1, Buffer.from('x'), 2)).committed, 2);
        await protocol.closeFile(file);
        if (path === '/vfs') assert.equal(readFileSync(stage.local('file')).length, data.length);
      });
    }

    it('lists a large directory in parts', async (t) => {
      if (!requireGanesha(t)) return;
      const stage = await Stage.start(t);
      const names = Array.from({ length: 1500 }, (_, i) => `${i}-${'x'.repeat(i % 60)}`);
      for (const name of names) writeFileSync(stage.local(name), name);
      const { protocol, directory } = await stage.mount(version, '/vfs');
      const listed: string[] = [];
      let parts = 0;
      for (let [cookie, verifier, end] = [0n, 0n, false]; !end; parts++) {
        const part = await protocol.readDirectory(directory, cookie, verifier, 32_768);
        for (const { name, attributes, fileId } of part.entries) {
          listed.push(name);
          assert.equal(attributes?.size, BigInt(name.length));
          assert.equal(attributes?.fileId, fileId);
        }
        ({ cookie, verifier, end } = part);
      }
      assert.deepEqual(listed.sort(), names.sort());
      assert.ok(parts > 5);
    });

    it('offers beyond 4.1 what the server has', async (t) => {
      if (!requireGanesha(t)) return;
      const stage = await Stage.start(t);
      const { protocol, directory } = await stage.mount(version, '/vfs');
      const { file } = await protocol.open(directory, 'file', CREATE);
      const none = { code: 'ERR_DIORITE_UNSUPPORTED', message: /does not offer/ };
      if (version === '4.1') {
        assert.deepEqual(protocol.offers, {
          seek: false,
          allocate: false,
          deallocate: false,
          copy: false,
          clone: false,
        });
        await assert.rejects(protocol.seek(file, 0, 'data'), none);
        return;
      }
      await write(protocol, file, 0, pattern(100_000));
      await protocol.deallocate(file, 8192, 16_384);
      await protocol.allocate(file, 200_000, 100_000);
      assert.equal((await protocol.attributes(file.handle)).size, 300_000n);
      assert.equal(await protocol.seek(file, 0, 'hole'), 8192);
      assert.equal(await protocol.seek(file, 8192, 'data'), 24_576);
      await write(protocol, file, 299_999, pattern(1));
      assert.equal(await protocol.seek(file, 299_999, 'hole'), 300_000);
      assert.equal(await protocol.seek(file, 300_000, 'data'), null);
      assert.deepEqual((await read(protocol, file, 8192, 16_384)).data, Buffer.alloc(16_384));
      await assert.rejects(protocol.copy(file, 0, file, 200_000, 1000), none);
      await assert.rejects(protocol.clone(file, 0, file, 200_000, 1000), none);
      assert.deepEqual(protocol.offers, { seek: true, allocate: true, deallocate: true, copy: false, clone: false });
      const mem = await stage.mount(version, '/mem');
      const inMemory = await mem.protocol.open(mem.directory, 'file', CREATE);
      await assert.rejects(mem.protocol.seek(inMemory.file, 0, 'data'), none);
      assert.equal(mem.protocol.offers.seek, false);
    });

    it('gives a write up, and its slot serves the next', async (t) => {
      if (!requireGanesha(t)) return;
      const stage = await Stage.start(t, { slots: 2 });
      const { protocol, directory } = await stage.mount(version, '/vfs');
      const { file } = await protocol.open(directory, 'file', CREATE);
      const data = pattern(1 << 20);
      for (let i = 0; i < 20; i++) {
        const { call, done } = startWrite(protocol, file, 0, data);
        let isAnswered = false;
        const outcome = done.then(
          () => 'answered',
          (error: unknown) => String(error),
        );
        void outcome.then(() => (isAnswered = true));
        if (i % 2 === 0) await new Promise(setImmediate);
        // A server may have answered by now; what is given up before is never answered.
        const expected = isAnswered ? /^answered$/ : /given up/;
        protocol.abandon(call);
        assert.match(await outcome, expected);
        assert.equal((await write(protocol, file, i, data)).bytes, data.length);
      }
      assert.equal((await read(protocol, file, 19, data.length)).data.compare(data), 0);
    });

    it('has its lease renewed while a file is open, however idle', async (t) => {
      if (!requireGanesha(t)) return;
      const stage = await Stage.start(t, { leaseSeconds: 4 });
      const { protocol, directory } = await stage.mount(version, '/vfs');
      const { file } = await protocol.open(directory, 'file', CREATE);
      // The lease itself is the time that has to pass: the server forgets who says nothing for so long.
      await pause(9_000);
      await write(protocol, file, 0, pattern(100));
      await protocol.closeFile(file);
    });

    it('survives the server: files open, writes and renames under way, twice', async (t) => {
      if (!requireGanesha(t)) return;
      const stage = await Stage.start(t, { graceless: false, leaseSeconds: 8, graceSeconds: 8 });
      // Tries to reach the server are an eighth of `timeo` apart at most, so that one falls into the grace.
      const { protocol, directory } = await stage.mount(version, '/vfs', { connections: '2', timeo: '300' });
      const { file } = await protocol.open(directory, 'large', CREATE);
      const data = pattern(8 << 20, 7);
      const progress = new Progress();
      const work = Promise.all([writeUntil(protocol, file, data, progress), makeMany(protocol, directory, 40)]);
      for (const writes of [50, 350]) {
        await progress.reached(writes);
        await stage.server.restart({ kill: true });
      }
      progress.isEnough = true;
      const [commits] = await work;
      t.diagnostic(`${progress.count} WRITEs, ${commits} COMMITs`);
      await protocol.closeFile(file);
      assert.equal(readFileSync(stage.local('large')).compare(data), 0);
      const names = readdirSync(stage.server.vfsDirectory).filter((name) => name !== 'large');
      assert.deepEqual(names.sort(), Array.from({ length: 40 }, (_, i) => `done-${i}`).sort());
      for (const name of names) assert.equal(readFileSync(stage.local(name), 'utf8'), name);
    });

    it('knows that a file of a server without memory is gone', async (t) => {
      if (!requireGanesha(t)) return;
      const stage = await Stage.start(t);
      const { protocol, directory } = await stage.mount(version, '/mem');
      const { file } = await protocol.open(directory, 'file', CREATE);
      await stage.server.restart({ kill: true });
      for (let i = 0; i < 2; i++)
        await assert.rejects(write(protocol, file, 0, pattern(10)), /OPEN "[^"]+" again: NFS4ERR_/);
      await protocol.closeFile(file);
    });

    it('gives up in time on a server that is gone, and finds it again', async (t) => {
      if (!requireGanesha(t)) return;
      const stage = await Stage.start(t);
      const { protocol, directory } = await stage.mount(version, '/vfs', { timeo: '30' });
      const { file } = await protocol.open(directory, 'file', CREATE);
      await stage.server.halt({ kill: true });
      const startedMs = performance.now();
      const outcomes = await Promise.allSettled([
        write(protocol, file, 0, pattern(10)),
        protocol.lookup(directory, 'file'),
        protocol.commit(file),
      ]);
      const tookMs = performance.now() - startedMs;
      for (const outcome of outcomes) assert.match(String((outcome as PromiseRejectedResult).reason), /ETIMEDOUT/);
      assert.ok(tookMs < 30_000, `${tookMs} ms`);
      await stage.server.resume();
      assert.equal((await protocol.lookup(directory, 'file')).attributes.type, 'file');
    });
  });
}

/** How many WRITEs were answered, and who waits for it. */
class Progress {
  count = 0;
  isEnough = false;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  add(): void {
    this.count++;
    for (const { count, resolve } of this.#waiting) if (count <= this.count) resolve();
    this.#waiting = this.#waiting.filter(({ count }) => count > this.count);
  }

  reached(count: number): Promise<void> {
    if (count <= this.count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }
}

const STEP_BYTES = 1 << 16;

/** Again and again, each time made durable as the layer above does it: what a COMMIT does not cover is written again. */
async function writeUntil(protocol: NfsProtocol, file: NfsOpenFile, data: Buffer, progress: Progress): Promise<number> {
  const all = Array.from({ length: data.length / STEP_BYTES }, (_, i) => i * STEP_BYTES);
  let commits = 0;
  while (!progress.isEnough) {
    for (let todo = all; todo.length > 0; ) {
      const written = await Promise.all(
        todo.map(async (at) => {
          const answer = await write(protocol, file, at, data.subarray(at, at + STEP_BYTES));
          progress.add();
          return { at, ...answer };
        }),
      );
      const verifier = await protocol.commit(file);
      commits++;
      todo = written.filter((each) => each.committed === 0 && each.verifier !== verifier).map(({ at }) => at);
    }
  }
  return commits;
}

/** Files that are made under one name and appear under another. */
async function makeMany(protocol: NfsProtocol, directory: FileHandle, count: number): Promise<void> {
  for (let i = 0; i < count; i += 4) {
    await Promise.all(
      [i, i + 1, i + 2, i + 3].map(async (number) => {
        const { file } = await protocol.open(directory, `new-${number}`, EXCLUSIVE);
        await write(protocol, file, 0, Buffer.from(`done-${number}`), 2);
        await protocol.closeFile(file);
        await protocol.rename(directory, `new-${number}`, directory, `done-${number}`);
        await pause(20);
      }),
    );
  }
}

describe('versions of a server', () => {
  it('are found from the top down, or are none', async (t) => {
    if (!requireGanesha(t)) return;
    const old = await startGanesha(t, { versions: ['3', '4.1'] });
    const { settings, path } = parseNfsUrl(old.url('4.2', '/vfs/some/file'));
    await assert.rejects(connectV4(settings, path), { code: 'EPROTONOSUPPORT', message: /does not offer NFSv4\.2/ });
    const { protocol, rest } = await connectV4({ ...settings, version: null }, path);
    assert.deepEqual([protocol.version, rest], ['4.1', 'vfs/some/file']);
    await protocol.close();
    const v3 = await startGanesha(t, { versions: ['3'] });
    const asked = parseNfsUrl(v3.url('4.1', '/vfs')).settings;
    for (const version of [null, '4.1', '4.2'] as const)
      await assert.rejects(connectV4({ ...asked, version }, '/vfs'), { code: 'EPROTONOSUPPORT' });
    await assert.rejects(connectV4({ ...asked, port: 1 }, '/vfs'), { code: 'ECONNREFUSED' });
  });
});
