// The way to an export: ports, connections, MOUNT.
import { DioriteError } from '../../../base/errors.js';
import type { Rpc } from '../rpc/call.js';
import { askPortmap } from '../rpc/portmap.js';
import { RpcClient, type RpcClientOptions } from '../rpc/rpc-client.js';
import { RpcPool } from '../rpc/rpc-pool.js';
import type { NfsSettings } from '../settings.js';
import { MOUNT_PROGRAM, MOUNT_VERSION, NFS_PROGRAM, NFS_VERSION, PROCEDURE } from './constants.js';
import { type FoundExport, findExport } from './find-export.js';
import { unmount } from './mount.js';

/** Nobody should wait longer for a server that is only told goodbye. */
const UNMOUNT_TIMEOUT_MS = 2_000;

export interface MountedExport {
  readonly found: FoundExport;
  /** Tells the server that the export is not used any more. */
  unmount(): Promise<void>;
}

export async function connectNfs(settings: NfsSettings, portmapPort: number): Promise<Rpc> {
  const port = settings.port ?? (await portOf(settings, portmapPort, NFS_PROGRAM, NFS_VERSION));
  return RpcPool.connect(clientOptions(settings, port), settings.connections);
}

export async function mountExport(settings: NfsSettings, portmapPort: number, path: string): Promise<MountedExport> {
  const port = settings.mountPort ?? (await portOf(settings, portmapPort, MOUNT_PROGRAM, MOUNT_VERSION));
  const options = { ...clientOptions(settings, port), hard: false };
  const found = await withClient(options, (client) => findExport(client, path));
  return { found, unmount: () => leave(options, found.directory) };
}

/** A NULL call there and back: a server without version 3 says so. */
export function ask(rpc: Rpc): Promise<void> {
  return rpc.request({
    program: NFS_PROGRAM,
    version: NFS_VERSION,
    procedure: PROCEDURE.NULL,
    encode() {},
    decode() {},
  });
}

function clientOptions({ host, uid, gid, gids, timeoutMs, hard }: NfsSettings, port: number): RpcClientOptions {
  // As mount.nfs: servers that export `secure` (the default of Linux) take calls from ports below 1024 only.
  return { host, port, credentials: { uid, gid, gids }, timeoutMs, hard, privilegedPort: true };
}

async function withClient<T>(options: RpcClientOptions, use: (rpc: Rpc) => Promise<T>): Promise<T> {
  const client = await RpcClient.connect(options);
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

async function portOf(settings: NfsSettings, portmapPort: number, program: number, version: number): Promise<number> {
  const { host, uid, gid, gids, timeoutMs } = settings;
  try {
    return await askPortmap({ host, portmapPort, program, version, credentials: { uid, gid, gids }, timeoutMs });
  } catch (error) {
    if (!(error instanceof DioriteError) || error.code !== 'ECONNREFUSED') throw error;
    const message = `${error.message} (the portmapper; with port and mountport in the URL it is not asked)`;
    throw new DioriteError(message, { code: error.code, errno: error.errno, cause: error });
  }
}

/**
 * The server's list of who has mounted what is for people to read: clients that crash stay in it (RFC 1813 §5.1). So
 * nothing hangs on this call, and its failure is nobody's.
 */
async function leave(options: RpcClientOptions, directory: string): Promise<void> {
  const timeoutMs = Math.min(options.timeoutMs, UNMOUNT_TIMEOUT_MS);
  await withClient({ ...options, timeoutMs }, (client) => unmount(client, directory)).catch(() => {});
}
