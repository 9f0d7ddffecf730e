// The mock's NFSv3 by raw calls: faults strike where they are told to, unstable data are lost, and clients are watched.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import { patchWord, type RpcRefusal } from './faults.js';
import { type MockOptions, type MockServer, startMock } from './mock-server.js';
import { PROGRAMS } from './program.js';
import { mountV3, RawClient } from './raw-client.js';

const GETATTR = 1;
const READ = 6;
const WRITE = 7;
const REMOVE = 12;
const COMMIT = 21;

interface Setup {
  readonly server: MockServer;
  readonly client: RawClient;
  readonly root: Uint8Array;
  readonly file: Uint8Array;
}

async function setUp(t: TestContext, options: MockOptions = {}): Promise<Setup> {
  const server = await startMock(t, options);
  const root = await mountV3(t, server.mountPort, '/export');
  const file = server.tree.handleOf(server.putFile('/export/file', Buffer.from('0123456789')));
  return { server, client: await RawClient.connect(t, server.port), root, file };
}

function writeArguments(file: Uint8Array, offset: number, text: string, stable: number): (xdr: XdrWriter) => void {
  return (xdr) => {
    xdr.opaque(file);
    xdr.u64(offset);
    xdr.u32(text.length);
    xdr.u32(stable);
    xdr.string(text);
  };
}

function rangeArguments(file: Uint8Array, offset: number, count: number): (xdr: XdrWriter) => void {
  return (xdr) => {
    xdr.opaque(file);
    xdr.u64(offset);
    xdr.u32(count);
  };
}

/** Status, then what WRITE says: count, level, verifier. */
async function write(client: RawClient, file: Uint8Array, offset: number, text: string, stable: number) {
  const { results } = await client.ask({ procedure: WRITE, write: writeArguments(file, offset, text, stable) });
  const status = results.u32();
  if (status !== 0) return { status, count: 0, committed: 0, verifier: 0n };
  results.skip(4 + 24 + 4 + 84);
  return { status, count: results.u32(), committed: results.u32(), verifier: results.u64() };
}

async function commit(client: RawClient, file: Uint8Array, offset: number, count: number): Promise<bigint> {
  const { results } = await client.ask({ procedure: COMMIT, write: rangeArguments(file, offset, count) });
  assert.equal(results.u32(), 0);
  results.skip(4 + 24 + 4 + 84);
  return results.u64();
}

describe('what a WRITE of the mock leaves', () => {
  it('loses at a restart what was not committed, to the byte, and answers another verifier', async (t) => {
    const { server, client, file } = await setUp(t);
    const first = await write(client, file, 0, 'abcdefgh', 0);
    assert.deepEqual({ ...first, verifier: 0n }, { status: 0, count: 8, committed: 0, verifier: 0n });
    await write(client, file, 8, 'ij', 2);
    assert.equal(await commit(client, file, 2, 3), first.verifier);
    assert.equal(Buffer.from(server.bytesOf('/export/file')).toString(), 'abcdefghij');
    assert.equal(Buffer.from(server.durableBytesOf('/export/file')).toString(), '01cde567ij');
    server.restart();
    await client.closed;
    const again = await RawClient.connect(t, server.port);
    assert.equal(Buffer.from(server.bytesOf('/export/file')).toString(), '01cde567ij');
    assert.notEqual(await commit(again, file, 0, 0), first.verifier);
  });

  it('is short, out of space, less durable or differently verified as faults say', async (t) => {
    const { server, client, file } = await setUp(t);
    server.fault({ on: 'WRITE', fault: { kind: 'short', bytes: 3 } });
    assert.equal((await write(client, file, 0, 'abcdef', 2)).count, 3);
    assert.equal(Buffer.from(server.bytesOf('/export/file')).toString(), 'abc3456789');
    server.fault({ on: 'WRITE', fault: { kind: 'status', status: 28 } });
    assert.equal((await write(client, file, 0, 'xyz', 2)).status, 28);
    server.fault({ on: 'WRITE', fault: { kind: 'committed', committed: 0 } });
    assert.equal((await write(client, file, 0, 'X', 2)).committed, 0);
    assert.equal(Buffer.from(server.durableBytesOf('/export/file')).toString(), 'abc3456789');
    server.fault({ on: 'WRITE', fault: { kind: 'says verifier', verifier: 99n } });
    assert.equal((await write(client, file, 0, 'Y', 0)).verifier, 99n);
    server.fault({ on: 'COMMIT', fault: { kind: 'verifier', lose: true } });
    await commit(client, file, 0, 0);
    assert.equal(Buffer.from(server.bytesOf('/export/file')).toString(), 'abc3456789');
  });

  it('fills up', async (t) => {
    const { server, client, file } = await setUp(t, { capacityBytes: 8192 });
    assert.equal((await write(client, file, 4096, 'x', 2)).status, 0);
    assert.equal((await write(client, file, 100_000, 'x', 2)).status, 28);
    assert.equal(server.counts.calls('WRITE'), 2);
  });
});

describe('what a READ of the mock says', () => {
  it('is short, or lies about its end and its length, as faults say', async (t) => {
    const { server, client, file } = await setUp(t);
    const read = async (): Promise<[count: number, eof: boolean, length: number, bytes: number]> => {
      const { results } = await client.ask({ procedure: READ, write: rangeArguments(file, 0, 10) });
      results.skip(4 + 4 + 84);
      return [results.u32(), results.bool(), results.u32(), results.remaining];
    };
    assert.deepEqual(await read(), [10, true, 10, 12]);
    server.fault({ on: 'READ', fault: { kind: 'short', bytes: 4 } });
    assert.deepEqual(await read(), [4, false, 4, 4]);
    server.fault({ on: 'READ', fault: { kind: 'eof', eof: false } });
    assert.deepEqual(await read(), [10, false, 10, 12]);
    server.fault({ on: 'READ', fault: { kind: 'payload', bytes: 0x7fffffff } });
    assert.deepEqual(await read(), [10, true, 0x7fffffff, 12]);
    server.fault({ on: 'READ', fault: { kind: 'count', count: 5 } });
    assert.deepEqual(await read(), [5, true, 10, 12]);
  });
});

describe('faults of messages', () => {
  const getattr = (file: Uint8Array) => ({ procedure: GETATTR, write: (xdr: XdrWriter) => xdr.opaque(file) });

  it('answer twice, with a wrong number, mangled, cut, or with garbage before', async (t) => {
    const { server, client, file } = await setUp(t);
    server.fault({ on: 'GETATTR', fault: { kind: 'twice' } });
    const xid = client.send(getattr(file));
    assert.deepEqual([(await client.next()).xid, (await client.next()).xid], [xid, xid]);
    server.fault({ on: 'GETATTR', fault: { kind: 'wrongXid', right: true } });
    const next = client.send(getattr(file));
    assert.notEqual((await client.next()).xid, next);
    assert.equal((await client.next()).xid, next);
    server.fault({ on: 'GETATTR', fault: { kind: 'truncate', bytes: -10 } });
    assert.equal((await client.ask(getattr(file))).bytes.length, 24 + 4 + 84 - 10);
    server.fault({ on: 'GETATTR', fault: patchWord(24, 4711) });
    assert.equal((await client.ask(getattr(file))).results.u32(), 4711);
    server.fault({ on: 'GETATTR', fault: { kind: 'cut', bytes: 20, end: 'drop' } });
    client.send(getattr(file));
    await client.closed;
    assert.equal(client.left, 0);
  });

  it('refuse in every way that RPC has, and in some that it has not', async (t) => {
    const { server, client, file } = await setUp(t);
    const ways: RpcRefusal[] = ['prog unavail', 'garbage args', 'denied auth', 'unknown accept status'];
    for (const how of ways) {
      server.fault({ on: 'GETATTR', fault: { kind: 'rpc', how } });
      const { bytes } = await client.ask(getattr(file));
      assert.equal(bytes.readUInt32BE(8), how === 'denied auth' ? 1 : 0);
    }
    assert.equal((await client.ask({ program: 4711, procedure: 0 })).bytes.readUInt32BE(20), 1);
    const mismatch = await client.ask({ version: 2, procedure: 0 });
    assert.deepEqual(
      [20, 24, 28].map((at) => mismatch.bytes.readUInt32BE(at)),
      [2, 3, 4],
    );
    assert.equal((await client.ask({ procedure: 99 })).bytes.readUInt32BE(20), 3);
  });

  it('hold replies, and let them go in any order', async (t) => {
    const { server, client, file } = await setUp(t);
    const held = server.fault({ on: 'GETATTR', times: 3, fault: { kind: 'hold', carriedOut: true } });
    const xids = [1, 2, 3].map(() => client.send(getattr(file)));
    await held.hit(3);
    assert.equal(held.held, 3);
    held.release('reversed');
    const answered = [await client.next(), await client.next(), await client.next()].map(({ xid }) => xid);
    assert.deepEqual(answered, xids.reverse());
    assert.equal(server.counts.inFlightMax('GETATTR'), 3);
  });

  it('send a reply after later ones', async (t) => {
    const { server, client, file } = await setUp(t);
    server.fault({ on: 'GETATTR', fault: { kind: 'behind', replies: 2 } });
    const [a, b, c] = [1, 2, 3].map(() => client.send(getattr(file)));
    const answered = [await client.next(), await client.next(), await client.next()].map(({ xid }) => xid);
    assert.deepEqual(answered, [b, c, a]);
  });

  it('strike at the n-th call, so often, and only where they are told', async (t) => {
    const { server, client, file } = await setUp(t);
    const rule = server.fault({ on: '*', nth: 2, times: 2, fault: { kind: 'status', status: 70 } });
    const statuses: number[] = [];
    for (let i = 0; i < 5; i++) statuses.push((await client.ask(getattr(file))).results.u32());
    assert.deepEqual(statuses, [0, 70, 70, 0, 0]);
    assert.equal(rule.hits, 2);
    server.fault({ on: 'GETATTR', where: ({ xid }) => xid === 5, fault: { kind: 'status', status: 5 } });
    assert.equal((await client.ask({ ...getattr(file), xid: 6 })).results.u32(), 0);
    assert.equal((await client.ask({ ...getattr(file), xid: 5 })).results.u32(), 5);
  });
});

describe('what the mock notes of its clients', () => {
  const remove = (root: Uint8Array) => ({
    procedure: REMOVE,
    xid: 77,
    write: (xdr: XdrWriter) => {
      xdr.opaque(root);
      xdr.string('file');
    },
  });

  async function removeTwice(t: TestContext, options: MockOptions): Promise<{ server: MockServer; status: number }> {
    const { server, client, root } = await setUp(t, options);
    server.fault({ on: 'REMOVE', fault: { kind: 'drop', carriedOut: true } });
    client.send(remove(root));
    await client.closed;
    const again = await RawClient.connect(t, server.port);
    return { server, status: (await again.ask(remove(root))).results.u32() };
  }

  it('a call that must not be repeated and was: the answer of a server without memory, and of one with', async (t) => {
    const without = await removeTwice(t, {});
    assert.equal(without.status, 2);
    assert.deepEqual(without.server.log.repeats, ['REMOVE']);
    assert.equal(without.server.log.resent, 1);
    const elsewhere = await removeTwice(t, { duplicates: 'connection' });
    assert.equal(elsewhere.status, 2);
    const remembered = await removeTwice(t, { duplicates: 'server' });
    assert.equal(remembered.status, 0);
    assert.deepEqual(remembered.server.log.repeats, []);
  });

  it('a call dropped before it was carried out may come again', async (t) => {
    const { server, client, root } = await setUp(t);
    server.fault({ on: 'REMOVE', fault: { kind: 'drop', carriedOut: false } });
    client.send(remove(root));
    await client.closed;
    const again = await RawClient.connect(t, server.port);
    assert.equal((await again.ask(remove(root))).results.u32(), 0);
    assert.deepEqual(server.log.repeats, []);
  });

  it('whatever is against the rules', async (t) => {
    const { server, client, file } = await setUp(t, { tolerant: true, writeBytesMax: 4 });
    const get = { procedure: GETATTR, xid: 9, write: (xdr: XdrWriter) => xdr.opaque(file) };
    await client.ask(get);
    await client.ask(get);
    await write(client, file, 0, 'longer', 2);
    const extra = {
      ...get,
      xid: 10,
      write: (xdr: XdrWriter) => {
        xdr.opaque(file);
        xdr.u32(0);
      },
    };
    assert.equal((await client.ask(extra)).bytes.readUInt32BE(20), 4);
    client.sendBytes(Buffer.from([0x80, 0, 0, 4, 1, 2, 3, 4]));
    await client.closed;
    assert.equal(server.world.violations.length, 4, server.world.violations.join('\n'));
    await assert.rejects(async () => {
      const strict = await startMock({ after: () => undefined });
      strict.world.violation('something');
      await strict.stop();
    }, /the client broke rules:\nsomething/);
  });
});

describe('the portmapper of the mock', () => {
  it('tells the ports of its programs', async (t) => {
    const server = await startMock(t);
    const client = await RawClient.connect(t, server.portmapPort);
    const port = async (program: number, version: number): Promise<number> => {
      const words = [program, version, 6, 0];
      const write = (xdr: XdrWriter): void => {
        for (const word of words) xdr.u32(word);
      };
      return (await client.ask({ program: PROGRAMS.portmap, version: 2, procedure: 3, write })).results.u32();
    };
    assert.equal(await port(PROGRAMS.mount, 3), server.mountPort);
    assert.equal(await port(PROGRAMS.nfs, 3), server.port);
    assert.equal(await port(PROGRAMS.nfs, 4), server.port);
    assert.equal(await port(4711, 1), 0);
  });
});

describe('a mock that goes away', () => {
  it('refuses connections until it is up again', async (t) => {
    const { server, client } = await setUp(t);
    await server.down();
    await client.closed;
    await assert.rejects(RawClient.connect(t, server.port), /ECONNREFUSED/);
    await server.up();
    await RawClient.connect(t, server.port);
    assert.equal(server.connections, 1);
  });
});
