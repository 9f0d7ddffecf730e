// fattr3, sattr3 and what stands around them: there and back, cut short, and with values that the protocol does not have.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NfsAttributes, NfsSetAttributes } from '../protocol.js';
import { XdrError, XdrReader } from '../xdr/reader.js';
import { XdrWriter } from '../xdr/writer.js';
import {
  checkTimes,
  readAttributes,
  readHandle,
  readOptionalAttributes,
  skipConsistency,
  skipOptionalAttributes,
  writeSettable,
} from './attributes.js';

const TYPES = ['file', 'directory', 'block', 'character', 'symlink', 'socket', 'fifo'] as const;
const NS_PER_S = 1_000_000_000n;

const PLAIN = { noNullPrototype: true } as const;
const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const hyper = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const time = fc.bigInt({ min: 0n, max: 2n ** 32n * NS_PER_S - 1n });
const someAttributes: fc.Arbitrary<NfsAttributes> = fc.record(
  {
    type: fc.constantFrom(...TYPES),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    links: word,
    uid: word,
    gid: word,
    size: hyper,
    used: hyper,
    rdevMajor: word,
    rdevMinor: word,
    fsid: hyper,
    fileId: hyper,
    atimeNs: time,
    mtimeNs: time,
    ctimeNs: time,
    change: fc.constant(null),
  },
  PLAIN,
);

/** As a server writes it, straight from RFC 1813 §2.5. */
function writeAttributes(xdr: XdrWriter, a: NfsAttributes): void {
  xdr.u32((TYPES as readonly string[]).indexOf(a.type) + 1);
  for (const value of [a.mode, a.links, a.uid, a.gid]) xdr.u32(value);
  for (const value of [a.size, a.used]) xdr.u64(value);
  for (const value of [a.rdevMajor, a.rdevMinor]) xdr.u32(value);
  for (const value of [a.fsid, a.fileId]) xdr.u64(value);
  for (const value of [a.atimeNs, a.mtimeNs, a.ctimeNs]) {
    xdr.u32(Number(value / NS_PER_S));
    xdr.u32(Number(value % NS_PER_S));
  }
}

function written(write: (xdr: XdrWriter) => void): Uint8Array {
  const xdr = new XdrWriter();
  write(xdr);
  return xdr.bytes.slice();
}

describe('fattr3', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(someAttributes, (attributes) => {
        const bytes = written((xdr) => writeAttributes(xdr, attributes));
        assert.equal(bytes.length, 84);
        const xdr = new XdrReader(bytes);
        assert.deepEqual(readAttributes(xdr), attributes);
        xdr.end();
      }),
    );
  });

  it('has the permission bits of a mode that shows the type too', () => {
    const [attributes] = fc.sample(someAttributes, { numRuns: 1, seed: 1 });
    assert.ok(attributes !== undefined);
    const bytes = written((xdr) => writeAttributes(xdr, { ...attributes, mode: 0o100644 }));
    assert.equal(readAttributes(new XdrReader(bytes)).mode, 0o644);
  });

  it('is an error when cut short anywhere, or of no type', () => {
    const [attributes] = fc.sample(someAttributes, { numRuns: 1, seed: 2 });
    assert.ok(attributes !== undefined);
    const bytes = written((xdr) => writeAttributes(xdr, attributes));
    for (let length = 0; length < bytes.length; length++)
      assert.throws(() => readAttributes(new XdrReader(bytes.subarray(0, length))), XdrError);
    for (const type of [0, 8, 0xffffffff]) {
      const wrong = Buffer.from(bytes);
      wrong.writeUInt32BE(type, 0);
      assert.throws(() => readAttributes(new XdrReader(wrong)), { name: 'XdrError', message: /type is/ });
    }
  });

  it('is there or not, and is skipped as it is read', () => {
    const [attributes] = fc.sample(someAttributes, { numRuns: 1, seed: 3 });
    assert.ok(attributes !== undefined);
    const there = written((xdr) => {
      xdr.bool(true);
      writeAttributes(xdr, attributes);
    });
    assert.deepEqual(readOptionalAttributes(new XdrReader(there)), attributes);
    assert.equal(readOptionalAttributes(new XdrReader(new Uint8Array(4))), null);
    const consistency = written((xdr) => {
      xdr.bool(true);
      for (let i = 0; i < 6; i++) xdr.u32(i);
      xdr.bool(true);
      writeAttributes(xdr, attributes);
      xdr.bool(false);
      xdr.bool(false);
    });
    const xdr = new XdrReader(consistency);
    skipConsistency(xdr);
    skipConsistency(xdr);
    xdr.end();
    const skipping = new XdrReader(there);
    skipOptionalAttributes(skipping);
    skipping.end();
    for (let length = 0; length < there.length; length++)
      assert.throws(() => skipOptionalAttributes(new XdrReader(there.subarray(0, length))), XdrError);
    for (let length = 0; length < consistency.length - 8; length++)
      assert.throws(() => skipConsistency(new XdrReader(consistency.subarray(0, length))), XdrError);
  });
});

describe('a file handle', () => {
  it('is copied, and has 1 to 64 bytes', () => {
    for (const length of [1, 3, 63, 64]) {
      const bytes = written((xdr) => xdr.opaque(new Uint8Array(length).fill(7)));
      const handle = readHandle(new XdrReader(bytes));
      bytes.fill(0);
      assert.deepEqual(handle, new Uint8Array(length).fill(7));
    }
    for (const length of [0, 65, 2 ** 32 - 1]) {
      const bytes = written((xdr) => {
        xdr.u32(length);
        xdr.fixed(new Uint8Array(68));
      });
      assert.throws(() => readHandle(new XdrReader(bytes)), XdrError);
    }
  });
});

describe('sattr3', () => {
  /** As a server reads it, straight from RFC 1813 §2.6. */
  function readSettable(bytes: Uint8Array): NfsSetAttributes {
    const xdr = new XdrReader(bytes);
    const optional = (): number | undefined => (xdr.bool() ? xdr.u32() : undefined);
    const optionalTime = (): bigint | 'now' | undefined => {
      const how = xdr.u32();
      if (how === 2) return BigInt(xdr.u32()) * NS_PER_S + BigInt(xdr.u32());
      return how === 1 ? 'now' : undefined;
    };
    const [mode, uid, gid] = [optional(), optional(), optional()];
    const size = xdr.bool() ? xdr.u64Number() : undefined;
    const [atimeNs, mtimeNs] = [optionalTime(), optionalTime()];
    xdr.end();
    return { mode, uid, gid, size, atimeNs, mtimeNs };
  }

  it('says what is to be set, and nothing else', () => {
    const maybe = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined });
    const someTime = maybe(fc.oneof(time, fc.constant('now' as const)));
    const set: fc.Arbitrary<NfsSetAttributes> = fc.record(
      {
        mode: maybe(fc.integer({ min: 0, max: 0o7777 })),
        uid: maybe(word),
        gid: maybe(word),
        size: maybe(fc.nat(Number.MAX_SAFE_INTEGER)),
        atimeNs: someTime,
        mtimeNs: someTime,
      },
      PLAIN,
    );
    fc.assert(
      fc.property(set, (wanted) => {
        checkTimes(wanted);
        assert.deepEqual(readSettable(written((xdr) => writeSettable(xdr, wanted))), wanted);
      }),
    );
  });

  it('refuses times that 32 bits of seconds do not hold', () => {
    const last = 2n ** 32n * NS_PER_S - 1n;
    checkTimes({ atimeNs: 0n, mtimeNs: last });
    for (const timeNs of [-1n, last + 1n]) {
      assert.throws(() => checkTimes({ atimeNs: timeNs }), { code: 'ERR_OUT_OF_RANGE', message: /atime/ });
      assert.throws(() => checkTimes({ mtimeNs: timeNs }), { code: 'ERR_OUT_OF_RANGE', message: /mtime/ });
    }
  });
});
