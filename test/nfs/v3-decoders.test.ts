// NFSv3's decoders fed with answers of a real server, cut short and mangled: each gives a result or an error, and soon.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { DioriteError } from '../../src/base/errors.js';
import { FILE_SYNC, type NfsOpenFile } from '../../src/targets/nfs/protocol.js';
import { RpcClient } from '../../src/targets/nfs/rpc/rpc-client.js';
import { NFS_PROGRAM, NFS_VERSION, PROCEDURE } from '../../src/targets/nfs/v3/constants.js';
import { type FoundExport, findExport } from '../../src/targets/nfs/v3/find-export.js';
import { ProtocolV3 } from '../../src/targets/nfs/v3/protocol-v3.js';
import { withSeed } from '../support/random.js';
import { Frames, RecordingRpc, ReplayingRpc } from './frames/recorded-rpc.js';
import { ganeshaProblem, startGanesha } from './ganesha.js';
import { readOnce, writeOnce } from './io-calls.js';
import { startMock } from './mock/mock-server.js';

const CASES = 40_000;
/** Of the processor: many times what an answer of some KiB takes. */
const CASE_MS_MAX = 500;

const SETTINGS = { timeoutMs: 0, hard: false, connections: 1, ioBytesMax: 2 ** 20 } as const;
const READ_BYTES = 1000;

/** nfs-ganesha where it can be started; the server in this process elsewhere. */
async function someServer(t: TestContext): Promise<{ port: number; mountPort: number; path: string }> {
  const problem = ganeshaProblem();
  if (problem !== null) {
    const { port, mountPort } = await startMock(t);
    return { port, mountPort, path: '/export/none' };
  }
  const { port, mountPort } = await startGanesha(t, { versions: ['3'] });
  return { port, mountPort, path: '/vfs/none' };
}

async function connect(t: TestContext, port: number, frames: Frames): Promise<RecordingRpc> {
  const credentials = { uid: 0, gid: 0, gids: [] };
  const options = { host: '127.0.0.1', port, credentials, timeoutMs: 60_000, hard: false, privilegedPort: false };
  const client = await RpcClient.connect(options);
  t.after(() => client.close());
  return new RecordingRpc(client, frames);
}

/** A procedure that the protocol asks for seldom or without keeping its answer in one piece. */
function askPlainly(rpc: RecordingRpc, procedure: number, handle: Uint8Array, words: readonly number[]): Promise<void> {
  return rpc.request({
    program: NFS_PROGRAM,
    version: NFS_VERSION,
    procedure,
    encode(xdr) {
      xdr.opaque(handle);
      for (const word of words) xdr.u32(word);
    },
    decode() {},
  });
}

/** Every procedure is asked once at least, and some that fail. */
async function record(t: TestContext, frames: Frames): Promise<FoundExport> {
  const { port, mountPort, path } = await someServer(t);
  const found = await findExport(await connect(t, mountPort, frames), path);
  const rpc = await connect(t, port, frames);
  const settings = { ...SETTINGS, timeoutMs: 60_000 };
  const protocol = await ProtocolV3.start({ rpc, settings, root: found.handle, onClose: async () => {} });
  const root = found.handle;
  const { file } = await protocol.open(root, 'file', { reads: true, writes: true, create: 'exclusive', mode: 0o600 });
  await protocol.open(root, 'other', { reads: true, writes: true, create: 'unchecked' });
  await protocol.open(root, 'other', { reads: true, writes: true, create: 'never' });
  await writeOnce(protocol, file, 0, FILE_SYNC, Buffer.alloc(READ_BYTES, 7));
  await askPlainly(rpc, PROCEDURE.READ, file.handle, [0, 0, READ_BYTES]);
  await askPlainly(rpc, PROCEDURE.READ, file.handle, [0, READ_BYTES, READ_BYTES]);
  await protocol.commit(file);
  await protocol.makeDirectory(root, 'directory', 0o755);
  const link = await protocol.symlink(root, 'link', '../somewhere/else');
  await protocol.readLink(link.handle);
  await protocol.link(file.handle, root, 'second');
  await protocol.rename(root, 'second', root, 'third');
  await protocol.readDirectory(root, 0n, 0n, 4096);
  await askPlainly(rpc, PROCEDURE.READDIR, root, [0, 0, 0, 0, 4096]);
  await protocol.space(root);
  await protocol.remove(root, 'third');
  await protocol.removeDirectory(root, 'directory');
  await protocol.setAttributes(file.handle, { mode: 0o640 });
  await protocol.attributes(file.handle);
  await assert.rejects(protocol.lookup(root, 'third'));
  await assert.rejects(protocol.makeDirectory(root, 'other', 0o755));
  await assert.rejects(protocol.readLink(root));
  await assert.rejects(protocol.commit({ handle: Buffer.alloc(24), reads: true, writes: true }));
  return found;
}

type Operation = (protocol: ProtocolV3, rpc: ReplayingRpc) => Promise<unknown>;

function operationsOn(root: Uint8Array): Readonly<Record<string, Operation>> {
  const file: NfsOpenFile = { handle: root, reads: true, writes: true };
  const both = { reads: true, writes: true } as const;
  return {
    attributes: (protocol) => protocol.attributes(root),
    setAttributes: (protocol) => protocol.setAttributes(root, { size: 1 }),
    lookup: (protocol) => protocol.lookup(root, 'x'),
    readLink: (protocol) => protocol.readLink(root),
    read: (protocol) => readOnce(protocol, file, 0, Buffer.alloc(READ_BYTES)),
    write: (protocol) => writeOnce(protocol, file, 0, FILE_SYNC, Buffer.alloc(READ_BYTES)),
    commit: (protocol) => protocol.commit(file),
    'open, never': (protocol) => protocol.open(root, 'x', { ...both, create: 'never' }),
    'open, unchecked': (protocol) => protocol.open(root, 'x', { ...both, create: 'unchecked' }),
    'open, exclusive': (protocol) => protocol.open(root, 'x', { ...both, create: 'exclusive' }),
    remove: (protocol) => protocol.remove(root, 'x'),
    removeDirectory: (protocol) => protocol.removeDirectory(root, 'x'),
    rename: (protocol) => protocol.rename(root, 'x', root, 'y'),
    link: (protocol) => protocol.link(root, root, 'x'),
    symlink: (protocol) => protocol.symlink(root, 'x', 'y'),
    makeDirectory: (protocol) => protocol.makeDirectory(root, 'x', 0o755),
    readDirectory: (protocol) => protocol.readDirectory(root, 0n, 0n, 4096),
    space: (protocol) => protocol.space(root),
    limits: (_, rpc) => ProtocolV3.start({ rpc, settings: SETTINGS, root, onClose: async () => {} }),
    mount: (_, rpc) => findExport(rpc, '/vfs/a/b/c'),
  };
}

describe('NFSv3: decoders', () => {
  it(`bear ${CASES.toLocaleString('en')} mangled answers of a real server`, async (t) => {
    const frames = new Frames();
    const { handle } = await record(t, frames);
    // All procedures but NULL and MKNOD, and two of MOUNT.
    assert.equal(frames.kinds, 22);
    await withSeed(async (random) => {
      const rpc = new ReplayingRpc(frames);
      const protocol = await ProtocolV3.start({ rpc, settings: SETTINGS, root: handle, onClose: async () => {} });
      rpc.random = random;
      const operations = Object.entries(operationsOn(handle));
      let failures = 0;
      for (let i = 0; rpc.cases < CASES; i++) {
        const [name, operation] = operations[i % operations.length] ?? ['', () => Promise.resolve()];
        const started = process.cpuUsage();
        try {
          await operation(protocol, rpc);
        } catch (error) {
          failures++;
          if (!(error instanceof DioriteError))
            throw new Error(`${name}: ${String(error)}, of the answer ${rpc.last.toString('hex')}`, { cause: error });
        }
        const { user, system } = process.cpuUsage(started);
        const tookMs = (user + system) / 1000;
        assert.ok(tookMs < CASE_MS_MAX, `${name} took ${tookMs} ms, of the answer ${rpc.last.toString('hex')}`);
      }
      assert.equal(protocol.room, 64);
      assert.ok(failures > CASES / 10, `${failures} errors`);
    });
  });
});
