// Connections to clusters, shared: one for each cluster and user of this process, closed by the last who lets go.
import { errors } from '../../base/errors.js';
import { systemError } from '../net/system-error.js';
import { type ClusterOptions, readSettings } from './auth/settings.js';
import { Objecter } from './osd/objecter.js';
import type { PoolRef } from './osd/pool-ref.js';
import type { Pool } from './osdmap/pool.js';

class Shared {
  readonly objecter: Objecter;
  readonly #onUnused: () => void;
  #users = 0;
  #closed: Promise<void> | null = null;

  constructor(objecter: Objecter, onUnused: () => void) {
    this.objecter = objecter;
    this.#onUnused = onUnused;
  }

  addUser(): void {
    this.#users++;
  }

  async dropUser(): Promise<void> {
    this.#users--;
    if (this.#users > 0) return;
    this.#onUnused();
    this.#closed ??= this.objecter.close();
    await this.#closed;
  }
}

/** A share of a connection. Whoever got it, by `acquire` or `retain`, lets it go once. */
export class RadosConnection {
  readonly #shared: Shared;
  #released: Promise<void> | null = null;

  constructor(shared: Shared) {
    shared.addUser();
    this.#shared = shared;
  }

  get objecter(): Objecter {
    return this.#shared.objecter;
  }

  /** Of a name. ENOENT where neither the map that is here nor the newest one has it. */
  async pool(name: string): Promise<Pool> {
    const { objecter } = this;
    const here = objecter.map.poolNamed(name);
    if (here !== undefined) return here;
    const { newest } = await objecter.mon.version('osdmap');
    await objecter.reached(newest);
    const pool = objecter.map.poolNamed(name);
    if (pool !== undefined) return pool;
    throw systemError('ENOENT', `cluster ${objecter.map.fsid} has no pool "${name}"`);
  }

  async poolRef(name: string, namespace: string): Promise<PoolRef> {
    const { id } = await this.pool(name);
    return { objecter: this.objecter, pool: id, namespace };
  }

  /** Another share of it. */
  retain(): RadosConnection {
    if (this.#released !== null) throw errors.make('ERR_DIORITE_CLOSED', 'The connection to the cluster is closed');
    return new RadosConnection(this.#shared);
  }

  /** Idempotent. Resolves when the connection is closed, if this was the last share. */
  release(): Promise<void> {
    this.#released ??= this.#shared.dropUser();
    return this.#released;
  }
}

export class RadosConnections {
  /** By what they were asked for with. */
  readonly #shared: Map<string, Shared> = new Map();
  readonly #connecting: Map<string, Promise<Shared>> = new Map();
  readonly #wrap: (objecter: Objecter) => Objecter;

  /** `wrap`: for tests, which step in between. */
  constructor(wrap: (objecter: Objecter) => Objecter = (objecter) => objecter) {
    this.#wrap = wrap;
  }

  /** How many are open. */
  get size(): number {
    return this.#shared.size;
  }

  async acquire(options: ClusterOptions): Promise<RadosConnection> {
    const { CEPH_CONF, CEPH_KEYRING } = process.env;
    const key = JSON.stringify([options, CEPH_CONF, CEPH_KEYRING]);
    for (;;) {
      const there = this.#shared.get(key);
      if (there !== undefined) return new RadosConnection(there);
      const connecting = this.#connecting.get(key);
      // What it meets is met by all who ask for the same. The last of them may have let it go by now.
      if (connecting !== undefined) await connecting;
      else return this.#first(key, options);
    }
  }

  async #first(key: string, options: ClusterOptions): Promise<RadosConnection> {
    const connecting = this.#connect(key, options).finally(() => this.#connecting.delete(key));
    this.#connecting.set(key, connecting);
    return new RadosConnection(await connecting);
  }

  async #connect(key: string, options: ClusterOptions): Promise<Shared> {
    const objecter = this.#wrap(await Objecter.connect(await readSettings(options)));
    const shared: Shared = new Shared(objecter, () => this.#shared.delete(key));
    this.#shared.set(key, shared);
    return shared;
  }
}

export const radosConnections: RadosConnections = new RadosConnections();
