// What reads and writes resolve with: Node's shape, and what really happened as getters on the prototype.
import type { Extent } from '../base/errors.js';
import { doneExtents, type How } from '../transfer/outcome.js';
import type { Chosen } from '../transfer/pace.js';
import type { IoMode } from '../transfer/target.js';

/** Shared by all results. The getters are on the prototype, so that a result prints and compares as Node's does. */
class Result {
  readonly #offset: number;
  readonly #bytes: number;
  readonly #how: How;

  constructor(offset: number, bytes: number, how: How) {
    this.#offset = offset;
    this.#bytes = bytes;
    this.#how = how;
  }

  /** What is known of every byte: one `done` extent, for a promise that resolved. */
  get extents(): readonly Extent[] {
    return doneExtents(this.#offset, this.#bytes);
  }

  /** How many requests went to the target. */
  get requests(): number {
    return this.#how.requests;
  }

  /** Bytes that were copied because they could not go as they lay. */
  get copiedBytes(): number {
    return this.#how.copiedBytes;
  }

  /** Bytes that went through the page cache. */
  get bufferedBytes(): number {
    return this.#how.bufferedBytes;
  }

  /** How everything but unaligned ends went, by what the kernel did. Says nothing of durability: `stable` does. */
  get io(): IoMode {
    return this.#how.io;
  }

  /** Every byte is durable. */
  get stable(): boolean {
    return this.#how.stable;
  }

  /**
   * How many requests of what size were kept in flight, and why: found by what the device did with more and fewer. Null:
   * there was nothing to choose: it was short, or `depth` or `requestBytes` was asked for.
   */
  get chosen(): Chosen | null {
    return this.#how.chosen ?? null;
  }
}

export class ReadResult<T> extends Result {
  /** Fewer than asked only at the end of the data. */
  readonly bytesRead: number;
  readonly buffer: T;

  constructor(buffer: T, offset: number, bytes: number, how: How) {
    super(offset, bytes, how);
    this.bytesRead = bytes;
    this.buffer = buffer;
  }
}

export class WriteResult<T> extends Result {
  readonly bytesWritten: number;
  readonly buffer: T;

  constructor(buffer: T, offset: number, bytes: number, how: How) {
    super(offset, bytes, how);
    this.bytesWritten = bytes;
    this.buffer = buffer;
  }
}

export class ReadvResult<T> extends Result {
  readonly bytesRead: number;
  readonly buffers: T;

  constructor(buffers: T, offset: number, bytes: number, how: How) {
    super(offset, bytes, how);
    this.bytesRead = bytes;
    this.buffers = buffers;
  }
}

export class WritevResult<T> extends Result {
  readonly bytesWritten: number;
  readonly buffers: T;

  constructor(buffers: T, offset: number, bytes: number, how: How) {
    super(offset, bytes, how);
    this.bytesWritten = bytes;
    this.buffers = buffers;
  }
}

/** Makes a result; by function, so that one is not made for each call. */
export type ToResult<T, R> = (memory: T, offset: number, bytes: number, how: How) => R;

export function toReadResult<T>(memory: T, offset: number, bytes: number, how: How): ReadResult<T> {
  return new ReadResult(memory, offset, bytes, how);
}

export function toWriteResult<T>(memory: T, offset: number, bytes: number, how: How): WriteResult<T> {
  return new WriteResult(memory, offset, bytes, how);
}

export function toReadvResult<T>(memory: T, offset: number, bytes: number, how: How): ReadvResult<T> {
  return new ReadvResult(memory, offset, bytes, how);
}

export function toWritevResult<T>(memory: T, offset: number, bytes: number, how: How): WritevResult<T> {
  return new WritevResult(memory, offset, bytes, how);
}
