// Who a client is: its name, its key if it has one, and the number that the monitors give it.
import type { DencWriter } from '../denc/writer.js';
import { ENTITY_CLIENT } from '../msgr/handshake.js';
import type { CephKey } from './key.js';
import { Tickets } from './tickets.js';

/** Outlives connections: a monitor that is met later is asked for the same number again. */
export class Identity {
  /** Without `client.`. */
  readonly user: string;
  /** Null: none is needed, where the cluster asks for none. */
  readonly key: CephKey | null;
  readonly tickets: Tickets;
  /** 0: none was given yet. */
  globalId = 0n;

  constructor(user: string, key: CephKey | null) {
    this.user = user;
    this.key = key;
    this.tickets = new Tickets(this.name);
  }

  get name(): string {
    return `client.${this.user}`;
  }

  /** EntityName and global id. */
  write(writer: DencWriter): void {
    writer.u32(ENTITY_CLIENT);
    writer.string(this.user);
    writer.u64(this.globalId);
  }

  /** A stranger again: a monitor may refuse a number whose ticket is too old. */
  forget(): void {
    this.globalId = 0n;
    this.tickets.clear();
  }
}
