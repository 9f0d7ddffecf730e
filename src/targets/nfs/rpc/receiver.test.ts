// Replies: found in whatever pieces they come, put where they belong, and believed in nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClient, payloadReply, wordsReply } from '../../../../test/nfs/manual-client.js';
import { fragmented, recordOf, replyOf, type ServedCall } from '../../../../test/nfs/scripted-server.js';
import { gathered, MALFORMED, TestCall, TestSink } from '../../../../test/nfs/test-call.js';
import { READ_DIRECT_BYTES } from '../../net/sink-cursor.js';
import { AUTH_ERROR, writeAccepted, writeDenied } from './message.js';

function pattern(bytes: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => 1 + (i % 251)));
}

/** The status, the other word and the length that stand before the payload, and the word behind it. */
function around(bytes: number): string {
  return `0000000077777777${bytes.toString(16).padStart(8, '0')}99999999`;
}

/** What a call is told when its server is not understood, while the connection lives. */
async function refused(reply: (served: ServedCall | undefined) => Buffer, lengths: number[]): Promise<TestCall> {
  const bench = await ManualClient.connect();
  const call = new TestCall({ sink: new TestSink(lengths) });
  const other = new TestCall();
  const [first, second] = await bench.send(call, other);
  bench.transport.arrive(Buffer.concat([reply(first), wordsReply(second, 5)]));
  assert.equal(other.answer?.results, '00000005');
  assert.equal(bench.transport.destroyed, false);
  assert.equal(bench.client.inFlight, 0);
  if (call.sink !== null) gathered(call.sink.segments);
  return call;
}

/** The connection is not used any more, and the call was sent again on another. */
async function destroyedBy(bytes: (served: ServedCall | undefined) => Buffer): Promise<void> {
  const bench = await ManualClient.connect();
  const call = new TestCall({ sink: new TestSink([8]) });
  const [served] = await bench.send(call);
  const first = bench.transport;
  first.arrive(bytes(served));
  assert.equal(first.destroyed, true);
  assert.equal(call.settled, false);
  await bench.reconnected(1);
  const [again] = await bench.sent();
  assert.equal(again?.xid, served?.xid);
  bench.transport.arrive(payloadReply(again, pattern(8)));
  assert.deepEqual(call.answer, { results: around(8), resent: true, payloadBytes: 8 });
  await bench.client.close();
}

describe('replies', () => {
  it('answer their calls in any order', async () => {
    const bench = await ManualClient.connect();
    const calls = Array.from({ length: 4 }, () => new TestCall());
    const served = await bench.send(...calls);
    for (const i of [2, 0, 3, 1]) bench.transport.arrive(wordsReply(served[i], i));
    assert.deepEqual(
      calls.map((call) => call.answer?.results),
      ['00000000', '00000001', '00000002', '00000003'],
    );
  });

  it('come in pieces of every size', async () => {
    const bench = await ManualClient.connect();
    for (let pieceBytes = 1; pieceBytes < 80; pieceBytes++) {
      const calls = [new TestCall({ sink: new TestSink([3, 1, 7]) }), new TestCall()];
      const [first, second] = await bench.send(...calls);
      bench.transport.arrive(
        Buffer.concat([payloadReply(first, pattern(10)), wordsReply(second, 1, 2)]),
        () => pieceBytes,
      );
      assert.deepEqual(calls[0]?.answer, { results: around(10), resent: false, payloadBytes: 10 });
      assert.deepEqual(gathered((calls[0]?.sink as TestSink).segments), Buffer.concat([pattern(10), Buffer.alloc(1)]));
      assert.equal(calls[1]?.answer?.results, '0000000100000002');
    }
  });

  it('come in fragments of every split', async () => {
    const bench = await ManualClient.connect();
    const bytes = payloadReply(undefined, pattern(11)).length - 4;
    for (let first = 0; first <= bytes; first++) {
      for (const second of [0, 1, 4, 9]) {
        if (first + second > bytes) continue;
        const call = new TestCall({ sink: new TestSink([5, 6]) });
        const [served] = await bench.send(call);
        bench.transport.arrive(fragmented(payloadReply(served, pattern(11)), [first, second]));
        assert.deepEqual(call.answer, { results: around(11), resent: false, payloadBytes: 11 });
        assert.deepEqual(gathered((call.sink as TestSink).segments), pattern(11));
      }
    }
  });

  it('are told to whoever sent nothing with them as they are', async () => {
    const bench = await ManualClient.connect();
    const call = new TestCall();
    const [served] = await bench.send(call);
    const entries = pattern(200_000);
    bench.transport.arrive(
      replyOf(served?.xid ?? 0, (xdr) => xdr.fixed(entries)),
      () => 70_001,
    );
    assert.equal(call.answer?.results, entries.toString('hex'));
  });
});

describe('payload', () => {
  it('goes straight to memory in large pieces, fragments or not', async () => {
    const lengths = [READ_DIRECT_BYTES, 100, 3 * READ_DIRECT_BYTES + 5, 4096, 2 * READ_DIRECT_BYTES];
    const bytes = lengths.reduce((sum, length) => sum + length, 0);
    const bench = await ManualClient.connect();
    for (const splits of [[], [9], [30, 70_000], [100_000, 0, 100_000]]) {
      for (const pieceBytes of [1_000_000, 65_536, 8191, 4097]) {
        bench.transport.scatters = !bench.transport.scatters;
        const call = new TestCall({ sink: new TestSink(lengths) });
        const behind = new TestCall({ sink: new TestSink([READ_DIRECT_BYTES]) });
        const [first, second] = await bench.send(call, behind);
        const stream = Buffer.concat([
          fragmented(payloadReply(first, pattern(bytes)), splits),
          payloadReply(second, pattern(READ_DIRECT_BYTES)),
        ]);
        bench.transport.arrive(stream, () => pieceBytes);
        assert.deepEqual(call.answer, { results: around(bytes), resent: false, payloadBytes: bytes });
        assert.deepEqual(gathered((call.sink as TestSink).segments), pattern(bytes));
        assert.deepEqual(gathered((behind.sink as TestSink).segments), pattern(READ_DIRECT_BYTES));
        // What is small, and what comes with it or with a head: the rest is never touched.
        const copied = call.sink?.copiedBytes ?? 0;
        assert.ok(copied > 4196 && copied < 40_000, `${copied} bytes were copied`);
      }
    }
  });

  it('goes to small pieces through staging, and says so', async () => {
    const bench = await ManualClient.connect();
    const call = new TestCall({ sink: new TestSink(Array.from({ length: 64 }, () => 4096)) });
    const [served] = await bench.send(call);
    bench.transport.arrive(payloadReply(served, pattern(64 * 4096)));
    assert.deepEqual(gathered((call.sink as TestSink).segments), pattern(64 * 4096));
    assert.equal(call.sink?.copiedBytes, 64 * 4096);
  });

  it('may be shorter than asked for, or not there', async () => {
    for (const [bytes, results] of [
      [5, around(5)],
      [0, around(0)],
    ] as const) {
      const call = await refused((served) => payloadReply(served, pattern(bytes)), [8]);
      assert.deepEqual(call.answer, { results, resent: false, payloadBytes: bytes });
    }
    const failed = await refused((served) => wordsReply(served, 70), [8]);
    assert.deepEqual(failed.answer, { results: '00000046', resent: false, payloadBytes: 0 });
  });

  it('comes behind a verifier as well', async () => {
    for (const lengths of [[8], [READ_DIRECT_BYTES]]) {
      const bytes = lengths[0] ?? 0;
      const call = await refused(
        (served) =>
          recordOf((xdr) => {
            for (const word of [served?.xid ?? 0, 1, 0, 6]) xdr.u32(word);
            xdr.opaque(pattern(99));
            for (const word of [0, 0, 0x77777777]) xdr.u32(word);
            xdr.opaque(pattern(bytes));
            xdr.u32(0x99999999);
          }),
        lengths,
      );
      assert.deepEqual(call.answer, { results: around(bytes), resent: false, payloadBytes: bytes });
    }
  });

  it('is refused when it is more than was asked for', async () => {
    const call = await refused((served) => payloadReply(served, pattern(9)), [8]);
    assert.equal(call.error?.code, 'EIO');
    assert.match(call.error?.message ?? '', /server:2049 makes no sense: 9 bytes come where 8 were asked for/);
    assert.equal(call.unsent, false);
  });

  it('is refused when it is more than there is', async () => {
    for (const keep of [0, 1, 4, 11, 12]) {
      const call = await refused(
        (served) => {
          const reply = payloadReply(served, pattern(6));
          const cut = reply.subarray(0, 4 + 24 + keep + 4);
          cut.writeUInt32BE(0x80000000 + cut.length - 4);
          return cut;
        },
        [8],
      );
      assert.equal(call.error?.code, 'EIO', `${keep} bytes`);
    }
  });

  it('is found behind a header that is longer than was thought', async () => {
    const bench = await ManualClient.connect();
    for (const pieceBytes of [1, 1000]) {
      const sink = new TestSink([4]);
      sink.gapBytes = 20;
      const call = new TestCall({ sink });
      const [served] = await bench.send(call);
      const reply = replyOf(served?.xid ?? 0, (xdr) => {
        for (const word of [0, 1, 4, 1, 2, 3, 4, 5, 0x61626364]) xdr.u32(word);
      });
      bench.transport.arrive(reply, () => pieceBytes);
      assert.equal(gathered(sink.segments).toString(), 'abcd');
    }
    const sink = new TestSink([4]);
    sink.gapBytes = 200;
    const call = new TestCall({ sink });
    const [served] = await bench.send(call);
    bench.transport.arrive(payloadReply(served, pattern(4)));
    assert.equal(call.error?.code, 'EIO');
  });

  it('is refused when its memory is taken away while it comes', async () => {
    const bench = await ManualClient.connect();
    const calls = [new TestCall({ sink: new TestSink([5 * READ_DIRECT_BYTES]) }), new TestCall()] as const;
    const [first, second] = await bench.send(...calls);
    const reply = payloadReply(first, pattern(5 * READ_DIRECT_BYTES));
    bench.transport.arrive(reply.subarray(0, 10_000));
    structuredClone(null, { transfer: [calls[0].sink?.segments.buffer[0] as ArrayBuffer] });
    bench.transport.arrive(Buffer.concat([reply.subarray(10_000), wordsReply(second, 2)]));
    assert.equal(calls[0].error?.code, 'ERR_DIORITE_DETACHED');
    assert.equal(calls[1].answer?.results, '00000002');
  });

  it('is refused when its memory was taken away', async () => {
    const bench = await ManualClient.connect();
    for (const length of [8, READ_DIRECT_BYTES]) {
      const call = new TestCall({ sink: new TestSink([length]) });
      const [served] = await bench.send(call);
      structuredClone(null, { transfer: [call.sink?.segments.buffer[0] as ArrayBuffer] });
      bench.transport.arrive(payloadReply(served, pattern(length)));
      assert.equal(call.error?.code, 'ERR_DIORITE_DETACHED');
    }
    assert.equal(bench.transport.destroyed, false);
  });
});

describe('answers that refuse', () => {
  it('name the server', async () => {
    const denied = await refused(
      (served) => recordOf((xdr) => writeDenied(xdr, served?.xid ?? 0, AUTH_ERROR, 1)),
      [READ_DIRECT_BYTES],
    );
    assert.equal(denied.error?.code, 'EACCES');
    const absent = await refused((served) => recordOf((xdr) => writeAccepted(xdr, served?.xid ?? 0, 2, 4, 4)), [8]);
    assert.equal(absent.error?.code, 'EPROTONOSUPPORT');
  });

  it('fail one call with EIO when they are malformed', async () => {
    const bench = await ManualClient.connect();
    const calls = [new TestCall({ refuses: MALFORMED }), new TestCall(), new TestCall()];
    const [first, second, third] = await bench.send(...calls);
    const short = recordOf((xdr) => {
      for (const word of [second?.xid ?? 0, 1, 0, 0]) xdr.u32(word);
    });
    bench.transport.arrive(Buffer.concat([wordsReply(first, 1), short, wordsReply(third, 3)]));
    assert.deepEqual(
      calls.map((call) => call.error?.code ?? call.answer?.results),
      ['EIO', 'EIO', '00000003'],
    );
  });
});

describe('a server that makes no sense', () => {
  it('loses its connection, and is asked again', async () => {
    const mark = Buffer.from('ffffffff', 'hex');
    await destroyedBy(() => mark);
    await destroyedBy(() => Buffer.from('8000000400000000', 'hex'));
    await destroyedBy((served) => recordOf((xdr) => [served?.xid ?? 0, 2].forEach((word) => void xdr.u32(word))));
    // Longer than the largest payload and everything else that a message may hold.
    await destroyedBy(() => Buffer.from('80200000', 'hex'));
    await destroyedBy(() => Buffer.concat(Array.from({ length: 50 }, () => Buffer.alloc(4))));
  });

  it('may answer what nobody asked, or twice, but not for ever', async () => {
    const bench = await ManualClient.connect();
    const calls = [new TestCall(), new TestCall()];
    const [first, second] = await bench.send(...calls);
    const strange = wordsReply(first, 9);
    strange.writeUInt32BE(((first?.xid ?? 0) ^ 0x55555555) >>> 0, 4);
    bench.transport.arrive(Buffer.concat([strange, wordsReply(first, 1), wordsReply(first, 2), strange]));
    assert.equal(calls[0]?.answer?.results, '00000001');
    for (let i = 0; i < 254; i++) bench.transport.arrive(strange, () => 5);
    assert.equal(bench.transport.destroyed, false);
    bench.transport.arrive(wordsReply(second, 2));
    assert.equal(calls[1]?.answer?.results, '00000002');
    for (let i = 0; i < 257; i++) bench.transport.arrive(strange);
    assert.equal(bench.transport.destroyed, true);
  });

  it('may not send a message that is too long to keep', async () => {
    const bench = await ManualClient.connect();
    const call = new TestCall();
    const large = new TestCall({ sink: new TestSink([4_000_000]) });
    const [served] = await bench.send(call, large);
    const { transport } = bench;
    transport.arrive(replyOf(served?.xid ?? 0, (xdr) => xdr.fixed(pattern(3_000_000))));
    assert.equal(transport.destroyed, true);
    await bench.client.close();
  });
});
