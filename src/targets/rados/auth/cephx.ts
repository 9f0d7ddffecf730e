// Authentication `cephx` (doc/dev/cephx_protocol): the key is proven to a monitor, which gives tickets for the rest.
import { randomBytes } from 'node:crypto';
import { systemError } from '../../net/system-error.js';
import { DencReader } from '../denc/reader.js';
import { DencWriter } from '../denc/writer.js';
import { daemonError } from '../errno.js';
import { AUTH_CEPHX, type Authenticator, type ConnectionKeys } from '../msgr/authenticator.js';
import { ENTITY_AUTH, ENTITY_OSD } from '../msgr/handshake.js';
import type { Identity } from './identity.js';
import type { CephKey } from './key.js';
import { AUTH_MODE_MON } from './modes.js';
import { Authorizer, writeTicketBlob } from './tickets.js';

/** auth/cephx/CephxProtocol.h. */
const GET_AUTH_SESSION_KEY = 0x0100;
const GET_PRINCIPAL_SESSION_KEY = 0x0200;
/** Of CephXAuthenticate: the old ticket is always there. */
const AUTHENTICATE_VERSION = 3;
const BLOB_BYTES_MAX = 64 * 1024;

/** What a client of RADOS needs a ticket for, besides its own at the monitors. */
const SERVICES: number = ENTITY_OSD;

/** To a monitor: the server's challenge, the client's answer, tickets. */
export function cephxToMonitor(identity: Identity): Authenticator {
  const { key, tickets, name } = identity;
  if (key === null) throw systemError('EACCES', `${name} has no key, and the cluster asks for one`);
  return {
    method: AUTH_CEPHX,
    identity: name,
    request(): Uint8Array {
      const writer = new DencWriter();
      writer.u8(AUTH_MODE_MON);
      identity.write(writer);
      return writer.copy();
    },
    more(challenge): Uint8Array {
      challenge.skip(1);
      return authenticate(identity, key, challenge.u64());
    },
    done(globalId, payload) {
      readHeader(payload, GET_AUTH_SESSION_KEY, name);
      tickets.read(payload, key);
      const keys = readConnectionKeys(identity, payload);
      identity.globalId = globalId;
      return keys;
    },
  };
}

function authenticate({ tickets }: Identity, key: CephKey, serverChallenge: bigint): Buffer {
  const clientChallenge = randomBytes(8).readBigUInt64LE();
  const writer = new DencWriter();
  writer.u16(GET_AUTH_SESSION_KEY);
  writer.u8(AUTHENTICATE_VERSION);
  writer.u64(clientChallenge);
  writer.u64(proofOf(key, serverChallenge, clientChallenge));
  writeTicketBlob(writer, tickets.of(ENTITY_AUTH));
  writer.u32(SERVICES);
  writer.bool(false); // old_ticket_may_be_omitted
  return writer.copy();
}

/** Both challenges, sealed with their length before them, and folded by exclusive or. */
function proofOf(key: CephKey, serverChallenge: bigint, clientChallenge: bigint): bigint {
  const writer = new DencWriter();
  writer.blob(
    key.seal((inner) => {
      inner.u64(serverChallenge);
      inner.u64(clientChallenge);
    }),
  );
  const { bytes } = writer;
  let proof = 0n;
  for (let at = 0; at + 8 <= bytes.length; at += 8) proof ^= bytes.readBigUInt64LE(at);
  return proof;
}

/** CephXResponseHeader. */
function readHeader(payload: DencReader, expected: number, name: string): void {
  const type = payload.u16();
  const status = payload.s32();
  if (type !== expected) throw payload.error(`it answers request 0x${type.toString(16)}`);
  if (status < 0) throw daemonError(status, `the monitors refuse ${name}`);
}

/** The connection's secret, and tickets for other services, both under the new session key. */
function readConnectionKeys({ tickets }: Identity, payload: DencReader): ConnectionKeys {
  const own = tickets.of(ENTITY_AUTH);
  if (own === undefined) throw payload.error('it has no ticket for the monitors');
  const { sessionKey } = own;
  let connectionSecret: Uint8Array = new Uint8Array(0);
  if (payload.remaining > 0) {
    const secret = new DencReader(payload.blob(BLOB_BYTES_MAX), 'a connection secret');
    const others = new DencReader(payload.blob(BLOB_BYTES_MAX), 'further tickets');
    if (secret.remaining > 0) {
      const opened = sessionKey.open(secret.blob(BLOB_BYTES_MAX), secret.what);
      if (opened === null) throw secret.error('it is sealed with another key');
      connectionSecret = Uint8Array.from(opened.blob(BLOB_BYTES_MAX));
    }
    if (others.remaining > 0) tickets.read(others, sessionKey);
  }
  return { sessionKey: sessionKey.secret, connectionSecret };
}

/** To an OSD: a ticket, a challenge, and the proof that both sides have its session key. */
export function cephxToOsd(identity: Identity): Authenticator {
  const ticket = identity.tickets.of(ENTITY_OSD);
  if (ticket === undefined || ticket.expiresAtMs <= performance.now())
    throw systemError('EACCES', `${identity.name} has no valid ticket for OSDs`);
  const authorizer = new Authorizer(ticket, identity.globalId);
  return {
    method: AUTH_CEPHX,
    identity: identity.name,
    request: () => authorizer.bytes(null),
    more: (challenge) => authorizer.bytes(authorizer.readChallenge(challenge)),
    done: (_, payload) => ({
      sessionKey: authorizer.sessionKey.secret,
      connectionSecret: authorizer.readReply(payload),
    }),
  };
}

/** The payload of an MAuth that asks for new tickets; null: there is no valid one to ask with. */
export function renewalRequest(identity: Identity): Buffer | null {
  const own = identity.tickets.of(ENTITY_AUTH);
  if (own === undefined || own.renewAtMs <= performance.now()) return null;
  const writer = new DencWriter();
  writer.u16(GET_PRINCIPAL_SESSION_KEY);
  writer.raw(new Authorizer(own, identity.globalId).bytes(null));
  writer.u8(1);
  writer.u32(SERVICES);
  return writer.copy();
}

/** The payload of its answer. */
export function readRenewal(identity: Identity, payload: DencReader): void {
  const own = identity.tickets.of(ENTITY_AUTH);
  if (own === undefined) throw payload.error('nobody asked for tickets');
  readHeader(payload, GET_PRINCIPAL_SESSION_KEY, identity.name);
  identity.tickets.read(payload, own.sessionKey);
}
