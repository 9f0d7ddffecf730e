// The addon: jobs on the thread pool against node:fs, facts of files, bad arguments.
import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type Addon, addonProblem, BLOCK_FACTS_LENGTH, FILE_FACTS, FILE_FACTS_LENGTH, loadAddon } from './addon.js';
import { Region } from './region.js';

const OP = { READ: 0, WRITE: 1, FSYNC: 2, FDATASYNC: 3, WRITE_BACK: 4, DROP_CACHE: 5, FALLOCATE: 6, SEEK_DATA: 7 };
const SEEK_HOLE = 8;
const BLOCK_ZERO = 9;
const EBADF = -9;
const EFAULT = -14;
const ENOTTY = -25;
const ENOSYS = -38;

const loaded = loadAddon();

describe('the addon', loaded === null ? { skip: addonProblem() ?? '' } : {}, () => {
  const addon = loaded as Addon; // the tests are skipped where there is none
  const folder = mkdtempSync(join(tmpdir(), 'diorite-addon-'));
  const path = join(folder, 'file');
  let fd = -1;

  before(() => {
    writeFileSync(path, '');
    fd = openSync(path, 'r+');
  });
  after(() => {
    closeSync(fd);
    rmSync(folder, { recursive: true });
  });

  function job(op: number, offset = 0, length = 0, flags = 0, on = fd): Promise<number> {
    return new Promise((resolve) => addon.job(op, on, offset, length, flags, null, 0, 0, null, resolve));
  }

  /** READ or WRITE of pieces of one region, as (byteOffset, length). */
  function move(op: number, region: Region, offset: number, pieces: readonly [number, number][]): Promise<number> {
    const address = addon.addressOf(region.buffer);
    const skipped = 8; // entries before iovAt that are not for this job
    const iov = new Uint32Array((skipped + pieces.length) * 4);
    pieces.forEach(([byteOffset, length], i) => {
      const at = address + byteOffset;
      iov.set([at % 2 ** 32, Math.floor(at / 2 ** 32), length, 0], (skipped + i) * 4);
    });
    const length = pieces.reduce((sum, [, bytes]) => sum + bytes, 0);
    return new Promise((resolve) => {
      addon.job(op, fd, offset, length, 0, iov, skipped * 4, pieces.length, region.handle, resolve);
      iov.fill(0); // it was copied
    });
  }

  test('has nothing to complain of', () => assert.equal(addonProblem(), null));

  for (const count of [1, 16, 17, 1024]) {
    test(`writes and reads ${count} pieces`, async () => {
      const region = new Region(1024 * 16);
      for (let i = 0; i < region.length; i++) region.bytes[i] = i * 7 + (i >>> 8);
      // The pieces in reverse order, 7 bytes of every 16.
      const pieces = Array.from({ length: count }, (_, i): [number, number] => [(count - 1 - i) * 16 + 3, 7]);
      const expected = Buffer.concat(pieces.map(([at, length]) => region.bytes.slice(at, at + length)));
      assert.equal(await move(OP.WRITE, region, 1000, pieces), 7 * count);
      assert.deepEqual(readFileSync(path).subarray(1000, 1000 + 7 * count), expected);
      const other = new Region(1024 * 16);
      assert.equal(await move(OP.READ, other, 1000, pieces), 7 * count);
      for (const [at, length] of pieces)
        assert.deepEqual(other.bytes.slice(at, at + length), region.bytes.slice(at, at + length));
      assert.equal(other.bytes[0], 0, 'nothing beside the pieces is written');
    });
  }

  test('reads past 4 GiB', async () => {
    const region = new Region(4096);
    region.bytes.fill(9);
    const offset = 5 * 2 ** 30 + 1;
    assert.equal(await move(OP.WRITE, region, offset, [[0, 10]]), 10);
    assert.equal(fstatSync(fd).size, offset + 10);
    assert.equal(await job(OP.SEEK_DATA, 2 ** 30), offset - (offset % 4096));
    assert.equal(await job(SEEK_HOLE, offset), offset + 10);
    assert.equal(await move(OP.READ, region, offset + 10, [[0, 10]]), 0, 'the end of the data');
  });

  test('the operations without memory', async () => {
    assert.equal(await job(OP.FSYNC), 0);
    assert.equal(await job(OP.FDATASYNC), 0);
    assert.equal(await job(OP.WRITE_BACK, 0, 8192), 0);
    assert.equal(await job(OP.DROP_CACHE, 0, 8192), 0);
    assert.equal(await job(OP.FALLOCATE, 0, 65_536, 1), 0, 'FALLOC_FL_KEEP_SIZE');
  });

  test('errors are results', async () => {
    assert.equal(await job(OP.FSYNC, 0, 0, 0, 1_000_000), EBADF);
    assert.equal(await job(OP.DROP_CACHE, 0, 0, 0, 1_000_000), EBADF);
    assert.equal(await job(BLOCK_ZERO, 0, 4096), ENOTTY);
    assert.equal(await job(77), ENOSYS);
    const iov = Uint32Array.of(8, 0, 10, 0);
    const result = await new Promise((resolve) => addon.job(OP.WRITE, fd, 0, 10, 0, iov, 0, 1, null, resolve));
    assert.equal(result, EFAULT);
  });

  test('bad arguments throw and hold nothing', () => {
    const done = (): void => assert.fail('it was never started');
    const iov = new Uint32Array(8);
    const bad: (() => void)[] = [
      () => addon.job(OP.READ, fd, 0, 0, 0, null, 0, 1, null, done),
      () => addon.job(OP.READ, fd, 0, 0, 0, iov, 0, 3, null, done),
      () => addon.job(OP.READ, fd, 0, 0, 0, iov, 4, 2, null, done),
      () => addon.job(OP.READ, fd, 0, 0, 0, new Uint32Array(8192), 0, 1025, null, done),
      () => addon.job(OP.READ, fd, 0.5, 0, 0, iov, 0, 1, null, done),
      () => addon.fileFacts(fd, new Float64Array(FILE_FACTS_LENGTH - 1)),
      () => addon.blockFacts(fd, new Float64Array(BLOCK_FACTS_LENGTH - 1)),
    ];
    for (const call of bad) assert.throws(call, { code: /ERR_INVALID_ARG_TYPE|ERR_OUT_OF_RANGE/ });
  });

  test('facts of a file are what node:fs says', () => {
    const out = new Float64Array(FILE_FACTS_LENGTH);
    assert.equal(addon.fileFacts(fd, out), 0);
    const stat = fstatSync(fd, { bigint: true });
    assert.equal(out[FILE_FACTS.mode], Number(stat.mode));
    assert.equal(out[FILE_FACTS.bytes], Number(stat.size));
    assert.equal(out[FILE_FACTS.blockBytes], Number(stat.blksize));
    const { inodeLow, inodeHigh } = FILE_FACTS;
    assert.equal((BigInt(out[inodeHigh] ?? 0) << 32n) | BigInt(out[inodeLow] ?? 0), stat.ino);
    for (const index of [FILE_FACTS.dioMemoryAlign, FILE_FACTS.dioOffsetAlign, FILE_FACTS.dioReadOffsetAlign])
      assert((out[index] ?? Number.NaN) >= -1 && (out[index] ?? 0) <= 65_536);
    assert((out[FILE_FACTS.fsType] ?? 0) > 0);
    assert((out[FILE_FACTS.fsFreeBytes] ?? 0) > 0);
    assert.equal(addon.fileFacts(1_000_000, out), EBADF);
  });

  test('a file is no block device', () => {
    const out = new Float64Array(BLOCK_FACTS_LENGTH);
    assert.equal(addon.blockFacts(fd, out), ENOTTY);
    assert.deepEqual([...out], new Array(BLOCK_FACTS_LENGTH).fill(-1));
  });

  test('pages in the cache are counted', async (t) => {
    const cached = join(folder, 'cached');
    writeFileSync(cached, Buffer.alloc(40_000, 1));
    const other = openSync(cached, 'r+');
    t.after(() => closeSync(other));
    const pages = addon.cachedPages(other, 0, 40_000);
    if (pages === ENOSYS || pages === -1) return t.skip('cachestat needs Linux 6.5');
    assert.equal(pages, 10);
    assert.equal(addon.cachedPages(other, 4096, 8192), 2);
    assert.equal(addon.cachedPages(other, 0, 0), 0);
    assert.equal(addon.cachedPages(1_000_000, 0, 1), EBADF);
  });

  test('addresses of shared memory and of empty buffers', () => {
    assert(addon.addressOf(new SharedArrayBuffer(4096)) > 0);
    assert.equal(addon.addressOf(new ArrayBuffer(0)), 0);
  });
});
