// The tickets that monitors give a user: for themselves, so that it need not show its key again, and for each kind of daemon.
import { randomBytes } from 'node:crypto';
import type { DioriteError } from '../../../base/errors.js';
import { systemError } from '../../net/system-error.js';
import { DencReader } from '../denc/reader.js';
import { DencWriter } from '../denc/writer.js';
import { CephKey } from './key.js';
import { AUTH_MODE_AUTHORIZER } from './modes.js';

/** Asked for again when three quarters of its time are over, as Ceph's own clients do. */
const RENEW_PARTS = 4;
const TICKETS_MAX = 16;
const TICKET_BYTES_MAX = 16 * 1024;
/** Service, version, and the lengths of two blobs. */
const TICKET_BYTES_MIN = 4 + 1 + 4 + 1 + 4;

/** CephXTicketBlob and what came with it. */
export interface Ticket {
  /** ENTITY_… */
  readonly service: number;
  readonly sessionKey: CephKey;
  readonly secretId: bigint;
  readonly blob: Buffer;
  /** By performance.now(). */
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
}

/** Of one user at one cluster; outlives connections. */
export class Tickets {
  readonly #identity: string;
  readonly #byService: Map<number, Ticket> = new Map();

  constructor(identity: string) {
    this.#identity = identity;
  }

  of(service: number): Ticket | undefined {
    return this.#byService.get(service);
  }

  clear(): void {
    this.#byService.clear();
  }

  /** When the first of them is to be asked for again; infinity: there are none. */
  get renewAtMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.#byService.values()].map((ticket) => ticket.renewAtMs));
  }

  /** CephXServiceTicketReply; `secret` is the user's, or the one of its ticket for the monitors. */
  read(reader: DencReader, secret: CephKey): void {
    reader.skip(1);
    const count = reader.list(TICKETS_MAX, TICKET_BYTES_MIN);
    for (let i = 0; i < count; i++) this.#readOne(reader, secret);
  }

  #readOne(reader: DencReader, secret: CephKey): void {
    const service = reader.u32();
    reader.skip(1);
    const opened = secret.open(reader.blob(TICKET_BYTES_MAX), 'CephXServiceTicket');
    if (opened === null) throw this.#wrongKey();
    opened.skip(1);
    const sessionKey = CephKey.read(opened);
    const validMs = opened.u32() * 1000 + opened.u32() / 1e6;
    const nowMs = performance.now();
    const { secretId, blob } = this.#readBlob(reader, service);
    const [renewAtMs, expiresAtMs] = [nowMs + validMs - validMs / RENEW_PARTS, nowMs + validMs];
    this.#byService.set(service, { service, sessionKey, secretId, blob, renewAtMs, expiresAtMs });
  }

  /** Sealed with the session key that the service's last ticket had, where the monitor knows of one. */
  #readBlob(reader: DencReader, service: number): { secretId: bigint; blob: Buffer } {
    const isSealed = reader.bool();
    let bytes = reader.blob(TICKET_BYTES_MAX);
    if (isSealed) {
      const opened = this.#byService.get(service)?.sessionKey.open(bytes, 'CephXTicketBlob') ?? null;
      if (opened === null) throw this.#wrongKey();
      bytes = opened.blob(TICKET_BYTES_MAX);
    }
    const blob = new DencReader(bytes, 'CephXTicketBlob');
    blob.skip(1);
    return { secretId: blob.u64(), blob: Buffer.from(blob.blob(TICKET_BYTES_MAX)) };
  }

  #wrongKey(): DioriteError {
    return systemError('EACCES', `the key of ${this.#identity} is another than the monitors'`);
  }
}

/** CephXTicketBlob; undefined: an empty one. */
export function writeTicketBlob(writer: DencWriter, ticket: Ticket | undefined): void {
  writer.u8(1);
  writer.u64(ticket?.secretId ?? 0n);
  writer.blob(ticket?.blob ?? Buffer.alloc(0));
}

/** A proof that this side has the session key of a ticket, for one connection. */
export class Authorizer {
  readonly #ticket: Ticket;
  readonly #base: Buffer;
  readonly #nonce: bigint = randomBytes(8).readBigUInt64LE();

  constructor(ticket: Ticket, globalId: bigint) {
    this.#ticket = ticket;
    const writer = new DencWriter();
    writer.u8(AUTH_MODE_AUTHORIZER);
    writer.u64(globalId);
    writer.u32(ticket.service);
    writeTicketBlob(writer, ticket);
    this.#base = writer.copy();
  }

  get sessionKey(): CephKey {
    return this.#ticket.sessionKey;
  }

  /** CephXAuthorize, sealed, behind the ticket. `challenge`: what the daemon sent, to be answered. */
  bytes(challenge: bigint | null): Buffer {
    const writer = new DencWriter();
    writer.raw(this.#base);
    const sealed = this.sessionKey.seal((inner) => {
      inner.u8(2);
      inner.u64(this.#nonce);
      inner.bool(challenge !== null);
      inner.u64(challenge === null ? 0n : BigInt.asUintN(64, challenge + 1n));
    });
    writer.blob(sealed);
    return writer.copy();
  }

  /** CephXAuthorizeChallenge. */
  readChallenge(reader: DencReader): bigint {
    const opened = this.#open(reader.bytes(reader.remaining), 'CephXAuthorizeChallenge');
    opened.skip(1);
    return opened.u64();
  }

  /** CephXAuthorizeReply: the daemon has the session key too. Gives the connection secret. */
  readReply(reader: DencReader): Buffer {
    const opened = this.#open(reader.blob(TICKET_BYTES_MAX), 'CephXAuthorizeReply');
    const version = opened.u8();
    if (opened.u64() !== BigInt.asUintN(64, this.#nonce + 1n)) throw opened.error('it answers another nonce');
    return version < 2 ? Buffer.alloc(0) : Buffer.from(opened.blob(TICKET_BYTES_MAX));
  }

  #open(sealed: Uint8Array, what: string): DencReader {
    const opened = this.sessionKey.open(sealed, what);
    if (opened === null) throw systemError('EACCES', 'a daemon has another session key than the ticket for it');
    return opened;
  }
}
