// Seeded choices and what is asserted, for programs that run in any host.

export class Choices {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 … below − 1. mulberry32. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  shuffle<T>(list: T[]): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const [a, b] = [list[i], list[j]];
      if (a !== undefined && b !== undefined) [list[i], list[j]] = [b, a];
    }
  }
}

export function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** Bytes that differ between neighbours and between far places. */
export function patterned(length: number, step: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * step + (i >> 8) * 7 + seed;
  return bytes;
}

export function sameBytes(actual: Uint8Array | undefined, wanted: Uint8Array | undefined, what: string): void {
  check(actual !== undefined && wanted !== undefined && actual.length === wanted.length, `the length of ${what}`);
  for (let i = 0; i < actual.length; i++)
    if (actual[i] !== wanted[i]) throw new Error(`byte ${i} of ${what} is ${actual[i]}, not ${wanted[i]}`);
}
