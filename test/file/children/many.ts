// Child of many.test.ts: the same rounds in a process with another environment. PATH ROUNDS SEED.
import { assertNoLeaks } from '../../support/leaks.js';
import { manyRounds } from '../../support/many-rounds.js';
import { Random } from '../../support/random.js';

const [path = '', rounds, seed] = process.argv.slice(2);
await manyRounds(path, new Random(Number(seed)), Number(rounds));
assertNoLeaks();
console.log('true');
