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
