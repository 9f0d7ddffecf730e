// Seeds for tests: where they come from, and that a failure names its own.
import { Prng } from '../../src/targets/sim/index.js';

export { Prng } from '../../src/targets/sim/index.js';

/** The seed asked for by DIORITE_SEED, or undefined. */
export function seedAsked(): number | undefined {
  const text = process.env.DIORITE_SEED;
  if (text === undefined || text === '') return undefined;
  const seed = Number(text);
  if (!Number.isSafeInteger(seed)) throw new Error(`DIORITE_SEED is not an integer: ${text}`);
  return seed;
}

/** Runs `f` for each seed from `first` on, or for DIORITE_SEED alone; a failure says with which seed to repeat it. */
export async function forSeeds(
  first: number,
  count: number,
  f: (seed: number, prng: Prng) => Promise<void> | void,
): Promise<void> {
  const asked = seedAsked();
  const from = asked ?? first;
  const to = asked === undefined ? first + count : asked + 1;
  for (let seed = from; seed < to; seed++) {
    try {
      await f(seed, new Prng(seed));
    } catch (error) {
      throw new Error(`with DIORITE_SEED=${seed}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}
