// The contract of Target, held by NFS files of nfs-ganesha on a local file system.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { type Ganesha, ganeshaProblem, startGanesha } from '../nfs/ganesha.js';
import { ganeshaSubject } from './nfs-server-subject.js';
import { conform } from './suite.js';

const problem = ganeshaProblem();
const cleanups: (() => void | Promise<void>)[] = [];
let server: Ganesha | null = null;

before(async () => {
  if (problem === null) server = await startGanesha({ after: (hook) => cleanups.push(hook) });
});

after(async () => {
  for (const cleanup of cleanups) await cleanup();
});

function running(): Ganesha {
  assert.ok(server !== null, 'the server was started');
  return server;
}

for (const version of ['3', '4.1', '4.2'] as const) conform(ganeshaSubject(version, running), problem);
