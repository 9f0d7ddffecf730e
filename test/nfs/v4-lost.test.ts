// NFSv4.1 where answers get lost: slots give them again; where the server's session is gone with them, a look decides.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UNSTABLE } from '../../src/targets/nfs/protocol.js';
import { AwaitedIo, readOnce, writeOnce } from './io-calls.js';
import { CHANGES, has, type Place, startPlace, UNCHECKED } from './lost-changes.js';
import type { MessageFault } from './mock/faults.js';

const RETRY_UNCACHED_REP = 10068;

const FAULTS: Readonly<Record<string, MessageFault>> = {
  'the connection breaks before': { kind: 'drop', carriedOut: false },
  'the connection breaks after': { kind: 'drop', carriedOut: true },
  'the server restarts before': { kind: 'restart', carriedOut: false },
  'the server restarts after': { kind: 'restart', carriedOut: true },
};

describe('NFSv4.1: a change whose answer is lost', () => {
  for (const [name, change] of Object.entries({ ...CHANGES, 'open, unchecked': UNCHECKED })) {
    for (const [what, fault] of Object.entries(FAULTS)) {
      it(`${name}: ${what} it was carried out`, async (t) => {
        const place = await startPlace(t, '4.1');
        place.server.fault({ on: change.on['4.1'], times: 2, fault });
        await change.ask(place);
        change.check(place);
        assert.deepEqual(place.server.log.repeats, []);
        place.server.faults.clear();
        if (change.again !== '') await assert.rejects(change.ask(place), { code: change.again });
      });
    }
  }

  for (const [name, change] of Object.entries(CHANGES)) {
    it(`${name}: and not kept, as the operation behind SEQUENCE says`, async (t) => {
      const place = await startPlace(t, '4.1');
      const on = change.on['4.1'];
      place.server.fault({ on, fault: { kind: 'drop', carriedOut: true } });
      place.server.fault({ on, fault: { kind: 'run', after: () => forgetAnswers(place) } });
      await change.ask(place);
      change.check(place);
      assert.deepEqual(place.server.log.repeats, []);
    });
  }

  it('as Linux says it for what need not be kept: asked again under a new number', async (t) => {
    const { server, protocol, root } = await startPlace(t, '4.1');
    const { file } = await protocol.open(root, 'file', { reads: true, writes: true, create: 'never' });
    for (const on of ['READ', 'WRITE', 'COMMIT', 'LOOKUP', 'GETATTR', 'READDIR'])
      server.fault({ on, fault: { kind: 'drop', carriedOut: true } });
    await writeOnce(protocol, file, 0, UNSTABLE, Buffer.from('other'));
    await protocol.commit(file);
    const memory = Buffer.alloc(5);
    await readOnce(protocol, file, 0, memory);
    assert.equal(memory.toString(), 'other');
    await protocol.lookup(root, 'file');
    await protocol.attributes(file.handle);
    assert.ok((await protocol.readDirectory(root, 0n, 0n, 4096)).end);
    for (const on of ['READ', 'WRITE', 'COMMIT', 'READDIR']) assert.equal(server.counts.calls(on), 3, on);
  });

  it('said again and again, of what was sent once, is an error', async (t) => {
    const { server, protocol, root } = await startPlace(t, '4.1');
    server.fault({ on: 'ACCESS', times: 100, fault: { kind: 'status', status: RETRY_UNCACHED_REP } });
    await assert.rejects(protocol.access(root, 1), { code: 'EIO', message: /RETRY_UNCACHED_REP/ });
    assert.ok(server.counts.calls('ACCESS') < 10);
  });
});

/** Every slot forgets what it was to keep: a server short of memory. */
function forgetAnswers({ server }: Place): void {
  queueMicrotask(() => {
    for (const session of server.v4.sessions.sessions.values()) for (const slot of session.slots) slot.cached = null;
  });
}

describe('NFSv4.1: an answer lost in a restart, and another client meanwhile', () => {
  it('a renamed file whose old name is another file by then is not renamed again', async (t) => {
    const { server, protocol, root } = await startPlace(t, '4.1');
    const after = (): void => void server.putFile('/export/file', Buffer.from('other'));
    server.fault({ on: 'RENAME', fault: { kind: 'run', after } });
    server.fault({ on: 'RENAME', fault: { kind: 'restart', carriedOut: true } });
    await protocol.rename(root, 'file', root, 'new');
    assert.equal(Buffer.from(server.bytesOf('/export/new')).toString(), 'bytes');
    assert.equal(Buffer.from(server.bytesOf('/export/file')).toString(), 'other');
    assert.deepEqual(server.log.repeats, []);
  });

  it('a renamed file that has gone on to a third name is an error that says so', async (t) => {
    const { server, protocol, root } = await startPlace(t, '4.1');
    const directory = server.tree.at('/export');
    const after = (): void => server.tree.rename(directory, 'new', directory, 'third');
    server.fault({ on: 'RENAME', fault: { kind: 'run', after } });
    server.fault({ on: 'RENAME', fault: { kind: 'restart', carriedOut: true } });
    await assert.rejects(protocol.rename(root, 'file', root, 'new'), {
      code: 'EIO',
      message: /RENAME "file" to "new": its answer was lost, and the file has neither name any more/,
    });
    assert.ok(has(server, 'third'));
  });

  it('a directory of another client is not taken for our own', async (t) => {
    const { server, protocol, root } = await startPlace(t, '4.1');
    const before = (): void => void server.putFile('/export/new/inside', Buffer.alloc(0));
    server.fault({ on: 'CREATE', fault: { kind: 'restart', carriedOut: false } });
    server.fault({ on: 'CREATE', nth: 2, fault: { kind: 'run', before } });
    await assert.rejects(protocol.makeDirectory(root, 'new', 0o750), { code: 'EEXIST' });
  });
});

describe('what is refused after a sending that was lost', () => {
  for (const version of ['3', '4.1'] as const) {
    it(`NFS ${version}: is said to be repeated, since the first may have been carried out`, async (t) => {
      const { server, protocol, root } = await startPlace(t, version);
      const { file } = await protocol.open(root, 'file', { reads: true, writes: true, create: 'never' });
      server.fault({ on: 'WRITE', fault: { kind: 'drop', carriedOut: true } });
      server.fault({ on: 'WRITE', nth: 2, times: 2, fault: { kind: 'status', status: 13 } });
      const io = new AwaitedIo(file, 0, [Buffer.from('other')]);
      protocol.startWrite(io, UNSTABLE);
      await assert.rejects(io.done, { code: 'EACCES' });
      assert.deepEqual([io.unsent, io.repeated], [false, true]);
      const once = new AwaitedIo(file, 0, [Buffer.from('third')]);
      server.faults.clear();
      server.fault({ on: 'WRITE', fault: { kind: 'status', status: 13 } });
      protocol.startWrite(once, UNSTABLE);
      await assert.rejects(once.done, { code: 'EACCES' });
      assert.deepEqual([once.unsent, once.repeated], [false, false]);
    });
  }
});
