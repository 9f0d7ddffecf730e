// Cases `over-depth` and `over-size`: how the rate grows with what is in flight, and with the size of a request.
import { constants, rmSync } from 'node:fs';
import { open as openHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { open } from '../../src/index.js';
import { Region } from '../../src/memory.js';
import { hasFio } from '../fio.js';
import {
  type Case,
  type CaseResult,
  type Context,
  type Curve,
  interleave,
  type Plot,
  type Series,
} from '../harness.js';
import { besideFio, type Load, nodeFs, ours, oursBatched } from '../rates/rates.js';
import { MIB, writeRandomFile } from '../scratch.js';
import { summary } from '../statistics.js';

const RUNS = 5;
const MS = 500;
const MS_QUICK = 200;
const DEPTHS: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const SIZES: readonly number[] = [4096, 16_384, 65_536, 262_144, MIB, 4 * MIB];
const SIZES_DEPTH = 8;

interface Sweep {
  readonly name: string;
  readonly plot: Omit<Plot, 'curves'>;
  readonly notes: readonly string[];
  /** Whether it is a load that one would hand over by the batch. */
  readonly hasBatches: boolean;
  readonly places: readonly number[];
  /** What is asked for at one place. */
  readonly load: (x: number) => Omit<Load, 'path' | 'fileBytes' | 'ms'>;
}

const DEPTH_SWEEP: Sweep = {
  name: 'over-depth',
  plot: {
    name: 'over-depth',
    title: 'Random reads of 4 KiB a second, by how many are in flight',
    xLabel: 'reads in flight',
    xUnit: 'count',
    yLabel: 'reads a second, more is better',
  },
  notes: ['awaited: each read by itself; batches: 32 times as many elements as are in flight, at least 256'],
  hasBatches: true,
  places: DEPTHS,
  load: (depth) => ({ direction: 'read', order: 'random', requestBytes: 4096, depth, figure: 'requests a second' }),
};

const SIZE_SWEEP: Sweep = {
  name: 'over-size',
  plot: {
    name: 'over-size',
    title: 'Reads in order: MiB a second, by the size of a read',
    xLabel: `size of a read, ${SIZES_DEPTH} in flight`,
    xUnit: 'bytes',
    yLabel: 'MiB a second, more is better',
  },
  notes: [`${SIZES_DEPTH} at a time, in order, each awaited by itself`],
  hasBatches: false,
  places: SIZES,
  load: (requestBytes) => ({
    direction: 'read',
    order: 'sequential',
    requestBytes,
    depth: SIZES_DEPTH,
    figure: 'MiB/s',
  }),
};

function addPoint(curves: Map<string, Curve>, x: number, { name, values }: Series): void {
  const points = curves.get(name)?.points ?? [];
  curves.set(name, { name, points: [...points, { x, ...summary(values) }] });
}

async function run(sweep: Sweep, context: Context): Promise<CaseResult> {
  const runs = context.runs || (context.quick ? 2 : RUNS);
  const fileBytes = (context.quick ? 256 : 1024) * MIB;
  const path = join(context.directory, sweep.name);
  context.say(`${sweep.name}: writing ${fileBytes / MIB} MiB of random bytes`);
  writeRandomFile(path, fileBytes);
  await using file = await open(path, 'r');
  const handle = await openHandle(path, constants.O_RDONLY | constants.O_DIRECT);
  try {
    const withFio = await hasFio();
    const curves = new Map<string, Curve>();
    for (const x of sweep.places) {
      const load: Load = { ...sweep.load(x), path, fileBytes, ms: context.quick ? MS_QUICK : MS };
      using memory = new Region(load.depth * load.requestBytes);
      const contenders = [
        ours(file, load, memory),
        ...(sweep.hasBatches ? [oursBatched(file, load)] : []),
        nodeFs(handle, load, memory),
        ...(withFio ? [besideFio(load)] : []),
      ];
      for (const { name, measure } of contenders) if (!name.startsWith('fio')) await measure(); // compiled, and the memory has been touched
      for (const series of await interleave(contenders, runs)) addPoint(curves, x, series);
      context.say(`${sweep.name}: ${x} of ${sweep.places.at(-1)}`);
    }
    return {
      name: sweep.name,
      title: sweep.plot.title,
      unit: sweep.plot.yLabel,
      better: 'higher',
      runs,
      rows: [],
      verdicts: [],
      notes: [...sweep.notes, ...(withFio ? [] : ['fio is not installed: its curve is left out'])],
      plots: [{ ...sweep.plot, curves: [...curves.values()] }],
    };
  } finally {
    await handle.close();
    rmSync(path, { force: true });
  }
}

export const curveCases: readonly Case[] = [DEPTH_SWEEP, SIZE_SWEEP].map((sweep) => ({
  name: sweep.name,
  run: (context) => run(sweep, context),
}));
