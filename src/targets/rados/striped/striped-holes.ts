// Holes of a striped file: objects that are missing or short, and stretches that are taken away again.
import type { Layout, Unit } from '../../../plan/layout.js';
import type { FileSpace } from '../../../transfer/file-like.js';
import type { DataRange } from '../../../transfer/target.js';
import { isError, objectIn, type PoolRef } from '../osd/pool-ref.js';
import { readStat, stat, zero } from '../osd/step.js';

/** What is looked at, or zeroed, at a time: sixteen objects of the default size. */
const WINDOW_BYTES: number = 64 * 2 ** 20;
const NOTHING: Uint8Array = new Uint8Array(0);

export class StripedHoles implements FileSpace {
  readonly freshReadsZero = true;
  readonly #pool: PoolRef;
  readonly #layout: Layout;
  readonly #check: () => void;

  constructor(pool: PoolRef, layout: Layout, check: () => void) {
    this.#pool = pool;
    this.#layout = layout;
    this.#check = check;
  }

  /** An object says how long it is, and not what it holds: what was zeroed within it counts as data. */
  async *map(offset: number, length: number): AsyncGenerator<DataRange, void, undefined> {
    let last: DataRange | null = null;
    for (const [at, bytes] of windows(offset, length))
      for (const range of await this.#dataIn(at, bytes)) {
        if (last !== null && last.offset + last.length === range.offset)
          last = { offset: last.offset, length: last.length + range.length };
        else {
          if (last !== null) yield last;
          last = range;
        }
      }
    if (last !== null) yield last;
  }

  async #dataIn(offset: number, length: number): Promise<DataRange[]> {
    const found = await Promise.all(this.#layout(offset, length).map((unit) => this.#dataOf(unit)));
    return found.flat().sort((a, b) => a.offset - b.offset);
  }

  async #dataOf({ name, offset, pieces }: Unit): Promise<DataRange[]> {
    let left = (await this.#bytesOf(name)) - offset;
    const ranges: DataRange[] = [];
    for (const piece of pieces) {
      if (left > 0) ranges.push({ offset: piece.offset, length: Math.min(left, piece.bytes) });
      left -= piece.bytes;
    }
    return ranges;
  }

  async #bytesOf(object: string): Promise<number> {
    try {
      const { steps } = await this.#pool.objecter.execute(objectIn(this.#pool, object), [stat()]);
      return readStat(steps[0]?.data ?? NOTHING).bytes;
    } catch (error) {
      if (isError(error, 'ENOENT')) return 0;
      throw error;
    }
  }

  async punch(offset: number, length: number): Promise<void> {
    this.#check();
    for (const [at, bytes] of windows(offset, length))
      await Promise.all(this.#layout(at, bytes).map((unit) => this.#zero(unit)));
  }

  /** An object that is missing, or ends before, is as it was. */
  async #zero({ name, offset, pieces }: Unit): Promise<void> {
    const there = (await this.#bytesOf(name)) - offset;
    const bytes = pieces.reduce((sum, piece) => sum + piece.bytes, 0);
    if (there <= 0) return;
    await this.#pool.objecter.execute(objectIn(this.#pool, name), [zero(offset, Math.min(there, bytes))]);
  }

  async zero(offset: number, length: number): Promise<'punched' | 'written'> {
    await this.punch(offset, length);
    return 'punched';
  }
}

function* windows(offset: number, length: number): Generator<[offset: number, bytes: number]> {
  for (let at = offset; at < offset + length; at += WINDOW_BYTES)
    yield [at, Math.min(WINDOW_BYTES, offset + length - at)];
}
