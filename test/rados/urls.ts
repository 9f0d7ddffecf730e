// rados:// URLs of a test's cluster.
import type { Cluster } from './cluster.js';

export function urlOf(
  cluster: Cluster,
  name: string,
  parameters: Readonly<Record<string, string>> = {},
  pool = 'data',
): string {
  const query = new URLSearchParams({ conf: cluster.confPath, keyring: cluster.keyringPath, ...parameters });
  return `rados://${pool}/${encodeURIComponent(name)}?${query}`;
}
