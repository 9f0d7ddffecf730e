// Connections to servers, shared: one for each server, export and user of this process, closed by the last who lets go.
import { DioriteError, errors } from '../../base/errors.js';
import type { Patience } from '../net/patience.js';
import { impatient } from './impatient-protocol.js';
import { type Connected, negotiate, type Version } from './negotiate.js';
import type { NfsProtocol } from './protocol.js';
import type { NfsSettings } from './settings.js';

/** Directories whose export is remembered, of one connection. */
const DIRECTORIES_MAX = 1024;

/** What a server says of one path; the next one may be well. Everything else meets whoever asks for the same server. */
const OF_THE_PATH: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ESTALE', 'ENAMETOOLONG']);

/** For who waits for another's attempt: what it met is met by all, unless it is the other's path that is wrong. */
async function unlessOfThePath(connecting: Promise<unknown>): Promise<void> {
  try {
    await connecting;
  } catch (error) {
    if (!(error instanceof DioriteError) || !OF_THE_PATH.has(error.code)) throw error;
  }
}

class Shared {
  readonly protocol: NfsProtocol;
  readonly rootPath: string;
  readonly #directories = new Set<string>();
  readonly #onUnused: () => void;
  #users = 0;
  #closed: Promise<void> | null = null;

  constructor(protocol: NfsProtocol, rootPath: string, onUnused: () => void) {
    this.protocol = protocol;
    this.rootPath = rootPath;
    this.#onUnused = onUnused;
  }

  /** v4 finds every export below its root; in v3 another export may lie below this one, and MOUNT alone tells. */
  covers(directory: string): boolean {
    if (this.protocol.version === '3') return directory === this.rootPath || this.#directories.has(directory);
    return isWithin(directory, this.rootPath);
  }

  note(directory: string): void {
    if (!isWithin(directory, this.rootPath)) return;
    if (this.#directories.size >= DIRECTORIES_MAX) this.#directories.clear();
    this.#directories.add(directory);
  }

  restOf(path: string): string {
    return path.slice(this.rootPath.length).replace(/^\//, '');
  }

  addUser(): void {
    this.#users++;
  }

  async dropUser(): Promise<void> {
    this.#users--;
    if (this.#users > 0) return;
    this.#onUnused();
    this.#closed ??= this.protocol.close();
    await this.#closed;
  }
}

function isWithin(path: string, root: string): boolean {
  return root === '/' || path === root || path.startsWith(`${root}/`);
}

/** '/export/dir' and the rest 'dir' make '/export'. */
function rootPathOf(path: string, rest: string): string {
  if (rest === '') return path;
  if (!path.endsWith(`/${rest}`))
    throw errors.make('ERR_DIORITE_ASSERTION', `diorite: "${rest}" is not the end of the path "${path}"`);
  return path.slice(0, -rest.length - 1) || '/';
}

/** A share of a connection. Whoever got it, by `acquire` or `retain`, lets it go once. */
export class NfsConnection {
  /** What of the path that was asked for lies below the protocol's root. */
  readonly rest: string;
  readonly #shared: Shared;
  readonly #patience: Patience | null;
  #released: Promise<void> | null = null;

  constructor(shared: Shared, rest: string, patience: Patience | null) {
    shared.addUser();
    this.#shared = shared;
    this.rest = rest;
    this.#patience = patience;
  }

  get protocol(): NfsProtocol {
    const { protocol } = this.#shared;
    return this.#patience === null ? protocol : impatient(protocol, this.#patience);
  }

  /** What the protocol's root is called in URLs: '/' or '/export'. */
  get rootPath(): string {
    return this.#shared.rootPath;
  }

  get isReleased(): boolean {
    return this.#released !== null;
  }

  /** Another share of it. */
  retain(): NfsConnection {
    if (this.isReleased) throw errors.make('ERR_DIORITE_CLOSED', `${this.protocol.server}: the connection is closed`);
    return new NfsConnection(this.#shared, this.rest, this.#patience);
  }

  /** Idempotent. Resolves when the connection is closed, if this was the last share. */
  release(): Promise<void> {
    this.#released ??= this.#shared.dropUser();
    return this.#released;
  }
}

export class NfsConnections {
  readonly #versions: readonly Version[];
  /** By settings, which say the server and the user. */
  readonly #shared = new Map<string, Shared[]>();
  readonly #connecting = new Map<string, Promise<unknown>>();

  /** `versions`: from the top down. */
  constructor(versions: readonly Version[]) {
    this.#versions = versions;
  }

  /** How many are open. */
  get size(): number {
    return [...this.#shared.values()].reduce((sum, list) => sum + list.length, 0);
  }

  /**
   * `path` is a directory's, or a file's: then it is the directory that it lies in whose export is meant. `patience`: of
   * whoever asks, now and by the connection.
   */
  acquire(
    settings: NfsSettings,
    path: string,
    kind: 'directory' | 'file',
    patience: Patience | null = null,
  ): Promise<NfsConnection> {
    if (patience === null) return this.#acquire(settings, path, kind, null);
    return patience.wait(
      () => this.#acquire(settings, path, kind, patience),
      (connection) => connection.release(),
    );
  }

  async #acquire(
    settings: NfsSettings,
    path: string,
    kind: 'directory' | 'file',
    patience: Patience | null,
  ): Promise<NfsConnection> {
    const key = JSON.stringify(settings);
    const slash = path.lastIndexOf('/');
    const directory = kind === 'directory' || slash <= 0 ? path : path.slice(0, slash);
    for (;;) {
      const there = this.#shared.get(key)?.find((shared) => shared.covers(directory));
      if (there !== undefined) return new NfsConnection(there, there.restOf(path), patience);
      const connecting = this.#connecting.get(key);
      if (connecting === undefined) break;
      await unlessOfThePath(connecting);
    }
    const connecting = this.#connect(key, settings, path, directory, patience).finally(() =>
      this.#connecting.delete(key),
    );
    this.#connecting.set(key, connecting);
    return connecting;
  }

  async #connect(
    key: string,
    settings: NfsSettings,
    path: string,
    directory: string,
    patience: Patience | null,
  ): Promise<NfsConnection> {
    const connected = await negotiate(this.#versions, settings, path);
    const { protocol, rest } = connected;
    const rootPath = rootPathOf(path, rest);
    const list = this.#shared.get(key) ?? [];
    let shared = list.find((one) => one.rootPath === rootPath && one.protocol.version === protocol.version);
    if (shared === undefined) shared = this.#add(key, list, connected, rootPath);
    else await protocol.close(); // another directory of an export that is connected already
    shared.note(directory);
    return new NfsConnection(shared, rest, patience);
  }

  #add(key: string, list: Shared[], { protocol }: Connected, rootPath: string): Shared {
    const shared: Shared = new Shared(protocol, rootPath, () => {
      const left = (this.#shared.get(key) ?? []).filter((one) => one !== shared);
      if (left.length === 0) this.#shared.delete(key);
      else this.#shared.set(key, left);
    });
    this.#shared.set(key, [...list, shared]);
    return shared;
  }
}
