// Case `plan`: 1 GiB of 4 KiB vectors laid over a file as requests, by the limits of a usual disk.
import { assert } from '../../src/base/assert.js';
import { PAGE_SIZE } from '../../src/index.js';
import { IovIter } from '../../src/iter.js';
import { hostPages } from '../../src/memory/pages.js';
import { Region } from '../../src/memory.js';
import type { Limits } from '../../src/plan/limits.js';
import { Planner } from '../../src/plan/planner.js';
import { PlannedRequest } from '../../src/plan/request.js';
import { cpuNanoseconds, heapInUseBytes } from '../cpu.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  judgeAtMost,
  rowsOf,
  type Sample,
} from '../harness.js';
import { Random } from '../random.js';
import { median } from '../statistics.js';

const GIB_VECTORS: number = 2 ** 30 / PAGE_SIZE;
const RUNS = 31;
const WARM_UPS = 5;
const MOST_NS = 25;
/** A planner and its request, which are still there at the end: whatever the plan covers, not more than this. */
const MOST_HEAP_BYTES: number = 64 * 1024;
const HEAP = 'heap bytes';
const REQUESTS = 'requests';

/** A disk of 512-byte blocks, as ext4 on most devices: what the file target asks for. */
const DISK: Limits = {
  memoryAlignment: 512,
  offsetAlignment: 512,
  endAlignment: 4096,
  maxBytes: 2 ** 31 - 4096,
  bestBytes: 2 ** 20,
  maxSegments: 1024,
  bestSegments: 256,
  copyBreakBytes: 8192,
  boundaryBytes: 0,
  until: Number.POSITIVE_INFINITY,
};
const AS_IT_LIES: Limits = { ...DISK, copyBreakBytes: 0 };

/** Carries no bytes: only lays them out. Looking at the heap collects it, and what comes next finds the caches cold. */
function planOnce(iter: IovIter, limits: Limits, vectors: number, withHeap: boolean): Sample {
  const planner = new Planner({
    iter: iter.dup(),
    offset: 0,
    bytes: iter.count,
    direction: 'write',
    limitsAt: () => limits,
    pages: hostPages(),
  });
  const request = new PlannedRequest();
  let requests = 0;
  let bytes = 0;
  const heapBefore = withHeap ? heapInUseBytes() : 0;
  const started = cpuNanoseconds();
  while (planner.next(request)) {
    requests++;
    bytes += request.payloadBytes;
  }
  const elapsedNs = cpuNanoseconds() - started;
  const heap = withHeap ? Math.max(0, heapInUseBytes() - heapBefore) : 0;
  assert(bytes === vectors * PAGE_SIZE, 'a plan covers its range');
  return { value: elapsedNs / vectors, extras: { [REQUESTS]: requests, [HEAP]: heap } };
}

function contender(name: string, iter: IovIter, limits: Limits, vectors: number): Contender {
  for (let i = 0; i < WARM_UPS; i++) planOnce(iter, limits, vectors, false);
  const { extras } = planOnce(iter, limits, vectors, true);
  return { name, measure: async () => ({ ...planOnce(iter, limits, vectors, false), extras: { ...extras } }) };
}

async function run(context: Context): Promise<CaseResult> {
  const vectors = context.quick ? GIB_VECTORS / 16 : GIB_VECTORS;
  const runs = context.runs || (context.quick ? 5 : RUNS);
  using region = new Region(vectors * PAGE_SIZE);
  const inOrder = Array.from({ length: vectors }, (_, i) => region.bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE));
  const shuffled = [...inOrder];
  new Random(1).shuffle(shuffled);
  const scattered = IovIter.iovec(shuffled);
  const contenders = [
    contender('scattered pages, as they lie', scattered, AS_IT_LIES, vectors),
    contender('scattered pages, to be copied', scattered, DISK, vectors),
    contender('neighbours, which merge', IovIter.iovec(inOrder), DISK, vectors),
  ];
  context.say(`plan: ${runs} runs over ${vectors} vectors`);
  const all = await interleave(contenders, runs);
  return {
    name: 'plan',
    title: `Planning ${vectors} vectors of 4 KiB, ${(vectors * PAGE_SIZE) / 2 ** 20} MiB`,
    unit: 'CPU ns a vector',
    better: 'lower',
    runs,
    rows: rowsOf(all, 'lower').map((row) => ({ ...row, ratio: null })),
    verdicts: all.flatMap(({ name, values, extras }) => [
      judgeAtMost(`${name}: ≤ ${MOST_NS} ns a vector`, median(values), MOST_NS, 'ns'),
      judgeAtMost(`${name}: no more memory than a window's`, median(extras.get(HEAP) ?? []), MOST_HEAP_BYTES, 'bytes'),
    ]),
    heldMib: (vectors * PAGE_SIZE) / 2 ** 20,
    ours: contenders.map(({ name }) => name),
    notes: [],
  };
}

export const planCase: Case = { name: 'plan', run };
