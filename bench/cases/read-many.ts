// Case `read-many`: 10,000 random reads of 4 KiB given to readMany as one list, beside the same reads awaited.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { assert } from '../../src/base/assert.js';
import { type File, open } from '../../src/index.js';
import { Region } from '../../src/memory.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  judgeRatio,
  rowsOf,
  type Sample,
} from '../harness.js';
import { Random } from '../random.js';
import { MIB, writeRandomFile } from '../scratch.js';
import { ratios } from '../statistics.js';

const BLOCK_BYTES = 4096;
const READS = 10_000;
const DEPTH = 128;
const RUNS = 25;
const LEAST = 1.3;
const CPU = 'CPU µs per read';
const REQUESTS = 'requests';

interface Entry {
  readonly position: number;
  readonly memory: Uint8Array;
}

/** Half are at random places, the other half each right behind one of them; all shuffled. */
function randomList(random: Random, blocks: number, memory: Uint8Array): Entry[] {
  const positions: number[] = [];
  for (let i = 0; i < READS / 2; i++) {
    const block = random.below(blocks - 1);
    positions.push(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
  }
  random.shuffle(positions);
  return positions.map((position, i) => ({
    position,
    memory: memory.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES),
  }));
}

async function many(file: File, list: readonly Entry[]): Promise<number> {
  // The window holds the whole list: neighbours are found wherever they stand in it.
  const answers = file.readMany(list, { depth: DEPTH, windowEntries: READS });
  for (const { bytesRead } of await answers.all()) assert(bytesRead === BLOCK_BYTES, 'a read within the file is whole');
  return answers.requests;
}

async function awaited(file: File, list: readonly Entry[]): Promise<number> {
  let next = 0;
  const loop = async (): Promise<void> => {
    for (let entry = list[next++]; entry !== undefined; entry = list[next++]) {
      const { bytesRead } = await file.read(entry.memory, 0, BLOCK_BYTES, entry.position);
      assert(bytesRead === BLOCK_BYTES, 'a read within the file is whole');
    }
  };
  await Promise.all(Array.from({ length: DEPTH }, loop));
  return list.length;
}

async function timed(work: () => Promise<number>): Promise<Sample> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  const requests = await work();
  const value = performance.now() - started;
  const { user, system } = process.cpuUsage(cpu);
  return { value, extras: { [CPU]: (user + system) / READS, [REQUESTS]: requests } };
}

async function run(context: Context): Promise<CaseResult> {
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const bytes = (context.quick ? 256 : 1024) * MIB;
  const path = join(context.directory, 'read-many');
  context.say(`read-many: writing ${bytes / MIB} MiB of random bytes`);
  writeRandomFile(path, bytes);
  await using file = await open(path, 'r');
  try {
    const { bytes: memory } = new Region(READS * BLOCK_BYTES);
    const random = new Random(1);
    const list = (): Entry[] => randomList(random, bytes / BLOCK_BYTES, memory);
    const measure =
      (how: (file: File, list: readonly Entry[]) => Promise<number>): (() => Promise<Sample>) =>
      () => {
        const entries = list();
        return timed(() => how(file, entries));
      };
    const contenders: Contender[] = [
      { name: 'readMany', measure: measure(many) },
      { name: `file.read, ${DEPTH} at a time, awaited`, measure: measure(awaited) },
    ];
    await interleave(contenders, 3); // warm: the device, the compiler, the ring
    const all = await interleave(contenders, runs, (round, { name }, { value }) => {
      context.say(`read-many: run ${round + 1} of ${runs}: ${name} ${value.toFixed(0)} ms`);
    });
    const [ours = [], peer = []] = all.map(({ values }) => values);
    return {
      name: 'read-many',
      title: '10,000 random direct reads of 4 KiB, half of them right behind another',
      unit: 'ms',
      better: 'lower',
      runs,
      heldMib: (READS * BLOCK_BYTES) / MIB,
      ours: ['readMany'],
      rows: rowsOf(all, 'lower'),
      verdicts: [
        judgeRatio({ bar: `≥ ${LEAST} × the same awaited`, ratios: ratios(ours, peer, 'lower'), least: LEAST }),
      ],
      notes: [`diorite: engine ${file.engine}; both with a depth of ${DEPTH}; file of ${bytes / MIB} MiB`],
    };
  } finally {
    rmSync(path, { force: true });
  }
}

export const readManyCase: Case = { name: 'read-many', run };
