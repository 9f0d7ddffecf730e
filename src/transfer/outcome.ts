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
