// Regions, with and without the addon.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { loadAddon } from './addon.js';
import { portableRegionsAligned, Region, regionOf } from './region.js';

test('a region has whole, zeroed pages', () => {
  const region = new Region(5000);
  assert.equal(region.length, 8192);
  assert.equal(region.bytes.length, 8192);
  assert.equal(region.buffer.byteLength, 8192);
  assert(region.bytes.every((byte) => byte === 0));
  assert.equal(region.native, loadAddon() !== null);
  const address = loadAddon()?.addressOf(region.buffer) ?? 0;
  assert.equal(address % 4096, 0);
});

test('sizes are checked', () => {
  for (const bad of [0, -1, 1.5, Number.NaN]) assert.throws(() => new Region(bad), { code: 'ERR_OUT_OF_RANGE' });
  assert.throws(
    () => new Region(2 ** 50),
    (error: NodeJS.ErrnoException) => /ENOMEM|Invalid array/.test(error.message),
  );
});

test('a disposed region is closed, and its views are empty', () => {
  const region = new Region(4096);
  const { bytes, buffer } = region;
  assert.equal(regionOf(buffer), region);
  region[Symbol.dispose]();
  region[Symbol.dispose]();
  assert.equal(region.disposed, true);
  assert.equal(bytes.length, 0);
  assert.equal(buffer.byteLength, 0);
  assert.equal(regionOf(buffer), undefined);
  assert.throws(() => region.bytes, { code: 'ERR_DIORITE_CLOSED' });
  assert.throws(() => region.buffer, { code: 'ERR_DIORITE_CLOSED' });
});

test('portable regions lie on pages, as far as can be told here', () => {
  assert.notEqual(portableRegionsAligned(), false);
});

test('without the addon regions are portable: DIORITE_ADDON=off says why', async () => {
  const script = `
    import { parentPort } from 'node:worker_threads';
    import { addonProblem, loadAddon } from ${JSON.stringify(new URL('./addon.js', import.meta.url).href)};
    import { Region } from ${JSON.stringify(new URL('./region.js', import.meta.url).href)};
    import { hostPages } from ${JSON.stringify(new URL('./pages.js', import.meta.url).href)};
    const region = new Region(10000);
    const { bytes } = region;
    const facts = [loadAddon(), addonProblem(), region.native, region.length, bytes.length];
    facts.push(hostPages().offsetInPage(region.buffer), hostPages().offsetInPage(new ArrayBuffer(4096)));
    region.unmap();
    parentPort.postMessage([...facts, bytes.length]);`;
  const env = { ...process.env, DIORITE_ADDON: 'off' };
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { env });
  const facts = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  const problem = 'it is turned off by DIORITE_ADDON=off';
  assert.deepEqual(facts, [null, problem, false, 12288, 12288, 0, -1, 0]);
});
