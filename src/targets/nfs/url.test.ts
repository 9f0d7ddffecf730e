// nfs:// URLs: what they say, and what is refused with the name of the part that is wrong.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { encodedName, parseNfsUrl } from './url.js';

function settingsOf(text: string): ReturnType<typeof parseNfsUrl>['settings'] {
  return parseNfsUrl(text).settings;
}

describe('an nfs:// URL', () => {
  it('with a host and a path alone has the defaults', () => {
    const { settings, path } = parseNfsUrl(new URL('nfs://server/export/dir/file'));
    assert.equal(path, '/export/dir/file');
    assert.deepEqual(settings, {
      host: 'server',
      port: null,
      mountPort: null,
      version: null,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
      gids: process.getgroups?.().slice(0, 16),
      connections: 1,
      timeoutMs: 60_000,
      hard: false,
      ioBytesMax: 2 ** 20,
    });
  });

  it('with every parameter', () => {
    const { settings, path } = parseNfsUrl(
      'nfs://10.0.0.1:12049/vfs?version=4.1&mountport=12050&uid=1000&gid=100&gids=4,27&connections=4&timeo=50&hard&rsize=65536&wsize=131072',
    );
    assert.equal(path, '/vfs');
    assert.deepEqual(settings, {
      host: '10.0.0.1',
      port: 12049,
      mountPort: 12050,
      version: '4.1',
      uid: 1000,
      gid: 100,
      gids: [4, 27],
      connections: 4,
      timeoutMs: 5000,
      hard: true,
      ioBytesMax: 65_536,
    });
  });

  it('names hosts by name, address and IPv6 address', () => {
    assert.equal(settingsOf('nfs://server.example/x').host, 'server.example');
    assert.equal(settingsOf('nfs://[2001:db8::1]:2049/x').host, '2001:db8::1');
    assert.equal(settingsOf('nfs://[2001:db8::1]:2049/x').port, 2049);
    assert.equal(settingsOf('nfs://bücher.example/x').host, 'xn--bcher-kva.example');
  });

  it('decodes names', () => {
    assert.equal(parseNfsUrl('nfs://h/a%20b/c%23d%3Fe').path, '/a b/c#d?e');
    assert.equal(parseNfsUrl('nfs://h/gr%C3%BC%C3%9Fe/日本').path, '/grüße/日本');
    assert.equal(parseNfsUrl('nfs://h/100%25').path, '/100%');
    assert.equal(parseNfsUrl('nfs://h/a+b').path, '/a+b');
    assert.equal(parseNfsUrl('nfs://h/...').path, '/...');
    // The server says how long one may be.
    assert.equal(parseNfsUrl(`nfs://h/${'n'.repeat(300)}`).path.length, 301);
  });

  it('has names that are not UTF-8', () => {
    const { path } = parseNfsUrl('nfs://h/caf%E9/gr%C3%BC%FF%e9n日');
    assert.equal(path, '/caf\udce9/grü\udcff\udce9n日');
    assert.equal(encodedName('caf\udce9'), '%63%61%66%e9');
    for (const name of ['caf\udce9', 'grüße %', '日\udcff'])
      assert.equal(parseNfsUrl(`nfs://h/${encodedName(name)}`).path, `/${name}`);
  });

  it('drops empty components', () => {
    assert.equal(parseNfsUrl('nfs://h//a//b/').path, '/a/b');
    assert.equal(parseNfsUrl('nfs://h/').path, '/');
    assert.equal(parseNfsUrl('nfs://h').path, '/');
  });

  it('has no groups of this process for another user', () => {
    assert.deepEqual(settingsOf('nfs://h/x?uid=1').gids, []);
    assert.deepEqual(settingsOf('nfs://h/x?uid=1&gids=').gids, []);
  });

  it('is soft or hard', () => {
    assert.equal(settingsOf('nfs://h/x?soft').hard, false);
    assert.equal(settingsOf('nfs://h/x?soft=false').hard, true);
    assert.equal(settingsOf('nfs://h/x?hard=true').hard, true);
    assert.equal(settingsOf('nfs://h/x?hard=0').hard, false);
    assert.equal(settingsOf('nfs://h/x?hard&soft=0').hard, true);
  });

  it('takes either size as the bound of both', () => {
    assert.equal(settingsOf('nfs://h/x?rsize=4096').ioBytesMax, 4096);
    assert.equal(settingsOf('nfs://h/x?wsize=8388608').ioBytesMax, 8_388_608);
  });

  it('that was text with dots is refused, one that the URL standard has resolved is not', () => {
    assert.equal(parseNfsUrl(new URL('nfs://h/a/../b')).path, '/b');
    for (const path of ['a/../b', 'a/./b', '..', 'a/%2e%2E/b', 'a/%2e', '../../etc']) {
      assert.throws(() => parseNfsUrl(`nfs://h/${path}`), { code: 'ERR_INVALID_ARG_VALUE', message: /'\.\.'/ }, path);
    }
  });
});

describe('a URL is refused by the name of what is wrong', () => {
  const bad: readonly (readonly [string, RegExp])[] = [
    ['http://h/x', /nfs:\/\//],
    ['nfs', /a URL/],
    ['nfs://h:70000/x', /a URL/],
    ['nfs://h:0/x', /url\.port/],
    ['nfs:///x', /url\.host/],
    ['nfs:/x', /url\.host/],
    ['nfs://a%2Fb/x', /url\.host/],
    ['nfs://a%20b/x', /url\.host/],
    ['nfs://%FF/x', /url\.host/],
    [`nfs://${'a'.repeat(300)}/x`, /url\.host/],
    ['nfs://[::1%25lo]/x', /a URL/],
    ['nfs://user@h/x', /without user/],
    ['nfs://user:secret@h/x', /without user/],
    ['nfs://h/x#y', /%23/],
    ['nfs://h/a%2Fb', /encoded slash/],
    ['nfs://h/a%00', /nul byte/],
    ['nfs://h/100%', /percent-encoded/],
    ['nfs://h/%F', /percent-encoded/],
    [`nfs://h/${'dir/'.repeat(1025)}`, /at most 4096 bytes/],
    ['nfs://h/x?vers=3', /among version, mountport/],
    ['nfs://h/x?version=4', /url\.version/],
    ['nfs://h/x?version=4.0', /url\.version/],
    ['nfs://h/x?version=', /url\.version/],
    ['nfs://h/x?version=3&version=4.1', /url\.version.*once/],
    ['nfs://h/x?mountport=0', /url\.mountport/],
    ['nfs://h/x?mountport=65536', /url\.mountport/],
    ['nfs://h/x?uid=-1', /url\.uid/],
    ['nfs://h/x?uid=4294967296', /url\.uid/],
    ['nfs://h/x?uid=root', /url\.uid/],
    ['nfs://h/x?gid=1.5', /url\.gid/],
    ['nfs://h/x?gid=0x10', /url\.gid/],
    ['nfs://h/x?gids=1,,2', /url\.gids/],
    [`nfs://h/x?gids=${'1,'.repeat(16)}1`, /url\.gids/],
    ['nfs://h/x?connections=0', /url\.connections/],
    ['nfs://h/x?connections=17', /url\.connections/],
    ['nfs://h/x?timeo=0', /url\.timeo/],
    ['nfs://h/x?timeo=1e3', /url\.timeo/],
    ['nfs://h/x?hard=maybe', /url\.hard/],
    ['nfs://h/x?hard&soft', /url\.soft/],
    ['nfs://h/x?rsize=1', /url\.rsize/],
    ['nfs://h/x?wsize=999999999999', /url\.wsize/],
  ];
  for (const [text, message] of bad) {
    it(text.length > 60 ? `${text.slice(0, 60)}…` : text, () => {
      assert.throws(() => parseNfsUrl(text), { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message });
    });
  }
});
