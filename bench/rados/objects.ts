// Cases `rados-*`: whole objects to and from a cluster on loopback beside `rados bench`, scattered pages, the first byte.
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
import { median, ratios } from '../statistics.js';
import { firstByte, idleLoopMs, LOOP, radosBench, type Scene, withCluster, worker } from './scene.js';

const RUNS = 7;
const KIB = 1024;
const MIB = 1024 * KIB;
const LARGE_BYTES = 4 * MIB;
const LOOP_MS_MOST = 10;
const FIRST_BYTE_MS_MOST = 50;
const LOOPBACK = 'loopback, a store in memory: client and OSD share the processors';

function runsOf({ runs, quick }: Context): number {
  return runs || (quick ? 3 : RUNS);
}

/** Once unmeasured: the objects are there then. */
async function measure(context: Context, name: string, contenders: readonly Contender[]): Promise<Series[]> {
  const runs = runsOf(context);
  await interleave(contenders, 1);
  return await interleave(contenders, runs, (round, { name: who }, { value }) => {
    context.say(`${name}: run ${round + 1} of ${runs}: ${who} ${value.toFixed(0)}`);
  });
}

function against(bar: string, ours: Series | undefined, peer: Series | undefined, least: number): Verdict {
  if (ours === undefined || peer === undefined) return { bar, measured: 'it was not measured', passed: null };
  const found = ratios(ours.values, peer.values, 'higher');
  return judgeRatio({ bar, ratios: found, least, holdsFrom: least === 1 ? EQUAL_RATIO : least });
}

async function loopVerdict(scene: Scene, ours: readonly Series[]): Promise<Verdict> {
  const loopMs = Math.max(...ours.map(({ extras }) => median(extras.get(LOOP) ?? [Number.NaN])));
  const idleMs = await idleLoopMs(scene);
  const bar = `event loop p99.9 ≤ ${LOOP_MS_MOST} ms (an idle process: ${idleMs.toFixed(1)})`;
  return judgeAtMost(bar, loopMs, LOOP_MS_MOST, 'ms');
}

function moves(what: 'write' | 'read', bytes: number, size: string, least: number): Case {
  const name = `rados-${what}-${size}`;
  const title = `${what === 'write' ? 'Write' : 'Read'} of objects of ${size}, 16 in flight, one OSD`;
  const run = (context: Context): Promise<CaseResult> =>
    withCluster(context, name, title, async (scene) => {
      const ours = worker('diorite', scene, { what, bytes, shape: 'whole' });
      const peer = radosBench(scene, what, bytes);
      await worker('', scene, { what: 'fill', bytes, shape: 'whole' }).measure();
      await radosBench(scene, 'write', bytes).measure();
      const all = await measure(context, name, [ours, peer]);
      const verdicts = [
        against(`≥ ${least} × rados bench`, all[0], all[1], least),
        await loopVerdict(scene, all.slice(0, 1)),
      ];
      const runs = runsOf(context);
      const rows = rowsOf(all, 'higher');
      return { name, title, unit: 'MB/s', better: 'higher', runs, rows, verdicts, notes: [LOOPBACK] };
    });
  return { name, run };
}

function scattered(context: Context): Promise<CaseResult> {
  const name = 'rados-scattered';
  const title = 'Write of 4 MiB objects from 1,024 pages each, 16 in flight, one OSD';
  return withCluster(context, name, title, async (scene) => {
    const ours = { what: 'write', bytes: LARGE_BYTES } as const;
    const all = await measure(context, name, [
      worker('diorite, 1,024 pages', scene, { ...ours, shape: 'pages' }),
      worker('diorite, one buffer', scene, { ...ours, shape: 'whole' }),
      worker('librados, 1,024 operations in one', scene, { ...ours, shape: 'pages', driver: 'librados' }),
      worker('librados, one buffer', scene, { ...ours, shape: 'whole', driver: 'librados' }),
    ]);
    const verdicts = [
      against('≥ 4 × librados with compound operations', all[0], all[2], 4),
      against('≥ 0.8 × one contiguous buffer', all[0], all[1], 0.8),
      await loopVerdict(scene, all.slice(0, 2)),
    ];
    const rows = rowsOf(all, 'higher');
    return { name, title, unit: 'MB/s', better: 'higher', runs: runsOf(context), rows, verdicts, notes: [LOOPBACK] };
  });
}

function connecting(context: Context): Promise<CaseResult> {
  const name = 'rados-first-byte';
  const title = 'From nothing but a configuration to the first byte of an object, cephx';
  return withCluster(context, name, title, async (scene) => {
    const bytes = 64 * KIB;
    await worker('', scene, { what: 'fill', bytes, shape: 'whole' }).measure();
    const all = await measure(context, name, [firstByte('diorite, a fresh process', scene, bytes)]);
    const value = median(all[0]?.values ?? []);
    const verdicts = [judgeAtMost(`≤ ${FIRST_BYTE_MS_MOST} ms`, value, FIRST_BYTE_MS_MOST, 'ms')];
    const rows = rowsOf(all, 'lower');
    const notes = [
      'a session with the monitor, tickets, the map, a session with the OSD, the answer; nothing is compiled',
    ];
    return { name, title, unit: 'ms', better: 'lower', runs: runsOf(context), rows, verdicts, notes };
  });
}

export const objectCases: readonly Case[] = [
  moves('write', LARGE_BYTES, '4MiB', 1),
  moves('read', LARGE_BYTES, '4MiB', 0.7),
  moves('write', 64 * KIB, '64KiB', 0.75),
  moves('read', 64 * KIB, '64KiB', 1),
  { name: 'rados-scattered', run: scattered },
  { name: 'rados-first-byte', run: connecting },
];
