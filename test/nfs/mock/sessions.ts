// Clients, sessions and slots of the mock's NFSv4.1: exactly-once semantics, and leases. RFC 8881 §2.10, §18.35, §18.36.
import { createHash } from 'node:crypto';
import { fail, STATUS } from './status.js';
import type { World } from './world.js';

/** channel_attrs4 without what nobody uses. */
export interface Channel {
  readonly requestBytesMax: number;
  readonly responseBytesMax: number;
  readonly cachedBytesMax: number;
  readonly operationsMax: number;
  readonly slots: number;
}

/** The results of a COMPOUND that may be asked for again; null: it was not to be kept. */
type Cached = Buffer | null;

export interface Slot {
  readonly number: number;
  sequence: number;
  cached: Cached;
  digest: string;
  connection: number;
  /** Its answer has not left yet. */
  isBusy: boolean;
}

export interface Session {
  readonly id: Buffer;
  readonly client: Client;
  readonly fore: Channel;
  readonly callbackProgram: number;
  readonly slots: Slot[];
  /** sr_target_highest_slotid, where a test lowers it. */
  target: number | null;
}

export interface Client {
  readonly id: bigint;
  /** In hexadecimal. */
  readonly owner: string;
  readonly verifier: bigint;
  isConfirmed: boolean;
  /** csa_sequence that is due. */
  sequence: number;
  createReply: Buffer | null;
  hasReclaimed: boolean;
  renewedMs: number;
}

export interface SequenceArguments {
  readonly session: Uint8Array;
  readonly sequence: number;
  readonly slot: number;
  readonly highestSlot: number;
  readonly cacheThis: boolean;
  /** No operation follows. */
  readonly isBare: boolean;
}

export type Sequenced =
  | { readonly kind: 'new'; readonly session: Session; readonly slot: Slot }
  | { readonly kind: 'replay'; readonly session: Session; readonly slot: Slot };

function next(sequence: number): number {
  return (sequence + 1) >>> 0;
}

export class Sessions {
  readonly clients: Map<bigint, Client> = new Map();
  readonly sessions: Map<string, Session> = new Map();
  readonly #world: World;
  #ids = 0n;

  constructor(world: World) {
    this.#world = world;
  }

  // ---- EXCHANGE_ID: RFC 8881 §18.35.5, without principals ----
  exchange(owner: string, verifier: bigint, isUpdate: boolean): Client {
    const confirmed = this.#find(owner, true);
    if (isUpdate) {
      if (confirmed === undefined) return fail(STATUS.NOENT);
      return confirmed.verifier === verifier ? confirmed : fail(STATUS.NOT_SAME);
    }
    if (confirmed?.verifier === verifier) return confirmed;
    const unconfirmed = this.#find(owner, false);
    if (unconfirmed !== undefined) this.clients.delete(unconfirmed.id);
    const client: Client = {
      id: (BigInt(this.#world.life) << 32n) | ++this.#ids,
      owner,
      verifier,
      isConfirmed: false,
      sequence: 1,
      createReply: null,
      hasReclaimed: false,
      renewedMs: Date.now(),
    };
    this.clients.set(client.id, client);
    return client;
  }

  #find(owner: string, isConfirmed: boolean): Client | undefined {
    return [...this.clients.values()].find((client) => client.owner === owner && client.isConfirmed === isConfirmed);
  }

  client(id: bigint): Client {
    return this.clients.get(id) ?? fail(STATUS.STALE_CLIENTID);
  }

  // ---- CREATE_SESSION ----
  /** True: it is a new one, false: the last answer is given again. */
  checkCreation(client: Client, sequence: number): boolean {
    if (sequence === client.sequence) return true;
    if (next(sequence) === client.sequence && client.createReply !== null) return false;
    this.#world.violation(`CREATE_SESSION: sequence ${sequence} where ${client.sequence} is due`);
    return fail(STATUS.SEQ_MISORDERED);
  }

  /** Confirms the client; `replaced`: the same owner in an earlier life, whose state is to be forgotten. */
  create(client: Client, fore: Channel, callbackProgram: number): { session: Session; replaced: Client | undefined } {
    const replaced = client.isConfirmed ? undefined : this.#find(client.owner, true);
    client.isConfirmed = true;
    client.renewedMs = Date.now();
    client.sequence = next(client.sequence);
    const id = Buffer.alloc(16);
    id.writeBigUInt64BE(client.id);
    id.writeBigUInt64BE(++this.#ids, 8);
    const slots = Array.from({ length: fore.slots }, (_, number): Slot => {
      return { number, sequence: 0, cached: null, digest: '', connection: 0, isBusy: false };
    });
    const session: Session = { id, client, fore, callbackProgram, slots, target: null };
    this.sessions.set(id.toString('hex'), session);
    return { session, replaced };
  }

  session(id: Uint8Array): Session {
    return this.sessions.get(Buffer.from(id).toString('hex')) ?? fail(STATUS.BADSESSION);
  }

  destroy(id: Uint8Array): void {
    this.session(id);
    this.sessions.delete(Buffer.from(id).toString('hex'));
  }

  sessionsOf(client: Client): Session[] {
    return [...this.sessions.values()].filter((session) => session.client === client);
  }

  forget(client: Client): void {
    for (const session of this.sessionsOf(client)) this.sessions.delete(session.id.toString('hex'));
    this.clients.delete(client.id);
  }

  forgetAll(): void {
    this.sessions.clear();
    this.clients.clear();
  }

  isExpired(client: Client): boolean {
    const { leaseExpires, leaseSeconds } = this.#world.settings;
    return leaseExpires && Date.now() - client.renewedMs > leaseSeconds * 1000;
  }

  // ---- SEQUENCE ----
  /** `body`: what follows in the message, by which a retry is told from another call under an old number. */
  sequence(asked: SequenceArguments, body: Uint8Array, connection: number): Sequenced {
    const session = this.session(asked.session);
    const slot = session.slots[asked.slot];
    if (slot === undefined) return this.#refuse(`slot ${asked.slot} of ${session.slots.length}`, STATUS.BADSLOT);
    if (asked.highestSlot < asked.slot)
      this.#world.violation(`SEQUENCE: highest slot ${asked.highestSlot} below its own`);
    session.client.renewedMs = Date.now();
    const digest = createHash('sha1').update(body).digest('base64');
    if (asked.sequence === slot.sequence && slot.sequence !== 0)
      return this.#replay(session, slot, digest, connection, asked.isBare);
    if (asked.sequence !== next(slot.sequence)) {
      return this.#refuse(`slot ${slot.number}: ${asked.sequence} after ${slot.sequence}`, STATUS.SEQ_MISORDERED);
    }
    if (slot.isBusy) this.#world.violation(`SEQUENCE: slot ${slot.number} is used again before it was answered`);
    Object.assign(slot, { sequence: asked.sequence, cached: null, digest, connection, isBusy: true });
    return { kind: 'new', session, slot };
  }

  #replay(session: Session, slot: Slot, digest: string, connection: number, isBare: boolean): Sequenced {
    if (slot.digest !== digest) {
      // Who gave a call up asks in this way what became of its number (Linux does so too).
      if (isBare) return fail(slot.isBusy ? STATUS.DELAY : STATUS.SEQ_FALSE_RETRY);
      return this.#refuse(`slot ${slot.number}: another call under number ${slot.sequence}`, STATUS.SEQ_FALSE_RETRY);
    }
    if (slot.connection === connection) {
      this.#world.violation(`SEQUENCE: slot ${slot.number} is sent again on a connection that works`);
    }
    slot.connection = connection;
    slot.isBusy = false;
    return { kind: 'replay', session, slot };
  }

  #refuse(what: string, status: number): never {
    this.#world.violation(`SEQUENCE: ${what}`);
    return fail(status);
  }
}
