// rados:// URLs: what they say, and what is refused with the name of the part that is wrong.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseRadosUrl } from './url.js';

const MIB = 2 ** 20;

describe('a rados:// URL', () => {
  it('with a pool and a name alone has the defaults', () => {
    assert.deepEqual(parseRadosUrl('rados://data/backup.tar'), {
      cluster: { conf: undefined, keyring: undefined, user: undefined, mon: undefined, timeoutMs: undefined },
      pool: 'data',
      namespace: '',
      name: 'backup.tar',
      striped: null,
      striping: { stripeUnitBytes: 4 * MIB, stripeCount: 1, objectBytes: 4 * MIB },
    });
    assert.deepEqual(parseRadosUrl(new URL('rados://data/x')), parseRadosUrl('rados://data/x'));
  });

  it('with every parameter', () => {
    const url =
      'rados://data/x?conf=/c/ceph.conf&keyring=/c/keyring&user=backup&mon=v2:10.0.0.1:3300,10.0.0.2&namespace=n%20s' +
      '&timeout=5&stripe_unit=65536&stripe_count=4&object_size=1048576&striped=yes';
    const { cluster, namespace, striped, striping } = parseRadosUrl(url);
    const mon = 'v2:10.0.0.1:3300,10.0.0.2';
    assert.deepEqual(cluster, { conf: '/c/ceph.conf', keyring: '/c/keyring', user: 'backup', mon, timeoutMs: 5000 });
    assert.equal(namespace, 'n s');
    assert.equal(striped, true);
    assert.deepEqual(striping, { stripeUnitBytes: 65_536, stripeCount: 4, objectBytes: MIB });
  });

  it('names a pool alone', () => {
    for (const url of ['rados://data', 'rados://data/', 'rados://data?user=x']) {
      const { pool, name } = parseRadosUrl(url);
      assert.deepEqual([pool, name], ['data', ''], url);
    }
  });

  it('has any name that an object may have', () => {
    assert.equal(parseRadosUrl('rados://data/a/b//c/').name, 'a/b//c/');
    assert.equal(parseRadosUrl('rados://data/a/../b/.').name, 'a/../b/.');
    assert.equal(parseRadosUrl('rados://data//x').name, '/x');
    assert.equal(parseRadosUrl('rados://data/a%20b%23c%3Fd%2Fe').name, 'a b#c?d/e');
    assert.equal(parseRadosUrl('rados://data/grüße/日本').name, 'grüße/日本');
    assert.equal(parseRadosUrl(`rados://data/${'n'.repeat(2048)}?striped=no`).name.length, 2048);
  });

  it('has any pool, as it is written', () => {
    assert.equal(parseRadosUrl('rados://.rgw.Root/x').pool, '.rgw.Root');
    assert.equal(parseRadosUrl('rados://my%20pool/x').pool, 'my pool');
    assert.equal(parseRadosUrl('rados://a_b:c/x').pool, 'a_b:c');
  });

  it('asks for a striped file, one object, or what there is', () => {
    const striped = (query: string): boolean | null => parseRadosUrl(`rados://data/x${query}`).striped;
    assert.equal(striped(''), null);
    for (const query of ['?striped', '?striped=yes', '?striped=1', '?stripe_count=2', '?object_size=65536'])
      assert.equal(striped(query), true, query);
    for (const query of ['?striped=no', '?striped=false', '?striped=0']) assert.equal(striped(query), false, query);
  });

  it('fits a unit and an object to each other where one is given', () => {
    const { striping } = parseRadosUrl('rados://data/x?object_size=65536');
    assert.deepEqual(striping, { stripeUnitBytes: 65_536, stripeCount: 1, objectBytes: 65_536 });
    const large = parseRadosUrl('rados://data/x?stripe_unit=8388608').striping;
    assert.deepEqual(large, { stripeUnitBytes: 8 * MIB, stripeCount: 1, objectBytes: 8 * MIB });
  });
});

describe('a rados:// URL is refused by the name of what is wrong', () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ['http://data/x', /rados:\/\//],
    ['rados:data/x', /rados:\/\//],
    ['rados', /rados:\/\//],
    ['rados:///x', /url\.pool/],
    ['rados://a%2Fb/x', /url\.pool/],
    ['rados://%FF/x', /url\.pool/],
    [`rados://${'p'.repeat(1025)}/x`, /url\.pool/],
    ['rados://data/%FF', /url\.name/],
    ['rados://data/a%00', /nul byte/],
    [`rados://data/${'n'.repeat(2032)}`, /url\.name.*2031 bytes/],
    [`rados://data/${'n'.repeat(2049)}?striped=no`, /url\.name.*2048 bytes/],
    ['rados://data/x#y', /%23/],
    ['rados://data/x?pool=y', /among conf, keyring/],
    ['rados://data/x?user=a&user=b', /url\.user.*once/],
    ['rados://data/x?user=', /url\.user/],
    ['rados://data/x?conf=', /url\.conf/],
    ['rados://data/x?mon=', /url\.mon/],
    [`rados://data/x?namespace=${'n'.repeat(257)}`, /url\.namespace.*256/],
    ['rados://data/x?timeout=0', /url\.timeout/],
    ['rados://data/x?timeout=1.5', /url\.timeout/],
    ['rados://data/x?striped=maybe', /url\.striped/],
    ['rados://data/x?striped=no&stripe_unit=65536', /url\.striped/],
    ['rados://data/x?stripe_unit=4096', /url\.stripe_unit/],
    ['rados://data/x?stripe_unit=64K', /url\.stripe_unit/],
    ['rados://data/x?stripe_count=0', /url\.stripe_count/],
    ['rados://data/x?object_size=100000', /url\.object_size/],
    ['rados://data/x?object_size=268435456', /url\.object_size/],
  ];
  for (const [text, message] of bad) {
    it(text.length > 60 ? `${text.slice(0, 60)}…` : text, () => {
      assert.throws(() => parseRadosUrl(text), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message });
    });
  }

  it('without showing a password', () => {
    const message = /^(?!.*secret).*without user/;
    assert.throws(() => parseRadosUrl('rados://user:secret@data/x'), { code: 'ERR_INVALID_ARG_VALUE', message });
  });
});
