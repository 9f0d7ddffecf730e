// What nfs-ganesha is told: its configuration, and the script that starts it beside a portmapper of its own.

export type NfsVersion = '3' | '4.1' | '4.2';

export interface GaneshaOptions {
  /** Protocol versions that it speaks; default: all. */
  readonly versions?: readonly NfsVersion[];
  /** The most that one READ or WRITE carries; longer ones are answered short. Default: 64 MiB. */
  readonly ioBytesMax?: number;
  readonly leaseSeconds?: number;
  readonly graceSeconds?: number;
  /** No grace period after a start, the default: with it plain OPENs are refused for some time, on a first start too. */
  readonly graceless?: boolean;
  readonly readOnly?: boolean;
  /** `none`, the default: root stays root. `root`: it becomes the anonymous user. */
  readonly squash?: 'none' | 'root';
  /** Of the first start; write verifiers are made from it. Every start has its own. */
  readonly epoch?: number;
  /** Slots of a v4.1 session, 64 by default. */
  readonly slots?: number;
  /** How many bytes from its start on a file of /mem keeps; what is behind is taken and dropped. Default: 64 KiB. */
  readonly memFileBytes?: number;
  /** What /vfs exports; default: an empty directory of the server's own. */
  readonly vfsDirectory?: string;
}

/** Where a server lives. */
export interface GaneshaPlace {
  readonly directory: string;
  readonly vfsDirectory: string;
  readonly port: number;
  readonly mountPort: number;
}

export const ALL_VERSIONS: readonly NfsVersion[] = ['3', '4.1', '4.2'];
const IO_BYTES_MAX = 64 * 1024 * 1024;
const MEM_FILE_BYTES = 64 * 1024;

function block(name: string, settings: Readonly<Record<string, string | number>>, inner = ''): string {
  const lines = Object.entries(settings).map(([key, value]) => `  ${key} = ${value};`);
  return `${name} {\n${lines.join('\n')}\n${inner}}\n`;
}

function exportBlock(id: number, path: string, pseudo: string, backend: string, options: GaneshaOptions): string {
  const bytes = options.ioBytesMax ?? IO_BYTES_MAX;
  const settings = {
    Export_Id: id,
    Path: path,
    Pseudo: pseudo,
    Access_Type: options.readOnly === true ? 'RO' : 'RW',
    Squash: options.squash === 'root' ? 'Root_Squash' : 'No_Root_Squash',
    SecType: 'sys',
    Transports: 'TCP',
    MaxRead: bytes,
    MaxWrite: bytes,
    PrefRead: bytes,
    PrefWrite: bytes,
  };
  return block('EXPORT', settings, block('  FSAL', { Name: backend }));
}

export function ganeshaConfig(place: GaneshaPlace, options: GaneshaOptions): string {
  const versions = options.versions ?? ALL_VERSIONS;
  const minors = versions.filter((version) => version !== '3').map((version) => version.slice(2));
  const protocols = [...(versions.includes('3') ? ['3'] : []), ...(minors.length > 0 ? ['4'] : [])];
  const core = {
    Bind_addr: '127.0.0.1',
    NFS_Port: place.port,
    MNT_Port: place.mountPort,
    Enable_UDP: 'false',
    Enable_NLM: 'false',
    Enable_RQUOTA: 'false',
    Protocols: protocols.join(', '),
    // v3 mounts the same names that v4 walks to.
    mount_path_pseudo: 'true',
  };
  const v4 = {
    RecoveryBackend: 'fs',
    RecoveryRoot: `${place.directory}/recovery`,
    Lease_Lifetime: options.leaseSeconds ?? 60,
    Grace_Period: options.graceSeconds ?? 90,
    Graceless: String(options.graceless ?? true),
    Slot_Table_Size: options.slots ?? 64,
    Only_Numeric_Owners: 'true',
    ...(minors.length > 0 ? { Minor_Versions: minors.join(', ') } : {}),
  };
  return [
    block('NFS_CORE_PARAM', core),
    block('NFS_KRB5', { Active_krb5: 'false' }),
    block('NFSv4', v4),
    block('EXPORT_DEFAULTS', { Protocols: protocols.join(', ') }),
    block('MEM', { Inode_Size: options.memFileBytes ?? MEM_FILE_BYTES }),
    exportBlock(1, place.vfsDirectory, '/vfs', 'VFS', options),
    exportBlock(2, '/mem', '/mem', 'MEM', options),
  ].join('');
}

/**
 * Runs in a mount namespace of its own and becomes the server. NFSv3 must register with a portmapper, or it ends. That
 * one is private: told of the local transport only, it opens a socket in /run, which is private too, and no port 111.
 * It runs in a process namespace below the server, since it changes its user and would forget to die with its parent.
 */
export const START_SCRIPT = `set -e
directory=$1 epoch=$2 portmapper=$3
mount -t tmpfs diorite /run
mkdir /run/ganesha
if [ "$portmapper" = yes ]; then
  echo 'local tpi_cots_ord - loopback - - -' > /run/netconfig
  mount --bind /run/netconfig /etc/netconfig
  setpriv --pdeathsig KILL unshare --pid --fork --kill-child sh -c 'rpcbind -f; exit' > "$directory/portmapper.log" 2>&1 &
  tries=0
  until [ -S /run/rpcbind.sock ]; do
    tries=$((tries + 1))
    [ $tries -lt 500 ] || { echo 'the portmapper does not start' >&2; exit 1; }
    sleep 0.01
  done
  # Lazily: the portmapper may still be reading it.
  umount -l /etc/netconfig
fi
exec ganesha.nfsd -F -E "$epoch" -N EVENT -L "$directory/log" -p "$directory/ganesha.pid" -f "$directory/config"
`;
