// What only the ring's transport does: pieces without a copy, memory that is left alone once it ends, a loop that may end.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { payloadReply, TEST_OPTIONS } from '../../../../test/nfs/manual-client.js';
import { ScriptedServer } from '../../../../test/nfs/scripted-server.js';
import { gathered, guardedSegments, TestCall, TestSink } from '../../../../test/nfs/test-call.js';
import { RING } from '../../../../test/support/carriers.js';
import { SegmentList } from '../../../plan/request.js';
import { acquireUring } from '../../file/engines/choose.js';
import { chooseCarrier } from '../../net/carrier.js';
import { RpcClient, type RpcClientOptions } from './rpc-client.js';

const HOST = '127.0.0.1';
const PAGE = 4096;
const MIB = 1024 * 1024;
const CLIENT = new URL('./rpc-client.js', import.meta.url).href;

interface Bench {
  readonly server: ScriptedServer;
  readonly client: RpcClient;
}

async function connected(t: TestContext, options: Partial<RpcClientOptions> = {}): Promise<Bench> {
  const server = await ScriptedServer.start();
  const client = await RpcClient.connect({
    ...TEST_OPTIONS,
    host: HOST,
    port: server.port,
    transport: RING.make,
    ...options,
  });
  t.after(async () => {
    await client.close();
    await server.close();
  });
  return { server, client };
}

function pattern(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => 1 + (i % 251)));
}

function pages(count: number): number[] {
  return new Array<number>(count).fill(PAGE);
}

function requestsInFlight(): number {
  const acquired = acquireUring();
  return 'engine' in acquired ? acquired.engine.ring.inFlight : 0;
}

/** The call of a READ whose payload arrived as far as byte `bytes` of 1 MiB, and its server's end. */
async function halfRead(t: TestContext): Promise<Bench & { call: TestCall; sink: TestSink; rest: () => void }> {
  const bench = await connected(t, { hard: true });
  const sink = new TestSink(pages(256));
  const call = new TestCall({ sink });
  bench.client.call(call);
  const served = await bench.server.next();
  const reply = payloadReply(served, pattern(MIB));
  served.socket?.write(reply.subarray(0, MIB / 2));
  while (sink.segments.buffer[0] !== undefined && memoryOf(sink)[1 + 100 * (PAGE + 1)] === 0) await nextTurn();
  return { ...bench, call, sink, rest: () => void served.socket?.write(reply.subarray(MIB / 2)) };
}

function memoryOf({ segments }: { readonly segments: SegmentList }): Uint8Array {
  return new Uint8Array(segments.buffer[0] as ArrayBuffer);
}

/** A program that has connected to this port; what it prints, and with which code it ends. */
async function program(port: number, then: string): Promise<{ output: string; code: number | null }> {
  const options = JSON.stringify({ ...TEST_OPTIONS, host: HOST, port, timeoutMs: 1000 });
  const source = `import { RpcClient } from ${JSON.stringify(CLIENT)};
    const client = await RpcClient.connect(${options});
    const request = () => client.request({
      program: 1, version: 1, procedure: 0, encode: () => {}, decode: (xdr) => xdr.u32(),
    });
    ${then}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (bytes) => {
    output += String(bytes);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { output, code };
}

describe('the transport over the ring', { skip: RING.skip }, () => {
  it('is chosen unless the environment says otherwise', (t) => {
    assert.equal(chooseCarrier().name, 'uring');
    for (const [variable, value] of [
      ['DIORITE_TRANSPORT', 'net'],
      ['DIORITE_ENGINE', 'threads'],
    ] as const) {
      t.after(() => delete process.env[variable]);
      process.env[variable] = value;
      const { name, reason } = chooseCarrier();
      assert.equal(name, 'node:net');
      assert.match(reason ?? '', new RegExp(`${variable} is "${value}"`));
      delete process.env[variable];
    }
  });

  it('reads pages where they lie, in whatever pieces they arrive, and copies less than two of them', async (t) => {
    const { server, client } = await connected(t);
    for (const pieceBytes of [MIB * 2, 100_000, 3000]) {
      const sink = new TestSink(pages(256));
      const call = new TestCall({ sink });
      client.call(call);
      const served = await server.next();
      const reply = payloadReply(served, pattern(MIB));
      for (let at = 0; at < reply.length; at += pieceBytes) {
        served.socket?.write(reply.subarray(at, at + pieceBytes));
        await nextTurn();
      }
      await call.done;
      assert.deepEqual(gathered(sink.segments), pattern(MIB));
      assert.ok(sink.copiedBytes < 2 * PAGE, `${sink.copiedBytes} bytes were copied`);
    }
  });

  it('reads pieces of all sizes, small ones through staging', async (t) => {
    const { server, client } = await connected(t);
    const sink = new TestSink([10_000, 1, 100, PAGE, 5000, 2, 70_000, PAGE - 1, 3, PAGE]);
    const call = new TestCall({ sink });
    client.call(call);
    const served = await server.next();
    served.socket?.write(payloadReply(served, pattern(sink.bytes)));
    await call.done;
    assert.deepEqual(gathered(sink.segments), pattern(sink.bytes));
  });

  it('sends more pieces than a call of the kernel takes, to a server that is slow to read', async (t) => {
    const { server, client } = await connected(t);
    const socket = await server.socket(0);
    for (const [count, bytes] of [
      [1024, PAGE * 4],
      [3000, 1001],
    ] as const) {
      const segments = guardedSegments(new Array<number>(count).fill(bytes));
      const data = pattern(count * bytes);
      for (let i = 0; i < count; i++)
        memoryOf({ segments }).set(data.subarray(i * bytes, (i + 1) * bytes), segments.byteOffset[i]);
      const call = new TestCall({ write: (xdr) => xdr.payload(segments, count * bytes) });
      socket.pause();
      client.call(call);
      for (let i = 0; i < 5; i++) await nextTurn();
      socket.resume();
      const served = await server.next();
      assert.deepEqual(served.args.subarray(4, 4 + data.length), data);
      served.reply((xdr) => xdr.u32(1));
      await call.done;
      assert.equal(call.answer?.results, '00000001');
    }
  });

  it('reaches memory whose address nobody knows', async (t) => {
    const { server, client } = await connected(t);
    const shared = new SharedArrayBuffer(3 * PAGE);
    const data = pattern(2 * PAGE);
    new Uint8Array(shared).set(data, PAGE);
    const segments = new SegmentList();
    segments.push(shared, PAGE, 2 * PAGE, false);
    const write = new TestCall({ write: (xdr) => xdr.payload(segments, 2 * PAGE) });
    client.call(write);
    const sent = await server.next();
    assert.deepEqual(sent.args.subarray(4), data);
    sent.reply((xdr) => xdr.u32(1));
    await write.done;

    const sink = new TestSink([2 * PAGE]);
    sink.segments.buffer[0] = shared;
    sink.segments.byteOffset[0] = 0;
    const read = new TestCall({ sink });
    client.call(read);
    const asked = await server.next();
    asked.socket?.write(payloadReply(asked, data));
    await read.done;
    assert.deepEqual(Buffer.from(shared, 0, 2 * PAGE), data);
  });

  it('fails a call whose memory was taken away, and only that', async (t) => {
    const { server, client } = await connected(t);
    const segments = guardedSegments(pages(4));
    structuredClone(null, { transfer: [segments.buffer[0] as ArrayBuffer] });
    const gone = new TestCall({ write: (xdr) => xdr.payload(segments, 4 * PAGE) });
    const sink = new TestSink(pages(4));
    const read = new TestCall({ sink });
    const other = new TestCall();
    for (const call of [gone, read, other]) client.call(call);
    const [asked, second] = await server.nextOf(2);
    structuredClone(null, { transfer: [sink.segments.buffer[0] as ArrayBuffer] });
    asked?.socket?.write(payloadReply(asked, pattern(4 * PAGE)));
    second?.reply((xdr) => xdr.u32(1));
    await Promise.all([gone.done, read.done, other.done]);
    assert.deepEqual([gone.error?.code, gone.unsent], ['ERR_DIORITE_DETACHED', true]);
    assert.equal(read.error?.code, 'ERR_DIORITE_DETACHED');
    assert.equal(other.answer?.results, '00000001');
    assert.equal(server.sockets.length, 1);
  });

  it('touches no memory of a read that was given up', async (t) => {
    const { client, call, sink, rest } = await halfRead(t);
    client.abandon(call);
    memoryOf(sink).fill(0x77);
    rest();
    await call.done;
    await client.close();
    assert.ok(memoryOf(sink).every((byte) => byte === 0x77));
    assert.equal(call.error?.code, 'ECANCELED');
  });

  it('sends nothing of a write that was given up', async (t) => {
    const { server, client } = await connected(t);
    const socket = await server.socket(0);
    socket.pause();
    const bytes = 16 * MIB;
    const segments = guardedSegments([bytes]);
    const call = new TestCall({ write: (xdr) => xdr.payload(segments, bytes) });
    client.call(call);
    const before = requestsInFlight();
    for (let i = 0; i < 10; i++) await nextTurn();
    client.abandon(call);
    memoryOf({ segments }).fill(0x77, 1, 1 + bytes);
    let seen = 0;
    socket.on('data', (data) => {
      seen += data.includes(Buffer.alloc(16, 0x77)) ? 1 : 0;
    });
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
    assert.equal(seen, 0);
    assert.ok(requestsInFlight() <= before);
  });

  it('leaves nothing in the ring when it is closed', async (t) => {
    const before = requestsInFlight();
    const { client } = await halfRead(t);
    assert.ok(requestsInFlight() > before);
    await client.close();
    assert.equal(requestsInFlight(), before);
  });

  it('takes a part of the ring only: further connections are made all the same', async (t) => {
    const server = await ScriptedServer.start();
    const before = requestsInFlight();
    const options = { ...TEST_OPTIONS, host: HOST, port: server.port, transport: RING.make };
    const clients = await Promise.all(Array.from({ length: 40 }, () => RpcClient.connect(options)));
    t.after(() => server.close());
    assert.equal(requestsInFlight() - before, 32);
    for (const client of clients) {
      const call = new TestCall();
      client.call(call);
      (await server.next()).reply((xdr) => xdr.u32(1));
      await call.done;
    }
    await Promise.all(clients.map((client) => client.close()));
    assert.equal(requestsInFlight(), before);
  });

  it('lets a process end while nobody waits, and not before the last answer', async (t) => {
    const server = await ScriptedServer.start();
    t.after(() => server.close());
    assert.deepEqual(await program(server.port, ''), { output: '', code: 0 });

    const answered = program(server.port, "request().then((word) => console.log('answered', word));");
    const served = await server.next();
    setTimeout(() => served.reply((xdr) => xdr.u32(7)), 100);
    assert.deepEqual(await answered, { output: 'answered 7\n', code: 0 });

    const late = program(server.port, 'request().catch(({ code }) => console.log(code));');
    assert.deepEqual(await late, { output: 'ETIMEDOUT\n', code: 0 });
    assert.deepEqual(await program(server.port, 'await client.close(); console.log("closed");'), {
      output: 'closed\n',
      code: 0,
    });
  });

  it('ends with its worker, in the middle of a payload', async (t) => {
    const server = await ScriptedServer.start();
    t.after(() => server.close());
    const sink = new URL('../../../../test/nfs/test-call.js', import.meta.url).href;
    const options = JSON.stringify({ ...TEST_OPTIONS, host: HOST, port: server.port });
    const worker = new Worker(
      `const { RpcClient } = await import(${JSON.stringify(CLIENT)});
       const { TestCall, TestSink } = await import(${JSON.stringify(sink)});
       const client = await RpcClient.connect(${options});
       client.call(new TestCall({ sink: new TestSink(new Array(256).fill(4096)) }));`
        .replaceAll('\n', ' ')
        .replace(/^/, '(async () => {')
        .concat('})();'),
      { eval: true },
    );
    const served = await server.next();
    served.socket?.write(payloadReply(served, pattern(MIB)).subarray(0, MIB / 2));
    await nextTurn();
    await worker.terminate();
    const socket = await server.socket(0);
    if (!socket.closed) await new Promise((resolve) => socket.resume().once('close', resolve));
  });
});
