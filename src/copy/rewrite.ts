// Writes again what a server lost when it restarted: exactly those extents, read again from the source.
import { DioriteError } from '../base/errors.js';
import type { Pool } from '../memory/pool.js';
import type { DataRange } from '../transfer/target.js';
import { type Cell, cellsOf, piecesOf } from './cells.js';
import type { CopyLedger } from './copy-ledger.js';
import type { Destination } from './destination.js';
import { Lane } from './lane.js';
import type { CopySettings } from './options.js';
import { memoryFor, pump } from './pump.js';
import type { Source } from './source.js';

/** A server that loses bytes so many times in a row will not keep them. */
const ROUNDS_MAX = 5;

export interface Writing {
  readonly source: Pick<Source, 'size' | 'once' | 'read' | 'data' | 'changed'>;
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
      if (lost === null || writing.source.once || round > ROUNDS_MAX) throw error;
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
  const { requestBytes, depth, signal } = settings;
  const lane = new Lane(destination, depth, ledger);
  const { size } = source;
  // Just what was written at first: whole pages of what the source has as data.
  const written = size === undefined ? null : piecesOf(cellsOf(source.data(), size, requestBytes));
  const wanted = written === null ? lost : within(lost, written, (gap) => destination.notWritten?.(gap));
  await pump({
    cells: cut(wanted, requestBytes),
    reader: source,
    lanes: [lane],
    pool,
    ...memoryFor(bytes, requestBytes, depth),
    cellBytes: requestBytes,
    signal,
    done: () => {},
    ended: (position) => source.changed(`it ends at ${position} when it is read again`),
  });
  if ((await lane.ended) === 'failed') throw lane.failure?.error;
}

/**
 * What both hold. A ledger of too many extents is one around all: `gap` gets what was never written, and stays a hole.
 *
 *      lost      [--------------)    [----)
 *      written   [----)   [----------------------)
 *      both      [----)[g)[-----)    [----)
 */
async function* within(
  lost: readonly DataRange[],
  written: AsyncIterable<DataRange>,
  gap: (range: DataRange) => void,
): AsyncGenerator<DataRange, void, undefined> {
  const pieces = written[Symbol.asyncIterator]();
  try {
    let piece = await taken(pieces);
    for (const { offset, length } of lost) {
      const end = offset + length;
      let at = offset;
      while (at < end) {
        while (piece !== undefined && endOf(piece) <= at) piece = await taken(pieces);
        const from = Math.max(at, Math.min(piece?.offset ?? end, end));
        if (from > at) gap({ offset: at, length: from - at });
        at = piece === undefined ? end : Math.max(from, Math.min(endOf(piece), end));
        if (at > from) yield { offset: from, length: at - from };
      }
    }
  } finally {
    await pieces.return?.();
  }
}

function endOf({ offset, length }: DataRange): number {
  return offset + length;
}

async function taken(pieces: AsyncIterator<DataRange, unknown, undefined>): Promise<DataRange | undefined> {
  const next = await pieces.next();
  return next.done === true ? undefined : next.value;
}

async function* cut(
  ranges: AsyncIterable<DataRange> | Iterable<DataRange>,
  most: number,
): AsyncGenerator<Cell, void, undefined> {
  for await (const { offset, length } of ranges)
    for (let at = offset; at < offset + length; at += most) {
      const piece = { offset: at, length: Math.min(most, offset + length - at) };
      yield { ...piece, data: [piece] };
    }
}
