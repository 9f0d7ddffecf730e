// Case `random-read`: 4 KiB direct reads at random places, 128 at a time, each an awaited promise.
import { constants, rmSync } from 'node:fs';
import { open as openHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { assert } from '../../src/base/assert.js';
import { open } from '../../src/index.js';
import { Region } from '../../src/memory.js';
import { fioRandomReads, hasFio } from '../fio.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  judgeRatio,
  rowsOf,
  type Sample,
  type Series,
  type Verdict,
} from '../harness.js';
import { Random } from '../random.js';
import { MIB, writeRandomFile } from '../scratch.js';
import { ratios } from '../statistics.js';

const BLOCK_BYTES = 4096;
const DEPTH = 128;
const RUNS = 9;
const SECONDS = 2;
const LEAST = 3;
const CPU = 'CPU µs per read';

/** What a File and a FileHandle have in common. */
interface Readable {
  read(view: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>;
}

/** `DEPTH` loops, each with a page-aligned view of its own. */
async function randomReads(file: Readable, views: readonly Uint8Array[], blocks: number, ms: number): Promise<Sample> {
  const random = new Random(1);
  let reads = 0;
  let stopping = false;
  const loop = async (view: Uint8Array): Promise<void> => {
    while (!stopping) {
      const position = random.below(blocks) * BLOCK_BYTES;
      const { bytesRead } = await file.read(view, 0, BLOCK_BYTES, position);
      assert(bytesRead === BLOCK_BYTES, 'a read within the file is whole');
      reads++;
    }
  };
  const cpu = process.cpuUsage();
  const started = performance.now();
  const timer = setTimeout(() => {
    stopping = true;
  }, ms);
  try {
    await Promise.all(views.map(loop));
  } finally {
    clearTimeout(timer);
  }
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { value: reads / seconds, extras: { [CPU]: (user + system) / reads } };
}

async function fio(path: string, seconds: number): Promise<Sample> {
  const { readsPerSecond, cpuMicroseconds } = await fioRandomReads(path, {
    depth: DEPTH,
    blockBytes: BLOCK_BYTES,
    seconds,
  });
  return { value: readsPerSecond, extras: { [CPU]: cpuMicroseconds } };
}

function judge([ours, handle]: readonly Series[]): Verdict[] {
  assert(ours !== undefined && handle !== undefined, 'ours and FileHandle were measured');
  const given = ratios(ours.values, handle.values, 'higher');
  return [judgeRatio({ bar: `≥ ${LEAST} × FileHandle.read`, ratios: given, least: LEAST })];
}

async function run(context: Context): Promise<CaseResult> {
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const seconds = context.quick ? 1 : SECONDS;
  const bytes = (context.quick ? 256 : 1024) * MIB;
  const blocks = bytes / BLOCK_BYTES;
  const path = join(context.directory, 'random-read');
  context.say(`random-read: writing ${bytes / MIB} MiB of random bytes`);
  writeRandomFile(path, bytes);
  await using file = await open(path, 'r');
  const handle = await openHandle(path, constants.O_RDONLY | constants.O_DIRECT);
  try {
    const region = new Region(DEPTH * BLOCK_BYTES);
    const views = Array.from({ length: DEPTH }, (_, i) =>
      region.bytes.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES),
    );
    const withFio = await hasFio();
    const contenders: Contender[] = [
      { name: 'diorite, file.read', measure: () => randomReads(file, views, blocks, seconds * 1000) },
      { name: 'FileHandle.read', measure: () => randomReads(handle, views, blocks, seconds * 1000) },
    ];
    if (withFio) contenders.push({ name: 'fio, io_uring', measure: () => fio(path, seconds) });
    for (const { measure } of contenders) await measure(); // warm: the device, the compiler, the ring
    const all = await interleave(contenders, runs, (round, { name }, { value }) => {
      context.say(`random-read: run ${round + 1} of ${runs}: ${name} ${value.toFixed(0)} reads/s`);
    });
    const [view] = views;
    assert(view !== undefined, 'there is a view');
    const { io } = await file.read(view, 0, BLOCK_BYTES, 0);
    const notes = [`diorite: engine ${file.engine}, io ${io}; file of ${bytes / MIB} MiB`];
    if (!withFio) notes.push('fio is not installed: its row is left out');
    return {
      name: 'random-read',
      title: `Random direct reads of 4 KiB, ${DEPTH} at a time, promises`,
      unit: 'reads/s',
      better: 'higher',
      runs,
      rows: rowsOf(all, 'higher'),
      verdicts: judge(all),
      notes,
    };
  } finally {
    await handle.close();
    rmSync(path, { force: true });
  }
}

export const randomReadCase: Case = { name: 'random-read', run };
