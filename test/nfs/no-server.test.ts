// Ports where somebody else listens: told who it is, where that can be known, long before the timeout.
import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { open } from '../../src/index.js';
import { NfsClient } from '../../src/nfs.js';
import { nfsConnections } from '../../src/targets/nfs/connect.js';
import { diorite } from '../cli/command.js';
import { startMock } from './mock/mock-server.js';

/** In tenths of a second: nobody waits for so long here. */
const TIMEO = 600;
const TOLD_MS_MAX = 30_000;

async function listening(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

interface Other {
  readonly server: () => Server;
  readonly code: string;
  readonly message: RegExp;
}

/** Says this to every caller, and listens. */
function greeting(bytes: string | Uint8Array): () => Server {
  return () => createServer((socket) => void socket.write(bytes));
}

const OTHERS: Readonly<Record<string, Other>> = {
  'an HTTP server': {
    server: () => createHttpServer(),
    code: 'EPROTO',
    message: /127\.0\.0\.1:\d+ is no NFS server: it says "HTTP\/1\.1 400 Bad Request"/,
  },
  'an SSH server': {
    server: greeting('SSH-2.0-OpenSSH_9.2\r\n'),
    code: 'EPROTO',
    message: /127\.0\.0\.1:\d+ is no NFS server: it says "SSH-2\.0-OpenSSH_9\.2"/,
  },
  'a TLS server': {
    server: greeting(Uint8Array.of(21, 3, 1, 0, 2, 2, 70)),
    code: 'EPROTO',
    message: /127\.0\.0\.1:\d+ is no NFS server: it speaks TLS/,
  },
  'a server of bytes that nobody knows': {
    server: greeting(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)),
    code: 'EIO',
    message: /127\.0\.0\.1:\d+ makes no sense/,
  },
  'a server that ends every connection': {
    server: () => createServer((socket) => void socket.once('data', () => socket.end())),
    code: 'ECONNRESET',
    message: /127\.0\.0\.1:\d+ ended 4 connections without an answer: is it an NFS server\?/,
  },
};

describe('a port where another listens', { concurrency: true }, () => {
  for (const [what, { server, code, message }] of Object.entries(OTHERS)) {
    it(`${what} is told as such`, async (t) => {
      const port = await listening(t, server());
      const startedMs = performance.now();
      for (const more of ['', '&version=3', '&version=4.1']) {
        const url = `nfs://127.0.0.1:${port}/export/file?timeo=${TIMEO}&mountport=${port}${more}`;
        await assert.rejects(open(url), { code, message, syscall: 'open' }, more);
        await assert.rejects(NfsClient.connect(url), { code, message, syscall: 'connect' }, more);
      }
      const { code: status, stderr } = await diorite(['probe', `nfs://127.0.0.1:${port}/export?timeo=${TIMEO}`]);
      assert.equal(status, 1);
      assert.match(stderr, message);
      assert.ok(performance.now() - startedMs < TOLD_MS_MAX);
      assert.equal(nfsConnections.size, 0);
    });
  }

  it('is told where it is MOUNT that is asked there', async (t) => {
    const mock = await startMock(t);
    const port = await listening(t, createHttpServer());
    const url = mock.url('3', '/export/file', { mountport: String(port), timeo: String(TIMEO) });
    await assert.rejects(open(url), {
      code: 'EPROTO',
      message: new RegExp(`127\\.0\\.0\\.1:${port} is no NFS server`),
    });
  });
});

describe('a server that is just starting', () => {
  it('may end a few connections before it answers', async (t) => {
    const mock = await startMock(t);
    mock.putFile('/export/file', Buffer.from('bytes'));
    for (const version of ['3', '4.1'] as const) {
      mock.fault({ on: '*', times: 3, fault: { kind: 'cut', bytes: 0, end: 'drop' } });
      const file = await open(mock.url(version, '/export/file', { timeo: String(TIMEO) }));
      await file.close();
      mock.faults.clear();
    }
  });
});
