// A queue of memory that grows at its tail while iterators consume it: what the kernel calls a rolling buffer.
import { bytesOf } from '../base/views.js';
import { Segments } from './segments.js';

/** For iterators: a queue shows its segments to nobody else. */
export let segmentsOf: (queue: FolioQueue) => Segments;

/**
 * Slots of memory, counted from the first that was ever pushed. An iterator sees what is pushed once its count says so:
 * `queue.push(memory)`, then `iter.reexpand(iter.count + memory.byteLength)`. `iter.dropConsumed()` lets the memory
 * behind the iterator go, up to where another one has its `claim()`.
 *
 *      slots     |·dropped·|---------|---------|---------|·····        push: at the tail, at any time
 *                          ^ firstSlot    ^ iterator → count
 *
 * A read or write moves the iterator as it goes, not when it settles: up to the first byte that is not done, or whose
 * memory is still in use. A write lets go of the slots it has consumed, early enough that those it keeps hold at most a
 * sixteenth of what it has before it; a read, whose data somebody is to consume, of none. What is pushed meanwhile is for
 * the next call, with the same iterator.
 */
export class FolioQueue {
  readonly #segments: Segments = new Segments('folioq', [], [], []);

  static {
    segmentsOf = (queue) => queue.#segments;
  }

  /** Bytes in the slots that were not dropped. */
  get bytes(): number {
    return this.#segments.bytes;
  }

  /** The number of the first slot that was not dropped, and of the next that is pushed. */
  get firstSlot(): number {
    return this.#segments.dropped;
  }

  get slots(): number {
    return this.#segments.dropped + this.#segments.lengths.length;
  }

  /** Adds memory at the tail; also while the queue is walked. */
  push(memory: ArrayBufferView): void {
    this.#segments.append(bytesOf(memory, 'memory'));
  }
}
