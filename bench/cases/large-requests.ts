// Cases `sequential-*` and `threads`: requests of 1 MiB in order, beside fio; the threads engine beside FileHandle.
import { randomFillSync } from 'node:crypto';
import { constants, rmSync } from 'node:fs';
import { open as openHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { open } from '../../src/index.js';
import { Region } from '../../src/memory.js';
import { hasFio } from '../fio.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  judgeRatio,
  rowsOf,
  type Series,
  skippedResult,
  type Verdict,
} from '../harness.js';
import { besideFio, type Load, nodeFs, ours } from '../rates/rates.js';
import { evict, MIB, settle, writeRandomFile } from '../scratch.js';
import { ratios } from '../statistics.js';

const RUNS = 9;
const MS = 1500;
const MS_QUICK = 400;
const FIO_LEAST = 0.97;
const THREADS_LEAST = 0.95;

interface Plan {
  readonly name: string;
  readonly title: string;
  readonly direction: 'read' | 'write';
  readonly depth: number;
  readonly engine: 'auto' | 'threads';
  readonly judge: (all: readonly Series[]) => Verdict[];
}

function valuesOf(all: readonly Series[], start: string): readonly number[] {
  return all.find(({ name }) => name.startsWith(start))?.values ?? [];
}

function beside(start: string, bar: string, least: number): (all: readonly Series[]) => Verdict[] {
  return (all) => [
    judgeRatio({ bar, ratios: ratios(valuesOf(all, 'diorite'), valuesOf(all, start), 'higher'), least }),
  ];
}

async function run(plan: Plan, context: Context): Promise<CaseResult> {
  if (!(await hasFio())) return skippedResult(plan.name, plan.title, 'fio is not installed');
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const fileBytes = (context.quick ? 256 : 1024) * MIB;
  const path = join(context.directory, plan.name);
  context.say(`${plan.name}: writing ${fileBytes / MIB} MiB of random bytes`);
  writeRandomFile(path, fileBytes);
  const { direction, depth } = plan;
  const ms = context.quick ? MS_QUICK : MS;
  const load: Load = { path, fileBytes, direction, order: 'sequential', requestBytes: MIB, depth, ms, figure: 'MiB/s' };
  await using file = await open(path, 'r+', { engine: plan.engine });
  const handle = await openHandle(path, constants.O_RDWR | constants.O_DIRECT);
  try {
    using memory = new Region(depth * MIB);
    randomFillSync(memory.bytes);
    const contenders: Contender[] = [ours(file, load, memory), nodeFs(handle, load, memory), besideFio(load)];
    for (const { measure } of contenders) await measure(); // warm: the device, the compiler, the ring
    evict(path);
    settle(path);
    const all = await interleave(contenders, runs, (round, { name }, { value }) => {
      context.say(`${plan.name}: run ${round + 1} of ${runs}: ${name} ${value.toFixed(0)} MiB/s`);
    });
    const { io, requests } = await file.read(memory.bytes, 0, MIB, 0);
    return {
      name: plan.name,
      title: plan.title,
      unit: 'MiB/s',
      better: 'higher',
      runs,
      heldMib: depth,
      rows: rowsOf(all, 'higher'),
      verdicts: plan.judge(all),
      notes: [
        `runs of ${ms / 1000} s over a file of ${fileBytes / MIB} MiB that was written before; each call is 1 MiB of page-aligned memory`,
        `diorite: engine ${file.engine}, io ${io}, ${requests} request a call`,
      ],
    };
  } finally {
    await handle.close();
    rmSync(path, { force: true });
  }
}

const PLANS: readonly Plan[] = [
  {
    name: 'sequential-read',
    title: 'Reads of 1 MiB in order, 8 at a time',
    direction: 'read',
    depth: 8,
    engine: 'auto',
    judge: beside('fio', `≥ ${FIO_LEAST} × fio`, FIO_LEAST),
  },
  {
    name: 'sequential-write',
    title: 'Writes of 1 MiB in order, 8 at a time',
    direction: 'write',
    depth: 8,
    engine: 'auto',
    judge: beside('fio', `≥ ${FIO_LEAST} × fio`, FIO_LEAST),
  },
  {
    name: 'threads',
    title: 'Reads of 1 MiB in order, 4 at a time, on the threads engine',
    direction: 'read',
    depth: 4,
    engine: 'threads',
    judge: beside('FileHandle', `≥ ${THREADS_LEAST} × FileHandle.read at the same depth`, THREADS_LEAST),
  },
];

export const largeRequestCases: readonly Case[] = PLANS.map((plan) => ({
  name: plan.name,
  run: (context) => run(plan, context),
}));
