// Child of exit.test.ts: endless direct reads, on the main thread or in workers. PATH ENGINE WAY [ROUNDS] [SEED].
import { once } from 'node:events';
import fs from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { Region } from '../../src/memory/region.js';
import { SegmentList } from '../../src/plan/request.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import { type Engine, Op, type Operation } from '../../src/targets/file/engines/engine.js';
import { Random } from '../support/random.js';

const PAGE = 4096;
const LANES = 64;
const PAGES_PER_READ = 16;

interface Task {
  readonly path: string;
  readonly wanted: 'uring' | 'threads';
  /** After so many reads a worker says that it is to be terminated. */
  readonly reads: number;
}

/** Reads until something from outside ends it; every fourth read is buffered, every second one scattered. */
function readForever(engine: Engine, path: string, onRead: (count: number) => void): void {
  const direct = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECT);
  const buffered = fs.openSync(path, 'r');
  const pages = Math.floor(fs.fstatSync(direct).size / PAGE) - PAGES_PER_READ;
  let count = 0;
  for (let lane = 0; lane < LANES; lane++) {
    const region = new Region(PAGES_PER_READ * PAGE);
    const segments = new SegmentList();
    const pieces = lane % 2 === 0 ? 1 : PAGES_PER_READ;
    const bytes = (PAGES_PER_READ / pieces) * PAGE;
    for (let i = pieces - 1; i >= 0; i--) segments.push(region.buffer, i * bytes, bytes, false);
    const operation: Operation = {
      op: Op.READ,
      fd: lane % 4 === 0 ? buffered : direct,
      offset: ((lane * 31) % pages) * PAGE,
      length: PAGES_PER_READ * PAGE,
      flags: 0,
      segments,
      buffered: lane % 4 === 0,
      complete(result) {
        if (result !== PAGES_PER_READ * PAGE) throw new Error(`read: ${result}`);
        operation.offset = ((operation.offset / PAGE + 31 * LANES) % pages) * PAGE;
        onRead(++count);
        engine.submit(operation);
      },
    };
    engine.submit(operation);
  }
}

function work({ path, wanted, reads }: Task): void {
  const { engine, reason } = chooseEngine(wanted);
  if (engine.name !== wanted) throw new Error(reason ?? 'another engine');
  readForever(engine, path, (count) => {
    if (count === reads) parentPort?.postMessage('busy');
  });
}

async function terminateWorkers(task: Task, rounds: number, random: Random): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const workerTask: Task = { ...task, reads: 1 + random.below(1000) };
    const worker = new Worker(new URL(import.meta.url), { workerData: workerTask });
    const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
    // Some before they have begun, the others in the middle of it.
    const moment = random.chance(8) ? once(worker, 'online') : once(worker, 'message');
    await Promise.race([moment, failed]);
    await worker.terminate();
  }
  console.log('terminated');
}

async function main(task: Task, way: string, rounds: number, seed: number): Promise<void> {
  const random = new Random(seed);
  if (way === 'terminate') return terminateWorkers(task, rounds, random);
  const { engine } = chooseEngine(task.wanted);
  const last = 1 + random.below(500);
  readForever(engine, task.path, (count) => {
    if (count !== last) return;
    if (way === 'exit') process.exit(7);
    throw new Error('on purpose');
  });
}

if (isMainThread) {
  const [path = '', wanted = '', way = '', rounds = '1', seed = '1'] = process.argv.slice(2);
  if (wanted !== 'uring' && wanted !== 'threads') throw new Error(`no engine ${wanted}`);
  await main({ path, wanted, reads: 0 }, way, Number(rounds), Number(seed));
} else {
  work(workerData as Task);
}
