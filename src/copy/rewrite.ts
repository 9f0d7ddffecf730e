// Writes again what a server lost when it restarted: exactly those extents, read again from the source.
import { DioriteError } from '../base/errors.js';
import type { Pool } from '../memory/pool.js';
import type { DataRange } from '../transfer/target.js';
import type { Cell } from './cells.js';
import type { CopyLedger } from './copy-ledger.js';
import type { Destination } from './destination.js';
import { Lane } from './lane.js';
import type { CopySettings } from './options.js';
import { memoryFor, pump } from './pump.js';
import type { Source } from './source.js';

/** A server that loses bytes so many times in a row will not keep them. */
const ROUNDS_MAX = 5;

export interface Writing {
  readonly source: Pick<Source, 'size' | 'read' | 'data' | 'changed'>;
  readonly destination: Destination;
  readonly settings: CopySettings;
  readonly ledger: CopyLedger;
  readonly pool: Pool;
}

/** The destination's `settle`, with what it says was lost written again. */
export async function settleLosses(writing: Writing, bytes: number, readBack: boolean): Promise<void> {
  for (let round = 1; ; round++) {
    try {
      return await writing.destination.settle(bytes, readBack);
    } catch (error) {
      const lost = lostBy(error);
      if (lost === null || round > ROUNDS_MAX) throw error;
      writing.ledger.noteError(error);
      await writeAgain(writing, lost, bytes);
    }
  }
}

/** Sorted, as ledgers are; null: writing again would not help. */
function lostBy(error: unknown): readonly DataRange[] | null {
  if (!(error instanceof DioriteError) || error.code !== 'ERR_DIORITE_VERIFIER') return null;
  const lost = (error.extents ?? []).filter(({ state, length }) => state !== 'done' && length > 0);
  return lost.length === 0 ? null : lost;
}

async function writeAgain(writing: Writing, lost: readonly DataRange[], bytes: number): Promise<void> {
  const { source, destination, settings, ledger, pool } = writing;
  const lane = new Lane(destination, settings.depth, ledger);
  const wanted = source.size === undefined ? lost : common(source.data(), lost);
  await pump({
    cells: piecesOf(wanted, settings.requestBytes),
    reader: source,
    lanes: [lane],
    pool,
    ...memoryFor(bytes, settings.requestBytes, settings.depth),
    cellBytes: settings.requestBytes,
    signal: settings.signal,
    done: () => {},
    ended: (position) => source.changed(`it ends at ${position} when it is read again`),
  });
  if ((await lane.ended) === 'failed') throw lane.failure?.error;
}

/** What both hold. A ledger of too many extents is one around all: what the source has no data for stays a hole. */
async function* common(
  data: AsyncIterable<DataRange>,
  lost: readonly DataRange[],
): AsyncGenerator<DataRange, void, undefined> {
  let i = 0;
  for await (const range of data) {
    const end = range.offset + range.length;
    for (; i < lost.length; i++) {
      const one = lost[i];
      if (one === undefined || one.offset >= end) break;
      const from = Math.max(one.offset, range.offset);
      const to = Math.min(one.offset + one.length, end);
      if (to > from) yield { offset: from, length: to - from };
      // The next stretch of data may have a part of this extent too.
      if (one.offset + one.length > end) break;
    }
    if (i === lost.length) return;
  }
}

async function* piecesOf(
  ranges: AsyncIterable<DataRange> | Iterable<DataRange>,
  most: number,
): AsyncGenerator<Cell, void, undefined> {
  for await (const { offset, length } of ranges)
    for (let at = offset; at < offset + length; at += most) {
      const piece = { offset: at, length: Math.min(most, offset + length - at) };
      yield { ...piece, data: [piece] };
    }
}
