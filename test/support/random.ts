// Seeded choices for tests against real files. The seed stands in the failure's message; DIORITE_SEED repeats a run.
import { randomInt } from 'node:crypto';

/** The seed of this run: given, or drawn. */
export function runSeed(): number {
  const given = process.env.DIORITE_SEED;
  return given === undefined ? randomInt(2 ** 31) : Number(given);
}

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** mulberry32: 32 bits per step, the same on every machine. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 … below − 1. */
  below(below: number): number {
    return Math.floor((this.next() / 2 ** 32) * below);
  }

  /** low … high, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }

  fill(bytes: Uint8Array): void {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.next();
  }
}

/** Runs the body with a seeded source; when it fails, the error's message says which seed repeats it. */
export async function withSeed(
  body: (random: Random, seed: number) => Promise<void>,
  seed: number = runSeed(),
): Promise<void> {
  try {
    await body(new Random(seed), seed);
  } catch (error) {
    if (error instanceof Error) error.message += `\n(repeat with DIORITE_SEED=${seed})`;
    throw error;
  }
}
