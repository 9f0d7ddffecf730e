// What is known of every byte that was to be written to one destination: a ledger over the whole copy.
import type { Extent } from '../base/errors.js';
import { Ledger } from '../transfer/ledger.js';

function extentsOf(error: unknown): readonly Extent[] | null {
  if (!(error instanceof Error && 'extents' in error && Array.isArray(error.extents))) return null;
  return error.extents.length === 0 ? null : error.extents;
}

/**
 * Begins with every byte `failed`: nothing was sent. A file that is never published is removed in the end; until then,
 * and on a device for good, this is what is there.
 */
export class CopyLedger {
  #ledger: Ledger | null;

  /** `size`: undefined where the source does not say; the ledger then grows with what is written. */
  constructor(size: number | undefined) {
    this.#ledger = size === undefined || size === 0 ? null : new Ledger(0, size);
  }

  done(offset: number, length: number): void {
    if (length > 0) this.#upTo(offset + length).mark(offset, length, 'done');
  }

  /** A write of this range failed: what its own ledger says; without one, nobody knows. */
  failed(offset: number, length: number, error: unknown): void {
    if (length === 0) return;
    const extents = extentsOf(error);
    if (extents === null) this.#upTo(offset + length).mark(offset, length, 'unknown');
    else this.note(extents);
  }

  /** What an error of something else than a write says: a sync that failed makes unknown what was done. */
  noteError(error: unknown): void {
    const extents = extentsOf(error);
    if (extents !== null) this.note(extents);
  }

  note(extents: readonly Extent[]): void {
    for (const { offset, length, state } of extents)
      if (length > 0) this.#upTo(offset + length).mark(offset, length, state);
  }

  get bytes(): number {
    return this.#ledger?.doneFrom(0) ?? 0;
  }

  extents(): Extent[] {
    return this.#ledger?.extents() ?? [];
  }

  #upTo(end: number): Ledger {
    this.#ledger ??= new Ledger(0, end);
    return this.#ledger;
  }
}
