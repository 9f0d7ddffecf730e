// Case `small-pieces`: 100,000 pieces of 100 bytes in one writev, beside a stream of node:fs and a C program.
import { randomFillSync } from 'node:crypto';
import { createWriteStream, rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { assert } from '../../src/base/assert.js';
import { open } from '../../src/index.js';
import { buildC } from '../c/build.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  judgeAtMost,
  judgeRatio,
  rowsOf,
  type Sample,
  type Series,
  type Verdict,
} from '../harness.js';
import { runProcess } from '../processes.js';
import { settle, writeRandomFile } from '../scratch.js';
import { median, ratios } from '../statistics.js';

const PIECES = 100_000;
const PIECE_BYTES = 100;
/** As in bench/c/gather.c: the pieces do not follow each other in memory. */
const STRIDE_BYTES = 128;
const TOTAL_BYTES: number = PIECES * PIECE_BYTES;
const RUNS = 9;
/** A run's figure is the median of so many repetitions, in a row: C's are in one process. */
const REPETITIONS = 15;
const STREAM_LEAST = 4;
const C_MOST = 1.5;

function scatteredPieces(): Uint8Array[] {
  const arena = new Uint8Array(PIECES * STRIDE_BYTES);
  randomFillSync(arena);
  return Array.from({ length: PIECES }, (_, i) => arena.subarray(i * STRIDE_BYTES, i * STRIDE_BYTES + PIECE_BYTES));
}

async function repeated(work: () => Promise<void>): Promise<Sample> {
  const times: number[] = [];
  for (let i = 0; i < REPETITIONS; i++) {
    const started = performance.now();
    await work();
    times.push(performance.now() - started);
  }
  return { value: median(times) };
}

function stream(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const target = createWriteStream(path, { flags: 'r+' });
    target.on('error', reject).on('close', resolve);
    for (const piece of pieces) target.write(piece);
    target.end();
  });
}

async function gather(program: string, path: string): Promise<Sample> {
  const { stdout } = await runProcess(program, [path, String(REPETITIONS)], false);
  return { value: median(stdout.trim().split('\n').map(Number)) };
}

function judge([ours, node, c]: readonly Series[], problem: string): Verdict[] {
  assert(ours !== undefined && node !== undefined, 'ours and node:fs were measured');
  const bar = `≤ ${C_MOST} × C that gathers 1 MiB at a time`;
  const slower = c === undefined ? Number.NaN : median(ratios(c.values, ours.values, 'lower'));
  return [
    judgeRatio({
      bar: `≥ ${STREAM_LEAST} × createWriteStream of the same pieces`,
      ratios: ratios(ours.values, node.values, 'lower'),
      least: STREAM_LEAST,
    }),
    problem === '' ? judgeAtMost(bar, slower, C_MOST, '×') : { bar, measured: problem, passed: null },
  ];
}

async function run(context: Context): Promise<CaseResult> {
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const path = join(context.directory, 'small-pieces');
  writeRandomFile(path, TOTAL_BYTES);
  const { program, problem } = buildC('gather', context.directory);
  await using file = await open(path, 'r+');
  try {
    const pieces = scatteredPieces();
    const writev = async (): Promise<void> => {
      const { bytesWritten } = await file.writev(pieces, 0);
      assert(bytesWritten === TOTAL_BYTES, 'all of it was written');
    };
    const contenders: Contender[] = [
      { name: 'diorite, one writev', measure: () => repeated(writev) },
      { name: 'createWriteStream', measure: () => repeated(() => stream(path, pieces)) },
    ];
    if (program !== null) contenders.push({ name: 'C, gathers 1 MiB, O_DIRECT', measure: () => gather(program, path) });
    const settled = contenders.map(({ name, measure }) => ({
      name,
      measure: () => {
        settle(path); // the stream leaves dirty pages, which a direct write over them would have to wait for
        return measure();
      },
    }));
    await repeated(writev);
    const ownPeakMib = process.resourceUsage().maxRSS / 1024; // the stream of node:fs queues all pieces at once
    await interleave(settled, 1); // compiled and warm before it counts
    const all = await interleave(settled, runs, (round, { name }, { value }) => {
      context.say(`small-pieces: run ${round + 1} of ${runs}: ${name} ${value.toFixed(1)} ms`);
    });
    const seen = await file.writev(pieces, 0);
    const notes = [
      `a run is the median of ${REPETITIONS} repetitions in a row; over blocks that were written before`,
      `diorite: engine ${file.engine}, io ${seen.io}, ${seen.requests} requests, ${seen.copiedBytes} bytes copied`,
    ];
    if (program === null) notes.push(`C is left out: ${problem}`);
    return {
      name: 'small-pieces',
      title: 'Write of 100,000 scattered pieces of 100 bytes',
      unit: 'ms',
      better: 'lower',
      runs,
      ownPeakMib,
      heldMib: (PIECES * STRIDE_BYTES) / 2 ** 20,
      rows: rowsOf(all, 'lower'),
      verdicts: judge(all, problem),
      notes,
    };
  } finally {
    rmSync(path, { force: true });
  }
}

export const smallPiecesCase: Case = { name: 'small-pieces', run };
