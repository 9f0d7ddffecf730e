// Case `walk`: forEachPage over 1 GiB of scattered pages beside a C loop of the same shape, and stitched getPagesAlloc.
import { assert } from '../../src/base/assert.js';
import { PAGE_SIZE } from '../../src/index.js';
import { type Bvec, IovIter } from '../../src/iter.js';
import { hostPages } from '../../src/memory/pages.js';
import { Region } from '../../src/memory.js';
import { buildC } from '../c/build.js';
import { cpuNanoseconds } from '../cpu.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  judgeAtMost,
  rowsOf,
  type Sample,
  type Series,
} from '../harness.js';
import { runProcess } from '../processes.js';
import { Random } from '../random.js';
import { median } from '../statistics.js';

const GIB_PAGES: number = 2 ** 30 / PAGE_SIZE;
const RUNS = 31;
/** What V8 compiles for after it has seen the loop, not the loop that it sees first. */
const WARM_UPS = 5;
const MOST_NS = 10;
const HEAP = 'heap bytes a page';
const STITCHED_VECTORS = 1000;

let seen = 0;
const take = (page: number, from: number, size: number): void => {
  seen = (seen + (page ^ size) + from) | 0;
};

function walkOnce(iter: IovIter, pages: number): Sample {
  const walked = iter.dup();
  const heapBefore = process.memoryUsage().heapUsed;
  const started = cpuNanoseconds();
  const accepted = walked.forEachPage(Number.POSITIVE_INFINITY, take);
  const elapsedNs = cpuNanoseconds() - started;
  const heapAfter = process.memoryUsage().heapUsed;
  assert(accepted === pages * PAGE_SIZE, 'a walk that nobody stops goes to its end');
  // Less where the collector ran meanwhile.
  return { value: elapsedNs / pages, extras: { [HEAP]: Math.max(0, heapAfter - heapBefore) / pages } };
}

function contender(name: string, iter: IovIter, pages: number): Contender {
  for (let i = 0; i < WARM_UPS; i++) walkOnce(iter, pages);
  return { name, measure: async () => walkOnce(iter, pages) };
}

async function inC(program: string, pages: number): Promise<Sample> {
  const { stdout } = await runProcess(program, [String(pages), '5']);
  return { value: median(stdout.trim().split('\n').map(Number)) };
}

/** The pages of one region in shuffled order. */
function shuffled(pages: number): number[] {
  const order = Array.from({ length: pages }, (_, i) => i);
  new Random(1).shuffle(order);
  return order;
}

function viewsOf(region: Region, order: readonly number[]): Uint8Array[] {
  return order.map((page) => region.bytes.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE));
}

/** How many calls it takes to get the pages of vectors of one page each. */
function callsFor(views: readonly Uint8Array[], stitch: boolean): number {
  const iter = IovIter.iovec(views);
  let calls = 0;
  while (iter.count > 0) {
    const { pages } = iter.getPagesAlloc(iter.count, { stitch });
    hostPages().put(pages, 0, pages.length);
    calls++;
  }
  return calls;
}

async function run(context: Context): Promise<CaseResult> {
  const pages = context.quick ? GIB_PAGES / 16 : GIB_PAGES;
  const runs = context.runs || (context.quick ? 5 : RUNS);
  using region = new Region(pages * PAGE_SIZE);
  const order = shuffled(pages);
  const source = hostPages();
  const held = new Int32Array(1);
  source.get(region.buffer, 0, PAGE_SIZE, held, 0, 1);
  const first = held[0] ?? 0;
  const bvecOf = (page: number): Bvec => ({ page: first + page, offset: 0, length: PAGE_SIZE });
  const { program, problem } = buildC('walk', context.directory);
  const contenders = [
    contender('forEachPage, a view for each page (iovec)', IovIter.iovec(viewsOf(region, order)), pages),
    contender('forEachPage, page numbers (bvec)', IovIter.bvec(order.map(bvecOf), source), pages),
  ];
  if (program !== null) contenders.push({ name: 'C, -O2', measure: () => inC(program, pages) });
  context.say(`walk: ${runs} runs over ${pages} pages in shuffled order`);
  const all = await interleave(contenders, runs);
  source.put(held, 0, 1);
  assert(source.held === 0, 'every page is put back');
  const few = viewsOf(region, order.slice(0, STITCHED_VECTORS));
  return {
    name: 'walk',
    title: `forEachPage: ${pages} scattered pages, ${(pages * PAGE_SIZE) / 2 ** 20} MiB`,
    unit: 'CPU ns a page',
    better: 'lower',
    runs,
    rows: rowsOf(all, 'lower'),
    verdicts: [
      ...all.slice(0, 2).flatMap(verdictsOf),
      judgeAtMost(
        `getPagesAlloc of ${STITCHED_VECTORS} one-page vectors, stitched: 1`,
        callsFor(few, true),
        1,
        'calls',
      ),
      judgeExactly(`stitching off: ${STITCHED_VECTORS}`, callsFor(few, false), STITCHED_VECTORS),
    ],
    heldMib: (pages * PAGE_SIZE) / 2 ** 20,
    ours: contenders.slice(0, 2).map(({ name }) => name),
    notes: program === null ? [`no C loop beside it: ${problem.trim()}`] : [],
  };
}

function verdictsOf({ name, values, extras }: Series): ReturnType<typeof judgeAtMost>[] {
  const heap = extras.get(HEAP) ?? [Number.NaN];
  return [
    judgeAtMost(`${name}: ≤ ${MOST_NS} ns a page`, median(values), MOST_NS, 'ns'),
    // A walk makes a duplicate and a closure; by the page, nothing.
    judgeAtMost(`${name}: 0 bytes of heap a page`, Math.round(median(heap)), 0, 'bytes'),
  ];
}

function judgeExactly(bar: string, value: number, wanted: number): ReturnType<typeof judgeAtMost> {
  return { bar, measured: `${value} calls`, passed: value === wanted };
}

export const walkCase: Case = { name: 'walk', run };
