// Cases `stream-write`, `stream-upload` and `stream-read`: streams of an open file beside Node's own, and beside fio.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fioSequentialRead, hasFio } from '../fio.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  EQUAL_RATIO,
  interleave,
  judgeAtMost,
  judgeRatio,
  rowsOf,
  type Sample,
  type Series,
  type Verdict,
} from '../harness.js';
import { runProcess } from '../processes.js';
import { cachedPages, evict, MIB, settle, writeRandomFile } from '../scratch.js';
import { median, ratios } from '../statistics.js';
import type { StreamCost } from '../streams/worker.js';

const WORKER = fileURLToPath(new URL('../streams/worker.js', import.meta.url));
const RUNS = 7;
const WRITE_LEAST = 2;
const WRITE_CPU_MOST = 0.5;
const READ_LEAST = 0.95;
const READ_DEPTH = 8;
const PEAK_MB_MAX = 150;
const DELAY_MS_MAX = 10;

const WARM_NOTE =
  'counted in a process that has had 512 MiB before: while V8 compiles, it collects the whole heap more often';

const CPU = 'CPU s';
const DELAY = 'loop p99.9 ms';
const COLD_DELAY = 'of the first 512 MiB';
const PEAK = 'peak MiB';
const PAGES = 'pages left';

async function worker(...args: readonly (string | number)[]): Promise<StreamCost> {
  const { stdout } = await runProcess(process.execPath, [WORKER, ...args.map(String)], false);
  return JSON.parse(stdout) as StreamCost;
}

function sampleOf(cost: StreamCost, bytes: number, path: string): Sample {
  return {
    value: bytes / MIB / cost.seconds,
    extras: {
      [CPU]: cost.cpuSeconds,
      [DELAY]: cost.delayMs,
      ...(cost.coldDelayMs === undefined ? {} : { [COLD_DELAY]: cost.coldDelayMs }),
      [PEAK]: cost.peakMib,
      [PAGES]: cachedPages(path),
    },
  };
}

/** To a new file, and nothing of the last one left to be written. */
function writing(name: string, mode: string, path: string, bytes: number): Contender {
  return {
    name,
    measure: async () => {
      rmSync(path, { force: true });
      settle(join(path, '..'));
      return sampleOf(await worker(mode, path, bytes), bytes, path);
    },
  };
}

function extras(series: Series | undefined, name: string): readonly number[] {
  return series?.extras.get(name) ?? [];
}

function judgeDelay(ours: Series | undefined, idle: StreamCost): Verdict {
  const bar = `event loop p99.9 ≤ ${DELAY_MS_MAX} ms (idle process: ${idle.delayMs.toFixed(2)} ms)`;
  return judgeAtMost(bar, median(extras(ours, DELAY)), DELAY_MS_MAX, 'ms');
}

function told(context: Context, name: string, runs: number) {
  return (round: number, contender: Contender, { value }: Sample): void =>
    context.say(`${name}: run ${round + 1} of ${runs}: ${contender.name} ${value.toFixed(0)} MiB/s`);
}

async function runWrite(context: Context): Promise<CaseResult> {
  const bytes = (context.quick ? 64 : 1024) * MIB;
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const path = join(context.directory, 'stream');
  const contenders = [
    writing('diorite, createWriteStream', 'write-ours', path, bytes),
    writing('node:fs, createWriteStream', 'write-node', path, bytes),
  ];
  try {
    const all = await interleave(contenders, runs, told(context, 'stream-write', runs));
    const [ours, node] = all;
    const cpu = ratios(extras(node, CPU), extras(ours, CPU), 'lower');
    return {
      name: 'stream-write',
      title: `Chunks of 1 KiB through a write stream, ${bytes / MIB} MiB`,
      unit: 'MiB/s',
      better: 'higher',
      runs,
      rows: rowsOf(all, 'higher'),
      verdicts: [
        judgeRatio({
          bar: `≥ ${WRITE_LEAST} × createWriteStream of node:fs`,
          ratios: ratios(ours?.values ?? [], node?.values ?? [], 'higher'),
          least: WRITE_LEAST,
        }),
        judgeAtMost(`CPU ≤ ${WRITE_CPU_MOST} × node:fs`, median(cpu), WRITE_CPU_MOST, '×'),
        judgeDelay(ours, await worker('idle')),
      ],
      notes: [
        'a new file each time, until the stream is closed: ours is on the disk by then, node:fs leaves dirty pages',
        'CPU is of the process and its kernel workers; what writes node:fs’s pages back later is not in it',
      ],
    };
  } finally {
    rmSync(path, { force: true });
  }
}

async function runUpload(context: Context): Promise<CaseResult> {
  const bytes = (context.quick ? 128 : 2048) * MIB;
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const path = join(context.directory, 'upload');
  const contenders = [
    writing('diorite, pipeline', 'upload-ours', path, bytes),
    writing('node:fs, pipeline', 'upload-node', path, bytes),
  ];
  try {
    const all = await interleave(contenders, runs, told(context, 'stream-upload', runs));
    const [ours, node] = all;
    const peakMb = Math.max(...extras(ours, PEAK)) * (MIB / 1e6);
    return {
      name: 'stream-upload',
      title: `HTTP upload of ${bytes / MIB} MiB to a file`,
      unit: 'MiB/s',
      better: 'higher',
      runs,
      rows: rowsOf(all, 'higher'),
      verdicts: [
        judgeRatio({
          bar: '≥ 1.0 × the pipeline of node:fs',
          ratios: ratios(ours?.values ?? [], node?.values ?? [], 'higher'),
          least: 1,
          holdsFrom: EQUAL_RATIO,
        }),
        judgeAtMost(`peak RSS ≤ ${PEAK_MB_MAX} MB`, peakMb, PEAK_MB_MAX, 'MB at most'),
        judgeAtMost('no page left in the page cache', Math.max(...extras(ours, PAGES)), 0, 'pages at most'),
        judgeDelay(ours, await worker('idle')),
      ],
      notes: ['the sender is a process of its own on the same machine; CPU and RSS are the server’s', WARM_NOTE],
    };
  } finally {
    rmSync(path, { force: true });
  }
}

async function runRead(context: Context): Promise<CaseResult> {
  const bytes = (context.quick ? 256 : 4096) * MIB;
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const path = join(context.directory, 'read');
  context.say(`stream-read: writing ${bytes / MIB} MiB of random bytes`);
  writeRandomFile(path, bytes);
  const contenders: Contender[] = [
    {
      name: 'diorite, createReadStream',
      measure: async () => {
        evict(path);
        return sampleOf(await worker('read-ours', path, bytes, READ_DEPTH), bytes, path);
      },
    },
  ];
  const withFio = await hasFio();
  if (withFio) {
    contenders.push({
      name: 'fio, io_uring, direct',
      measure: async () => {
        evict(path);
        const { mibPerSecond, cpuSeconds } = await fioSequentialRead(path, { depth: READ_DEPTH, blockBytes: MIB });
        return { value: mibPerSecond, extras: { [CPU]: cpuSeconds } };
      },
    });
  }
  const bar = `≥ ${READ_LEAST} × fio at 1 MiB and depth ${READ_DEPTH}`;
  try {
    const all = await interleave(contenders, runs, told(context, 'stream-read', runs));
    const [ours, fio] = all;
    const verdict: Verdict = withFio
      ? judgeRatio({ bar, ratios: ratios(ours?.values ?? [], fio?.values ?? [], 'higher'), least: READ_LEAST })
      : { bar, measured: 'fio is not installed', passed: null };
    return {
      name: 'stream-read',
      title: `Sequential read through a stream, cold, ${bytes / MIB} MiB`,
      unit: 'MiB/s',
      better: 'higher',
      runs,
      rows: rowsOf(all, 'higher'),
      verdicts: [verdict, judgeDelay(ours, await worker('idle'))],
      notes: ['every chunk is memory of its own, which the garbage collector takes back', WARM_NOTE],
    };
  } finally {
    rmSync(path, { force: true });
  }
}

export const streamCases: readonly Case[] = [
  { name: 'stream-write', run: runWrite },
  { name: 'stream-upload', run: runUpload },
  { name: 'stream-read', run: runRead },
];
