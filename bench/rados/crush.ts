// Case `rados-crush`: placing a group on three of 120 OSDs by CRUSH, beside Ceph's own crushtool.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../src/base/assert.js';
import { WEIGHT_ONE } from '../../src/targets/rados/crush/crush-map.js';
import { readCrushMap } from '../../src/targets/rados/crush/decode.js';
import { CrushMapper } from '../../src/targets/rados/crush/mapper.js';
import { DencReader } from '../../src/targets/rados/denc/reader.js';
import { cpuNanoseconds } from '../cpu.js';
import {
  type Case,
  type CaseResult,
  type Contender,
  type Context,
  interleave,
  judgeAtMost,
  rowsOf,
  type Sample,
  skippedResult,
} from '../harness.js';
import { runProcess } from '../processes.js';
import { median } from '../statistics.js';

const NAME = 'rados-crush';
const OSDS = 120;
const LAYERS = ['host', 'straw2', '12', 'rack', 'straw2', '5', 'root', 'straw2', '0'];
const TITLE = `CRUSH: a group on three of ${OSDS} OSDs in ten hosts and two racks`;
const REPLICAS = 3;
/** CPU time of children is counted in hundredths of a second. */
const MAPPINGS = 500_000;
const RUNS = 11;
const WARM_UPS = 3;
const MOST_US = 10;

function mapAll(file: string, mappings: number): () => Sample {
  const map = readCrushMap(new DencReader(readFileSync(file), 'a CRUSH map'));
  const mapper = new CrushMapper(map);
  const rule = map.rules.find((each) => each !== null);
  assert(rule !== undefined && rule !== null, 'crushtool builds a map with a rule');
  const weights = new Uint32Array(map.maxDevices).fill(WEIGHT_ONE);
  const result = new Int32Array(REPLICAS);
  return () => {
    const started = cpuNanoseconds();
    let placed = 0;
    for (let x = 0; x < mappings; x++) placed += mapper.map(rule, x, result, weights, null);
    const elapsedNs = cpuNanoseconds() - started;
    assert(placed === mappings * REPLICAS, 'every group has its replicas');
    return { value: elapsedNs / mappings / 1000 };
  };
}

/** It prints what went wrong, which is nothing. */
async function byCrushtool(file: string, mappings: number): Promise<Sample> {
  const inputs = ['--num-rep', String(REPLICAS), '--min-x', '0', '--max-x', String(mappings - 1)];
  const { cpuSeconds } = await runProcess('crushtool', ['-i', file, '--test', '--show-bad-mappings', ...inputs]);
  return { value: (cpuSeconds * 1e6) / mappings };
}

async function run(context: Context): Promise<CaseResult> {
  const file = join(context.directory, 'crush');
  const mappings = context.quick ? MAPPINGS / 10 : MAPPINGS;
  const runs = context.runs || (context.quick ? 3 : RUNS);
  const built = runProcess('crushtool', ['--build', '--num_osds', String(OSDS), ...LAYERS, '-o', file]);
  const problem = await built.then(
    () => null,
    (error: unknown) => `no crushtool: ${String(error)}`,
  );
  if (problem !== null) return skippedResult(NAME, TITLE, problem);
  const ours = mapAll(file, mappings);
  for (let i = 0; i < WARM_UPS; i++) ours();
  const contenders: Contender[] = [
    { name: 'diorite', measure: async () => ours() },
    { name: 'crushtool, C++', measure: () => byCrushtool(file, mappings) },
  ];
  context.say(`${NAME}: ${runs} runs of ${mappings} mappings`);
  const all = await interleave(contenders, runs);
  return {
    name: NAME,
    title: TITLE,
    unit: 'CPU µs a mapping',
    better: 'lower',
    runs,
    rows: rowsOf(all, 'lower'),
    verdicts: [judgeAtMost(`≤ ${MOST_US} µs a mapping`, median(all[0]?.values ?? []), MOST_US, 'µs')],
    notes: ["crushtool's time has its start in it"],
  };
}

export const crushCase: Case = { name: NAME, run };
