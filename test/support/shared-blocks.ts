// A file whose bytes belong to two processes by turns, at boundaries that no block knows, and how each writes its own.
import assert from 'node:assert/strict';

export const FILE_BYTES: number = 96 * 4096;

export interface Range {
  readonly offset: number;
  readonly length: number;
}

export interface Writer {
  write(bytes: Uint8Array, offset: number): Promise<number>;
  read(bytes: Uint8Array, offset: number): Promise<number>;
}

export type Side = 'parent' | 'child';

// Prime lengths, from a few bytes to several pages: boundaries fall everywhere, and several ranges share most blocks.
const LENGTHS = [13, 701, 4099, 1511, 3, 9973, 257, 17393, 2003, 97] as const;

function* layout(): Generator<Range> {
  let offset = 0;
  for (let i = 0; offset < FILE_BYTES; i++) {
    const length = Math.min(LENGTHS[i % LENGTHS.length] ?? 1, FILE_BYTES - offset);
    yield { offset, length };
    offset += length;
  }
}

/** The ranges of one side: every second one. */
export function ranges(side: Side): Range[] {
  return [...layout()].filter((_, index) => index % 2 === (side === 'parent' ? 0 : 1));
}

/**
 * Writes one range per round, each time with another value, and reads now and then what must still be there. Returns
 * the value that each range holds, by its offset.
 */
export async function writeRounds(
  writer: Writer,
  side: Side,
  isOver: (rounds: number) => boolean,
): Promise<Map<number, number>> {
  const own = ranges(side);
  const latest = new Map<number, number>();
  for (let round = 0; !isOver(round); round++) {
    // The step is prime to any number of ranges here, so that neighbours are not written one after the other.
    const range = own[(round * 7) % own.length];
    assert.ok(range);
    const value = 1 + (round % 255);
    assert.equal(await writer.write(new Uint8Array(range.length).fill(value), range.offset), range.length);
    latest.set(range.offset, value);
    if (round % 5 === 0) await assertRange(writer, own[(round * 11) % own.length] ?? range, latest);
  }
  for (const range of own) await assertRange(writer, range, latest);
  return latest;
}

async function assertRange(writer: Writer, range: Range, latest: ReadonlyMap<number, number>): Promise<void> {
  const bytes = new Uint8Array(range.length).fill(0xff);
  assert.equal(await writer.read(bytes, range.offset), range.length);
  const value = latest.get(range.offset) ?? 0;
  const wrong = bytes.findIndex((byte) => byte !== value);
  assert.equal(wrong, -1, `byte ${range.offset + wrong} is ${bytes[wrong]}, its owner wrote ${value}`);
}
