// All programs of one run, in any host. The digest of what they did is the same in each.
import { Choices } from './choices.js';
import { iteratorProgram } from './iterators.js';
import { plannerProgram } from './planners.js';

export interface Result {
  readonly programs: number;
  readonly digest: string;
}

/** FNV-1a over every word that the programs tell. */
class Digest {
  #state = 0x811c9dc5;

  add(word: string | number): void {
    const text = `${word},`;
    for (let i = 0; i < text.length; i++) this.#state = Math.imul(this.#state ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }

  toString(): string {
    return this.#state.toString(16);
  }
}

/** Throws at the first program that goes wrong, and says which. */
export function runPrograms(seed: number, count: number): Result {
  const digest = new Digest();
  for (const [name, program] of Object.entries({ iterator: iteratorProgram, planner: plannerProgram })) {
    for (let i = 0; i < count; i++) {
      try {
        program(new Choices(seed + i), (word) => digest.add(word));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`${name} program of seed ${seed + i}: ${why}`, { cause: error });
      }
    }
  }
  return { programs: 2 * count, digest: digest.toString() };
}
