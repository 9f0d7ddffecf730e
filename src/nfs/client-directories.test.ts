// NfsClient's directories against a server in memory: made, listed, streamed, and never believed blindly.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connected } from '../../test/nfs/fake-client.js';
import { nthFault } from '../../test/nfs/fake-protocol.js';

describe('NfsClient: directories', () => {
  it('makes one, or all on the way', async (t) => {
    const { fake, client } = await connected(t);
    assert.equal(await client.mkdir('a', 0o750), undefined);
    assert.equal(fake.tree.at('/a').mode, 0o750 & ~process.umask());
    await assert.rejects(client.mkdir('a'), { code: 'EEXIST', syscall: 'mkdir' });
    await assert.rejects(client.mkdir('/'), { code: 'EEXIST' });
    await assert.rejects(client.mkdir('x/y'), { code: 'ENOENT' });
    assert.equal(await client.mkdir('/a/b/c/d/', { recursive: true, mode: '700' }), '/a/b');
    assert.equal(fake.tree.at('/a/b/c/d').mode, 0o700);
    assert.equal(await client.mkdir('a/b/c', { recursive: true }), undefined);
    assert.equal(await client.mkdir('/', { recursive: true }), undefined);
    fake.putFile('/f', Buffer.from(''));
    await assert.rejects(client.mkdir('f', { recursive: true }), { code: 'EEXIST' });
    await assert.rejects(client.mkdir('f/g', { recursive: true }), { code: 'ENOTDIR' });
    fake.faults = nthFault('makeDirectory', fake.count('makeDirectory') + 1, { error: 'EEXIST', done: true });
    assert.equal(await client.mkdir('made/by/two', { recursive: true }), 'made');
  });

  it('lists names and types', async (t) => {
    for (const plainEntries of [false, true]) {
      const { fake, client } = await connected(t, { plainEntries });
      fake.putFile('/f', Buffer.from(''));
      fake.putDirectory('/d');
      fake.putLink('/d/l', 'nowhere');
      fake.putFile('/d/ünïcode', Buffer.from(''));
      assert.deepEqual(await client.readdir('/'), ['f', 'd']);
      assert.deepEqual(await client.readdir('d/', 'utf8'), ['l', 'ünïcode']);
      const [l, u] = await client.readdir('d', { withFileTypes: true });
      assert.deepEqual([l?.name, l?.parentPath, l?.isSymbolicLink(), u?.isFile()], ['l', 'd', true, true]);
      await assert.rejects(client.readdir('f'), { code: 'ENOTDIR', syscall: 'scandir' });
      await assert.rejects(client.readdir('f', { recursive: true } as never), { code: 'ERR_INVALID_ARG_VALUE' });
    }
  });

  it('leaves out what goes while its type is asked for, and does without types where it may not enter', async (t) => {
    const { fake, client } = await connected(t, { plainEntries: true });
    for (const name of ['/a', '/b', '/c']) fake.putFile(name, Buffer.from(''));
    fake.faults = (call) => (call.name === 'b' ? { error: 'ENOENT' } : null);
    const there = await client.readdir('/', { withFileTypes: true });
    assert.deepEqual(
      there.map(({ name }) => name),
      ['a', 'c'],
    );
    fake.faults = (call) => (call.operation === 'lookup' ? { error: 'EACCES' } : null);
    const dark = await client.readdir('/', { withFileTypes: true });
    assert.deepEqual([dark.length, dark.some((entry) => entry.isFile())], [3, false]);
  });

  it('streams directories, and closes with the end', async (t) => {
    const { fake, client } = await connected(t);
    fake.putDirectory('/d');
    const names = Array.from({ length: 5000 }, (_, i) => `entry ${i}`);
    for (const name of names) fake.putFile(`/d/${name}`, Buffer.from(''));
    const seen: string[] = [];
    for await (const entry of await client.opendir('d')) seen.push(entry.name);
    assert.deepEqual(seen, names);
    assert.ok(fake.count('readDirectory') > 5);
    const directory = await client.opendir('d');
    const [first, second] = await Promise.all([directory.read(), directory.read()]);
    assert.deepEqual([first?.name, second?.name], ['entry 0', 'entry 1']);
    await client.close();
    assert.equal(fake.closed, false);
    await directory.close();
    assert.equal(fake.closed, true);
    await assert.rejects(directory.read(), { code: 'ERR_DIORITE_CLOSED' });
  });

  it('begins a list again where the server loses the place, and says so of a stream', async (t) => {
    for (const version of ['3', '4.1'] as const) {
      const { fake, client } = await connected(t, { version, strictCookies: true });
      fake.putDirectory('/d');
      for (let i = 0; i < 3000; i++) fake.putFile(`/d/${i}`, Buffer.from(''));
      const change = (nth: number): void => {
        const from = fake.count('readDirectory');
        fake.faults = (call) => {
          if (call.operation === 'readDirectory' && call.nth - from <= nth) fake.tree.at('/d').change++;
          return null;
        };
      };
      change(3);
      assert.equal((await client.readdir('d')).length, 3000);
      change(1000);
      const lost = { code: 'EAGAIN', syscall: 'scandir', message: /BAD_COOKIE|NOT_SAME.*begin again, scandir 'd'/ };
      await assert.rejects(client.readdir('d'), lost);
      change(2);
      const directory = await client.opendir('d');
      await assert.rejects(
        async () => {
          for await (const entry of directory) assert.ok(entry);
        },
        { code: 'EAGAIN', syscall: 'opendir' },
      );
    }
  });

  it('is not led round in circles', async (t) => {
    const { fake, client } = await connected(t);
    const list = fake.readDirectory.bind(fake);
    const attributes = fake.tree.root.attributes;
    const entry = (name: string) => ({ name, fileId: 1n, attributes });
    let answers = (_cookie: bigint) => ({ entries: [entry('a')], cookie: 5n, verifier: 0n, end: false });
    fake.readDirectory = async (_directory, cookie) => answers(cookie);
    await assert.rejects(client.readdir('/'), { code: 'EIO', message: /round in circles/ });
    answers = (cookie) => ({ entries: [entry('a')], cookie: (cookie % 1000n) + 1n, verifier: 0n, end: false });
    await assert.rejects(client.readdir('/'), { code: 'EIO', message: /round in circles/ });
    answers = (cookie) => ({ entries: [], cookie: cookie + 1n, verifier: 0n, end: false });
    await assert.rejects(client.readdir('/'), { code: 'EIO', message: /round in circles/ });
    for (const name of ['', 'a/b', '../../etc/passwd', 'a\0'])
      await assert.rejects(() => {
        answers = () => ({ entries: [entry('.'), entry(name)], cookie: 1n, verifier: 0n, end: true });
        return client.readdir('/');
      }, /what is no name/);
    fake.readDirectory = list;
  });
});
