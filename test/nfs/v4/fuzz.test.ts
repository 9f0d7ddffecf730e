// Answers that are cut short or changed at random: each call ends with a result or an error of the library, and soon.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DioriteError } from '../../../src/base/errors.js';
import type { NfsOpenFile } from '../../../src/targets/nfs/protocol.js';
import { ProtocolV4 } from '../../../src/targets/nfs/v4/protocol-v4.js';
import { createSession, exchangeId } from '../../../src/targets/nfs/v4/session-wire.js';
import { XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { forSeeds, Prng, seedAsked } from '../../support/prng.js';
import { FakeServer } from './fake-server.js';
import { FRAMES } from './frames.js';
import { IoFailure, read, write } from './start.js';

const SEEDS = 8;
/** Side by side: some wait, as a changed status asks them to. */
const CLIENTS_PER_SEED = 100;
/** No more: a file that an earlier case lost must not hide the later ones. */
const CASES_PER_CLIENT = 50;
const CASES_IN_ALL = SEEDS * CLIENTS_PER_SEED * CASES_PER_CLIENT;
/** Compound head and SEQUENCE's result: what follows them in a frame of the real server is put behind ours. */
const SEQUENCE_END = 3 * 4 + 2 * 4 + 16 + 5 * 4;
const EDGES = [0, 1, 2, 3, 4, 64, 127, 128, 129, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];
const HANDLE = Buffer.alloc(12, 'fh\0\0\0\0\0\0\0\0\0\x01');

interface Client {
  readonly server: FakeServer;
  readonly protocol: ProtocolV4;
  readonly file: NfsOpenFile;
}

type Case = readonly [operations: string, call: (client: Client) => Promise<unknown>];

const CASES: readonly [Case, ...Case[]] = [
  ['53 22 15 10', ({ protocol }) => protocol.lookup(HANDLE, 'file')],
  ['53 22 15 10 !2', ({ protocol }) => protocol.lookup(HANDLE, 'file')],
  ['53 22 9', ({ protocol }) => protocol.attributes(HANDLE)],
  ['53 22 9', ({ protocol }) => protocol.space(HANDLE)],
  ['53 22 34', ({ protocol, file }) => protocol.setAttributes(file.handle, { size: 5 }, file)],
  ['53 22 27', ({ protocol }) => protocol.readLink(HANDLE)],
  ['53 22 18', ({ protocol }) => protocol.open(HANDLE, 'other', { reads: true, writes: true, create: 'exclusive' })],
  ['53 22 26', ({ protocol }) => protocol.readDirectory(HANDLE, 0n, 0n, 8192)],
  ['53 22 6', ({ protocol }) => protocol.makeDirectory(HANDLE, 'directory', 0o755)],
  ['53 22 6', ({ protocol }) => protocol.symlink(HANDLE, 'link', 'to')],
  ['53 22 32 22 11', ({ protocol }) => protocol.link(HANDLE, HANDLE, 'second')],
  ['53 22 32 22 29', ({ protocol }) => protocol.rename(HANDLE, 'file', HANDLE, 'third')],
  ['53 22 15 17 22 28', ({ protocol }) => protocol.remove(HANDLE, 'file')],
  ['53 22 5', ({ protocol, file }) => protocol.commit(file)],
  ['53 22 69', ({ protocol, file }) => protocol.seek(file, 0, 'data')],
  ['53 22 59', ({ protocol, file }) => protocol.allocate(file, 0, 4096)],
  ['53 22 32 22 60 !10004', ({ protocol, file }) => protocol.copy(file, 0, file, 100, 10)],
  ['53 22 32 22 71 !10004', ({ protocol, file }) => protocol.clone(file, 0, file, 100, 10)],
  ['53 22 38', ({ protocol, file }) => write(protocol, file, 0, Buffer.alloc(10_000))],
  // This one's payload is our own server's.
  ['53 22 25', ({ protocol, file }) => read(protocol, file, 0, 10_000)],
  ['53 22 4', ({ protocol, file }) => protocol.closeFile(file)],
];

async function newClient(): Promise<Client> {
  const server = new FakeServer();
  const settings = { timeoutMs: 2_000, hard: false, ioBytesMax: 1 << 20 };
  const protocol = await ProtocolV4.start({ rpc: server, minorVersion: 2, settings, path: '' });
  const options = { reads: true, writes: true, create: 'unchecked' } as const;
  const { file } = await protocol.open(protocol.root.handle, 'file', options);
  await write(protocol, file, 0, Buffer.alloc(5_000, 'content'));
  return { server, protocol, file };
}

/** The real server's results behind our own server's SEQUENCE. */
function realistic(operations: string, ours: Buffer): Buffer {
  const frame = FRAMES[operations];
  if (frame === undefined) return ours;
  const real = Buffer.from(frame, 'base64');
  return Buffer.concat([real.subarray(0, 12), ours.subarray(12, SEQUENCE_END), real.subarray(SEQUENCE_END)]);
}

/** Mostly behind SEQUENCE: what is wrong in it is found by its first wrong word. */
function placeIn(bytes: Buffer, prng: Prng): number {
  const from = prng.chance(0.85) && bytes.length > SEQUENCE_END ? SEQUENCE_END : 0;
  return from + prng.below(bytes.length - from);
}

function mutate(frame: Buffer, prng: Prng): Buffer {
  let bytes = Buffer.from(frame);
  if (bytes.length === 0) return bytes;
  for (let changes = prng.between(1, 3); changes > 0 && bytes.length > 4; changes--) {
    const at = placeIn(bytes, prng);
    const word = Math.min(at - (at % 4), bytes.length - 4);
    switch (prng.below(6)) {
      case 0:
        bytes = bytes.subarray(0, at);
        break;
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << prng.below(8));
        break;
      case 2:
        bytes.writeUInt32BE(EDGES[prng.below(EDGES.length)] ?? 0, word);
        break;
      case 3:
        bytes.writeUInt32BE(prng.next32(), word);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, word), bytes.subarray(word + 4)]);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, word), bytes.subarray(prng.below(bytes.length))]);
    }
  }
  return bytes;
}

/** The results, or an error that the library made for a server that makes no sense. */
async function settles(promise: Promise<unknown>, what: string): Promise<'result' | 'error'> {
  try {
    await promise;
    return 'result';
  } catch (error) {
    const cause = error instanceof IoFailure ? error.cause : error;
    assert.ok(cause instanceof DioriteError, `${what}: ${String(cause)}`);
    assert.notEqual(cause.code, 'ERR_DIORITE_ASSERTION', what);
    return 'error';
  }
}

async function runCases(prng: Prng, what: string, met: { result: number; error: number }): Promise<void> {
  const client = await newClient();
  for (let i = 0; i < CASES_PER_CLIENT; i++) {
    const [operations, call] = prng.pick(CASES);
    let isDone = false;
    client.server.alter = (asked, answer) => {
      if (isDone || !operations.startsWith(asked.operations.join(' '))) return answer;
      isDone = true;
      return mutate(realistic(operations, answer), prng);
    };
    met[await settles(call(client), `${what}, case ${i}: ${operations}`)]++;
  }
}

describe('answers that make no sense', () => {
  it(`end each call with an error or a result: ${CASES_IN_ALL} of them`, async () => {
    const met = { result: 0, error: 0 };
    await forSeeds(1, SEEDS, async (seed) => {
      const clients = Array.from({ length: CLIENTS_PER_SEED }, (_, i) =>
        runCases(new Prng(seed, i), `client ${i}`, met),
      );
      await Promise.all(clients);
    });
    if (seedAsked() === undefined) assert.ok(met.result > 1000 && met.error > 1000, JSON.stringify(met));
  });

  it('of EXCHANGE_ID and CREATE_SESSION are refused or read', async () => {
    const owner = { id: Buffer.from('id'), verifier: Buffer.alloc(8) };
    const ask = { messageBytes: 1 << 20, slots: 64 };
    const requests = [
      ['42', exchangeId(1, owner)],
      ['43', createSession(1, { id: 1n, sequence: 1, confirmed: true }, ask)],
    ] as const;
    await forSeeds(1, 10, (_seed, prng) => {
      for (const [operation, request] of requests) {
        const frame = Buffer.from(FRAMES[operation] ?? '', 'base64');
        assert.ok(request.decode(new XdrReader(frame), false));
        for (let i = 0; i < 500; i++) {
          try {
            request.decode(new XdrReader(mutate(frame, prng)), false);
          } catch (error) {
            assert.match((error as Error).name, /^(XdrError|StatusError)$/);
          }
        }
      }
    });
  });
});

describe('answers of nfs-ganesha', () => {
  it('are read by every operation', async () => {
    for (const [operations, call] of CASES) {
      const client = await newClient();
      client.server.alter = (asked, answer) =>
        operations.startsWith(asked.operations.join(' ')) ? realistic(operations, answer) : answer;
      const outcome = await settles(call(client), operations);
      // Those with a status end with it.
      assert.equal(outcome, operations.includes('!') ? 'error' : 'result', operations);
    }
  });
});
