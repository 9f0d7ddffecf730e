// garbage PATH OPERATIONS: what awaited reads and writes, elements of batches and entries of lists allocate and keep;
// prints JSON.
// Started with --expose-gc and a young generation so large that no collection comes while a round runs.
import { getHeapStatistics } from 'node:v8';
import { Batch, open } from '../../../src/index.js';
import { Region } from '../../../src/memory.js';

const PAGE = 4096;
const DEPTH = 32;
const ROUND = 5000;
/** Between two collections. */
const ROUNDS = 4;
const PAGES = 256;

export interface Garbage {
  readonly engine: string;
  /** Bytes of the heap by operation: garbage counts, and what is still there at the end. */
  readonly allocated: Readonly<Record<string, number>>;
  readonly kept: Readonly<Record<string, number>>;
}

const [path = '', total = ''] = process.argv.slice(2);
const { gc } = globalThis;
if (gc === undefined) throw new Error('--expose-gc is needed');
const heapBytes = (): number => getHeapStatistics().used_heap_size;

const file = await open(path, 'r+');
const memory = new Region(DEPTH * PAGE);
const views = Array.from({ length: DEPTH }, (_, i) => memory.bytes.subarray(i * PAGE, (i + 1) * PAGE));
const batch = new Batch(ROUND, memory.bytes);
const positionOf = (i: number): number => ((i * 7919) % PAGES) * PAGE;

async function awaited(once: (view: Uint8Array, position: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const loop = async (view: Uint8Array): Promise<void> => {
    while (next < ROUND) await once(view, positionOf(next++));
  };
  await Promise.all(views.map(loop));
}

async function batched(direction: 'readBatch' | 'writeBatch'): Promise<void> {
  batch.clear();
  for (let i = 0; i < ROUND; i++) batch.add(positionOf(i), (i % DEPTH) * PAGE, PAGE);
  await file[direction](batch, { depth: DEPTH });
}

/** Every second page: no two of them are neighbours, and none is merged with another. */
const entries = Array.from({ length: ROUND }, (_, i) => ({
  position: (positionOf(i) * 2) % (PAGES * PAGE),
  memory: views[i % DEPTH] as Uint8Array,
}));

const WORKS: Readonly<Record<string, () => Promise<void>>> = {
  nothing: () => awaited(async () => {}),
  read: () => awaited((view, position) => file.read(view, 0, PAGE, position)),
  write: () => awaited((view, position) => file.write(view, 0, PAGE, position)),
  readBatch: () => batched('readBatch'),
  writeBatch: () => batched('writeBatch'),
  readMany: async () => void (await file.readMany(entries, { depth: DEPTH, gapBytes: 0 }).all()),
};

const allocated: Record<string, number> = {};
const kept: Record<string, number> = {};
for (const [name, work] of Object.entries(WORKS)) {
  for (let i = 0; i < 6; i++) await work(); // compiled by then
  gc();
  const first = heapBytes();
  let grown = 0;
  let operations = 0;
  while (operations < Number(total)) {
    gc();
    const before = heapBytes();
    for (let i = 0; i < ROUNDS; i++, operations += ROUND) await work();
    grown += heapBytes() - before;
  }
  gc();
  allocated[name] = grown / operations;
  kept[name] = (heapBytes() - first) / operations;
}
await file.close();
const found: Garbage = { engine: file.engine, allocated, kept };
process.stdout.write(JSON.stringify(found));
