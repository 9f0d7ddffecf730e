// Child of denied.test.ts: what carries a connection, why not the ring, and whether it works.
import { createServer } from 'node:net';
import { chooseCarrier } from '../../../src/targets/net/carrier.js';

const { name, reason, make } = chooseCarrier();
const server = createServer((socket) => socket.pipe(socket));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');

const sent = Buffer.from('there and back');
const buffer = Buffer.alloc(64);
const back = await new Promise<Buffer>((resolve, reject) => {
  const parts: Buffer[] = [];
  const transport = make(
    { host: '127.0.0.1', port: address.port, privilegedPort: false, localPort: null, timeoutMs: 10_000 },
    {
      connected: () => transport.send([sent]),
      nextBuffer: () => buffer,
      received: (bytes) => {
        parts.push(Buffer.from(buffer.subarray(0, bytes)));
        const all = Buffer.concat(parts);
        if (all.length < sent.length) return true;
        transport.destroy(false, () => resolve(all));
        return false;
      },
      sent: () => undefined,
      closed: reject,
    },
  );
});
server.close();
console.log(JSON.stringify({ name, reason, roundTrip: back.equals(sent) }));
