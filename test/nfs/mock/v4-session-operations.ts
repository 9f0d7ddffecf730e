// The mock's operations about clients and sessions: EXCHANGE_ID, CREATE_SESSION, SEQUENCE … RFC 8881 §18.34 to §18.51.
import { XdrError, type XdrReader } from '../../../src/targets/nfs/xdr/reader.js';
import { XdrWriter } from '../../../src/targets/nfs/xdr/writer.js';
import type { Channel, Client, SequenceArguments } from './sessions.js';
import { fail, STATUS } from './status.js';
import { SESSION_ID_BYTES } from './v4-codec.js';
import type { Compound, Operation } from './v4-context.js';

const OWNER_BYTES_MAX = 1024;
const TEXT_BYTES_MAX = 1024;
const UPD_CONFIRMED_REC_A = 0x40000000;
const USE_NON_PNFS = 0x00010000;
const CONFIRMED_R = 0x80000000;
/** Everything that a client may ask for: RFC 8881 §18.35.1. */
const EXCHANGE_FLAGS = 0x40070107;
const RPCSEC_GSS = 6;
/** Below this not even a SEQUENCE and its answer fit. */
const CHANNEL_BYTES_MIN = 200;
/** PERSIST, CONN_BACK_CHAN, CONN_RDMA */
const SESSION_FLAGS = 7;
const SERVER_NAME = Buffer.from('diorite mock');

function readImplementation(xdr: XdrReader): void {
  const count = xdr.u32();
  if (count > 1) throw new XdrError(`${count} implementation ids`);
  if (count === 0) return;
  xdr.string(TEXT_BYTES_MAX);
  xdr.string(TEXT_BYTES_MAX);
  xdr.i64();
  xdr.u32();
}

export function exchangeId(xdr: XdrReader): Operation {
  const verifier = xdr.u64();
  const owner = Buffer.from(xdr.opaque(OWNER_BYTES_MAX)).toString('hex');
  const flags = xdr.u32();
  const protection = xdr.u32();
  // SP4_MACH_CRED and SP4_SSV have arguments that nobody here reads.
  if (protection !== 0) throw new XdrError(`state protection ${protection}`);
  readImplementation(xdr);
  return {
    name: 'EXCHANGE_ID',
    number: 42,
    ok: (out, { state, world }) => {
      if ((flags & ~EXCHANGE_FLAGS) !== 0) fail(STATUS.INVAL);
      const client = state.sessions.exchange(owner, verifier, (flags & UPD_CONFIRMED_REC_A) !== 0);
      out.u64(client.id);
      out.u32(client.sequence);
      out.u32((USE_NON_PNFS | (client.isConfirmed ? CONFIRMED_R : 0)) >>> 0);
      out.u32(0);
      out.u64(1);
      out.opaque(SERVER_NAME);
      out.opaque(SERVER_NAME);
      out.u32(world.life > 1 ? 0 : 1);
      if (world.life === 1) {
        for (const text of ['diorite.invalid', 'mock']) out.string(text);
        out.i64(0n);
        out.u32(0);
      }
    },
  };
}

function readChannel(xdr: XdrReader): Channel {
  xdr.u32(); // header padding
  const [requestBytesMax, responseBytesMax, cachedBytesMax] = [xdr.u32(), xdr.u32(), xdr.u32()];
  const [operationsMax, slots] = [xdr.u32(), xdr.u32()];
  const rdma = xdr.u32();
  if (rdma > 1) throw new XdrError(`${rdma} words for RDMA`);
  if (rdma === 1) xdr.u32();
  return { requestBytesMax, responseBytesMax, cachedBytesMax, operationsMax, slots };
}

function writeChannel(out: XdrWriter, channel: Channel): void {
  const { requestBytesMax, responseBytesMax, cachedBytesMax, operationsMax, slots } = channel;
  for (const word of [0, requestBytesMax, responseBytesMax, cachedBytesMax, operationsMax, slots, 0]) out.u32(word);
}

function readCallbackSecurity(xdr: XdrReader): void {
  const count = xdr.u32();
  if (count > 8) throw new XdrError(`${count} kinds of security`);
  for (let i = 0; i < count; i++) {
    const flavor = xdr.u32();
    if (flavor === 0) continue;
    if (flavor === RPCSEC_GSS) {
      xdr.u32();
      xdr.opaque(TEXT_BYTES_MAX);
      xdr.opaque(TEXT_BYTES_MAX);
      continue;
    }
    if (flavor !== 1) throw new XdrError(`callback security ${flavor}`);
    xdr.u32();
    xdr.string(255);
    xdr.u32();
    xdr.u32();
    const gids = xdr.u32();
    if (gids > 16) throw new XdrError(`${gids} groups`);
    for (let gid = 0; gid < gids; gid++) xdr.u32();
  }
}

function granted(asked: Channel, compound: Compound): Channel {
  const { requestBytesMax, responseBytesMax, cachedBytesMax, operationsMax, slots } = compound.world.settings;
  if (asked.slots === 0 || asked.operationsMax === 0) fail(STATUS.INVAL);
  return {
    requestBytesMax: Math.min(asked.requestBytesMax, requestBytesMax),
    responseBytesMax: Math.min(asked.responseBytesMax, responseBytesMax),
    cachedBytesMax: Math.min(asked.cachedBytesMax, cachedBytesMax),
    operationsMax: Math.min(asked.operationsMax, operationsMax),
    slots: Math.min(asked.slots, slots),
  };
}

export function createSession(xdr: XdrReader): Operation {
  const clientId = xdr.u64();
  const sequence = xdr.u32();
  const flags = xdr.u32(); // none is granted: there is no back channel, and nothing persists
  const fore = readChannel(xdr);
  const back = readChannel(xdr);
  const callbackProgram = xdr.u32();
  readCallbackSecurity(xdr);
  return {
    name: 'CREATE_SESSION',
    number: 43,
    ok: (out, compound) => {
      const { state } = compound;
      const client = state.sessions.client(clientId);
      if (flags > SESSION_FLAGS) fail(STATUS.INVAL);
      for (const { requestBytesMax, responseBytesMax } of [fore, back])
        if (Math.min(requestBytesMax, responseBytesMax) < CHANNEL_BYTES_MIN) fail(STATUS.TOOSMALL);
      if (state.sessions.checkCreation(client, sequence)) {
        const channel = granted(fore, compound);
        const { session, replaced } = state.sessions.create(client, channel, callbackProgram);
        if (replaced !== undefined) state.forget(replaced, false);
        const reply = new XdrWriter();
        reply.fixed(session.id);
        reply.u32(sequence);
        reply.u32(0);
        writeChannel(reply, channel);
        writeChannel(reply, back);
        client.createReply = Buffer.from(reply.bytes);
        state.bound.set(compound.call.connection, session);
      }
      out.fixed(client.createReply ?? Buffer.alloc(0));
    },
  };
}

export function destroySession(xdr: XdrReader): Operation {
  const id = Buffer.from(xdr.fixed(SESSION_ID_BYTES));
  return { name: 'DESTROY_SESSION', number: 44, ok: (_out, { state }) => state.sessions.destroy(id) };
}

export function destroyClientId(xdr: XdrReader): Operation {
  const id = xdr.u64();
  return {
    name: 'DESTROY_CLIENTID',
    number: 57,
    ok: (_out, { state }) => {
      const client = state.sessions.client(id);
      const holds = [...state.opens.states.values()].some((open) => open.client === client);
      if (holds || state.sessions.sessionsOf(client).length > 0) fail(STATUS.CLIENTID_BUSY);
      state.sessions.forget(client);
    },
  };
}

export function bindConnection(xdr: XdrReader): Operation {
  const id = Buffer.from(xdr.fixed(SESSION_ID_BYTES));
  const direction = xdr.u32();
  const usesRdma = xdr.bool();
  if (usesRdma) throw new XdrError('RDMA');
  return {
    name: 'BIND_CONN_TO_SESSION',
    number: 41,
    ok: (out, { state, call }) => {
      state.bound.set(call.connection, state.sessions.session(id));
      out.fixed(id);
      // CDFC4_FORE; asked for both, there is still no back channel.
      out.u32(direction === 2 ? fail(STATUS.INVAL) : 1);
      out.bool(false);
    },
  };
}

/** A client whose lease ran out loses its state when it comes back. */
function expire(compound: Compound, client: Client): void {
  if (!compound.state.sessions.isExpired(client)) return;
  compound.state.forget(client, true);
  fail(STATUS.BADSESSION);
}

function checkSizes(compound: Compound, channel: Channel): void {
  const { call, world } = compound;
  if (call.message.length > channel.requestBytesMax) {
    world.violation(`COMPOUND: ${call.message.length} bytes, and the session allows ${channel.requestBytesMax}`);
    fail(STATUS.REQ_TOO_BIG);
  }
  if (compound.length > channel.operationsMax) {
    world.violation(`COMPOUND: ${compound.length} operations, and the session allows ${channel.operationsMax}`);
    fail(STATUS.TOO_MANY_OPS);
  }
}

export function sequence(xdr: XdrReader): Operation {
  const session = Buffer.from(xdr.fixed(SESSION_ID_BYTES));
  const asked: Omit<SequenceArguments, 'isBare'> = {
    session,
    sequence: xdr.u32(),
    slot: xdr.u32(),
    highestSlot: xdr.u32(),
    cacheThis: xdr.bool(),
  };
  return {
    name: 'SEQUENCE',
    number: 53,
    ok: (out, compound) => {
      const { state, call } = compound;
      const known = state.sessions.session(session);
      expire(compound, known.client);
      checkSizes(compound, known.fore);
      state.bound.set(call.connection, known);
      const { kind, slot } = state.sessions.sequence(
        { ...asked, isBare: compound.length === 1 },
        compound.body,
        call.connection,
      );
      compound.session = known;
      compound.cacheThis = asked.cacheThis;
      if (kind === 'replay') compound.replay = slot.cached ?? 'uncached';
      else compound.slot = slot;
      const highest = known.slots.length - 1;
      out.fixed(session);
      for (const word of [asked.sequence, asked.slot, highest, known.target ?? highest, 0]) out.u32(word);
    },
  };
}

export function reclaimComplete(xdr: XdrReader): Operation {
  const isOneFileSystem = xdr.bool();
  return {
    name: 'RECLAIM_COMPLETE',
    number: 58,
    ok: (_out, { state, client }) => {
      if (client !== null && !isOneFileSystem) state.opens.reclaimed(client);
    },
  };
}
