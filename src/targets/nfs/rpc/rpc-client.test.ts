// A connection that breaks: what waits is sent again, what is late or given up is told so, and memory is free by then.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { callsIn, ManualClient, payloadReply, TEST_OPTIONS, wordsReply } from '../../../../test/nfs/manual-client.js';
import { ManualTransports } from '../../../../test/nfs/manual-transport.js';
import { guardedSegments, TestCall, TestSink } from '../../../../test/nfs/test-call.js';
import { errors } from '../../../base/errors.js';
import { XdrError } from '../xdr/reader.js';
import { systemError } from './rejections.js';
import { RpcClient } from './rpc-client.js';

const RESET = systemError('ECONNRESET', 'the test says so');
const NULL = { program: 100003, version: 3, procedure: 0, encode: () => {} };

function payloadCall(): TestCall {
  const segments = guardedSegments([8]);
  return new TestCall({ write: (xdr) => xdr.payload(segments, 8) });
}

describe('RpcClient.connect', () => {
  it('fails with what the transport says', async () => {
    const transports = new ManualTransports();
    const connecting = RpcClient.connect({ ...TEST_OPTIONS, transport: transports.make });
    transports.made[0]?.user.closed(RESET);
    await assert.rejects(connecting, { code: 'ECONNRESET' });
  });

  it('does not keep the process alive while nobody waits', async () => {
    const bench = await ManualClient.connect();
    assert.equal(bench.transport.kept, false);
    const call = new TestCall();
    const [served] = await bench.send(call);
    assert.equal(bench.transport.kept, true);
    bench.transport.arrive(wordsReply(served, 1));
    assert.equal(bench.transport.kept, false);
  });
});

describe('RpcClient.request', () => {
  it('resolves with what was decoded', async () => {
    const bench = await ManualClient.connect();
    const request = bench.client.request({ ...NULL, decode: (xdr, resent) => [xdr.u32(), resent] });
    const [served] = await bench.sent();
    bench.transport.arrive(wordsReply(served, 42));
    assert.deepEqual(await request, [42, false]);
  });

  it('rejects with what decoding throws, a malformed answer as EIO', async () => {
    const bench = await ManualClient.connect();
    for (const [thrown, code] of [
      [new XdrError('bad'), 'EIO'],
      [errors.make('ERR_DIORITE_UNSUPPORTED', 'no'), 'ERR_DIORITE_UNSUPPORTED'],
    ] as const) {
      const request = bench.client.request({
        ...NULL,
        decode: () => {
          throw thrown;
        },
      });
      const [served] = await bench.sent();
      bench.transport.arrive(wordsReply(served, 42));
      await assert.rejects(request, { code });
    }
    assert.equal(bench.client.inFlight, 0);
  });
});

describe('a connection that breaks', () => {
  it('is made again when a call waits, which is sent again with its xid, in order', async () => {
    const events: string[] = [];
    const bench = await ManualClient.connect({ onReconnect: () => events.push('reconnected') });
    const calls = [new TestCall(), payloadCall(), new TestCall()] as const;
    const before = await bench.send(...calls);
    bench.transport.arrive(wordsReply(before[0], 1));
    bench.transport.user.closed(RESET);
    const transport = await bench.transports.at(1);
    assert.deepEqual(events, []);
    transport.user.connected();
    assert.deepEqual(events, ['reconnected']);
    assert.equal(transport.sent.length, 0);
    const again = await bench.sent();
    assert.deepEqual(
      again.map((call) => call.xid),
      before.slice(1).map((call) => call.xid),
    );
    assert.deepEqual(
      again.map((call) => call.args),
      before.slice(1).map((call) => call.args),
    );
    for (const served of again) transport.arrive(wordsReply(served, 2));
    assert.deepEqual(
      calls.map((call) => call.answer?.resent),
      [false, true, true],
    );
  });

  it('in the middle of a payload leaves what came, and takes all of it again', async () => {
    const bench = await ManualClient.connect();
    for (const lengths of [
      [50, 50],
      [70_000, 80_000],
    ]) {
      const sink = new TestSink(lengths);
      const call = new TestCall({ sink });
      const [served] = await bench.send(call);
      const reply = payloadReply(served, Buffer.alloc(sink.bytes, 5));
      bench.transport.arrive(reply.subarray(0, 100));
      bench.transport.user.closed(RESET);
      await bench.reconnected(bench.transports.made.length);
      const [again] = await bench.sent();
      bench.transport.arrive(payloadReply(again, Buffer.alloc(sink.bytes, 6)));
      assert.equal(call.answer?.payloadBytes, sink.bytes);
      for (let i = 0; i < sink.segments.count; i++) {
        const { buffer, byteOffset, length } = sink.segments;
        const memory = Buffer.from(buffer[i] as ArrayBuffer, byteOffset[i], length[i]);
        assert.ok(memory.every((byte) => byte === 6));
      }
    }
  });

  it('fails what may be sent once only, where it was sent', async () => {
    const bench = await ManualClient.connect();
    const calls = [new TestCall({ once: true }), new TestCall(), new TestCall({ once: true })] as const;
    await bench.send(calls[0], calls[1]);
    bench.client.call(calls[2]);
    bench.transport.user.closed(RESET);
    assert.equal(calls[0].error?.code, 'ECONNRESET');
    assert.equal(calls[0].unsent, false);
    const transport = await bench.reconnected(1);
    for (const served of await bench.sent()) transport.arrive(wordsReply(served, 1));
    assert.deepEqual(
      calls.map((call) => call.answer?.resent),
      [undefined, true, false],
    );
  });

  it('by an error of a callback takes nobody else along', async () => {
    const bench = await ManualClient.connect();
    const calls = [new TestCall({ refuses: new TypeError('a bug') }), new TestCall()] as const;
    const [first, second] = await bench.send(...calls);
    const { transport } = bench;
    assert.throws(() => transport.arrive(Buffer.concat([wordsReply(first, 1), wordsReply(second, 2)])), /a bug/);
    assert.equal(transport.destroyed, true);
    await bench.reconnected(1);
    const [again] = await bench.sent();
    assert.equal(again?.xid, second?.xid);
    bench.transport.arrive(wordsReply(again, 2));
    assert.equal(calls[1].answer?.resent, true);
  });

  it('is not made again before somebody asks', async () => {
    const bench = await ManualClient.connect();
    const first = bench.transport;
    first.user.closed(RESET);
    const call = new TestCall();
    bench.client.call(call);
    assert.equal(bench.transports.made.length, 1);
    const transport = await bench.reconnected(1);
    const [served] = await bench.sent();
    transport.arrive(wordsReply(served, 1));
    assert.deepEqual(call.answer, { results: '00000001', resent: false, payloadBytes: 0 });
  });

  it('is tried again when it cannot be made', async () => {
    const bench = await ManualClient.connect({ timeoutMs: 600_000 });
    const call = new TestCall();
    await bench.send(call);
    bench.transport.user.closed(RESET);
    for (let i = 1; i < 3; i++) (await bench.transports.at(i)).user.closed(RESET);
    const transport = await bench.reconnected(3);
    const [served] = await bench.sent();
    transport.arrive(wordsReply(served, 1));
    assert.equal(call.answer?.resent, true);
  });

  it('tells late news to nobody', async () => {
    const bench = await ManualClient.connect();
    const [served] = await bench.send(new TestCall());
    const old = bench.transport;
    old.user.closed(RESET);
    await bench.reconnected(1);
    old.user.sent();
    old.user.closed(RESET);
    assert.equal(bench.transport.destroyed, false);
    assert.equal(bench.client.inFlight, 1);
    assert.ok(served);
    await bench.client.close();
  });
});

describe('abandon', () => {
  it('fails the call with ECANCELED, after it returns', async () => {
    const bench = await ManualClient.connect();
    const call = new TestCall();
    bench.client.call(call);
    assert.equal(bench.client.abandon(call), true);
    assert.equal(bench.client.inFlight, 0);
    assert.equal(call.settled, false);
    await call.done;
    assert.equal(call.error?.code, 'ECANCELED');
    assert.equal(call.unsent, true);
    assert.equal(bench.client.abandon(call), false);
    assert.deepEqual(await bench.sent(), []);
  });

  it('leaves the connection alone where nothing of the call is under way, and drops its answer', async () => {
    const bench = await ManualClient.connect();
    const sink = new TestSink([8]);
    const calls = [payloadCall(), new TestCall({ sink }), new TestCall()] as const;
    const served = await bench.send(...calls);
    bench.client.abandon(calls[0]);
    bench.client.abandon(calls[1]);
    assert.equal(bench.client.inFlight, 1);
    bench.transport.arrive(wordsReply(served[0], 1));
    bench.transport.arrive(payloadReply(served[1], Buffer.alloc(8, 1)));
    bench.transport.arrive(wordsReply(served[2], 2));
    assert.equal(bench.transport.destroyed, false);
    await Promise.all(calls.map((call) => call.done));
    assert.deepEqual(
      calls.map((call) => call.error?.code ?? call.answer?.results),
      ['ECANCELED', 'ECANCELED', '00000002'],
    );
    assert.equal(calls[0].unsent, false);
    assert.ok(Buffer.from(sink.segments.buffer[0] as ArrayBuffer).every((byte) => byte !== 1));
  });

  it('destroys a connection that is sending its payload, before the call is told', async () => {
    const bench = await ManualClient.connect();
    const calls = [payloadCall(), new TestCall()] as const;
    for (const call of calls) bench.client.call(call);
    await Promise.resolve();
    const first = bench.transport;
    bench.client.abandon(calls[0]);
    assert.equal(first.destroyed, true);
    assert.equal(calls[0].settled, false);
    await calls[0].done;
    const transport = await bench.reconnected(1);
    const served = await bench.sent();
    assert.equal(served.length, 1);
    transport.arrive(wordsReply(served[0], 1));
    assert.deepEqual(calls[1].answer, { results: '00000001', resent: false, payloadBytes: 0 });
  });

  it('destroys a connection that is receiving its payload', async () => {
    for (const length of [8, 100_000]) {
      const bench = await ManualClient.connect();
      const call = new TestCall({ sink: new TestSink([length]) });
      const other = new TestCall();
      const [served] = await bench.send(call, other);
      bench.transport.arrive(payloadReply(served, Buffer.alloc(length)).subarray(0, 41));
      // Where the next bytes go: the call's own memory, if it is large.
      const next = bench.transport.user.nextBuffer();
      assert.equal(next.buffer === call.sink?.segments.buffer[0], length > 8);
      const first = bench.transport;
      bench.client.abandon(call);
      assert.equal(first.destroyed, true);
      await call.done;
      await bench.reconnected(1);
      const [again] = await bench.sent();
      bench.transport.arrive(wordsReply(again, 1));
      assert.equal(other.answer?.resent, true);
    }
  });

  it('drops an answer that overtook its payload', async () => {
    const bench = await ManualClient.connect();
    const call = payloadCall();
    bench.client.call(call);
    await Promise.resolve();
    const [served] = callsIn(bench.transport.sent[0] ?? Buffer.alloc(0));
    bench.transport.arrive(wordsReply(served, 1));
    bench.client.abandon(call);
    await call.done;
    assert.equal(call.error?.code, 'ECANCELED');
  });

  it('forgets calls that were given up when the connection breaks', async () => {
    const bench = await ManualClient.connect();
    const calls = [new TestCall(), new TestCall()] as const;
    await bench.send(...calls);
    bench.client.abandon(calls[0]);
    bench.transport.user.closed(RESET);
    await bench.reconnected(1);
    assert.equal((await bench.sent()).length, 1);
    await bench.client.close();
  });
});

describe('the end of a call that was given up', () => {
  it('is told when its answer comes after all', async () => {
    const bench = await ManualClient.connect();
    const call = new TestCall();
    const [served] = await bench.send(call);
    const ends: boolean[] = [];
    bench.client.abandon(call, (answered) => ends.push(answered));
    await call.done;
    assert.deepEqual(ends, []);
    bench.transport.arrive(wordsReply(served, 1));
    await Promise.resolve();
    assert.deepEqual(ends, [true]);
    await bench.client.close();
  });

  it('is told when the connection ends, and at once where there is none; later than the call in any case', async () => {
    const bench = await ManualClient.connect();
    const calls = [new TestCall(), new TestCall()] as const;
    await bench.send(...calls);
    const told: string[] = [];
    const gone = (call: TestCall) => (answered: boolean) => {
      told.push(`${call.error?.code} ${answered}`);
    };
    bench.client.abandon(calls[0], gone(calls[0]));
    await calls[0].done;
    assert.deepEqual(told, []);
    bench.transport.user.closed(RESET);
    bench.client.abandon(calls[1], gone(calls[1]));
    await calls[1].done;
    await Promise.resolve();
    assert.deepEqual(told, ['ECANCELED false', 'ECANCELED false']);
    await bench.client.close();
  });
});

describe('deadlines', () => {
  // The library's timers alone do not: sockets do, and here are none.
  let processAlive: NodeJS.Timeout;
  before(() => {
    processAlive = setInterval(() => {}, 1000);
  });
  after(() => clearInterval(processAlive));

  it('fail a soft call with ETIMEDOUT when its connection is gone, and the others are sent again', async () => {
    const bench = await ManualClient.connect({ timeoutMs: 60 });
    const call = new TestCall({ sink: new TestSink([8]) });
    await bench.send(call);
    const made = bench.transports.made;
    await call.done;
    assert.equal(call.error?.code, 'ETIMEDOUT');
    assert.match(call.error?.message ?? '', /server:2049 has not answered in 0.06 s/);
    assert.equal(call.unsent, false);
    assert.equal(made[0]?.destroyed, true);
    await bench.client.close();
  });

  it('destroy a connection that lives but does not answer, before the call is told', async (t) => {
    const bench = await ManualClient.connect({ timeoutMs: 90 });
    const { transport } = bench;
    const call = new TestCall({ sink: new TestSink([8]) });
    let destroyedBefore = false;
    const done = new Promise<void>((resolve) => {
      call.onSettled = () => {
        destroyedBefore = transport.destroyed;
        resolve();
      };
    });
    const [served] = await bench.send(call);
    const strange = wordsReply(served, 1);
    strange.writeUInt32BE(((served?.xid ?? 0) ^ 1) >>> 0, 4);
    const chatter = setInterval(() => transport.arrive(strange), 5);
    t.after(() => clearInterval(chatter));
    await done;
    assert.equal(call.error?.code, 'ETIMEDOUT');
    assert.equal(destroyedBefore, true);
    assert.equal(bench.transports.made.length, 1);
    await bench.client.close();
  });

  it('fail what was never sent as such', async () => {
    const bench = await ManualClient.connect({ timeoutMs: 30 });
    bench.transport.user.closed(RESET);
    const call = new TestCall();
    bench.client.call(call);
    await call.done;
    assert.equal(call.error?.code, 'ETIMEDOUT');
    assert.equal(call.unsent, true);
    await bench.client.close();
  });

  it('are none for hard calls, which are asked again on a new connection when nothing comes', async () => {
    const bench = await ManualClient.connect({ timeoutMs: 30, hard: true });
    const call = new TestCall();
    const [served] = await bench.send(call);
    for (let i = 1; i < 5; i++) {
      await bench.reconnected(i);
      assert.equal(bench.transports.made[i - 1]?.destroyed, true);
      const [again] = await bench.sent();
      assert.equal(again?.xid, served?.xid);
    }
    assert.equal(call.settled, false);
    await bench.client.close();
    assert.equal(call.error?.code, 'ERR_DIORITE_CLOSED');
  });
});

describe('close', () => {
  it('fails what waits, what was never sent as such, and everything afterwards', async () => {
    const bench = await ManualClient.connect();
    const calls = [new TestCall(), new TestCall(), new TestCall()] as const;
    await bench.send(calls[0]);
    bench.client.call(calls[1]);
    const closed = bench.client.close();
    assert.equal(bench.transport.destroyed, true);
    assert.deepEqual(
      calls.map((call) => call.error?.code),
      ['ERR_DIORITE_CLOSED', 'ERR_DIORITE_CLOSED', undefined],
    );
    bench.client.call(calls[2]);
    assert.equal(calls[2].settled, false);
    await calls[2].done;
    assert.deepEqual(
      calls.map((call) => call.unsent),
      [false, true, true],
    );
    assert.equal(bench.client.close(), closed);
    await closed;
  });

  it('tells everybody, whatever one of them does then', async () => {
    const bench = await ManualClient.connect();
    const calls = [new TestCall(), new TestCall()] as const;
    await bench.send(...calls);
    const later = new TestCall();
    calls[0].onSettled = () => {
      assert.equal(bench.client.abandon(calls[1]), false);
      bench.client.call(later);
    };
    await bench.client.close();
    await later.done;
    for (const call of [...calls, later]) assert.equal(call.error?.code, 'ERR_DIORITE_CLOSED');
  });

  it('ends the wait for a new connection', async () => {
    const bench = await ManualClient.connect();
    const call = new TestCall();
    await bench.send(call);
    bench.transport.user.closed(RESET);
    await bench.client.close();
    assert.equal(call.error?.code, 'ERR_DIORITE_CLOSED');
    assert.equal(bench.transports.made.length, 1);
  });
});
