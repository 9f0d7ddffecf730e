// libnfs's commands: an independent client that reads what we wrote and writes what we read.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { LOOPBACK } from './ports.js';

const run = promisify(execFile);
const TOOL_TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;

/** What libnfs must be told of a server. */
export interface NfsPorts {
  readonly port: number;
  readonly mountPort: number;
}

/** Debian's libnfs 4.0 cannot write through NFSv4: it is version 3 that it is a peer for. */
export function libnfsUrl(server: NfsPorts, path: string): string {
  return `nfs://${LOOPBACK}${path}?version=3&nfsport=${server.port}&mountport=${server.mountPort}`;
}

/** nfs-ls: what it prints of a directory, line by line. */
export async function nfsLs(server: NfsPorts, path: string): Promise<string[]> {
  const { stdout } = await run('nfs-ls', [libnfsUrl(server, path)], { timeout: TOOL_TIMEOUT_MS });
  return stdout.split('\n').filter((line) => line !== '');
}

/** nfs-cp from a local file; the name on the server must be new. */
export async function nfsCpTo(server: NfsPorts, localPath: string, path: string): Promise<void> {
  await run('nfs-cp', [localPath, libnfsUrl(server, path)], { timeout: TOOL_TIMEOUT_MS });
}

/** nfs-cp to a local file, whose name must be new. */
export async function nfsCpFrom(server: NfsPorts, path: string, localPath: string): Promise<void> {
  await run('nfs-cp', [libnfsUrl(server, path), localPath], { timeout: TOOL_TIMEOUT_MS });
}

/** nfs-cat: the file's bytes. */
export async function nfsCat(server: NfsPorts, path: string): Promise<Buffer> {
  const options = { timeout: TOOL_TIMEOUT_MS, encoding: 'buffer', maxBuffer: OUTPUT_BYTES_MAX } as const;
  return (await run('nfs-cat', [libnfsUrl(server, path)], options)).stdout;
}
