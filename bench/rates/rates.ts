// Requests by a file of ours, by node:fs and by fio on the same file: rates, and what a request costs the processors.
import { performance } from 'node:perf_hooks';
import { assert } from '../../src/base/assert.js';
import { Batch, type File } from '../../src/index.js';
import { Region } from '../../src/memory.js';
import type { Contender, Sample } from '../harness.js';
import { runProcess } from '../processes.js';
import { Random } from '../random.js';

export interface Load {
  readonly path: string;
  readonly fileBytes: number;
  readonly direction: 'read' | 'write';
  readonly order: 'sequential' | 'random';
  readonly requestBytes: number;
  readonly depth: number;
  readonly ms: number;
  /** What the figure is: requests or bytes. */
  readonly figure: 'requests a second' | 'MiB/s';
}

export const CPU = 'CPU µs a request';
const MIB = 1024 * 1024;

/** What a File and a FileHandle have in common. */
export interface Movable {
  read(view: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
  write(view: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
}

function sampleOf(load: Load, requests: number, seconds: number, cpuMicroseconds: number): Sample {
  const rate = requests / seconds;
  const value = load.figure === 'MiB/s' ? (rate * load.requestBytes) / MIB : rate;
  return { value, extras: { [CPU]: cpuMicroseconds / requests } };
}

/** Places that a request may begin at, one after the other; from the start again after the end. */
function placesOf({ order, fileBytes, requestBytes }: Load): () => number {
  const count = Math.floor(fileBytes / requestBytes);
  const random = new Random(1);
  let next = 0;
  return order === 'random' ? () => random.below(count) * requestBytes : () => (next++ % count) * requestBytes;
}

async function move(file: Movable, load: Load, view: Uint8Array, position: number): Promise<number> {
  if (load.direction === 'read') return (await file.read(view, 0, load.requestBytes, position)).bytesRead;
  return (await file.write(view, 0, load.requestBytes, position)).bytesWritten;
}

/** `depth` loops, each with page-aligned memory of its own, each awaiting its promise. */
export async function awaited(file: Movable, load: Load, memory: Region): Promise<Sample> {
  const place = placesOf(load);
  let requests = 0;
  let stopping = false;
  const loop = async (slot: number): Promise<void> => {
    const view = memory.bytes.subarray(slot * load.requestBytes, (slot + 1) * load.requestBytes);
    while (!stopping) {
      const moved = await move(file, load, view, place());
      assert(moved === load.requestBytes, 'a request within the file is whole');
      requests++;
    }
  };
  const timer = setTimeout(() => {
    stopping = true;
  }, load.ms);
  const cpu = process.cpuUsage();
  const started = performance.now();
  try {
    await Promise.all(Array.from({ length: load.depth }, (_, slot) => loop(slot)));
  } finally {
    clearTimeout(timer);
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return sampleOf(load, requests, seconds, user + system);
}

/** A batch is several times as long as what is in flight, so that its end, where the queue runs dry, weighs little. */
const BATCH_TIMES = 32;
const BATCH_LEAST = 256;
/** Reads handed over by the batch: nothing is made for any of them. */
export async function batched(file: File, load: Load): Promise<Sample> {
  // As much memory as is in flight, as fio has it: what was read is not looked at.
  using memory = new Region(load.depth * load.requestBytes);
  const count = Math.max(BATCH_LEAST, BATCH_TIMES * load.depth);
  const batch = new Batch(count, memory.bytes);
  const place = placesOf(load);
  let requests = 0;
  const cpu = process.cpuUsage();
  const started = performance.now();
  while (performance.now() - started < load.ms) {
    batch.clear();
    for (let i = 0; i < count; i++) batch.add(place(), (i % load.depth) * load.requestBytes, load.requestBytes);
    await file.readBatch(batch, { depth: load.depth });
    requests += count;
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return sampleOf(load, requests, seconds, user + system);
}

interface FioJob {
  /** Percent of one core. */
  readonly usr_cpu: number;
  readonly sys_cpu: number;
  readonly read: FioSide;
  readonly write: FioSide;
}

interface FioSide {
  readonly total_ios: number;
  /** Milliseconds. */
  readonly runtime: number;
}

/** `more`: options beside its defaults, or in their place. */
export async function fio(load: Load, more: readonly string[] = []): Promise<Sample> {
  const { stdout } = await runProcess(
    'fio',
    [
      '--name=load',
      `--filename=${load.path}`,
      `--rw=${load.order === 'random' ? 'rand' : ''}${load.direction}`,
      '--ioengine=io_uring',
      '--direct=1',
      '--norandommap',
      `--bs=${load.requestBytes}`,
      `--size=${load.fileBytes}`,
      `--iodepth=${load.depth}`,
      `--runtime=${load.ms}ms`,
      '--time_based',
      '--output-format=json',
      ...more,
    ],
    false,
  );
  const { jobs } = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: readonly FioJob[] };
  const [job] = jobs;
  if (job === undefined) throw new Error('fio told of no job');
  const { total_ios: requests, runtime } = job[load.direction];
  const cpu = ((job.usr_cpu + job.sys_cpu) / 100) * runtime * 1000;
  return sampleOf(load, requests, runtime / 1000, cpu);
}

export function ours(file: Movable, load: Load, memory: Region, name = 'diorite, awaited'): Contender {
  return { name, measure: () => awaited(file, load, memory) };
}

export function oursBatched(file: File, load: Load): Contender {
  return { name: 'diorite, batches', measure: () => batched(file, load) };
}

export function nodeFs(handle: Movable, load: Load, memory: Region): Contender {
  return { name: `FileHandle.${load.direction}`, measure: () => awaited(handle, load, memory) };
}

export function besideFio(load: Load): Contender {
  return { name: 'fio, io_uring, its defaults', measure: () => fio(load) };
}
