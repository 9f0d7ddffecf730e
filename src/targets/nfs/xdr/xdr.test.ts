// XDR: what is written is read again, byte for byte as RFC 4506 has it, and no length is believed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SegmentList } from '../../../plan/request.js';
import { Prng } from '../../sim/prng.js';
import { XdrError, XdrReader } from './reader.js';
import { paddingOf, XdrWriter } from './writer.js';

function written(write: (xdr: XdrWriter) => void): string {
  const xdr = new XdrWriter();
  write(xdr);
  return Buffer.from(xdr.bytes).toString('hex');
}

function reading(hex: string): XdrReader {
  return new XdrReader(Buffer.from(hex, 'hex'));
}

describe('XdrWriter', () => {
  it('writes big-endian words and hypers', () => {
    const text = written((xdr) => {
      xdr.u32(0xfedcba98);
      xdr.i32(-2);
      xdr.u64(2 ** 53 - 1);
      xdr.u64(2n ** 64n - 1n);
      xdr.i64(-1n);
      xdr.bool(true);
      xdr.bool(false);
    });
    assert.equal(text, 'fedcba98fffffffe001fffffffffffffffffffffffffffffffffffffffffffff0000000100000000');
  });

  it('pads opaques with zeros, though the scratch buffer held something else', () => {
    const xdr = new XdrWriter();
    for (let i = 0; i < 8; i++) xdr.u32(0xffffffff);
    xdr.reset();
    xdr.opaque(Buffer.from('abcde'));
    xdr.fixed(Buffer.from('x'));
    xdr.string('é');
    assert.equal(Buffer.from(xdr.bytes).toString('hex'), '0000000561626364650000007800000000000002c3a90000');
  });

  it('grows, and goes on where it was', () => {
    const xdr = new XdrWriter();
    for (let i = 0; i < 10_000; i++) xdr.u32(i);
    const reader = new XdrReader(xdr.bytes);
    for (let i = 0; i < 10_000; i++) assert.equal(reader.u32(), i);
    reader.end();
  });

  it('patches a word that was reserved', () => {
    const text = written((xdr) => {
      const at = xdr.reserveU32();
      xdr.u32(7);
      xdr.patchU32(at, 9);
    });
    assert.equal(text, '0000000900000007');
  });

  it('refers to the payload, and counts it with its padding', () => {
    const xdr = new XdrWriter();
    const segments = new SegmentList();
    segments.push(new ArrayBuffer(8), 0, 8, false);
    xdr.payload(segments, 5);
    assert.equal(Buffer.from(xdr.bytes).toString('hex'), '00000005');
    assert.equal(xdr.payloadSegments, segments);
    assert.equal(xdr.payloadBytes, 5);
    assert.equal(xdr.length, 12);
    assert.throws(() => xdr.u32(1), { code: 'ERR_DIORITE_ASSERTION' });
    xdr.reset();
    assert.equal(xdr.payloadSegments, null);
    assert.equal(xdr.length, 0);
  });

  it('forgets the end of what was written', () => {
    const text = written((xdr) => {
      xdr.u32(1);
      const { headBytes } = xdr;
      xdr.payload(new SegmentList(), 0);
      xdr.truncate(headBytes);
      xdr.u32(2);
    });
    assert.equal(text, '0000000100000002');
  });

  it('asserts that values are in range', () => {
    for (const write of [
      (xdr: XdrWriter) => xdr.u32(-1),
      (xdr: XdrWriter) => xdr.u32(2 ** 32),
      (xdr: XdrWriter) => xdr.u32(0.5),
      (xdr: XdrWriter) => xdr.i32(2 ** 31),
      (xdr: XdrWriter) => xdr.u64(2 ** 53),
      (xdr: XdrWriter) => xdr.u64(-1),
      (xdr: XdrWriter) => xdr.u64(-1n),
      (xdr: XdrWriter) => xdr.u64(2n ** 64n),
      (xdr: XdrWriter) => xdr.i64(2n ** 63n),
    ])
      assert.throws(() => written(write), { code: 'ERR_DIORITE_ASSERTION' });
  });
});

describe('XdrReader', () => {
  it('reads what was written', () => {
    const reader = reading(
      'fedcba98fffffffe001fffffffffffffffffffffffffffffffffffffffffffff00000001000000026869000078000000',
    );
    assert.equal(reader.u32(), 0xfedcba98);
    assert.equal(reader.i32(), -2);
    assert.equal(reader.u64Number(), 2 ** 53 - 1);
    assert.equal(reader.u64(), 2n ** 64n - 1n);
    assert.equal(reader.i64(), -1n);
    assert.equal(reader.bool(), true);
    assert.equal(reader.string(2), 'hi');
    assert.equal(reader.remaining, 4);
    assert.deepEqual([...reader.fixed(1)], [0x78]);
    assert.equal(reader.offset, 48);
    reader.end();
  });

  it('gives views of exactly the bytes, and copies that stay', () => {
    const bytes = Buffer.from('0000000361626300', 'hex');
    const view = new XdrReader(bytes).opaque(3);
    const copy = new XdrReader(bytes).opaqueCopy(3);
    bytes.fill(0x7a);
    assert.equal(Buffer.from(view).toString(), 'zzz');
    assert.equal(Buffer.from(copy).toString(), 'abc');
  });

  it('stays within the part that it was given', () => {
    const reader = new XdrReader();
    reader.reset(Buffer.from('000000010000000200000003', 'hex'), 4, 8);
    assert.equal(reader.u32(), 2);
    assert.equal(reader.offset, 4);
    assert.throws(() => reader.u32(), XdrError);
  });

  it('refuses what is longer than what is there, or than is allowed, before anything is allocated', () => {
    assert.throws(() => reading('000000').u32(), XdrError);
    assert.throws(() => reading('00000000ffffff').u64(), XdrError);
    assert.throws(() => reading('ffffffff').opaque(2 ** 32 - 1), XdrError);
    assert.throws(() => reading('0000000461626364').opaque(3), XdrError);
    assert.throws(() => reading('0000000361626361').string(2), XdrError);
    // The padding is a part of it.
    assert.throws(() => reading('00000003616263').opaque(3), XdrError);
    assert.throws(() => reading('00000003616263').string(3), XdrError);
    assert.throws(() => reading('').skip(1), XdrError);
  });

  it('refuses what cannot be', () => {
    assert.throws(() => reading('00000002').bool(), XdrError);
    assert.throws(() => reading('0020000000000000').u64Number(), XdrError);
    assert.throws(() => reading('00000000').end(), XdrError);
  });

  it('throws nothing but XdrError, whatever it reads', () => {
    const seed = 20_170_202;
    const random = new Prng(seed);
    for (let round = 0; round < 20_000; round++) {
      const bytes = Uint8Array.from({ length: random.below(40) }, () => (random.chance(0.5) ? 0 : random.below(256)));
      const reader = new XdrReader(bytes);
      try {
        for (let i = 0; i < 12; i++) readAny(reader, random.below(9));
      } catch (error) {
        assert.ok(error instanceof XdrError, `seed ${seed}, round ${round}: ${String(error)}`);
      }
      assert.ok(reader.offset <= bytes.length);
    }
  });
});

function readAny(reader: XdrReader, kind: number): void {
  const kinds = [
    () => reader.u32(),
    () => reader.i32(),
    () => reader.u64(),
    () => reader.i64(),
    () => reader.u64Number(),
    () => reader.bool(),
    () => reader.opaque(16),
    () => reader.string(16),
    () => reader.fixed(3),
  ];
  kinds[kind]?.();
}

describe('paddingOf', () => {
  it('fills up to a multiple of four', () => {
    assert.deepEqual([0, 1, 2, 3, 4, 2 ** 32 + 1].map(paddingOf), [0, 3, 2, 1, 0, 3]);
  });
});
