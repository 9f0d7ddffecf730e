// The engine `threads` with the addon: operations run on the thread pool, on memory by address.
import { constants } from 'node:os';
import { assert } from '../../../base/assert.js';
import type { Addon } from '../../../memory/addon.js';
import { Bounded, resultOf } from './bounded.js';
import { type Engine, Op, type Operation } from './engine.js';
import { type AddressOf, IOVEC_WORDS, MAX_OPERATION_BYTES, writeIovecs } from './iovecs.js';

/** UIO_MAXIOV: the kernel refuses more. */
const SEGMENTS_MAX = 1024;
const DEPTH = 128;
const ACTIVE_MAX = 64;

export class PoolEngine implements Engine {
  readonly name = 'threads';
  readonly addresses = true;
  readonly maxSegments: number = SEGMENTS_MAX;
  readonly depth: number;
  readonly #addon: Addon;
  readonly #addressOf: AddressOf;
  readonly #queue: Bounded;
  /** One for all: a job copies it before it is queued. */
  readonly #iovecs: Uint32Array = new Uint32Array(SEGMENTS_MAX * IOVEC_WORDS);

  constructor(addon: Addon, addressOf: AddressOf, depth: number = DEPTH, activeMax: number = ACTIVE_MAX) {
    this.#addon = addon;
    this.#addressOf = addressOf;
    this.depth = depth;
    this.#queue = new Bounded(depth, Math.min(activeMax, depth), this.#start);
  }

  get inFlight(): number {
    return this.#queue.inFlight;
  }

  supports(op: Op): boolean {
    return op >= Op.READ && op <= Op.SEEK;
  }

  submit(operation: Operation): boolean {
    assert(operation.segments === null || operation.segments.count <= SEGMENTS_MAX, 'at most maxSegments');
    assert(movedBytes(operation) <= MAX_OPERATION_BYTES, 'an operation moves at most what the kernel moves at once');
    return this.#queue.submit(operation);
  }

  onceDrained(callback: () => void): void {
    this.#queue.onceDrained(callback);
  }

  readonly #start = (operation: Operation, done: (result: number) => void): void => {
    const { op, fd, offset, length, flags, segments } = operation;
    const count = segments === null ? 0 : segments.count;
    const iovecs = count > 0 || op === Op.READ || op === Op.WRITE ? this.#iovecs : null;
    if (segments !== null && !writeIovecs(this.#iovecs, 0, segments, this.#addressOf)) {
      process.nextTick(done, -constants.errno.EFAULT);
      return;
    }
    try {
      // The operation is what the job holds: it keeps its buffers alive though an environment ends meanwhile.
      this.#addon.job(op, fd, offset, length, flags, iovecs, 0, count, operation, done, operation.from);
    } catch (error) {
      process.nextTick(done, resultOf(error, -constants.errno.EINVAL));
    }
  };
}

/** Other operations name ranges of a file, which may be of any length. */
export function movedBytes(operation: Operation): number {
  return operation.op === Op.READ || operation.op === Op.WRITE ? operation.length : 0;
}
