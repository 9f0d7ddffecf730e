// What a caller may ask of one transfer.
import type { Target } from './target.js';

export interface TransferOptions {
  /** Aborting stops new requests; the promise settles when the last one in flight was answered. */
  readonly signal?: AbortSignal | undefined;
  /** The most requests in flight; the target's `bestDepth` where it is not given. */
  readonly depth?: number | undefined;
  /** The most bytes in flight, counted until their release. One request may always go. */
  readonly bytesInFlight?: number | undefined;
  /** Each write is durable when it is answered. */
  readonly dsync?: boolean | undefined;
  /** False: a write need not be durable when it resolves, where the target would make it so; `sync` comes later. */
  readonly stable?: boolean | undefined;
  /** Reads: done at the first answer that moved bytes, however few: what a pipe gives as it comes. Of one request only. */
  readonly partial?: boolean | undefined;
  /** More follows in other transfers: memory that waits for a COMMIT may go on waiting for what comes. */
  readonly patient?: boolean | undefined;
  /** Called with the bytes done so far, at most once per answer. A throw is the caller's own and aborts nothing. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

export const BYTES_IN_FLIGHT_DEFAULT: number = 32 * 1024 * 1024;

/** Whether what a write with these options moved is durable when it resolves. */
export function isStable(target: Target, { dsync, stable }: TransferOptions): boolean {
  return target.durable !== 'never' && (dsync === true || (target.durable === 'answer' && stable !== false));
}

/**
 * Whether each write of these options is to be durable when it is answered: where a target makes things durable by `sync`
 * alone, a single write has no other way to be stable.
 */
export function wantsDsync(target: Target, { dsync, stable }: Pick<TransferOptions, 'dsync' | 'stable'>): boolean {
  return dsync === true || (stable === true && target.durable === 'sync');
}
