// Random interleavings of what can be done with pipes, beside queues of bytes: what came out is what went in, in order,
// whatever failed in between.
//
//      writes ─▶ [pipe a] ── splice ──▶ [pipe b] ─▶ reads
//                   └─────── tee ─────▶ [pipe c] ─▶ reads
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { IovIter } from '../../src/iter.js';
import { loadAddon } from '../../src/memory/addon.js';
import { chooseEngine } from '../../src/targets/file/engines/choose.js';
import { Op } from '../../src/targets/file/engines/engine.js';
import { runOnce } from '../../src/targets/file/run.js';
import { PipeTarget } from '../../src/targets/pipe/pipe-target.js';
import { spliceSome } from '../../src/targets/pipe/steps.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import { assertNoLeaks } from '../support/leaks.js';
import { hasAddon } from '../support/needs.js';
import { type Random, withSeed } from '../support/random.js';
import { StepEngine, type StepFault, TestPipe } from './pipes.js';

const EAGAIN = -11;
const EINTR = -4;
const EIO = -5;
const EBUSY = -16;
const SPLICE_F_NONBLOCK = 2;
const OPERATIONS = 250;

/** A pipe and what it should hold. */
class Modelled {
  readonly pipe: TestPipe;
  readonly reader: PipeTarget;
  readonly writer: PipeTarget;
  queue: Buffer = Buffer.alloc(0);

  constructor(t: TestContext, engine: StepEngine) {
    this.pipe = new TestPipe(t);
    this.reader = PipeTarget.over(this.pipe.reads, { engine });
    this.writer = PipeTarget.over(this.pipe.writes, { engine });
  }

  put(bytes: Uint8Array): void {
    this.queue = Buffer.concat([this.queue, bytes]);
  }

  take(bytes: number): Buffer {
    const taken = this.queue.subarray(0, bytes);
    this.queue = this.queue.subarray(bytes);
    return taken;
  }

  check(): void {
    assert.equal(this.pipe.waiting, this.queue.length, 'it holds what the model holds');
  }
}

class Interleaving {
  readonly engine: StepEngine;
  readonly #random: Random;
  readonly #pipes: readonly [Modelled, Modelled, Modelled];
  #calm = false;

  constructor(t: TestContext, random: Random, oneIn: number) {
    this.#random = random;
    this.engine = new StepEngine(chooseEngine(random.pick(['auto', 'threads'])).engine, ({ op, length }) =>
      this.#calm || oneIn === 0 || !random.chance(oneIn) ? undefined : this.#fault(op, length),
    );
    const make = (): Modelled => new Modelled(t, this.engine);
    this.#pipes = [make(), make(), make()];
  }

  #fault(op: Op, length: number): StepFault | undefined {
    const kind = this.#random.below(4);
    if (kind === 0) return { result: EAGAIN };
    if (kind === 1) return { result: EINTR };
    if (kind === 2) return { result: EIO };
    return op === Op.TEE || length < 2 ? undefined : { onlyBytes: 1 + this.#random.below(Math.min(length, 5000)) };
  }

  async run(): Promise<void> {
    for (let i = 0; i < OPERATIONS; i++) {
      await this.#one();
      for (const pipe of this.#pipes) pipe.check();
    }
    this.#calm = true;
    for (const pipe of this.#pipes) {
      await this.#read(pipe, pipe.queue.length);
      pipe.check();
      assert.equal(pipe.queue.length, 0);
      await Promise.all([pipe.reader.close(), pipe.writer.close()]);
    }
  }

  #one(): Promise<void> | void {
    const [a, b, c] = this.#pipes;
    const random = this.#random;
    const any = random.pick([a, b, c]);
    switch (random.below(8)) {
      case 0:
      case 1:
        return this.#write(a, random.pick([1, 10, 4095, 4096, 4097, 20_000, 70_000]));
      case 2:
      case 3:
        return this.#read(any, random.pick([1, 100, 4096, 5000, 65_536]));
      case 4:
      case 5:
        return this.#splice(a, b, random.pick([1, 100, 4096, 8192, 65_536, 1 << 20]));
      case 6:
        return this.#tee(a, c, random.pick([1, 4096, 65_536]));
      default:
        return this.#resize(any, random.pick([4096, 8192, 65_536, 262_144]));
    }
  }

  /** In pieces of any length; never waits for ever, as a signal ends it once the pipe is full. */
  async #write({ writer, pipe }: Modelled, bytes: number): Promise<void> {
    const [model] = this.#pipes;
    const sent = Buffer.alloc(bytes);
    this.#random.fill(sent);
    const views: Buffer[] = [];
    for (let at = 0; at < bytes; ) {
      const length = Math.min(bytes - at, this.#random.between(0, 9000));
      views.push(sent.subarray(at, at + length));
      at += length;
    }
    const controller = new AbortController();
    const full = setInterval(() => {
      if (((loadAddon()?.pollNow(pipe.writes, 4) ?? 0) & 4) === 0) controller.abort();
    }, 1);
    try {
      const { bytes: moved } = await startTransfer(writer, IovIter.from(views), 0, bytes, 'write', {
        signal: controller.signal,
      });
      assert.equal(moved, bytes);
      model.put(sent);
    } catch (error) {
      model.put(sent.subarray(0, bytesOf(error)));
    } finally {
      clearInterval(full);
    }
  }

  /** No more than there is: a read of more would wait. */
  async #read(model: Modelled, most: number): Promise<void> {
    const bytes = Math.min(most, model.queue.length);
    const into = Buffer.alloc(bytes);
    let moved = 0;
    try {
      moved = (await startTransfer(model.reader, IovIter.ubuf(into), 0, bytes, 'read', {})).bytes;
      assert.equal(moved, bytes);
    } catch (error) {
      moved = bytesOf(error);
    }
    assert.ok(into.subarray(0, moved).equals(model.take(moved)), 'what comes out is what went in, in order');
  }

  async #splice(from: Modelled, to: Modelled, length: number): Promise<void> {
    const moved = await spliceSome(this.engine, from.pipe.reads, to.pipe.writes, length);
    if (moved > 0) to.put(from.take(moved));
    else assert.ok([EAGAIN, EINTR, EIO, 0].includes(moved), `splice: ${moved}`);
  }

  async #tee(from: Modelled, to: Modelled, length: number): Promise<void> {
    const command = { op: Op.TEE, fd: to.pipe.writes, from: from.pipe.reads, length, flags: SPLICE_F_NONBLOCK };
    const moved = await runOnce(this.engine, command);
    if (moved > 0) to.put(from.queue.subarray(0, moved));
    else assert.ok([EAGAIN, EINTR, EIO, 0].includes(moved), `tee: ${moved}`);
  }

  #resize({ writer }: Modelled, bytes: number): void {
    try {
      assert.ok(writer.resize(bytes) >= bytes);
    } catch (error) {
      assert.ok(error instanceof DioriteError && error.errno === EBUSY, String(error));
    }
  }
}

function bytesOf(error: unknown): number {
  if (error instanceof DioriteError && ['ABORT_ERR', 'EIO', 'ERR_DIORITE_NO_PROGRESS'].includes(error.code))
    return error.bytes ?? 0;
  throw error;
}

describe('pipes beside queues of bytes', { skip: !hasAddon() }, () => {
  for (const [what, oneIn] of [
    ['nothing fails', 0],
    ['one step in ten fails', 10],
    ['every other step fails', 2],
  ] as const) {
    it(what, (t) =>
      withSeed(async (random) => {
        for (let round = 0; round < 4; round++) await new Interleaving(t, random, oneIn).run();
        assertNoLeaks();
      }),
    );
  }
});
