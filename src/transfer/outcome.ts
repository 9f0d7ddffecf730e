// What a transfer that moved all its bytes tells.
import type { Extent } from '../base/errors.js';
import type { Chosen } from './pace.js';
import type { IoMode } from './target.js';

/** How bytes were moved, wherever they lie: many transfers share one of these. */
export interface How {
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
  /** The depth and request size that were found best by its end; absent or null: there was nothing to choose. */
  readonly chosen?: Chosen | null;
}

export interface Outcome extends How {
  /** Where it began. */
  readonly offset: number;
  /** What was moved: for a write all that was asked, for a read fewer only at the end of the data. */
  readonly bytes: number;
}

/** What is known of every byte of a transfer that moved all: made only when it is asked for. */
export function doneExtents(offset: number, bytes: number): readonly Extent[] {
  return bytes === 0 ? [] : [{ offset, length: bytes, state: 'done' }];
}

/** Made once for each transfer of more than one request. */
export class MovedAll implements Outcome {
  readonly offset: number;
  readonly bytes: number;
  readonly requests: number;
  readonly copiedBytes: number;
  readonly bufferedBytes: number;
  readonly io: IoMode;
  readonly stable: boolean;
  readonly chosen: Chosen | null;

  constructor(
    offset: number,
    bytes: number,
    requests: number,
    copiedBytes: number,
    bufferedBytes: number,
    io: IoMode,
    stable: boolean,
    chosen: Chosen | null = null,
  ) {
    this.offset = offset;
    this.bytes = bytes;
    this.requests = requests;
    this.copiedBytes = copiedBytes;
    this.bufferedBytes = bufferedBytes;
    this.io = io;
    this.stable = stable;
    this.chosen = chosen;
  }
}

let last: How = { requests: 1, copiedBytes: 0, bufferedBytes: 0, io: 'direct', stable: false };

/** The same object as the last time where nothing differs: small transfers in a row went the same way. */
export function sharedHow(
  requests: number,
  copiedBytes: number,
  bufferedBytes: number,
  io: IoMode,
  stable: boolean,
): How {
  const { io: lastIo, stable: lastStable } = last;
  const isLast = last.requests === requests && lastIo === io && lastStable === stable;
  if (!isLast || last.copiedBytes !== copiedBytes || last.bufferedBytes !== bufferedBytes)
    last = { requests, copiedBytes, bufferedBytes, io, stable };
  return last;
}
