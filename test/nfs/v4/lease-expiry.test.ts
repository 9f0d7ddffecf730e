// What becomes of open files when the server's lease on them runs out: they are opened again only where nobody changed them.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { OP, STATUS } from '../../../src/targets/nfs/v4/constants.js';
import type { ProtocolV4 } from '../../../src/targets/nfs/v4/protocol-v4.js';
import { countOf, FakeServer, once } from './fake-server.js';
import { read, startClient, write } from './start.js';

const DATA = Buffer.from('what is written stays written');
const READ_ONLY = { reads: true, writes: false, create: 'never' } as const;
const OWN = { reads: true, writes: true, create: 'exclusive', mode: 0o600, isPrivate: true } as const;

async function opened(t: TestContext): Promise<{ server: FakeServer; client: ProtocolV4; root: Uint8Array }> {
  const server = new FakeServer();
  const client = await startClient(t, server);
  server.files.add('file', 1, Buffer.from(DATA));
  return { server, client, root: client.root.handle };
}

describe('a lease that ran out', () => {
  it('has what is read opened again, where nobody has changed it since', async (t) => {
    const { server, client, root } = await opened(t);
    const { file } = await client.open(root, 'file', READ_ONLY);
    server.expire();
    server.log.length = 0;
    assert.deepEqual((await read(client, file, 0, 100)).data, DATA);
    assert.deepEqual(server.log.slice(2), [
      [OP.CREATE_SESSION],
      [OP.PUTFH, OP.OPEN],
      [OP.RECLAIM_COMPLETE],
      [OP.PUTFH, OP.OPEN, OP.GETATTR],
      [OP.PUTFH, OP.READ],
    ]);
    await client.closeFile(file);
    assert.equal(server.opens.size, 0);
  });

  it('loses what was changed meanwhile', async (t) => {
    const { server, client, root } = await opened(t);
    const { file } = await client.open(root, 'file', READ_ONLY);
    server.expire();
    const there = server.files.names.get('file');
    assert.ok(there !== undefined);
    there.change++;
    for (let i = 0; i < 2; i++)
      await assert.rejects(read(client, file, 0, 100), /"file" was changed after it was opened/);
    await client.closeFile(file);
  });

  it('has what nobody else knows opened again, in the middle of its WRITEs', async (t) => {
    const { server, client, root } = await opened(t);
    const { file } = await client.open(root, 'new', OWN);
    let writes = 0;
    server.fault = ({ operations }) => {
      if (operations.includes(OP.WRITE) && ++writes === 5) server.expire();
      return undefined;
    };
    const pieces = Array.from({ length: 20 }, (_, i) => Buffer.alloc(10, i + 1));
    await Promise.all(pieces.map((piece, i) => write(client, file, 10 * i, piece)));
    assert.deepEqual(server.files.names.get('new')?.data, Buffer.concat(pieces));
    assert.equal(countOf(server, OP.EXCHANGE_ID), 2);
  });

  it('of one file alone, as the server says when it is asked', async (t) => {
    const { server, client, root } = await opened(t);
    const { file } = await client.open(root, 'file', READ_ONLY);
    for (const status of [STATUS.EXPIRED, STATUS.BAD_STATEID]) {
      for (const state of server.opens.values()) state.status = status;
      assert.deepEqual((await read(client, file, 0, 100)).data, DATA);
    }
    assert.deepEqual([countOf(server, OP.EXCHANGE_ID), countOf(server, OP.FREE_STATEID)], [1, 1]);
  });

  it('does not have opened again what is being closed', async (t) => {
    const { server, client, root } = await opened(t);
    const { file } = await client.open(root, 'file', READ_ONLY);
    server.expire();
    await client.closeFile(file);
    assert.equal(server.opens.size, 0);
  });

  it('and is told by SEQUENCE, until the server has cleared up', async (t) => {
    const { server, client, root } = await opened(t);
    const { file } = await client.open(root, 'file', READ_ONLY);
    server.expire();
    server.fault = once(OP.READ, STATUS.EXPIRED);
    let refusals = 2;
    server.refuse = (operation) => (operation === OP.CREATE_SESSION && refusals-- > 0 ? STATUS.EXPIRED : STATUS.OK);
    assert.deepEqual((await read(client, file, 0, 100)).data, DATA);
  });
});
