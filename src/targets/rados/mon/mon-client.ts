// A cluster's monitors as one: a session that is made again when it breaks, maps, commands, tickets, and connections to OSDs.
//
// How it is used (the objecter is its user):
//
//      const mon = await MonClient.connect(settings, user);   // EACCES at once, ETIMEDOUT in time
//      mon.wantOsdMap(0);                   // user.osdMap(update) from now on: a full map, then each incremental one
//      mon.haveOsdMap(epoch);               // after each: a session that is made again goes on behind it
//      mon.wantOsdMap(epoch + 1);           // asks again at once, where somebody knows of a newer one
//      await mon.version('osdmap')          // what the newest one is, from the monitors' majority
//      await mon.command({ prefix: … })     // a result below 0 is its caller's to judge
//      mon.openOsd(osd, address, user)      // a Connection (msgr/connection.ts), authenticated by ticket
//      await mon.close()
//
// Sessions are looked for for ever; what waits for an answer is asked again on each new one, and fails with ETIMEDOUT.
//      await mon.renewTickets()       // after an OSD refused one with EACCES; else they are renewed in time by themselves
import { type DioriteError, errors } from '../../../base/errors.js';
import { BackOff } from '../../net/back-off.js';
import type { MakeTransport } from '../../net/transport.js';
import { cephxToOsd, readRenewal, renewalRequest } from '../auth/cephx.js';
import { Identity } from '../auth/identity.js';
import { noAuthentication } from '../auth/none.js';
import type { ClusterSettings } from '../auth/settings.js';
import { addressText, type EntityAddress, msgr2Of } from '../denc/entity-address.js';
import type { DencReader } from '../denc/reader.js';
import { daemonError } from '../errno.js';
import { AUTH_CEPHX, type Authenticator } from '../msgr/authenticator.js';
import { Connection, type ConnectionUser } from '../msgr/connection.js';
import { ENTITY_OSD } from '../msgr/handshake.js';
import {
  type MessageHeader,
  MSG_AUTH,
  MSG_AUTH_REPLY,
  MSG_MON_COMMAND,
  MSG_MON_GET_VERSION,
  MSG_MON_MAP,
  MSG_OSD_MAP,
} from '../msgr/message.js';
import { Hunt } from './hunt.js';
import {
  type CommandResult,
  type OsdMapUpdate,
  readAuthReply,
  readCommandResult,
  readMonMap,
  readOsdMap,
  readVersion,
  writeAuth,
  writeCommand,
  writeGetVersion,
} from './messages.js';
import { Questions } from './questions.js';
import type { MonSession } from './session.js';
import { TicketClock } from './ticket-clock.js';

export interface MonUser {
  /** Its bytes are there until this returns. */
  osdMap(update: OsdMapUpdate): void;
  /** The session is lost, and another one is looked for; or (null) there is one again. */
  session?(error: DioriteError | null): void;
}

export interface MonClientOptions {
  /** Default: TCP. */
  readonly transport?: MakeTransport | undefined;
}

/** Where an OSD is, as its map says it. */
export interface OsdPlace {
  readonly id: number;
  /** Its public addresses. */
  readonly addresses: readonly EntityAddress[];
}

/** Who waits for the first session. */
interface First {
  resolve(): void;
  reject(error: DioriteError): void;
}

export class MonClient {
  readonly #settings: ClusterSettings;
  readonly #user: MonUser;
  readonly #transport: MakeTransport | undefined;
  readonly #identity: Identity;
  readonly #questions: Questions;
  readonly #tickets: TicketClock;
  /** From which epoch on maps of each kind are wanted. */
  readonly #starts: Map<string, number> = new Map([['monmap', 0]]);
  readonly #backOff: BackOff;
  #monitors: readonly EntityAddress[];
  #method = 0;
  #fsid = '';
  #fsidKnown: (() => void)[] = [];
  #session: MonSession | null = null;
  #hunt: Hunt | null = null;
  #first: First | null = null;
  #closed = false;

  /** Fails with EACCES where the key is refused, with ETIMEDOUT where no monitor opens a session in `timeoutMs`. */
  static async connect(settings: ClusterSettings, user: MonUser, options: MonClientOptions = {}): Promise<MonClient> {
    const client = new MonClient(settings, user, options);
    await new Promise<void>((resolve, reject) => {
      client.#first = { resolve, reject };
      client.#look();
    });
    return client;
  }

  private constructor(settings: ClusterSettings, user: MonUser, { transport }: MonClientOptions) {
    this.#settings = settings;
    this.#user = user;
    this.#transport = transport;
    this.#identity = new Identity(settings.user, settings.key);
    this.#questions = new Questions(settings.timeoutMs, () => this.#backOff.reset());
    this.#backOff = new BackOff(settings.timeoutMs);
    this.#monitors = settings.monitors;
    this.#tickets = new TicketClock(this.#identity.tickets, () => this.renewTickets());
  }

  /** client.NAME. */
  get name(): string {
    return this.#identity.name;
  }

  /** The number that the monitors gave this client: part of the name that OSDs know its requests by. */
  get globalId(): bigint {
    return this.#identity.globalId;
  }

  /** Of the cluster; '' until a monitor has told it. */
  get fsid(): string {
    return this.#fsid;
  }

  /** The monitor of this session; '' while there is none. */
  get monitor(): string {
    return this.#session === null ? '' : addressText(this.#session.address);
  }

  /** Maps from this epoch on, at once where there are any, and each later one. 0: the newest one in full. */
  wantOsdMap(epoch: number): void {
    this.#starts.set('osdmap', epoch);
    this.#session?.subscribe(this.#starts);
  }

  /** A session that is made again goes on behind this epoch. */
  haveOsdMap(epoch: number): void {
    this.#starts.set('osdmap', epoch + 1);
  }

  /** Of `osdmap`, `monmap` …: the first and the last that the monitors have. */
  version(what: string): Promise<{ newest: number; oldest: number }> {
    return this.#questions.ask({
      what: `for the version of ${what}`,
      type: MSG_MON_GET_VERSION,
      encode: (writer, tid) => writeGetVersion(writer, tid, what),
      decode: readVersion,
    });
  }

  /** Such as `{ prefix: 'osd dump', format: 'json' }`. */
  async command(command: Readonly<Record<string, unknown>> & { readonly prefix: string }): Promise<CommandResult> {
    await this.#knowFsid();
    return await this.#questions.ask({
      what: `the command "${command.prefix}"`,
      type: MSG_MON_COMMAND,
      encode: (writer) => writeCommand(writer, this.#fsid, JSON.stringify(command)),
      decode: (front, data) => readCommandResult(front, Buffer.from(data.buffer, data.byteOffset, data.length)),
    });
  }

  /** Begins to connect. Throws EACCES where there is no valid ticket, ENOTSUP where it has no messenger v2. */
  openOsd({ id, addresses }: OsdPlace, user: ConnectionUser): Connection {
    const target = msgr2Of(addresses);
    if (target === undefined) throw errors.make('ERR_DIORITE_UNSUPPORTED', `osd.${id} has no messenger v2`);
    const { osdModes, timeoutMs } = this.#settings;
    return new Connection(
      {
        name: `osd.${id} (${addressText(target)})`,
        entityType: ENTITY_OSD,
        target,
        authenticator: this.#osdAuthenticator(),
        modes: osdModes,
        timeoutMs,
        alwaysAlive: false,
        held: false,
        transport: this.#transport,
      },
      user,
    );
  }

  #osdAuthenticator(): Authenticator {
    return this.#method === AUTH_CEPHX ? cephxToOsd(this.#identity) : noAuthentication(this.#identity, false);
  }

  /** Fails what waits with ERR_DIORITE_CLOSED. Connections to OSDs are their owners'. Idempotent. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    this.#tickets.stop();
    this.#hunt?.stop();
    const session = this.#session;
    this.#session = null;
    this.#questions.close(errors.make('ERR_DIORITE_CLOSED', 'The connection to the cluster is closed'));
    for (const known of this.#fsidKnown.splice(0)) known();
    return session === null ? Promise.resolve() : new Promise((resolve) => session.close(resolve));
  }

  #look(): void {
    const { methods, monModes, timeoutMs } = this.#settings;
    const settings = {
      identity: this.#identity,
      // What was agreed upon once is not given up for less.
      methods: this.#method === 0 ? methods : [this.#method],
      modes: monModes,
      transport: this.#transport,
      monitors: this.#monitors,
      timeoutMs,
      backOff: this.#backOff,
      timed: this.#first !== null,
    };
    this.#hunt = new Hunt(settings, {
      found: (session) => this.#found(session),
      failed: (error) => this.#notFound(error),
      message: (header, front, data) => this.#message(header, front, data),
      lost: (session, error) => this.#lost(session, error),
    });
  }

  #found(session: MonSession): void {
    this.#hunt = null;
    this.#session = session;
    this.#method = session.method;
    session.subscribe(this.#starts);
    this.#questions.session(session);
    this.#tickets.start();
    const first = this.#first;
    this.#first = null;
    if (first === null) this.#user.session?.(null);
    first?.resolve();
  }

  /** Refused after it was accepted: a key that was taken away. What waits is told, and it is tried again. */
  #notFound(error: DioriteError): void {
    this.#hunt = null;
    const first = this.#first;
    this.#first = null;
    if (first !== null) {
      this.#closed = true;
      first.reject(error);
      return;
    }
    this.#questions.close(error);
    this.#look();
  }

  #lost(session: MonSession, error: DioriteError): void {
    if (session !== this.#session) return;
    this.#session = null;
    this.#questions.session(null);
    this.#tickets.stop();
    this.#look();
    this.#user.session?.(error);
  }

  #message(header: MessageHeader, front: DencReader, data: Uint8Array): void {
    const { type } = header;
    this.#backOff.reset();
    if (type === MSG_OSD_MAP) this.#user.osdMap(readOsdMap(front));
    else if (type === MSG_MON_MAP) this.#monMap(front);
    else if (type === MSG_AUTH_REPLY) this.#questions.replied(MSG_AUTH, header, front, data);
    // Monitors tell of more: configuration, their own log. Nobody here asks for it.
  }

  #monMap(front: DencReader): void {
    const map = readMonMap(front);
    if (map === null) return;
    const addresses = map.monitors.flatMap((monitor) => msgr2Of(monitor) ?? []);
    if (addresses.length > 0) this.#monitors = addresses;
    this.#starts.set('monmap', map.epoch + 1);
    this.#fsid = map.fsid;
    for (const known of this.#fsidKnown.splice(0)) known();
  }

  /** Commands name the cluster that they are for. */
  #knowFsid(): Promise<void> {
    if (this.#fsid !== '') return Promise.resolve();
    return new Promise((resolve) => this.#fsidKnown.push(resolve));
  }

  /**
   * New tickets for OSDs, as happens by itself before the old ones run out: for where an OSD refuses one (EACCES). The
   * monitors' own is renewed by a new session, which gets all others too.
   */
  async renewTickets(): Promise<void> {
    const payload = this.#method === AUTH_CEPHX ? renewalRequest(this.#identity) : null;
    if (payload === null) {
      const session = this.#session;
      session?.close();
      if (session !== null) this.#lost(session, daemonError(-1, 'its ticket is renewed'));
      return;
    }
    await this.#questions.ask({
      what: 'for new tickets',
      type: MSG_AUTH,
      encode: (writer) => writeAuth(writer, AUTH_CEPHX, payload),
      decode: (front) => {
        const { result, payload: reply } = readAuthReply(front);
        if (result < 0) throw daemonError(result, `the monitors give ${this.name} no new tickets`);
        readRenewal(this.#identity, reply);
      },
    });
  }
}

/** A session with a cluster's monitors. */
export function connectCluster(settings: ClusterSettings, user: MonUser): Promise<MonClient> {
  return MonClient.connect(settings, user);
}
