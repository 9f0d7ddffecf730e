// Case `copy-several`: one large file to three new names on its own disk, until durable, beside fio writing three.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_DEPTH, DEFAULT_REQUEST_BYTES } from '../../src/copy/options.js';
import { fioWrites, hasFio } from '../fio.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  judgeAtMost,
  rowsOf,
  type Series,
  type Verdict,
} from '../harness.js';
import { runProcess } from '../processes.js';
import { evict, MIB, settle, writeRandomFile } from '../scratch.js';
import { median, ratios } from '../statistics.js';

const CLI = fileURLToPath(new URL('../../../bin/diorite.js', import.meta.url));
const RUNS = 7;
const DESTINATIONS = 3;
const READ_WORST = 1.01;
const TIME_WORST = 1.15;

const READ = 'read × size';
const CPU = 'CPU s';
const PEAK = 'peak MiB';

interface Scene {
  readonly source: string;
  readonly directory: string;
  readonly bytes: number;
}

/** Nothing is left of the last run, neither files nor what is owed to the disk, and the source is cold. */
function startAfresh({ source, directory }: Scene): void {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory);
  evict(source);
  settle(source);
}

function diorite(scene: Scene): Contender {
  const names = Array.from({ length: DESTINATIONS }, (_, i) => join(scene.directory, `copy-${i}`));
  const measure: Contender['measure'] = async () => {
    startAfresh(scene);
    const { seconds, cpuSeconds, peakMib, readBytes } = await runProcess(process.execPath, [
      CLI,
      'copy',
      '--json',
      scene.source,
      ...names,
    ]);
    return { value: seconds, extras: { [READ]: readBytes / scene.bytes, [CPU]: cpuSeconds, [PEAK]: peakMib } };
  };
  return { name: `diorite copy to ${DESTINATIONS}`, measure };
}

function fio(scene: Scene): Contender {
  const measure: Contender['measure'] = async () => {
    startAfresh(scene);
    const { directory, bytes } = scene;
    const options = { files: DESTINATIONS, bytes, depth: DEFAULT_DEPTH, blockBytes: DEFAULT_REQUEST_BYTES };
    return { value: await fioWrites(directory, options) };
  };
  return { name: `fio, ${DESTINATIONS} files written`, measure };
}

function judge(ours: Series, peer: Series | undefined): Verdict[] {
  const read = Math.max(...(ours.extras.get(READ) ?? [Number.NaN]));
  const slower = peer === undefined ? Number.NaN : median(ratios(peer.values, ours.values, 'lower'));
  return [
    judgeAtMost(`source device bytes ≤ ${READ_WORST} × its size`, read, READ_WORST, '× at most'),
    judgeAtMost(
      `≤ ${TIME_WORST} × the time of fio writing ${DESTINATIONS} such files at once`,
      slower,
      TIME_WORST,
      '×',
    ),
  ];
}

async function run(context: Context): Promise<CaseResult> {
  const bytes = (context.quick ? 128 : 1024) * MIB;
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const scene = { source: join(context.directory, 'source'), directory: join(context.directory, 'several'), bytes };
  context.say(`copy-several: writing ${bytes / MIB} MiB of random bytes`);
  writeRandomFile(scene.source, bytes);
  const peers = (await hasFio()) ? [fio(scene)] : [];
  try {
    const all = await interleave([diorite(scene), ...peers], runs, (round, { name }, { value }) => {
      context.say(`copy-several: run ${round + 1} of ${runs}: ${name} ${value.toFixed(2)} s`);
    });
    const [ours, peer] = all;
    return {
      name: 'copy-several',
      title: `Copy of ${bytes / MIB} MiB to ${DESTINATIONS} new files on its own disk, cold source, until durable`,
      unit: 's',
      better: 'lower',
      runs,
      rows: rowsOf(all, 'lower'),
      verdicts: ours === undefined ? [] : judge(ours, peer),
      notes: [
        'diorite: the whole process, its start included, and the source is read; fio: its own clock, and nothing is read',
        `fio: numjobs=${DESTINATIONS}, ${DEFAULT_REQUEST_BYTES / MIB} MiB, depth ${DEFAULT_DEPTH}, end_fsync=1`,
        ...(peers.length > 0 ? [] : ['fio is not installed: its row is left out']),
      ],
    };
  } finally {
    rmSync(scene.source, { force: true });
    rmSync(scene.directory, { recursive: true, force: true });
  }
}

export const copySeveralCase: Case = { name: 'copy-several', run };
