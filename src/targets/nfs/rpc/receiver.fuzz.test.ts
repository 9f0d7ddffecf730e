// 100,000 mutated and truncated replies: no crash, no hang, no byte outside a call's memory, each call answered at most once.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TEST_OPTIONS } from '../../../../test/nfs/manual-client.js';
import { ManualTransport } from '../../../../test/nfs/manual-transport.js';
import { fragmented, recordOf, replyOf } from '../../../../test/nfs/scripted-server.js';
import { gathered, TestCall, TestSink } from '../../../../test/nfs/test-call.js';
import { runSeed } from '../../../../test/support/random.js';
import { READ_DIRECT_BYTES } from '../../net/sink-cursor.js';
import { Prng } from '../../sim/prng.js';
import { encodeCredentials } from './auth.js';
import { Connection, type ConnectionOwner } from './connection.js';
import { writeAccepted, writeCallHeader, writeDenied } from './message.js';
import { CallQueue, PendingCalls } from './pending.js';
import { MESSAGE_BYTES_MAX, STAGING_BYTES } from './receiver.js';
import { systemError } from './rejections.js';

const ROUNDS = 100_000;
const CALLS_IN_FLIGHT = 4;
/** Large replies are slow to make: one in so many. */
const LARGE_ONE_IN = 500;

const END = systemError('ECONNRESET', 'the server ended it');

const CODES: ReadonlySet<string | undefined> = new Set(['EIO', 'EACCES', 'EPROTONOSUPPORT', 'ENOTSUP', 'EREMOTEIO']);

/** A connection, and the calls that wait on it, made again whenever it is lost. */
class Fuzzed {
  readonly random: Prng;
  readonly pending: PendingCalls = new PendingCalls();
  readonly calls: Map<number, TestCall> = new Map();
  lost = 0;
  answered = 0;
  failed = 0;
  #transport: ManualTransport | null = null;
  readonly #staging = Buffer.alloc(STAGING_BYTES);
  readonly #credentials = encodeCredentials(TEST_OPTIONS.credentials);
  readonly #queue = new CallQueue();

  constructor(random: Prng) {
    this.random = random;
  }

  get transport(): ManualTransport {
    if (this.#transport !== null && !this.#transport.destroyed) return this.#transport;
    new Connection(this.#owner(), { ...TEST_OPTIONS, localPort: null }, (address, user) => {
      this.#transport = new ManualTransport(address, user);
      return this.#transport;
    });
    assert.ok(this.#transport !== null);
    return this.#transport;
  }

  #owner(): ConnectionOwner {
    return {
      pending: this.pending,
      queue: this.#queue,
      credentials: this.#credentials,
      staging: this.#staging,
      onCall: undefined,
      connected: () => {},
      active: () => {},
      settled: () => {},
      lost: () => {
        this.lost++;
      },
    };
  }

  /** Makes calls until enough wait. */
  fill(): void {
    for (const [xid, call] of this.calls) if (call.settled) this.#settle(xid, call);
    while (this.pending.size < CALLS_IN_FLIGHT) {
      const call = new TestCall(this.random.chance(0.3) ? {} : { sink: new TestSink(this.#lengths()) });
      this.calls.set(this.pending.add(call, 0).xid, call);
    }
  }

  #lengths(): number[] {
    const { random } = this;
    if (random.below(LARGE_ONE_IN) === 0) return [READ_DIRECT_BYTES, 3, READ_DIRECT_BYTES + random.below(9)];
    return Array.from({ length: random.between(1, 4) }, () => random.below(40));
  }

  #settle(xid: number, call: TestCall): void {
    this.calls.delete(xid);
    if (call.error === null) this.answered++;
    else {
      this.failed++;
      assert.ok(CODES.has(call.error.code), call.error.code);
    }
    if (call.sink === null) return;
    // The guards around its memory are whole.
    gathered(call.sink.segments);
    assert.ok((call.answer?.payloadBytes ?? 0) <= call.sink.bytes);
  }
}

function aReply(fuzzed: Fuzzed): Buffer {
  const { random, calls } = fuzzed;
  const xids = [...calls.keys()];
  const xid = random.chance(0.02) ? random.next32() : (xids[random.below(xids.length)] ?? 0);
  const sink = calls.get(xid)?.sink ?? null;
  switch (random.below(12)) {
    case 0:
      return recordOf((xdr) => writeAccepted(xdr, xid, random.below(7), 3, 4));
    case 1:
      return recordOf((xdr) => writeDenied(xdr, xid, random.below(3), random.below(9), 2));
    case 2:
      return recordOf((xdr) => writeCallHeader(xdr, xid, 1, 2, 3, Buffer.alloc(8)));
    case 3:
      return recordOf((xdr) => {
        for (const word of [xid, 1, 0, 6]) xdr.u32(word);
        xdr.opaque(Buffer.alloc(random.below(410)));
        for (let i = 0; i < 8; i++) xdr.u32(0);
      });
    default:
      return replyOf(xid, (xdr) => {
        xdr.u32(random.chance(0.1) ? 5 : 0);
        xdr.u32(random.next32());
        const bytes = sink === null ? random.below(60) : Math.min(sink.bytes, random.below(sink.bytes + 8));
        xdr.opaque(Buffer.alloc(bytes, 1));
        for (let i = random.below(4); i > 0; i--) xdr.u32(i);
      });
  }
}

function mutated(reply: Buffer, random: Prng): Buffer {
  const bytes = Buffer.from(reply);
  const headBytes = Math.min(bytes.length, 64);
  for (let i = random.below(3); i > 0; i--) {
    const at = random.below(headBytes);
    if (random.chance(0.5)) bytes[at] = random.next32();
    else bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
  }
  if (random.chance(0.1)) return bytes.subarray(0, random.below(bytes.length));
  if (!random.chance(0.2)) return bytes;
  // A record that is whole, and too short for what is in it.
  const cut = bytes.subarray(0, 4 + random.below(bytes.length - 3));
  cut.writeUInt32BE(0x80000000 + cut.length - 4);
  return random.chance(0.5) ? cut : fragmented(cut, [random.below(cut.length - 3)]);
}

describe('mutated replies', () => {
  it('are told apart from good ones, or end the connection', () => {
    const seed = runSeed();
    const fuzzed = new Fuzzed(new Prng(seed));
    const { random } = fuzzed;
    let round = 0;
    try {
      for (; round < ROUNDS; round++) {
        fuzzed.fill();
        const reply = aReply(fuzzed);
        const bytes = random.chance(0.1) ? reply : mutated(reply, random);
        const piece = random.chance(0.3) ? () => 1 + random.below(40) : undefined;
        const { transport } = fuzzed;
        transport.scatters = random.chance(0.5);
        transport.arrive(bytes, bytes.length > 10_000 ? undefined : piece);
        // A mark that became large would swallow a thousand replies that follow.
        if (bytes !== reply && random.chance(0.5) && !transport.destroyed) transport.user.closed(END);
      }
    } catch (error) {
      if (error instanceof Error) error.message += `\n(round ${round}; repeat with DIORITE_SEED=${seed})`;
      throw error;
    }
    // All kinds of ends were met.
    for (const count of [fuzzed.lost, fuzzed.answered, fuzzed.failed]) assert.ok(count > ROUNDS / 100, `${count}`);
    assert.ok(MESSAGE_BYTES_MAX > fuzzed.pending.sinkBytesMax);
  });
});
