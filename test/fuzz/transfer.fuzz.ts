// Random transfers against the simulator until the time is up or something breaks.
// DIORITE_SEED: where to begin (and with DIORITE_FUZZ_SECONDS=0 the only one); DIORITE_FUZZ_SECONDS: how long.

import { seedAsked } from '../support/prng.js';
import { runCase } from '../transfer/harness.js';
import { randomCase } from '../transfer/random-case.js';

const SECONDS_DEFAULT = 60;

const seconds = Number(process.env.DIORITE_FUZZ_SECONDS ?? SECONDS_DEFAULT);
const endMs = performance.now() + seconds * 1000;
// Without a seed each run is another one: what the tests run every time is known already.
const firstSeed = seedAsked() ?? Math.floor(Math.random() * 2 ** 40);
let seed = firstSeed;
try {
  do {
    await runCase(randomCase(seed));
    seed++;
  } while (performance.now() < endMs);
  console.log(`transfer: ${seed - firstSeed} random transfers from seed ${firstSeed} on, all as they should be`);
} catch (error) {
  console.error(`transfer: broken with DIORITE_SEED=${seed} DIORITE_FUZZ_SECONDS=0`);
  console.error(error);
  process.exitCode = 1;
}
