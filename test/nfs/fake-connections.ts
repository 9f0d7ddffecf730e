// Connections that lead to a server in memory, whatever URL is asked for: its root is what they are made to export.
import { DioriteError } from '../../src/base/errors.js';
import { NfsConnections } from '../../src/targets/nfs/connections.js';
import type { FakeProtocol } from './fake-protocol.js';

/** `rootPath`: what the server's root is called in URLs. Every other path is refused as MOUNT refuses it. */
export function connectionsTo(fake: FakeProtocol, rootPath = '/export'): NfsConnections {
  const connect = async (_settings: unknown, path: string) => {
    if (path !== rootPath && !path.startsWith(`${rootPath}/`))
      throw new DioriteError(`fake:2049: MNT "${path}": MNT3ERR_ACCES (13)`, { code: 'EACCES' });
    fake.closed = false;
    return { protocol: fake, rest: path.slice(rootPath.length + 1) };
  };
  return new NfsConnections([{ name: '4.2', load: async () => connect }]);
}
