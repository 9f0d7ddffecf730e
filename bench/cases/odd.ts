// Case `odd`: 1 MiB at an odd offset from odd memory, beside the aligned one, and what it costs the device.
import { randomFillSync } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
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
  interleave,
  judgeAtMost,
  newSeries,
  rowsOf,
} from '../harness.js';
import { MIB, settle, writeRandomFile } from '../scratch.js';
import { median, ratios } from '../statistics.js';

const FILE_BYTES: number = 16 * MIB;
/** Apart: a direct write over the other's ends would have to write them back and drop them first. */
const AT: number = 8 * MIB;
const ALIGNED_AT: number = 4 * MIB;
const ODD_OFFSET = 1235;
/** Not the same within a page: or all but the ends would lie as O_DIRECT wants it. */
const ODD_ADDRESS = 777;
const RUNS = 9;
const REPETITIONS = 40;
const WRITES = 64;
const MOST = 1.4;

async function write(file: File, memory: Uint8Array, position: number): Promise<{ value: number }> {
  const started = performance.now();
  const { bytesWritten } = await file.write(memory, 0, MIB, position);
  const value = performance.now() - started;
  assert(bytesWritten === MIB, 'all of it was written');
  return { value };
}

/** What this process has caused to be written (proc(5)): dirtied pages and direct writes. NaN where that is not told. */
function writtenBytes(): number {
  try {
    return Number(/^write_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1] ?? Number.NaN);
  } catch {
    return Number.NaN; // the kernel does not account for I/O
  }
}

/** Bytes more than asked, by write, with everything written back. */
async function overhead(file: File, memory: Uint8Array): Promise<number> {
  await file.sync();
  const before = writtenBytes();
  for (let i = 0; i < WRITES; i++) {
    await file.write(memory, 0, MIB, AT + ODD_OFFSET);
    await file.datasync();
  }
  return (writtenBytes() - before) / WRITES - MIB;
}

async function run(context: Context): Promise<CaseResult> {
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const path = join(context.directory, 'odd');
  writeRandomFile(path, FILE_BYTES);
  await using file = await open(path, 'r+');
  try {
    const aligned = new Region(MIB).bytes;
    const odd = new Region(2 * MIB).bytes.subarray(ODD_ADDRESS, ODD_ADDRESS + MIB);
    randomFillSync(odd);
    randomFillSync(aligned);
    const contenders: Contender[] = [
      { name: 'odd offset, odd memory', measure: () => write(file, odd, AT + ODD_OFFSET) },
      { name: 'aligned', measure: () => write(file, aligned, ALIGNED_AT) },
    ];
    const all = contenders.map(({ name }) => newSeries(name));
    await interleave(contenders, REPETITIONS); // compiled and warm before it counts
    settle(path);
    for (let round = 0; round < runs; round++) {
      const repeated = await interleave(contenders, REPETITIONS);
      for (const [i, series] of repeated.entries()) {
        const into = all[i];
        if (into !== undefined) addSample(into, { value: median(series.values) });
      }
      context.say(`odd: run ${round + 1} of ${runs}`);
    }
    const [ours = [], peer = []] = all.map(({ values }) => values);
    const seen = await file.write(odd, 0, MIB, AT + ODD_OFFSET);
    const more = await overhead(file, odd);
    return {
      name: 'odd',
      title: 'Write of 1 MiB at an odd offset from odd memory',
      unit: 'ms',
      better: 'lower',
      runs,
      rows: rowsOf(all, 'lower'),
      verdicts: [
        judgeAtMost(`≤ ${MOST} × the time of the aligned one`, median(ratios(peer, ours, 'lower')), MOST, '×'),
        judgeAtMost('device bytes ≤ asked + 2 pages a write', more, 2 * PAGE_SIZE, 'bytes more'),
      ],
      notes: [
        `a run is the median of ${REPETITIONS} interleaved repetitions; over blocks that were written before, the ends in the page cache`,
        `diorite: engine ${file.engine}, io ${seen.io}, ${seen.requests} requests, ${seen.copiedBytes} bytes copied, ` +
          `${seen.bufferedBytes} through the page cache`,
      ],
    };
  } finally {
    rmSync(path, { force: true });
  }
}

export const oddCase: Case = { name: 'odd', run };
