// Cases `nfs-*`: 1 GiB to and from nfs-ganesha on loopback, beside libnfs's asynchronous interface and nfs-cp.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../src/base/assert.js';
import { open } from '../../src/index.js';
import { type Ganesha, ganeshaProblem, startGanesha } from '../../test/nfs/ganesha.js';
import { buildC } from '../c/build.js';
import {
  type AtLeast,
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
  skippedResult,
  type Verdict,
} from '../harness.js';
import { CPU, diorite, type Export, idleLoopMs, LOOP, libnfs, nfsCp, PEAK, type Scene } from '../nfs/peers.js';
import { MIB, settle, writeRandomFile } from '../scratch.js';
import { median, ratios } from '../statistics.js';

const RUNS = 7;
const MIB_MOVED = 1024;
const MIB_QUICK = 128;
/** One awaited call after the other takes long. */
const NAIVE_PART = 16;
const LOOP_MS_MOST = 10;
const PEAK_MIB_MOST = 200;
const MEMORY = '/dev/shm';

/** A server for the time of one case. */
async function withServer<T>(context: Context, work: (server: Ganesha) => Promise<T>): Promise<T> {
  const vfsDirectory = join(context.directory, 'nfs');
  mkdirSync(vfsDirectory, { mode: 0o777 });
  const cleanups: (() => unknown)[] = [];
  try {
    const server = await startGanesha(
      { after: (f) => cleanups.push(f as () => unknown) },
      { vfsDirectory, memFileBytes: 0 },
    );
    return await work(server);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
    rmSync(vfsDirectory, { recursive: true, force: true });
  }
}

interface Found {
  readonly pages: Series;
  readonly whole: Series;
  readonly v41: Series;
  readonly naive: Series | undefined;
  readonly c: Series | undefined;
  readonly cp: Series | undefined;
}

function least(bar: string, found: readonly number[], value: number): AtLeast {
  return { bar, ratios: found, least: value, holdsFrom: value === 1 ? EQUAL_RATIO : value };
}

function extra(series: Series, name: string): number[] {
  return series.extras.get(name) ?? [];
}

interface Bars {
  readonly cLeast: number;
  readonly cpuMost: number;
  readonly v41Least: number;
}

function judge({ pages, whole, v41, naive, c, cp }: Found, bars: Bars, idleMs: number): Verdict[] {
  const verdicts: Verdict[] = [];
  const against = (bar: string, peer: Series, value: number): void => {
    verdicts.push(judgeRatio(least(bar, ratios(pages.values, peer.values, 'higher'), value)));
  };
  if (cp !== undefined) against('≥ 2 × nfs-cp', cp, 2);
  if (c !== undefined) {
    against(`≥ ${bars.cLeast} × libnfs, asynchronous`, c, bars.cLeast);
    const cpu = median(ratios(extra(c, CPU), extra(pages, CPU), 'lower'));
    verdicts.push(judgeAtMost(`CPU per GiB ≤ ${bars.cpuMost} × that of libnfs`, cpu, bars.cpuMost, '×'));
  }
  const cost = median(ratios(whole.values, pages.values, 'higher'));
  verdicts.push(judgeAtMost('vectors cost ≤ 20 %', cost, 1.2, '× the time of one buffer'));
  if (naive !== undefined) against('≥ 12 × one awaited RPC per page', naive, 12);
  verdicts.push(
    judgeRatio(least(`v4.1 ≥ ${bars.v41Least} × v3`, ratios(v41.values, pages.values, 'higher'), bars.v41Least)),
  );
  const loopMs = Math.max(...[pages, whole, v41].map((series) => median(extra(series, LOOP))));
  const idle = `event loop p99.9 ≤ ${LOOP_MS_MOST} ms (an idle process: ${idleMs.toFixed(1)})`;
  verdicts.push(judgeAtMost(idle, loopMs, LOOP_MS_MOST, 'ms'));
  return verdicts;
}

function moves(what: 'write' | 'read', where: Export, bars: Bars): Case {
  const name = `nfs-${what}-${where}`;
  const title = `${what === 'write' ? 'Write' : 'Read'} of 1 GiB, 256 pages per MiB, nfs-ganesha /${where}`;
  const run = (context: Context): Promise<CaseResult> => {
    const problem = ganeshaProblem();
    if (problem !== null) return Promise.resolve(skippedResult(name, title, problem));
    return withServer(context, (server) => measure(context, { server, export: where, mib: sizeOf(context) }));
  };
  const measure = async (context: Context, scene: Scene): Promise<CaseResult> => {
    const runs = context.runs || (context.quick ? 3 : RUNS);
    const { program, problem } = buildC('nfs-async', context.directory, ['-lnfs']);
    const directory = mkdtempSync(join(MEMORY, 'diorite-bench-'));
    try {
      const local = join(directory, 'local');
      if (what === 'write') writeRandomFile(local, scene.mib * MIB);
      else await diorite('', scene, { version: '3', what: 'write', shape: 'whole' }).measure();
      const contenders = contendersOf(scene, program, local);
      await interleave(contenders, 1); // compiled, and the server's memory is there
      const all = await interleave(contenders, runs, (round, { name: who }, { value }) => {
        context.say(`${name}: run ${round + 1} of ${runs}: ${who} ${value.toFixed(0)} MB/s`);
      });
      const notes = [
        'loopback: client and server share the processors',
        'diorite is warm: V8 has compiled what 20,000 requests run; the first bytes of a process are a row of their own',
      ];
      if (program === null) notes.push(`libnfs is left out: ${problem}`);
      const found = foundOf(all);
      const verdicts = judge(found, bars, await idleLoopMs());
      return { name, title, unit: 'MB/s', better: 'higher', runs, rows: rowsOf(all, 'higher'), verdicts, notes };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  };
  const contendersOf = (scene: Scene, program: string | null, local: string): Contender[] => {
    const contenders = [
      diorite('diorite v3, 256 pages', scene, { version: '3', what, shape: 'pages' }),
      diorite('diorite v3, one buffer', scene, { version: '3', what, shape: 'whole' }),
      diorite('diorite v4.1, 256 pages', scene, { version: '4.1', what, shape: 'pages' }),
    ];
    if (program !== null) contenders.push(libnfs(program, scene, what));
    const fresh = { version: '3', what, shape: 'pages', isFresh: true } as const;
    contenders.push(diorite('diorite v3, 256 pages, a fresh process', scene, fresh));
    contenders.push(nfsCp(scene, what, local));
    if (what === 'write') {
      const part = { ...scene, mib: scene.mib / NAIVE_PART };
      contenders.push(diorite('one awaited RPC per page', part, { version: '3', what: 'naive', shape: 'pages' }));
    }
    // Nobody pays for what the one before still owes the server's disk.
    return contenders.map(({ name: who, measure: run }) => ({
      name: who,
      measure: () => {
        settle(scene.server.vfsDirectory);
        return run();
      },
    }));
  };
  return { name, run };
}

function foundOf(all: readonly Series[]): Found {
  const [pages, whole, v41, ...peers] = all;
  assert(pages !== undefined && whole !== undefined && v41 !== undefined, 'ours were measured');
  const peer = (start: string): Series | undefined => peers.find(({ name }) => name.startsWith(start));
  return { pages, whole, v41, naive: peer('one'), c: peer('libnfs'), cp: peer('nfs-cp') };
}

function sizeOf({ quick }: Context): number {
  return quick ? MIB_QUICK : MIB_MOVED;
}

/** What the figures of the wire are of: how 512 KiB lies in memory. */
const SHAPES: readonly { readonly count: number; readonly bytes: number }[] = [
  { count: 128, bytes: 4096 },
  { count: 1024, bytes: 512 },
];

async function requests(context: Context): Promise<CaseResult> {
  const title = 'RPCs for 512 KiB of scattered memory';
  const problem = ganeshaProblem();
  if (problem !== null) return skippedResult('nfs-requests', title, problem);
  return withServer(context, async (server) => {
    const verdicts: Verdict[] = [];
    for (const version of ['3', '4.1'] as const) {
      await using file = await open(server.url(version, '/vfs/requests'), 'w+');
      for (const { count, bytes } of SHAPES) {
        for (const [order, skew] of [
          ['in order', 0],
          ['shuffled', 0],
          ['misaligned', 100],
        ] as const) {
          const memory = Buffer.alloc(count * (bytes + skew) + skew, 1);
          const views = Array.from({ length: count }, (_, i) => {
            const at = order === 'shuffled' ? (i * 7) % count : i;
            return memory.subarray(at * (bytes + skew) + skew, (at + 1) * (bytes + skew));
          });
          const bar = `v${version}, ${count} × ${bytes} bytes, ${order}: 1`;
          const wrote = (await file.writev(views, 0)).requests;
          const read = (await file.readv(views, 0)).requests;
          verdicts.push({ bar, measured: `${wrote} WRITE, ${read} READ`, passed: wrote === 1 && read === 1 });
        }
      }
    }
    const notes = [
      'one WRITE is sent FILE_SYNC, without a COMMIT; the Linux client sends 897 for 1,024 × 512 shuffled',
    ];
    return { name: 'nfs-requests', title, unit: '', better: 'lower', runs: 1, rows: [], verdicts, notes };
  });
}

async function memory(context: Context): Promise<CaseResult> {
  const name = 'nfs-memory';
  const title = 'Peak memory of a process that moves 4 GiB';
  const problem = ganeshaProblem();
  if (problem !== null) return skippedResult(name, title, problem);
  return withServer(context, async (server) => {
    const scene: Scene = { server, export: 'mem', mib: context.quick ? MIB_QUICK : 4 * MIB_MOVED };
    const all: Series[] = [];
    for (const what of ['write', 'read'] as const) {
      const ours = diorite(`diorite v3, ${what}, 256 pages`, scene, { version: '3', what, shape: 'pages' });
      const inMib = async () => ({ value: (await ours.measure()).extras?.[PEAK] ?? Number.NaN });
      all.push(...(await interleave([{ name: ours.name, measure: inMib }], 1)));
    }
    const verdicts = all.map(({ name: who, values }) =>
      judgeAtMost(`${who}: ≤ ${PEAK_MIB_MOST} MB`, ((values[0] ?? Number.NaN) * MIB) / 1e6, PEAK_MIB_MOST, 'MB'),
    );
    const rows = rowsOf(all, 'lower').map((row) => ({ ...row, ratio: null }));
    return { name, title, unit: 'MiB', better: 'lower', runs: 1, rows, verdicts, notes: [] };
  });
}

export const nfsCases: readonly Case[] = [
  { name: 'nfs-requests', run: requests },
  moves('write', 'mem', { cLeast: 1, cpuMost: 1.1, v41Least: 0.9 }),
  moves('write', 'vfs', { cLeast: 0.9, cpuMost: 1.1, v41Least: 0.9 }),
  moves('read', 'mem', { cLeast: 1, cpuMost: 0.75, v41Least: 0.8 }),
  moves('read', 'vfs', { cLeast: 1, cpuMost: 0.75, v41Least: 0.8 }),
  { name: 'nfs-memory', run: memory },
];
