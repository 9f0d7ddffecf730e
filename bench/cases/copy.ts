// Case `copy`: a large file to another name, until it is durable, beside cp and dd.
import { rmSync } from 'node:fs';
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
  type Verdict,
} from '../harness.js';
import { type Cost, runProcess, total } from '../processes.js';
import { cachedPages, evict, MIB, settle, writeRandomFile } from '../scratch.js';
import { best, ratios } from '../statistics.js';

const CLI = fileURLToPath(new URL('../../../bin/diorite.js', import.meta.url));
const RUNS = 7;
const PEAK_MIB_MAX = 150;

const DESTINATION_PAGES = 'destination pages';
const SOURCE_PAGES = 'source pages more';
const PEAK = 'peak MiB';
const CPU = 'CPU s';

interface Paths {
  readonly source: string;
  readonly destination: string;
}

async function diorite({ source, destination }: Paths): Promise<Cost> {
  return runProcess(process.execPath, [CLI, 'copy', '--json', source, destination]);
}

/** cp leaves the data in the page cache: it is done when sync(1) has had the file written. */
async function cp({ source, destination }: Paths): Promise<Cost> {
  const copied = await runProcess('cp', ['--reflink=never', '--sparse=never', source, destination]);
  return total(copied, await runProcess('sync', [destination]));
}

async function dd({ source, destination }: Paths): Promise<Cost> {
  const flags = ['bs=1M', 'iflag=direct', 'oflag=direct', 'conv=fsync', 'status=none'];
  return runProcess('dd', [`if=${source}`, `of=${destination}`, ...flags]);
}

/** From a cold source to a new file, and nothing of the last one left to be written. */
function contender(name: string, copy: (paths: Paths) => Promise<Cost>, paths: Paths, bytes: number): Contender {
  const measure: Contender['measure'] = async () => {
    rmSync(paths.destination, { force: true });
    evict(paths.source);
    settle(paths.source);
    const before = cachedPages(paths.source);
    const cost = await copy(paths);
    return {
      value: bytes / MIB / cost.seconds,
      extras: {
        [CPU]: cost.cpuSeconds,
        [PEAK]: cost.peakMib,
        [DESTINATION_PAGES]: cachedPages(paths.destination),
        [SOURCE_PAGES]: cachedPages(paths.source) - before,
      },
    };
  };
  return { name, measure };
}

function most(series: Series, extra: string): number {
  return Math.max(...(series.extras.get(extra) ?? [Number.NaN]));
}

function judge(ours: Series, peers: readonly Series[]): Verdict[] {
  const fastest = best(
    peers.map(({ values }) => values),
    'higher',
  );
  return [
    judgeRatio({
      bar: '≥ 1.0 × the faster of cp and dd',
      ratios: ratios(ours.values, fastest, 'higher'),
      least: 1,
      holdsFrom: EQUAL_RATIO,
    }),
    judgeAtMost('no page of the destination in the page cache', most(ours, DESTINATION_PAGES), 0, 'pages at most'),
    judgeAtMost('no more pages of the source than before', most(ours, SOURCE_PAGES), 0, 'more pages at most'),
    judgeAtMost(`peak RSS ≤ ${PEAK_MIB_MAX} MB`, most(ours, PEAK) * (MIB / 1e6), PEAK_MIB_MAX, 'MB at most'),
  ];
}

async function run(context: Context): Promise<CaseResult> {
  const bytes = (context.quick ? 256 : 4096) * MIB;
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const paths = { source: join(context.directory, 'source'), destination: join(context.directory, 'destination') };
  context.say(`copy: writing ${bytes / MIB} MiB of random bytes`);
  writeRandomFile(paths.source, bytes);
  const contenders = [
    contender('diorite copy', diorite, paths, bytes),
    contender('cp, then sync', cp, paths, bytes),
    contender('dd direct', dd, paths, bytes),
  ];
  try {
    const all = await interleave(contenders, runs, (round, { name }, { value }) => {
      context.say(`copy: run ${round + 1} of ${runs}: ${name} ${value.toFixed(0)} MiB/s`);
    });
    const [ours, ...peers] = all;
    return {
      name: 'copy',
      title: `Copy of ${bytes / MIB} MiB, cold source, until durable`,
      unit: 'MiB/s',
      better: 'higher',
      runs,
      rows: rowsOf(all, 'higher'),
      verdicts: ours === undefined ? [] : judge(ours, peers),
      notes: ['whole processes, their start included; new destination each time'],
    };
  } finally {
    for (const path of Object.values(paths)) rmSync(path, { force: true });
  }
}

export const copyCase: Case = { name: 'copy', run };
