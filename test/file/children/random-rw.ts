// Child of random-rw.test.ts: the same rounds in a process with another environment. PATH ROUNDS SEED.
import { assertNoLeaks } from '../../support/leaks.js';
import { randomRounds } from '../../support/random-rw.js';

const [path = '', rounds, seed] = process.argv.slice(2);
await randomRounds(path, { rounds: Number(rounds), seed: Number(seed) });
assertNoLeaks();
console.log('true');
