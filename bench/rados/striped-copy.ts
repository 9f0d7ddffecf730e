// Case `rados-striped-copy`: a large file copied to a striped file of small stripe units, beside one of the default layout.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clusterProblem, startCluster } from '../../test/rados/cluster.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  judgeAtMost,
  judgeRatio,
  rowsOf,
  skippedResult,
} from '../harness.js';
import { runProcess } from '../processes.js';
import { MIB, writeRandomFile } from '../scratch.js';
import { ratios } from '../statistics.js';
import { PEAK } from './scene.js';

const NAME = 'rados-striped-copy';
const TITLE = 'Copy of 4 GiB to a striped file, stripe unit 64 KiB over 4 objects';
const COMMAND = fileURLToPath(new URL('../../../bin/diorite.js', import.meta.url));
const MIB_COPIED = 4096;
const MIB_QUICK = 512;
const RUNS = 3;
const LEAST = 0.8;
const PEAK_MB_MOST = 250;
const MEMORY = '/dev/shm';
const STORE_BYTES = 12 * 2 ** 30;
const STRIPED = '&stripe_unit=65536&stripe_count=4&object_size=4194304';

async function run(context: Context): Promise<CaseResult> {
  const problem = await clusterProblem();
  if (problem !== null) return skippedResult(NAME, TITLE, problem);
  const cleanups: (() => unknown)[] = [];
  const directory = mkdtempSync(join(MEMORY, 'diorite-bench-'));
  try {
    const settings = { 'memstore device bytes': String(STORE_BYTES) };
    const cluster = await startCluster({ after: (f) => cleanups.push(f as () => unknown) }, { settings });
    const mib = context.quick ? MIB_QUICK : MIB_COPIED;
    const source = join(directory, 'source');
    writeRandomFile(source, mib * MIB);
    const contender = (name: string, layout: string): Contender => ({
      name,
      measure: async () => {
        const url = `rados://data/copied?conf=${cluster.confPath}&keyring=${cluster.keyringPath}${layout}`;
        const { seconds, peakMib } = await runProcess(process.execPath, [COMMAND, 'copy', source, url]);
        await cluster.tool('rados', '-p', 'data', '--striper', 'rm', 'copied');
        return { value: (mib * MIB) / seconds / 1e6, extras: { [PEAK]: peakMib } };
      },
    });
    const runs = context.runs || RUNS;
    const contenders = [contender('diorite, striped', STRIPED), contender('diorite, the default layout', '')];
    const all = await interleave(contenders, runs, (round, { name }, { value }) => {
      context.say(`${NAME}: run ${round + 1} of ${runs}: ${name} ${value.toFixed(0)} MB/s`);
    });
    const found = ratios(all[0]?.values ?? [], all[1]?.values ?? [], 'higher');
    const peakMb = Math.max(...all.flatMap(({ extras }) => (extras.get(PEAK) ?? []).map((peak) => (peak * MIB) / 1e6)));
    const verdicts = [
      judgeRatio({ bar: `≥ ${LEAST} × of the default layout`, ratios: found, least: LEAST }),
      judgeAtMost(`peak RSS ≤ ${PEAK_MB_MOST} MB`, peakMb, PEAK_MB_MOST, 'MB'),
    ];
    const notes = ['from a file in memory to a store in memory: neither of them is a disk'];
    return {
      name: NAME,
      title: TITLE,
      unit: 'MB/s',
      better: 'higher',
      runs,
      rows: rowsOf(all, 'higher'),
      verdicts,
      notes,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

export const stripedCopyCase: Case = { name: NAME, run };
