// Debian packages of what tests and the bench use beside the library: installed where that can be done.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A command on PATH, or a file by its full name. */
export function isThere(name) {
  if (name.startsWith('/')) return existsSync(name);
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin'];
  return directories.some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function isDebian() {
  try {
    return /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'));
  } catch {
    return false;
  }
}

const SERVICE_POLICY = '/usr/sbin/policy-rc.d';

/** Packages of servers start them where systemd runs: Debian asks this script first, and 101 forbids it. */
function withoutServices(step) {
  if (!existsSync('/run/systemd/system') || existsSync(SERVICE_POLICY)) return step();
  writeFileSync(SERVICE_POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    return step();
  } finally {
    rmSync(SERVICE_POLICY);
  }
}

/**
 * Installs what is missing of each table (command or file → packages), a table at a time: what cannot be had of one does
 * not keep the others away. Nothing is done without root or Debian. Gives what apt said when it failed; empty otherwise.
 */
export function installPackages(tables, say) {
  if (process.getuid?.() !== 0 || !isDebian() || !isThere('apt-get')) return '';
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, encoding: 'utf8', timeout: 300_000 };
  const network = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20'];
  let updated = false;
  let problem = '';
  for (const table of tables) {
    const missing = Object.keys(table).filter((name) => !isThere(name));
    if (missing.length === 0) continue;
    const packages = [...new Set(missing.flatMap((name) => table[name].split(' ')))];
    say(`installing Debian packages: ${packages.join(' ')}`);
    if (!updated) spawnSync('apt-get', [...network, 'update'], options);
    updated = true;
    const install = [...network, 'install', '-y', '--no-install-recommends', ...packages];
    const result = withoutServices(() => spawnSync('apt-get', install, options));
    if (result.status !== 0) problem += result.stderr;
  }
  return problem;
}
