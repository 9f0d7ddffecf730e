// What cannot be done in a real cluster: refused by name, at once, with nothing done and no key in any message.
import assert from 'node:assert/strict';
import { closeSync, ftruncateSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { DioriteError } from '../../src/base/errors.js';
import { copy, open, probe } from '../../src/index.js';
import { RadosClient } from '../../src/rados.js';
import { tempDirectory } from '../support/temp.js';
import { type Cluster, requireCluster, startCluster } from './cluster.js';
import { urlOf } from './urls.js';

const MIB = 2 ** 20;
const DATA_BYTES = 300_000;
/** Of a machine that has much else to do. */
const LATE_MS = 20_000;

interface Scene {
  readonly cluster: Cluster;
  readonly local: string;
  readonly large: string;
  /** Keyrings by the name of their user, or of what is wrong with them. */
  readonly keyrings: Readonly<Record<string, string>>;
  readonly keys: readonly string[];
}

interface Refusal {
  readonly what: string;
  readonly does: (scene: Scene) => Promise<unknown>;
  readonly code: string;
  readonly message: RegExp;
  /** Of writes: none of it happened. */
  readonly failedBytes?: number;
}

async function writeAt(url: string, at: number, bytes: number): Promise<void> {
  await using file = await open(url, 'r+');
  await file.write(Buffer.alloc(bytes, 7), 0, bytes, at);
}

function as(scene: Scene, user: string): Record<string, string> {
  return { user, keyring: scene.keyrings[user] ?? '' };
}

const REFUSALS: readonly Refusal[] = [
  {
    what: 'a write by who may only read',
    does: (scene) => writeAt(urlOf(scene.cluster, 'there', as(scene, 'reader')), 0, 1),
    code: 'EPERM',
    message: /^EPERM: data\/there: client\.reader may not do that in this pool, write 'rados:\/\/data\/there\?/,
    failedBytes: 1,
  },
  {
    what: 'a copy by who may only read',
    does: (scene) => copy(scene.local, urlOf(scene.cluster, 'new', as(scene, 'reader'))),
    code: 'EPERM',
    message: /^EPERM: data\/new\.0{16}: client\.reader may not do that in this pool, /,
    failedBytes: DATA_BYTES,
  },
  {
    what: 'a look by who may do nothing in this pool',
    does: (scene) => open(urlOf(scene.cluster, 'there', as(scene, 'stranger'))),
    code: 'EPERM',
    message: /^EPERM: data\/there.*: client\.stranger may not do that in this pool, open /,
  },
  {
    what: 'a pool that is not there',
    does: ({ cluster }) => open(urlOf(cluster, 'x', {}, 'nowhere')),
    code: 'ENOENT',
    message: /^ENOENT: cluster [0-9a-f-]{36} has no pool "nowhere", open 'rados:\/\/nowhere\/x\?/,
  },
  {
    what: 'a copy to a pool that is not there',
    does: ({ cluster, local }) => copy(local, urlOf(cluster, 'x', {}, 'nowhere')),
    code: 'ENOENT',
    message: /^ENOENT: cluster [0-9a-f-]{36} has no pool "nowhere", /,
  },
  {
    what: 'a probe of a pool that is not there',
    does: ({ cluster }) => probe(urlOf(cluster, '', {}, 'nowhere')),
    code: 'ENOENT',
    message: /^ENOENT: cluster [0-9a-f-]{36} has no pool "nowhere", /,
  },
  {
    what: 'a name that is not there',
    does: ({ cluster }) => open(urlOf(cluster, 'x')),
    code: 'ENOENT',
    message: /^ENOENT: data\/x is not there, open 'rados:\/\/data\/x\?/,
  },
  {
    what: 'a keyring whose key is none',
    does: ({ cluster, keyrings }) => open(urlOf(cluster, 'x', { keyring: keyrings.senseless ?? '' })),
    code: 'ERR_INVALID_ARG_VALUE',
    message: /^The key in .*senseless is no key of Ceph's$/,
  },
  {
    what: 'a keyring without a key of the user',
    does: ({ cluster, keyrings }) => open(urlOf(cluster, 'x', { keyring: keyrings.empty ?? '' })),
    code: 'EACCES',
    message: /^EACCES: client\.admin has no key, and the cluster asks for one, open /,
  },
  {
    what: 'a user whom the cluster does not know',
    does: ({ cluster, keyrings }) => open(urlOf(cluster, 'x', { user: 'unknown', keyring: keyrings.unknown ?? '' })),
    code: 'EACCES',
    message: /^EACCES: .*, open /,
  },
  {
    what: 'a keyring that is not there',
    does: ({ cluster, local }) => open(urlOf(cluster, 'x', { keyring: `${local}.none` })),
    code: 'ENOENT',
    message: /^ENOENT: cannot read .*local\.none, open /,
  },
  {
    what: 'a configuration that is not there',
    does: ({ local }) => open(`rados://data/x?conf=${local}.none`),
    code: 'ENOENT',
    message: /^ENOENT: cannot read .*local\.none, open /,
  },
  {
    what: 'a monitor that is not there',
    does: ({ cluster }) => open(`rados://data/x?mon=127.0.0.1:1&timeout=1&keyring=${cluster.keyringPath}`),
    code: 'ETIMEDOUT',
    message: /^ETIMEDOUT: no monitor of v2:127\.0\.0\.1:1 opened a session in 1000 ms, open /,
  },
  {
    what: 'a name that is too long',
    does: ({ cluster }) => open(urlOf(cluster, 'x'.repeat(2049)), 'w'),
    code: 'ERR_INVALID_ARG_VALUE',
    message: /^The "url\.name" argument must be at most 2031 bytes/,
  },
  {
    what: 'a write far into one object',
    does: ({ cluster }) => writeAt(urlOf(cluster, 'there', { striped: 'no' }), 130 * MIB, 1000),
    code: 'EFBIG',
    message: /^EFBIG: data\/there: one object holds at most 67108864 bytes here, /,
    failedBytes: 1000,
  },
  {
    what: 'a copy that is too large for one object',
    does: ({ cluster, large }) => copy(large, urlOf(cluster, 'new', { striped: 'no' })),
    code: 'EFBIG',
    message:
      /^EFBIG: data\/new: one object holds at most 67108864 bytes here, not 73400320: a striped file holds more, /,
    failedBytes: 70 * MIB,
  },
  {
    what: 'a write over an erasure-coded file',
    does: ({ cluster }) => writeAt(urlOf(cluster, 'coded', {}, 'ec'), 100, 3),
    code: 'EOPNOTSUPP',
    message:
      /^EOPNOTSUPP: ec\/coded\.0{16}: objects of this erasure-coded pool are appended to at multiples of 8192 bytes/,
    failedBytes: 3,
  },
  {
    what: 'a stripe unit that Ceph forbids',
    does: ({ cluster }) => open(urlOf(cluster, 'x', { stripe_unit: '1000' }), 'w'),
    code: 'ERR_INVALID_ARG_VALUE',
    message: /^The "url\.stripe_unit" argument must be a multiple of 65536/,
  },
  {
    what: 'objects that are no multiple of the stripe unit',
    does: ({ cluster }) => open(urlOf(cluster, 'x', { stripe_unit: '65536', object_size: '100000' }), 'w'),
    code: 'ERR_INVALID_ARG_VALUE',
    message: /^The "url\.object_size" argument must be a multiple of the stripe unit/,
  },
];

/** A user of the cluster's, and where its keyring lies. */
async function addUser(cluster: Cluster, directory: string, user: string, osd: string): Promise<string> {
  const caps = ['mon', 'allow r', 'osd', osd];
  const made = await cluster.admin.json({ prefix: 'auth get-or-create', entity: `client.${user}`, caps });
  const [{ key }] = made as [{ key: string }];
  return writeKeyring(directory, user, key);
}

function writeKeyring(directory: string, user: string, key: string, file: string = user): string {
  const path = join(directory, file);
  writeFileSync(path, `[client.${user}]\nkey = ${key}\n`);
  return path;
}

async function setUp(t: TestContext): Promise<Scene> {
  const pools = [{ name: 'data' }, { name: 'ec', erasure: { k: 2, m: 1 } }];
  const cluster = await startCluster(t, { osds: 3, pools });
  const directory = tempDirectory(t);
  const [local, large, empty] = ['local', 'large', 'empty'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(local, Buffer.alloc(DATA_BYTES, 1));
  const descriptor = openSync(large, 'w');
  ftruncateSync(descriptor, 70 * MIB);
  closeSync(descriptor);
  writeFileSync(empty, '');
  const admin = /key = (\S+)/.exec(readFileSync(cluster.keyringPath, 'utf8'))?.[1] ?? '';
  const keyrings = {
    reader: await addUser(cluster, directory, 'reader', 'allow r'),
    stranger: await addUser(cluster, directory, 'stranger', 'allow rw pool=ec'),
    unknown: writeKeyring(directory, 'unknown', admin),
    senseless: writeKeyring(directory, 'admin', 'no key!!', 'senseless'),
    empty,
  };
  const keys = Object.values(keyrings).map((path) => /key = (\S{20,})/.exec(readFileSync(path, 'utf8'))?.[1] ?? admin);
  await copy(local, urlOf(cluster, 'there', { striped: 'no' }));
  await copy(local, urlOf(cluster, 'coded', {}, 'ec'));
  return { cluster, local, large, keyrings, keys };
}

describe('what cannot be done in a cluster', { timeout: 120_000 }, () => {
  it('is refused by name, with nothing done', async (t) => {
    if (!(await requireCluster(t))) return;
    const scene = await setUp(t);
    for (const { what, does, code, message, failedBytes } of REFUSALS) {
      const startMs = performance.now();
      const error: unknown = await does(scene).then(
        () => assert.fail(`${what} was done`),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof DioriteError, `${what}: ${error}`);
      assert.ok(performance.now() - startMs < LATE_MS, what);
      assert.equal(error.code, code, `${what}: ${error.message}`);
      assert.match(error.message, message, what);
      if (failedBytes !== undefined) {
        assert.deepEqual(
          error.extents?.map(({ length, state }) => [length, state]),
          [[failedBytes, 'failed']],
          what,
        );
      }
      const told = `${inspect(error, { depth: 10 })} ${JSON.stringify(error)}`;
      for (const key of scene.keys) assert.ok(!told.includes(key), `${what}: a key is told`);
    }
    const client = await RadosClient.connect(urlOf(scene.cluster, ''));
    t.after(() => client.close());
    const left: string[] = [];
    for await (const { name } of client.list()) left.push(name);
    assert.deepEqual(left, ['there']);
    assert.ok((await client.read('there')).every((byte) => byte === 1));
  });
});
