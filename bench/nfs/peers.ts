// Who moves bytes to and from an NFS server in the bench: our worker, libnfs's asynchronous interface, nfs-cp.
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { NfsClient } from '../../src/nfs.js';
import type { Ganesha, NfsVersion } from '../../test/nfs/ganesha.js';
import { libnfsUrl } from '../../test/nfs/tools.js';
import type { Contender, Sample } from '../harness.js';
import { runProcess } from '../processes.js';
import { MIB } from '../scratch.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

export const CPU = 'CPU ms per GiB';
export const PEAK = 'peak MiB';
export const LOOP = 'event loop p99.9 ms';

/** `mem` takes bytes and drops them; `vfs` keeps them on the disk. */
export type Export = 'mem' | 'vfs';

interface WorkerReport {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMib: number;
  readonly loopMs: number;
  readonly requests: number;
}

export interface Scene {
  readonly server: Ganesha;
  readonly export: Export;
  readonly mib: number;
}

/** Millions of bytes a second. */
function rate(mib: number, seconds: number): number {
  return (mib * MIB) / seconds / 1e6;
}

function sampleOf(mib: number, { seconds, cpuSeconds, peakMib, loopMs }: WorkerReport): Sample {
  const extras = { [CPU]: (cpuSeconds * 1000 * 1024) / mib, [PEAK]: peakMib, [LOOP]: loopMs };
  return { value: rate(mib, seconds), extras };
}

async function runWorker(url: string, what: string, mib: number, ...how: readonly string[]): Promise<WorkerReport> {
  const { stdout } = await runProcess(process.execPath, [WORKER, url, what, String(mib), ...how], false);
  return JSON.parse(stdout) as WorkerReport;
}

export interface Ours {
  readonly version: NfsVersion;
  readonly what: 'write' | 'read' | 'naive';
  readonly shape: 'pages' | 'whole';
  /** From the first byte of a process on: most of its code is not compiled yet. */
  readonly isFresh?: boolean;
}

export function diorite(name: string, scene: Scene, { version, what, shape, isFresh }: Ours): Contender {
  const url = scene.server.url(version, `/${scene.export}/data`).href;
  const start = isFresh === true ? 'fresh' : 'warm';
  return { name, measure: async () => sampleOf(scene.mib, await runWorker(url, what, scene.mib, shape, start)) };
}

/** What the event loop of a process that does nothing is late by. */
export async function idleLoopMs(): Promise<number> {
  return (await runWorker('', 'idle', 0)).loopMs;
}

export function libnfs(program: string, scene: Scene, what: 'write' | 'read'): Contender {
  const directory = libnfsUrl(scene.server, `/${scene.export}`);
  const measure = async (): Promise<Sample> => {
    const { stdout } = await runProcess(program, [directory, '/data', what, String(scene.mib)], false);
    const [seconds = Number.NaN, cpuSeconds = Number.NaN, peakMib = Number.NaN] = stdout.split(' ').map(Number);
    return sampleOf(scene.mib, { seconds, cpuSeconds, peakMib, loopMs: Number.NaN, requests: scene.mib });
  };
  return { name: 'libnfs, asynchronous C, 8 in flight', measure };
}

/** It takes only names that are new. `local` lies in memory, so that it is the server that is measured. */
export function nfsCp(scene: Scene, what: 'write' | 'read', local: string): Contender {
  const name = `/${scene.export}/nfs-cp`;
  const remote = libnfsUrl(scene.server, name);
  const measure = async (): Promise<Sample> => {
    if (what === 'read') {
      rmSync(local, { force: true });
      const { seconds } = await runProcess('nfs-cp', [libnfsUrl(scene.server, `/${scene.export}/data`), local], false);
      return { value: rate(scene.mib, seconds) };
    }
    const { seconds } = await runProcess('nfs-cp', [local, remote], false);
    await using client = await NfsClient.connect(scene.server.url('3', `/${scene.export}`));
    await client.unlink('/nfs-cp');
    return { value: rate(scene.mib, seconds) };
  };
  return { name: 'nfs-cp, 1 in flight', measure };
}
