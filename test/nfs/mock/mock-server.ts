// An NFS server in this process, of the project's own: files in memory, faults at every message, and a strict eye on its client.
import { createServer, type Server, type Socket } from 'node:net';
import type { Cleanup } from '../../support/temp.js';
import type { NfsVersion } from '../ganesha-config.js';
import { freePorts, LOOPBACK } from '../ports.js';
import { CallLog, Counts } from './calls.js';
import { Connection } from './connection.js';
import { Dispatcher, type DispatcherHost } from './dispatcher.js';
import { type FaultHandle, type FaultRule, Faults, type Grace } from './faults.js';
import { MountProgram } from './mount.js';
import { NfsProgram } from './nfs-program.js';
import { type MockOptions, type MockSettings, mockSettings } from './options.js';
import { type Mapping, PortmapProgram } from './portmap.js';
import { PROGRAMS, type Program } from './program.js';
import type { Node, Tree } from './tree.js';
import { V4State } from './v4-context.js';
import { World } from './world.js';

export type { MockOptions } from './options.js';

/** A listening port and the programs behind it. */
class Listener {
  readonly port: number;
  readonly #server: MockServer;
  readonly #dispatcher: Dispatcher;
  #listening: Server | null = null;

  constructor(server: MockServer, port: number, programs: readonly Program[]) {
    this.port = port;
    this.#server = server;
    this.#dispatcher = new Dispatcher(server, programs);
  }

  async open(): Promise<void> {
    if (this.#listening !== null) return;
    const listening = createServer((socket) => this.#server.accept(socket, this.#dispatcher));
    await new Promise<void>((resolve, reject) => {
      listening.once('error', reject);
      listening.listen(this.port, LOOPBACK, resolve);
    });
    this.#listening = listening;
  }

  async close(): Promise<void> {
    const listening = this.#listening;
    this.#listening = null;
    if (listening !== null) await new Promise<void>((resolve) => listening.close(() => resolve()));
  }
}

export class MockServer implements DispatcherHost {
  readonly host: string = LOOPBACK;
  readonly settings: MockSettings;
  readonly world: World;
  readonly faults: Faults = new Faults();
  readonly counts: Counts = new Counts();
  readonly log: CallLog;
  readonly mount: MountProgram;
  /** Clients, sessions and open files of v4. */
  readonly v4: V4State;
  readonly #listeners: readonly [Listener, Listener, Listener];
  readonly #connections = new Map<number, Connection>();
  #accepted = 0;

  constructor(options: MockOptions, ports: readonly [nfs: number, mount: number, portmap: number]) {
    this.settings = mockSettings(options);
    this.world = new World(this.settings);
    this.log = new CallLog(this.world);
    this.mount = new MountProgram(this.world);
    this.v4 = new V4State(this.world);
    const [nfs, mount, portmap] = ports;
    this.#listeners = [
      new Listener(this, nfs, [new NfsProgram(this.world, this.v4)]),
      new Listener(this, mount, [this.mount]),
      new Listener(this, portmap, [new PortmapProgram(() => this.#mappings())]),
    ];
  }

  get port(): number {
    return this.#listeners[0].port;
  }

  get mountPort(): number {
    return this.#listeners[1].port;
  }

  get portmapPort(): number {
    return this.#listeners[2].port;
  }

  get exportPath(): string {
    return this.settings.exports[0] ?? '/';
  }

  get tree(): Tree {
    return this.world.tree;
  }

  /** How many connections of clients are open. */
  get connections(): number {
    return this.#connections.size;
  }

  /** How many there were so far. */
  get accepted(): number {
    return this.#accepted;
  }

  /** `path` from the server's root, with the export. */
  url(version: NfsVersion, path: string, parameters: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(`nfs://${LOOPBACK}:${this.port}/`);
    url.pathname = path.split('/').map(encodeURIComponent).join('/');
    url.searchParams.set('version', version);
    if (version === '3') url.searchParams.set('mountport', String(this.mountPort));
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url;
  }

  fault(rule: FaultRule): FaultHandle {
    return this.faults.add(rule);
  }

  /** Puts a file there as if it had always been, its directories included. */
  putFile(path: string, bytes: Uint8Array): Node {
    const at = path.lastIndexOf('/');
    const directory = this.world.makePath(path.slice(0, at));
    const node =
      this.tree.find(directory, path.slice(at + 1)) ?? this.tree.create(directory, path.slice(at + 1), 'file', 0o644);
    node.content.resize(0);
    node.content.write(0, bytes, true);
    return node;
  }

  /** What a file holds now. */
  bytesOf(path: string): Uint8Array {
    return this.tree.at(path).content.bytes();
  }

  /** What of it would survive a crash. */
  durableBytesOf(path: string): Uint8Array {
    return this.tree.at(path).content.durableBytes();
  }

  /** All connections break; the server lives on. */
  dropConnections(): void {
    for (const connection of [...this.#connections.values()]) connection.destroy();
  }

  /**
   * Another life: connections, sessions, and what was not committed are lost; the files, handles included, stay.
   * `grace`: how long plain opens of v4 are refused.
   */
  restart(grace: Grace = 'none'): void {
    this.dropConnections();
    this.world.restart(grace);
    this.v4.restart();
  }

  /** Every v4 client's lease runs out: its sessions and open files are gone, and cannot be reclaimed. */
  expireLeases(): void {
    for (const client of [...this.v4.sessions.clients.values()]) this.v4.forget(client, true);
  }

  /** Sessions are told to use no slot above this one (sr_target_highest_slotid). */
  targetSlot(highest: number): void {
    for (const session of this.v4.sessions.sessions.values()) session.target = highest;
  }

  /** Every handle that clients hold is stale from now on. */
  forgetHandles(): void {
    this.tree.forgetHandles();
  }

  /** Connections are refused until `up`. */
  async down(): Promise<void> {
    const closed = this.#listeners.map((listener) => listener.close());
    this.dropConnections();
    await Promise.all(closed);
  }

  async up(): Promise<void> {
    for (const listener of this.#listeners) await listener.open();
  }

  async stop(): Promise<void> {
    this.faults.clear();
    await this.down();
    if (this.settings.tolerant || this.world.violations.length === 0) return;
    throw new Error(`the client broke rules:\n${this.world.violations.slice(0, 20).join('\n')}`);
  }

  // ---- for listeners and dispatchers ----
  accept(socket: Socket, dispatcher: Dispatcher): void {
    const connection = new Connection(++this.#accepted, socket, this.settings, dispatcher);
    this.#connections.set(connection.number, connection);
  }

  connectionClosed(connection: Connection): void {
    this.#connections.delete(connection.number);
  }

  callbackProgram(connection: number): number {
    return this.v4.bound.get(connection)?.callbackProgram ?? 0;
  }

  #mappings(): Mapping[] {
    const mappings: Mapping[] = [];
    if (this.settings.versions.includes('3')) {
      mappings.push({ program: PROGRAMS.mount, version: 3, port: this.mountPort });
      mappings.push({ program: PROGRAMS.nfs, version: 3, port: this.port });
    }
    if (this.settings.versions.some((version) => version !== '3'))
      mappings.push({ program: PROGRAMS.nfs, version: 4, port: this.port });
    return mappings;
  }
}

const PORT_ATTEMPTS = 4;

/** A server that answers; it ends after the test, which fails if a client broke rules and `tolerant` is not set. */
export async function startMock(t: Cleanup, options: MockOptions = {}): Promise<MockServer> {
  for (let attempt = 1; ; attempt++) {
    const [nfs = 0, mount = 0, portmap = 0] = await freePorts('nfs', 3);
    const server = new MockServer(options, [nfs, mount, portmap]);
    try {
      await server.up();
      t.after(() => server.stop());
      return server;
    } catch (error) {
      await server.down();
      if (attempt === PORT_ATTEMPTS || !(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'))
        throw error;
    }
  }
}
