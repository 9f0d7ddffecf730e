// Pipes as subjects of the suite: one that is read, fed by somebody else, and one that is written, and drained.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { DioriteError } from '../../src/base/errors.js';
import { loadAddon } from '../../src/memory/addon.js';
import type { Direction, Limits } from '../../src/plan/limits.js';
import { type Engine, Op, type Operation } from '../../src/targets/file/engines/engine.js';
import { discover } from '../../src/targets/file/facts.js';
import { PipeTarget } from '../../src/targets/pipe/pipe-target.js';
import type { Request } from '../../src/transfer/request.js';
import type { Effect, IoMode, Target } from '../../src/transfer/target.js';
import { FaultyEngine } from '../support/faulty-engine.js';
import { tempDirectory } from '../support/temp.js';
import { judgeOf } from './file-subject.js';
import type { Subject } from './subject.js';

const { O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;
/** Small, so that small transfers take several requests. */
const BEST_BYTES = 65_536;

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
  readonly #ways: Readonly<Record<Direction, PipeTarget>>;
  #full: Direction = 'read';

  constructor(ways: Readonly<Record<Direction, PipeTarget>>) {
    this.#ways = ways;
    this.bestDepth = Math.max(ways.read.bestDepth, ways.write.bestDepth);
    this.durable = ways.write.durable;
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
    this.#full = request.direction;
    return this.#ways[request.direction].submit(request);
  }

  onceDrained(callback: () => void): void {
    this.#ways[this.#full].onceDrained(callback);
  }

  cancel(request: Request): void {
    this.#ways[request.direction].cancel(request);
  }

  effectOf(error: DioriteError, direction: Direction): Effect {
    return this.#ways[direction].effectOf(error);
  }

  ioMode(direction: Direction): IoMode {
    return this.#ways[direction].ioMode();
  }

  sync(): Promise<void> {
    return this.#ways.write.sync();
  }

  async close(): Promise<void> {
    await Promise.all([this.#ways.read.close(), this.#ways.write.close()]);
  }
}

/** An end of a pipe that never blocks, in the event loop: a blocked call would hold a thread that others need. */
function otherEnd(t: TestContext, fd: number, flags: number): Socket {
  const socket = new Socket({
    fd,
    readable: flags === O_RDONLY,
    writable: flags === O_WRONLY,
  });
  // The target's end is closed first where a test reads only a part.
  socket.on('error', () => {});
  t.after(() => void socket.destroy());
  return socket;
}

/** The ends of a pipe: what the target gets, and what somebody else reads or writes at the other. */
interface Ends {
  readonly reads: number;
  readonly writes: number;
}

/** Named: opened on both sides, so that nobody waits for somebody else to open it. */
function named(t: TestContext, name: string): Ends {
  const path = join(tempDirectory(t), name);
  execFileSync('mkfifo', [path]);
  const keeper = openSync(path, O_RDWR | O_NONBLOCK);
  const ends = { reads: openSync(path, O_RDONLY), writes: openSync(path, O_WRONLY) };
  closeSync(keeper);
  return ends;
}

function anonymous(): Ends {
  const out = new Int32Array(2);
  if (loadAddon()?.pipeCreate(out) !== 0) throw new Error('no pipe');
  return { reads: out[0] ?? -1, writes: out[1] ?? -1 };
}

function targetOver(t: TestContext, fd: number, engine: Engine): PipeTarget {
  const facts = discover(fd, `pipe ${fd}`, fstatSync(fd), false);
  const close = async (): Promise<void> => closeSync(fd);
  const target = new PipeTarget({ fd, name: `pipe ${fd}`, facts, engine, bestBytes: BEST_BYTES, isPipe: true, close });
  t.after(() => target.close());
  return target;
}

export function pipe(kind: 'named' | 'anonymous', name: string, engine: () => Engine): Subject {
  return {
    name: `pipe: ${kind}, ${name}`,
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
      const into = kind === 'named' ? named(t, 'in') : anonymous();
      const out = kind === 'named' ? named(t, 'out') : anonymous();
      const feeder = otherEnd(t, into.writes, O_WRONLY);
      const drain = otherEnd(t, out.reads, O_RDONLY);
      const drained: Buffer[] = [];
      let drainedBytes = 0;
      drain.on('data', (chunk: Buffer) => {
        drained.push(chunk);
        drainedBytes += chunk.length;
      });
      const counted = new WrittenBytes(engine());
      const faulty = new FaultyEngine(counted, judgeOf(options));
      const target = new BothWays({
        read: targetOver(t, into.reads, faulty),
        write: targetOver(t, out.writes, faulty),
      });
      feeder.end(options.contents ?? new Uint8Array(0));
      return {
        target,
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
