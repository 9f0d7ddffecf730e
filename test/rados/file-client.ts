// Files of a test's cluster opened by URL, read and written whole, and what Ceph's own tool makes of them.
import '../../src/memory/host.js';
import { File } from '../../src/handle/file.js';
import { RadosConnections } from '../../src/targets/rados/connections.js';
import { openRadosTarget } from '../../src/targets/rados/open.js';
import type { Cleanup } from '../support/temp.js';
import type { Cluster } from './cluster.js';

export type Parameters = Readonly<Record<string, string>>;

export function urlOf(cluster: Cluster, name: string, parameters: Parameters = {}, pool = 'data'): string {
  const query = new URLSearchParams({ conf: cluster.confPath, keyring: cluster.keyringPath, ...parameters });
  return `rados://${pool}/${encodeURIComponent(name)}?${query}`;
}

/** Over a connection of its own. */
export async function openFile(t: Cleanup, url: string, flags: string): Promise<File> {
  const target = await openRadosTarget(new RadosConnections(), url, flags);
  const file = new File({ target, engineReason: null, depth: undefined, bytesInFlight: undefined, appends: false });
  t.after(() => file.close());
  return file;
}

export async function writeFile(t: Cleanup, url: string, data: Buffer): Promise<void> {
  const file = await openFile(t, url, 'w');
  await file.write(data, 0, data.length, 0);
  await file.close();
}

export async function readFile(t: Cleanup, url: string): Promise<Buffer> {
  const file = await openFile(t, url, 'r');
  const { size } = await file.stat();
  const { bytesRead, buffer } = await file.read(Buffer.alloc(size + 1), 0, size + 1, 0);
  await file.close();
  return buffer.subarray(0, bytesRead);
}

/** As libradosstriper reads it. */
export function readByTool(cluster: Cluster, name: string, pool = 'data'): Promise<Buffer> {
  return cluster.tool('rados', '-p', pool, '--striper', 'get', name, '-');
}
