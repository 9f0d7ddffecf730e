// Cases `iops-*`: small requests, beside fio and node:fs, on the disk and on zram, where processors are all that counts.
import { constants, readSync, rmSync } from 'node:fs';
import { type FileHandle, open as openHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { assert } from '../../src/base/assert.js';
import { type File, open } from '../../src/index.js';
import { Region } from '../../src/memory.js';
import { hasFio } from '../fio.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  judgeAtMost,
  judgeRatio,
  rowsOf,
  type Series,
  skippedResult,
  type Verdict,
} from '../harness.js';
import { withZramXfs, zramProblem } from '../iops/zram.js';
import { Random } from '../random.js';
import { awaited, batched, CPU, fio, type Load, type Movable } from '../rates/rates.js';
import { MIB, writeRandomFile } from '../scratch.js';
import { median, ratios } from '../statistics.js';

const RUNS = 7;
const MS = 800;
const MS_QUICK = 200;
const DISK_MIB = 1024;
const ZRAM_MIB = 512;
/** What XFS and its log take beside the file. */
const ZRAM_EXTRA_MIB = 300;
const MIB_QUICK = 64;
const PAGE = 4096;

const AWAITED = 'diorite, awaited';
const BATCHES = 'diorite, batches';
const FIO = 'fio, io_uring, its defaults';
const TUNED = 'fio, io_uring, tuned';
const PSYNC = 'fio, psync';
const NODE = 'FileHandle';

interface Scene {
  readonly load: Load;
  readonly file: File;
  readonly handle: FileHandle;
  readonly memory: Region;
}

type Judge = (all: ReadonlyMap<string, Series>) => Verdict;

interface Recipe {
  readonly name: string;
  readonly title: string;
  readonly medium: 'disk' | 'zram';
  readonly load: Omit<Load, 'path' | 'fileBytes' | 'ms'>;
  readonly sides: readonly string[];
  readonly dsync?: boolean;
  readonly bars: readonly Judge[];
}

function tunedOptions(depth: number): readonly string[] {
  const batch = Math.max(1, depth >> 1);
  return [
    '--fixedbufs',
    '--registerfiles',
    `--iodepth_batch_submit=${batch}`,
    '--iodepth_batch_complete_min=1',
    `--iodepth_batch_complete_max=${depth}`,
  ];
}

/** With every write durable when it is answered. */
function durable(file: File): Movable {
  return {
    read: (view, offset, length, position) => file.read(view, offset, length, position),
    write: (view, offset, length, position) => file.write(view, { offset, length, position, dsync: true }),
  };
}

function measureOf(side: string, { load, file, handle, memory }: Scene, recipe: Recipe): Contender['measure'] {
  const sync = recipe.dsync === true ? ['--sync=dsync'] : [];
  switch (side) {
    case AWAITED:
      return () => awaited(recipe.dsync === true ? durable(file) : file, load, memory);
    case BATCHES:
      return () => batched(file, load);
    case FIO:
      return () => fio(load, sync);
    case TUNED:
      return () => fio(load, [...tunedOptions(load.depth), ...sync]);
    case PSYNC:
      return () => fio(load, ['--ioengine=psync', ...sync]);
    default:
      return () => awaited(handle, load, memory);
  }
}

function seriesOf(all: ReadonlyMap<string, Series>, name: string): Series {
  const series = all.get(name);
  assert(series !== undefined, `${name} was measured`);
  return series;
}

function atLeast(least: number, ours: string, peer: string): Judge {
  return (all) => {
    const given = ratios(seriesOf(all, ours).values, seriesOf(all, peer).values, 'higher');
    return judgeRatio({ bar: `${ours}: ≥ ${least} × ${peer}`, ratios: given, least });
  };
}

function cpuAtMost(most: number, peer: string): Judge {
  return (all) => {
    const cpuOf = (name: string): number => median(seriesOf(all, name).extras.get(CPU) ?? [Number.NaN]);
    return judgeAtMost(`${AWAITED}: CPU ≤ ${most} × ${peer}`, cpuOf(AWAITED) / cpuOf(peer), most, '×');
  };
}

const READS = { direction: 'read', order: 'random', requestBytes: PAGE, figure: 'requests a second' } as const;
const WRITES = { ...READS, direction: 'write' } as const;

const RECIPES: readonly Recipe[] = [
  ...[32, 128].map((depth): Recipe => {
    return {
      name: `iops-zram-${depth}`,
      title: `Random reads of 4 KiB, ${depth} in flight, on zram`,
      medium: 'zram',
      load: { ...READS, depth },
      sides: [AWAITED, BATCHES, FIO, TUNED],
      bars: [atLeast(0.95, AWAITED, FIO), atLeast(1.05, BATCHES, FIO), atLeast(0.95, BATCHES, TUNED)],
    };
  }),
  ...[32, 128].map((depth): Recipe => {
    const cpu = depth === 128 ? [cpuAtMost(1 / 8, NODE), cpuAtMost(1.3, FIO)] : [];
    return {
      name: `iops-disk-${depth}`,
      title: `Random reads of 4 KiB, ${depth} in flight, on the disk`,
      medium: 'disk',
      load: { ...READS, depth },
      sides: [AWAITED, BATCHES, FIO, TUNED, NODE],
      bars: [atLeast(0.95, AWAITED, FIO), atLeast(0.95, BATCHES, FIO), ...cpu],
    };
  }),
  {
    name: 'iops-disk-1',
    title: 'Random reads of 4 KiB, one after the other, on the disk',
    medium: 'disk',
    load: { ...READS, depth: 1 },
    sides: [AWAITED, PSYNC, NODE],
    bars: [atLeast(0.9, AWAITED, PSYNC), atLeast(1.1, AWAITED, NODE)],
  },
  {
    name: 'iops-write-zram',
    title: 'Random writes of 4 KiB, 32 in flight, on zram',
    medium: 'zram',
    load: { ...WRITES, depth: 32 },
    sides: [AWAITED, FIO],
    bars: [atLeast(0.95, AWAITED, FIO)],
  },
  {
    name: 'iops-write-disk',
    title: 'Random writes of 4 KiB, 32 in flight, on the disk',
    medium: 'disk',
    load: { ...WRITES, depth: 32 },
    sides: [AWAITED, FIO],
    bars: [atLeast(0.95, AWAITED, FIO)],
  },
  ...[1, 16].map((depth): Recipe => {
    return {
      name: `iops-durable-${depth}`,
      title: `Durable random writes of 4 KiB into a file that has its space, ${depth} in flight, on the disk`,
      medium: 'disk',
      load: { ...WRITES, depth },
      dsync: true,
      sides: [AWAITED, FIO],
      bars: [atLeast(0.9, AWAITED, FIO)],
    };
  }),
];

/** Runs the body where the case wants to lie. */
async function onMedium(
  context: Context,
  recipe: Pick<Recipe, 'name' | 'medium'>,
  body: (directory: string, mib: number) => Promise<CaseResult>,
): Promise<CaseResult> {
  const quick = context.quick ? MIB_QUICK : Number.POSITIVE_INFINITY;
  if (recipe.medium === 'disk') return body(context.directory, Math.min(quick, DISK_MIB));
  const mib = Math.min(quick, ZRAM_MIB);
  return withZramXfs(context.directory, mib + ZRAM_EXTRA_MIB, async (directory) => ({
    ...(await body(directory, mib)),
    medium: 'zram with XFS',
  }));
}

async function problemOf({ medium, sides }: Recipe): Promise<string | null> {
  if (sides.some((side) => side.startsWith('fio')) && !(await hasFio())) return 'fio is not installed';
  return medium === 'zram' ? zramProblem() : null;
}

async function compare(context: Context, recipe: Recipe, directory: string, mib: number): Promise<CaseResult> {
  const { name, sides } = recipe;
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const path = join(directory, name);
  writeRandomFile(path, mib * MIB);
  const load: Load = { ...recipe.load, path, fileBytes: mib * MIB, ms: context.quick ? MS_QUICK : MS };
  await using file = await open(path, 'r+');
  const handle = await openHandle(path, constants.O_RDWR | constants.O_DIRECT);
  try {
    using memory = new Region(load.depth * load.requestBytes);
    const scene: Scene = { load, file, handle, memory };
    const contenders = sides.map((side) => ({ name: side, measure: measureOf(side, scene, recipe) }));
    for (const { measure } of contenders) await measure(); // warm: the device, the compiler, the ring
    const all = await interleave(contenders, runs, (round, { name: who }, { value }) => {
      context.say(`${name}: run ${round + 1} of ${runs}: ${who} ${value.toFixed(0)}`);
    });
    const byName = new Map(all.map((series) => [series.name, series]));
    return {
      name,
      title: recipe.title,
      unit: load.figure,
      better: 'higher',
      runs,
      rows: rowsOf(all, 'higher'),
      verdicts: recipe.bars.map((judge) => judge(byName)),
      notes: [`diorite: engine ${file.engine}; file of ${mib} MiB`],
    };
  } finally {
    await handle.close();
    rmSync(path, { force: true });
  }
}

function caseOf(recipe: Recipe): Case {
  const { name } = recipe;
  const run = async (context: Context): Promise<CaseResult> => {
    const problem = await problemOf(recipe);
    if (problem !== null) return skippedResult(name, recipe.title, problem);
    return onMedium(context, recipe, (directory, mib) => compare(context, recipe, directory, mib));
  };
  return { name, run };
}

// ---- What a read costs beyond the system call --------------------------------------------------------------------------

const LATENCY_READS = 20_000;
const LATENCY_MOST = 5;

/** Median microseconds of one read after the other. */
async function latency(file: File, blocks: number, reads: number): Promise<number> {
  using memory = new Region(PAGE);
  const random = new Random(1);
  const times = new Float64Array(reads);
  for (let i = 0; i < reads; i++) {
    const position = random.below(blocks) * PAGE;
    const started = performance.now();
    await file.read(memory.bytes, 0, PAGE, position);
    times[i] = (performance.now() - started) * 1000;
  }
  return median([...times]);
}

function latencyOfCall(fd: number, blocks: number, reads: number): number {
  using memory = new Region(PAGE);
  const random = new Random(1);
  const times = new Float64Array(reads);
  for (let i = 0; i < reads; i++) {
    const position = random.below(blocks) * PAGE;
    const started = performance.now();
    readSync(fd, memory.bytes, 0, PAGE, position);
    times[i] = (performance.now() - started) * 1000;
  }
  return median([...times]);
}

async function compareLatency(context: Context, directory: string, mib: number): Promise<CaseResult> {
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const reads = context.quick ? LATENCY_READS / 10 : LATENCY_READS;
  const path = join(directory, 'latency');
  writeRandomFile(path, mib * MIB);
  const blocks = (mib * MIB) / PAGE;
  await using file = await open(path, 'r');
  const handle = await openHandle(path, constants.O_RDONLY | constants.O_DIRECT);
  try {
    const contenders: Contender[] = [
      { name: AWAITED, measure: async () => ({ value: await latency(file, blocks, reads) }) },
      {
        name: 'fs.readSync: the call itself',
        measure: async () => ({ value: latencyOfCall(handle.fd, blocks, reads) }),
      },
    ];
    for (const { measure } of contenders) await measure();
    const all = await interleave(contenders, runs);
    const [ours, call] = all.map(({ values }) => values);
    assert(ours !== undefined && call !== undefined, 'both were measured');
    const added = median(ours.map((value, i) => value - (call[i] ?? Number.NaN)));
    return {
      name: LATENCY.name,
      title: LATENCY_TITLE,
      unit: 'µs, median of a run',
      better: 'lower',
      runs,
      rows: rowsOf(all, 'lower'),
      verdicts: [judgeAtMost(`a read takes at most ${LATENCY_MOST} µs more than the call`, added, LATENCY_MOST, 'µs')],
      notes: [`${reads} reads a run, on a file of ${mib} MiB`],
    };
  } finally {
    await handle.close();
    rmSync(path, { force: true });
  }
}

const LATENCY_TITLE = 'One read of 4 KiB after the other, on zram: what an awaited read adds to the system call';
const LATENCY: Pick<Recipe, 'name' | 'medium'> = { name: 'iops-latency', medium: 'zram' };

const latencyCase: Case = {
  name: LATENCY.name,
  run: (context) => {
    const problem = zramProblem();
    if (problem !== null) return Promise.resolve(skippedResult(LATENCY.name, LATENCY_TITLE, problem));
    return onMedium(context, LATENCY, (directory, mib) => compareLatency(context, directory, mib));
  },
};

export const iopsCases: readonly Case[] = [...RECIPES.map(caseOf), latencyCase];
