// What a transfer that moved all its bytes tells.
import type { Extent } from '../base/errors.js';
import type { IoMode } from './target.js';

export interface Outcome {
  /** What was moved: for a write all that was asked, for a read fewer only at the end of the data. */
  readonly bytes: number;
  readonly extents: readonly Extent[];
  /** How many requests went to the target. */
  readonly requests: number;
  /** How many bytes were copied through staging. */
  readonly copiedBytes: number;
  /** How many bytes went through the page cache: unaligned ends, or everything where `io` is not `direct`. */
  readonly bufferedBytes: number;
  /** How everything but unaligned ends went, by what the target saw happen. */
  readonly io: IoMode;
  /** Every byte is durable. */
  readonly stable: boolean;
}

/** Made once for each transfer that moved all; its extents are made only when they are asked for. */
export class MovedAll implements Outcome {
  readonly bytes: number;
  readonly requests: number;
  readonly copiedBytes: number;
  readonly bufferedBytes: number;
  readonly io: IoMode;
  readonly stable: boolean;
  readonly #offset: number;

  constructor(
    offset: number,
    bytes: number,
    requests: number,
    copiedBytes: number,
    bufferedBytes: number,
    io: IoMode,
    stable: boolean,
  ) {
    this.#offset = offset;
    this.bytes = bytes;
    this.requests = requests;
    this.copiedBytes = copiedBytes;
    this.bufferedBytes = bufferedBytes;
    this.io = io;
    this.stable = stable;
  }

  get extents(): readonly Extent[] {
    return this.bytes === 0 ? [] : [{ offset: this.#offset, length: this.bytes, state: 'done' }];
  }
}
