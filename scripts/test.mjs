// `npm test`: sweeps what former runs left, installs and builds what is missing, and runs every test.
//   npm test                       everything
//   npm test -- --only file        only test files whose path has "file" in it
//   npm test -- --name 'pattern'   only tests whose name matches
// As root the tests run in namespaces of their own (mounts, processes), which die with this process, however it dies.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, chmodSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled } from './lib.mjs';
import { runName, sweepDeadRuns, sweepRun } from './test-sweep.mjs';

const ROOT = join(import.meta.dirname, '..');

/** Commands that tests use, and the Debian packages that hold them. */
const PACKAGES = {
  'mkfs.ext4': 'e2fsprogs',
  'mkfs.xfs': 'xfsprogs',
  'mkfs.btrfs': 'btrfs-progs',
  fio: 'fio',
  losetup: 'mount',
  setpriv: 'util-linux',
  fincore: 'util-linux-extra',
  cc: 'gcc libc6-dev',
  make: 'make',
  'g++': 'g++',
  python3: 'python3',
  'ganesha.nfsd': 'nfs-ganesha nfs-ganesha-vfs nfs-ganesha-mem',
  rpcbind: 'rpcbind',
  'nfs-cp': 'libnfs-utils libnfs-dev',
  tshark: 'tshark',
};

/** Installed by itself: it is large, and where it cannot be had the others still can. */
const LARGE_PACKAGES = { chromium: 'chromium' };

function hasCommand(name) {
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

/** A package that cannot be had is no failure: the tests that need it are skipped by name. */
function installPackages() {
  if (process.getuid?.() !== 0 || !isDebian() || !hasCommand('apt-get')) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, encoding: 'utf8', timeout: 300_000 };
  const network = ['-o', 'Acquire::Retries=1', '-o', 'Acquire::http::Timeout=20'];
  let updated = false;
  for (const table of [PACKAGES, LARGE_PACKAGES]) {
    const missing = Object.keys(table).filter((command) => !hasCommand(command));
    if (missing.length === 0) continue;
    const packages = [...new Set(missing.flatMap((command) => table[command].split(' ')))];
    console.log(`installing Debian packages: ${packages.join(' ')}`);
    if (!updated) spawnSync('apt-get', [...network, 'update'], options);
    updated = true;
    const install = [...network, 'install', '-y', '--no-install-recommends', ...packages];
    const result = withoutServices(() => spawnSync('apt-get', install, options));
    if (result.status !== 0) console.log(`could not install them; tests that need them are skipped\n${result.stderr}`);
  }
}

const UNSHARE = ['unshare', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** How the runner is started: in namespaces of its own where that is possible. */
function launcher() {
  if (process.getuid?.() !== 0) return { prefix: [], namespace: 'not root' };
  const prefix = ['setpriv', '--pdeathsig', 'KILL', ...UNSHARE];
  const tried = spawnSync(prefix[0], [...prefix.slice(1), 'true'], { encoding: 'utf8' });
  if (tried.status === 0) return { prefix, namespace: 'yes' };
  return { prefix: [], namespace: `no mount namespace: ${(tried.stderr || String(tried.error)).trim()}` };
}

function runTests(run) {
  const directory = join(tmpdir(), run);
  mkdirSync(directory);
  // Tests as nobody reach their files through it.
  chmodSync(directory, 0o755);
  const { prefix, namespace } = launcher();
  const command = [...prefix, process.execPath, join(ROOT, 'dist/test/support/run.js'), ...process.argv.slice(2)];
  const env = { ...process.env, DIORITE_TEST_DIRECTORY: directory, DIORITE_TEST_NAMESPACE: namespace };
  // A sanitised start: what a caller set for its own purposes would change what the tests see.
  for (const name of ['NODE_OPTIONS', 'NODE_TEST_CONTEXT', 'DIORITE_ADDON', 'DIORITE_ENGINE']) delete env[name];
  const child = spawn(command[0], command.slice(1), { cwd: ROOT, env, stdio: ['ignore', 'inherit', 'inherit'] });
  return new Promise((resolve) => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    const stop = () => child.kill('SIGKILL');
    for (const signal of signals) process.on(signal, stop);
    child.on('error', (error) => {
      console.error(error.message);
      resolve(1);
    });
    child.on('exit', (code, signal) => {
      for (const name of signals) process.off(name, stop);
      resolve(code ?? (signal === null ? 1 : 130));
    });
  });
}

const swept = sweepDeadRuns();
if (swept.length > 0) console.log(`swept what former runs left: ${swept.join(', ')}`);
installPackages();
await ensureInstalled();
await ensureBuilt();
const run = runName();
try {
  process.exitCode = await runTests(run);
} finally {
  sweepRun(run);
}
