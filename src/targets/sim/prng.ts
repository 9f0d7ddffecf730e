// Seeded random numbers: the same seed gives the same run on every machine.

/**
 * xoshiro128** by David Blackman and Sebastiano Vigna (public domain), written down from its published description;
 * its four words of state come from a counter that a 32-bit mixer scrambles, so that seeds 1, 2, 3 … are unlike.
 * Not for secrets.
 */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** Integers. Runs with the same seed and another `stream` are independent of each other. */
  constructor(seed: number, stream = 0) {
    let counter = (scramble(seed) ^ scramble(Math.floor(seed / 2 ** 32) ^ scramble(stream + 0x51ed270b))) | 0;
    const word = (): number => {
      counter = (counter + 0x9e3779b9) | 0;
      return scramble(counter);
    };
    this.#a = word();
    this.#b = word();
    this.#c = word();
    // All four words zero would stay zero for ever.
    this.#d = word() | 1;
  }

  /** 0 … 2^32−1. */
  next32(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotate(this.#d, 11);
    return result;
  }

  /** 0 ≤ x < 1, with 53 random bits. */
  fraction(): number {
    return ((this.next32() >>> 5) * 2 ** 26 + (this.next32() >>> 6)) / 2 ** 53;
  }

  /** An integer, 0 ≤ x < n. */
  below(n: number): number {
    return Math.floor(this.fraction() * n);
  }

  /** An integer, min ≤ x ≤ max. */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.below(items.length)] ?? items[0];
  }

  /** Exponentially distributed: mostly small, now and then large, as latencies are. */
  exponential(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean;
  }

  fill(bytes: Uint8Array): void {
    let i = 0;
    for (; i + 4 <= bytes.length; i += 4) {
      const word = this.next32();
      bytes[i] = word;
      bytes[i + 1] = word >>> 8;
      bytes[i + 2] = word >>> 16;
      bytes[i + 3] = word >>> 24;
    }
    for (; i < bytes.length; i++) bytes[i] = this.next32();
  }

  /** In place, every order equally likely. */
  shuffle(items: unknown[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const kept = items[i];
      items[i] = items[j];
      items[j] = kept;
    }
  }
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** Every bit of the result depends on every bit of the word; two rounds of multiply and shift. */
function scramble(word: number): number {
  let mixed = word | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
  return mixed ^ (mixed >>> 15);
}
