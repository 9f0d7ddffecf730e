// Connections of NFSv3 for tests: to a server that is there, or to an nfs-ganesha that is started.
import type { TestContext } from 'node:test';
import type { NfsOpened, NfsProtocol } from '../../src/targets/nfs/protocol.js';
import { parseNfsUrl } from '../../src/targets/nfs/url.js';
import { connectV3 } from '../../src/targets/nfs/v3/protocol-v3.js';
import { type Ganesha, type GaneshaOptions, requireGanesha, startGanesha } from './ganesha.js';

export interface Started {
  readonly server: Ganesha;
  readonly protocol: NfsProtocol;
  readonly rest: string;
}

export async function connectTo(
  t: TestContext,
  server: { url(version: '3', path: string, parameters?: Readonly<Record<string, string>>): URL },
  path: string,
  parameters: Readonly<Record<string, string>> = {},
): Promise<{ protocol: NfsProtocol; rest: string }> {
  const { settings, path: decoded } = parseNfsUrl(server.url('3', path, parameters));
  const connected = await connectV3(settings, decoded);
  t.after(() => connected.protocol.close());
  return connected;
}

/** Null: no server can be started here, and the test is skipped. */
export async function startV3(
  t: TestContext,
  path = '/vfs',
  options: GaneshaOptions = {},
  parameters: Readonly<Record<string, string>> = {},
): Promise<Started | null> {
  if (!requireGanesha(t)) return null;
  const server = await startGanesha(t, { versions: ['3'], ...options });
  return { server, ...(await connectTo(t, server, path, parameters)) };
}

export function openNew(protocol: NfsProtocol, name: string, mode = 0o644): Promise<NfsOpened> {
  return protocol.open(protocol.root.handle, name, { reads: true, writes: true, create: 'exclusive', mode });
}
