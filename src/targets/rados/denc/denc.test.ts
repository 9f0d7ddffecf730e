// Ceph's encoding: what is written is read again, byte for byte as ceph-dencoder has it, and no length is believed.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Prng } from '../../sim/prng.js';
import { type EntityAddress, readAddress, readAddresses, writeAddress, writeAddresses } from './entity-address.js';
import { DencError } from './error.js';
import { DencReader } from './reader.js';
import { DencWriter } from './writer.js';

function written(write: (writer: DencWriter) => void): string {
  const writer = new DencWriter();
  write(writer);
  return writer.bytes.toString('hex');
}

function reading(hex: string): DencReader {
  return new DencReader(Buffer.from(hex.replaceAll(' ', ''), 'hex'), 'a test');
}

const EXTREMES = 'fe dcfe 98badcfe ffffffffffffff ff feff feffffff feffffffffffffff 0000c03f ffffffffffff1f00 01 00';

describe('DencWriter', () => {
  it('writes little-endian', () => {
    const text = written((writer) => {
      writer.u8(0xfe);
      writer.u16(0xfedc);
      writer.u32(0xfedcba98);
      writer.u64(2n ** 64n - 1n);
      writer.s16(-2);
      writer.s32(-2);
      writer.s64(-2n);
      writer.u32(0x3fc00000);
      writer.size(2 ** 53 - 1);
      writer.bool(true);
      writer.bool(false);
    });
    assert.equal(text, EXTREMES.replaceAll(' ', ''));
  });

  it('puts lengths before blobs, strings and structures, though the buffer grows', () => {
    const writer = new DencWriter(1);
    writer.enter(3, 2);
    writer.blob(Buffer.from('ab'));
    writer.enter(1, 1);
    writer.string('é');
    writer.leave();
    writer.leave();
    const at = writer.reserveU32();
    writer.zeros(1);
    writer.raw(Buffer.from('z'));
    writer.patchU32(at, 7);
    assert.equal(
      writer.bytes.toString('hex'),
      `0302 12000000 02000000 6162 0101 06000000 02000000 c3a9 07000000 00 7a`.replaceAll(' ', ''),
    );
    assert.equal(writer.reset().length, 0);
  });

  it('asserts that values are in range and structures closed', () => {
    for (const write of [
      (writer: DencWriter) => writer.u8(256),
      (writer: DencWriter) => writer.u32(-1),
      (writer: DencWriter) => writer.u32(2 ** 32),
      (writer: DencWriter) => writer.s32(2 ** 31),
      (writer: DencWriter) => writer.size(2 ** 53),
      (writer: DencWriter) => writer.size(-1),
      (writer: DencWriter) => writer.u64(-1n),
      (writer: DencWriter) => writer.enter(1, 1),
      (writer: DencWriter) => writer.leave(),
      (writer: DencWriter) => writer.patchU32(0, 1),
    ])
      assert.throws(() => written(write), /ERR_OUT_OF_RANGE|out of range|broken invariant/);
  });
});

describe('DencReader', () => {
  it('reads what was written', () => {
    const reader = reading(EXTREMES);
    assert.equal(reader.u8(), 0xfe);
    assert.equal(reader.u16(), 0xfedc);
    assert.equal(reader.u32(), 0xfedcba98);
    assert.equal(reader.u64(), 2n ** 64n - 1n);
    assert.equal(reader.s16(), -2);
    assert.equal(reader.s32(), -2);
    assert.equal(reader.s64(), -2n);
    assert.equal(reader.f32(), 1.5);
    assert.equal(reader.size(), 2 ** 53 - 1);
    assert.equal(reader.bool(), true);
    assert.equal(reader.bool(), false);
    reader.end();
  });

  it('gives views of exactly the bytes', () => {
    const reader = reading('02000000 6162 01000000 63 6465');
    assert.equal(Buffer.from(reader.blob()).toString(), 'ab');
    assert.equal(reader.string(1), 'c');
    assert.equal(Buffer.from(reader.bytes(2)).toString(), 'de');
    assert.equal(reader.offset, 13);
    assert.equal(reader.reset(Buffer.from([1]), 'another').u8(), 1);
  });

  it('steps over what later versions put at the end of a structure, and stays within it', () => {
    const reader = reading('0502 07000000 0101 01000000 aa bb cc');
    assert.equal(reader.enter('outer', 2), 5);
    assert.equal(reader.enter('inner', 1), 1);
    assert.equal(reader.u8(), 0xaa);
    assert.throws(() => reader.u8(), /a test, outer, inner makes no sense: 1 bytes are due and 0 are there/);
    reader.leave();
    assert.equal(reader.remaining, 0);
    reader.leave();
    assert.equal(reader.u8(), 0xbb);
    assert.throws(() => reader.end(), /1 bytes follow the end/);
  });

  it('refuses what asks for a later decoder, or is longer than what surrounds it', () => {
    assert.throws(() => reading('0503 00000000').enter('thing', 2), {
      code: 'EBADMSG',
      message: /decoder of version 3/,
    });
    assert.throws(() => reading('0101 02000000 00').enter('thing', 1), {
      code: 'EBADMSG',
      message: /has 2 bytes and 1/,
    });
    const nest = new DencWriter();
    for (let i = 0; i < 40; i++) nest.enter(1, 1);
    for (let i = 0; i < 40; i++) nest.leave();
    const deep = new DencReader(nest.bytes, 'a nest');
    assert.throws(() => {
      for (let i = 0; i < 40; i++) deep.enter('level', 1);
    }, /deeper than 32/);
  });

  it('refuses what is longer than what is there, or than is allowed, before anything is allocated', () => {
    assert.throws(() => reading('000000').u32(), DencError);
    assert.throws(() => reading('ffffffff').blob(), DencError);
    assert.throws(() => reading('02000000 6161').string(1), DencError);
    assert.throws(() => reading('02000000 6161').blob(1), DencError);
    assert.throws(() => reading('ffffffff').list(2 ** 32, 1), DencError);
    assert.throws(() => reading('03000000 000000').list(2, 1), DencError);
    assert.throws(() => reading('03000000 0000000000').list(9, 2), DencError);
    assert.equal(reading('02000000 00000000').list(2, 2), 2);
    assert.throws(() => reading('').skip(1), DencError);
    assert.throws(() => reading('0000000000002000').size(), /above 2\^53/);
  });
});

describe('addresses', () => {
  // As `ceph-dencoder type entity_addr_t` and its vector encode them.
  const V4: EntityAddress = { type: 2, nonce: 0x01020304, host: '127.0.0.1', port: 3300 };
  const V4_BYTES = '01 0101 1c000000 02000000 04030201 10000000 0200 0ce4 7f000001 0000000000000000';
  const V6: EntityAddress = { type: 2, nonce: 1, host: 'fe80::1:2', port: 3300 };

  it('are written and read as Ceph has them', () => {
    assert.equal(
      written((writer) => writeAddress(writer, V4)),
      V4_BYTES.replaceAll(' ', ''),
    );
    assert.deepEqual(readAddress(reading(V4_BYTES)), V4);
    const none: EntityAddress = { type: 0, nonce: 0, host: '', port: 0 };
    for (const host of ['fe80::1:2', '::', '::1', '1::', '2001:db8:0:1:1:1:1:1', '1:2:3:4:5:6:7:8']) {
      const address = { ...V6, host };
      assert.deepEqual(readAddress(reading(written((writer) => writeAddress(writer, address)))), address);
    }
    const mapped = { ...V6, host: '::ffff:10.0.0.1' };
    assert.equal(readAddress(reading(written((writer) => writeAddress(writer, mapped)))).host, '::ffff:10.0.0.1');
    const list = [V4, V6, none];
    assert.deepEqual(readAddresses(reading(written((writer) => writeAddresses(writer, list)))), list);
    assert.deepEqual(readAddresses(reading(V4_BYTES)), [V4]);
  });

  it('of the old form are messenger v1', () => {
    const old = `00 000000 04030201 0002 1a85 0a000001 ${'00'.repeat(120)}`;
    assert.deepEqual(readAddresses(reading(old)), [{ type: 1, nonce: 0x01020304, host: '10.0.0.1', port: 6789 }]);
  });

  it('are refused where they make no sense', () => {
    for (const bytes of ['03', '02 ffffffff', V4_BYTES.slice(0, -20), V4_BYTES.replace('0200 0ce4', '0300 0ce4')])
      assert.throws(() => readAddresses(reading(bytes)), DencError);
  });
});

describe('decoders', () => {
  it('throw nothing but DencError, whatever they read', () => {
    const seed = 20_170_202;
    const random = new Prng(seed);
    for (let round = 0; round < 20_000; round++) {
      const bytes = Uint8Array.from({ length: random.below(60) }, () => random.below(random.chance(0.5) ? 4 : 256));
      const reader = new DencReader(bytes, 'noise');
      try {
        for (let i = 0; i < 12; i++) readAny(reader, random.below(10));
      } catch (error) {
        assert.ok(error instanceof DencError, `seed ${seed}, round ${round}: ${String(error)}`);
      }
      assert.ok(reader.offset <= bytes.length);
    }
  });
});

function readAny(reader: DencReader, kind: number): void {
  const kinds = [
    () => reader.u8(),
    () => reader.u32(),
    () => reader.u64(),
    () => reader.size(),
    () => reader.blob(),
    () => reader.string(16),
    () => reader.list(100, 2),
    () => reader.enter('noise', 3),
    () => readAddresses(reader),
    () => readAddress(reader),
  ];
  kinds[kind]?.();
}
