// What a transfer knows of its bytes: how many are done, where a read's data ended, and the ledger once it needs one.
import { DioriteError } from '../base/errors.js';
import type { IovIter } from '../iter/iov-iter.js';
import { Ledger } from './ledger.js';
import type { Request } from './request.js';

/** A transfer's base class, so that a small one, which needs no ledger, is still a single object. */
export class Account {
  protected readonly offset: number;
  protected readonly bytes: number;
  protected doneBytes = 0;
  /** Where the data ended, for reads. */
  protected end: number = Number.POSITIVE_INFINITY;
  #ledger: Ledger | null = null;

  protected constructor(offset: number, bytes: number) {
    this.offset = offset;
    this.bytes = bytes;
  }

  /** Payload bytes `from` … `to` of the request are done. */
  protected markDone(request: Request, from: number, to: number): void {
    if (request.pieces.count === 0) this.#done(request.payloadOffset + from, to - from);
    else request.eachPiece(from, to, (offset, bytes) => this.#done(offset, bytes));
  }

  #done(offset: number, bytes: number): void {
    if (bytes === 0) return;
    this.doneBytes += bytes;
    // One request that did it all needs no ledger, unless there is one.
    if (bytes < this.bytes || this.#ledger !== null) this.#mustLedger().mark(offset, bytes, 'done');
  }

  protected markUnknown(request: Request, from: number, to: number): void {
    request.eachPiece(from, to, (offset, bytes) => this.#mustLedger().mark(offset, bytes, 'unknown'));
  }

  /** After an error: the payload, or, where the target rewrites blocks, all that it has touched. */
  protected markTouched(request: Request): void {
    if (request.pieces.count > 0) this.markUnknown(request, 0, request.payloadBytes);
    else this.#mustLedger().mark(request.touchedOffset, request.touchedBytes, 'unknown');
  }

  /** Done, and to be moved once more: counted again then. */
  protected takeBack(bytes: number): void {
    this.doneBytes -= bytes;
  }

  /** The data ends where the first byte of the payload from `from` on is missing. */
  protected markEnd(request: Request, from: number): void {
    request.eachPiece(from, request.payloadBytes, (offset) => {
      this.end = Math.min(this.end, offset);
    });
  }

  /** What is missing from `from` on reads as zeros up to `size`; beyond it the data ends. */
  protected fillHole(request: Request, from: number, size: number, iter: IovIter): void {
    request.eachPiece(from, request.payloadBytes, (offset, bytes, state, skipped) => {
      const zeros = Math.max(0, Math.min(bytes, size - offset));
      iter.restore(state);
      iter.advance(skipped);
      iter.zero(zeros);
      this.#done(offset, zeros);
      if (zeros < bytes) this.end = Math.min(this.end, offset + zeros);
    });
  }

  /** The unbroken run of done bytes from the start. */
  protected doneFromStart(): number {
    return this.#ledger === null ? this.doneBytes : Math.min(this.bytes, this.#ledger.doneFrom(this.offset));
  }

  /** The error that ends the transfer says what is known of every byte. Returns how many are done from the start on. */
  protected tellIn(error: Error): number {
    const extents = this.#mustLedger().extents();
    const bytes = this.doneFromStart();
    if (error instanceof DioriteError) {
      error.offset = this.offset;
      error.length = this.bytes;
      error.bytes = bytes;
      error.extents = extents;
    }
    return bytes;
  }

  #mustLedger(): Ledger {
    if (this.#ledger === null) {
      this.#ledger = new Ledger(this.offset, this.bytes);
      // All done by one request, and aborted before its release.
      if (this.doneBytes === this.bytes) this.#ledger.mark(this.offset, this.bytes, 'done');
    }
    return this.#ledger;
  }
}
