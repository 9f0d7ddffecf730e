// Random programs of iterator operations beside the model, until the steps are done or something breaks.
// DIORITE_SEED repeats a run; DIORITE_FUZZ_STEPS: how many steps (10 million).
import { runPrograms } from '../iter/programs.js';
import { seedAsked } from '../support/prng.js';
import { Random } from '../support/random.js';

const STEPS_DEFAULT = 10_000_000;
/** Longer programs than the tests': a state that takes many steps to reach is met here. */
const STEPS_PER_PROGRAM = 200;

const steps = Number(process.env.DIORITE_FUZZ_STEPS ?? STEPS_DEFAULT);
const seed = seedAsked() ?? Math.floor(Math.random() * 2 ** 32);
try {
  runPrograms(new Random(seed), steps, STEPS_PER_PROGRAM);
  console.log(`iter: ${steps} steps from seed ${seed}, all as they should be`);
} catch (error) {
  console.error(`iter: broken with DIORITE_SEED=${seed} DIORITE_FUZZ_STEPS=${steps}`);
  console.error(error);
  process.exitCode = 1;
}
