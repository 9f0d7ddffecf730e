// Random programs of operations on every kind of iterator, beside the model; and those that once failed.
import { describe, it } from 'node:test';
import { withSeed } from '../support/random.js';
import { COUNTER_EXAMPLES } from './counter-examples.js';
import { runProgram, runPrograms } from './programs.js';

const STEPS = 200_000;
const STEPS_PER_PROGRAM = 40;

describe('programs of operations', () => {
  it(`do what a walk over bytes says, for ${STEPS} steps`, async () => {
    await withSeed(async (random) => runPrograms(random, STEPS, STEPS_PER_PROGRAM));
  });

  for (const [name, program] of Object.entries(COUNTER_EXAMPLES)) it(name, () => runProgram(program));
});
