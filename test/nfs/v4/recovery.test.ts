// What the client does when sessions, clients and open files get lost on a server: each case of the protocol by itself.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { OP, STATUS } from '../../../src/targets/nfs/v4/constants.js';
import { countOf, FakeServer, once } from './fake-server.js';
import { IoFailure, read, startClient, startWrite, write } from './start.js';

const ROOT_AND_FILE = { reads: true, writes: true, create: 'unchecked', mode: 0o600 } as const;
const DATA = Buffer.from('what is written stays written');

describe('the first session', () => {
  it('is made with RECLAIM_COMPLETE, and ended with the client', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    assert.deepEqual(server.log.slice(0, 3), [[OP.EXCHANGE_ID], [OP.CREATE_SESSION], [OP.RECLAIM_COMPLETE]]);
    assert.equal(client.room, 3);
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    await write(client, file, 0, DATA);
    await client.close();
    await client.close();
    assert.deepEqual(server.log.slice(-3), [[OP.PUTFH, OP.CLOSE], [OP.DESTROY_SESSION], [OP.DESTROY_CLIENTID]]);
    assert.equal(server.clients + server.sessions + server.opens.size, 0);
  });

  it('is waited for as long as the server is busy', async (t) => {
    const server = new FakeServer();
    let refusals = 2;
    server.refuse = (operation) => (operation === OP.CREATE_SESSION && refusals-- > 0 ? STATUS.DELAY : STATUS.OK);
    await startClient(t, server);
    assert.equal(refusals, -1);
  });

  it('is refused with the status that the server gives', async (t) => {
    const server = new FakeServer();
    server.refuse = (operation) => (operation === OP.EXCHANGE_ID ? 10017 : STATUS.OK);
    await assert.rejects(startClient(t, server), { status: 10017 });
  });
});

describe('an answer that is lost', () => {
  it('is given again from the slot: what changes something is done once', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const root = client.root.handle;
    server.fault = once(OP.CREATE, 'lose');
    await client.makeDirectory(root, 'dir', 0o700);
    server.fault = once(OP.RENAME, 'lose');
    await client.rename(root, 'dir', root, 'other');
    server.fault = once(OP.REMOVE, 'lose');
    await client.removeDirectory(root, 'other');
    for (const operation of [OP.CREATE, OP.RENAME, OP.REMOVE]) assert.equal(countOf(server, operation), 1);
  });

  it('and not kept is asked for again under a new number', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    server.fault = once(OP.WRITE, 'lose');
    assert.equal((await write(client, file, 0, DATA)).bytes, DATA.length);
    server.fault = once(OP.READ, 'lose');
    assert.deepEqual((await read(client, file, 0, 100)).data, DATA);
    assert.deepEqual([countOf(server, OP.WRITE), countOf(server, OP.READ)], [2, 2]);
  });

  it('with the server’s session: names are settled by what is there', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const root = client.root.handle;
    const lose = (operation: number): void => {
      server.fault = once(operation, 'lose and restart');
    };
    lose(OP.CREATE);
    assert.equal((await client.makeDirectory(root, 'dir', 0o700)).attributes.type, 'directory');
    lose(OP.CREATE);
    const link = await client.symlink(root, 'link', 'dir');
    assert.equal(await client.readLink(link.handle), 'dir');
    lose(OP.RENAME);
    await client.rename(root, 'dir', root, 'other');
    const { file } = await client.open(root, 'file', ROOT_AND_FILE);
    lose(OP.LINK);
    await client.link(file.handle, root, 'second');
    lose(OP.REMOVE);
    await client.remove(root, 'second');
    lose(OP.SETATTR);
    await client.setAttributes(file.handle, { size: 3 }, file);
    assert.deepEqual([...server.files.names.keys()].sort(), ['file', 'link', 'other']);
    assert.equal(countOf(server, OP.RENAME), 1);
  });

  it('with the session alone is settled in the same way, and files stay open', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const root = client.root.handle;
    const { file } = await client.open(root, 'file', ROOT_AND_FILE);
    server.fault = ({ operations, resent }) => {
      if (!operations.includes(OP.RENAME)) return undefined;
      if (resent) server.dropSessions();
      return resent ? undefined : 'lose';
    };
    await client.rename(root, 'file', root, 'other');
    assert.equal(countOf(server, OP.RENAME), 1);
    assert.equal(countOf(server, OP.EXCHANGE_ID), 1);
    await write(client, file, 0, DATA);
    assert.equal(countOf(server, OP.OPEN), 1);
  });

  it('of a rename by which another took the names is an error', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const root = client.root.handle;
    server.files.add('from', 1);
    server.fault = ({ operations, resent }) => {
      if (!operations.includes(OP.RENAME) || resent) return undefined;
      queueMicrotask(() => server.files.add('to', 1));
      return 'lose and restart';
    };
    await assert.rejects(client.rename(root, 'from', root, 'to'), { code: 'EIO' });
  });

  it('to an exclusive OPEN finds its own file, and not another’s', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const root = client.root.handle;
    const exclusive = { ...ROOT_AND_FILE, create: 'exclusive' } as const;
    server.fault = once(OP.OPEN, 'lose and restart');
    const { file } = await client.open(root, 'mine', exclusive);
    await write(client, file, 0, DATA);
    await assert.rejects(client.open(root, 'mine', exclusive), { code: 'EEXIST' });
  });

  it('to a CLOSE leaves it closed', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    for (const fault of ['lose', 'lose and restart'] as const) {
      const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
      server.fault = once(OP.CLOSE, fault);
      await client.closeFile(file);
      assert.equal(server.opens.size, 0);
    }
  });
});

describe('a restart of the server', () => {
  it('is recovered from with the same owner, a reclaim of each file, and RECLAIM_COMPLETE', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const root = client.root.handle;
    const one = await client.open(root, 'one', ROOT_AND_FILE);
    const two = await client.open(root, 'two', { ...ROOT_AND_FILE, writes: false });
    server.restart();
    server.log.length = 0;
    const [written, lookedUp] = await Promise.all([write(client, one.file, 0, DATA), client.lookup(root, 'two')]);
    assert.equal(written.verifier, 2n);
    assert.equal(lookedUp.attributes.fileId, two.attributes.fileId);
    assert.deepEqual(server.log.slice(0, 6), [
      // With the client id as it was.
      [OP.CREATE_SESSION],
      [OP.EXCHANGE_ID],
      [OP.CREATE_SESSION],
      [OP.PUTFH, OP.OPEN],
      [OP.PUTFH, OP.OPEN],
      [OP.RECLAIM_COMPLETE],
    ]);
    assert.deepEqual((await read(client, two.file, 0, 10)).data, Buffer.alloc(0));
  });

  it('in the middle of many calls loses none of them', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    let writes = 0;
    server.fault = ({ operations }) => {
      if (!operations.includes(OP.WRITE)) return undefined;
      writes++;
      return writes === 20 || writes === 21 || writes === 50 ? 'lose and restart' : undefined;
    };
    const pieces = Array.from({ length: 100 }, (_, i) => Buffer.alloc(10, i + 1));
    const written = await Promise.all(pieces.map((piece, i) => write(client, file, 10 * i, piece)));
    assert.ok(written.every(({ bytes }) => bytes === 10));
    assert.deepEqual(server.files.names.get('file')?.data, Buffer.concat(pieces));
    assert.ok(server.epoch > 2);
  });

  it('while it recovers starts recovery anew', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    server.restart();
    server.fault = once(OP.OPEN, 'restart');
    await write(client, file, 0, DATA);
    server.restart();
    server.fault = once(OP.RECLAIM_COMPLETE, 'lose and restart');
    await write(client, file, 0, DATA);
    assert.equal(countOf(server, OP.WRITE), 2);
  });

  it('without grace loses the files for ever, and no others', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const root = client.root.handle;
    const { file } = await client.open(root, 'file', ROOT_AND_FILE);
    server.expire();
    for (let i = 0; i < 2; i++) {
      await assert.rejects(write(client, file, 0, DATA), (error) => {
        assert.ok(error instanceof IoFailure && error.unsent);
        assert.match(error.message, /fake:2049: OPEN "file" again: NFS4ERR_NO_GRACE/);
        return true;
      });
    }
    await assert.rejects(client.commit(file), { code: 'EIO' });
    await client.closeFile(file);
    server.graceForReclaim = true;
    const again = await client.open(root, 'file', ROOT_AND_FILE);
    await write(client, again.file, 0, DATA);
    await client.closeFile(again.file);
  });

  it('has plain OPENs wait out the grace', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    server.inGrace = true;
    setTimeout(() => {
      server.inGrace = false;
    }, 150);
    await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    assert.equal(server.inGrace, false);
  });

  it('that kept its sessions is noticed by its flag', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    server.restartKeepingSessions();
    await client.attributes(file.handle);
    await write(client, file, 0, DATA);
    assert.deepEqual([countOf(server, OP.OPEN), countOf(server, OP.RECLAIM_COMPLETE)], [2, 2]);
    assert.equal(countOf(server, OP.CREATE_SESSION), 1);
  });
});

describe('a session', () => {
  it('that is gone is made anew; client and files stay', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    for (const status of [STATUS.BADSESSION, STATUS.DEADSESSION]) {
      server.dropSessions();
      server.fault = once(OP.WRITE, status);
      await write(client, file, 0, DATA);
    }
    assert.deepEqual([countOf(server, OP.EXCHANGE_ID), countOf(server, OP.CREATE_SESSION)], [1, 3]);
    assert.equal(countOf(server, OP.OPEN), 1);
  });

  it('that is out of step is ended and made anew', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    for (const status of [STATUS.SEQ_MISORDERED, STATUS.BADSLOT, STATUS.BAD_HIGH_SLOT]) {
      server.fault = once(OP.GETATTR, status);
      await client.attributes(client.root.handle);
      assert.equal(server.sessions, 1);
    }
  });

  it('of a client whose sequence is another is made by EXCHANGE_ID', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    server.dropSessions();
    let refusals = 1;
    server.refuse = (operation) =>
      operation === OP.CREATE_SESSION && refusals-- > 0 ? STATUS.SEQ_MISORDERED : STATUS.OK;
    await client.attributes(client.root.handle);
    assert.equal(countOf(server, OP.EXCHANGE_ID), 2);
    assert.equal(countOf(server, OP.RECLAIM_COMPLETE), 1, 'the server still knew the client');
  });

  it('that cannot be had is an error for whoever waits, and is tried again by the next', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    server.dropSessions();
    server.refuse = (operation) => (operation === OP.CREATE_SESSION ? 1 : STATUS.OK);
    await assert.rejects(client.attributes(client.root.handle), { code: 'EPERM' });
    server.refuse = () => STATUS.OK;
    await client.attributes(client.root.handle);
  });

  it('that does not come back in time is ETIMEDOUT, and the process does not spin', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server, { timeoutMs: 1_500 });
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    server.dropSessions();
    server.refuse = (operation) => (operation === OP.CREATE_SESSION ? STATUS.DELAY : STATUS.OK);
    server.log.length = 0;
    const startedMs = performance.now();
    await assert.rejects(client.attributes(client.root.handle), { code: 'ETIMEDOUT' });
    await assert.rejects(write(client, file, 0, DATA), (error) => error instanceof IoFailure && error.unsent);
    assert.ok(performance.now() - startedMs < 30_000);
    server.refuse = () => STATUS.OK;
    await write(client, file, 0, DATA);
  });
});

describe('a state that the server refuses', () => {
  for (const [name, status] of [
    ['BAD_STATEID', STATUS.BAD_STATEID],
    ['EXPIRED', STATUS.EXPIRED],
    ['ADMIN_REVOKED', STATUS.ADMIN_REVOKED],
  ] as const) {
    it(`with ${name} is asked for, and its file lost where it is gone`, async (t) => {
      const server = new FakeServer();
      const client = await startClient(t, server);
      const root = client.root.handle;
      const gone = await client.open(root, 'gone', ROOT_AND_FILE);
      const well = await client.open(root, 'well', ROOT_AND_FILE);
      const [state] = server.opens.values();
      assert.ok(state !== undefined);
      state.status = status;
      await assert.rejects(write(client, gone.file, 0, DATA), /NFS4ERR_/);
      await write(client, well.file, 0, DATA);
      assert.equal(countOf(server, OP.TEST_STATEID), 1);
      assert.equal(countOf(server, OP.FREE_STATEID), status === STATUS.BAD_STATEID ? 0 : 1);
    });
  }

  it('once, and knows when asked, is shown again; but not for ever', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    let refusals = 1;
    server.refuse = (operation) => (operation === OP.WRITE && refusals-- > 0 ? STATUS.BAD_STATEID : STATUS.OK);
    await write(client, file, 0, DATA);
    refusals = 100;
    await assert.rejects(write(client, file, 0, DATA), /BAD_STATEID/);
    refusals = 1;
    server.refuse = (operation) => (operation === OP.WRITE && refusals-- > 0 ? STATUS.STALE_STATEID : STATUS.OK);
    await write(client, file, 0, DATA);
    assert.equal(countOf(server, OP.EXCHANGE_ID), 2);
  });

  it('and says so in the flags of its answers is noticed without a call to the file', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    const [state] = server.opens.values();
    assert.ok(state !== undefined);
    state.status = STATUS.ADMIN_REVOKED;
    server.flags = 0x20;
    await client.attributes(client.root.handle);
    await assert.rejects(write(client, file, 0, DATA), /ADMIN_REVOKED/);
    assert.equal(countOf(server, OP.WRITE), 0);
  });
});

describe('a server that is busy', () => {
  it('is asked again, under the same number where SEQUENCE says so', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server);
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    server.fault = once(OP.WRITE, STATUS.DELAY);
    await write(client, file, 0, DATA);
    let refusals = 1;
    server.refuse = (operation) => (operation === OP.READ && refusals-- > 0 ? STATUS.DELAY : STATUS.OK);
    assert.deepEqual((await read(client, file, 0, 100)).data, DATA);
    // DELAY behind what was done already: looked at, not done twice.
    refusals = 1;
    server.refuse = (operation) => (operation === OP.GETFH && refusals-- > 0 ? STATUS.DELAY : STATUS.OK);
    assert.equal((await client.makeDirectory(client.root.handle, 'dir', 0o700)).attributes.type, 'directory');
    assert.equal(countOf(server, OP.CREATE), 1);
  });

  it('for longer than the timeout is ETIMEDOUT, with the status that it gave', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server, { timeoutMs: 1_500 });
    server.refuse = (operation) => (operation === OP.GETATTR ? STATUS.DELAY : STATUS.OK);
    await assert.rejects(client.attributes(client.root.handle), { code: 'ETIMEDOUT', message: /NFS4ERR_DELAY/ });
  });
});

describe('the time of a call', () => {
  it('is counted from its beginning, whatever it met before it was sent for the last time', async (t) => {
    const server = new FakeServer();
    const client = await startClient(t, server, { timeoutMs: 1_500 });
    let refusals = 2;
    server.refuse = (operation) => (operation === OP.GETATTR && refusals-- > 0 ? STATUS.DELAY : STATUS.OK);
    server.fault = ({ operations }) => (operations.includes(OP.GETATTR) && refusals <= 0 ? 'swallow' : undefined);
    const startedMs = performance.now();
    await assert.rejects(client.attributes(client.root.handle), { code: 'ETIMEDOUT' });
    const tookMs = performance.now() - startedMs;
    assert.ok(tookMs > 1_400 && tookMs < 30_000, `${tookMs} ms`);
    server.fault = () => undefined;
    await client.attributes(client.root.handle);
  });
});

describe('a call that is given up', () => {
  for (const [how, fault, answersAbandoned] of [
    ['a SEQUENCE of its number is answered: it never arrived', 'hold', false],
    ['a SEQUENCE of its number is answered: it was carried out', 'swallow', false],
    ['its own answer has come', 'hold', true],
  ] as const) {
    it(`keeps its slot from others until ${how}`, async (t) => {
      const server = new FakeServer();
      server.slots = 1;
      server.answersAbandoned = answersAbandoned;
      const client = await startClient(t, server);
      const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
      server.log.length = 0;
      for (let i = 0; i < 3; i++) {
        server.fault = once(OP.WRITE, fault);
        const { call, done } = startWrite(client, file, 0, DATA);
        await new Promise(setImmediate);
        client.abandon(call);
        client.abandon(call);
        await assert.rejects(done, (error) => error instanceof IoFailure && !error.unsent);
        // The only slot is free again, and in step.
        assert.equal((await write(client, file, 0, DATA)).bytes, DATA.length);
      }
      assert.equal(countOf(server, OP.CREATE_SESSION), 0);
      assert.equal(
        server.log.filter((operations) => operations.length === 0).length,
        fault === 'swallow' || answersAbandoned ? 0 : 3,
      );
    });
  }

  it('before it was sent is certainly unsent', async (t) => {
    const server = new FakeServer();
    server.slots = 1;
    const client = await startClient(t, server);
    const { file } = await client.open(client.root.handle, 'file', ROOT_AND_FILE);
    server.fault = once(OP.WRITE, 'hold');
    const first = startWrite(client, file, 0, DATA);
    assert.equal(client.room, 0);
    const second = startWrite(client, file, 0, DATA);
    await new Promise(setImmediate);
    client.abandon(second.call);
    await assert.rejects(second.done, (error) => error instanceof IoFailure && error.unsent);
    const isRoom = new Promise<void>((resolve) => client.onceRoom(resolve));
    server.release();
    await first.done;
    await isRoom;
    assert.equal(client.room, 1);
  });
});
