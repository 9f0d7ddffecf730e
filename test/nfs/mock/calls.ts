// What the mock remembers of calls: how often each came, how many at a time, which came twice, which were answered.
import { createHash } from 'node:crypto';
import type { Call, Work } from './program.js';
import type { World } from './world.js';

const REMEMBERED = 4096;

export class Counts {
  readonly #calls = new Map<string, number>();
  readonly #inFlight = new Map<string, number>();
  readonly #inFlightMax = new Map<string, number>();

  /** How often a procedure or operation came. */
  calls(name: string): number {
    return this.#calls.get(name) ?? 0;
  }

  all(): ReadonlyMap<string, number> {
    return this.#calls;
  }

  /** The most of them at a time: received and not answered yet. */
  inFlightMax(name: string): number {
    return this.#inFlightMax.get(name) ?? 0;
  }

  reset(): void {
    this.#calls.clear();
    this.#inFlightMax.clear();
  }

  came(names: readonly string[]): void {
    for (const name of names) this.#calls.set(name, this.calls(name) + 1);
    for (const name of new Set(names)) {
      const count = (this.#inFlight.get(name) ?? 0) + 1;
      this.#inFlight.set(name, count);
      this.#inFlightMax.set(name, Math.max(count, this.inFlightMax(name)));
    }
  }

  left(names: readonly string[]): void {
    for (const name of new Set(names)) this.#inFlight.set(name, (this.#inFlight.get(name) ?? 1) - 1);
  }
}

interface Remembered {
  readonly connection: number;
  readonly digest: string;
  isAnswered: boolean;
  reply: Buffer | null;
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('base64');
}

/** What two calls that ask for the same have in common. */
function bodyDigest(call: Call, work: Work): string {
  return `${work.names.join(' ')} ${digestOf(call.message.subarray(work.bodyAt))}`;
}

export type Duplicate = { readonly reply: Buffer } | null;

/** Watches what clients send again, and answers it from memory if the mock is to. */
export class CallLog {
  /** Calls that were carried out once more although that can do harm: their names. */
  readonly repeats: string[] = [];
  /** How many calls came with the xid and the bytes of an earlier one. */
  resent = 0;
  readonly #world: World;
  readonly #byXid = new Map<number, Remembered>();
  /** Bodies of harmful calls that were carried out and whose answer nobody got. */
  readonly #lost = new Map<string, string>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Notes a call; gives the remembered reply of the same one where the mock is to answer from memory. */
  came(call: Call, work: Work): Duplicate {
    const name = work.names.join(' ');
    const digest = digestOf(call.message);
    const before = this.#byXid.get(call.xid);
    this.#remember(call.xid, { connection: call.connection, digest, isAnswered: false, reply: null });
    if (before === undefined) return null;
    const sameConnection = before.connection === call.connection;
    if (before.digest !== digest) {
      // A number may come again on another connection, which counts its own, and long after it was answered.
      if (sameConnection && !before.isAnswered) this.#world.violation(`${name}: the xid of a call in flight`);
      return null;
    }
    this.resent += 1;
    if (sameConnection) this.#world.violation(`${name}: sent again on a connection that works`);
    const { duplicates } = this.#world.settings;
    const isKnown = duplicates === 'server' || (duplicates === 'connection' && sameConnection);
    return isKnown && before.reply !== null && work.harmful !== null ? { reply: before.reply } : null;
  }

  /** It was carried out. */
  carriedOut(call: Call, work: Work, reply: Buffer): void {
    if (work.harmful === null || work.isWithoutHarm?.() === true) return;
    const noted = this.#byXid.get(call.xid);
    if (noted !== undefined) noted.reply = reply;
    const lost = this.#lost.get(bodyDigest(call, work));
    if (lost !== undefined) this.repeats.push(lost);
  }

  /** Its reply has left whole, or never will. */
  settled(call: Call, work: Work, isAnswered: boolean): void {
    const noted = this.#byXid.get(call.xid);
    if (isAnswered && noted?.connection === call.connection) noted.isAnswered = true;
    if (work.harmful === null) return;
    const body = bodyDigest(call, work);
    if (isAnswered) this.#lost.delete(body);
    else if (work.isWithoutHarm?.() !== true) this.#lost.set(body, work.harmful);
    trim(this.#lost);
  }

  #remember(xid: number, entry: Remembered): void {
    this.#byXid.delete(xid);
    this.#byXid.set(xid, entry);
    trim(this.#byXid);
  }
}

/** Forgets the oldest. */
function trim<K>(map: Map<K, unknown>): void {
  for (const key of map.keys()) {
    if (map.size <= REMEMBERED) return;
    map.delete(key);
  }
}
