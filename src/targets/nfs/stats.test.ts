// Attributes of a server in Node's shapes, held against what node:fs says of a file of the same attributes.
import assert from 'node:assert/strict';
import { type BigIntStats, mkdtempSync, rmSync, Stats, statfsSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { toBigIntStats, toStats } from '../net/remote-stats.js';
import type { NfsAttributes } from './protocol.js';
import { toBigIntStatsFs, toStatsFs } from './stats.js';

const ATTRIBUTES: NfsAttributes = {
  type: 'character',
  mode: 0o4755,
  links: 3,
  uid: 4294967294,
  gid: 7,
  size: 2n ** 60n + 1n,
  used: 8192n,
  rdevMajor: 0x1234_5678,
  rdevMinor: 0x9abc_def0,
  fsid: 2n ** 63n + 1n,
  fileId: 2n ** 64n - 1n,
  atimeNs: 1_700_000_000_123_456_789n,
  mtimeNs: -1_500_000n,
  ctimeNs: 1n,
  change: 5n,
};

describe('attributes in the shape of fs.Stats', () => {
  it('have the fields, and give the answers, that node:fs gives for the same file', () => {
    const directory = mkdtempSync(join(tmpdir(), 'diorite-stats-'));
    try {
      const path = join(directory, 'file');
      writeFileSync(path, 'some bytes', { mode: 0o640 });
      utimesSync(path, 1_600_000_000.123, 1_500_000_000.987654);
      const real = statSync(path);
      const exact = statSync(path, { bigint: true });
      const attributes: NfsAttributes = {
        ...ATTRIBUTES,
        type: 'file',
        mode: Number(exact.mode) & 0o7777,
        links: real.nlink,
        uid: real.uid,
        gid: real.gid,
        size: exact.size,
        used: exact.blocks * 512n,
        rdevMajor: 0,
        rdevMinor: 0,
        fsid: exact.dev,
        fileId: exact.ino,
        atimeNs: exact.atimeNs,
        mtimeNs: exact.mtimeNs,
        ctimeNs: exact.ctimeNs,
      };
      assert.deepEqual(shown(toStats(attributes)), shown(real));
      assert.deepEqual(shown(toBigIntStats(attributes)), shown(exact));
      assert.ok(toStats(attributes) instanceof Stats && toStats(attributes).isFile());
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('are exact where bigint is asked for, and say what kind of file it is', () => {
    const stats = toBigIntStats(ATTRIBUTES);
    const { dev, ino, size, mtimeNs, mtimeMs, mode } = stats;
    assert.deepEqual([dev, ino, size], [2n ** 63n + 1n, 2n ** 64n - 1n, 2n ** 60n + 1n]);
    assert.deepEqual([mtimeNs, mtimeMs, mode], [-1_500_000n, -1n, 0o24755n]);
    assert.deepEqual([stats.isCharacterDevice(), stats.isFile(), stats.isSocket()], [true, false, false]);
    // gnu_dev_makedev(0x12345678, 0x9abcdef0)
    assert.equal(stats.rdev, 0x1234_59ab_cde6_78f0n);
    assert.equal(toStats(ATTRIBUTES).mtimeMs, -1.5);
  });

  it('count space in blocks', () => {
    const space = {
      bytesTotal: 2n ** 63n,
      bytesFree: 8191n,
      bytesAvailable: 4096n,
      filesTotal: 10n,
      filesFree: 5n,
      filesAvailable: 4n,
      nameBytesMax: 255,
    };
    const exact = { type: 0x6969n, bsize: 4096n, blocks: 2n ** 51n, bfree: 1n, bavail: 1n, files: 10n, ffree: 5n };
    assert.deepEqual(toBigIntStatsFs(space), exact);
    assert.deepEqual(Object.keys(toStatsFs(space)), Object.keys(statfsSync('/')));
    assert.equal(toStatsFs(space).blocks, 2 ** 51);
  });
});

/** Node makes dates when they are asked for; what a server best moves at a time, and births, are not a local file's. */
function shown(stats: Stats | BigIntStats): object {
  const { atime, mtime, ctime } = stats;
  return { ...stats, atime, mtime, ctime, ...{ birthtime: 0, birthtimeMs: 0, birthtimeNs: 0, blksize: 0 } };
}
