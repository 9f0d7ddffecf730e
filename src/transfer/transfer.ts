// Moves bytes between memory and a target: by callbacks, with a promise, or from a request on that is in flight already.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { IovIter } from '../iter/iov-iter.js';
import type { Direction } from '../plan/limits.js';
import { Transfer } from './moving.js';
import type { TransferOptions } from './options.js';
import type { Outcome } from './outcome.js';
import type { Request, RequestOwner } from './request.js';
import type { Target } from './target.js';

/**
 * Starts to move `bytes` between the iterator's memory and the target at `offset`. The iterator is duplicated now and
 * moved once, by the bytes done, when the transfer settles (a queue's as it goes: see FolioQueue); its memory must stay
 * until then. Calls `resolve` when every byte is done (a read: or the data ended), `reject` with the ledger otherwise.
 */
export function runTransfer(
  target: Target,
  iter: IovIter,
  offset: number,
  bytes: number,
  direction: Direction,
  options: TransferOptions,
  resolve: (outcome: Outcome) => void,
  reject: (error: unknown) => void,
): void {
  assert(bytes <= iter.count, 'a transfer is no longer than its iterator');
  new Transfer(target, iter, offset, bytes, direction, options, resolve, reject).start();
}

/** As runTransfer, with a promise. */
export function startTransfer(
  target: Target,
  iter: IovIter,
  offset: number,
  bytes: number,
  direction: Direction,
  options: TransferOptions,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    runTransfer(target, iter, offset, bytes, direction, options, resolve, reject);
  });
}

/**
 * The transfer of a request that somebody else has sent, of one piece of memory and all of the range: it gets the answers
 * from now on, and ends as if it had planned the request itself.
 */
export function adoptRequest(
  request: Request,
  target: Target,
  options: TransferOptions,
  resolve: (outcome: Outcome) => void,
  reject: (error: unknown) => void,
): RequestOwner {
  const { direction, payloadOffset, payloadBytes, segments } = request;
  const buffer = segments.buffer[0];
  const byteOffset = segments.byteOffset[0] ?? 0;
  assert(buffer != null && segments.count === 1, 'what is adopted has one piece of memory');
  const isGone = byteOffset + payloadBytes > buffer.byteLength;
  const iter = isGone ? IovIter.discard(payloadBytes) : IovIter.ubuf(new Uint8Array(buffer, byteOffset, payloadBytes));
  const transfer = new Transfer(target, iter, payloadOffset, payloadBytes, direction, options, resolve, reject);
  transfer.adopt(request, isGone ? errors.make('ERR_DIORITE_DETACHED', 'The memory was detached meanwhile') : null);
  return transfer;
}
