// One OSD: its connection, made again when it breaks, the requests that are its business, and what it asks to wait with.
import { DioriteError } from '../../../base/errors.js';
import { BackOff } from '../../net/back-off.js';
import type { EntityAddress } from '../denc/entity-address.js';
import type { DencReader } from '../denc/reader.js';
import type { MonClient } from '../mon/mon-client.js';
import type { Connection } from '../msgr/connection.js';
import { type MessageHeader, MSG_OSD_BACKOFF, MSG_OSD_MAP } from '../msgr/message.js';
import { pgKey } from '../osdmap/pg.js';
import {
  BACKOFF_ACK_BLOCK,
  BACKOFF_BLOCK,
  BACKOFF_UNBLOCK,
  BACKOFF_VERSION,
  type Backoff,
  readBackoff,
  writeBackoff,
} from './messages.js';
import type { OsdRequest, Sending } from './request.js';

/** Of one OSD: it has some for each placement group that is not ready. */
const BACKOFFS_MAX = 65_536;

/**
 * After a connection that broke, so many requests are sent again at first, and two more for each answer: where
 * connections break again and again, one that carries everything again would break before it brings an answer.
 */
const WINDOW_AFTER_BREAK = 8;

export interface LinkUser {
  readonly mon: MonClient;
  /** So long a request may take. */
  readonly timeoutMs: number;
  /** A map that the OSD sent. */
  osdMap(front: DencReader): void;
  /** Its connection broke, and is made again: a newer map may know why. */
  broken(link: OsdLink, error: DioriteError): void;
}

export class OsdLink {
  readonly id: number;
  readonly addresses: readonly EntityAddress[];
  readonly #user: LinkUser;
  readonly #requests: Map<number, OsdRequest> = new Map();
  /** Of these, what was not given to the connection yet, in order. */
  #waiting: OsdRequest[] = [];
  /** How many the connection may have. */
  #window = Number.POSITIVE_INFINITY;
  /** By placement group, then by the OSD's own number. */
  readonly #backoffs: Map<number, Set<bigint>> = new Map();
  readonly #backOff: BackOff;
  #backoffCount = 0;
  #connection: Connection | null = null;
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(id: number, addresses: readonly EntityAddress[], user: LinkUser) {
    this.id = id;
    this.addresses = addresses;
    this.#user = user;
    this.#backOff = new BackOff(user.timeoutMs);
  }

  get pending(): number {
    return this.#requests.size;
  }

  /** In the order in which they were made for each placement group: the objecter sees to it. */
  send(request: OsdRequest, sending: Sending): void {
    request.sending = sending;
    this.#requests.set(request.tid, request);
    if (this.#isBlocked(request)) return;
    this.#waiting.push(request);
    if (this.#connection === null) this.#reconnect();
    else this.#fill(this.#connection);
  }

  /** The OSD may have dropped it: its placement group began anew. */
  sendAgain(request: OsdRequest, sending: Sending): void {
    request.sending = sending;
    const connection = this.#connection;
    if (connection?.has(request) === true && !this.#isBlocked(request)) connection.sendAgain(request);
  }

  #fill(connection: Connection): void {
    while (connection.pending < this.#window) {
      const request = this.#waiting.shift();
      if (request === undefined) break;
      // What is blocked meanwhile comes again when it is not.
      const isDue = this.#requests.get(request.tid) === request && !this.#isBlocked(request);
      if (!isDue || request.sending === null) continue;
      request.begin(request.sending);
      connection.send(request);
    }
  }

  /** It is not this OSD's any more, and its memory is free. */
  remove(request: OsdRequest): void {
    if (!this.#requests.delete(request.tid)) return;
    const connection = this.#connection;
    // Others were sent on it too: they are sent again on a new one.
    if (connection?.has(request) === true && !connection.abandon(request)) this.#lost();
  }

  /** It was answered. */
  forget(request: OsdRequest): void {
    this.#requests.delete(request.tid);
    this.#backOff.reset();
    this.#window = this.#waiting.length === 0 ? Number.POSITIVE_INFINITY : this.#window + 1;
    if (this.#connection !== null) this.#fill(this.#connection);
  }

  /** Its requests, which it has no business with any more. */
  close(): OsdRequest[] {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#connection?.destroy();
    this.#connection = null;
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    this.#waiting = [];
    return requests;
  }

  #isBlocked({ sending }: OsdRequest): boolean {
    if (sending === null || this.#backoffs.size === 0) return false;
    const { pool, seed } = sending.location.pg;
    return this.#backoffs.has(pgKey(pool, seed));
  }

  #reconnect(): void {
    if (this.#timer !== null || this.#closed || this.#requests.size === 0) return;
    const waitMs = this.#backOff.nextMs();
    if (waitMs === 0) this.#connect();
    else {
      this.#timer = setTimeout(() => {
        this.#timer = null;
        if (!this.#closed && this.#requests.size > 0) this.#connect();
      }, waitMs);
      // Whoever waits for a request keeps the process alive.
      this.#timer.unref();
    }
  }

  #connect(): void {
    try {
      const connection = this.#user.mon.openOsd(this, {
        ready: () => undefined,
        message: (header, front) => this.#message(header, front),
        lost: (error) => this.#broke(error),
      });
      this.#connection = connection;
      this.#waiting = this.#inOrder();
      this.#fill(connection);
    } catch (error) {
      if (!(error instanceof DioriteError)) throw error;
      this.#broke(error);
    }
  }

  #inOrder(): OsdRequest[] {
    return [...this.#requests.values()].sort((a, b) => a.tid - b.tid);
  }

  #broke(error: DioriteError): void {
    this.#lost();
    this.#user.broken(this, error);
  }

  /** What it asked to wait with, it asks again on the next one. */
  #lost(): void {
    this.#connection = null;
    this.#window = WINDOW_AFTER_BREAK;
    this.#backoffs.clear();
    this.#backoffCount = 0;
    this.#reconnect();
  }

  #message({ type }: MessageHeader, front: DencReader): void {
    if (type === MSG_OSD_MAP) this.#user.osdMap(front);
    else if (type === MSG_OSD_BACKOFF) this.#backoff(readBackoff(front), front);
  }

  #backoff(backoff: Backoff, front: DencReader): void {
    const { group, what, id } = backoff;
    const key = pgKey(group.pool, group.seed);
    const blocked = this.#backoffs.get(key);
    if (what === BACKOFF_BLOCK) {
      if (++this.#backoffCount > BACKOFFS_MAX) throw front.error(`it has more than ${BACKOFFS_MAX} backoffs`);
      if (blocked === undefined) this.#backoffs.set(key, new Set([id]));
      else blocked.add(id);
      this.#acknowledge(backoff);
    } else if (what === BACKOFF_UNBLOCK && blocked?.delete(id) === true) {
      this.#backoffCount--;
      if (blocked.size > 0) return;
      this.#backoffs.delete(key);
      this.#unblocked(key);
    }
  }

  #acknowledge(backoff: Backoff): void {
    this.#connection?.post({
      type: MSG_OSD_BACKOFF,
      version: BACKOFF_VERSION,
      compatVersion: BACKOFF_VERSION,
      tid: 0,
      encode: (writer) => writeBackoff(writer, { ...backoff, what: BACKOFF_ACK_BLOCK }),
      payload: null,
      payloadBytes: 0,
    });
  }

  /** What it had of this group it dropped. */
  #unblocked(key: number): void {
    const connection = this.#connection;
    const isOf = ({ sending }: OsdRequest): boolean =>
      sending !== null && pgKey(sending.location.pg.pool, sending.location.pg.seed) === key;
    const group = this.#inOrder().filter(isOf);
    const dropped = group.filter((request) => connection?.has(request) === true);
    for (const request of dropped) connection?.sendAgain(request);
    this.#waiting = this.#waiting.filter((request) => !isOf(request));
    this.#waiting.push(...group.filter((request) => !dropped.includes(request)));
    if (connection === null) this.#reconnect();
    else this.#fill(connection);
  }
}
