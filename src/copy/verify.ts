// Reads a destination back, past the page cache, and compares it with what was read from the source.
import { errors } from '../base/errors.js';
import type { Pool } from '../memory/pool.js';
import type { DataRange, IoMode } from '../transfer/target.js';
import { type Cell, cellsOf } from './cells.js';
import { Checks } from './checks.js';
import type { CopySettings } from './options.js';
import type { Place } from './place.js';
import { memoryFor, pump, type Reader } from './pump.js';
import { optionsOf, type Readable } from './source.js';

export interface Verification {
  readonly place: Place;
  /** Where the written bytes are, and the name to tell of. */
  readonly path: string;
  readonly name: string;
  readonly size: number;
  /** What was read from the source. */
  readonly expected: Checks;
  /** The source again, to find the byte where the checksums tell the cell; null: it cannot be read again. */
  readonly source: Reader | null;
  readonly pool: Pool;
  readonly settings: CopySettings;
  readonly done: (cell: Cell) => void;
}

async function* dataOf(file: Readable, size: number): AsyncGenerator<DataRange, void, undefined> {
  if (size === 0) return;
  const { holes } = file.target;
  if (holes === undefined) yield { offset: 0, length: size };
  else yield* holes.map(0, size);
}

/** Returns how it was read back. Throws ERR_DIORITE_VERIFY with the offset of the first byte that differs. */
export async function verify(input: Verification): Promise<IoMode> {
  const { settings, size, pool, path } = input;
  // Whatever was asked for the copy, what matters here is what the disk holds.
  const { engine, requestBytes } = settings;
  const file = await input.place.open(path, { io: 'prefer-direct', engine, requestBytes });
  try {
    const found = new Checks(settings.requestBytes);
    const reading = optionsOf(file, settings.signal);
    const reader: Reader = {
      read: async (view, position) => (await file.read(view, { ...reading, position })).bytesRead,
    };
    await pump({
      cells: cellsOf(dataOf(file, size), size, settings.requestBytes),
      reader,
      lanes: [],
      pool,
      ...memoryFor(size, settings.requestBytes, settings.depth),
      cellBytes: settings.requestBytes,
      signal: settings.signal,
      seen: (offset, bytes) => found.add(offset, bytes),
      done: input.done,
      ended: (position) => differs(input, position, 'it ends there'),
    });
    const difference = input.expected.firstDifference(found);
    if (difference !== null) throw await locate(input, reader, difference.offset, difference.length);
    return file.target.ioMode('read');
  } finally {
    await file.close();
  }
}

function differs(input: Verification, offset: number, what: string): Error {
  const error = errors.make(
    'ERR_DIORITE_VERIFY',
    `What was read back differs from the source at offset ${offset} (${what}): ${input.name}`,
    { path: input.name, syscall: 'copy' },
  );
  error.offset = offset;
  return error;
}

/** The first byte that differs in a range whose checksums do. */
async function locate(input: Verification, reader: Reader, offset: number, length: number): Promise<Error> {
  const whole = `checksum of ${Math.min(length, input.size - offset)} bytes`;
  if (input.source === null) return differs(input, offset, whole);
  const step = input.settings.requestBytes;
  const one = Buffer.alloc(step);
  const other = Buffer.alloc(step);
  for (let at = offset; at < Math.min(offset + length, input.size); at += step) {
    const want = one.subarray(0, await input.source.read(one, at));
    const have = other.subarray(0, await reader.read(other, at));
    if (want.equals(have)) continue;
    let same = 0;
    while (same < want.length && want[same] === have[same]) same++;
    return differs(input, at + same, 'bytes');
  }
  return differs(input, offset, whole);
}
