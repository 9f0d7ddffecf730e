// copy() from and to servers in memory: every mixture, what the server copies itself, and what a restart takes.
import assert from 'node:assert/strict';
import {
  closeSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { copyAllWith, copyWith } from '../../src/copy/copy.js';
import { NfsPlace } from '../../src/copy/nfs/nfs-place.js';
import type { PlaceTable } from '../../src/copy/places.js';
import type { CopyError } from '../../src/copy/results.js';
import type { CopyAllResult, CopyOptions, CopyProgress, CopyResult } from '../../src/index.js';
import { NfsConnections } from '../../src/targets/nfs/connections.js';
import { Random } from '../support/random.js';
import { tempDirectory } from '../support/temp.js';
import { everyFault, type FakeOptions, FakeProtocol, nthFault } from './fake-protocol.js';

const KIB = 1024;
const SMALL = { requestBytes: 64 * KIB, depth: 4 } as const;

function bytesOf(length: number, seed = length): Buffer {
  const bytes = Buffer.alloc(length);
  new Random(seed).fill(bytes);
  return bytes;
}

function namesOn({ tree }: FakeProtocol): string[] {
  return [...tree.root.entries.keys()];
}

/** What a copy that must not succeed rejects with. */
async function failure<E>(copying: Promise<unknown>): Promise<E> {
  try {
    await copying;
  } catch (error) {
    return error as E; // the test looks at what it is
  }
  return assert.fail('it did not fail');
}

/** Servers by host; each is one tree. */
function serving(servers: Readonly<Record<string, FakeProtocol>>): {
  readonly connections: NfsConnections;
  readonly places: PlaceTable;
} {
  const connections = new NfsConnections([
    {
      name: '4.2',
      load: async () => async (settings, path) => {
        const protocol = servers[settings.host];
        assert.ok(protocol !== undefined);
        // The files of a server outlive the connections to it.
        protocol.closed = false;
        return { protocol, rest: path.slice(1) };
      },
    },
  ]);
  return { connections, places: { 'nfs:': async () => new NfsPlace(connections) } };
}

interface Stand {
  readonly server: FakeProtocol;
  readonly directory: string;
  copy(from: string, to: string, options?: CopyOptions): Promise<CopyResult>;
  copyAll(from: string, to: readonly string[], options?: CopyOptions): Promise<CopyAllResult>;
}

function stand(t: TestContext, options: FakeOptions = {}, others: Readonly<Record<string, FakeProtocol>> = {}): Stand {
  const server = new FakeProtocol(options);
  const { connections, places } = serving({ server, ...others });
  t.after(() => {
    // Whatever became of the copy: nothing is left open, and no connection.
    assert.equal(server.openFiles, 0);
    assert.equal(connections.size, 0);
  });
  return {
    server,
    directory: tempDirectory(t),
    copy: (from, to, given = {}) => copyWith(from, to, { ...SMALL, ...given }, { places }),
    copyAll: (from, to, given = {}) => copyAllWith(from, to, { ...SMALL, ...given }, { places }),
  };
}

/** Two stretches of data in a file of 4 MiB. */
function putSparse(path: string): Buffer {
  const bytes = Buffer.alloc(4096 * KIB);
  bytesOf(100_000).copy(bytes, 512 * KIB);
  bytesOf(5000).copy(bytes, 3072 * KIB);
  const fd = openSync(path, 'w');
  ftruncateSync(fd, bytes.length);
  writeSync(fd, bytes, 512 * KIB, 100_000, 512 * KIB);
  writeSync(fd, bytes, 3072 * KIB, 5000, 3072 * KIB);
  closeSync(fd);
  return bytes;
}

describe('copy with a server', () => {
  it('takes a file there, and back, byte for byte', async (t) => {
    for (const length of [0, 1, 4096, 1_000_001]) {
      const { server, directory, copy } = stand(t);
      const bytes = bytesOf(length);
      const local = join(directory, `local-${length}`);
      writeFileSync(local, bytes);
      server.putDirectory('dir');
      const there = await copy(local, 'nfs://server/dir/file', { verify: true });
      assert.equal(there.destination, 'nfs://server/dir/file');
      assert.equal(there.engine, 'nfs4.2');
      assert.deepEqual(there.io, { read: there.io.read, write: 'direct' });
      assert.deepEqual([there.stable, there.verified, there.bytes], [true, true, length]);
      assert.ok(Buffer.from(server.bytesOf('dir/file')).equals(bytes));
      assert.ok(server.allDurable);
      const back = await copy('nfs://server/dir/file', join(directory, 'back'), { verify: true });
      assert.equal(back.bytes, length);
      assert.ok(readFileSync(join(directory, 'back')).equals(bytes));
    }
  });

  it('understands a directory as the name inside it, and refuses what is there', async (t) => {
    const { server, directory, copy } = stand(t);
    const bytes = bytesOf(1000);
    writeFileSync(join(directory, 'a b'), bytes);
    server.putDirectory('dir');
    const inside = await copy(join(directory, 'a b'), 'nfs://server/dir');
    assert.equal(inside.destination, 'nfs://server/dir/a%20b');
    await assert.rejects(copy(join(directory, 'a b'), 'nfs://server/dir/'), { code: 'ERR_DIORITE_EXISTS' });
    await assert.rejects(copy(join(directory, 'a b'), 'nfs://server/new/'), { code: 'ENOTDIR' });
    await assert.rejects(copy(join(directory, 'a b'), 'nfs://server/no/new'), { code: 'ENOENT' });
    await copy(join(directory, 'a b'), 'nfs://server/dir/', { force: true });
    await copy('nfs://server/dir/a%20b', directory, { force: true });
    await assert.rejects(copy('nfs://server/dir', join(directory, 'c')), { code: 'EISDIR' });
    await assert.rejects(copy('nfs://server/dir/none', join(directory, 'c')), { code: 'ENOENT', message: /fake:2049/ });
    assert.ok(Buffer.from(server.bytesOf('dir/a b')).equals(bytes));
    assert.deepEqual(readdirSync(directory), ['a b']);
  });

  it('follows links to the file at their end, and replaces that', async (t) => {
    const { server, directory, copy } = stand(t);
    writeFileSync(join(directory, 'source'), 'new bytes');
    server.putDirectory('dir');
    server.putFile('dir/file', Buffer.from('old bytes, more of them'), 0o604);
    server.putLink('link', 'dir/file');
    const { destination } = await copy(join(directory, 'source'), 'nfs://server/link', { force: true });
    assert.equal(destination, 'nfs://server/dir/file');
    assert.equal(Buffer.from(server.bytesOf('dir/file')).toString(), 'new bytes');
    assert.equal(server.tree.at('dir/file').attributes.mode, 0o604);
    await assert.rejects(copy('nfs://server/dir/file', 'nfs://server/link', { force: true }), {
      code: 'ERR_DIORITE_SAME_FILE',
    });
  });

  it('preserves holes in both directions', async (t) => {
    const { server, directory, copy } = stand(t);
    const bytes = putSparse(join(directory, 'sparse'));
    const there = await copy(join(directory, 'sparse'), 'nfs://server/sparse');
    assert.ok(there.holesBytes > 3 * 1024 * KIB);
    assert.ok(server.tree.at('sparse').attributes.used < 256 * KIB);
    assert.ok(Buffer.from(server.bytesOf('sparse')).equals(bytes));
    const back = await copy('nfs://server/sparse', join(directory, 'back'), { verify: true });
    assert.ok(back.holesBytes > 3 * 1024 * KIB);
    assert.ok(statSync(join(directory, 'back')).blocks * 512 < 512 * KIB);
    assert.ok(readFileSync(join(directory, 'back')).equals(bytes));
  });

  it('leaves nothing on the server when it fails, and what was there before', async (t) => {
    const failures = { setAttributes: 1, startWrite: 3, commit: 1, rename: 1 } as const;
    for (const [operation, nth] of Object.entries(failures) as [keyof typeof failures, number][]) {
      const { server, directory, copy } = stand(t);
      writeFileSync(join(directory, 'source'), bytesOf(500_000));
      server.putFile('old', Buffer.from('old'));
      server.faults = nthFault(operation, nth, { error: 'EIO' });
      await assert.rejects(copy(join(directory, 'source'), 'nfs://server/old', { force: true }), { code: 'EIO' });
      assert.equal(Buffer.from(server.bytesOf('old')).toString(), 'old');
      assert.deepEqual(namesOn(server), ['old']);
    }
  });

  it('ends by an abort at any moment, with nothing left', async (t) => {
    const { server, directory, copy } = stand(t);
    writeFileSync(join(directory, 'source'), bytesOf(2_000_000));
    for (const limit of [0, 1, 300_000, 1_999_999]) {
      const controller = new AbortController();
      const onProgress = ({ doneBytes }: CopyProgress): void => {
        if (doneBytes >= limit) controller.abort();
      };
      await assert.rejects(
        copy(join(directory, 'source'), 'nfs://server/new', { signal: controller.signal, onProgress }),
        { name: 'AbortError' },
      );
      assert.deepEqual(namesOn(server), []);
    }
  });

  it('gives up what a silent server was asked for', async (t) => {
    const { server, directory, copy } = stand(t);
    server.putFile('source', bytesOf(500_000));
    server.faults = everyFault(['startRead'], { hold: true });
    const controller = new AbortController();
    const copying = copy('nfs://server/source', join(directory, 'new'), { signal: controller.signal });
    while (server.held === 0) await new Promise(setImmediate);
    controller.abort();
    await assert.rejects(copying, { name: 'AbortError' });
    assert.deepEqual(readdirSync(directory), []);
  });

  it('goes to several places at once, and one that fails is out', async (t) => {
    const other = Object.assign(new FakeProtocol({ readOnly: true }), { server: 'other:2049' });
    const { server, directory, copyAll } = stand(t, {}, { other });
    const bytes = bytesOf(700_000);
    server.putFile('source', bytes);
    const to = [join(directory, 'local'), 'nfs://server/copy', 'nfs://other/copy'];
    const { result } = await failure<CopyError>(copyAll('nfs://server/source', to, { verify: true }));
    assert.equal(result.failed, 1);
    assert.deepEqual(
      result.destinations.map((each) => each.error?.code ?? (each.error === null && each.io)),
      [result.destinations[0]?.error === null && result.destinations[0].io, 'server-copy', 'EROFS'],
    );
    assert.ok(readFileSync(join(directory, 'local')).equals(bytes));
    assert.ok(Buffer.from(server.bytesOf('copy')).equals(bytes));
    await assert.rejects(copyAll('nfs://server/source', ['nfs://server/./twin']), { code: 'ERR_INVALID_ARG_VALUE' });
    await assert.rejects(copyAll('nfs://server/source', ['nfs://server/twin', 'nfs://server//twin']), {
      code: 'ERR_DIORITE_SAME_FILE',
    });
  });
});

describe('a copy between two files of one server', () => {
  it('is the work of the server, with its holes, and durable', async (t) => {
    const { server, copy } = stand(t);
    const bytes = bytesOf(3_000_000);
    server.putFile('source', bytes);
    const seen: number[] = [];
    const result = await copy('nfs://server/source', 'nfs://server/copy', {
      onProgress: ({ doneBytes }) => seen.push(doneBytes),
    });
    assert.deepEqual(result.io, { read: 'server-copy', write: 'server-copy' });
    assert.deepEqual([result.requests, result.reflinkReason, result.stable], [0, null, true]);
    assert.equal(seen.at(-1), bytes.length);
    assert.equal(server.count('startRead') + server.count('startWrite'), 0);
    assert.ok(Buffer.from(server.bytesOf('copy')).equals(bytes));
    assert.ok(server.allDurable);
  });

  it('is a clone where that is asked, and verified all the same', async (t) => {
    const { server, copy } = stand(t);
    const bytes = bytesOf(300_000);
    server.putFile('source', bytes);
    const result = await copy('nfs://server/source', 'nfs://server/copy', { reflink: 'auto', verify: true });
    assert.deepEqual(result.io, { read: 'clone', write: 'clone' });
    assert.equal(server.count('copy'), 0);
    assert.ok(Buffer.from(server.bytesOf('copy')).equals(bytes));
  });

  it('goes on from what the server does at a time, and moves the bytes where it cannot', async (t) => {
    const { server, copy } = stand(t);
    const bytes = bytesOf(300_000);
    server.putFile('source', bytes);
    server.faults = everyFault(['copy'], { bytes: 70_000 });
    assert.equal((await copy('nfs://server/source', 'nfs://server/some')).io.write, 'server-copy');
    server.faults = nthFault('copy', server.count('copy') + 2, { error: 'EINVAL' });
    server.faults = everyFault(['copy', 'clone'], { error: 'ENOTSUP' });
    const moved = await copy('nfs://server/source', 'nfs://server/moved', { reflink: 'auto' });
    assert.deepEqual(moved.io, { read: 'direct', write: 'direct' });
    assert.match(moved.reflinkReason ?? '', /ENOTSUP|clone|CLONE/i);
    server.faults = everyFault(['copy'], { error: 'ENOSPC' });
    await assert.rejects(copy('nfs://server/source', 'nfs://server/none'), { code: 'ENOSPC' });
    for (const name of ['some', 'moved']) assert.ok(Buffer.from(server.bytesOf(name)).equals(bytes));
    assert.deepEqual(namesOn(server).toSorted(), ['moved', 'some', 'source']);
  });

  it('is not one where there are two servers', async (t) => {
    const other = new FakeProtocol();
    const { server, copy } = stand(t, {}, { other });
    const bytes = bytesOf(300_000);
    server.putFile('source', bytes);
    const result = await copy('nfs://server/source', 'nfs://other/copy');
    assert.equal(result.io.write, 'direct');
    assert.ok(Buffer.from(other.bytesOf('copy')).equals(bytes));
  });
});

describe('a server that restarts', () => {
  it('gets again what it lost, at any moment', async (t) => {
    const bytes = bytesOf(1_500_000);
    for (const operation of ['startWrite', 'commit'] as const)
      for (const restart of ['before', 'after'] as const)
        for (const nth of operation === 'commit' ? [1] : [1, 7, 23]) {
          const { server, directory, copy } = stand(t);
          writeFileSync(join(directory, 'source'), bytes);
          server.faults = nthFault(operation, nth, { restart });
          await copy(join(directory, 'source'), 'nfs://server/copy', { verify: true });
          assert.ok(Buffer.from(server.bytesOf('copy')).equals(bytes), `${operation} ${nth} ${restart}`);
          assert.ok(server.allDurable);
        }
  });

  it('gets again what it copied itself', async (t) => {
    const { server, copy } = stand(t);
    const bytes = bytesOf(1_500_000);
    server.putFile('source', bytes);
    for (const reflink of ['never', 'auto'] as const) {
      server.faults = nthFault('commit', server.count('commit') + (reflink === 'auto' ? 2 : 1), { restart: 'before' });
      await copy('nfs://server/source', `nfs://server/${reflink}`, { reflink, verify: true });
      assert.ok(Buffer.from(server.bytesOf(reflink)).equals(bytes));
      assert.ok(server.allDurable);
    }
  });

  it('does not get holes written, however many pieces it lost', async (t) => {
    const { server, directory, copy } = stand(t);
    const pieces = 1500;
    const fd = openSync(join(directory, 'source'), 'w');
    for (let i = 0; i < pieces; i++) writeSync(fd, bytesOf(4096, i + 1), 0, 4096, i * 16 * KIB);
    ftruncateSync(fd, pieces * 16 * KIB);
    closeSync(fd);
    server.faults = nthFault('commit', 1, { restart: 'before' });
    await copy(join(directory, 'source'), 'nfs://server/copy', { requestBytes: 1024 * KIB });
    assert.ok(Buffer.from(server.bytesOf('copy')).equals(readFileSync(join(directory, 'source'))));
    assert.ok(server.tree.at('copy').attributes.used <= BigInt(pieces * 4096));
  });

  it('and again and again is given up, with the ledger', async (t) => {
    const { server, directory, copy } = stand(t);
    writeFileSync(join(directory, 'source'), bytesOf(300_000));
    server.faults = everyFault(['commit'], { restart: 'before' });
    const error = await failure<DioriteError>(copy(join(directory, 'source'), 'nfs://server/copy'));
    assert.equal(error.code, 'ERR_DIORITE_VERIFIER');
    assert.deepEqual(error.extents, [{ offset: 0, length: 300_000, state: 'unknown' }]);
    assert.deepEqual(namesOn(server), []);
  });
});
