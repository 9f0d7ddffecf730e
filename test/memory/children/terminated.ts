// Child of lifetime.test.ts: terminates workers in the middle of their I/O, again and again. PATH.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { open } from '../../../src/index.js';
import { BLOCK_BYTES, report } from './common.js';

const WORKERS = 12;
const FILE_BLOCKS = 4096;
const PIECE_BLOCKS = 16;

interface Task {
  readonly path: string;
  readonly mark: number;
}

/** Writes and reads without end, many at a time; every block that it writes is full of one byte. */
async function work({ path, mark }: Task): Promise<void> {
  const file = await open(path, 'r+');
  const go = async (lane: number): Promise<never> => {
    for (let i = lane; ; i++) {
      const offset = ((i * 37) % (FILE_BLOCKS / PIECE_BLOCKS)) * PIECE_BLOCKS * BLOCK_BYTES;
      const bytes = new Uint8Array(PIECE_BLOCKS * BLOCK_BYTES).fill(mark);
      if (lane % 2 === 0) await file.write(bytes, 0, bytes.length, offset);
      else await file.read(bytes, 0, bytes.length, offset);
      if (i === lane + 2 && lane === 0) parentPort?.postMessage('busy');
    }
  };
  await Promise.all(Array.from({ length: 32 }, (_, lane) => go(lane)));
}

async function terminateWorkers(path: string): Promise<void> {
  const created = await open(path, 'wx');
  await created.write(new Uint8Array(FILE_BLOCKS * BLOCK_BYTES), { position: 0 });
  await created.close();
  let terminated = 0;
  for (let mark = 1; mark <= WORKERS; mark++) {
    const task: Task = { path, mark };
    const worker = new Worker(new URL(import.meta.url), { workerData: task });
    const failed = once(worker, 'error').then(([error]) => Promise.reject(error));
    await Promise.race([once(worker, 'message'), failed]);
    await worker.terminate();
    terminated++;
  }
  report({ terminated, tornBlocks: countTornBlocks(path) });
}

function countTornBlocks(path: string): number {
  const bytes = readFileSync(path);
  let torn = 0;
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, at + BLOCK_BYTES);
    if (block.some((byte) => byte > WORKERS || byte !== block[0])) torn++;
  }
  return torn;
}

if (isMainThread) await terminateWorkers(process.argv[2] ?? '');
else await work(workerData as Task);
