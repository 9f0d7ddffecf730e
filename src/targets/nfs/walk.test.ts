// Paths against a server in memory: links, dots, slashes, what is missing and what leads astray.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type FakeOptions, FakeProtocol } from '../../../test/nfs/fake-protocol.js';
import { exportRoot, find, findBase, Place, walk } from './walk.js';

function tree(options: FakeOptions = {}): FakeProtocol {
  const fake = new FakeProtocol(options);
  fake.putDirectory('/a');
  fake.putDirectory('/a/b');
  fake.putFile('/a/b/file', Buffer.from('x'));
  fake.putLink('/a/to-b', 'b');
  fake.putLink('/a/b/up', '../../a/b/file');
  fake.putLink('/a/absolute', '/a/b');
  fake.putLink('/a/dangling', 'b/none');
  fake.putLink('/a/loop', 'loop');
  fake.putLink('/a/out', '../../etc');
  fake.putLink('/a/slash', 'b/file/');
  return fake;
}

async function pathOf(
  fake: FakeProtocol,
  path: string,
  last: 'follow' | 'stay' = 'follow',
  rest = '',
): Promise<string> {
  return (await find(fake, await findBase(fake, rest), path, last)).path;
}

describe('a walk', () => {
  it('goes name by name, through slashes and dots, from the base', async () => {
    const fake = tree();
    const found = [
      'a/b/file',
      '/a/b/file',
      '//a///./b/file',
      'a/../a/b/../b/file',
      '../../a/b/file',
      './a/b/../b/file',
    ];
    for (const path of found) assert.equal(await pathOf(fake, path), 'a/b/file', path);
    for (const path of ['/', '.', '..', 'a/..', 'a/b/../..//']) assert.equal(await pathOf(fake, path), '', path);
    assert.equal(await pathOf(fake, 'a/b/'), 'a/b');
    assert.equal(await pathOf(fake, '/b/file', 'follow', 'a'), 'a/b/file');
    assert.equal(await pathOf(fake, '../../b', 'follow', 'a'), 'a/b');
  });

  it('follows links: relative, from the root of the export, and above the base where the export goes on', async () => {
    const fake = tree();
    assert.equal(await pathOf(fake, 'a/to-b/file'), 'a/b/file');
    assert.equal(await pathOf(fake, 'a/absolute/up'), 'a/b/file');
    assert.equal(await pathOf(fake, 'b/up', 'follow', 'a'), 'a/b/file');
    assert.equal(await pathOf(fake, 'absolute/file', 'follow', 'a'), 'a/b/file');
    assert.equal(await pathOf(fake, 'a/to-b', 'stay'), 'a/to-b');
    assert.equal(await pathOf(fake, 'a/to-b/', 'stay'), 'a/b');
    assert.equal(await pathOf(fake, '..', 'follow', 'a/absolute'), 'a/b');
  });

  it('says what is missing at the last name, and where it would be', async () => {
    const fake = tree();
    const base = await findBase(fake, '');
    const dangling = await walk(fake, base, 'a/dangling', 'follow');
    assert.deepEqual([dangling.directory.path, dangling.name, dangling.place], ['a/b', 'none', null]);
    assert.equal(dangling.missing?.code, 'ENOENT');
    const named = await walk(fake, base, 'a/dangling', 'name');
    assert.deepEqual([named.directory.path, named.name, named.missing], ['a', 'dangling', null]);
    assert.equal((await walk(fake, base, 'a/new/', 'name')).mustBeDirectory, true);
    const itself = await walk(fake, base, 'a/b/.', 'name');
    assert.deepEqual([itself.name, itself.place?.path], [null, 'a/b']);
  });

  it('refuses what leads nowhere, with the errno of path_resolution(7)', async () => {
    const fake = tree();
    const refused: [string, string, RegExp?][] = [
      ['', 'ENOENT'],
      ['none/file', 'ENOENT', /fake:2049: LOOKUP none/],
      ['a/b/none', 'ENOENT'],
      ['a/dangling', 'ENOENT'],
      ['a/b/file/more', 'ENOTDIR', /"a\/b\/file" is no directory/],
      ['a/b/file/', 'ENOTDIR'],
      ['a/b/file/.', 'ENOTDIR'],
      ['a/slash', 'ENOTDIR'],
      ['a/loop', 'ELOOP', /fake:2049: more than 40 symbolic links, the last one the symbolic link "a\/loop"/],
      ['a/out', 'EXDEV', /leads out of the export/],
      ['x'.repeat(256), 'ENAMETOOLONG'],
      ['x/'.repeat(2049), 'ENAMETOOLONG', /more than 4096 bytes/],
    ];
    for (const [path, code, message = /fake:2049/] of refused) {
      await assert.rejects(pathOf(fake, path), { code, message }, path.slice(0, 20));
    }
    await assert.rejects(findBase(fake, 'a/b/file'), { code: 'ENOTDIR' });
    assert.equal((await findBase(fake, 'a/to-b')).path, 'a/b');
  });

  it('is not led on for ever by a server that answers every name with a link', async () => {
    const fake = tree();
    fake.putLink('/a/many', 'many/'.repeat(800));
    await assert.rejects(pathOf(fake, 'a/many'), { code: 'ELOOP' });
    assert.ok(fake.log.length < 200);
    fake.putLink('/a/long', 'x'.repeat(5000));
    await assert.rejects(pathOf(fake, 'a/long'), { code: 'ENAMETOOLONG' });
    fake.putLink('/a/empty', '');
    await assert.rejects(pathOf(fake, 'a/empty'), { code: 'ENOENT' });
  });

  it('takes for the root of an export in v4 where its file system begins', () => {
    const fake = tree({ version: '4.1' });
    const place = (name: string, fsid: bigint, parent: Place | null): Place => {
      const { handle, attributes } = fake.tree.root.object;
      return new Place({ handle, attributes: { ...attributes, fsid } }, name, parent);
    };
    const root = place('', 1n, null);
    const madeUp = place('srv', 1n, root);
    const exported = place('vfs', 2n, madeUp);
    const inner = place('nested', 3n, place('dir', 2n, exported));
    assert.equal(exportRoot(inner, fake).path, 'srv/vfs');
    assert.equal(exportRoot(madeUp, fake).path, '');
    assert.equal(exportRoot(inner, tree({ version: '3' })).path, '');
  });
});
