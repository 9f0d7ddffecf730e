// `npm test`: sweeps what former runs left, installs and builds what is missing, and runs every test.
//   npm test                       everything
//   npm test -- --only file        only test files whose path has "file" in it
//   npm test -- --name 'pattern'   only tests whose name matches
// As root the tests run in namespaces of their own (mounts, processes), which die with this process, however it dies.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled } from './lib.mjs';
import { installPackages } from './packages.mjs';
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

/** By themselves for the same reason. */
const CEPH_PACKAGES = { 'ceph-mon': 'ceph-mon', 'ceph-osd': 'ceph-osd', rados: 'ceph-common python3-rados' };

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
const problem = installPackages([PACKAGES, CEPH_PACKAGES, LARGE_PACKAGES], (line) => console.log(line));
if (problem !== '') console.log(`could not install them; tests that need them are skipped\n${problem}`);
await ensureInstalled();
await ensureBuilt();
const run = runName();
try {
  process.exitCode = await runTests(run);
} finally {
  sweepRun(run);
}
