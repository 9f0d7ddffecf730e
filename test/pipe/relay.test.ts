// Streams to streams, and files to sockets: pipes and sockets at either end, one sink or several, and every fault.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { moveFileToPipe, moveStreamToStreams } from '../../src/targets/pipe/splice.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon } from '../support/needs.js';
import { withSeed } from '../support/random.js';
import { fdOf, socketPair } from '../support/sockets.js';
import { tempDirectory } from '../support/temp.js';
import { feed, fileOf, streamOver } from './movers.js';
import { patternBytes, StepEngine, type StepFault, TestPipe } from './pipes.js';

const KIB = 1024;
const MIB = 1024 * KIB;

type Moved = Exclude<Awaited<ReturnType<typeof moveStreamToStreams>>, string>;

function mustMove(moved: Moved | string): Moved {
  assert.ok(typeof moved !== 'string', String(moved));
  return moved;
}

function fed(t: TestContext, bytes: Buffer, piece = 64 * KIB): TestPipe {
  const pipe = new TestPipe(t, 256 * KIB);
  void feed(pipe, bytes, () => piece, 256 * KIB);
  return pipe;
}

/** A pipe of a small size, emptied as often as the event loop turns; what it gave until it was closed. */
class Drained {
  readonly pipe: TestPipe;
  readonly #got: Buffer[] = [];
  #open = true;

  constructor(t: TestContext, bytes = 64 * KIB) {
    this.pipe = new TestPipe(t, bytes);
    const drain = (): void => {
      if (!this.#open) return;
      this.#got.push(this.pipe.drain());
      setImmediate(drain);
    };
    drain();
    t.after(() => {
      this.#open = false;
    });
  }

  get bytes(): Buffer {
    this.#got.push(this.pipe.drain());
    this.#open = false;
    return Buffer.concat(this.#got);
  }
}

/** Everything that comes until the other side ends. */
async function received(socket: NodeJS.ReadableStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('a stream to streams', { skip: !hasAddon() }, () => {
  for (const [what, piece] of [
    ['pages', 64 * KIB],
    ['pieces of 3,000 bytes', 3000],
  ] as const) {
    it(`a pipe to a pipe, ${what}: spliced, whatever they are`, async (t) => {
      const bytes = patternBytes(2 * MIB + 77, 5);
      const out = new Drained(t);
      const source = streamOver(t, fed(t, bytes, piece).reads);
      const seen: number[] = [];
      const onProgress = (done: number): void => void seen.push(done);
      const moved = mustMove(
        await moveStreamToStreams({ source, sinks: [streamOver(t, out.pipe.writes)], onProgress }),
      );
      assert.ok(out.bytes.equals(bytes));
      assert.deepEqual(moved.sinks, [{ splicedBytes: bytes.length, stagedBytes: 0, reason: null }]);
      assert.deepEqual([moved.ended, seen.at(-1)], [true, bytes.length]);
      assertNoLeaks();
    });
  }

  it('one byte goes on although no more comes', async (t) => {
    const [input, output] = [new TestPipe(t), new TestPipe(t)];
    const controller = new AbortController();
    input.put(Buffer.of(7));
    const onProgress = (): void => controller.abort();
    const { signal } = controller;
    const sinks = [streamOver(t, output.writes)];
    const moving = moveStreamToStreams({ source: streamOver(t, input.reads), sinks, onProgress, signal });
    await assert.rejects(moving, { code: 'ABORT_ERR', bytes: 1 });
    assert.deepEqual([...output.drain()], [7]);
    assertNoLeaks();
  });

  it('tee to three pipes of different sizes: each gets all of it', async (t) => {
    const bytes = patternBytes(3 * MIB + 11, 6);
    const outs = [64 * KIB, 4 * KIB, MIB].map((size) => new Drained(t, size));
    const sinks = outs.map(({ pipe }) => streamOver(t, pipe.writes));
    const moved = mustMove(await moveStreamToStreams({ source: streamOver(t, fed(t, bytes).reads), sinks }));
    for (const [i, out] of outs.entries()) {
      assert.ok(out.bytes.equals(bytes));
      assert.equal(moved.sinks[i]?.splicedBytes, bytes.length);
    }
    assertNoLeaks();
  });

  for (const kind of ['local', 'tcp'] as const) {
    it(`a pipe to a socket, and a socket to a pipe (${kind})`, async (t) => {
      const bytes = patternBytes(2 * MIB + 5, 7);
      const [near, far] = await socketPair(t, kind);
      const receiving = received(far);
      const sink = streamOver(t, fdOf(near));
      const there = mustMove(await moveStreamToStreams({ source: streamOver(t, fed(t, bytes).reads), sinks: [sink] }));
      await sink.close();
      near.end();
      assert.ok((await receiving).equals(bytes));
      assert.equal(there.sinks[0]?.splicedBytes, bytes.length);

      const [here, sender] = await socketPair(t, kind);
      sender.end(bytes);
      const out = new Drained(t);
      const source = streamOver(t, fdOf(here));
      const back = mustMove(await moveStreamToStreams({ source, sinks: [streamOver(t, out.pipe.writes)] }));
      assert.ok(out.bytes.equals(bytes));
      assert.deepEqual([back.bytes, back.ended], [bytes.length, true]);
      assertNoLeaks();
    });
  }

  it('as many bytes as were asked for', async (t) => {
    const pipe = new TestPipe(t, 256 * KIB);
    const bytes = patternBytes(100_000);
    pipe.put(bytes);
    const out = new TestPipe(t, 256 * KIB);
    const input = { source: streamOver(t, pipe.reads), sinks: [streamOver(t, out.writes)], bytes: 12_345 };
    const moved = mustMove(await moveStreamToStreams(input));
    assert.deepEqual([moved.bytes, moved.ended], [12_345, false]);
    assert.ok(Buffer.concat([out.drain(), pipe.drain()]).equals(bytes));
  });

  it('a reader that goes away is EPIPE, also where another one reads nothing', async (t) => {
    const [stuck, gone] = [new TestPipe(t), new TestPipe(t)];
    const sinks = [stuck, gone].map(({ writes }) => streamOver(t, writes));
    gone.close('reads');
    const source = streamOver(t, fed(t, patternBytes(MIB)).reads);
    await assert.rejects(moveStreamToStreams({ source, sinks }), { code: 'EPIPE', bytes: 0 });
    assertNoLeaks();
  });

  it('what is neither a pipe nor a socket is told of before anything is taken', async (t) => {
    const target = streamOver(t, new TestPipe(t).reads);
    const file = await fileOf(t, join(tempDirectory(t), 'file'), patternBytes(10));
    const sink = streamOver(t, file.fd);
    assert.match(String(await moveStreamToStreams({ source: target, sinks: [sink] })), /neither a pipe nor a socket/);
  });
});

describe('a file to a socket', { skip: !hasAddon() }, () => {
  for (const kind of ['local', 'tcp'] as const) {
    for (const [offset, length] of [
      [0, undefined],
      [100, 2 * MIB],
      [MIB - 1, 2],
    ] as const) {
      it(`${kind}, from ${offset}, ${length ?? 'to the end'}: spliced, though its peer is slow`, async (t) => {
        const bytes = patternBytes(3 * MIB + 500, 8);
        const target = await fileOf(t, join(tempDirectory(t), 'file'), bytes);
        const [near, far] = await socketPair(t, kind);
        const sink = streamOver(t, fdOf(near));
        const receiving = received(far);
        const moved = await moveFileToPipe({ target, sink, offset, bytes: length });
        await sink.close();
        near.end();
        const wanted = bytes.subarray(offset, length === undefined ? undefined : offset + length);
        assert.ok((await receiving).equals(wanted));
        if (target.splices.problem('read') === null)
          assert.deepEqual([moved.splicedBytes, moved.reason], [wanted.length, null]);
        assertNoLeaks();
      });
    }

    it(`${kind}: a peer that goes away is an error, and nothing leaks`, async (t) => {
      const target = await fileOf(t, join(tempDirectory(t), 'file'), patternBytes(8 * MIB));
      const [near, far] = await socketPair(t, kind);
      const moving = moveFileToPipe({
        target,
        sink: streamOver(t, fdOf(near)),
        onProgress: () => void (kind === 'tcp' ? far.resetAndDestroy() : far.destroy()),
      });
      await assert.rejects(moving, (error: DioriteError) => ['EPIPE', 'ECONNRESET'].includes(error.code));
      assertNoLeaks();
    });
  }
});

/** Each fault at the first step, at the second, and so on, until there are no more steps. */
const FAULTS: readonly (readonly [string, StepFault, 'goes on' | 'fails'])[] = [
  ['EAGAIN', { result: -11 }, 'goes on'],
  ['EINTR', { result: -4 }, 'goes on'],
  ['EINVAL', { result: -22 }, 'goes on'],
  ['EPERM', { result: -1 }, 'goes on'],
  ['ENOSYS', { result: -38 }, 'goes on'],
  ['a step of one byte', { onlyBytes: 1 }, 'goes on'],
  ['EIO', { result: -5 }, 'fails'],
  ['EPIPE', { result: -32 }, 'fails'],
];

describe('every fault at every step of a relay', { skip: !hasAddon() }, () => {
  for (const [name, fault, end] of FAULTS) {
    it(`${name}: ${end}; what came out is what went in, in order`, (t) =>
      withSeed(async (random) => {
        for (let at = 1; ; at++) {
          // tee has no shorter way that is right; a read or write is not refused as a splice is.
          const applies = (op: Op): boolean =>
            'onlyBytes' in fault ? op !== Op.TEE : end === 'fails' || op === Op.SPLICE || op === Op.TEE;
          const engine = new StepEngine(chooseEngine('auto').engine, ({ op }, step) =>
            step === at && applies(op) ? fault : undefined,
          );
          const bytes = patternBytes(300 * KIB + 9, at);
          const outs = [new Drained(t), new Drained(t, 16 * KIB)].slice(0, random.between(1, 2));
          const sinks = outs.map(({ pipe }) => streamOver(t, pipe.writes, engine));
          const source = streamOver(t, fed(t, bytes, random.pick([4096, 5000])).reads, engine);
          const error = await moveStreamToStreams({ source, sinks }).then(
            () => null,
            (thrown: DioriteError) => thrown,
          );
          assertNoLeaks();
          const got = outs.map((out) => out.bytes);
          for (const each of got) assert.ok(each.equals(bytes.subarray(0, each.length)), `at ${at}`);
          if (error === null) for (const each of got) assert.equal(each.length, bytes.length, `at ${at}`);
          else {
            assert.equal(end, 'fails');
            assert.equal(error.code, name);
            assert.ok((error.bytes ?? 0) <= Math.min(...got.map(({ length }) => length)));
          }
          if (engine.steps < at) return;
        }
      }));
  }
});
