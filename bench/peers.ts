// The versions of what is measured beside us: a figure without them cannot be checked.
import { spawnSync } from 'node:child_process';

interface Peer {
  readonly name: string;
  readonly command: readonly string[];
  readonly version: RegExp;
}

const PEERS: readonly Peer[] = [
  { name: 'fio', command: ['fio', '--version'], version: /fio-(\S+)/ },
  { name: 'coreutils (cp, dd, cat)', command: ['dd', '--version'], version: /\(coreutils\) (\S+)/ },
  { name: 'nfs-ganesha', command: ['ganesha.nfsd', '-v'], version: /Release\s*=\s*V?(\S+)/i },
  { name: 'libnfs (nfs-cp)', command: ['dpkg-query', '-W', 'libnfs-utils'], version: /\t(\S+)/ },
  { name: 'ceph (rados bench, librados)', command: ['rados', '--version'], version: /ceph version (\S+)/ },
  { name: 'cc', command: ['cc', '--version'], version: /\s(\d+\.\d+\.\d+)/ },
];

const NOT_THERE = 'not installed';

/** By name; what is not there says so. */
export function peerVersions(): Record<string, string> {
  const versions = PEERS.map(({ name, command, version }): [string, string] => {
    const [program = '', ...args] = command;
    const { stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
    if (error !== undefined) return [name, NOT_THERE];
    const found = version.exec(`${stdout}\n${stderr}`)?.[1];
    return [name, found ?? 'of unknown version'];
  });
  return Object.fromEntries(versions);
}
