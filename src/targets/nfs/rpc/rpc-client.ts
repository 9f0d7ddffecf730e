// Calls to one server over one connection at a time, which is made again as often as it breaks.
import { DioriteError, errors } from '../../../base/errors.js';
import { BackOff } from '../../net/back-off.js';
import { chooseCarrier } from '../../net/carrier.js';
import { type Address, addressName, type MakeTransport } from '../../net/transport.js';
import { XdrError } from '../xdr/reader.js';
import { type Credentials, encodeCredentials } from './auth.js';
import type { Rpc, RpcCall, RpcRequest } from './call.js';
import { Connection, type ConnectionOwner, type ServeCall } from './connection.js';
import { CallQueue, type PendingCall, PendingCalls } from './pending.js';
import { STAGING_BYTES } from './receiver.js';
import { nonsense, systemError } from './rejections.js';
import { Stranger } from './stranger.js';
import { Watch } from './watch.js';

/** A connection that is made again gets a third of the time that the first one had, so that a call sees several. */
const RECONNECT_PARTS = 3;

export interface RpcClientOptions {
  readonly host: string;
  readonly port: number;
  readonly credentials: Credentials;
  /** For the first connection; for a call in all, where not `hard`; a third of it: for a connection that is silent. */
  readonly timeoutMs: number;
  /** Calls wait for their answer for ever. */
  readonly hard: boolean;
  /** Come from a port below 1024 where this process may. */
  readonly privilegedPort: boolean;
  /** Default: over the ring, or node:net. */
  readonly transport?: MakeTransport | undefined;
  /** A new connection took the place of one that broke; nothing was sent on it yet. */
  readonly onReconnect?: (() => void) | undefined;
  /** Calls from the server. Default: PROC_UNAVAIL for all. */
  readonly onCall?: ServeCall | undefined;
}

/** Kept by one connection attempt: the first one's success or failure is the caller's. */
interface FirstConnection {
  resolve(): void;
  reject(error: DioriteError): void;
}

export class RpcClient implements Rpc {
  readonly name: string;
  readonly #options: RpcClientOptions;
  readonly #owner: ConnectionOwner;
  readonly #pending: PendingCalls = new PendingCalls();
  readonly #queue: CallQueue = new CallQueue();
  readonly #backOff: BackOff;
  readonly #watch: Watch;
  readonly #stranger: Stranger;
  #connection: Connection | null = null;
  /** The wait before the next connection. */
  #wait: NodeJS.Timeout | null = null;
  #first: FirstConnection | null = null;
  /** Why there is no connection. */
  #lastError: DioriteError | undefined;
  /** Where the last connection came from. */
  #localPort: number | null = null;
  #closing: Promise<void> | null = null;
  #isSilent = false;

  /** Fails where the server cannot be reached: at once, or in `timeoutMs`. */
  static async connect(options: RpcClientOptions): Promise<RpcClient> {
    const client = new RpcClient(options);
    await new Promise<void>((resolve, reject) => {
      client.#first = { resolve, reject };
      client.#connect(options.timeoutMs);
    });
    return client;
  }

  private constructor(options: RpcClientOptions) {
    this.#options = options;
    this.name = addressName(options);
    this.#stranger = new Stranger(this.name, options.hard);
    this.#backOff = new BackOff(options.hard ? undefined : options.timeoutMs);
    this.#owner = this.#makeOwner(encodeCredentials(options.credentials));
    this.#watch = this.#makeWatch();
  }

  #makeOwner(credentials: Uint8Array): ConnectionOwner {
    return {
      pending: this.#pending,
      queue: this.#queue,
      credentials,
      staging: Buffer.allocUnsafeSlow(STAGING_BYTES),
      onCall: this.#options.onCall,
      connected: (connection) => this.#connected(connection),
      active: () => this.#watch.active(),
      settled: (answered) => this.#settled(answered),
      lost: (connection, error) => this.#lost(connection, error),
    };
  }

  #makeWatch(): Watch {
    const client = this;
    const watched = {
      get deadlineMs() {
        return client.#pending.oldest()?.deadlineMs ?? Number.POSITIVE_INFINITY;
      },
      get waiting() {
        return client.#connection?.connected === true && client.#pending.size > 0;
      },
      get pending() {
        return client.#pending.size > 0;
      },
      get moved() {
        return client.#connection?.moved === true;
      },
      expire: (nowMs: number) => client.#expire(nowMs),
      stalled: () => {
        client.#isSilent = true;
        client.#break(systemError('ETIMEDOUT', `${client.name} is silent`));
      },
    };
    return new Watch(watched, this.#options.timeoutMs);
  }

  get inFlight(): number {
    return this.#pending.live;
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  call(call: RpcCall): void {
    if (this.#closing !== null) {
      queueMicrotask(() => call.failed(this.#closedError(), true));
      return;
    }
    const nowMs = performance.now();
    if (this.#pending.live === 0) this.#connection?.keepAlive(true);
    if (this.#pending.size === 0) this.#watch.active();
    const deadlineMs = this.#options.hard ? Number.POSITIVE_INFINITY : nowMs + this.#options.timeoutMs;
    this.#queue.push(this.#pending.add(call, deadlineMs));
    this.#watch.start();
    if (this.#connection !== null) this.#connection.kick();
    else this.#reconnect();
  }

  request<T>(request: RpcRequest<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { program, version, procedure, once = false } = request;
      this.call({
        program,
        version,
        procedure,
        once,
        sink: null,
        encode: (xdr) => request.encode(xdr),
        replied: (xdr, resent) => {
          try {
            resolve(request.decode(xdr, resent));
          } catch (error) {
            reject(error instanceof XdrError ? nonsense(this.name, error) : error);
          }
        },
        failed: reject,
      });
    });
  }

  abandon(call: RpcCall, gone: ((answered: boolean) => void) | null = null): boolean {
    const pending = this.#pending.of(call);
    if (pending === undefined) return false;
    const unsent = pending.sends === 0;
    const error = systemError('ECANCELED', `a call to ${this.name} was given up`);
    queueMicrotask(() => call.failed(error, unsent));
    if (pending.queued) {
      this.#pending.remove(pending);
      if (gone !== null) queueMicrotask(() => gone(false));
    } else this.#pending.abandon(pending, gone);
    if (this.#connection?.isAt(pending)) this.#break(error);
    this.#settled(false);
    return true;
  }

  close(): Promise<void> {
    if (this.#closing !== null) return this.#closing;
    let gone = (): void => {};
    // Closed before anybody is told, since they may call again.
    this.#closing = new Promise((resolve) => {
      gone = resolve;
    });
    this.#watch.stop();
    this.#stopWaiting();
    const connection = this.#connection;
    this.#connection = null;
    if (connection === null) gone();
    else connection.destroy(gone);
    this.#fail(this.#pending.all(), () => this.#closedError());
    return this.#closing;
  }

  #closedError(): DioriteError {
    return errors.make('ERR_DIORITE_CLOSED', `The connection to ${this.name} is closed`);
  }

  /** All are taken out before the first is told: what it does then concerns the others no more. */
  #fail(pending: readonly PendingCall[], error: () => DioriteError): void {
    const waiting = pending.filter((each) => each.call !== null);
    for (const each of pending) if (each.call === null) this.#pending.drop(each, false);
    const told = waiting.map((each) => ({ unsent: each.sends === 0, call: this.#pending.remove(each) }));
    for (const { call, unsent } of told) call?.failed(error(), unsent);
  }

  #connect(timeoutMs: number): void {
    const { host, port, privilegedPort, transport = chooseCarrier().make } = this.#options;
    const address: Address = { host, port, privilegedPort, timeoutMs, localPort: this.#localPort };
    this.#connection = new Connection(this.#owner, address, transport);
  }

  #connected(connection: Connection): void {
    const first = this.#first;
    this.#first = null;
    this.#localPort = connection.localPort;
    this.#watch.active();
    if (first === null) this.#options.onReconnect?.();
    first?.resolve();
    connection.keepAlive(this.#pending.live > 0);
    connection.kick();
  }

  /** After each call that is done with. */
  #settled(answered: boolean): void {
    if (answered) {
      this.#isSilent = false;
      this.#backOff.reset();
      this.#stranger.answered();
      this.#watch.answered();
    }
    if (this.#pending.live > 0) return;
    this.#connection?.keepAlive(false);
    this.#stopWaiting();
  }

  #lost(connection: Connection, error: DioriteError): void {
    if (connection !== this.#connection) return;
    this.#connection = null;
    this.#lastError = error;
    this.#isSilent ||= !connection.connected;
    // Something on the way may have had enough of this port.
    if (!connection.connected && error.code === 'ETIMEDOUT') this.#localPort = null;
    const first = this.#first;
    this.#first = null;
    first?.reject(error);
    // One that nobody waits for may well be ended.
    const isMissed = connection.connected && this.#pending.size > 0;
    const stranger = isMissed ? this.#stranger.ended(error) : null;
    if (stranger === null) this.#sendAgain();
    else this.#giveUp(stranger);
  }

  /** Calls made from now on are tried anew. */
  #giveUp({ code, errno, message, cause }: DioriteError): void {
    while (this.#queue.shift() !== null);
    this.#fail(this.#pending.all(), () => new DioriteError(message, { code, errno, cause }));
    this.#settled(false);
  }

  /** Ends the connection, which is made again if anybody waits. */
  #break(error: DioriteError): void {
    const connection = this.#connection;
    this.#connection = null;
    this.#lastError = error;
    connection?.destroy();
    this.#sendAgain();
  }

  /** What was sent on a connection that is gone goes into the queue again, in the order in which it was asked for. */
  #sendAgain(): void {
    while (this.#queue.shift() !== null);
    const lost: PendingCall[] = [];
    for (const pending of this.#pending.all()) {
      if (pending.call === null) this.#pending.drop(pending, false);
      else if (pending.call.once === true && pending.sends > 0) lost.push(pending);
      else this.#queue.push(pending);
    }
    const why = `the connection to ${this.name} broke before the answer came`;
    this.#fail(lost, () => systemError('ECONNRESET', why, this.#lastError));
    if (this.#pending.size > 0) this.#reconnect();
  }

  #reconnect(): void {
    if (this.#connection !== null || this.#wait !== null || this.#closing !== null) return;
    const open = (): void => {
      this.#wait = null;
      if (this.#pending.size > 0) this.#connect(this.#options.timeoutMs / RECONNECT_PARTS);
    };
    this.#wait = setTimeout(open, this.#backOff.nextMs());
  }

  #stopWaiting(): void {
    if (this.#wait !== null) clearTimeout(this.#wait);
    this.#wait = null;
  }

  #expire(nowMs: number): void {
    this.#isSilent = true;
    const late = (pending: PendingCall): boolean => pending.deadlineMs <= nowMs;
    // Their memory is free only once nothing can arrive for them any more.
    if (
      this.#connection?.connected === true &&
      this.#pending.all().some((pending) => late(pending) && pending.sends > 0)
    ) {
      const connection = this.#connection;
      this.#connection = null;
      connection.destroy();
    }
    const seconds = this.#options.timeoutMs / 1000;
    const error = (): DioriteError =>
      systemError('ETIMEDOUT', `${this.name} has not answered in ${seconds} s`, this.#lastError);
    this.#fail(this.#pending.all().filter(late), error);
    if (this.#connection === null) this.#sendAgain();
    this.#settled(false);
  }
}
