// The mock's NFSv4.1 and 4.2 by raw calls: exactly-once by slots, opens and their end, restarts, grace and reclaims.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import { requireCapture, startCapture } from '../capture.js';
import { type MockOptions, type MockServer, startMock } from './mock-server.js';
import { type Compounded, RawClient, type RawOperation, RawV4 } from './raw-client.js';
import { readStateId, type StateId, writeStateId } from './v4-codec.js';

const PUTROOTFH: RawOperation = [24];
const RECLAIM_COMPLETE: RawOperation = [58, (xdr) => xdr.bool(false)];

function words(xdr: XdrWriter, ...values: readonly number[]): void {
  for (const value of values) xdr.u32(value);
}

function lookup(name: string): RawOperation {
  return [15, (xdr) => xdr.string(name)];
}

/** To the export's directory. */
const DIRECTORY: readonly RawOperation[] = [PUTROOTFH, lookup('export')];

function remove(name: string): RawOperation {
  return [28, (xdr) => xdr.string(name)];
}

type Claim = 'name' | 'previous';

function open(client: bigint, name: string, access: number, claim: Claim = 'name', create = false): RawOperation {
  return [
    18,
    (xdr: XdrWriter) => {
      for (const word of [0, access, 0]) xdr.u32(word);
      xdr.u64(client);
      xdr.string('owner');
      xdr.u32(create ? 1 : 0);
      // UNCHECKED4, no attributes.
      if (create) for (const word of [0, 0, 0]) xdr.u32(word);
      xdr.u32(claim === 'name' ? 0 : 1);
      if (claim === 'name') xdr.string(name);
      else xdr.u32(0);
    },
  ];
}

function write(stateId: StateId, offset: number, text: string): RawOperation {
  return [
    38,
    (xdr) => {
      writeStateId(xdr, stateId);
      xdr.u64(offset);
      xdr.u32(0);
      xdr.string(text);
    },
  ];
}

function close(stateId: StateId): RawOperation {
  return [
    4,
    (xdr) => {
      xdr.u32(0);
      writeStateId(xdr, stateId);
    },
  ];
}

/** Operation and status, or only these, of SEQUENCE. */
const SEQUENCE_BYTES = 8 + 36;

/** The stateid that an OPEN answered, whose result follows so many plain ones behind SEQUENCE. */
function openedStateId({ results }: Compounded, plain: number): StateId {
  results.skip(SEQUENCE_BYTES + plain * 8 + 8);
  return readStateId(results);
}

interface Setup {
  readonly server: MockServer;
  readonly v4: RawV4;
  readonly client: bigint;
}

async function setUp(t: TestContext, options: MockOptions = {}, minor = 1): Promise<Setup> {
  const server = await startMock(t, options);
  server.putFile('/export/file', Buffer.from('0123456789'));
  const v4 = new RawV4(await RawClient.connect(t, server.port), minor);
  const client = await v4.begin('test');
  assert.equal((await v4.ask(v4.sequence(0, 1), RECLAIM_COMPLETE)).status, 0);
  return { server, v4, client };
}

/** Another connection for the same session. */
async function reconnect(t: TestContext, server: MockServer, v4: RawV4): Promise<RawV4> {
  const again = new RawV4(await RawClient.connect(t, server.port), v4.minor);
  again.session = v4.session;
  return again;
}

describe('slots of the mock', () => {
  it('give the same answer again to a call that was answered into nothing, and carry it out once', async (t) => {
    const { server, v4 } = await setUp(t);
    server.fault({ on: 'REMOVE', fault: { kind: 'drop', carriedOut: true } });
    const call = [v4.sequence(3, 1, true), ...DIRECTORY, remove('file')];
    v4.send(call);
    await v4.client.closed;
    const again = await reconnect(t, server, v4);
    assert.equal((await again.ask(...call)).status, 0);
    assert.deepEqual(server.log.repeats, []);
    assert.equal((await again.ask(again.sequence(3, 2), ...DIRECTORY, remove('file'))).status, 2);
  });

  it('say that nothing was kept where nothing was to be', async (t) => {
    const { server, v4 } = await setUp(t);
    server.fault({ on: 'LOOKUP', fault: { kind: 'drop', carriedOut: true } });
    const call = [v4.sequence(0, 2), ...DIRECTORY];
    v4.send(call);
    await v4.client.closed;
    const again = await reconnect(t, server, v4);
    assert.equal((await again.ask(...call)).status, 10068);
  });

  it('note clients that break their rules', async (t) => {
    const { server, v4 } = await setUp(t, { tolerant: true });
    const statuses: number[] = [];
    for (const operation of [v4.sequence(0, 1), v4.sequence(0, 4), v4.sequence(99, 1)]) {
      statuses.push((await v4.ask(operation, ...DIRECTORY)).status);
    }
    // Another call under an old number; a number left out; a slot that is not.
    assert.deepEqual(statuses, [10076, 10063, 10053]);
    server.fault({ on: 'SEQUENCE', fault: { kind: 'hold', carriedOut: true } });
    v4.send([v4.sequence(0, 2), ...DIRECTORY]);
    assert.equal((await v4.ask(v4.sequence(0, 3), ...DIRECTORY)).status, 0);
    assert.equal((await v4.ask(...DIRECTORY)).status, 10071);
    assert.equal(server.world.violations.length, 4, server.world.violations.join('\n'));
  });
});

describe('open files of the mock', () => {
  it('are one state per owner, end at CLOSE, and allow what they were opened for', async (t) => {
    const { server, v4, client } = await setUp(t);
    const first = openedStateId(await v4.ask(v4.sequence(0, 2), ...DIRECTORY, open(client, 'file', 1)), 2);
    const at = [...DIRECTORY, lookup('file')];
    assert.equal((await v4.ask(v4.sequence(0, 3), ...at, write(first, 0, 'x'))).status, 10038);
    const second = openedStateId(await v4.ask(v4.sequence(0, 4), ...DIRECTORY, open(client, 'file', 2)), 2);
    assert.deepEqual(second, { seqid: 2, other: first.other });
    assert.equal((await v4.ask(v4.sequence(0, 5), ...at, write(first, 0, 'x'))).status, 10024);
    assert.equal((await v4.ask(v4.sequence(0, 6), ...at, write(second, 0, 'x'))).status, 0);
    assert.equal((await v4.ask(v4.sequence(0, 7), ...at, close(second))).status, 0);
    assert.equal((await v4.ask(v4.sequence(0, 8), ...at, write(second, 0, 'x'))).status, 10025);
    assert.equal(server.v4.opens.states.size, 0);
  });

  it('are reclaimed after a restart, in the grace period only, and plain opens wait', async (t) => {
    const { server, v4, client } = await setUp(t, { tolerant: true });
    const opened = await v4.ask(v4.sequence(0, 2), ...DIRECTORY, open(client, 'new', 3, 'name', true));
    const old = openedStateId(opened, 2);
    const at = [...DIRECTORY, lookup('new')];
    assert.equal((await v4.ask(v4.sequence(0, 3), ...at, write(old, 0, 'lost'))).status, 0);
    server.restart('reclaim');
    await v4.client.closed;
    const again = await reconnect(t, server, v4);
    assert.equal((await again.ask(again.sequence(0, 4), ...at)).status, 10052);
    const newClient = await again.begin('test');
    assert.equal((await again.ask(again.sequence(0, 1), ...at, write(old, 0, 'lost'))).status, 10023);
    assert.equal((await again.ask(again.sequence(0, 2), ...DIRECTORY, open(newClient, 'file', 1))).status, 10013);
    const other = [...DIRECTORY, lookup('file'), open(newClient, '', 3, 'previous')];
    assert.equal((await again.ask(again.sequence(0, 3), ...other)).status, 10034);
    const reclaim = await again.ask(again.sequence(0, 4), ...at, open(newClient, '', 3, 'previous'));
    const reclaimed = openedStateId(reclaim, 3);
    assert.equal((await again.ask(again.sequence(0, 5), ...at, write(reclaimed, 0, 'kept'))).status, 0);
    assert.equal((await again.ask(again.sequence(0, 6), RECLAIM_COMPLETE)).status, 0);
    assert.equal((await again.ask(again.sequence(0, 7), ...DIRECTORY, open(newClient, 'file', 1))).status, 0);
    const late = [...DIRECTORY, lookup('new'), open(newClient, '', 3, 'previous')];
    assert.equal((await again.ask(again.sequence(0, 8), ...late)).status, 10033);
  });

  it('are refused so often as the grace period lasts, and lost with the lease', async (t) => {
    const { server, v4, client } = await setUp(t);
    server.world.grace = 2;
    const statuses: number[] = [];
    for (let sequence = 2; sequence < 5; sequence++) {
      statuses.push((await v4.ask(v4.sequence(0, sequence), ...DIRECTORY, open(client, 'file', 1))).status);
    }
    assert.deepEqual(statuses, [10013, 10013, 0]);
    server.expireLeases();
    assert.equal((await v4.ask(v4.sequence(0, 5), ...DIRECTORY)).status, 10052);
  });
});

describe('what the mock sends in NFSv4', () => {
  it('is nothing that tshark calls malformed', async (t) => {
    if (!requireCapture(t)) return;
    const { server, v4, client } = await setUp(t, {}, 2);
    const capture = await startCapture(t, [server.port]);
    const opened = await v4.ask(v4.sequence(0, 2), ...DIRECTORY, open(client, 'new', 3, 'name', true), [10]);
    const state = openedStateId(opened, 2);
    const at = [...DIRECTORY, lookup('new')];
    const offset = (xdr: XdrWriter): void => {
      writeStateId(xdr, state);
      xdr.u64(0);
    };
    const range = (xdr: XdrWriter): void => {
      offset(xdr);
      xdr.u64(5000);
    };
    // Everything but what can only be set: 48 and 54.
    const every = (xdr: XdrWriter): void => words(xdr, 3, 0xffffffff, 0x00beffff, 0x2800);
    const setMode = (xdr: XdrWriter): void => {
      writeStateId(xdr, state);
      words(xdr, 2, 0, 2, 4, 0o600);
    };
    const listing = (xdr: XdrWriter): void => {
      words(xdr, 0, 0, 0, 0, 4096, 8192);
      every(xdr);
    };
    const at0 =
      (word: number) =>
      (xdr: XdrWriter): void => {
        offset(xdr);
        xdr.u32(word);
      };
    const calls: readonly (readonly RawOperation[])[] = [
      [...at, write(state, 0, 'hello')],
      [...at, [5, (xdr) => words(xdr, 0, 0, 0)]],
      [...at, [59, range]],
      [...at, [62, range]],
      [...at, [9, every]],
      [...at, [25, at0(100)]],
      [...at, [69, at0(1)]],
      [...DIRECTORY, [26, listing]],
      [...at, [34, setMode]],
      [...DIRECTORY, remove('file')],
      [...at, close(state)],
    ];
    for (const [index, operations] of calls.entries()) {
      const { status } = await v4.ask(v4.sequence(0, index + 3), ...operations);
      assert.equal(status, 0, `call ${index}`);
    }
    assert.deepEqual(await capture.malformed(), []);
    assert.equal((await capture.calls()).get('SEQUENCE'), calls.length + 1);
  });
});
