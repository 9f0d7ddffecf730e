// Calls on their way out: in batches, payload as it lies, and nothing of a call's memory in use once it is answered.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callsIn, ManualClient, wordsReply } from '../../../../test/nfs/manual-client.js';
import { recordOf } from '../../../../test/nfs/scripted-server.js';
import { gathered, guardedSegments, TestCall } from '../../../../test/nfs/test-call.js';
import type { SegmentList } from '../../../plan/request.js';
import { AUTH_NONE, PROG_UNAVAIL, SUCCESS, writeCallHeader } from './message.js';
import { systemError } from './rejections.js';
import { OWN_REPLIES_MAX } from './sender.js';

const NO_CREDENTIALS = Buffer.alloc(8);

function filled(lengths: readonly number[]): SegmentList {
  const segments = guardedSegments(lengths);
  gathered(segments);
  for (let i = 0; i < segments.count; i++) {
    const memory = new Uint8Array(segments.buffer[i] as ArrayBuffer, segments.byteOffset[i], segments.length[i]);
    memory.fill(i + 1);
  }
  return segments;
}

function payloadCall(segments: SegmentList, bytes: number): TestCall {
  return new TestCall({
    write: (xdr) => {
      xdr.u32(7);
      xdr.payload(segments, bytes);
    },
  });
}

function serverCall(xid: number): Buffer {
  return recordOf((xdr) => {
    writeCallHeader(xdr, xid, 0x40000000, 1, 1, NO_CREDENTIALS);
    xdr.u32(5);
  });
}

describe('calls', () => {
  it('of one turn leave in one batch, in order', async () => {
    const bench = await ManualClient.connect();
    for (let i = 0; i < 5; i++) bench.client.call(new TestCall({ write: (xdr) => xdr.u32(i) }));
    assert.equal(bench.transport.sent.length, 0);
    await Promise.resolve();
    assert.equal(bench.transport.sent.length, 1);
    const calls = callsIn(bench.transport.sent[0] ?? Buffer.alloc(0));
    assert.deepEqual(
      calls.map((call) => call.args.readUInt32BE()),
      [0, 1, 2, 3, 4],
    );
  });

  it('that cannot be sent are answered when the others have left, and may close the connection then', async () => {
    const bench = await ManualClient.connect();
    const segments = filled([8]);
    structuredClone(null, { transfer: [segments.buffer[0] as ArrayBuffer] });
    const gone = payloadCall(segments, 8);
    gone.onSettled = () => void bench.client.close();
    const { transport } = bench;
    let sends = 0;
    const send = transport.send.bind(transport);
    transport.send = (parts) => {
      assert.equal(transport.destroyed, false, 'only a connection sends');
      sends++;
      send(parts);
    };
    for (const call of [new TestCall(), gone, new TestCall()]) bench.client.call(call);
    await Promise.resolve();
    assert.equal(gone.error?.code, 'ERR_DIORITE_DETACHED');
    assert.deepEqual([sends, transport.destroyed], [1, true]);
  });

  it('carry payload as it lies, and its padding', async () => {
    const bench = await ManualClient.connect();
    const segments = filled([3, 0, 2, 9]);
    const [served] = await bench.send(payloadCall(segments, 7));
    assert.equal(served?.args.toString('hex'), '00000007 00000007 01010103030404 00'.replaceAll(' ', ''));
    // The head, three pieces and the padding.
    assert.equal(bench.transport.views, 5);
  });

  it('wait until the payload before them has left, whose head they would write over', async () => {
    const bench = await ManualClient.connect();
    const { transport } = bench;
    bench.client.call(new TestCall());
    bench.client.call(payloadCall(filled([8]), 8));
    bench.client.call(new TestCall());
    await Promise.resolve();
    assert.equal(callsIn(transport.sent[0] ?? Buffer.alloc(0)).length, 2);
    assert.equal(transport.sent.length, 1);
    transport.user.sent();
    assert.equal(transport.sent.length, 2);
  });

  it('are not answered before their payload has left', async () => {
    const bench = await ManualClient.connect();
    const { transport } = bench;
    const call = payloadCall(filled([8]), 8);
    bench.client.call(call);
    await Promise.resolve();
    const [served] = callsIn(transport.sent[0] ?? Buffer.alloc(0));
    transport.arrive(wordsReply(served, 3));
    assert.equal(call.settled, false);
    assert.equal(bench.client.inFlight, 1);
    transport.user.sent();
    assert.equal(call.answer?.results, '00000003');
  });

  it('are answered when their payload cannot leave any more', async () => {
    const bench = await ManualClient.connect();
    const { transport } = bench;
    const call = payloadCall(filled([8]), 8);
    bench.client.call(call);
    await Promise.resolve();
    const [served] = callsIn(transport.sent[0] ?? Buffer.alloc(0));
    transport.arrive(wordsReply(served, 3));
    transport.user.closed(systemError('ECONNRESET', 'reset'));
    assert.equal(transport.destroyed, true);
    assert.equal(call.answer?.results, '00000003');
    assert.equal(bench.client.inFlight, 0);
  });

  it('whose memory was taken away fail by themselves', async () => {
    const bench = await ManualClient.connect();
    const segments = filled([8]);
    const calls = [new TestCall(), payloadCall(segments, 8), new TestCall()] as const;
    structuredClone(null, { transfer: [segments.buffer[0] as ArrayBuffer] });
    const served = await bench.send(...calls);
    assert.equal(served.length, 2);
    assert.equal(calls[1].error?.code, 'ERR_DIORITE_DETACHED');
    assert.equal(calls[1].unsent, true);
    assert.equal(bench.client.inFlight, 2);
  });
});

describe('calls from the server', () => {
  it('are answered PROC_UNAVAIL where nobody serves them', async () => {
    const bench = await ManualClient.connect();
    bench.transport.arrive(serverCall(9), () => 7);
    await Promise.resolve();
    assert.equal(
      bench.transport.sent[0]?.toString('hex'),
      '80000018 00000009 00000001 00000000 00000000 00000000 00000003'.replaceAll(' ', ''),
    );
  });

  it('are served', async () => {
    const bench = await ManualClient.connect({
      onCall: (call, args, results) => {
        assert.equal(call.credentialFlavor, AUTH_NONE);
        if (call.program !== 0x40000000) return PROG_UNAVAIL;
        results.u32(args.u32() + 1);
        return SUCCESS;
      },
    });
    bench.transport.arrive(serverCall(9));
    await Promise.resolve();
    assert.match(bench.transport.sent[0]?.toString('hex') ?? '', /^8000001c00000009.{32}0000000000000006$/);
  });

  it('end the connection when their answers are not taken', async () => {
    const bench = await ManualClient.connect();
    const { transport } = bench;
    transport.arrive(serverCall(1));
    await Promise.resolve();
    for (let i = 0; i < OWN_REPLIES_MAX; i++) transport.arrive(serverCall(i));
    assert.equal(transport.destroyed, false);
    transport.arrive(serverCall(1));
    assert.equal(transport.destroyed, true);
  });

  it('end the connection when they are malformed', async () => {
    const bench = await ManualClient.connect();
    bench.transport.arrive(recordOf((xdr) => [1, 0, 2, 3].forEach((word) => void xdr.u32(word))));
    assert.equal(bench.transport.destroyed, true);
  });
});
