// The contract of Target, held by files of other clusters: disks, authentication, sealed connections, several OSDs, erasure codes.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { type Cluster, type ClusterOptions, clusterProblem, startCluster } from '../rados/cluster.js';
import { ONE_OBJECT, type RadosShape, radosSubject, STRIPED } from './rados-subject.js';
import { conform } from './suite.js';

const problem = await clusterProblem();

interface Kind {
  readonly title: string;
  readonly options: ClusterOptions;
  readonly shape: RadosShape;
}

const CODED = { name: 'coded', erasure: { k: 2, m: 1, overwrites: true } } as const;

const KINDS: readonly Kind[] = [
  { title: 'BlueStore, cephx', options: { store: 'bluestore' }, shape: STRIPED },
  {
    title: 'three OSDs, cephx, secure',
    options: { mode: 'secure', osds: 3, pools: [{ name: 'data', size: 3 }] },
    shape: ONE_OBJECT,
  },
  {
    title: 'BlueStore, three OSDs, an erasure code of 2 + 1 with overwrites',
    options: { store: 'bluestore', osds: 3, pools: [CODED] },
    shape: { ...STRIPED, pool: 'coded' },
  },
];

/** How memory lies is the same for all of them: the cluster in memory is held to every shape. */
function isPart(name: string): boolean {
  return !/(contiguous|scattered|pieces|unknown) memory/.test(name);
}

for (const { title, options, shape } of KINDS) {
  describe(title, () => {
    const cleanups: (() => void | Promise<void>)[] = [];
    let cluster: Cluster | null = null;

    before(async () => {
      if (problem === null) cluster = await startCluster({ after: (hook) => cleanups.push(hook) }, options);
    });

    after(async () => {
      for (const cleanup of cleanups) await cleanup();
    });

    const running = (): Cluster => {
      assert.ok(cluster !== null, 'the cluster was started');
      return cluster;
    };
    const subject = radosSubject(shape, title, running);
    cleanups.push(() => subject.close());
    conform(subject, problem, isPart);
  });
}
