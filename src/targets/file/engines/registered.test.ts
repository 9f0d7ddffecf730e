// Registered buffers: what is pinned when, what is never, and that an entry is not taken from a request that waits.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { open } from '../../../index.js';
import { hostPages } from '../../../memory/pages.js';
import { Region } from '../../../memory/region.js';
import { RegisteredBuffers } from './registered.js';
import { Ring } from './ring.js';
import { OP_READV, OP_READV_FIXED, OP_WRITEV_FIXED } from './uring-abi.js';

const USES = 512;
const ENOMEM = -12;
const EINVAL = -22;
const addressOf = (buffer: ArrayBufferLike): number => hostPages().addressOf(buffer);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A kernel's table. */
class Table {
  readonly held = new Map<number, ArrayBuffer>();
  answer = 0;
  opened = 0;

  buffers(count: number): number {
    this.opened++;
    return count === 64 ? this.answer : EINVAL;
  }

  setBuffer(index: number, buffer: ArrayBuffer | null): number {
    if (buffer === null) {
      assert.ok(this.held.delete(index), 'only what is there is emptied');
      return 1;
    }
    if (this.answer < 0) return this.answer;
    assert.ok(!this.held.has(index), 'an entry is filled when it is empty');
    this.held.set(index, buffer);
    return 1;
  }
}

function useOften(buffers: RegisteredBuffers, region: Region, times = USES): number {
  let slot = -1;
  for (let i = 0; i < times; i++) slot = buffers.use(region.buffer).slot;
  return slot;
}

test('a region of ours is registered when it is used again and again, and let go of with it', async (t) => {
  const table = new Table();
  let queued = true;
  const buffers = new RegisteredBuffers(table, addressOf, () => queued);
  const region = new Region(8192);
  if (!region.native) return t.skip('needs the addon');
  assert.equal(useOften(buffers, region, USES - 1), -1);
  assert.equal(table.opened, 0, 'nothing is asked of the kernel before');
  const slot = useOften(buffers, region, 1);
  assert.equal(table.held.get(slot), region.buffer);
  assert.equal(buffers.bytes, 8192);
  assert.equal(buffers.use(region.buffer).address, addressOf(region.buffer));
  const { buffer } = region;
  region[Symbol.dispose]();
  await turn();
  assert.equal(table.held.size, 1, 'what names it has not been submitted');
  assert.equal(buffers.use(buffer).slot, -1, 'and nothing new names it');
  queued = false;
  await turn();
  await turn();
  assert.deepEqual([table.held.size, buffers.bytes], [0, 0]);
  using next = new Region(4096);
  assert.ok(useOften(buffers, next) >= 0, 'its place is free again');
});

test('memory that is not ours, and regions that are large, never are', () => {
  const table = new Table();
  const buffers = new RegisteredBuffers(table, addressOf, () => false);
  const own = new ArrayBuffer(8192);
  for (let i = 0; i < 2 * USES; i++) assert.equal(buffers.use(own).slot, -1);
  using large = new Region(33 * 1024 * 1024);
  assert.equal(useOften(buffers, large, 2 * USES), -1);
  assert.equal(table.held.size, 0);
});

test('a kernel that cannot, or has no more memory to pin: requests go without', (t) => {
  using region = new Region(8192);
  if (!region.native) return t.skip('needs the addon');
  for (const answer of [EINVAL, ENOMEM]) {
    const table = new Table();
    table.answer = answer;
    const buffers = new RegisteredBuffers(table, addressOf, () => false);
    assert.equal(useOften(buffers, region, 3 * USES), -1);
    assert.deepEqual([table.held.size, buffers.bytes, table.opened], [0, 0, 1]);
  }
});

test('no more than the table holds, and room that comes back is used', async (t) => {
  const table = new Table();
  const buffers = new RegisteredBuffers(table, addressOf, () => false);
  const regions = Array.from({ length: 65 }, () => new Region(4096));
  const [first, ...others] = regions as [Region, ...Region[]];
  if (!first.native) return t.skip('needs the addon');
  const slots = regions.map((region) => useOften(buffers, region));
  assert.deepEqual([new Set(slots).size, slots.at(-1), table.held.size], [65, -1, 64]);
  first[Symbol.dispose]();
  await turn();
  assert.ok(useOften(buffers, others.at(-1) as Region) >= 0);
  for (const region of others) region[Symbol.dispose]();
  await turn();
  assert.equal(table.held.size, 0);
});

test('files: bytes are the same before and after, and a region may go while a read of it waits', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'diorite-test-'));
  try {
    const path = join(directory, 'file');
    const content = Buffer.from(Array.from({ length: 64 * 4096 }, (_, i) => (i >> 12) + i));
    writeFileSync(path, content);
    const file = await open(path, 'r+');
    const region = new Region(16 * 4096);
    for (let round = 0; round < 100; round++) {
      const reads = Array.from({ length: 16 }, (_, i) =>
        file.read(region.bytes, i * 4096, 4096, ((round + i) % 64) * 4096),
      );
      await Promise.all(reads);
      for (let i = 0; i < 16; i++) {
        const at = ((round + i) % 64) * 4096;
        assert.ok(content.subarray(at, at + 4096).equals(region.bytes.subarray(i * 4096, (i + 1) * 4096)));
      }
    }
    await file.write(region.bytes, 0, 4096, 4096);
    const last = file.read(region.bytes, 0, 4096, 0);
    region[Symbol.dispose]();
    assert.equal((await last).bytesRead, 4096, 'the kernel has the memory until it is done');
    await file.close();
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('vectors within one region: the same bytes from a registered one as before, shuffled, and from two regions', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'diorite-test-'));
  const { push } = Ring.prototype;
  const seen = new Set<number>();
  Ring.prototype.push = function (owner, opcode, ...rest): void {
    seen.add(opcode);
    push.call(this, owner, opcode, ...rest);
  };
  t.after(() => {
    Ring.prototype.push = push;
    rmSync(directory, { recursive: true });
  });
  const path = join(directory, 'vectors');
  const content = Buffer.from(Array.from({ length: 32 * 8192 }, (_, i) => (i >> 13) + i));
  writeFileSync(path, content);
  await using file = await open(path, 'r+');
  using region = new Region(64 * 8192);
  using other = new Region(8192);
  // Every other piece, so that no two meet; 5 and 32 have no common factor.
  const shuffled = Array.from({ length: 32 }, (_, i) => {
    const at = ((i * 5) % 32) * 16384;
    return region.bytes.subarray(at, at + 8192);
  });
  const across = [...shuffled.slice(0, 31), other.bytes];
  for (let round = 0; round < 40; round++) {
    const list = round % 4 === 3 ? across : shuffled;
    for (const each of list) each.fill(0);
    assert.equal((await file.readv(list, 0)).bytesRead, content.length);
    assert.ok(content.equals(Buffer.concat(list)), `round ${round}`);
    content.fill(round, round * 4096, round * 4096 + 100);
    for (const [i, each] of list.entries()) each.set(content.subarray(i * 8192, (i + 1) * 8192));
    assert.equal((await file.writev(list, 0)).bytesWritten, content.length);
  }
  assert.ok(readFileSync(path).equals(content));
  if (file.engine !== 'uring' || (await file.readv(shuffled, 0)).io !== 'direct')
    return t.skip('needs the ring, direct');
  assert.ok(seen.has(OP_READV), 'at first, and across regions');
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const fixes = major > 6 || (major === 6 && minor >= 15);
  assert.deepEqual([seen.has(OP_READV_FIXED), seen.has(OP_WRITEV_FIXED)], [fixes, fixes]);
});
