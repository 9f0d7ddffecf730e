// worker PATH DIRECTORY SECONDS: runs one hot path, first under the profiler, then looking at the heap; prints JSON.
// Started with --expose-gc and a young generation so large that no collection comes while a batch runs.
import { type Profiler, Session } from 'node:inspector';
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { assert } from '../../src/base/assert.js';
import { HOT_PATHS, type HotPath } from './paths.js';
import { type SelfTime, selfTimes } from './self-times.js';

export interface Profiled {
  readonly name: string;
  readonly operationsPerSecond: number;
  /** Most first. */
  readonly selfTimes: readonly SelfTime[];
  /** Percent of the time in which JavaScript had nothing to do. */
  readonly idlePercent: number;
  /** What was allocated on the heap, garbage or not. */
  readonly bytesByOperation: number;
  /** What was still there after a collection. */
  readonly keptBytesByOperation: number;
  readonly operations: number;
  /** Collections while the heap was looked at: 0, or the figure is too small. */
  readonly collections: number;
}

const SAMPLE_MICROSECONDS = 200;
const WARM_BATCHES = 5;
/** Of a young generation of 128 MiB: what the next batch allocates has room. */
const COLLECT_FROM_BYTES: number = 48 * 2 ** 20;

type Run = (operations: number) => Promise<void> | void;

function post<T>(session: Session, method: string, parameters: object = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error, result) => {
      if (error === null)
        resolve(result as T); // of the protocol's pages
      else reject(error);
    });
  });
}

/** The same sampling profiler as --cpu-prof, but only while the path runs and is warm. */
async function profile(run: Run, batch: number, seconds: number): Promise<{ profile: Profiler.Profile; rate: number }> {
  const session = new Session();
  session.connect();
  await post(session, 'Profiler.enable');
  await post(session, 'Profiler.setSamplingInterval', { interval: SAMPLE_MICROSECONDS });
  await post(session, 'Profiler.start');
  const started = performance.now();
  let operations = 0;
  while (performance.now() - started < seconds * 1000) {
    await run(batch);
    operations += batch;
  }
  const rate = (operations / (performance.now() - started)) * 1000;
  const { profile: found } = await post<{ profile: Profiler.Profile }>(session, 'Profiler.stop');
  session.disconnect();
  return { profile: found, rate };
}

function heapBytes(): number {
  return getHeapStatistics().used_heap_size;
}

interface Growth {
  readonly allocated: number;
  readonly kept: number;
  readonly operations: number;
  readonly collections: number;
}

async function growth(run: Run, { batch, total }: HotPath): Promise<Growth> {
  const { gc } = globalThis;
  assert(gc !== undefined, '--expose-gc is given');
  let collections = 0;
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length;
  });
  gc();
  const before = heapBytes();
  let allocated = 0;
  let operations = 0;
  let ours = 1;
  let from = heapBytes();
  observer.observe({ entryTypes: ['gc'] });
  for (; operations < total; operations += batch) {
    await run(batch);
    const grown = heapBytes() - from;
    if (grown < COLLECT_FROM_BYTES && operations + batch < total) continue;
    allocated += grown;
    gc();
    ours++;
    from = heapBytes();
  }
  const kept = heapBytes() - before;
  await new Promise((resolve) => setTimeout(resolve, 0)); // the observer's turn
  observer.disconnect();
  return { allocated, kept, operations, collections: Math.max(0, collections - ours + 1) };
}

const [name = '', directory = '', seconds = '3'] = process.argv.slice(2);
const path = HOT_PATHS.find((each) => each.name === name);
assert(path !== undefined, `there is a hot path ${name}`);
const run = await path.prepare(directory);
for (let i = 0; i < WARM_BATCHES; i++) await run(path.batch);
const { allocated, kept, operations, collections } = await growth(run, path);
const { profile: found, rate } = await profile(run, path.batch, Number(seconds));
const { times, idlePercent } = selfTimes(found);
const result: Profiled = {
  name,
  operationsPerSecond: rate,
  selfTimes: times,
  idlePercent,
  bytesByOperation: allocated / operations,
  keptBytesByOperation: kept / operations,
  operations,
  collections,
};
process.stdout.write(JSON.stringify(result), () => process.exit(0));
