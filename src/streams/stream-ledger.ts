// What is known of all the bytes that a stream has sent, over many transfers: in order, and bounded.
import { assert } from '../base/assert.js';
import { DioriteError, type Extent, errors } from '../base/errors.js';
import { Ledger } from '../transfer/ledger.js';
import { doneExtents, MovedAll, type Outcome } from '../transfer/outcome.js';
import type { Target } from '../transfer/target.js';

/** One transfer of the stream. */
export interface Sent {
  readonly offset: number;
  readonly bytes: number;
  /** Null: not known yet. */
  extents: readonly Extent[] | null;
}

/** Where others write in between at the handle's own position, stretches are apart; past this, two become one. */
const STRETCHES_MAX = 1024;

/**
 * Transfers come back in any order; `bytes` counts those that are done, from the stream's first byte on without a break.
 *
 *      sent      [ done ][ done ][ in flight ][ done ][ failed ]
 *      bytes     ----------------^
 */
export class StreamLedger {
  /** Done, from the first byte on; one, unless somebody else writes in between. */
  readonly #stretches: { offset: number; length: number }[] = [];
  /** In the order of the stream, from the first that is not done. */
  readonly #open: Sent[] = [];
  #bytes = 0;
  #requests = 0;
  #copiedBytes = 0;
  #bufferedBytes = 0;
  #stable = true;

  /** The unbroken run of done bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  begin(offset: number, bytes: number): Sent {
    const sent = { offset, bytes, extents: null };
    this.#open.push(sent);
    return sent;
  }

  done(sent: Sent, outcome: Outcome): void {
    this.#requests += outcome.requests;
    this.#copiedBytes += outcome.copiedBytes;
    this.#bufferedBytes += outcome.bufferedBytes;
    this.#stable &&= outcome.stable;
    sent.extents = doneExtents(outcome.offset, outcome.bytes);
    for (let first = this.#open[0]; first !== undefined && isDone(first); first = this.#open[0]) {
      this.#open.shift();
      this.#stretch(first);
    }
  }

  failed(sent: Sent, error: unknown): void {
    const told = error instanceof DioriteError ? error.extents : undefined;
    sent.extents = told ?? [{ offset: sent.offset, length: sent.bytes, state: 'failed' }];
  }

  #stretch({ offset, bytes }: Sent): void {
    this.#bytes += bytes;
    const last = this.#stretches.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += bytes;
    else this.#stretches.push({ offset, length: bytes });
    if (this.#stretches.length > STRETCHES_MAX) this.#mergeFirst();
  }

  #mergeFirst(): void {
    const first = this.#stretches.shift();
    const [second] = this.#stretches;
    assert(first !== undefined && second !== undefined, 'there are more than two stretches');
    const end = Math.max(first.offset + first.length, second.offset + second.length);
    second.offset = Math.min(first.offset, second.offset);
    second.length = end - second.offset;
  }

  /** `unsentBytes` were taken, would begin at `next`, and were never sent. What is in flight is unknown. */
  extents(next: number, unsentBytes: number): Extent[] {
    const all: Extent[] = this.#stretches.map(({ offset, length }) => ({ offset, length, state: 'done' }));
    for (const { offset, bytes, extents } of this.#open) {
      all.push(...(extents ?? [{ offset, length: bytes, state: 'unknown' as const }]));
    }
    if (unsentBytes > 0) all.push({ offset: next, length: unsentBytes, state: 'failed' });
    return settled(all);
  }

  /** For an error of one of its transfers: the whole stream's ledger in place of the transfer's. */
  tell(error: unknown, next: number, unsentBytes: number): Error {
    const told = error instanceof Error ? error : new Error(String(error));
    if (!(told instanceof DioriteError)) return told;
    const own =
      told.name === 'AbortError'
        ? errors.aborted(told.cause)
        : new DioriteError(told.message, { ...told, cause: told.cause });
    own.extents = this.extents(next, unsentBytes);
    own.offset = own.extents[0]?.offset ?? next;
    own.length = own.extents.reduce((sum, { length }) => sum + length, 0);
    own.bytes = this.#bytes;
    return own;
  }

  outcome(target: Target, gatheredBytes: number, synced: boolean): Outcome {
    const offset = this.#stretches[0]?.offset ?? 0;
    const copied = this.#copiedBytes + gatheredBytes;
    const stable = target.durable !== 'never' && (this.#stable || synced);
    const io = target.ioMode('write');
    return new MovedAll(offset, this.#bytes, this.#requests, copied, this.#bufferedBytes, io, stable);
  }
}

function isDone({ bytes, extents }: Sent): boolean {
  if (extents === null) return false;
  const [first] = extents;
  return bytes === 0 || (extents.length === 1 && first?.state === 'done' && first.length === bytes);
}

/** Sorted, without overlap: where a rewritten block reaches into a neighbour's bytes, what is less certain holds. */
function settled(all: readonly Extent[]): Extent[] {
  const sorted = all.filter(({ length }) => length > 0).sort((a, b) => a.offset - b.offset);
  const settledExtents: Extent[] = [];
  for (let i = 0; i < sorted.length; ) {
    let end = 0;
    const first = i;
    const start = sorted[i]?.offset ?? 0;
    for (; i < sorted.length; i++) {
      const { offset, length } = sorted[i] as Extent; // i is within bounds
      if (i > first && offset > end) break;
      end = Math.max(end, offset + length);
    }
    settledExtents.push(...stretchOf(sorted.slice(first, i), start, end));
  }
  return settledExtents;
}

function stretchOf(extents: readonly Extent[], start: number, end: number): Extent[] {
  const ledger = new Ledger(start, end - start);
  for (const state of ['failed', 'done', 'unknown'] as const) {
    for (const extent of extents) if (extent.state === state) ledger.mark(extent.offset, extent.length, state);
  }
  return ledger.extents();
}
