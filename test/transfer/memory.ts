// Memory of every shape for transfers, cut from one region, so that its alignment is known and the same each run.
import assert from 'node:assert/strict';
import { PAGE_SIZE } from '../../src/base/integers.js';
import { Region } from '../../src/memory/region.js';
import type { Prng } from '../support/prng.js';

/**
 * `contiguous`: one aligned piece. `scattered`: pages, no two of them neighbours, in any order. `pieces`: of any length
 * at any address. `mixed`: all of these in turn. `unknown`: a piece whose address nobody knows.
 */
export type Shape = 'contiguous' | 'scattered' | 'pieces' | 'mixed' | 'unknown';
export const SHAPES: readonly [Shape, ...Shape[]] = ['contiguous', 'scattered', 'pieces', 'mixed', 'unknown'];

const ARENA_BYTES = 24 * 1024 * 1024;
const RANDOM_BYTES = 2 * 1024 * 1024 + 4099;

let arena: Uint8Array | undefined;
let random: Uint8Array | undefined;

/** Random bytes, the same for the same place: to fill with, faster than a generator. */
export function fillFrom(prng: Prng, bytes: Uint8Array): void {
  if (random === undefined) {
    random = new Uint8Array(RANDOM_BYTES);
    prng.fill(random);
  }
  const start = prng.below(random.length);
  for (let at = 0; at < bytes.length; ) {
    const from = (start + at) % random.length;
    const length = Math.min(bytes.length - at, random.length - from);
    bytes.set(random.subarray(from, from + length), at);
    at += length;
  }
}

/** The memory of one transfer: its pieces in order, and everything around them, which nobody may touch. */
export class CaseMemory {
  readonly views: readonly Uint8Array[];
  readonly bytes: number;
  readonly #all: Uint8Array;
  readonly #allBefore: Uint8Array;

  constructor(shape: Shape, bytes: number, prng: Prng) {
    this.bytes = bytes;
    if (shape === 'unknown') {
      this.#all = new Uint8Array(new SharedArrayBuffer(bytes + 2 * PAGE_SIZE));
      this.views = [this.#all.subarray(PAGE_SIZE, PAGE_SIZE + bytes)];
    } else {
      arena ??= new Region(ARENA_BYTES).bytes;
      const cutter = new Cutter(arena, prng);
      this.views = cutter.cut(shape, bytes);
      this.#all = arena.subarray(0, cutter.used);
    }
    fillFrom(prng, this.#all);
    this.#allBefore = this.#all.slice();
  }

  /** The bytes of the pieces, one after the other. */
  gather(): Uint8Array {
    const gathered = new Uint8Array(this.bytes);
    let at = 0;
    for (const view of this.views) {
      gathered.set(view, at);
      at += view.length;
    }
    return gathered;
  }

  /** What lies around the pieces is as it was. Destroys the pieces' bytes. */
  checkSurroundings(): void {
    for (const view of this.views) {
      view.fill(0);
      this.#allBefore.fill(
        0,
        view.byteOffset - this.#all.byteOffset,
        view.byteOffset - this.#all.byteOffset + view.length,
      );
    }
    assert.equal(Buffer.compare(this.#all, this.#allBefore), 0, 'memory around the pieces is touched');
  }
}

/** Cuts pieces from the arena, never two that touch. */
class Cutter {
  readonly #arena: Uint8Array;
  readonly #prng: Prng;
  used: number = PAGE_SIZE;

  constructor(arena: Uint8Array, prng: Prng) {
    this.#arena = arena;
    this.#prng = prng;
  }

  cut(shape: Shape, bytes: number): Uint8Array[] {
    const views: Uint8Array[] = [];
    for (let left = bytes; left > 0; ) {
      const view = this.#piece(shape, left);
      views.push(view);
      left -= view.length;
    }
    if (shape !== 'scattered') return views;
    // Only whole pages change places: a last part of one would misalign everything after it.
    const whole = views.filter((view) => view.length === PAGE_SIZE);
    this.#prng.shuffle(whole);
    return [...whole, ...views.filter((view) => view.length !== PAGE_SIZE)];
  }

  #piece(shape: Shape, most: number): Uint8Array {
    const prng = this.#prng;
    if (shape === 'contiguous') return this.#take(0, most);
    if (shape === 'scattered') return this.#take(0, Math.min(most, PAGE_SIZE));
    const kind = shape === 'pieces' ? 3 : prng.below(4);
    if (kind === 0) return this.#take(0, Math.min(most, PAGE_SIZE * prng.between(1, 20)));
    if (kind === 1) return this.#take(512 * prng.below(8), Math.min(most, 512 * prng.between(1, 16)));
    if (kind === 2) return this.#take(prng.below(PAGE_SIZE), Math.min(most, prng.between(1, 16)));
    return this.#take(prng.below(PAGE_SIZE), Math.min(most, prng.between(1, 12_000)));
  }

  #take(inPage: number, length: number): Uint8Array {
    const from = Math.ceil(this.used / PAGE_SIZE) * PAGE_SIZE + inPage;
    assert.ok(from + length + PAGE_SIZE <= this.#arena.length, 'the arena is large enough');
    this.used = from + length + PAGE_SIZE;
    return this.#arena.subarray(from, from + length);
  }
}
