// Both transports by themselves: sockets of the test's own at the other end, and no protocol.
import assert from 'node:assert/strict';
import dns from 'node:dns';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { createServer, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, it, type TestContext } from 'node:test';
import { CARRIERS, type TestedCarrier } from '../../../test/support/carriers.js';
import { startDeafServer } from '../../../test/support/deaf-server.js';
import type { DioriteError } from '../../base/errors.js';
import { SegmentList } from '../../plan/request.js';
import { type Address, addressName, type Transport, type TransportUser } from './transport.js';

const HOST = '127.0.0.1';
const HAS_IPV6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

/** Takes what comes through one small buffer, unless the test says otherwise. */
class Client implements TransportUser {
  readonly transport: Transport;
  readonly made: Promise<void>;
  readonly ended: Promise<DioriteError>;
  readonly taken: Buffer[] = [];
  buffer: Uint8Array = Buffer.alloc(5000);
  goesOn = true;
  #connected: () => void = () => {};
  #closed: (error: DioriteError) => void = () => {};
  #sent: () => void = () => {};
  #received: () => void = () => {};

  constructor(make: TestedCarrier['make'], address: Partial<Address>) {
    this.made = new Promise((resolve) => {
      this.#connected = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#closed = resolve;
    });
    const defaults = { host: HOST, port: 1, privilegedPort: false, localPort: null, timeoutMs: 10_000 };
    this.transport = make({ ...defaults, ...address }, this);
  }

  connected(): void {
    this.#connected();
  }

  nextBuffer(): Uint8Array {
    return this.buffer;
  }

  received(bytes: number): boolean {
    this.taken.push(Buffer.from(this.buffer.subarray(0, bytes)));
    this.#received();
    return this.goesOn;
  }

  sent(): void {
    this.#sent();
  }

  closed(error: DioriteError): void {
    this.#closed(error);
  }

  send(parts: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve) => {
      this.#sent = resolve;
      this.transport.send(parts);
    });
  }

  async until(bytes: number): Promise<Buffer> {
    for (;;) {
      const all = Buffer.concat(this.taken);
      if (all.length >= bytes) return all;
      await new Promise<void>((resolve) => {
        this.#received = resolve;
      });
    }
  }

  destroy(reset: boolean): Promise<void> {
    return new Promise((resolve) => this.transport.destroy(reset, resolve));
  }
}

interface Listening {
  readonly server: Server;
  readonly port: number;
  readonly sockets: Socket[];
  /** The last one, when there are so many. */
  accepted(count: number): Promise<Socket>;
}

/** Sends back what it gets. */
async function listening(t: TestContext, host: string = HOST, port = 0): Promise<Listening> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const accepted = async (count: number): Promise<Socket> => {
    while (sockets.length < count) await once(server, 'connection');
    return sockets.at(-1) as Socket;
  };
  return { server, port: address.port, sockets, accepted };
}

async function connected(t: TestContext, carrier: TestedCarrier, address: Partial<Address>): Promise<Client> {
  const client = new Client(carrier.make, address);
  t.after(() => client.destroy(false));
  await Promise.race([client.made, client.ended.then((error) => Promise.reject(error))]);
  return client;
}

function pattern(bytes: number, first = 1): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => first + (i % 251)));
}

/** The same bytes, in memory whose address nobody knows. */
function shared(bytes: Uint8Array): Uint8Array {
  const memory = new Uint8Array(new SharedArrayBuffer(bytes.length));
  memory.set(bytes);
  return memory;
}

function segmentsOf(memory: Uint8Array): SegmentList {
  const segments = new SegmentList();
  segments.push(memory.buffer, memory.byteOffset, memory.length, false);
  return segments;
}

function socketsOpen(): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return 'the directory itself';
    }
  });
  return links.filter((link) => link.startsWith('socket:')).length;
}

/** Names resolve to these addresses. */
function resolveTo(t: TestContext, addresses: readonly string[]): void {
  const { lookup } = dns;
  const found = addresses.map((address) => ({ address, family: 4 }));
  const fake = (_host: string, _options: unknown, done: (error: null, all: typeof found) => void): void =>
    void setImmediate(done, null, found);
  dns.lookup = fake as unknown as typeof lookup;
  syncBuiltinESMExports();
  t.after(() => {
    dns.lookup = lookup;
    syncBuiltinESMExports();
  });
}

for (const carrier of CARRIERS) {
  describe(`a transport ${carrier.name}`, { skip: carrier.skip }, () => {
    it('takes bytes where each read is the last of its turn, and the end after them', async (t) => {
      const { port, accepted } = await listening(t);
      const client = await connected(t, carrier, { port });
      client.goesOn = false;
      (await accepted(1)).unpipe().end(pattern(300_000));
      assert.equal((await client.ended).code, 'ECONNRESET');
      assert.deepEqual(Buffer.concat(client.taken), pattern(300_000));
    });

    it('sends parts in order, and a payload after the first, whatever memory they are in', async (t) => {
      const { port } = await listening(t);
      const client = await connected(t, carrier, { port });
      const many = Array.from({ length: 3000 }, (_, i) => pattern(7, i % 4));
      const batches: readonly (readonly [payload: Uint8Array | null, parts: readonly Uint8Array[]])[] = [
        [null, [pattern(5)]],
        [pattern(20_000), [pattern(5), pattern(6, 2), pattern(0), pattern(7, 3)]],
        [null, [pattern(5), ...many]],
        [pattern(20_000), [pattern(5), ...many]],
        [shared(pattern(20_000)), [pattern(5), pattern(3, 4)]],
        [pattern(10), [shared(pattern(5)), shared(pattern(6, 9))]],
        [null, [pattern(8)]],
      ];
      for (const [payload, parts] of batches) {
        client.taken.length = 0;
        if (payload !== null) client.transport.load(segmentsOf(payload), payload.length);
        const [first = pattern(0), ...others] = parts;
        const expected = Buffer.concat([first, ...(payload === null ? [] : [payload]), ...others]);
        await client.send(parts);
        assert.deepEqual(await client.until(expected.length), expected);
      }
    });

    it('sends nothing of a payload whose memory is gone', async (t) => {
      const { port } = await listening(t);
      const client = await connected(t, carrier, { port });
      for (const index of [0, 1]) {
        const segments = new SegmentList();
        for (let i = 0; i < 2; i++) segments.push(new ArrayBuffer(8), 0, 8, false);
        structuredClone(null, { transfer: [segments.buffer[index] as ArrayBuffer] });
        assert.throws(() => client.transport.load(segments, 16), { code: 'ERR_DIORITE_DETACHED' });
      }
      await client.send([pattern(5)]);
      assert.deepEqual(await client.until(5), pattern(5));
    });

    it('receives into memory whose address nobody knows', async (t) => {
      const { port } = await listening(t);
      const client = await connected(t, carrier, { port });
      client.buffer = shared(pattern(100_000));
      await client.send([pattern(250_000)]);
      assert.deepEqual(await client.until(250_000), pattern(250_000));
    });

    it('reaches an IPv6 address', { skip: HAS_IPV6 ? false : 'no ::1' }, async (t) => {
      const { port } = await listening(t, '::1');
      const client = await connected(t, carrier, { host: '::1', port });
      await client.send([pattern(5)]);
      assert.deepEqual(await client.until(5), pattern(5));
    });

    it('passes over an address at which nobody answers', async (t) => {
      const port = await startDeafServer(t, HOST);
      await listening(t, '127.0.0.2', port);
      resolveTo(t, [HOST, '127.0.0.2']);
      await connected(t, carrier, { host: 'server.test', port, timeoutMs: 2000 });
    });

    it('names the server, of whose addresses all refuse', async (t) => {
      const { server, port } = await listening(t);
      await new Promise((resolve) => server.close(resolve));
      resolveTo(t, [HOST, '127.0.0.2']);
      const error = await new Client(carrier.make, { host: 'server.test', port }).ended;
      assert.equal(error.message, `ECONNREFUSED: no connection to server.test:${port}`);
    });

    it('leaves nothing open, however it ends', async (t) => {
      const deaf = await startDeafServer(t, HOST);
      const { port, sockets, accepted } = await listening(t);
      const refusing = await listening(t);
      await new Promise((resolve) => refusing.server.close(resolve));
      const before = socketsOpen();
      let made = 0;
      const other = async (client: Client): Promise<Socket> => {
        await client.made;
        return accepted(++made);
      };
      const ends: readonly (readonly [Partial<Address>, (client: Client) => Promise<unknown>])[] = [
        [{ port: refusing.port }, (client) => client.ended],
        [{ port: deaf, timeoutMs: 50 }, (client) => client.ended],
        [{ port: deaf }, (client) => client.destroy(false)],
        [{ port: deaf }, (client) => client.destroy(true)],
        [{ port }, (client) => other(client).then(() => client.destroy(false))],
        [{ port }, (client) => other(client).then(() => client.destroy(true))],
        [{ port }, (client) => other(client).then((socket) => socket.resetAndDestroy() && client.ended)],
        [{ port }, (client) => other(client).then((socket) => socket.end() && client.ended)],
        [{ port }, (client) => client.destroy(false)],
      ];
      for (const [address, end] of ends) {
        const client = new Client(carrier.make, address);
        await end(client);
        await client.destroy(false);
      }
      await Promise.all(sockets.map((socket) => socket.closed || new Promise((done) => socket.once('close', done))));
      assert.equal(socketsOpen(), before);
    });
  });
}

describe('addressName', () => {
  it('puts brackets around colons', () => {
    assert.equal(addressName({ host: '::1', port: 2049 }), '[::1]:2049');
    assert.equal(addressName({ host: 'server', port: 2049 }), 'server:2049');
  });
});
