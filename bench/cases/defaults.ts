// Cases `defaults-*`: what nobody tuned beside a sweep over depth and request size: reads, writes and copies, on two disks.
import { randomFillSync } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { assert } from '../../src/base/assert.js';
import { type Chosen, copy, type OpenOptions, open } from '../../src/index.js';
import { IovIter } from '../../src/iter.js';
import { Region } from '../../src/memory.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  type Curve,
  interleave,
  judgeRatio,
  type Plot,
  rowsOf,
  type Series,
  skippedResult,
} from '../harness.js';
import { withZramXfs, zramProblem } from '../iops/zram.js';
import { MIB, settle, writeRandomFile } from '../scratch.js';
import { median, ratios, summary } from '../statistics.js';

const KIB = 1024;
const RUNS = 9;
const LEAST = 0.95;
const SIZES: readonly number[] = [256 * KIB, MIB, 4 * MIB];
const DEPTHS: readonly number[] = [1, 4, 16];
/** The memory that the bytes come from and go to, again and again: long transfers need no long memory. */
const MEMORY_BYTES: number = 32 * MIB;
/** Of a copy both files, and what XFS and its log take beside them. */
const ZRAM_MIB = 3072;
const CPU = 'CPU ms per GiB';

type Work = 'read' | 'write' | 'copy';

interface Tuning {
  readonly depth: number;
  readonly requestBytes: number;
}

interface Subject {
  readonly work: Work;
  readonly source: string;
  readonly destination: string;
  readonly bytes: number;
  /** What the defaults came to in the last run. */
  chosen: Chosen | null;
}

const TUNINGS: readonly Tuning[] = SIZES.flatMap((requestBytes) => DEPTHS.map((depth) => ({ depth, requestBytes })));

function textOf({ depth, requestBytes }: Tuning): string {
  return `${depth} × ${requestBytes < MIB ? `${requestBytes / KIB} KiB` : `${requestBytes / MIB} MiB`}`;
}

/** As many times the same memory as the file is long. */
function memoryOf(region: Region, bytes: number): IovIter {
  return IovIter.from(Array.from({ length: bytes / MEMORY_BYTES }, () => region.bytes));
}

async function transfer(subject: Subject, region: Region, tuning: Tuning | null): Promise<void> {
  const { work, source, destination, bytes } = subject;
  const options: OpenOptions = tuning === null ? {} : { ...tuning, bytesInFlight: 2 * MEMORY_BYTES };
  const iter = memoryOf(region, bytes);
  if (work === 'read') {
    await using file = await open(source, 'r', options);
    const { bytesRead, chosen } = await file.read(iter, { position: 0 });
    assert(bytesRead === bytes, 'all of it is read');
    if (tuning === null) subject.chosen = chosen;
    return;
  }
  await using file = await open(destination, 'r+', options);
  const { chosen } = await file.write(iter, { position: 0 });
  if (tuning === null) subject.chosen = chosen;
}

async function copyOnce(subject: Subject, tuning: Tuning | null): Promise<void> {
  const { chosen } = await copy(subject.source, subject.destination, tuning ?? {});
  if (tuning === null) subject.chosen = chosen;
}

function contender(name: string, subject: Subject, region: Region, tuning: Tuning | null): Contender {
  const measure: Contender['measure'] = async () => {
    if (subject.work === 'copy') rmSync(subject.destination, { force: true });
    settle(subject.source);
    const cpu = process.cpuUsage();
    const started = performance.now();
    if (subject.work === 'copy') await copyOnce(subject, tuning);
    else await transfer(subject, region, tuning);
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const mib = subject.bytes / MIB;
    return { value: mib / seconds, extras: { [CPU]: (user + system) / 1000 / (mib / KIB) } };
  };
  return { name, measure };
}

/** The best of the sweep is the tuning with the best median: of single runs the best one is the luckiest. */
function bestOf(sweep: readonly Series[]): Series {
  const [first] = sweep;
  assert(first !== undefined, 'a sweep has at least one place');
  return sweep.reduce((best, each) => (median(each.values) > median(best.values) ? each : best), first);
}

function plotOf(name: string, title: string, defaults: Series, sweep: readonly Series[]): Plot {
  const flat: Curve = {
    name: 'diorite, nothing asked for',
    points: SIZES.map((x) => ({ x, ...summary(defaults.values) })),
  };
  const curves = DEPTHS.map((depth): Curve => {
    const points = TUNINGS.flatMap((tuning, i) => {
      const series = sweep[i];
      return tuning.depth === depth && series !== undefined
        ? [{ x: tuning.requestBytes, ...summary(series.values) }]
        : [];
    });
    return { name: `${depth} in flight`, points };
  });
  return {
    name,
    title,
    xLabel: 'size of a request',
    xUnit: 'bytes',
    yLabel: 'MiB a second',
    curves: [flat, ...curves],
  };
}

const TITLES: Readonly<Record<Work, string>> = {
  read: 'A long read',
  write: 'A long write over what was written before',
  copy: 'A copy',
};

async function compare(name: string, work: Work, where: string, medium: string, context: Context): Promise<CaseResult> {
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const bytes = (context.quick ? 256 : 1024) * MIB;
  const subject: Subject = {
    work,
    source: join(where, 'source'),
    destination: join(where, 'destination'),
    bytes,
    chosen: null,
  };
  context.say(`${name}: writing ${bytes / MIB} MiB of random bytes`);
  writeRandomFile(subject.source, bytes);
  try {
    if (work === 'write') writeRandomFile(subject.destination, bytes);
    using region = new Region(MEMORY_BYTES);
    randomFillSync(region.bytes);
    const contenders = [
      contender('diorite, nothing asked for', subject, region, null),
      ...TUNINGS.map((tuning) => contender(textOf(tuning), subject, region, tuning)),
    ];
    await contenders[0]?.measure(); // warm: the device, the compiler, the ring
    const [ours, ...sweep] = await interleave(contenders, runs, (round, each, { value }) => {
      context.say(`${name}: run ${round + 1} of ${runs}: ${each.name} ${value.toFixed(0)} MiB/s`);
    });
    assert(ours !== undefined, 'the defaults were measured');
    const best = bestOf(sweep);
    const title = `${TITLES[work]} of ${bytes / MIB} MiB on ${medium}, beside a sweep over depth and request size`;
    const { chosen } = subject;
    return {
      name,
      title,
      unit: 'MiB/s',
      better: 'higher',
      runs,
      medium,
      heldMib: MEMORY_BYTES / MIB,
      ours: ['diorite, nothing asked for'],
      rows: rowsOf([ours, ...sweep], 'higher'),
      verdicts: [
        judgeRatio({
          bar: `≥ ${LEAST} × the best of the sweep (${best.name})`,
          ratios: ratios(ours.values, best.values, 'higher'),
          least: LEAST,
        }),
      ],
      notes: [
        'the rows of the sweep are the library as well, with `depth` and `requestBytes` asked for',
        chosen === null ? 'the defaults were not adapted' : `the defaults came to ${textOf(chosen)}: ${chosen.why}`,
      ],
      plots: [plotOf(name, title, ours, sweep)],
    };
  } finally {
    for (const path of [subject.source, subject.destination]) rmSync(path, { force: true });
  }
}

async function onZram(name: string, work: Work, context: Context): Promise<CaseResult> {
  const problem = zramProblem();
  if (problem !== null) return skippedResult(name, `${TITLES[work]} on zram with XFS`, problem);
  return withZramXfs(context.directory, ZRAM_MIB, (directory) =>
    compare(name, work, directory, 'zram with XFS', context),
  );
}

const WORKS: readonly Work[] = ['read', 'write', 'copy'];

export const defaultsCases: readonly Case[] = [
  ...WORKS.map((work): Case => {
    const name = `defaults-${work}`;
    return { name, run: (context) => compare(name, work, context.directory, 'the disk', context) };
  }),
  ...WORKS.map((work): Case => {
    const name = `defaults-zram-${work}`;
    return { name, run: (context) => onZram(name, work, context) };
  }),
];
