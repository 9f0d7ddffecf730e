// What clients of the mock's NFSv4 hold open: stateids, reclaims after a restart, grace. RFC 8881 §8, §9.
import type { Client } from './sessions.js';
import { fail, STATUS } from './status.js';
import type { Node } from './tree.js';
import type { StateId } from './v4-codec.js';
import type { World } from './world.js';

export const SHARE_READ = 1;
export const SHARE_WRITE = 2;
const ANONYMOUS = '0'.repeat(24);
const BYPASS = 'f'.repeat(24);

export interface OpenState {
  readonly other: string;
  readonly client: Client;
  /** In hexadecimal. */
  readonly owner: string;
  readonly node: Node;
  seqid: number;
  access: number;
}

export class Opens {
  readonly states: Map<string, OpenState> = new Map();
  readonly delegations: Map<string, Client> = new Map();
  /** Stateids of clients whose lease ran out. */
  readonly #expired = new Set<string>();
  /** Client owners of the life before, and the files that they had open: they may reclaim those. */
  readonly #reclaimable = new Map<string, Set<bigint>>();
  readonly #world: World;
  #ids = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** One that names no open file. */
  newStateId(): StateId {
    return { seqid: 1, other: this.#newOther() };
  }

  #newOther(): string {
    const other = Buffer.alloc(12);
    other.writeUInt32BE(this.#world.life);
    other.writeUInt32BE(++this.#ids, 8);
    return other.toString('hex');
  }

  // ---- opening ----
  /** An owner's second OPEN of a file adds to the first: there is one stateid, and one CLOSE ends it. */
  open(client: Client, owner: string, node: Node, access: number): OpenState {
    for (const state of this.states.values()) {
      if (state.client !== client || state.owner !== owner || state.node !== node) continue;
      state.seqid += 1;
      state.access |= access;
      return state;
    }
    const state: OpenState = { other: this.#newOther(), client, owner, node, seqid: 1, access };
    this.states.set(state.other, state);
    node.opens += 1;
    return state;
  }

  delegate(client: Client): StateId {
    const stateId = this.newStateId();
    this.delegations.set(stateId.other, client);
    return stateId;
  }

  close(state: OpenState): void {
    this.states.delete(state.other);
    state.node.opens -= 1;
    this.#world.tree.forgetIfUnused(state.node);
  }

  // ---- stateids ----
  isSpecial(stateId: StateId): boolean {
    return (stateId.seqid === 0 && stateId.other === ANONYMOUS) || stateId.other === BYPASS;
  }

  /** The state that a stateid names, or the status of one that names none. */
  find(stateId: StateId, client: Client | null): OpenState {
    const state = this.states.get(stateId.other);
    if (state === undefined) {
      if (this.#expired.has(stateId.other)) return fail(STATUS.EXPIRED);
      const life = Number.parseInt(stateId.other.slice(0, 8), 16);
      const isOld = life > 0 && life < this.#world.life;
      return fail(isOld ? STATUS.STALE_STATEID : STATUS.BAD_STATEID);
    }
    if (client !== null && state.client !== client) return fail(STATUS.BAD_STATEID);
    if (stateId.seqid > state.seqid) return fail(STATUS.BAD_STATEID);
    // In 4.1 a seqid of 0 is whatever is current.
    if (stateId.seqid !== 0 && stateId.seqid < state.seqid) return fail(STATUS.OLD_STATEID);
    return state;
  }

  /** A file may be read or written: by what it was opened for, or by nobody in particular. */
  check(stateId: StateId, client: Client | null, node: Node, access: number): void {
    if (this.isSpecial(stateId) || this.delegations.has(stateId.other)) return;
    const state = this.find(stateId, client);
    if (state.node !== node) fail(STATUS.BAD_STATEID);
    if ((state.access & access) === 0) fail(STATUS.OPENMODE);
  }

  /** What a lease took away is let go; what is still held must be closed. */
  free(stateId: StateId): void {
    if (this.#expired.delete(stateId.other)) return;
    fail(this.states.has(stateId.other) ? STATUS.LOCKS_HELD : STATUS.BAD_STATEID);
  }

  // ---- lives and leases ----
  forgetClient(client: Client, isExpired: boolean): void {
    for (const state of [...this.states.values()]) {
      if (state.client !== client) continue;
      if (isExpired) this.#expired.add(state.other);
      this.close(state);
    }
  }

  /** The server starts again: what was open can be reclaimed while there is grace. */
  restart(): void {
    // Who has not reclaimed since the last start may do so still: servers remember their clients over both.
    const reclaimable = this.#reclaimable;
    for (const state of [...this.states.values()]) {
      const files = reclaimable.get(state.client.owner) ?? new Set();
      reclaimable.set(state.client.owner, files.add(state.node.id));
      this.states.delete(state.other);
      // It lives on without a name until it is reclaimed, as on a file system that does not know of opens.
      state.node.opens -= 1;
    }
    this.delegations.clear();
    if (reclaimable.size === 0 && this.#world.grace === 'reclaim') this.#world.grace = 'none';
  }

  /** A plain OPEN may go on, or is to come later. */
  checkGrace(client: Client): void {
    if (!client.hasReclaimed) {
      this.#world.violation('OPEN: before RECLAIM_COMPLETE');
      fail(STATUS.GRACE);
    }
    const { grace } = this.#world;
    if (grace === 'none' || grace === 0) return;
    if (typeof grace === 'number') this.#world.grace = grace - 1;
    fail(STATUS.GRACE);
  }

  checkReclaim(client: Client, node: Node): void {
    if (client.hasReclaimed || this.#world.grace === 'none' || this.#world.grace === 0) fail(STATUS.NO_GRACE);
    if (this.#reclaimable.get(client.owner)?.has(node.id) !== true) fail(STATUS.RECLAIM_BAD);
  }

  reclaimed(client: Client): void {
    if (client.hasReclaimed) fail(STATUS.COMPLETE_ALREADY);
    client.hasReclaimed = true;
    this.#reclaimable.delete(client.owner);
    if (this.#world.grace === 'reclaim' && this.#reclaimable.size === 0) this.#world.grace = 'none';
  }
}
