// NFSv4.1 and 4.2 against the mock, which is strict: a fault at every message, and what real servers seldom do.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import type { NfsProtocol } from '../../src/targets/nfs/protocol.js';
import { FILE_SYNC, UNSTABLE } from '../../src/targets/nfs/protocol.js';
import { parseNfsUrl } from '../../src/targets/nfs/url.js';
import { connectV4 } from '../../src/targets/nfs/v4/protocol-v4.js';
import { requireCapture, startCapture } from './capture.js';
import { AwaitedIo, readOnce, writeOnce } from './io-calls.js';
import type { MessageFault } from './mock/faults.js';
import { type MockOptions, type MockServer, startMock } from './mock/mock-server.js';

const CREATE = { reads: true, writes: true, create: 'unchecked', mode: 0o640 } as const;
const EXISTING = { ...CREATE, create: 'never' } as const;
const DATA = Buffer.from('bytes that are written, read, and still there');

type Parameters = Readonly<Record<string, string>>;

interface Bench {
  readonly server: MockServer;
  readonly protocol: NfsProtocol;
  readonly root: Uint8Array;
}

/** The server ends behind its clients: hooks run in the order in which they are set up. */
async function start(t: TestContext, options: MockOptions = {}): Promise<MockServer> {
  const server = await startMock({ after: () => undefined }, options);
  t.after(async () => {
    server.faults.clear();
    await server.stop();
  });
  return server;
}

async function connect(
  server: MockServer,
  parameters: Parameters = {},
  version: '4.1' | '4.2' = '4.2',
): Promise<NfsProtocol> {
  const { settings, path } = parseNfsUrl(server.url(version, '/export', parameters));
  return (await connectV4(settings, path)).protocol;
}

/** Runs the test with a client that says goodbye. */
async function withClient(
  t: TestContext,
  options: MockOptions,
  parameters: Parameters,
  f: (bench: Bench) => Promise<void>,
): Promise<void> {
  const server = await start(t, options);
  server.putFile('/export/file', DATA);
  const protocol = await connect(server, parameters);
  try {
    const root = await protocol.lookup(protocol.root.handle, 'export');
    await f({ server, protocol, root: root.handle });
  } finally {
    server.faults.clear();
    await protocol.close();
  }
}

async function text(protocol: NfsProtocol, root: Uint8Array, name: string): Promise<string> {
  const { file } = await protocol.open(root, name, EXISTING);
  const memory = Buffer.alloc(100);
  const { bytes } = await readOnce(protocol, file, 0, memory);
  await protocol.closeFile(file);
  return memory.toString('utf8', 0, bytes);
}

/** Everything that a copy and a client do, one after the other; the tree afterwards does not depend on what went wrong. */
async function everything(protocol: NfsProtocol): Promise<void> {
  const { handle: root } = await protocol.lookup(protocol.root.handle, 'export');
  const directory = (await protocol.makeDirectory(root, 'dir', 0o750)).handle;
  const { file } = await protocol.open(directory, 'new', { ...CREATE, create: 'exclusive' });
  const writes = [0, 1, 2, 3].map((i) => writeOnce(protocol, file, 100 * i, i === 3 ? FILE_SYNC : UNSTABLE, DATA));
  const verifiers = (await Promise.all(writes)).slice(0, 3).map(({ verifier }) => verifier);
  // What a restart took away is written again, as the layer above does.
  for (let verifier = await protocol.commit(file); verifiers.some((each) => each !== verifier); ) {
    for (const i of verifiers.keys())
      verifiers[i] = (await writeOnce(protocol, file, 100 * i, UNSTABLE, DATA)).verifier;
    verifier = await protocol.commit(file);
  }
  await protocol.setAttributes(file.handle, { size: 345, mode: 0o604 }, file);
  await protocol.deallocate(file, 120, 100);
  assert.equal((await readOnce(protocol, file, 0, Buffer.alloc(1000))).bytes, 345);
  await protocol.closeFile(file);
  await protocol.rename(directory, 'new', root, 'renamed');
  const link = await protocol.symlink(root, 'link', 'renamed');
  assert.equal(await protocol.readLink(link.handle), 'renamed');
  await protocol.link((await protocol.lookup(root, 'renamed')).handle, directory, 'second');
  await protocol.remove(directory, 'second');
  await protocol.removeDirectory(root, 'dir');
  const { entries } = await protocol.readDirectory(root, 0n, 0n, 8192);
  assert.deepEqual(entries.map(({ name }) => name).sort(), ['link', 'renamed']);
}

function check(server: MockServer): void {
  const expected = Buffer.alloc(345);
  for (let i = 0; i < 4; i++) DATA.copy(expected, 100 * i);
  expected.fill(0, 120, 220);
  const node = server.tree.at('/export/renamed');
  assert.equal(Buffer.from(server.durableBytesOf('/export/renamed')).compare(expected), 0);
  assert.deepEqual([node.mode, server.tree.at('/export/link').to], [0o604, 'renamed']);
  assert.deepEqual([...server.tree.at('/export').entries.keys()].sort(), ['link', 'renamed']);
}

const FAULTS: Readonly<Record<string, MessageFault>> = {
  'the connection breaks before': { kind: 'drop', carriedOut: false },
  'the connection breaks after': { kind: 'drop', carriedOut: true },
  'the connection breaks in the answer after': { kind: 'cut', bytes: 30, end: 'drop' },
  'the server restarts before': { kind: 'restart', carriedOut: false, grace: 'reclaim' },
  'the server restarts after': { kind: 'restart', carriedOut: true, grace: 'reclaim' },
};

describe('a fault at the n-th message, for every n', () => {
  for (const [what, fault] of Object.entries(FAULTS)) {
    // The pauses before the second new connection take their time.
    for (const times of what.endsWith(' after') ? [1, 2] : [1]) {
      it(`${what} it is carried out, ${times === 1 ? 'once' : 'and at the next again'}`, async (t) => {
        let struck = true;
        let nth = 1;
        for (; struck; nth++) {
          const hooks: (() => void | Promise<void>)[] = [];
          const server = await startMock({ after: (hook) => hooks.push(hook) });
          const handle = server.fault({ on: '*', nth, times, fault });
          try {
            const protocol = await connect(server);
            await everything(protocol);
            await protocol.close();
            check(server);
            assert.deepEqual(server.log.repeats, []);
          } catch (error) {
            throw new Error(`at message ${nth}`, { cause: error });
          }
          struck = handle.hits > 0;
          for (const hook of hooks) await hook();
        }
        t.diagnostic(`${nth - 2} messages`);
        assert.ok(nth > 25);
      });
    }
  }
});

describe('slots', () => {
  it('are as many as the server gives, and then as it wants', async (t) => {
    await withClient(t, { slots: 4 }, {}, async ({ server, protocol, root }) => {
      const { file } = await protocol.open(root, 'file', EXISTING);
      assert.equal(protocol.room, 3);
      const many = (): Promise<unknown> =>
        Promise.all(Array.from({ length: 20 }, (_, i) => writeOnce(protocol, file, i, UNSTABLE, DATA)));
      const held = server.fault({ on: 'WRITE', times: 3, fault: { kind: 'hold', carriedOut: true } });
      const written = many();
      await held.hit(3);
      held.release();
      await written;
      assert.equal(server.counts.inFlightMax('WRITE'), 3);
      server.targetSlot(1);
      await protocol.attributes(root);
      server.counts.reset();
      assert.equal(protocol.room, 1);
      await many();
      assert.equal(server.counts.inFlightMax('WRITE'), 1);
      server.targetSlot(3);
      const isRoom = new Promise<void>((resolve) => protocol.onceRoom(resolve));
      await protocol.attributes(root);
      await isRoom;
      assert.equal(protocol.room, 3);
    });
  });

  it('of calls given up are free again when the answer comes, or on a new connection', async (t) => {
    await withClient(t, { slots: 2 }, {}, async ({ server, protocol, root }) => {
      const { file } = await protocol.open(root, 'file', EXISTING);
      for (const end of ['answer', 'new connection'] as const) {
        const held = server.fault({ on: 'WRITE', fault: { kind: 'hold', carriedOut: true } });
        const io = new AwaitedIo(file, 0, [DATA]);
        protocol.startWrite(io, UNSTABLE);
        await held.hit();
        protocol.abandon(io);
        await assert.rejects(io.done, { code: 'ECANCELED' });
        assert.deepEqual([io.unsent, io.repeated], [false, true]);
        if (end === 'answer') held.release();
        else server.dropConnections();
        // More than there are slots, one after the other and side by side.
        await Promise.all([1, 2, 3, 4].map((i) => writeOnce(protocol, file, i, UNSTABLE, DATA)));
        held.release();
      }
      assert.equal(server.counts.calls('CREATE_SESSION'), 1);
    });
  });
});

describe('a session', () => {
  it('is one for several connections', async (t) => {
    await withClient(t, {}, { connections: '4' }, async ({ server, protocol, root }) => {
      assert.equal(server.connections, 4);
      const { file } = await protocol.open(root, 'file', EXISTING);
      const held = server.fault({ on: 'WRITE', times: 8, fault: { kind: 'hold', carriedOut: false } });
      const writes = Array.from({ length: 8 }, (_, i) => writeOnce(protocol, file, i, UNSTABLE, DATA));
      await held.hit(8);
      server.dropConnections();
      held.release();
      await Promise.all(writes);
      assert.equal(server.counts.calls('CREATE_SESSION'), 1);
    });
  });

  it('bounds what one call carries', async (t) => {
    await withClient(t, { requestBytesMax: 9000, responseBytesMax: 5000 }, {}, async ({ protocol, root }) => {
      assert.deepEqual([protocol.limits.writeBytesMax, protocol.limits.readBytesMax], [7680, 3584]);
      const { file } = await protocol.open(root, 'file', EXISTING);
      const data = Buffer.alloc(7680, 'data');
      assert.equal((await writeOnce(protocol, file, 0, UNSTABLE, data)).bytes, 7680);
      assert.equal((await readOnce(protocol, file, 0, Buffer.alloc(3584))).bytes, 3584);
      const { entries } = await protocol.readDirectory(root, 0n, 0n, 1 << 20);
      assert.equal(entries.length, 1);
    });
  });

  it('asks for no calls from the server, and answers those that come all the same', async (t) => {
    await withClient(t, {}, {}, async ({ server, protocol, root }) => {
      for (const procedure of [0, 1] as const)
        server.fault({ on: 'GETATTR', nth: procedure + 1, fault: { kind: 'callback', procedure } });
      await protocol.attributes(root);
      await protocol.attributes(root);
      assert.equal(await text(protocol, root, 'file'), DATA.toString());
    });
  });
});

describe('files', () => {
  it('of a lease that ran out are lost, each by itself', async (t) => {
    await withClient(t, {}, {}, async ({ server, protocol, root }) => {
      const { file } = await protocol.open(root, 'file', EXISTING);
      server.expireLeases();
      const io = new AwaitedIo(file, 0, [DATA]);
      protocol.startWrite(io, UNSTABLE);
      await assert.rejects(io.done, { code: 'EIO', message: /OPEN "file" again: NFS4ERR_/ });
      assert.deepEqual([io.unsent, io.repeated], [true, false]);
      await assert.rejects(protocol.commit(file), { code: 'EIO' });
      await protocol.closeFile(file);
      assert.equal(await text(protocol, root, 'file'), DATA.toString());
    });
  });

  it('whose handles the server forgot are stale', async (t) => {
    await withClient(t, {}, {}, async ({ server, protocol, root }) => {
      const { file } = await protocol.open(root, 'file', EXISTING);
      server.forgetHandles();
      await assert.rejects(writeOnce(protocol, file, 0, UNSTABLE, DATA), { code: 'ESTALE' });
      await assert.rejects(protocol.attributes(root), { code: 'ESTALE' });
    });
  });

  it('give a delegation back that nobody asked for', async (t) => {
    await withClient(t, {}, {}, async ({ server, protocol, root }) => {
      server.fault({ on: 'OPEN', fault: { kind: 'delegation' } });
      assert.equal(await text(protocol, root, 'file'), DATA.toString());
      assert.equal(server.counts.calls('DELEGRETURN'), 1);
    });
  });
});

describe('a server that is gone', () => {
  it('is not waited for when the client closes, however patient it is', async (t) => {
    const server = await start(t);
    server.putFile('/export/file', DATA);
    const protocol = await connect(server, { hard: '' });
    const root = await protocol.lookup(protocol.root.handle, 'export');
    await protocol.open(root.handle, 'file', EXISTING);
    await server.down();
    const startedMs = performance.now();
    await Promise.all([protocol.close(), protocol.close()]);
    assert.ok(performance.now() - startedMs < 60_000, 'sooner than a call would be given up');
    await assert.rejects(protocol.attributes(root.handle), { code: 'ERR_DIORITE_CLOSED' });
  });

  it('and comes back within the timeout is not noticed', async (t) => {
    await withClient(t, {}, {}, async ({ server, protocol, root }) => {
      const { file } = await protocol.open(root, 'file', EXISTING);
      await server.down();
      const written = writeOnce(protocol, file, 0, UNSTABLE, DATA);
      const listed = protocol.readDirectory(root, 0n, 0n, 8192);
      await server.up();
      assert.equal((await written).bytes, DATA.length);
      assert.equal((await listed).entries.length, 1);
    });
  });
});

describe('a server that talks nonsense', { concurrency: true }, () => {
  for (const [what, fault] of Object.entries<MessageFault>({
    'ends its answers early': { kind: 'truncate', bytes: -8 },
    'answers with another xid': { kind: 'wrongXid', right: false },
    'announces more than it sends': { kind: 'mark', bytes: 1 << 20 },
    'sends garbage': { kind: 'garbage', bytes: Buffer.alloc(64, 0x55) },
    'cannot decode': { kind: 'rpc', how: 'garbage args' },
    'stalls in its answers': { kind: 'cut', bytes: 40, end: 'stall' },
  })) {
    it(`and ${what} is an error within the timeout`, async (t) => {
      await withClient(t, { tolerant: true }, { timeo: '20' }, async ({ server, protocol, root }) => {
        const { file } = await protocol.open(root, 'file', EXISTING);
        const calls: readonly (() => Promise<unknown>)[] = [
          () => readOnce(protocol, file, 0, Buffer.alloc(100)),
          () => writeOnce(protocol, file, 0, UNSTABLE, DATA),
          () => protocol.attributes(root),
        ];
        for (const call of calls) {
          server.fault({ on: '*', times: 1000, fault });
          const startedMs = performance.now();
          await assert.rejects(
            call,
            (error) => error instanceof DioriteError && error.code !== 'ERR_DIORITE_ASSERTION',
          );
          assert.ok(performance.now() - startedMs < 30_000, `${performance.now() - startedMs} ms`);
          server.faults.clear();
        }
        // And when it comes to its senses, all is well.
        assert.equal((await protocol.attributes(root)).type, 'directory');
      });
    });
  }
});

describe('NFSv4.2', () => {
  it('copies and clones within the server, as it answers', async (t) => {
    await withClient(t, {}, {}, async ({ server, protocol, root }) => {
      const from = (await protocol.open(root, 'file', EXISTING)).file;
      const to = (await protocol.open(root, 'copy', CREATE)).file;
      const copied = await protocol.copy(from, 0, to, 10, DATA.length);
      assert.equal(copied.bytes, DATA.length);
      if (copied.committed === 0) assert.equal(await protocol.commit(to), copied.verifier);
      assert.deepEqual(server.bytesOf('/export/copy').subarray(10), new Uint8Array(DATA));
      server.fault({ on: 'COPY', fault: { kind: 'short', bytes: 5 } });
      assert.equal((await protocol.copy(from, 0, to, 0, DATA.length)).bytes, 5);
      server.fault({ on: 'COPY', fault: { kind: 'async copy', polls: 3 } });
      assert.equal((await protocol.copy(from, 0, to, 100, DATA.length)).bytes, DATA.length);
      assert.equal(server.counts.calls('OFFLOAD_STATUS'), 3);
      // Whole blocks, and the end of the file.
      await protocol.clone(from, 0, to, 4096, DATA.length);
      assert.deepEqual(server.bytesOf('/export/copy').subarray(4096), new Uint8Array(DATA));
      await assert.rejects(protocol.clone(from, 1, to, 0, 10), { code: 'EINVAL' });
      server.fault({ on: 'COPY', fault: { kind: 'status', status: 10094 } });
      await assert.rejects(protocol.copy(from, 0, to, 0, 1), { code: 'ERR_DIORITE_UNSUPPORTED' });
      assert.equal(protocol.offers.copy, true);
      for (const file of [from, to]) await protocol.closeFile(file);
    });
  });

  it('finds holes, makes them, and reserves space', async (t) => {
    await withClient(t, {}, {}, async ({ protocol, root }) => {
      const { file } = await protocol.open(root, 'sparse', CREATE);
      await writeOnce(protocol, file, 100_000, UNSTABLE, DATA);
      const data = await protocol.seek(file, 0, 'data');
      assert.ok(data !== null && data > 0 && data <= 100_000);
      assert.equal(await protocol.seek(file, 0, 'hole'), 0);
      assert.equal(await protocol.seek(file, 100_000 + DATA.length, 'data'), null);
      await protocol.allocate(file, 0, 200_000);
      assert.equal((await protocol.attributes(file.handle)).size, 200_000n);
      await protocol.closeFile(file);
    });
  });

  it('is remembered for what the server lacks of it', async (t) => {
    const offers = { seek: false, allocate: false, deallocate: false, copy: false, clone: false };
    await withClient(t, { offers }, {}, async ({ server, protocol, root }) => {
      const { file } = await protocol.open(root, 'file', EXISTING);
      const asks: readonly (() => Promise<unknown>)[] = [
        () => protocol.seek(file, 0, 'data'),
        () => protocol.allocate(file, 0, 10),
        () => protocol.deallocate(file, 0, 10),
        () => protocol.copy(file, 0, file, 100, 10),
        () => protocol.clone(file, 0, file, 100, 10),
      ];
      for (const ask of [...asks, ...asks]) await assert.rejects(ask, { code: 'ERR_DIORITE_UNSUPPORTED' });
      assert.deepEqual(protocol.offers, offers);
      for (const on of ['SEEK', 'ALLOCATE', 'DEALLOCATE', 'COPY', 'CLONE'])
        assert.equal(server.counts.calls(on), 1, on);
      await protocol.closeFile(file);
    });
  });
});

describe('what the client sends in NFSv4', () => {
  it('is nothing that tshark calls malformed', async (t) => {
    if (!requireCapture(t)) return;
    const server = await start(t);
    const capture = await startCapture(t, [server.port]);
    const protocol = await connect(server);
    await everything(protocol);
    const { handle: root } = await protocol.lookup(protocol.root.handle, 'export');
    const from = (await protocol.open(root, 'renamed', EXISTING)).file;
    const to = (await protocol.open(root, 'copy', CREATE)).file;
    await protocol.allocate(to, 0, 8192);
    await protocol.seek(to, 0, 'hole');
    server.fault({ on: 'COPY', fault: { kind: 'async copy', polls: 1 } });
    await protocol.copy(from, 0, to, 0, 345);
    await protocol.clone(from, 0, to, 4096, 345);
    server.fault({ on: 'OPEN', fault: { kind: 'delegation' } });
    await text(protocol, root, 'copy');
    await protocol.space(root);
    server.restart('reclaim');
    await writeOnce(protocol, to, 0, UNSTABLE, DATA, DATA);
    await protocol.closeFile(to);
    await protocol.close();
    assert.deepEqual(await capture.malformed(), []);
    const calls = await capture.calls();
    // Four of `everything`; and one that met a restart, on the old connection perhaps, and on the new one twice.
    const writes = calls.get('WRITE') ?? 0;
    assert.ok(writes === 6 || writes === 7, `${writes}`);
    assert.deepEqual([calls.get('EXCHANGE_ID'), calls.get('CREATE_SESSION'), calls.get('RECLAIM_COMPLETE')], [2, 3, 2]);
  });
});
