// The client over real sockets, carried either way, against a server that does what each test says.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { payloadReply, TEST_OPTIONS } from '../../../../test/nfs/manual-client.js';
import { ManualTransports } from '../../../../test/nfs/manual-transport.js';
import { ScriptedServer } from '../../../../test/nfs/scripted-server.js';
import { gathered, guardedSegments, TestCall, TestSink } from '../../../../test/nfs/test-call.js';
import { CARRIERS } from '../../../../test/support/carriers.js';
import { startDeafServer } from '../../../../test/support/deaf-server.js';
import { askPortmap } from './portmap.js';
import { systemError } from './rejections.js';
import { RpcClient, type RpcClientOptions } from './rpc-client.js';
import { RpcPool } from './rpc-pool.js';

const HOST = '127.0.0.1';
const isRoot = process.getuid?.() === 0;

async function started(t: TestContext, host?: string): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(host);
  t.after(() => server.close());
  return server;
}

function pattern(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => 1 + (i % 251)));
}

for (const { name, make, skip } of CARRIERS) {
  describe(name, { skip }, () => {
    const OPTIONS: RpcClientOptions = { ...TEST_OPTIONS, transport: make };
    async function connected(
      t: TestContext,
      server: ScriptedServer,
      options: Partial<RpcClientOptions> = {},
    ): Promise<RpcClient> {
      const client = await RpcClient.connect({ ...OPTIONS, host: HOST, port: server.port, ...options });
      t.after(() => client.close());
      return client;
    }

    describe('connecting', () => {
      it('is refused at once where nobody listens', async () => {
        const server = await ScriptedServer.start();
        await server.close();
        for (const hard of [false, true]) {
          const connecting = RpcClient.connect({ ...OPTIONS, host: HOST, port: server.port, hard });
          await assert.rejects(connecting, {
            code: 'ECONNREFUSED',
            message: `ECONNREFUSED: no connection to ${HOST}:${server.port}`,
          });
        }
      });

      it('fails where the host has no name or no address', async () => {
        const connecting = RpcClient.connect({ ...OPTIONS, host: 'no-such-host.invalid' });
        await assert.rejects(connecting, (error: { code: string; message: string }) => {
          assert.match(error.code, /^(ENOTFOUND|EAI_AGAIN)$/);
          assert.match(error.message, /no connection to no-such-host.invalid:2049/);
          return true;
        });
      });

      it('fails with ETIMEDOUT where nobody accepts', async (t) => {
        const port = await startDeafServer(t, HOST);
        const connecting = RpcClient.connect({ ...OPTIONS, host: HOST, port, timeoutMs: 200 });
        await assert.rejects(connecting, { code: 'ETIMEDOUT' });
      });

      it('finds a host of several addresses', async (t) => {
        const server = await started(t, 'localhost');
        const client = await connected(t, server, { host: 'localhost' });
        const request = client.request({
          program: 1,
          version: 1,
          procedure: 0,
          encode: (xdr) => xdr.u32(6),
          decode: (xdr) => xdr.u32(),
        });
        const call = await server.next();
        call.reply((xdr) => xdr.u32(call.args.readUInt32BE() + 1));
        assert.equal(await request, 7);
      });
    });

    describe('a privileged port', { skip: isRoot ? false : 'needs root' }, () => {
      it('is taken where that is allowed', async (t) => {
        const server = await started(t);
        await connected(t, server, { privilegedPort: true });
        const port = (await server.socket(0)).remotePort ?? 0;
        assert.ok(port >= 512 && port < 1024, `port ${port}`);
      });

      it('is free again at once', async (t) => {
        const server = await started(t);
        for (let i = 0; i < 400; i++) {
          const client = await connected(t, server, { privilegedPort: true });
          await client.close();
        }
        assert.deepEqual(
          server.sockets.filter((socket) => (server.portOf(socket) ?? 0) >= 1024),
          [],
        );
      });

      it('is done without where all are taken', async (t) => {
        const server = await started(t);
        const takers: Server[] = [];
        t.after(() => takers.forEach((taker) => void taker.close()));
        for (let port = 512; port < 1024; port++) {
          const taker = createServer();
          takers.push(taker);
          // A port that somebody else has is taken as well.
          await new Promise((resolve) => taker.once('error', resolve).listen(port, '0.0.0.0', () => resolve(null)));
        }
        await connected(t, server, { privilegedPort: true });
        assert.ok(((await server.socket(0)).remotePort ?? 0) >= 1024);
      });

      it('is done without where it is not allowed', async (t) => {
        const server = await started(t);
        process.seteuid?.('nobody');
        try {
          await connected(t, server, { privilegedPort: true });
        } finally {
          process.seteuid?.(0);
        }
        assert.ok(((await server.socket(0)).remotePort ?? 0) >= 1024);
      });
    });

    describe('a connection that is reset', () => {
      it('in the middle of a payload on its way out sends it again', async (t) => {
        const server = await started(t);
        const client = await connected(t, server);
        const lengths = Array.from({ length: 4096 }, () => 4096);
        const bytes = 4096 * 4096;
        const segments = guardedSegments(lengths);
        const call = new TestCall({ write: (xdr) => xdr.payload(segments, bytes) });
        const small = new TestCall();
        const socket = await server.socket(0);
        socket.pause();
        client.call(small);
        client.call(call);
        socket.once('data', () => socket.resetAndDestroy());
        socket.resume();
        await server.socket(1);
        const served = [await server.next(), await server.next()];
        const again = served.find((each) => each.args.length > 1000) ?? (await server.next());
        assert.equal(again.args.length, 4 + bytes);
        again.reply((xdr) => xdr.u32(1));
        await call.done;
        assert.deepEqual(call.answer, { results: '00000001', resent: true, payloadBytes: 0 });
      });

      it('is made again from the same port, by which the server knows what it has answered', async (t) => {
        const server = await started(t);
        const client = await connected(t, server, { privilegedPort: isRoot, timeoutMs: 900, hard: true });
        const calls = [new TestCall(), new TestCall()] as const;
        for (const call of calls) client.call(call);
        const [first] = await server.nextOf(2);
        // Once the server breaks it, once it says nothing until the client does.
        first?.socket?.resetAndDestroy();
        await server.nextOf(2);
        for (const served of await server.nextOf(2)) served.reply((xdr) => xdr.u32(1));
        await Promise.all(calls.map((call) => call.done));
        const ports = server.sockets.map((socket) => server.portOf(socket));
        assert.equal(ports.length, 3);
        assert.equal(new Set(ports).size, 1);
      });

      it('in the middle of a payload on its way in reads it again', async (t) => {
        const server = await started(t);
        const client = await connected(t, server);
        for (const lengths of [[1_000_000], Array.from({ length: 250 }, () => 4000)]) {
          const call = new TestCall({ sink: new TestSink(lengths) });
          client.call(call);
          const first = await server.next();
          first.socket?.write(payloadReply(first, pattern(1_000_000)).subarray(0, 600_000), () =>
            first.socket?.resetAndDestroy(),
          );
          const again = await server.next();
          assert.equal(again.xid, first.xid);
          again.socket?.write(payloadReply(again, pattern(1_000_000)));
          await call.done;
          assert.equal(call.answer?.payloadBytes, 1_000_000);
          assert.deepEqual(gathered((call.sink as TestSink).segments), pattern(1_000_000));
        }
      });

      it('or ended by the server, with nobody waiting, is made again by the next call', async (t) => {
        const server = await started(t);
        const client = await connected(t, server);
        const first = await server.socket(0);
        first.end();
        await once(first, 'close');
        const call = new TestCall();
        client.call(call);
        const served = await server.next();
        served.reply((xdr) => xdr.u32(2));
        await call.done;
        assert.equal(call.answer?.results, '00000002');
      });

      it('leaves a soft call ETIMEDOUT where the server does not come back', async (t) => {
        const server = await ScriptedServer.start();
        const client = await connected(t, server, { timeoutMs: 300 });
        const call = new TestCall();
        client.call(call);
        await server.next();
        await server.close();
        await call.done;
        assert.equal(call.error?.code, 'ETIMEDOUT');
        assert.equal((call.error?.cause as { code?: string }).code, 'ECONNREFUSED');
      });
    });

    describe('payload over a socket', () => {
      it('arrives whole both ways, many calls in flight', async (t) => {
        const server = await started(t);
        const client = await connected(t, server);
        const bytes = 300_001;
        const data = pattern(bytes);
        const done: Promise<void>[] = [];
        const reads: TestCall[] = [];
        for (let i = 0; i < 8; i++) {
          const segments = guardedSegments([70_000, 1, 30_000, 200_000]);
          let at = 0;
          for (let k = 0; k < segments.count; k++) {
            const memory = Buffer.from(segments.buffer[k] as ArrayBuffer, segments.byteOffset[k], segments.length[k]);
            at += data.copy(memory, 0, at);
          }
          const write = new TestCall({ write: (xdr) => xdr.payload(segments, bytes) });
          const read = new TestCall({ sink: new TestSink(i % 2 === 0 ? [bytes] : [100_000, 1, 200_000]) });
          reads.push(read);
          for (const call of [write, read]) {
            client.call(call);
            done.push(call.done);
          }
        }
        for (let i = 0; i < 16; i++) {
          const call = await server.next();
          if (call.args.length === 0) call.socket?.write(payloadReply(call, data));
          else {
            assert.deepEqual(call.args.subarray(4, 4 + bytes), data);
            call.reply(() => {});
          }
        }
        await Promise.all(done);
        for (const read of reads) assert.deepEqual(gathered((read.sink as TestSink).segments), data);
      });
    });

    describe('RpcPool', () => {
      it('spreads calls, and each answers for itself', async (t) => {
        const server = await started(t);
        const pool = await RpcPool.connect({ ...OPTIONS, host: HOST, port: server.port }, 3);
        t.after(() => pool.close());
        const calls = Array.from({ length: 6 }, () => new TestCall());
        for (const call of calls) pool.call(call);
        assert.equal(pool.inFlight, 6);
        const served = await server.nextOf(6);
        assert.deepEqual(
          server.sockets.map((socket) => served.filter((call) => call.socket === socket).length),
          [2, 2, 2],
        );
        for (const call of served) call.reply((xdr) => xdr.u32(1));
        await Promise.all(calls.map((call) => call.done));
        const given = new TestCall();
        pool.call(given);
        assert.equal(pool.abandon(given), true);
        await given.done;
        assert.equal(pool.abandon(given), false);
      });

      it('asks on one of them', async (t) => {
        const server = await started(t);
        const pool = await RpcPool.connect({ ...OPTIONS, host: HOST, port: server.port }, 2);
        t.after(() => pool.close());
        const asked = pool.request({
          program: 1,
          version: 1,
          procedure: 0,
          encode: () => {},
          decode: (xdr) => xdr.u32(),
        });
        (await server.next()).reply((xdr) => xdr.u32(8));
        assert.equal(await asked, 8);
      });

      it('closes those that were made when one cannot be', async () => {
        const transports = new ManualTransports();
        const connecting = RpcPool.connect({ ...TEST_OPTIONS, transport: transports.make }, 2);
        const [first, second] = transports.made;
        first?.user.connected();
        second?.user.closed(systemError('ECONNRESET', 'the test says so'));
        await assert.rejects(connecting, { code: 'ECONNRESET' });
        assert.equal(first?.destroyed, true);
      });

      it('is all connections or none', async () => {
        const server = await ScriptedServer.start();
        await server.close();
        const connecting = RpcPool.connect({ ...OPTIONS, host: HOST, port: server.port }, 2);
        await assert.rejects(connecting, { code: 'ECONNREFUSED' });
      });
    });
  });
}

describe('askPortmap', () => {
  const QUESTION = {
    host: HOST,
    program: 100005,
    version: 3,
    credentials: TEST_OPTIONS.credentials,
    timeoutMs: 10_000,
  };

  it('asks for the TCP port of a program', async (t) => {
    const server = await started(t);
    const asked = askPortmap({ ...QUESTION, portmapPort: server.port });
    const call = await server.next();
    const { program, version, procedure } = call.header;
    assert.deepEqual({ program, version, procedure }, { program: 100000, version: 2, procedure: 3 });
    assert.equal(call.args.toString('hex'), '000186a5000000030000000600000000');
    call.reply((xdr) => xdr.u32(20_048));
    assert.equal(await asked, 20_048);
  });

  it('says that the program is not offered', async (t) => {
    const server = await started(t);
    for (const port of [0, 65_536]) {
      const asked = askPortmap({ ...QUESTION, portmapPort: server.port });
      (await server.next()).reply((xdr) => xdr.u32(port));
      await assert.rejects(asked, {
        code: 'EPROTONOSUPPORT',
        message: /knows no TCP port of program 100005, version 3/,
      });
    }
  });
});
