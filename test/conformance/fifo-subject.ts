// Named pipes as subjects of the suite: one that is read, fed by somebody else, and one that is written, and drained.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import type { Direction, Limits } from '../../src/plan/limits.js';
import { type Engine, Op, type Operation } from '../../src/targets/file/engines/engine.js';
import type { FileTarget } from '../../src/targets/file/file-target.js';
import type { IoOption } from '../../src/transfer/file-like.js';
import type { Request } from '../../src/transfer/request.js';
import type { Effect, Holes, IoMode, Target } from '../../src/transfer/target.js';
import { FaultyEngine } from '../support/faulty-engine.js';
import { tempDirectory } from '../support/temp.js';
import { judgeOf, openTarget } from './file-subject.js';
import type { Subject } from './subject.js';

const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/** An engine that counts what its writes were told to have moved. */
class WrittenBytes implements Engine {
  readonly name: 'uring' | 'threads';
  readonly addresses: boolean;
  readonly maxSegments: number;
  readonly depth: number;
  readonly #real: Engine;
  bytes = 0;

  constructor(real: Engine) {
    this.#real = real;
    this.name = real.name;
    this.addresses = real.addresses;
    this.maxSegments = real.maxSegments;
    this.depth = real.depth;
  }

  supports(op: Op, flags?: number): boolean {
    return flags === undefined ? this.#real.supports(op) : this.#real.supports(op, flags);
  }

  submit(operation: Operation): boolean {
    if (operation.op !== Op.WRITE) return this.#real.submit(operation);
    const { op, fd, offset, length, flags, buffered, segments } = operation;
    const complete = (result: number): void => {
      this.bytes += Math.max(0, result);
      operation.complete(result);
    };
    return this.#real.submit({ op, fd, offset, length, flags, buffered, segments, complete });
  }

  onceDrained(callback: () => void): void {
    this.#real.onceDrained(callback);
  }
}

/** Two streams as one target, as a socket is: reads go to the one, writes to the other. */
class BothWays implements Target {
  readonly seekable = false;
  readonly bestDepth: number;
  readonly durable: Target['durable'];
  readonly holes?: Holes;
  readonly #ways: Readonly<Record<Direction, FileTarget>>;

  constructor(ways: Readonly<Record<Direction, FileTarget>>) {
    this.#ways = ways;
    this.bestDepth = Math.max(ways.read.bestDepth, ways.write.bestDepth);
    this.durable = ways.write.durable;
    const holes = ways.read.holes ?? ways.write.holes;
    if (holes !== undefined) this.holes = holes;
  }

  get name(): string {
    return this.#ways.read.name;
  }

  get size(): number | undefined {
    return this.#ways.read.size;
  }

  limitsAt(offset: number, direction: Direction): Limits {
    return this.#ways[direction].limitsAt(offset, direction);
  }

  submit(request: Request): boolean {
    return this.#ways[request.direction].submit(request);
  }

  onceDrained(callback: () => void): void {
    this.#ways.read.onceDrained(callback);
  }

  cancel(): void {
    this.#ways.read.cancel();
  }

  effectOf(error: DioriteError, direction: Direction): Effect {
    return this.#ways[direction].effectOf(error);
  }

  ioMode(direction: Direction): IoMode {
    return this.#ways[direction].ioMode(direction);
  }

  sync(options: { readonly dataOnly?: boolean } = {}): Promise<void> {
    return this.#ways.write.sync(options);
  }

  async close(): Promise<void> {
    await Promise.all([this.#ways.read.close(), this.#ways.write.close()]);
  }
}

/** An end of a pipe that never blocks, in the event loop: a blocked call would hold a thread that others need. */
function otherEnd(t: TestContext, path: string, flags: number): Socket {
  const socket = new Socket({
    fd: openSync(path, flags | O_NONBLOCK),
    readable: flags === O_RDONLY,
    writable: flags === O_WRONLY,
  });
  // The target's end is closed first where a test reads only a part.
  socket.on('error', () => {});
  t.after(() => void socket.destroy());
  return socket;
}

export function fifo(name: string, io: IoOption, engine: () => Engine): Subject {
  return {
    name: `fifo: ${name}, ${io}`,
    properties: {
      seekable: false,
      knowsSize: false,
      grows: false,
      durable: 'never',
      failedSync: 'loses',
      holes: false,
      layout: false,
      rewritesEnds: false,
      publishes: false,
      releases: 'answered',
    },
    async open(t, options) {
      const directory = tempDirectory(t);
      const [into, out] = [join(directory, 'in'), join(directory, 'out')];
      execFileSync('mkfifo', [into, out]);
      // Held open on both sides meanwhile, so that nobody waits for somebody else to open it.
      const keepers = [into, out].map((path) => openSync(path, O_RDWR | O_NONBLOCK));
      const feeder = otherEnd(t, into, O_WRONLY);
      const drain = otherEnd(t, out, O_RDONLY);
      const drained: Buffer[] = [];
      let drainedBytes = 0;
      drain.on('data', (chunk: Buffer) => {
        drained.push(chunk);
        drainedBytes += chunk.length;
      });
      const counted = new WrittenBytes(engine());
      const faulty = new FaultyEngine(counted, judgeOf(options));
      const read = await openTarget(t, faulty, io, into, 'r');
      const write = await openTarget(t, faulty, io, out, 'w');
      for (const fd of keepers) closeSync(fd);
      feeder.end(options.contents ?? new Uint8Array(0));
      return {
        target: new BothWays({ read, write }),
        async peek(offset, bytes) {
          while (drainedBytes < Math.min(offset + bytes, counted.bytes)) {
            await new Promise((resolve) => drain.once('data', resolve));
          }
          return Buffer.concat(drained).subarray(offset, offset + bytes);
        },
      };
    },
  };
}
