// `npm run bench`: installs and builds what is missing, fio too where that can be done, and measures.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, ROOT } from './lib.mjs';

function hasFio() {
  return spawnSync('fio', ['--version'], { stdio: 'ignore' }).status === 0;
}

function isDebian() {
  try {
    return /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false; // no such file: something else
  }
}

function ensureFio() {
  if (hasFio()) return;
  if (process.getuid?.() === 0 && isDebian()) {
    console.error('installing the Debian package fio');
    const options = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: 'ignore', timeout: 300_000 };
    const network = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20'];
    spawnSync('apt-get', [...network, 'update'], options);
    spawnSync('apt-get', [...network, 'install', '-y', '--no-install-recommends', 'fio'], options);
  }
  if (!hasFio()) console.error('fio is not installed: its row is skipped (Debian: apt install fio)');
}

await ensureInstalled();
await ensureBuilt();
ensureFio();
const { status } = spawnSync(process.execPath, [join(ROOT, 'dist', 'bench', 'main.js'), ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
