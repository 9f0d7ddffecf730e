// A server that is slower than the timeout for what one read or send is about, and that no hard client may give up.
import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { setInterval as every } from 'node:timers/promises';
import { payloadReply, TEST_OPTIONS } from '../../../../test/nfs/manual-client.js';
import { ScriptedServer } from '../../../../test/nfs/scripted-server.js';
import { gathered, guardedSegments, TestCall, TestSink } from '../../../../test/nfs/test-call.js';
import { RING } from '../../../../test/support/carriers.js';
import { RpcClient } from './rpc-client.js';

const HOST = '127.0.0.1';
const PAGE_BYTES = 4096;
const TIMEOUT_MS = 900;
/** So often a little moves: many times in a third of the timeout, on a machine that is busy as well. */
const STEP_MS = 10;

interface Bench {
  readonly server: ScriptedServer;
  readonly client: RpcClient;
}

async function connected(t: TestContext): Promise<Bench> {
  const server = await ScriptedServer.start();
  const options = { ...TEST_OPTIONS, host: HOST, port: server.port, transport: RING.make };
  const client = await RpcClient.connect({ ...options, hard: true, timeoutMs: TIMEOUT_MS });
  t.after(async () => {
    await client.close();
    await server.close();
  });
  return { server, client };
}

function pattern(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => 1 + (i % 251)));
}

/** Where the machine is busy, the server too may say nothing for a while. Who does not count what moves makes them for ever. */
const CONNECTIONS_MAX = 5;

describe('a server that is slow', { skip: RING.skip }, () => {
  it('is heard out: what comes of a read counts before all of it is there', async (t) => {
    const { server, client } = await connected(t);
    // Little more than one read of the kernel is about, which takes longer than the timeout.
    const pages = 70;
    const sink = new TestSink(new Array<number>(pages).fill(PAGE_BYTES));
    const call = new TestCall({ sink });
    client.call(call);
    while (!call.settled) {
      const served = await server.next();
      const reply = payloadReply(served, pattern(sink.bytes));
      // The kernel gathers all but the first page before it says a word.
      const pieceBytes = Math.ceil((reply.length * STEP_MS) / (1.5 * TIMEOUT_MS));
      let at = 0;
      for await (const _ of every(STEP_MS)) {
        if (call.settled || served.socket?.destroyed !== false) break;
        served.socket.write(reply.subarray(at, at + pieceBytes));
        at += pieceBytes;
      }
      assert.ok(server.sockets.length <= CONNECTIONS_MAX, 'the connection is made anew again and again');
    }
    assert.equal(call.error, null);
    assert.deepEqual(gathered(sink.segments), pattern(sink.bytes));
  });

  it('is waited for: what leaves of a write counts before all of it is gone', async (t) => {
    const { server, client } = await connected(t);
    // More than the kernel takes for both ends of a connection.
    const bytes = 24 * 1024 * 1024;
    const segments = guardedSegments([bytes]);
    const call = new TestCall({ write: (xdr) => xdr.payload(segments, bytes) });
    client.call(call);
    const slow = new Set<Socket>();
    const beganMs = new Map<Socket, number>();
    const takeSlowly = (socket: Socket): void => {
      const nowMs = performance.now();
      if (!beganMs.has(socket)) {
        beganMs.set(socket, nowMs);
        slow.add(socket);
        socket.on('data', () => void (slow.has(socket) && socket.pause()));
      }
      if (nowMs - (beganMs.get(socket) ?? 0) > 1.5 * TIMEOUT_MS) slow.delete(socket);
      socket.resume();
    };
    void server.next().then((served) => served.reply((xdr) => xdr.u32(7)));
    for await (const _ of every(STEP_MS)) {
      if (call.settled) break;
      for (const socket of server.sockets) takeSlowly(socket);
      assert.ok(server.sockets.length <= CONNECTIONS_MAX, 'the connection is made anew again and again');
    }
    assert.equal(call.answer?.results, '00000007');
  });
});
