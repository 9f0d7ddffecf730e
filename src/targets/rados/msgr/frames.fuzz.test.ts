// Frames as the sender makes them, in pieces, mutated and cut off: read back byte for byte, or refused with EBADMSG and nothing else.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runSeed } from '../../../../test/support/random.js';
import { DioriteError } from '../../../base/errors.js';
import { SegmentList } from '../../../plan/request.js';
import { Prng } from '../../sim/prng.js';
import type { DencReader } from '../denc/reader.js';
import { DencWriter } from '../denc/writer.js';
import { BANNER, TAG_KEEPALIVE2 } from './frame.js';
import { type MessageHeader, MSG_OSD_OP_REPLY, type OutgoingMessage } from './message.js';
import { type DataPlace, Receiver } from './receiver.js';
import { SecureStream } from './secure.js';
import { Sender } from './sender.js';

const ROUNDS = 50_000;
const MEMORY_BYTES = 300;

function stream(): SecureStream {
  return new SecureStream(Buffer.alloc(16, 5), Buffer.alloc(12, 9));
}

function banner(): Buffer {
  const writer = new DencWriter();
  writer.raw(Buffer.from(BANNER));
  writer.u16(16);
  writer.u64(1n);
  writer.u64(0n);
  return writer.copy();
}

function segmentsOf(memory: Buffer, random: Prng): SegmentList {
  const segments = new SegmentList();
  for (let at = 0; at < memory.length; ) {
    const length = Math.min(memory.length - at, random.between(1, 90));
    segments.push(memory.buffer, memory.byteOffset + at, length, false);
    at += length;
  }
  return segments;
}

/** What was received, in order. */
class Told {
  readonly memory: Buffer = Buffer.alloc(MEMORY_BYTES);
  readonly texts: string[] = [];
  onBanner: () => void = () => {};
  #isPlaced = false;
  readonly #random: Prng;

  constructor(random: Prng) {
    this.#random = random;
  }

  banner(): void {
    this.onBanner();
  }

  control(tag: number, payload: DencReader): void {
    this.texts.push(`control ${tag} ${Buffer.from(payload.bytes(payload.remaining)).toString('hex')}`);
  }

  begin(header: MessageHeader): DataPlace {
    this.memory.fill(0);
    this.#isPlaced = header.tid % 3 === 2;
    if (header.tid % 3 === 0) return 'keep';
    return header.tid % 3 === 1 ? 'drop' : { segments: segmentsOf(this.memory, this.#random), bytes: MEMORY_BYTES };
  }

  message(header: MessageHeader, front: DencReader, data: Uint8Array): void {
    const where = this.#isPlaced ? this.memory : data;
    this.#isPlaced = false;
    const text = Buffer.from(front.bytes(front.remaining)).toString('hex');
    this.texts.push(`message ${header.tid} ${text} ${Buffer.from(where).toString('hex')}`);
  }

  readonly expectsDirect = false;
}

/** Bytes of some frames, and what they say. */
function traffic(random: Prng, secure: boolean): { bytes: Buffer; texts: string[] } {
  const queue: OutgoingMessage[] = [];
  const sent: Buffer[] = [];
  const texts: string[] = [];
  const transport = {
    send: (parts: readonly Uint8Array[]) => sent.push(Buffer.concat(parts)),
    load: () => assert.fail('frames are sent in parts'),
    directBytes: 0,
    destroy: () => undefined,
    keepAlive: () => undefined,
    localPort: null,
  };
  const outbox = {
    next: () => queue.shift() ?? null,
    unsendable: () => assert.fail('its memory is there'),
    seqReceived: 0,
  };
  const sender = new Sender(outbox, transport);
  if (secure) sender.seal(stream());
  for (let i = random.between(1, 4); i > 0; i--) {
    if (random.chance(0.2)) {
      const payload = Buffer.from(Array.from({ length: random.between(1, 100) }, () => random.below(256)));
      sent.push(sender.frame(TAG_KEEPALIVE2, payload));
      texts.push(`control ${TAG_KEEPALIVE2} ${payload.toString('hex')}`);
      continue;
    }
    const tid = random.between(1, 999);
    const front = Buffer.alloc(random.below(70), tid);
    const data = Buffer.alloc(random.chance(0.3) ? 0 : random.between(1, MEMORY_BYTES), i);
    queue.push({
      type: MSG_OSD_OP_REPLY,
      version: 8,
      compatVersion: 2,
      tid,
      encode: (writer) => writer.raw(front),
      payload: segmentsOf(data, random),
      payloadBytes: data.length,
    });
    do sender.flush();
    while (!sender.sent());
    const kept = data.length > 0 && tid % 3 === 2 ? Buffer.concat([data], MEMORY_BYTES) : data;
    texts.push(`message ${tid} ${front.toString('hex')} ${tid % 3 === 1 ? '' : kept.toString('hex')}`);
  }
  return { bytes: Buffer.concat([banner(), ...sent]), texts };
}

function receive(bytes: Buffer, random: Prng, secure: boolean): Told {
  const told = new Told(random);
  const receiver = new Receiver(told);
  // The banner is never sealed.
  told.onBanner = () => {
    if (secure) receiver.open(stream());
  };
  for (let at = 0; at < bytes.length; ) {
    const buffer = receiver.nextBuffer();
    const length = Math.min(
      buffer.length,
      bytes.length - at,
      random.chance(0.5) ? random.between(1, 40) : bytes.length,
    );
    buffer.set(bytes.subarray(at, at + length));
    at += length;
    receiver.received(buffer, length);
  }
  return told;
}

for (const secure of [false, true]) {
  describe(`frames in ${secure ? 'secure' : 'crc'} mode`, () => {
    it('are read as they were sent, in pieces of any size', () => {
      const seed = runSeed();
      const random = new Prng(seed);
      for (let round = 0; round < 2_000; round++) {
        const { bytes, texts } = traffic(random, secure);
        const message = `seed ${seed}, round ${round}`;
        const told = receive(bytes, random, secure);
        assert.deepEqual(told.texts, texts, message);
      }
    });

    it('that were mutated or cut off are refused with EBADMSG, or wait for more', () => {
      const seed = runSeed();
      const random = new Prng(seed);
      let refused = 0;
      let { bytes } = traffic(random, secure);
      for (let round = 0; round < ROUNDS; round++) {
        if (round % 50 === 0) ({ bytes } = traffic(random, secure));
        const mutated = Buffer.from(bytes.subarray(0, random.between(1, bytes.length)));
        for (let i = random.below(3); i > 0; i--) mutated[random.below(mutated.length)] = random.below(256);
        try {
          receive(mutated, random, secure);
        } catch (error) {
          refused++;
          assert.ok(
            error instanceof DioriteError && error.code === 'EBADMSG',
            `seed ${seed}, round ${round}: ${String(error)}`,
          );
        }
      }
      assert.ok(refused > ROUNDS / 4);
    });
  });
}
