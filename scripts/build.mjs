// npm run build: installs what is missing, builds the native addon and compiles TypeScript. --native-only: the addon.
import { ensureBuilt, ensureInstalled } from './lib.mjs';

const nativeOnly = process.argv.includes('--native-only');
try {
  if (!nativeOnly) ensureInstalled();
  ensureBuilt({ nativeOnly, strict: true });
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
