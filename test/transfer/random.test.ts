// Random transfers by seed. To repeat one: DIORITE_SEED=…; for longer: npm run fuzz.
import { test } from 'node:test';
import { forSeeds } from '../support/prng.js';
import { runCase } from './harness.js';
import { randomCase } from './random-case.js';

const SEEDS = 600;

test(`${SEEDS} random transfers`, async () => {
  await forSeeds(1, SEEDS, async (seed) => {
    await runCase(randomCase(seed));
  });
});
