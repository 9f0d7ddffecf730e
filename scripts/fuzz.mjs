// npm run fuzz: long random runs, one file after the other. DIORITE_FUZZ_SECONDS each (default 60), DIORITE_SEED to repeat.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, ROOT } from './lib.mjs';

await ensureInstalled();
await ensureBuilt();
const directory = join(ROOT, 'dist/test/fuzz');
const wanted = process.argv.slice(2);
const files = readdirSync(directory).filter((name) => name.endsWith('.fuzz.js'));
let failed = 0;
for (const name of files) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
  console.log(`fuzz: ${name}`);
  const { status } = spawnSync(process.execPath, [join(directory, name)], { stdio: 'inherit' });
  if (status !== 0) failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
