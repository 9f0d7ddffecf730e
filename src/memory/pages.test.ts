// The host's page source: addresses, page numbers, pins.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Random, runSeed } from '../../test/support/random.js';
import { loadAddon } from './addon.js';
import { HostPages, hostPages } from './pages.js';
import { Region } from './region.js';

const PAGE = 4096;
const needsAddon = loadAddon() === null ? { skip: 'needs the addon' } : {};

/** ES2024. */
function resizable(bytes: number, maxByteLength: number): ArrayBuffer {
  const make = ArrayBuffer as unknown as new (bytes: number, options: { maxByteLength: number }) => ArrayBuffer;
  return new make(bytes, { maxByteLength });
}

function take(source: HostPages, buffer: ArrayBufferLike, byteOffset: number, length: number, most = 64): Int32Array {
  const pages = new Int32Array(most);
  return pages.subarray(0, source.get(buffer, byteOffset, length, pages, 0, most));
}

test('a region starts a page', () => {
  assert.equal(hostPages().offsetInPage(new Region(PAGE).buffer), 0);
});

test('addresses of ordinary buffers', needsAddon, () => {
  const source = new HostPages();
  const buffer = new ArrayBuffer(100_000);
  const address = source.addressOf(buffer);
  assert(Number.isSafeInteger(address) && address > 0);
  assert.equal(source.addressOf(buffer), address);
  assert.equal(source.offsetInPage(buffer), address % PAGE);
});

test('memory that somebody may shrink, share or take away has no address', () => {
  const source = new HostPages();
  const detached = new ArrayBuffer(PAGE);
  source.addressOf(detached);
  structuredClone(detached, { transfer: [detached] });
  for (const buffer of [resizable(PAGE, 2 * PAGE), new SharedArrayBuffer(PAGE), new ArrayBuffer(0), detached]) {
    assert.equal(source.offsetInPage(buffer), -1);
    assert(Number.isNaN(source.addressOf(buffer)));
  }
});

test('pages are counted from where the memory lies, not from byteOffset', needsAddon, () => {
  const source = new HostPages();
  const buffer = new ArrayBuffer(100_000);
  const inPage = source.offsetInPage(buffer);
  const pages = take(source, buffer, 0, buffer.byteLength);
  assert.equal(pages.length, Math.ceil((inPage + buffer.byteLength) / PAGE));
  const bytes = new Uint8Array(buffer);
  bytes[0] = 1;
  bytes[PAGE - inPage] = 2;
  const [first = -1, second = -1] = pages;
  assert.equal(second, first + 1);
  if (inPage > 0) assert.equal(source.viewOf(first, inPage, 1)[0], 1);
  assert.equal(source.viewOf(inPage > 0 ? second : first, 0, 1)[0], inPage > 0 ? 2 : 1);
  source.put(pages, 0, pages.length);
  assert.equal(source.held, 0);
});

test('pages come in batches of what there is room for', () => {
  const source = new HostPages();
  const { buffer } = new Region(10 * PAGE);
  const pages = take(source, buffer, PAGE + 1, 5 * PAGE, 3);
  assert.equal(pages.length, 3);
  const more = take(source, buffer, 4 * PAGE, 2 * PAGE + 1, 3);
  assert.equal(more[0], (pages[2] ?? 0) + 1);
  assert.equal(more.length, 3);
  assert.equal(source.held, 6);
  source.put(pages, 0, 3);
  source.put(more, 0, 3);
  assert.equal(source.held, 0);
});

test('a page is put back once', () => {
  const source = new HostPages();
  const { buffer } = new Region(PAGE);
  const pages = take(source, buffer, 0, 1);
  source.put(pages, 0, 1);
  assert.throws(() => source.put(pages, 0, 1), { code: 'ERR_DIORITE_ASSERTION' });
  assert.throws(() => source.viewOf(pages[0] ?? -1, 0, 1), { code: 'ERR_DIORITE_ASSERTION' });
  assert.equal(source.held, 0);
});

test('memory that is gone is refused, and nothing is taken', () => {
  const source = new HostPages();
  const buffer = new ArrayBuffer(PAGE);
  structuredClone(buffer, { transfer: [buffer] });
  assert.throws(() => take(source, buffer, 0, 1), { code: 'ERR_DIORITE_DETACHED' });
  const region = new Region(PAGE);
  const pages = take(source, region.buffer, 0, PAGE);
  region[Symbol.dispose]();
  assert.throws(() => source.viewOf(pages[0] ?? -1, 0, 1), { code: 'ERR_DIORITE_DETACHED' });
  source.put(pages, 0, 1);
  assert.equal(source.held, 0);
  assert.throws(() => take(source, new SharedArrayBuffer(PAGE), 0, 1), { code: 'ERR_DIORITE_UNSUPPORTED' });
});

test('a fragment lies in its page and its buffer', () => {
  const source = new HostPages();
  const { buffer } = new Region(PAGE);
  const pages = take(source, buffer, 0, PAGE);
  const page = pages[0] ?? -1;
  assert.equal(source.viewOf(page, 96, 4000).byteLength, 4000);
  assert.throws(() => source.viewOf(page, 97, 4000), { code: 'ERR_DIORITE_ASSERTION' });
  source.put(pages, 0, 1);
});

test('numbers of many buffers of all sizes never collide, and lead back to their bytes', () => {
  const seed = runSeed();
  const random = new Random(seed);
  const source = new HostPages();
  const regions = Array.from({ length: 40 }, () => new Region(random.between(1, 40 * PAGE)));
  const held: { pages: Int32Array; region: Region; at: number }[] = [];
  for (let step = 0; step < 3000; step++) {
    const region = regions[random.below(regions.length)];
    if (region !== undefined && random.chance(2)) {
      const at = random.below(region.length);
      held.push({ pages: take(source, region.buffer, at, random.between(1, region.length - at), 8), region, at });
    } else if (held.length > 0) {
      const [gone] = held.splice(random.below(held.length), 1);
      if (gone !== undefined) source.put(gone.pages, 0, gone.pages.length);
    }
    const owners = new Map<number, Region>();
    if (step % 100 !== 0) continue;
    for (const { pages, region: owner, at } of held) {
      for (const page of pages) assert.equal(owners.get(page) ?? owner, owner, `seed ${seed}, step ${step}`);
      for (const page of pages) owners.set(page, owner);
      const view = source.viewOf(pages[0] ?? -1, at % PAGE, 1);
      assert.equal(view.buffer, owner.buffer);
      assert.equal(view.byteOffset, at, `seed ${seed}, step ${step}`);
    }
  }
  for (const { pages } of held) source.put(pages, 0, pages.length);
  assert.equal(source.held, 0);
});
