// Case `stdin`: a program's output to a file by `diorite copy -`, beside dd with direct I/O.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
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
  type Series,
} from '../harness.js';
import { runProcess } from '../processes.js';
import { cachedPages, evict, MIB, settle, writeRandomFile } from '../scratch.js';
import { median, ratios } from '../statistics.js';

const CLI = fileURLToPath(new URL('../../../bin/diorite.js', import.meta.url));
const DELAY = fileURLToPath(new URL('../stdin/delay.js', import.meta.url));
const RUNS = 7;
const CPU_MOST = 0.8;
const DELAY_MS_MAX = 10;

const CPU = 'CPU s';
const PAGES = 'pages left';

/**
 * Of the program behind the pipe alone: bash's `time` is told of what it waited for, threads and kernel workers of the
 * process included.
 */
async function piped(source: string, consumer: string, ...args: string[]): Promise<{ seconds: number; cpu: number }> {
  const script = `set -o pipefail; TIMEFORMAT='%3U %3S'; cat "$0" | { time ${consumer}; } 2>&1`;
  const { seconds, stdout } = await runProcess('bash', ['-c', script, source, ...args]);
  const [user = Number.NaN, system = Number.NaN] = stdout.trim().split('\n').at(-1)?.split(' ').map(Number) ?? [];
  return { seconds, cpu: user + system };
}

function contender(name: string, source: string, to: string, bytes: number, consumer: string): Contender {
  const measure: Contender['measure'] = async () => {
    rmSync(to, { force: true });
    evict(source);
    settle(source);
    const { seconds, cpu } = await piped(source, consumer, process.execPath, CLI, to);
    return { value: bytes / MIB / seconds, extras: { [CPU]: cpu, [PAGES]: cachedPages(to) } };
  };
  return { name, measure };
}

const COPYING = 'DELAY_FILE="$4" "$1" --import "$5" "$2" copy - "$3"';
/** As long as the other one, and nothing to do. */
const IDLE = 'DELAY_FILE="$4" "$1" --import "$5" --eval "setTimeout(() => {}, 10_000)"';

/** In a run of its own, which is not timed. */
async function delayMs(source: string, to: string, consumer: string): Promise<number> {
  const file = `${to}.delay`;
  rmSync(to, { force: true });
  try {
    await piped(source, consumer, process.execPath, CLI, to, file, DELAY);
    return Number(readFileSync(file, 'utf8'));
  } finally {
    rmSync(file, { force: true });
  }
}

function extra(series: Series | undefined, name: string): readonly number[] {
  return series?.extras.get(name) ?? [];
}

async function run(context: Context): Promise<CaseResult> {
  const bytes = (context.quick ? 256 : 4096) * MIB;
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const source = join(context.directory, 'source');
  const to = join(context.directory, 'to');
  context.say(`stdin: writing ${bytes / MIB} MiB of random bytes`);
  writeRandomFile(source, bytes);
  const contenders = [
    contender('diorite copy -', source, to, bytes, '"$1" "$2" copy - "$3"'),
    contender('dd direct', source, to, bytes, 'dd of="$3" bs=1M iflag=fullblock oflag=direct status=none'),
  ];
  try {
    const all = await interleave(contenders, runs, (round, { name }, { value }) => {
      context.say(`stdin: run ${round + 1} of ${runs}: ${name} ${value.toFixed(0)} MiB/s`);
    });
    const [ours, dd] = all;
    const bar = '≥ 1.0 × dd bs=1M iflag=fullblock oflag=direct';
    const speed = ratios(ours?.values ?? [], dd?.values ?? [], 'higher');
    const idleMs = await delayMs('/dev/null', to, IDLE);
    const loop = `event loop p99.9 ≤ ${DELAY_MS_MAX} ms (idle process: ${idleMs.toFixed(2)} ms)`;
    const cpu = ratios(extra(dd, CPU), extra(ours, CPU), 'lower');
    return {
      name: 'stdin',
      title: `cat of ${bytes / MIB} MiB, cold, through a pipe to a new file`,
      unit: 'MiB/s',
      better: 'higher',
      runs,
      rows: rowsOf(all, 'higher'),
      verdicts: [
        judgeRatio({ bar, ratios: speed, least: 1, holdsFrom: EQUAL_RATIO }),
        judgeAtMost(`CPU ≤ ${CPU_MOST} × dd`, median(cpu), CPU_MOST, '×'),
        judgeAtMost('no page of the file in the page cache', Math.max(...extra(ours, PAGES)), 0, 'pages at most'),
        judgeAtMost(loop, await delayMs(source, to, COPYING), DELAY_MS_MAX, 'ms'),
      ],
      notes: [
        'until the program behind the pipe has ended: ours has synced and renamed the file by then, dd has not synced',
        'CPU is of that program alone, its start included; cat is the same for both',
      ],
    };
  } finally {
    for (const path of [source, to]) rmSync(path, { force: true });
  }
}

export const stdinCase: Case = { name: 'stdin', run };
