// npm run build: installs what is missing, builds the native addon and compiles TypeScript.
//   --native-only   the addon alone: what a program that installed the package from npm runs where none was shipped
//   --prebuild      and puts the addon where the packed package looks for it (npm pack and npm publish do)
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, ROOT } from './lib.mjs';

const nativeOnly = process.argv.includes('--native-only');
try {
  if (!nativeOnly) ensureInstalled();
  ensureBuilt({ nativeOnly, strict: true });
  if (process.argv.includes('--prebuild')) shipAddon();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

/** Plain C against Node-API and an old glibc: one file serves every Node from 20 on. */
function shipAddon() {
  const built = join(ROOT, 'build/Release/diorite.node');
  if (!existsSync(built)) return;
  mkdirSync(join(ROOT, 'prebuilds'), { recursive: true });
  copyFileSync(built, join(ROOT, `prebuilds/${process.platform}-${process.arch}.node`));
}
