// Pairs of sockets of a test's own, and their descriptors.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { tempDirectory } from './temp.js';

/** Both ends of one connection; of what is not local, by TCP. Neither reads until it is told to. */
export async function socketPair(t: TestContext, kind: 'local' | 'tcp' = 'local'): Promise<[Socket, Socket]> {
  const server = createServer({ pauseOnConnect: true });
  if (kind === 'local') server.listen(join(tempDirectory(t), 'socket'));
  else server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const near = typeof address === 'string' ? connect(address) : connect(address.port, address.address);
  const [far] = await accepted;
  t.after(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  near.pause();
  return [near, far];
}

/** The descriptor of a socket: Node has no public name for it. */
export function fdOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const fd: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  assert.ok(typeof fd === 'number' && fd >= 0);
  return fd;
}
