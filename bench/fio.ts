// fio beside us, on the same file.
import { runProcess } from './processes.js';

export interface FioReads {
  readonly readsPerSecond: number;
  readonly cpuMicroseconds: number;
}

export async function hasFio(): Promise<boolean> {
  try {
    await runProcess('fio', ['--version'], false);
    return true;
  } catch {
    return false; // not installed, or not for this machine: the row is left out, and a note says so
  }
}

/** Random reads past the page cache, as fio does them unless told otherwise. */
export async function fioRandomReads(
  path: string,
  options: { readonly depth: number; readonly blockBytes: number; readonly seconds: number },
): Promise<FioReads> {
  const { stdout } = await runProcess('fio', [
    '--name=random-read',
    `--filename=${path}`,
    '--rw=randread',
    '--ioengine=io_uring',
    '--direct=1',
    '--norandommap',
    `--bs=${options.blockBytes}`,
    `--iodepth=${options.depth}`,
    `--runtime=${options.seconds}`,
    '--time_based',
    '--output-format=json',
  ]);
  return parse(stdout);
}

/** Files written at once, each by a job of its own, past the page cache and synced in the end. Seconds by fio's clock. */
export async function fioWrites(
  directory: string,
  options: {
    readonly files: number;
    readonly bytes: number;
    readonly depth: number;
    readonly blockBytes: number;
  },
): Promise<number> {
  const { stdout } = await runProcess('fio', [
    '--name=write',
    `--directory=${directory}`,
    '--rw=write',
    '--ioengine=io_uring',
    '--direct=1',
    '--end_fsync=1',
    `--numjobs=${options.files}`,
    `--size=${options.bytes}`,
    `--bs=${options.blockBytes}`,
    `--iodepth=${options.depth}`,
    '--group_reporting',
    '--output-format=json',
  ]);
  const { jobs } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: readonly WriteJob[] };
  const [job] = jobs;
  if (job === undefined) throw new Error('fio told of no job');
  return job.write.runtime / 1000;
}

export interface FioRead {
  readonly mibPerSecond: number;
  readonly cpuSeconds: number;
}

/** The whole file, in order, once. */
export async function fioSequentialRead(
  path: string,
  options: { readonly depth: number; readonly blockBytes: number },
): Promise<FioRead> {
  const { stdout } = await runProcess('fio', [
    '--name=sequential-read',
    `--filename=${path}`,
    '--rw=read',
    '--readonly',
    '--ioengine=io_uring',
    '--direct=1',
    `--bs=${options.blockBytes}`,
    `--iodepth=${options.depth}`,
    '--output-format=json',
  ]);
  const { jobs } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: readonly SequentialJob[] };
  const [job] = jobs;
  if (job === undefined) throw new Error('fio told of no job');
  const seconds = job.read.runtime / 1000;
  return {
    mibPerSecond: job.read.io_bytes / (1024 * 1024) / seconds,
    cpuSeconds: ((job.usr_cpu + job.sys_cpu) / 100) * seconds,
  };
}

interface SequentialJob {
  /** Percent of one core. */
  readonly usr_cpu: number;
  readonly sys_cpu: number;
  /** Milliseconds. */
  readonly read: { readonly io_bytes: number; readonly runtime: number };
}

interface WriteJob {
  /** Milliseconds, of the longest job of the group. */
  readonly write: { readonly runtime: number };
}

interface Job {
  /** Percent of one core. */
  readonly usr_cpu: number;
  readonly sys_cpu: number;
  readonly read: { readonly iops: number };
}

function parse(stdout: string): FioReads {
  // Notes may come before the JSON.
  const { jobs } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: readonly Job[] };
  const [job] = jobs;
  if (job === undefined) throw new Error('fio told of no job');
  const cpuSecondsPerSecond = (job.usr_cpu + job.sys_cpu) / 100;
  return { readsPerSecond: job.read.iops, cpuMicroseconds: (cpuSecondsPerSecond / job.read.iops) * 1e6 };
}
