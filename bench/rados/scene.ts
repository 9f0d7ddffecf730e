// A Ceph cluster for the time of a case, and who moves objects to and from it: our worker, `rados bench`.
import { fileURLToPath } from 'node:url';
import { type Cluster, clusterProblem, startCluster } from '../../test/rados/cluster.js';
import { type CaseResult, type Contender, type Context, type Sample, skippedResult } from '../harness.js';
import { runProcess } from '../processes.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

export const CPU = 'CPU ms per GiB';
export const PEAK = 'peak MiB';
export const LOOP = 'event loop p99.9 ms';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const IN_FLIGHT = 16;
/** Written again and again, so that nobody pays for the memory of new ones, and the store in memory holds them. */
const OBJECT_BYTES_TOTAL = 512 * MIB;
const OBJECTS_MAX = 1024;

export interface Scene {
  readonly cluster: Cluster;
  readonly seconds: number;
}

interface WorkerReport {
  readonly seconds: number;
  readonly moved: number;
  readonly cpuSeconds: number;
  readonly peakMib: number;
  readonly loopMs: number;
}

/** Or the reason why there is none. */
export async function withCluster(
  context: Context,
  name: string,
  title: string,
  work: (scene: Scene) => Promise<CaseResult>,
): Promise<CaseResult> {
  const problem = await clusterProblem();
  if (problem !== null) return skippedResult(name, title, problem);
  const cleanups: (() => unknown)[] = [];
  try {
    const cluster = await startCluster({ after: (f) => cleanups.push(f as () => unknown) });
    return await work({ cluster, seconds: context.quick ? 1 : 2 });
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

function objectsOf(bytes: number): number {
  return Math.min(OBJECTS_MAX, OBJECT_BYTES_TOTAL / bytes);
}

async function runWorker(
  { cluster, seconds }: Scene,
  what: string,
  bytes: number,
  ...how: readonly string[]
): Promise<WorkerReport> {
  const args = [cluster.confPath, cluster.keyringPath, what, bytes, objectsOf(bytes), seconds, ...how].map(String);
  const { stdout } = await runProcess(process.execPath, [WORKER, ...args], false);
  return JSON.parse(stdout) as WorkerReport;
}

export interface Ours {
  readonly what: 'write' | 'read' | 'fill';
  readonly bytes: number;
  readonly shape: 'whole' | 'pages';
  /** Our own unless given. Through librados pieces are compound operations. */
  readonly driver?: 'objecter' | 'librados';
}

export function worker(name: string, scene: Scene, { what, bytes, shape, driver = 'objecter' }: Ours): Contender {
  const measure = async (): Promise<Sample> => {
    const { seconds, moved, cpuSeconds, peakMib, loopMs } = await runWorker(scene, what, bytes, shape, driver);
    const extras = { [CPU]: (cpuSeconds * 1000 * GIB) / (moved * bytes), [PEAK]: peakMib, [LOOP]: loopMs };
    return { value: (moved * bytes) / seconds / 1e6, extras };
  };
  return { name, measure };
}

/** From a process that has loaded its code to the first byte of an object, in milliseconds. */
export function firstByte(name: string, scene: Scene, bytes: number): Contender {
  return { name, measure: async () => ({ value: (await runWorker(scene, 'connect', bytes)).seconds * 1000 }) };
}

/** What the event loop of a process that does nothing is late by. */
export async function idleLoopMs(scene: Scene): Promise<number> {
  return (await runWorker(scene, 'idle', 1)).loopMs;
}

/** It says MB/sec and means 2^20 bytes. */
const BANDWIDTH = /^Bandwidth \(MB\/sec\):\s+([\d.]+)/m;

/** What it reads it wrote before, in this order of contenders or in an earlier case's warm-up; it is not compared. */
export function radosBench({ cluster, seconds }: Scene, what: 'write' | 'read', bytes: number): Contender {
  const write = ['write', '-b', String(bytes), '--max-objects', String(objectsOf(bytes)), '--no-cleanup'];
  const how = what === 'write' ? write : ['rand', '--no-verify'];
  const common = ['-t', String(IN_FLIGHT), '--run-name', `bench-${bytes}`];
  const measure = async (): Promise<Sample> => {
    const { stdout } = await runProcess(
      'rados',
      ['-c', cluster.confPath, '-p', 'data', 'bench', String(seconds), ...how, ...common],
      false,
    );
    return { value: (Number(BANDWIDTH.exec(stdout)?.[1] ?? Number.NaN) * MIB) / 1e6 };
  };
  return { name: 'rados bench, 16 in flight', measure };
}
