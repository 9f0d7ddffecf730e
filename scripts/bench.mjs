// `npm run bench`: installs what is measured beside the library where that can be done, builds, and measures.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ensureBuilt, ensureInstalled, ROOT } from './lib.mjs';
import { installPackages, isThere } from './packages.mjs';

/** Peers and what their rows need, and the Debian packages that hold them. A table is installed by itself. */
const PEERS = [
  { fio: 'fio', cc: 'gcc libc6-dev', dd: 'coreutils', fincore: 'util-linux-extra', 'mkfs.xfs': 'xfsprogs' },
  { 'nfs-cp': 'libnfs-utils', '/usr/include/nfsc/libnfs.h': 'libnfs-dev' },
  { 'ganesha.nfsd': 'nfs-ganesha nfs-ganesha-vfs nfs-ganesha-mem', rpcbind: 'rpcbind', setpriv: 'util-linux' },
];

/** These measure nothing. */
const QUIET = ['--render', '--list', '--help'];

const args = process.argv.slice(2);
if (!args.some((arg) => QUIET.includes(arg))) {
  const problem = installPackages(PEERS, (line) => console.error(line));
  if (problem !== '') console.error(problem);
  const missing = PEERS.flatMap((table) => Object.keys(table).filter((name) => !isThere(name)));
  if (missing.length > 0) console.error(`NOT INSTALLED: ${missing.join(', ')}: rows that need them say so`);
}
await ensureInstalled();
await ensureBuilt();
const { status } = spawnSync(process.execPath, [join(ROOT, 'dist', 'bench', 'main.js'), ...args], {
  cwd: ROOT,
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
