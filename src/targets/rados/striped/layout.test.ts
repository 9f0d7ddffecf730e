// Striped files' names, layouts and attributes: what is written is read, what makes no sense is refused by its name.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  checkStriping,
  DEFAULT_STRIPING,
  decodeHead,
  encodeHead,
  NAME_BYTES_MAX,
  objectName,
  parseObjectName,
  type StripedHead,
} from './layout.js';

function attributes(values: Readonly<Record<string, string>>): Map<string, Uint8Array> {
  return new Map(Object.entries(values).map(([name, value]) => [name, Buffer.from(value)]));
}

const HEAD: StripedHead = {
  striping: { stripeUnitBytes: 65_536, stripeCount: 4, objectBytes: 2 ** 20 },
  sizeBytes: 2 ** 45 + 1,
};
const STORED: Readonly<Record<string, string>> = {
  'striper.layout.stripe_unit': '65536',
  'striper.layout.stripe_count': '4',
  'striper.layout.object_size': '1048576',
  'striper.size': '35184372088833',
};

describe('a striped file', () => {
  it('has objects of its name and a number', () => {
    assert.equal(objectName('a.b', 0), 'a.b.0000000000000000');
    assert.equal(objectName('x', 2 ** 40 + 10), 'x.000001000000000a');
    assert.deepEqual(parseObjectName('a.b.000000000000001f'), { file: 'a.b', number: 31 });
    assert.deepEqual(parseObjectName(objectName('two\nlines', 7)), { file: 'two\nlines', number: 7 });
    for (const name of ['a', '.0000000000000000', 'a.000000000000000', 'a.000000000000000G', 'a.ffffffffffffffff'])
      assert.equal(parseObjectName(name), null, name);
    assert.equal(Buffer.byteLength(objectName('n'.repeat(NAME_BYTES_MAX), 1)), 2048);
  });

  it('has its layout and size in attributes', () => {
    assert.deepEqual(Object.fromEntries(encodeHead(HEAD)), STORED);
    assert.deepEqual(decodeHead(attributes(STORED), 'pool/name'), HEAD);
    assert.equal(decodeHead(attributes({ other: '1' }), 'pool/name'), null);
  });

  it('with attributes that make no sense is refused', () => {
    const bad: readonly (readonly [string, string])[] = [
      ['striper.size', ''],
      ['striper.size', '-1'],
      ['striper.size', '9007199254740992'],
      ['striper.size', '1e3'],
      ['striper.size', '7'.repeat(5000)],
      ['striper.layout.stripe_unit', '0'],
      ['striper.layout.stripe_unit', '65537'],
      ['striper.layout.stripe_count', '0'],
      ['striper.layout.object_size', '0x10'],
    ];
    for (const [name, value] of bad) {
      const damaged = attributes({ ...STORED, [name]: value });
      assert.throws(() => decodeHead(damaged, 'pool/name'), { code: 'EBADMSG', message: /pool\/name/ }, name + value);
    }
    const missing = attributes(STORED);
    missing.delete('striper.size');
    assert.throws(() => decodeHead(missing, 'pool/name'), { code: 'EBADMSG', message: /no striper\.size/ });
  });

  it('that Ceph would refuse is refused by the name of what is wrong', () => {
    assert.equal(checkStriping(DEFAULT_STRIPING, ''), DEFAULT_STRIPING);
    assert.doesNotThrow(() => checkStriping(HEAD.striping, ''));
    const bad: readonly (readonly [Partial<StripedHead['striping']>, RegExp])[] = [
      [{ stripeUnitBytes: 4096 }, /url\.stripe_unit.*multiple of 65536/],
      [{ stripeUnitBytes: 0 }, /url\.stripe_unit/],
      [{ stripeUnitBytes: 65_537 }, /url\.stripe_unit/],
      [{ stripeCount: 0 }, /url\.stripe_count/],
      [{ stripeCount: 1.5 }, /url\.stripe_count/],
      [{ stripeCount: 5000 }, /url\.stripe_count/],
      [{ objectBytes: 65_536 * 3 + 1 }, /url\.object_size.*multiple of the stripe unit/],
      [{ objectBytes: 0 }, /url\.object_size/],
      [{ objectBytes: 2 ** 28 }, /url\.object_size.*at most 134217728/],
    ];
    for (const [fields, message] of bad) {
      const striping = { ...HEAD.striping, ...fields };
      assert.throws(() => checkStriping(striping, 'url.'), { code: 'ERR_INVALID_ARG_VALUE', message });
    }
  });
});
