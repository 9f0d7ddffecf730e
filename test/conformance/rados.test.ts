// The contract of Target, held by objects and striped files of a Ceph cluster in memory.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { type Cluster, clusterProblem, startCluster } from '../rados/cluster.js';
import { ONE_OBJECT, radosSubject, STRIPED } from './rados-subject.js';
import { conform } from './suite.js';

const problem = await clusterProblem();
const cleanups: (() => void | Promise<void>)[] = [];
let cluster: Cluster | null = null;
const subjects = [ONE_OBJECT, STRIPED].map((shape) => radosSubject(shape, 'memstore, no authentication', running));

before(async () => {
  if (problem === null) cluster = await startCluster({ after: (hook) => cleanups.push(hook) }, { auth: 'none' });
});

after(async () => {
  for (const subject of subjects) await subject.close();
  for (const cleanup of cleanups) await cleanup();
});

function running(): Cluster {
  assert.ok(cluster !== null, 'the cluster was started');
  return cluster;
}

for (const subject of subjects) conform(subject, problem);
