// What reads and writes resolve with: Node's shape, and what really happened as getters on the prototype.
import type { Extent } from '../base/errors.js';
import type { Outcome } from '../transfer/outcome.js';
import type { IoMode } from '../transfer/target.js';

/** Shared by all results. The getters are on the prototype, so that a result prints and compares as Node's does. */
class Result {
  readonly #outcome: Outcome;

  constructor(outcome: Outcome) {
    this.#outcome = outcome;
  }

  /** What is known of every byte: one `done` extent, for a promise that resolved. */
  get extents(): readonly Extent[] {
    return this.#outcome.extents;
  }

  /** How many requests went to the target. */
  get requests(): number {
    return this.#outcome.requests;
  }

  /** Bytes that were copied because they could not go as they lay. */
  get copiedBytes(): number {
    return this.#outcome.copiedBytes;
  }

  /** Bytes that went through the page cache. */
  get bufferedBytes(): number {
    return this.#outcome.bufferedBytes;
  }

  /** How everything but unaligned ends went, by what the kernel did. Says nothing of durability: `stable` does. */
  get io(): IoMode {
    return this.#outcome.io;
  }

  /** Every byte is durable. */
  get stable(): boolean {
    return this.#outcome.stable;
  }
}

export class ReadResult<T> extends Result {
  /** Fewer than asked only at the end of the data. */
  readonly bytesRead: number;
  readonly buffer: T;

  constructor(buffer: T, outcome: Outcome) {
    super(outcome);
    this.bytesRead = outcome.bytes;
    this.buffer = buffer;
  }
}

export class WriteResult<T> extends Result {
  readonly bytesWritten: number;
  readonly buffer: T;

  constructor(buffer: T, outcome: Outcome) {
    super(outcome);
    this.bytesWritten = outcome.bytes;
    this.buffer = buffer;
  }
}

export class ReadvResult<T> extends Result {
  readonly bytesRead: number;
  readonly buffers: T;

  constructor(buffers: T, outcome: Outcome) {
    super(outcome);
    this.bytesRead = outcome.bytes;
    this.buffers = buffers;
  }
}

export class WritevResult<T> extends Result {
  readonly bytesWritten: number;
  readonly buffers: T;

  constructor(buffers: T, outcome: Outcome) {
    super(outcome);
    this.bytesWritten = outcome.bytes;
    this.buffers = buffers;
  }
}

// By function, so that one is not made for each call.

export function toReadResult(memory: never, outcome: Outcome): ReadResult<never> {
  return new ReadResult(memory, outcome);
}

export function toWriteResult(memory: never, outcome: Outcome): WriteResult<never> {
  return new WriteResult(memory, outcome);
}

export function toReadvResult<T>(memory: T, outcome: Outcome): ReadvResult<T> {
  return new ReadvResult(memory, outcome);
}

export function toWritevResult<T>(memory: T, outcome: Outcome): WritevResult<T> {
  return new WritevResult(memory, outcome);
}
