// Publishing and opening by URL, against a server in memory: what is visible when, what stays, what is let go.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { connectionsTo } from '../../../test/nfs/fake-connections.js';
import { type FakeOptions, FakeProtocol, firstFault, nthFault } from '../../../test/nfs/fake-protocol.js';
import { IovIter } from '../../iter/iov-iter.js';
import { startTransfer } from '../../transfer/transfer.js';
import type { NfsConnections } from './connections.js';
import type { NfsTarget } from './nfs-target.js';
import { openNfsTarget } from './open.js';
import { type NfsBeginOptions, type NfsPublication, NfsPublishing } from './publish.js';

const NAME = 'nfs://fake/export/d/na%20me?uid=7';

interface Begun {
  readonly fake: FakeProtocol;
  readonly connections: NfsConnections;
  readonly publication: NfsPublication;
}

function started(options: FakeOptions = {}): { fake: FakeProtocol; connections: NfsConnections } {
  const fake = new FakeProtocol(options);
  fake.putDirectory('/d');
  return { fake, connections: connectionsTo(fake) };
}

async function begun(options: NfsBeginOptions = {}, there: string | null = null): Promise<Begun> {
  const { fake, connections } = started();
  if (there !== null) fake.putFile('/d/na me', Buffer.from(there));
  const publication = await new NfsPublishing(connections).begin(NAME, options);
  await write(publication.target, 'new');
  return { fake, connections, publication };
}

async function write(target: NfsTarget, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  await startTransfer(target, IovIter.ubuf(bytes), 0, bytes.length, 'write', {});
}

function namesIn(fake: FakeProtocol): string[] {
  return [...fake.tree.at('/d').entries.keys()];
}

function textOf(fake: FakeProtocol): string {
  return Buffer.from(fake.bytesOf('/d/na me')).toString();
}

function mustBeOver({ fake, connections }: Begun): void {
  assert.deepEqual([fake.openFiles, fake.inFlight, fake.closed, connections.size], [0, 0, true, 0]);
}

describe('NfsPublishing', () => {
  it('writes beside the name, for nobody else, and replaces what is there at once', async () => {
    const all = await begun({ mode: 0o644, owner: { uid: 5, gid: 6 } }, 'old');
    const { fake, connections, publication } = all;
    const [temporary = ''] = namesIn(fake).filter((name) => name !== 'na me');
    assert.match(temporary, /^\.na me\.diorite-[0-9a-f]{12}$/);
    assert.equal(publication.temporaryName, NAME.replace('na%20me', encodeURIComponent(temporary)));
    const node = fake.tree.at(`/d/${temporary}`);
    assert.deepEqual([node.mode, textOf(fake)], [0o600, 'old']);
    const reader = await openNfsTarget(connections, publication.temporaryName, 'r', {});
    assert.equal(reader.size, 3);
    await reader.close();
    assert.equal(await publication.publish(), true);
    assert.deepEqual([namesIn(fake), textOf(fake)], [['na me'], 'new']);
    assert.deepEqual([node.mode, node.uid, node.gid, fake.allDurable], [0o644, 5, 6, true]);
    assert.ok(fake.log.lastIndexOf('commit') < fake.log.indexOf(`rename ${temporary}`));
    mustBeOver(all);
    await publication.discard();
    assert.deepEqual(namesIn(fake), ['na me']);
    await assert.rejects(publication.publish(), { code: 'ERR_DIORITE_CLOSED' });
  });

  it('has by default the mode that the umask leaves, and stays whose it is where it cannot be given away', async () => {
    const { fake, publication } = await begun({ owner: { uid: 5, gid: 6 } });
    fake.faults = nthFault('setAttributes', 1, { error: 'EPERM' });
    await publication.publish();
    const { mode, uid } = fake.tree.at('/d/na me');
    assert.deepEqual([mode, uid], [0o666 & ~process.umask(), 0]);
  });

  it('leaves nothing when it is discarded', async () => {
    const all = await begun({}, 'old');
    await all.publication.discard();
    await all.publication.discard();
    assert.deepEqual([namesIn(all.fake), textOf(all.fake)], [['na me'], 'old']);
    mustBeOver(all);
  });

  it('leaves the old one when any step of publishing fails, and can be discarded then', async () => {
    for (let nth = 1; ; nth++) {
      const all = await begun({ mode: 0o644 }, 'old');
      const { fake, publication } = all;
      const before = fake.log.length;
      fake.faults = nthFault(null, before + nth, { error: 'EIO' });
      const failure = await publication.publish().then(
        () => null,
        (error) => error,
      );
      if (failure === null) {
        assert.ok(nth > 4);
        break;
      }
      assert.match(failure.message, /EIO/);
      assert.equal(textOf(fake), 'old');
      await publication.discard();
      assert.deepEqual(namesIn(fake), ['na me']);
      assert.deepEqual([fake.inFlight, fake.closed], [0, true]);
    }
  });

  it('does not replace where that was not asked, not even what is made meanwhile', async () => {
    const all = await begun({ replace: false });
    all.fake.putFile('/d/na me', Buffer.from('theirs'));
    await assert.rejects(all.publication.publish(), { code: 'ERR_DIORITE_EXISTS', path: NAME });
    assert.equal(textOf(all.fake), 'theirs');
    await all.publication.discard();
    assert.deepEqual(namesIn(all.fake), ['na me']);
    mustBeOver(all);
    const alone = await begun({ replace: false });
    await alone.publication.publish();
    assert.deepEqual([namesIn(alone.fake), textOf(alone.fake)], [['na me'], 'new']);
    assert.equal(alone.fake.tree.at('/d/na me').links, 1);
  });

  it('knows its own name again after a LINK that was answered twice', async () => {
    const { fake, publication } = await begun({ replace: false });
    fake.faults = nthFault('link', 1, { error: 'EEXIST', done: true });
    await publication.publish();
    assert.deepEqual([namesIn(fake), textOf(fake)], [['na me'], 'new']);
  });

  it('claims the name with an empty file where there are no links', async () => {
    const all = await begun({ replace: false });
    all.fake.faults = nthFault('link', 1, { error: 'ENOTSUP' });
    await all.publication.publish();
    assert.deepEqual([namesIn(all.fake), textOf(all.fake)], [['na me'], 'new']);
    mustBeOver(all);
    const late = await begun({ replace: false }, 'theirs');
    late.fake.faults = nthFault('link', 1, { error: 'EPERM' });
    await assert.rejects(late.publication.publish(), { code: 'ERR_DIORITE_EXISTS' });
    assert.equal(textOf(late.fake), 'theirs');
    const failing = await begun({ replace: false });
    failing.fake.faults = firstFault(nthFault('link', 1, { error: 'EPERM' }), nthFault('rename', 1, { error: 'EIO' }));
    await assert.rejects(failing.publication.publish(), { code: 'EIO', syscall: 'publish' });
    await failing.publication.discard();
    assert.deepEqual(namesIn(failing.fake), []);
  });

  it('refuses what is in the way, and what there is no room for, with nothing left', async () => {
    const { fake, connections } = started();
    const publishing = new NfsPublishing(connections);
    const refused: [string, NfsBeginOptions, string][] = [
      ['nfs://fake/export', {}, 'EISDIR'],
      ['nfs://fake/export/none/x', {}, 'ENOENT'],
      ['nfs://fake/export/d/x', { size: 2 ** 50 }, 'ENOSPC'],
      ['nfs://fake/other/x', {}, 'EACCES'],
    ];
    for (const [name, options, code] of refused)
      await assert.rejects(publishing.begin(name, options), { code, path: name }, name);
    assert.deepEqual([namesIn(fake), fake.openFiles, connections.size], [[], 0, 0]);
  });

  it('takes another name where one is taken, and replaces no directory', async () => {
    const { fake, connections } = started();
    fake.faults = nthFault('open', 1, { error: 'EEXIST' });
    const publication = await new NfsPublishing(connections).begin(NAME, {});
    fake.putDirectory('/d/na me');
    await assert.rejects(publication.publish(), { code: 'ERR_DIORITE_EXISTS', message: /no regular file/ });
    await publication.discard();
    assert.deepEqual(namesIn(fake), ['na me']);
    fake.faults = (call) => (call.operation === 'open' ? { error: 'EEXIST' } : null);
    await assert.rejects(new NfsPublishing(connections).begin(NAME, {}), { code: 'EEXIST', syscall: 'open' });
    assert.equal(connections.size, 0);
  });
});

describe('an nfs:// URL is opened', () => {
  it('through links, shares its connection, and lets it go with the last file', async () => {
    const { fake, connections } = started();
    fake.putFile('/d/f', Buffer.from('hello'));
    fake.putLink('/l', '/d/f');
    const one = await openNfsTarget(connections, 'nfs://fake/export/l', undefined, {});
    const other = await openNfsTarget(connections, new URL('nfs://fake/export/d/g'), 'w', { mode: '600' });
    assert.deepEqual([one.size, one.name, connections.size], [5, 'nfs://fake/export/l', 1]);
    await one.close();
    assert.equal(fake.closed, false);
    await write(other, 'x');
    await other.close();
    assert.deepEqual([fake.closed, connections.size, fake.tree.at('/d/g').mode & 0o77], [true, 0, 0]);
  });

  it('or refused, with the URL in the error and nothing held', async () => {
    const { fake, connections } = started();
    const refused: [string, string, string][] = [
      ['nfs://fake/export/none', 'r', 'ENOENT'],
      ['nfs://fake/export/d', 'r', 'EISDIR'],
      ['nfs://fake/export', 'r', 'EISDIR'],
      ['nfs://fake/wrong/f', 'r', 'EACCES'],
    ];
    for (const [url, flags, code] of refused)
      await assert.rejects(openNfsTarget(connections, url, flags, {}), { code, path: url, syscall: 'open' }, url);
    await assert.rejects(openNfsTarget(connections, 'nfs://fake/export/a/../b', 'r', {}), {
      code: 'ERR_INVALID_ARG_VALUE',
    });
    await assert.rejects(openNfsTarget(connections, 'nfs://fake/export/f', 'a', {}), {
      code: 'ERR_DIORITE_UNSUPPORTED',
    });
    assert.deepEqual([connections.size, fake.openFiles], [0, 0]);
  });
});
