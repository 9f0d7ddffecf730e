// NFSv3 as the rest of the NFS target sees it: what asks, what moves data, and the way to the server.
import { assert } from '../../../base/assert.js';
import { type DioriteError, errors } from '../../../base/errors.js';
import { COURTESY_MS, within } from '../../net/within.js';
import type {
  Committed,
  FileHandle,
  IoCall,
  NfsAttributes,
  NfsEntries,
  NfsLimits,
  NfsObject,
  NfsOffers,
  NfsOpened,
  NfsOpenFile,
  NfsOpenOptions,
  NfsProtocol,
  NfsSetAttributes,
  NfsSpace,
} from '../protocol.js';
import type { Rpc } from '../rpc/call.js';
import { PORTMAP_PORT } from '../rpc/portmap.js';
import type { NfsSettings } from '../settings.js';
import { Asker, timeoutError } from './asker.js';
import { DataPath } from './data-path.js';
import { Directories } from './directory.js';
import { askAccess, commit, getAttributes, readLink, setAttributes } from './files.js';
import { askLimits, askSpace, limitsOf } from './info.js';
import { Names } from './names.js';
import { lookup } from './objects.js';
import { openFile } from './open-file.js';
import { ask, connectNfs, mountExport } from './reach.js';

/**
 * Calls in flight per connection: more than fill any network's pipe with calls of 1 MiB. v3 has no slots; servers stop
 * reading a connection that asks for more than they like (knfsd counts bytes, ganesha 512 calls).
 */
const CALLS_PER_CONNECTION = 64;

export interface ProtocolV3Options {
  readonly rpc: Rpc;
  readonly settings: Pick<NfsSettings, 'timeoutMs' | 'hard' | 'connections' | 'ioBytesMax'>;
  readonly root: FileHandle;
  /** Told of the end: UMNT. */
  readonly onClose: () => Promise<void>;
}

export class ProtocolV3 implements NfsProtocol {
  readonly version = '3';
  readonly server: string;
  readonly limits: NfsLimits;
  readonly offers: NfsOffers = { seek: false, allocate: false, deallocate: false, copy: false, clone: false };
  readonly root: NfsObject;
  readonly #rpc: Rpc;
  readonly #asker: Asker;
  readonly #data: DataPath;
  readonly #directories: Directories;
  readonly #names: Names;
  readonly #onClose: () => Promise<void>;
  #closing: Promise<void> | null = null;

  /** Asks what the server takes, and what the root is. */
  static async start(options: ProtocolV3Options): Promise<ProtocolV3> {
    const asker = new Asker({ rpc: options.rpc, ...options.settings });
    const [serverLimits, attributes] = await Promise.all([
      askLimits(asker, options.root),
      getAttributes(asker, options.root),
    ]);
    const limits = limitsOf(serverLimits, options.settings.ioBytesMax);
    return new ProtocolV3(options, asker, limits, { handle: options.root, attributes });
  }

  private constructor(options: ProtocolV3Options, asker: Asker, limits: NfsLimits, root: NfsObject) {
    const { rpc, settings, onClose } = options;
    this.server = rpc.name;
    this.limits = limits;
    this.root = root;
    this.#rpc = rpc;
    this.#asker = asker;
    this.#data = new DataPath({ rpc, ...settings, callsMax: CALLS_PER_CONNECTION * settings.connections });
    this.#directories = new Directories(asker);
    this.#names = new Names(asker, this.#directories);
    this.#onClose = onClose;
  }

  get isSilent(): boolean {
    return this.#rpc.isSilent;
  }

  get room(): number {
    return this.#data.room;
  }

  onceRoom(callback: () => void): void {
    this.#data.onceRoom(callback);
  }

  startRead(call: IoCall): void {
    this.#data.startRead(call);
  }

  startWrite(call: IoCall, stable: Committed): void {
    this.#data.startWrite(call, stable);
  }

  abandon(call: IoCall): void {
    this.#data.abandon(call);
  }

  commit(file: NfsOpenFile): Promise<bigint> {
    return commit(this.#asker, file);
  }

  lookup(directory: FileHandle, name: string): Promise<NfsObject> {
    return lookup(this.#asker, directory, name);
  }

  attributes(handle: FileHandle): Promise<NfsAttributes> {
    return getAttributes(this.#asker, handle);
  }

  async setAttributes(handle: FileHandle, set: NfsSetAttributes): Promise<void> {
    await setAttributes(this.#asker, handle, set);
  }

  access(handle: FileHandle, asked: number): Promise<number> {
    return askAccess(this.#asker, handle, asked);
  }

  readLink(handle: FileHandle): Promise<string> {
    return readLink(this.#asker, handle);
  }

  open(directory: FileHandle, name: string, options: NfsOpenOptions): Promise<NfsOpened> {
    return openFile(this.#asker, directory, name, options);
  }

  /** The server does not know that it was open. */
  async closeFile(): Promise<void> {}

  remove(directory: FileHandle, name: string): Promise<void> {
    return this.#names.remove(directory, name);
  }

  removeDirectory(directory: FileHandle, name: string): Promise<void> {
    return this.#names.removeDirectory(directory, name);
  }

  rename(from: FileHandle, fromName: string, to: FileHandle, toName: string): Promise<void> {
    return this.#names.rename(from, fromName, to, toName);
  }

  link(handle: FileHandle, directory: FileHandle, name: string): Promise<void> {
    return this.#names.link(handle, directory, name);
  }

  symlink(directory: FileHandle, name: string, to: string): Promise<NfsObject> {
    return this.#names.symlink(directory, name, to);
  }

  makeDirectory(directory: FileHandle, name: string, mode: number): Promise<NfsObject> {
    return this.#names.makeDirectory(directory, name, mode);
  }

  readDirectory(directory: FileHandle, cookie: bigint, verifier: bigint, bytes: number): Promise<NfsEntries> {
    return this.#directories.read(directory, cookie, verifier, bytes);
  }

  space(handle: FileHandle): Promise<NfsSpace> {
    return askSpace(this.#asker, handle);
  }

  async seek(): Promise<never> {
    throw this.#lacks('SEEK');
  }

  async allocate(): Promise<never> {
    throw this.#lacks('ALLOCATE');
  }

  async deallocate(): Promise<never> {
    throw this.#lacks('DEALLOCATE');
  }

  async copy(): Promise<never> {
    throw this.#lacks('COPY');
  }

  async clone(): Promise<never> {
    throw this.#lacks('CLONE');
  }

  #lacks(operation: string): DioriteError {
    return errors.make('ERR_DIORITE_UNSUPPORTED', `${this.server}: NFSv3 has no ${operation}: it came with NFSv4.2`);
  }

  async ping(): Promise<number> {
    const startedMs = performance.now();
    await ask(this.#rpc);
    return performance.now() - startedMs;
  }

  close(): Promise<void> {
    assert(this.#data.idle, 'no read or write is in flight when the protocol is closed');
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#rpc.close();
    if (!this.isSilent) await within(COURTESY_MS, this.#onClose());
  }
}

/**
 * Finds the export that `path` (decoded, from the server's root) begins with, and mounts it. `rest` is what lies below:
 * '' is the export itself. However patient `hard` is later, here everything must be done within the timeout.
 */
export async function connectV3(
  settings: NfsSettings,
  path: string,
  portmapPort: number = PORTMAP_PORT,
): Promise<{ protocol: NfsProtocol; rest: string }> {
  const rpc = await connectNfs(settings, portmapPort);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    // What waits for an answer fails.
    void rpc.close();
  }, settings.timeoutMs);
  try {
    await ask(rpc);
    const { found, unmount } = await mountExport(settings, portmapPort, path);
    const protocol = await ProtocolV3.start({ rpc, settings, root: found.handle, onClose: unmount });
    return { protocol, rest: found.rest };
  } catch (error) {
    await rpc.close();
    throw isLate ? timeoutError(rpc.name, 'connecting', 'no answer', settings.timeoutMs) : error;
  } finally {
    clearTimeout(timer);
  }
}
