// What a stream needs of the open file that it reads or writes.
import type { IovIter } from '../iter/iov-iter.js';
import type { Direction } from '../plan/limits.js';
import type { FileLike } from '../transfer/file-like.js';
import type { TransferOptions } from '../transfer/options.js';
import type { Outcome } from '../transfer/outcome.js';

export interface StreamHost {
  readonly target: FileLike;
  /** O_APPEND: where a write goes is the kernel's word. */
  readonly appends: boolean;
  readonly depth: number | undefined;
  readonly bytesInFlight: number | undefined;
  /** Throws where the file is closed, or closing. */
  mustBeOpen(syscall: string): void;
  /** Throws where nothing may go out any more. Goes out although the file is closing: closing waits for its streams. */
  transfer(
    iter: IovIter,
    position: number,
    bytes: number,
    direction: Direction,
    options: TransferOptions,
    resolve: (outcome: Outcome) => void,
    reject: (error: unknown) => void,
  ): void;
  /** Where the handle's own position is now. */
  readonly ownPosition: number;
  /** Moves the handle's own position by `bytes` and tells where it was: at once, unless earlier calls wait for their turn. */
  take(bytes: number, got: (position: number) => void): void;
  /** Of what was taken up to `taken` only what lies before `used` was used. */
  giveBack(taken: number, used: number): void;
  /** In turn with the calls that use the handle's own position; `work` is given it, and says where it is then. */
  inTurn(work: (position: number) => Promise<number>): Promise<void>;
  /** Closing the file calls `end`, and waits until the function that this returns is called: once or more. */
  join(end: () => void): () => void;
  close(): Promise<void>;
}

/**
 * What one stream has in flight, gathers or has read ahead, where `bytesInFlight` of the file does not say: eight
 * requests of 1 MiB keep a disk busy. What a consumer has not taken counts too, so this is what a stalled one costs.
 */
const STREAM_BYTES_DEFAULT: number = 8 * 1024 * 1024;

export function bytesOf({ bytesInFlight, target }: StreamHost): number {
  return bytesInFlight ?? Math.max(STREAM_BYTES_DEFAULT, target.bestBytesInFlight ?? 0);
}

export function depthOf({ depth, target }: StreamHost): number {
  if (target.bestDepth === 1) return 1;
  // What was answered may be kept for long: bytes bound that, and the target itself what is unanswered.
  return target.releasesLater === true ? Number.MAX_SAFE_INTEGER : (depth ?? target.bestDepth);
}

/** All of the iterator, with a promise. */
export function onceTransfer(
  host: StreamHost,
  iter: IovIter,
  position: number,
  direction: Direction,
  options: TransferOptions,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const { depth, bytesInFlight } = host;
    const all = { depth, bytesInFlight, ...options };
    host.transfer(iter, position, iter.count, direction, all, resolve, reject);
  });
}
