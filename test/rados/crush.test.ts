// CRUSH beside crushtool: 60,000 mappings over random maps, reweights included, must be the same; and maps that make no sense.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type CrushMap, chooseArgsOf, WEIGHT_ONE } from '../../src/targets/rados/crush/crush-map.js';
import { readCrushMap } from '../../src/targets/rados/crush/decode.js';
import { CrushMapper } from '../../src/targets/rados/crush/mapper.js';
import { DencReader } from '../../src/targets/rados/denc/reader.js';
import { Prng } from '../../src/targets/sim/prng.js';
import { needs } from '../support/needs.js';
import { tempDirectory } from '../support/temp.js';
import { type CrushText, randomCrush, withRoot } from './crush-text.js';

const run = promisify(execFile);
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const SEED = 20_170_202;
const MAPS = 24;
const INPUTS = 80;
const REPLICAS = [1, 2, 3, 6];

async function compile(directory: string, text: string): Promise<string> {
  const source = join(directory, 'map.txt');
  const compiled = join(directory, 'map');
  writeFileSync(source, text);
  await run('crushtool', ['--enable-unsafe-tunables', '-c', source, '-o', compiled]);
  return compiled;
}

/** What crushtool says: a line for each number of replicas, rule and input. */
async function expected(compiled: string, reweights: readonly (readonly [number, number])[]): Promise<string[]> {
  const weights = reweights.flatMap(([device, weight]) => ['--weight', String(device), String(weight)]);
  const inputs = ['--min-x', '0', '--max-x', String(INPUTS - 1)];
  const lines: string[] = [];
  for (const replicas of REPLICAS) {
    const args = ['-i', compiled, '--test', '--show-mappings', '--num-rep', String(replicas), ...inputs, ...weights];
    const { stdout } = await run('crushtool', args, { maxBuffer: OUTPUT_BYTES_MAX });
    lines.push(...stdout.split('\n').filter((line) => line.startsWith('CRUSH rule')));
  }
  return lines;
}

function mapped(map: CrushMap, devices: number, reweights: readonly (readonly [number, number])[]): string[] {
  const mapper = new CrushMapper(map);
  const weights = new Uint32Array(map.maxDevices).fill(WEIGHT_ONE, 0, devices);
  for (const [device, weight] of reweights) weights[device] = Math.trunc(weight * WEIGHT_ONE);
  const lines: string[] = [];
  for (const replicas of REPLICAS) {
    for (const rule of map.rules) {
      if (rule === null) continue;
      for (let x = 0; x < INPUTS; x++) {
        const result = new Int32Array(replicas);
        const count = mapper.map(rule, x, result, weights, chooseArgsOf(map, 0));
        lines.push(`CRUSH rule ${rule.id} x ${x} [${result.subarray(0, count).join(',')}]`);
      }
    }
  }
  return lines;
}

function reweightsOf(random: Prng, { devices }: CrushText): [number, number][] {
  const some: [number, number][] = [];
  for (let device = 0; device < devices; device++)
    if (random.chance(0.3)) some.push([device, random.pick([0, 0.25, 0.5, 0.75, 0.9])]);
  return some;
}

describe('CRUSH', () => {
  it('maps as crushtool does, over random maps', async (t) => {
    if (!needs(t, 'crushtool')) return;
    const directory = tempDirectory(t);
    let mappings = 0;
    for (let round = 0; round < MAPS; round++) {
      const random = new Prng(SEED, round);
      const crush = withRoot(randomCrush(random, round % 3 === 2));
      const compiled = await compile(directory, crush.text);
      const map = readCrushMap(new DencReader(readFileSync(compiled), 'a CRUSH map'));
      const reweights = round % 2 === 0 ? [] : reweightsOf(random, crush);
      const lines = mapped(map, crush.devices, reweights);
      const wanted = await expected(compiled, reweights);
      assert.equal(lines.length, wanted.length);
      const wrong = lines.findIndex((line, index) => line !== wanted[index]);
      assert.ok(wrong < 0, `seed ${SEED}, round ${round}: ${lines[wrong]}, wanted ${wanted[wrong]}\n${crush.text}`);
      mappings += lines.length;
    }
    assert.ok(mappings >= 50_000, `${mappings} mappings`);
    t.diagnostic(`${mappings} mappings`);
  });
});
