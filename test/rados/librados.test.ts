// The driver over librados as the oracle of the objecter: what one writes the other reads, and both say the same of every request.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { LibradosStore, libradosVersion } from '../../src/targets/rados/librados/librados-store.js';
import type { ObjectStore } from '../../src/targets/rados/osd/object-store.js';
import type { ObjectName, RequestResult } from '../../src/targets/rados/osd/request.js';
import * as step from '../../src/targets/rados/osd/step.js';
import { type Random, withSeed } from '../support/random.js';
import { type Cluster, requireCluster, startCluster } from './cluster.js';
import { ObjectClient, pattern, segmentsOf } from './object-client.js';

const ROUNDS = 150;
const OBJECT_BYTES = 30_000;
const NOTHING = Buffer.alloc(0);

interface Scene {
  readonly cluster: Cluster;
  readonly client: ObjectClient;
  readonly librados: LibradosStore;
}

/** Null, and the test is skipped: there is no Ceph here, or no librados. */
async function setUp(t: TestContext): Promise<Scene | null> {
  if (!(await requireCluster(t))) return null;
  const found = libradosVersion();
  if ('reason' in found) {
    t.skip(found.reason);
    return null;
  }
  const cluster = await startCluster(t);
  const client = await ObjectClient.connect(t, cluster);
  const librados = await LibradosStore.connect({ conf: cluster.confPath, keyring: cluster.keyringPath });
  t.after(() => librados.close());
  return { cluster, client, librados };
}

/** What both are to say the same of: results and data, or the error's code. */
async function outcome(store: ObjectStore, object: ObjectName, steps: readonly step.Step[]): Promise<string> {
  try {
    const { steps: ends } = await store.execute(object, steps);
    // Beside changes librados tells of no step.
    if (steps.some(({ changes }) => changes)) return 'done';
    return JSON.stringify(ends.map((end, i) => told(steps[i], end)));
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

/** Times differ, and in what order attributes come. */
function told(of: step.Step | undefined, { data, bytes }: RequestResult['steps'][number]): unknown {
  if (of?.code === step.stat().code && data.length > 0) return step.readStat(data).bytes;
  if (of?.code !== step.getXattrs().code || data.length === 0) return [bytes, Buffer.from(data).toString('hex')];
  const { values } = step.readNamedValues(data);
  return [...values].map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`).sort();
}

/** A request, made anew for each of the stores: memory that is read into is its own. */
function anyRequest(random: Random): () => step.Step[] {
  const offset = random.below(OBJECT_BYTES);
  const bytes = random.below(OBJECT_BYTES - offset) + 1;
  const piece = random.between(1, 5000);
  const name = `x${random.below(4)}`;
  const data = pattern(bytes, random.below(200));
  const size = random.below(OBJECT_BYTES);
  const exclusive = random.chance(2);
  const changes: (() => step.Step)[] = [
    () => step.write(offset, segmentsOf(data, piece), bytes),
    () => step.writeFull(segmentsOf(data, piece), bytes),
    () => step.append(segmentsOf(data, piece), bytes),
    () => step.zero(offset, bytes),
    () => step.truncate(size),
    () => step.create(exclusive),
    () => step.setXattr(name, data.subarray(0, 100)),
    () => step.setXattr(name, NOTHING),
    () => step.removeXattr(name),
    () => step.assertExists(),
    () => step.remove(),
  ];
  const reads: (() => step.Step)[] = [
    () => step.read(offset, bytes),
    () => step.stat(),
    () => step.getXattrs(),
    () => step.getXattr(name),
  ];
  const from = random.chance(3) ? reads : changes;
  const picked = Array.from({ length: random.between(1, 3) }, () => from[random.below(from.length)] ?? step.stat);
  return () => picked.map((make) => make());
}

describe('librados', { timeout: 120_000 }, () => {
  it('does the same as the objecter, request by request', async (t) => {
    const scene = await setUp(t);
    if (scene === null) return;
    const { client, librados } = scene;
    await withSeed(async (random) => {
      for (let round = 0; round < ROUNDS; round++) {
        const make = anyRequest(random);
        const ours = await outcome(client.objecter, client.name('ours', 'space'), make());
        const theirs = await outcome(librados, client.name('theirs', 'space'), make());
        assert.equal(ours, theirs, `round ${round}: ${make().map(({ code }) => code.toString(16))}`);
      }
    });
  });

  it('reads into pieces what the objecter wrote from pieces, and the other way round', async (t) => {
    const scene = await setUp(t);
    if (scene === null) return;
    const { client, librados } = scene;
    const data = pattern(4 << 20);
    const object = client.name('large');
    const writers: readonly [ObjectStore, ObjectStore][] = [
      [client.objecter, librados],
      [librados, client.objecter],
    ];
    for (const [writer, reader] of writers) {
      await writer.execute(object, [step.remove()]).catch(() => undefined);
      await writer.execute(object, [step.write(0, segmentsOf(data, 4096), data.length)]);
      const memory = Buffer.alloc(data.length + 10);
      const { steps } = await reader.execute(object, [step.read(0, memory.length, segmentsOf(memory, 5000))]);
      assert.equal(steps[0]?.bytes, data.length);
      assert.equal(memory.subarray(0, data.length).compare(data), 0);
    }
  });

  it('fails with a clear error, and is closed once', async (t) => {
    const scene = await setUp(t);
    if (scene === null) return;
    const { cluster, librados: store } = scene;
    const nowhere = { pool: 4711, namespace: '', name: 'object' };
    await assert.rejects(store.execute(nowhere, [step.stat()]), { code: 'ENOENT', message: /pool 4711\/object/ });
    await assert.rejects(store.execute(nowhere, [step.omapKeys('', 1)]), { code: 'ERR_DIORITE_UNSUPPORTED' });
    await Promise.all([store.close(), store.close()]);
    await assert.rejects(store.execute(nowhere, [step.stat()]), { code: 'ERR_DIORITE_CLOSED' });
    const wrong = { conf: cluster.confPath, keyring: '/dev/null', timeoutMs: 5_000 };
    await assert.rejects(LibradosStore.connect(wrong), { message: /librados cannot connect/ });
  });
});
