// A position in the memory that a reply's payload goes to: copied into from staging, or given to the socket itself.
import { assert } from '../../base/assert.js';
import { memoryGone } from '../../iter/segments.js';
import type { SegmentList } from '../../plan/request.js';
import type { Pieces } from './transport.js';

/**
 * From here on node:net reads a piece of memory straight from the socket; smaller ones are cheaper copied out of one
 * large read (measured: 4 KiB pieces, 1.7 against 2.6 GB/s).
 */
export const READ_DIRECT_BYTES: number = 64 * 1024;

/** Below this a read of its own costs more than a copy out of the next large one. */
const DIRECT_REST_BYTES = 4096;

/** Where a payload goes. */
export interface Sink {
  readonly segments: SegmentList;
  /** The most that may come. */
  readonly bytes: number;
}

export class SinkCursor {
  /** Payload that is still to come. */
  rest = 0;
  #segments: SegmentList | null = null;
  #index = 0;
  /** In the segment. */
  #at = 0;
  /** Over the whole of the buffer that was used last: segments of one buffer cost no second look at it. */
  #memory: Uint8Array = new Uint8Array(0);

  start(sink: Sink, bytes: number): void {
    assert(bytes <= sink.bytes, 'a payload fits into its memory');
    this.#segments = sink.segments;
    this.rest = bytes;
    this.#index = 0;
    this.#at = 0;
    this.advance(0);
  }

  /** Lets go of the memory. */
  stop(): void {
    this.#segments = null;
    this.#memory = new Uint8Array(0);
    this.rest = 0;
  }

  #length(): number {
    const length = this.#segments?.length[this.#index];
    assert(length !== undefined, 'the segments of a sink hold its bytes');
    return length;
  }

  advance(bytes: number): void {
    this.rest -= bytes;
    this.#at += bytes;
    while (this.rest > 0 && this.#at >= this.#length()) {
      this.#at -= this.#length();
      this.#index++;
    }
  }

  /** The next `bytes` of the payload lie in `source` from byte `from` on. Throws ERR_DIORITE_DETACHED. */
  copy(source: Uint8Array, from: number, bytes: number): void {
    for (let done = 0; done < bytes; ) {
      const part = Math.min(bytes - done, this.#length() - this.#at);
      const start = source.byteOffset + from + done;
      const target = this.#whole();
      try {
        target.set(new Uint8Array(source.buffer, start, part), this.#from());
      } catch (error) {
        throw memoryGone('a read in flight', error);
      }
      done += part;
      this.advance(part);
    }
  }

  /**
   * Memory for the next bytes of the payload, if they are worth a read of their own: at most `max` bytes. Null: they go
   * through staging. Throws ERR_DIORITE_DETACHED.
   */
  direct(max: number, directBytes: number = READ_DIRECT_BYTES): Uint8Array | null {
    if (this.rest === 0 || this.#length() < directBytes) return null;
    const bytes = Math.min(max, this.rest, this.#length() - this.#at);
    if (bytes < DIRECT_REST_BYTES) return null;
    const from = this.#from();
    const whole = this.#whole();
    if (from + bytes > whole.length) throw memoryGone('a read in flight');
    return whole.subarray(from, from + bytes);
  }

  /** The same in several pieces, each of at least `directBytes`. Says how many bytes they hold. */
  pieces(pieces: Pieces, max: number, directBytes: number): number {
    const segments = this.#segments;
    const bytes = Math.min(max, this.rest);
    if (segments === null || bytes < DIRECT_REST_BYTES) return 0;
    let done = 0;
    for (let i = this.#index, at = this.#at; done < bytes; i++) {
      const length = segments.length[i] ?? 0;
      if (length < directBytes) break;
      const buffer = segments.buffer[i];
      assert(buffer !== null && buffer !== undefined, 'each segment of a sink has memory');
      const part = Math.min(length - at, bytes - done);
      if (!pieces.put(buffer, (segments.byteOffset[i] ?? 0) + at, part)) break;
      done += part;
      at = 0;
    }
    return done;
  }

  /** Payload before the next piece of memory that is read into directly. */
  bytesBeforeDirect(directBytes: number = READ_DIRECT_BYTES): number {
    let before = 0;
    for (let i = this.#index, at = this.#at; before < this.rest; i++) {
      const length = this.#segments?.length[i] ?? 0;
      if (length >= directBytes) return before;
      before += length - at;
      at = 0;
    }
    return this.rest;
  }

  /** Where it stands in its buffer. */
  #from(): number {
    return (this.#segments?.byteOffset[this.#index] ?? 0) + this.#at;
  }

  #whole(): Uint8Array {
    const buffer = this.#segments?.buffer[this.#index];
    assert(buffer !== null && buffer !== undefined, 'each segment of a sink has memory');
    if (this.#memory.buffer !== buffer) {
      try {
        this.#memory = new Uint8Array(buffer);
      } catch (error) {
        throw memoryGone('a read in flight', error);
      }
    }
    return this.#memory;
  }
}
