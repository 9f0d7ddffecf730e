// Which version is spoken, what is told when none is, and how connections are shared, against servers in memory.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeProtocol } from '../../../test/nfs/fake-protocol.js';
import { DioriteError } from '../../base/errors.js';
import { NfsConnections } from './connections.js';
import { type Connected, negotiate, type Version } from './negotiate.js';
import type { NfsSettings } from './settings.js';

const SETTINGS: NfsSettings = {
  host: 'fake',
  port: null,
  mountPort: null,
  version: null,
  uid: 0,
  gid: 0,
  gids: [],
  connections: 1,
  timeoutMs: 60_000,
  hard: false,
  ioBytesMax: 2 ** 20,
};

type Name = Version['name'];
type Answer = string | ((path: string) => Connected | Promise<Connected>);

/** A code stands for an error. */
function versions(answers: Readonly<Record<Name, Answer>>, tried: string[] = []): Version[] {
  const names: Name[] = ['4.2', '4.1', '3'];
  return names.map((name) => ({
    name,
    load: async () => async (settings, path) => {
      tried.push(`${name} ${path}`);
      assert.equal(settings.version, name);
      const answer = answers[name];
      if (typeof answer !== 'string') return answer(path);
      throw new DioriteError(`fake:2049: NFSv${name} says ${answer}`, { code: answer });
    },
  }));
}

/** Everything is below the root of the server's tree, or below one export. */
function exporting(
  version: Name,
  root = '/',
  directories: readonly string[] = ['/vfs'],
): { readonly made: FakeProtocol[]; connect(path: string): Connected } {
  const made: FakeProtocol[] = [];
  return {
    made,
    connect: (path) => {
      const protocol = new FakeProtocol({ version });
      for (const name of directories) protocol.putDirectory(name);
      made.push(protocol);
      return { protocol, rest: path.slice(root.length).replace(/^\//, '') };
    },
  };
}

const REFUSED = { '4.2': 'ECONNREFUSED', '4.1': 'ECONNREFUSED', '3': 'ECONNREFUSED' } as const;
const LACKING = { '4.2': 'EPROTONOSUPPORT', '4.1': 'EPROTONOSUPPORT', '3': 'EPROTONOSUPPORT' } as const;

async function tried(answers: Readonly<Record<Name, Answer>>, settings = SETTINGS): Promise<[string[], DioriteError]> {
  const all: string[] = [];
  try {
    await negotiate(versions(answers, all), settings, '/vfs');
  } catch (error) {
    if (error instanceof DioriteError) return [all.map((one) => one.split(' ')[0] ?? ''), error];
    throw error;
  }
  throw new Error('a version was found');
}

describe('negotiating the version', () => {
  it('goes from the top down, and takes what is asked for', async () => {
    const all: string[] = [];
    const { connect } = exporting('4.1');
    const found = await negotiate(versions({ ...LACKING, '4.1': connect }, all), SETTINGS, '/vfs/dir');
    assert.deepEqual([found.protocol.version, found.rest, all], ['4.1', 'vfs/dir', ['4.2 /vfs/dir', '4.1 /vfs/dir']]);
    const [only, error] = await tried({ ...LACKING, '4.2': connect }, { ...SETTINGS, version: '3' });
    assert.deepEqual([only, error.code], [['3'], 'EPROTONOSUPPORT']);
  });

  it('tells what tells most, and what became of the rest', async () => {
    assert.deepEqual((await tried(LACKING))[0], ['4.2', '4.1', '3']);
    const [, lacking] = await tried(LACKING);
    assert.match(lacking.message, /^NFSv4\.2: fake:2049: NFSv4\.2 says .*\(NFSv4\.1: .*EPROTONOSUPPORT; NFSv3: /);
    const [, refused] = await tried({ ...LACKING, '3': 'ECONNREFUSED' });
    assert.equal(refused.code, 'ECONNREFUSED');
    const [both, wrong] = await tried({ ...REFUSED, '3': 'EACCES' });
    assert.deepEqual([both, wrong.code], [['4.2', '3'], 'EACCES']);
    assert.match(wrong.message, /^NFSv3: .*\(NFSv4\.2: .*ECONNREFUSED/);
    const [pathOnly, missing] = await tried({ '4.2': 'ENOENT', '4.1': 'ENOENT', '3': 'ECONNREFUSED' });
    assert.deepEqual([pathOnly, missing.code], [['4.2', '3'], 'ENOENT']);
  });

  it('stops where no other version can do better', async () => {
    for (const code of ['ENOTFOUND', 'ETIMEDOUT', 'EIO']) {
      const [all, error] = await tried({ ...LACKING, '4.2': code });
      assert.deepEqual([all, error.code], [['4.2'], code]);
      assert.equal(error.message, `fake:2049: NFSv4.2 says ${code}`);
    }
    assert.deepEqual((await tried(REFUSED, { ...SETTINGS, port: 2049 }))[0], ['4.2']);
  });

  it('goes on to v3 where v4 shows no such export, and says of both where neither has it', async () => {
    const { connect, made } = exporting('4.2', '/', []);
    const v3 = exporting('3', '/vfs');
    const found = await negotiate(versions({ ...LACKING, '4.2': connect, '3': v3.connect }), SETTINGS, '/vfs/file');
    assert.deepEqual([found.protocol.version, made[0]?.closed], ['3', true]);
    await assert.rejects(negotiate(versions({ ...LACKING, '4.2': connect, '3': 'EACCES' }), SETTINGS, '/vfs/file'), {
      code: 'ENOENT',
      message: /^NFSv4.2: fake:2049: LOOKUP vfs: ENOENT \(NFSv3: fake:2049: NFSv3 says EACCES/,
    });
    const atTheRoot = await negotiate(versions({ ...LACKING, '4.2': connect }), SETTINGS, '/file');
    assert.equal(atTheRoot.protocol.version, '4.2');
  });

  it('gives up when the time is up, and closes what comes too late', async () => {
    const { connect, made } = exporting('4.2');
    let come: () => void = () => {};
    const late = new Promise<void>((resolve) => {
      come = resolve;
    });
    const slowly = async (path: string): Promise<Connected> => {
      await late;
      return connect(path);
    };
    const attempt = negotiate(versions({ ...LACKING, '4.2': slowly }), { ...SETTINGS, timeoutMs: 1 }, '/vfs');
    await assert.rejects(attempt, { code: 'ETIMEDOUT', message: 'fake: no answer within 0.001 s' });
    come();
    await new Promise(setImmediate);
    assert.deepEqual(
      made.map(({ closed }) => closed),
      [true],
    );
  });
});

describe('shared connections', () => {
  it('are one for all of a v4 server, and close with the last', async () => {
    const { connect, made } = exporting('4.2');
    const connections = new NfsConnections(versions({ ...LACKING, '4.2': connect }));
    const acquire = (path: string) => connections.acquire(SETTINGS, path, 'file');
    const all = await Promise.all(['/vfs/a/file', '/vfs/b/file', '/mem/c', '/file'].map(acquire));
    assert.deepEqual([made.length, connections.size], [1, 1]);
    assert.deepEqual(
      all.map(({ rest }) => rest),
      ['vfs/a/file', 'vfs/b/file', 'mem/c', 'file'],
    );
    const more = all[0]?.retain();
    await Promise.all([...all, ...all].map((connection) => connection.release()));
    assert.equal(made[0]?.closed, false);
    await more?.release();
    assert.deepEqual([made[0]?.closed, connections.size], [true, 0]);
    assert.throws(() => more?.retain(), { code: 'ERR_DIORITE_CLOSED' });
    await (await acquire('/vfs/a/file')).release();
    assert.equal(made.length, 2);
  });

  it('are one for each export and user of v3', async () => {
    const [vfs, inner] = [exporting('3', '/vfs'), exporting('3', '/vfs/inner')];
    const connect = (path: string): Connected => (path.startsWith('/vfs/inner') ? inner : vfs).connect(path);
    const connections = new NfsConnections(versions({ ...LACKING, '3': connect }));
    const one = await connections.acquire(SETTINGS, '/vfs/dir/one', 'file');
    const same = await connections.acquire(SETTINGS, '/vfs/dir/other', 'file');
    assert.deepEqual([vfs.made.length, same.rest], [1, 'dir/other']);
    const elsewhere = await connections.acquire(SETTINGS, '/vfs/dir2/one', 'file');
    assert.deepEqual([vfs.made.length, vfs.made[1]?.closed, connections.size], [2, true, 1]);
    assert.equal(elsewhere.protocol, one.protocol);
    const below = await connections.acquire(SETTINGS, '/vfs/inner', 'directory');
    assert.deepEqual([inner.made.length, below.rest, connections.size], [1, '', 2]);
    const otherUser = await connections.acquire({ ...SETTINGS, uid: 1 }, '/vfs/dir/one', 'file');
    assert.notEqual(otherUser.protocol, one.protocol);
    await Promise.all([one, same, elsewhere, below, otherUser].map((connection) => connection.release()));
    assert.deepEqual([connections.size, [...vfs.made, ...inner.made].every(({ closed }) => closed)], [0, true]);
  });

  it('share an attempt that fails for all, and not one that fails for its path', async () => {
    const all: string[] = [];
    const down = new NfsConnections(versions({ ...LACKING, '4.2': 'ETIMEDOUT' }, all));
    const paths = ['/a/1', '/a/2', '/b/1'];
    const ends = await Promise.allSettled(paths.map((path) => down.acquire(SETTINGS, path, 'file')));
    assert.ok(ends.every(({ status }) => status === 'rejected'));
    assert.equal(all.length, 1);
    const { connect } = exporting('3', '/b');
    const onlyB = (path: string): Connected => {
      if (path.startsWith('/b/')) return connect(path);
      throw new DioriteError('fake:2049: MNT', { code: 'EACCES' });
    };
    const connections = new NfsConnections(versions({ ...LACKING, '3': onlyB }));
    const mixed = await Promise.allSettled(paths.map((path) => connections.acquire(SETTINGS, path, 'file')));
    assert.deepEqual(
      mixed.map(({ status }) => status),
      ['rejected', 'rejected', 'fulfilled'],
    );
    assert.equal(connections.size, 1);
  });
});
