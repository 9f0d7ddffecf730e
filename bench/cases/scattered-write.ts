// Case `scattered`: 4 MiB from 1,024 scattered pages, beside one contiguous buffer and node:fs.

import { randomFillSync } from 'node:crypto';
import { constants, rmSync } from 'node:fs';
import { type FileHandle, open as openHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { assert } from '../../src/base/assert.js';
import { type File, open, PAGE_SIZE } from '../../src/index.js';
import { Region } from '../../src/memory.js';
import {
  addSample,
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  EQUAL_RATIO,
  interleave,
  judgeAtMost,
  judgeRatio,
  newSeries,
  rowsOf,
  type Series,
  type Verdict,
} from '../harness.js';
import { Random } from '../random.js';
import { MIB, writeRandomFile } from '../scratch.js';
import { median, ratios } from '../statistics.js';

const PAGES = 1024;
const WRITE_BYTES: number = PAGES * PAGE_SIZE;
const FILE_BYTES: number = 16 * MIB;
/** The same blocks each time: they are allocated and written, so that no write changes metadata. */
const AT: number = 8 * MIB;
const RUNS = 9;
const REPETITIONS = 40;
/** Page by page takes as long as all the others together. */
const AWAITED_EVERY = 10;

const CONTIGUOUS_WORST = 1.15;
const AWAITED_LEAST = 20;

interface Subject {
  readonly file: File;
  readonly handle: FileHandle;
  /** Shuffled, no two neighbours in memory: every other page of a region. */
  readonly pages: readonly Uint8Array[];
  readonly contiguous: Uint8Array;
}

function scatteredPages(): Uint8Array[] {
  const region = new Region(2 * WRITE_BYTES);
  randomFillSync(region.bytes);
  const pages = Array.from({ length: PAGES }, (_, i) => {
    const start = 2 * i * PAGE_SIZE;
    return region.bytes.subarray(start, start + PAGE_SIZE);
  });
  new Random(1).shuffle(pages);
  return pages;
}

async function timed(work: () => Promise<number>): Promise<{ value: number }> {
  const started = performance.now();
  const written = await work();
  const value = performance.now() - started;
  assert(written === WRITE_BYTES, 'all of it was written');
  return { value };
}

async function pageByPage({ handle, pages }: Subject): Promise<number> {
  let written = 0;
  for (const page of pages) {
    const { bytesWritten } = await handle.write(page, 0, PAGE_SIZE, AT + written);
    written += bytesWritten;
  }
  return written;
}

function contendersOf(subject: Subject): Contender[] {
  const { file, handle, pages, contiguous } = subject;
  return [
    {
      name: 'diorite, 1,024 scattered pages',
      measure: () => timed(async () => (await file.writev(pages, AT)).bytesWritten),
    },
    {
      name: 'diorite, one contiguous buffer',
      measure: () => timed(async () => (await file.write(contiguous, 0, WRITE_BYTES, AT)).bytesWritten),
    },
    {
      name: 'FileHandle.writev, same views',
      // Node's types want a mutable array; it does not change it.
      measure: () => timed(async () => (await handle.writev([...pages], AT)).bytesWritten),
    },
    {
      name: 'FileHandle.write, each awaited',
      measure: () => timed(() => pageByPage(subject)),
      every: AWAITED_EVERY,
    },
  ];
}

/** A run's figure is the median of its repetitions, which are interleaved as the runs are. */
async function measureRuns(subject: Subject, runs: number, repetitions: number, context: Context): Promise<Series[]> {
  const contenders = contendersOf(subject);
  const all = contenders.map(({ name }) => newSeries(name));
  await interleave(contenders, Math.ceil(repetitions / 2)); // compiled and warm before it counts
  for (let run = 0; run < runs; run++) {
    const repeated = await interleave(contenders, repetitions);
    for (const [i, series] of repeated.entries()) {
      const into = all[i];
      if (into !== undefined) addSample(into, { value: median(series.values) });
    }
    context.say(`scattered: run ${run + 1} of ${runs}`);
  }
  return all;
}

function judge(all: readonly Series[]): Verdict[] {
  const [ours, contiguous, vector, awaited] = all.map(({ values }) => values);
  assert(ours !== undefined && contiguous !== undefined && vector !== undefined && awaited !== undefined, 'four rows');
  const slower = median(ratios(contiguous, ours, 'lower'));
  const bar = `≤ ${CONTIGUOUS_WORST} × the time of one contiguous buffer`;
  return [
    judgeAtMost(bar, slower, CONTIGUOUS_WORST, '×'),
    judgeRatio({
      bar: '≥ 1.0 × FileHandle.writev of the same views',
      ratios: ratios(ours, vector, 'lower'),
      least: 1,
      holdsFrom: EQUAL_RATIO,
    }),
    judgeRatio({
      bar: `≥ ${AWAITED_LEAST} × awaited writes, page by page`,
      ratios: ratios(ours, awaited, 'lower'),
      least: AWAITED_LEAST,
    }),
  ];
}

async function run(context: Context): Promise<CaseResult> {
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const repetitions = context.quick ? AWAITED_EVERY : REPETITIONS;
  const path = join(context.directory, 'scattered');
  writeRandomFile(path, FILE_BYTES);
  await using file = await open(path, 'r+');
  const handle = await openHandle(path, constants.O_RDWR | constants.O_DIRECT);
  try {
    const pages = scatteredPages();
    const { bytes: contiguous } = new Region(WRITE_BYTES);
    randomFillSync(contiguous);
    const all = await measureRuns({ file, handle, pages, contiguous }, runs, repetitions, context);
    const seen = await file.writev(pages, AT);
    return {
      name: 'scattered',
      title: 'Write of 4 MiB from 1,024 scattered pages',
      unit: 'ms',
      better: 'lower',
      runs,
      rows: rowsOf(all, 'lower'),
      verdicts: judge(all),
      notes: [
        `a run is the median of ${repetitions} interleaved repetitions; over blocks that were written before`,
        `diorite: engine ${file.engine}, io ${seen.io}, ${seen.requests} requests, ${seen.copiedBytes} bytes copied`,
      ],
    };
  } finally {
    await handle.close();
    rmSync(path, { force: true });
  }
}

export const scatteredCase: Case = { name: 'scattered', run };
