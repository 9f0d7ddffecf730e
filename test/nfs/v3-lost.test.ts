// NFSv3 where connections break: nothing that does harm is done twice, and what was done is known.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { FILE_SYNC, UNSTABLE } from '../../src/targets/nfs/protocol.js';
import { parseNfsUrl } from '../../src/targets/nfs/url.js';
import { connectV3 } from '../../src/targets/nfs/v3/protocol-v3.js';
import { AwaitedIo, readOnce, writeOnce } from './io-calls.js';
import { CHANGES, has, type Place, startPlace, UNCHECKED } from './lost-changes.js';
import { type MockOptions, type MockServer, startMock } from './mock/mock-server.js';

const start = (t: TestContext, options: MockOptions = {}): Promise<Place> => startPlace(t, '3', options);

describe('NFSv3: a connection that breaks before the answer', () => {
  for (const [name, change] of Object.entries({ ...CHANGES, 'open, unchecked': UNCHECKED })) {
    for (const carriedOut of [true, false]) {
      it(`${name}, ${carriedOut ? 'after' : 'before'} it was carried out`, async (t) => {
        const place = await start(t);
        const fault = place.server.fault({ on: change.on['3'], times: 2, fault: { kind: 'drop', carriedOut } });
        await change.ask(place);
        change.check(place);
        assert.ok(fault.hits >= 1);
        assert.deepEqual(place.server.log.repeats, []);
        place.server.faults.clear();
        if (change.again !== '') await assert.rejects(change.ask(place), { code: change.again });
      });
    }
  }

  it('a server that remembers its answers changes nothing in this', async (t) => {
    for (const [name, change] of Object.entries(CHANGES)) {
      const place = await start(t, { duplicates: 'server' });
      place.server.fault({ on: change.on['3'], fault: { kind: 'drop', carriedOut: true } });
      await change.ask(place);
      change.check(place);
      assert.deepEqual(place.server.log.repeats, [], name);
    }
  });

  it('a restart of the server is no other case', async (t) => {
    for (const [name, change] of Object.entries(CHANGES)) {
      const place = await start(t);
      place.server.fault({ on: change.on['3'], fault: { kind: 'restart', carriedOut: true } });
      await change.ask(place);
      change.check(place);
      assert.deepEqual(place.server.log.repeats, [], name);
    }
  });
});

describe('NFSv3: a lost answer, and another client meanwhile', () => {
  /** Once the call was carried out, and before its client is back. */
  function meanwhile(server: MockServer, on: string, act: () => void): void {
    server.fault({ on, fault: { kind: 'run', after: act } });
    server.fault({ on, fault: { kind: 'drop', carriedOut: true } });
  }

  it('a renamed file whose old name is another file by then is not renamed again', async (t) => {
    const { server, protocol, root } = await start(t);
    meanwhile(server, 'RENAME', () => server.putFile('/export/file', Buffer.from('other')));
    await protocol.rename(root, 'file', root, 'new');
    assert.equal(Buffer.from(server.bytesOf('/export/new')).toString(), 'bytes');
    assert.equal(Buffer.from(server.bytesOf('/export/file')).toString(), 'other');
    assert.equal(server.counts.calls('RENAME'), 1);
  });

  it('a renamed file that has gone on to a third name is an error that says so', async (t) => {
    const { server, protocol, root } = await start(t);
    const directory = server.tree.at('/export');
    meanwhile(server, 'RENAME', () => server.tree.rename(directory, 'new', directory, 'third'));
    await assert.rejects(protocol.rename(root, 'file', root, 'new'), {
      code: 'EIO',
      message: /RENAME "file" to "new": its answer was lost, and the file has neither name any more/,
    });
  });

  it('renaming onto another name of the same file does nothing, however often', async (t) => {
    const { server, protocol, root } = await start(t);
    const file = server.tree.at('/export/file');
    server.tree.link(file, server.tree.at('/export'), 'second');
    server.fault({ on: 'RENAME', fault: { kind: 'drop', carriedOut: true } });
    await protocol.rename(root, 'file', root, 'second');
    assert.deepEqual([server.tree.at('/export/file'), server.tree.at('/export/second')], [file, file]);
  });

  it('a file that was carried off late is found after all', async (t) => {
    const { server, protocol, root } = await start(t);
    // The connection breaks while the server has the call; it carries it out when we have looked.
    const held = server.fault({ on: 'RENAME', fault: { kind: 'hold', carriedOut: false } });
    const renamed = protocol.rename(root, 'file', root, 'new');
    await held.hit();
    const again = server.fault({ on: 'RENAME', fault: { kind: 'run', before: () => held.release() } });
    server.dropConnections();
    await renamed;
    assert.equal(again.hits, 1);
    assert.ok(has(server, 'new') && !has(server, 'file'));
  });

  it('a directory, a link, a symbolic link of another client is not taken for our own', async (t) => {
    const drop = { kind: 'drop', carriedOut: false } as const;
    for (const { on, make, ask } of [
      {
        on: 'MKDIR',
        make: (server: MockServer) => void server.putFile('/export/new/inside', Buffer.alloc(0)),
        ask: CHANGES.makeDirectory,
      },
      {
        on: 'LINK',
        make: (server: MockServer) => void server.putFile('/export/new', Buffer.alloc(0)),
        ask: CHANGES.link,
      },
      {
        on: 'SYMLINK',
        make: (server: MockServer) => void server.putFile('/export/new', Buffer.alloc(0)),
        ask: CHANGES.symlink,
      },
      {
        on: 'CREATE',
        make: (server: MockServer) => void server.putFile('/export/new', Buffer.alloc(0)),
        ask: CHANGES['open, exclusive'],
      },
    ]) {
      const place = await start(t);
      const dropped = place.server.fault({ on, fault: drop });
      const asked = ask?.ask(place);
      await dropped.hit();
      make(place.server);
      await assert.rejects(asked ?? Promise.resolve(), { code: 'EEXIST' }, on);
    }
  });

  it('without exclusive creation a file may be our own, and the error says so', async (t) => {
    const { server, protocol, root } = await start(t);
    server.fault({ on: 'CREATE', fault: { kind: 'status', status: 10004 } });
    server.fault({ on: 'CREATE', nth: 2, fault: { kind: 'drop', carriedOut: true } });
    await assert.rejects(protocol.open(root, 'new', { reads: true, writes: true, create: 'exclusive' }), {
      code: 'EEXIST',
      message: /CREATE "new" \(perhaps by this very call, whose answer was lost\): NFS3ERR_EXIST \(17\)/,
    });
  });
});

describe('NFSv3: what may be sent again is', () => {
  it('reads, writes and commits go on over new connections', async (t) => {
    const { server, protocol, root } = await start(t, { fragmentBytes: 5000, chunkBytes: 7001 });
    const { file } = await protocol.open(root, 'file', { reads: true, writes: true, create: 'never' });
    const data = Buffer.alloc(200_000);
    for (let i = 0; i < data.length; i++) data[i] = i * 7 + (i >> 8);
    for (const on of ['WRITE', 'READ', 'COMMIT'])
      for (const [nth, carriedOut] of [
        [1, true],
        [3, false],
        [5, true],
      ] as const)
        server.fault({ on, nth, fault: { kind: 'drop', carriedOut } });
    const written = Array.from({ length: 10 }, (_, i) =>
      writeOnce(protocol, file, i * 20_000, UNSTABLE, data.subarray(i * 20_000, (i + 1) * 20_000)),
    );
    const verifiers = new Set((await Promise.all(written)).map(({ verifier }) => verifier));
    assert.deepEqual(verifiers, new Set([await protocol.commit(file)]));
    assert.deepEqual(Buffer.from(server.durableBytesOf('/export/file')), data);
    const back = Buffer.alloc(data.length);
    await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        readOnce(protocol, file, i * 20_000, back.subarray(i * 20_000, (i + 1) * 20_000)),
      ),
    );
    assert.deepEqual(back, data);
    assert.ok(server.log.resent > 0);
  });

  it('a server that is gone for longer than the timeout is an error, and every call ends', async (t) => {
    const server = await startMock(t);
    server.putFile('/export/file', Buffer.from('bytes'));
    const { settings, path } = parseNfsUrl(server.url('3', '/export', { timeo: '20' }));
    const { protocol } = await connectV3(settings, path);
    t.after(() => protocol.close());
    const { root } = protocol;
    const { file } = await protocol.open(root.handle, 'file', { reads: true, writes: true, create: 'never' });
    await server.down();
    const calls = Array.from({ length: 100 }, () => new AwaitedIo(file, 0, [Buffer.alloc(10)]));
    for (const call of calls) protocol.startRead(call);
    const asked = [
      protocol.attributes(file.handle),
      protocol.rename(root.handle, 'file', root.handle, 'new'),
      protocol.remove(root.handle, 'file'),
      writeOnce(protocol, file, 0, FILE_SYNC, Buffer.from('x')),
    ];
    const settled = await Promise.allSettled([...calls.map(({ done }) => done), ...asked]);
    for (const outcome of settled) assert.equal(outcome.status === 'rejected' && outcome.reason.code, 'ETIMEDOUT');
    assert.equal(protocol.room, 64);
  });
});
