// A protocol as one sees it who may abort: what is awaited of the server ends with its patience; the connection goes on.
import type { Patience } from '../net/patience.js';
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
} from './protocol.js';

const KNOWN: WeakMap<Patience, Map<NfsProtocol, NfsProtocol>> = new WeakMap();

/** The same for the same two: files of one connection are told by it. */
export function impatient(protocol: NfsProtocol, patience: Patience): NfsProtocol {
  const known = KNOWN.get(patience) ?? new Map<NfsProtocol, NfsProtocol>();
  KNOWN.set(patience, known);
  const made = known.get(protocol) ?? new ImpatientProtocol(protocol, patience);
  known.set(protocol, made);
  return made;
}

class ImpatientProtocol implements NfsProtocol {
  readonly version: NfsProtocol['version'];
  readonly server: string;
  readonly limits: NfsLimits;
  readonly offers: NfsOffers;
  readonly root: NfsObject;
  readonly #protocol: NfsProtocol;
  readonly #patience: Patience;

  constructor(protocol: NfsProtocol, patience: Patience) {
    this.version = protocol.version;
    this.server = protocol.server;
    this.limits = protocol.limits;
    this.offers = protocol.offers;
    this.root = protocol.root;
    this.#protocol = protocol;
    this.#patience = patience;
  }

  get isSilent(): boolean {
    return this.#patience.isOver || this.#protocol.isSilent;
  }

  // ---- data: reads and writes are given up one by one ----

  get room(): number {
    return this.#protocol.room;
  }

  onceRoom(callback: () => void): void {
    this.#protocol.onceRoom(callback);
  }

  startRead(call: IoCall): void {
    this.#protocol.startRead(call);
  }

  startWrite(call: IoCall, stable: Committed): void {
    this.#protocol.startWrite(call, stable);
  }

  abandon(call: IoCall): void {
    this.#protocol.abandon(call);
  }

  commit(file: NfsOpenFile): Promise<bigint> {
    return this.#patience.wait(() => this.#protocol.commit(file));
  }

  // ---- files by name ----

  lookup(directory: FileHandle, name: string): Promise<NfsObject> {
    return this.#patience.wait(() => this.#protocol.lookup(directory, name));
  }

  attributes(handle: FileHandle): Promise<NfsAttributes> {
    return this.#patience.wait(() => this.#protocol.attributes(handle));
  }

  setAttributes(handle: FileHandle, set: NfsSetAttributes, file?: NfsOpenFile): Promise<void> {
    return this.#patience.wait(() => this.#protocol.setAttributes(handle, set, file));
  }

  access(handle: FileHandle, asked: number): Promise<number> {
    return this.#patience.wait(() => this.#protocol.access(handle, asked));
  }

  readLink(handle: FileHandle): Promise<string> {
    return this.#patience.wait(() => this.#protocol.readLink(handle));
  }

  open(directory: FileHandle, name: string, options: NfsOpenOptions): Promise<NfsOpened> {
    return this.#patience.wait(
      () => this.#protocol.open(directory, name, options),
      ({ file }) => this.#protocol.closeFile(file),
    );
  }

  /** Always asked, be it that nobody waits for it. */
  closeFile(file: NfsOpenFile): Promise<void> {
    const closing = this.#protocol.closeFile(file);
    closing.catch(() => undefined); // whoever waits is told
    return this.#patience.wait(() => closing);
  }

  remove(directory: FileHandle, name: string): Promise<void> {
    return this.#patience.wait(() => this.#protocol.remove(directory, name));
  }

  removeDirectory(directory: FileHandle, name: string): Promise<void> {
    return this.#patience.wait(() => this.#protocol.removeDirectory(directory, name));
  }

  rename(from: FileHandle, fromName: string, to: FileHandle, toName: string): Promise<void> {
    return this.#patience.wait(() => this.#protocol.rename(from, fromName, to, toName));
  }

  link(handle: FileHandle, directory: FileHandle, name: string): Promise<void> {
    return this.#patience.wait(() => this.#protocol.link(handle, directory, name));
  }

  symlink(directory: FileHandle, name: string, to: string): Promise<NfsObject> {
    return this.#patience.wait(() => this.#protocol.symlink(directory, name, to));
  }

  makeDirectory(directory: FileHandle, name: string, mode: number): Promise<NfsObject> {
    return this.#patience.wait(() => this.#protocol.makeDirectory(directory, name, mode));
  }

  readDirectory(directory: FileHandle, cookie: bigint, verifier: bigint, bytes: number): Promise<NfsEntries> {
    return this.#patience.wait(() => this.#protocol.readDirectory(directory, cookie, verifier, bytes));
  }

  space(handle: FileHandle): Promise<NfsSpace> {
    return this.#patience.wait(() => this.#protocol.space(handle));
  }

  // ---- v4.2 ----

  seek(file: NfsOpenFile, offset: number, what: 'data' | 'hole'): Promise<number | null> {
    return this.#patience.wait(() => this.#protocol.seek(file, offset, what));
  }

  allocate(file: NfsOpenFile, offset: number, length: number): Promise<void> {
    return this.#patience.wait(() => this.#protocol.allocate(file, offset, length));
  }

  deallocate(file: NfsOpenFile, offset: number, length: number): Promise<void> {
    return this.#patience.wait(() => this.#protocol.deallocate(file, offset, length));
  }

  copy(
    from: NfsOpenFile,
    fromOffset: number,
    to: NfsOpenFile,
    toOffset: number,
    length: number,
  ): ReturnType<NfsProtocol['copy']> {
    return this.#patience.wait(() => this.#protocol.copy(from, fromOffset, to, toOffset, length));
  }

  clone(from: NfsOpenFile, fromOffset: number, to: NfsOpenFile, toOffset: number, length: number): Promise<void> {
    return this.#patience.wait(() => this.#protocol.clone(from, fromOffset, to, toOffset, length));
  }

  ping(): Promise<number> {
    return this.#patience.wait(() => this.#protocol.ping());
  }

  close(): Promise<void> {
    return this.#protocol.close();
  }
}
