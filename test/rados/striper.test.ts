// Striped files that libradosstriper and diorite write, cut, lengthen and remove in turns: each sees what the other did, in any layout.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { open } from '../../src/index.js';
import { RadosClient } from '../../src/rados.js';
import type { Striping } from '../../src/targets/striping.js';
import { Random, runSeed } from '../support/random.js';
import { type Cluster, requireCluster, startCluster } from './cluster.js';
import { pattern } from './object-client.js';
import { Striper } from './striper.js';
import { urlOf } from './urls.js';

const UNIT = 65_536;
const LAYOUTS: readonly Striping[] = [
  { stripeUnitBytes: UNIT, stripeCount: 1, objectBytes: UNIT },
  { stripeUnitBytes: UNIT, stripeCount: 3, objectBytes: 2 * UNIT },
  { stripeUnitBytes: 3 * UNIT, stripeCount: 5, objectBytes: 3 * UNIT },
  { stripeUnitBytes: 4 * UNIT, stripeCount: 1, objectBytes: 16 * UNIT },
  { stripeUnitBytes: 2 * UNIT, stripeCount: 4, objectBytes: 8 * UNIT },
];
const SIZE_MAX = 2_500_000;
const STEPS = 16;

async function writeHere(cluster: Cluster, name: string, at: number, data: Buffer, layout: Striping): Promise<void> {
  const { stripeUnitBytes, stripeCount, objectBytes } = layout;
  const parameters = {
    stripe_unit: String(stripeUnitBytes),
    stripe_count: String(stripeCount),
    object_size: String(objectBytes),
  };
  const there = await open(urlOf(cluster, name), 'r+').catch(() => null);
  await using file = there ?? (await open(urlOf(cluster, name, parameters), 'wx'));
  await file.write(data, 0, data.length, at);
}

async function readHere(cluster: Cluster, name: string): Promise<Buffer> {
  await using file = await open(urlOf(cluster, name));
  const { size } = await file.stat();
  const { bytesRead, buffer } = await file.read(Buffer.alloc(size + 7), 0, size + 7, 0);
  return buffer.subarray(0, bytesRead);
}

/** Zeros between the old end and the new one. */
function resized(model: Buffer, bytes: number): Buffer {
  return bytes <= model.length ? model.subarray(0, bytes) : Buffer.concat([model, Buffer.alloc(bytes - model.length)]);
}

describe('striped files of libradosstriper and of diorite', { timeout: 240_000 }, () => {
  for (const layout of LAYOUTS) {
    const { stripeUnitBytes, stripeCount, objectBytes } = layout;
    it(`are the same: ${stripeCount} × ${stripeUnitBytes}, objects of ${objectBytes}`, async (t) => {
      if (!(await requireCluster(t))) return;
      const cluster = await startCluster(t);
      const striper = Striper.start(t, cluster);
      const client = await RadosClient.connect(urlOf(cluster, ''));
      t.after(() => client.close());
      const seed = runSeed();
      const random = new Random(seed);
      const next = (below: number): number => random.next() % below;
      let model: Buffer | null = null;
      let told = `DIORITE_SEED=${seed}`;
      try {
        for (let i = 0; i < STEPS; i++) {
          const isHere = next(2) === 0;
          const what: number = model === null ? 0 : next(8);
          const place = next(SIZE_MAX);
          told += `\n${isHere ? 'diorite' : 'libradosstriper'} ${what} ${place}`;
          if (what === 7) {
            await (isHere ? client.remove('file') : striper.remove('file', layout));
            model = null;
            for await (const { name } of client.list()) assert.fail(`${name} is left`);
            continue;
          }
          if (what === 6) {
            await (isHere ? client.truncate('file', place) : striper.truncate('file', place));
            model = resized(model ?? Buffer.alloc(0), place);
          } else {
            const data = pattern(1 + next(what === 5 ? 900_000 : 70_000), i);
            if (isHere) await writeHere(cluster, 'file', place, data, layout);
            else await striper.write('file', place, data, layout);
            const before: Buffer = model ?? Buffer.alloc(0);
            model = Buffer.from(resized(before, Math.max(before.length, place + data.length)));
            data.copy(model, place);
          }
          const size: number = model.length;
          assert.equal(await striper.size('file'), size);
          assert.equal((await striper.read('file', 0, size)).compare(model), 0, 'libradosstriper reads something else');
          assert.equal((await readHere(cluster, 'file')).compare(model), 0, 'diorite reads something else');
        }
      } catch (error) {
        t.diagnostic(told);
        throw error;
      }
    });
  }
});
