// Attribute bitmaps, values and owner strings: what is written, what is read, what is refused.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { XdrError, XdrReader } from '../xdr/reader.js';
import { XdrWriter } from '../xdr/writer.js';
import { readAttributes, STAT_ATTRIBUTES, toAttributes, toSpace, writeSetAttributes } from './attributes.js';
import { bitmapOf, hasBit, readBitmap, writeBitmap } from './bitmap.js';
import { ATTRIBUTE } from './constants.js';
import { Owners } from './owners.js';

const OWNERS = new Owners(new Map([['anna', 1001]]), new Map([['staff', 50]]));

function readerOf(write: (xdr: XdrWriter) => void): XdrReader {
  const xdr = new XdrWriter();
  write(xdr);
  return new XdrReader(Buffer.from(xdr.bytes));
}

/** fattr4 of the given attributes, whose values `write` writes. */
function fattr(attributes: readonly number[], write: (xdr: XdrWriter) => void): XdrReader {
  return readerOf((xdr) => {
    writeBitmap(xdr, bitmapOf(...attributes));
    const at = xdr.reserveU32();
    const from = xdr.length;
    write(xdr);
    xdr.patchU32(at, xdr.length - from);
  });
}

describe('bitmaps', () => {
  it('have as many words as their highest attribute needs', () => {
    assert.deepEqual(bitmapOf(), []);
    assert.deepEqual(bitmapOf(31), [0x80000000]);
    assert.deepEqual(bitmapOf(1, 33, 75), [2, 2, 0x800]);
    assert.equal(hasBit([2, 2], 33), true);
    assert.equal(hasBit([2, 2], 75), false);
    assert.deepEqual(readBitmap(readerOf((xdr) => writeBitmap(xdr, [1, 2, 3]))), [1, 2, 3]);
  });

  it('of any length are not believed', () => {
    assert.throws(() => readBitmap(readerOf((xdr) => xdr.u32(9))), XdrError);
    assert.throws(() => readBitmap(readerOf((xdr) => xdr.u32(2))), XdrError);
  });
});

describe('attributes', () => {
  it('are read in the order of their numbers, without rounding', () => {
    const all = [1, 3, 4, 8, 20, 33, 35, 36, 37, 41, 45, 47, 52, 53];
    assert.deepEqual(bitmapOf(...all), STAT_ATTRIBUTES);
    const xdr = fattr(all, (to) => {
      to.u32(1);
      to.u64(0xffff_ffff_ffff_fffen);
      to.u64(2n ** 60n);
      to.u64(1n);
      to.u64(2n);
      to.u64(2n ** 63n);
      to.u32(0o104755);
      to.u32(3);
      to.string('anna@example.org');
      to.string('4294967294');
      to.u32(8);
      to.u32(1);
      to.u64(4096);
      to.u64(1n);
      to.u32(999_999_999);
      // A second before 1970.
      to.u64(BigInt.asUintN(64, -1n));
      to.u32(5);
      to.u64(0n);
      to.u32(0);
    });
    assert.deepEqual(toAttributes(readAttributes(xdr), OWNERS), {
      type: 'file',
      mode: 0o4755,
      links: 3,
      uid: 1001,
      gid: 4294967294,
      size: 2n ** 60n,
      used: 4096n,
      rdevMajor: 8,
      rdevMinor: 1,
      fsid: (1n << 64n) | 2n,
      fileId: 2n ** 63n,
      atimeNs: 1_999_999_999n,
      ctimeNs: -999_999_995n,
      mtimeNs: 0n,
      change: 0xffff_ffff_ffff_fffen,
    });
  });

  it('that the server left out have values that promise nothing', () => {
    const values = readAttributes(fattr([], () => undefined));
    assert.equal(toAttributes(values, OWNERS).change, null);
    assert.equal(toSpace(values).nameBytesMax, 255);
    assert.ok(values.readBytesMax > BigInt(Number.MAX_SAFE_INTEGER));
  });

  it('that nobody asked for, or of a wrong length, are refused', () => {
    assert.throws(() => readAttributes(fattr([12], (to) => to.u32(1))), /attribute 12/);
    assert.throws(() => readAttributes(fattr([1], (to) => to.u64(1))), XdrError);
    assert.throws(() => readAttributes(fattr([4], (to) => to.u32(1))), XdrError);
    assert.throws(() => readAttributes(fattr([1], (to) => to.u32(9))), /type 9/);
  });

  it('are taken as they are where a time has more nanoseconds than there are', () => {
    const time = fattr([47], (to) => {
      to.u64(1n);
      to.u32(0x3fffffff);
    });
    assert.equal(readAttributes(time).atimeNs, 1_000_000_000n + 0x3fffffffn);
  });

  it('are set in the order of their numbers, times by either clock', () => {
    const set = { size: 2 ** 40, mode: 0o640, uid: 5, gid: 6, atimeNs: -1n, mtimeNs: 'now' } as const;
    const xdr = readerOf((to) => writeSetAttributes(to, set));
    assert.deepEqual(readBitmap(xdr), bitmapOf(4, 33, 36, 37, ATTRIBUTE.TIME_ACCESS_SET, ATTRIBUTE.TIME_MODIFY_SET));
    const length = xdr.u32();
    assert.equal(length, xdr.remaining);
    assert.equal(xdr.u64Number(), 2 ** 40);
    assert.equal(xdr.u32(), 0o640);
    assert.deepEqual([xdr.string(10), xdr.string(10)], ['5', '6']);
    assert.deepEqual([xdr.u32(), xdr.i64(), xdr.u32()], [1, -1n, 999_999_999]);
    assert.equal(xdr.u32(), 0);
    xdr.end();
  });
});

describe('owners', () => {
  it('are numbers, or names of this machine, or nobody', () => {
    const cases: [string, number][] = [
      ['0', 0],
      ['4294967295', 4294967295],
      ['4294967296', 65534],
      ['anna', 1001],
      ['anna@example.org', 1001],
      ['root@anywhere', 0],
      ['nobody@example.org', 65534],
      ['', 65534],
      ['-1', 65534],
    ];
    for (const [text, id] of cases) assert.equal(OWNERS.user(text), id, text);
    assert.equal(OWNERS.group('staff@x'), 50);
    assert.equal(OWNERS.group('anna'), 65534);
  });

  it('of this machine are found', async () => {
    const owners = await Owners.load();
    assert.equal(owners.user('root'), 0);
    assert.equal(owners.group('root@example.org'), 0);
  });
});
