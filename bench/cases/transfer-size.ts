// Case `transfer-size`: what a GiB of a copy costs the processors, by how much is copied.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  type Curve,
  interleave,
  judgeAtMost,
  type Plot,
  rowsOf,
  type Series,
} from '../harness.js';
import { runProcess } from '../processes.js';
import { bytes as sized } from '../report/numbers.js';
import { evict, MIB, settle, writeRandomFile } from '../scratch.js';
import { median, ratios, summary } from '../statistics.js';
import type { CopyCost } from '../transfer/worker.js';

const WORKER = fileURLToPath(new URL('../transfer/worker.js', import.meta.url));
const GIB: number = 1024 * MIB;
const MOST = 1.05;
const OURS = 'diorite, copy()';
const DD = 'dd, direct, 1 MiB';
const SECONDS = 's per GiB';
const PEAK = 'peak MiB';
/** Small copies are repeated until so much is moved: a tick of the clock of processor time is 10 ms. */
const REPEATED_BYTES: number = 256 * MIB;

/** Sizes that take turns with each other: those that are judged see the same disk. */
interface Round {
  readonly sizes: readonly number[];
  readonly runs: number;
}

const ROUNDS: readonly Round[] = [
  { sizes: [MIB, 16 * MIB], runs: 7 },
  { sizes: [256 * MIB, 4 * GIB], runs: 3 },
];
const JUDGED: Round = { sizes: [GIB, 16 * GIB], runs: 3 };
const ROUNDS_QUICK: readonly Round[] = [{ sizes: [MIB, 16 * MIB], runs: 2 }];
const JUDGED_QUICK: Round = { sizes: [64 * MIB, 256 * MIB], runs: 2 };

interface Measured {
  readonly size: number;
  readonly ours: Series;
  readonly dd: Series;
}

function sourceOf(directory: string, size: number): string {
  return join(directory, `source-${size}`);
}

async function diorite(source: string, destination: string, times: number, warm: string): Promise<CopyCost> {
  const { stdout } = await runProcess(process.execPath, [WORKER, source, destination, String(times), warm], false);
  return JSON.parse(stdout) as CopyCost; // as the worker prints it
}

async function dd(source: string, destination: string, times: number): Promise<CopyCost> {
  const flags = 'bs=1M iflag=direct oflag=direct conv=fsync status=none';
  const script = `for i in $(seq ${times}); do dd if="$0" of="$1" ${flags}; done`;
  return runProcess('sh', ['-c', script, source, destination]);
}

/** From a cold source to a new file, and nothing owed to the disk. */
function contender(
  name: string,
  size: number,
  directory: string,
  copy: (source: string, destination: string, times: number, warm: string) => Promise<CopyCost>,
): Contender {
  const source = sourceOf(directory, size);
  const destination = join(directory, 'destination');
  const times = Math.max(1, Math.floor(REPEATED_BYTES / size));
  const measure: Contender['measure'] = async () => {
    rmSync(destination, { force: true });
    evict(source);
    settle(source);
    const { cpuSeconds, seconds, peakMib } = await copy(source, destination, times, join(directory, 'warm'));
    const gib = (size * times) / GIB;
    return { value: (cpuSeconds * 1000) / gib, extras: { [SECONDS]: seconds / gib, [PEAK]: peakMib } };
  };
  return { name: `${name}, ${sized(size)}`, measure };
}

async function measure(context: Context, { sizes, runs }: Round): Promise<Measured[]> {
  const { directory } = context;
  context.say(`transfer-size: writing ${sizes.map(sized).join(' and ')} of random bytes`);
  try {
    for (const size of sizes) writeRandomFile(sourceOf(directory, size), size);
    const contenders = sizes.flatMap((size) => [
      contender(OURS, size, directory, diorite),
      contender(DD, size, directory, dd),
    ]);
    const all = await interleave(contenders, context.runs || runs, (round, { name }, { value }) => {
      context.say(`transfer-size: run ${round + 1}: ${name} ${value.toFixed(0)} ms of CPU a GiB`);
    });
    return sizes.flatMap((size, i) => {
      const [ours, peer] = [all[2 * i], all[2 * i + 1]];
      return ours === undefined || peer === undefined ? [] : [{ size, ours, dd: peer }];
    });
  } finally {
    for (const size of sizes) rmSync(sourceOf(directory, size), { force: true });
    rmSync(join(directory, 'destination'), { force: true });
  }
}

function plotOf(all: readonly Measured[]): Plot {
  const curve = (name: string, of: (each: Measured) => Series): Curve => ({
    name,
    points: all.map((each) => ({ x: each.size, ...summary(of(each).values) })),
  });
  return {
    name: 'transfer-size',
    title: 'What a GiB of a copy costs the processors, by how much is copied',
    xLabel: 'size of the file',
    xUnit: 'bytes',
    yLabel: 'ms of CPU time per GiB, less is better, logarithmic',
    yScale: 'log',
    curves: [curve(OURS, ({ ours }) => ours), curve(DD, (each) => each.dd)],
  };
}

async function run(context: Context): Promise<CaseResult> {
  writeRandomFile(join(context.directory, 'warm'), MIB);
  const measured: Measured[] = [];
  for (const round of context.quick ? ROUNDS_QUICK : ROUNDS) measured.push(...(await measure(context, round)));
  const judged = await measure(context, context.quick ? JUDGED_QUICK : JUDGED);
  const [small, large] = judged;
  const cost = ratios(small?.ours.values ?? [], large?.ours.values ?? [], 'lower');
  const bar = `CPU per GiB of ${sized(large?.size ?? 0)} ≤ ${MOST} × that of ${sized(small?.size ?? 0)}`;
  const all = [...measured, ...judged].sort((a, b) => a.size - b.size);
  const plot = plotOf(all);
  return {
    name: 'transfer-size',
    title: plot.title,
    unit: 'CPU ms per GiB',
    better: 'lower',
    runs: judged[0]?.ours.values.length ?? 0,
    rows: all.flatMap(({ ours, dd: peer }) => rowsOf([ours, peer], 'lower')),
    verdicts: [judgeAtMost(bar, median(cost), MOST, '×')],
    notes: [
      'cold source, until durable; small copies are repeated until 256 MiB are moved, dd as a process each',
      'diorite: a process that has copied before; what the kernel’s workers do for it counts',
    ],
    plots: [plot],
    ours: all.map(({ ours }) => ours.name).concat(OURS),
  };
}

export const transferSizeCase: Case = { name: 'transfer-size', run };
