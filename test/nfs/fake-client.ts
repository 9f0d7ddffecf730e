// A client of a server in memory, for the time of a test.
import { connectThrough, type NfsClient } from '../../src/nfs/client.js';
import { connectionsTo } from './fake-connections.js';
import { type FakeOptions, FakeProtocol } from './fake-protocol.js';

/** The client's paths begin at the server's root. */
export async function connected(
  t: { after(hook: () => Promise<void>): void },
  options: FakeOptions = {},
): Promise<{ fake: FakeProtocol; client: NfsClient }> {
  const fake = new FakeProtocol(options);
  const client = await connectThrough(connectionsTo(fake), 'nfs://fake/export?uid=7');
  t.after(() => client.close());
  return { fake, client };
}
