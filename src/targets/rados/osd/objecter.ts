// Requests to objects, wherever they are: sent to the OSD that serves them now, and again when that changes or breaks.
//
// How it is used (the RADOS target is its user):
//
//      const objecter = await Objecter.connect(settings);         // a session with the monitors, and a first map
//      const pool = objecter.map.poolNamed('data')?.id;
//      objecter.submit(new OsdRequest({ pool, namespace, name }, [write(0, memory, bytes)], user));
//      await objecter.execute({ pool, namespace, name }, [stat()])      // the awaited form; throws the OSD's error
//      objecter.cancel(request)                                         // user.failed(ECANCELED); its memory is free
//      await objecter.close()
//
// In order: requests for one object reach its OSD in the order of `submit`, also when they are sent again, and an OSD
// knows one that it has carried out by its name (client and tid). Bounded: requests and bytes that are out (what is
// more waits, in order), and the time of each. A request that was sent and failed may have been carried out all the same.
import { type DioriteError, errors } from '../../../base/errors.js';
import { systemError } from '../../net/system-error.js';
import type { ClusterSettings } from '../auth/settings.js';
import type { DencReader } from '../denc/reader.js';
import { readOsdMap } from '../mon/messages.js';
import { MonClient, type MonClientOptions } from '../mon/mon-client.js';
import type { Location, OsdMap } from '../osdmap/osd-map.js';
import { MAP_PAUSE_READS, MAP_PAUSE_WRITES } from '../osdmap/osd-map-data.js';
import { NO_OSD } from '../osdmap/placement.js';
import type { Pool } from '../osdmap/pool.js';
import { MapKeeper } from './map-keeper.js';
import type { OsdReply } from './messages.js';
import type { ObjectStore } from './object-store.js';
import { OsdLink } from './osd-link.js';
import { placeText } from './pool-ref.js';
import { answerError, refusalOf } from './refusals.js';
import { type ObjectName, OsdRequest, type RequestResult, type Sending } from './request.js';
import type { Step } from './step.js';
import { LIMITS_DEFAULT, type Limits, Throttle } from './throttle.js';

export interface ObjecterOptions extends MonClientOptions {
  readonly limits?: Limits | undefined;
}

export class Objecter implements ObjectStore {
  readonly #settings: ClusterSettings;
  readonly #keeper: MapKeeper;
  readonly #throttle: Throttle;
  /** All that was submitted and did not end, in the order of `submit`. */
  readonly #requests: Map<number, OsdRequest> = new Map();
  readonly #links: Map<number, OsdLink> = new Map();
  readonly #linkOf: Map<OsdRequest, OsdLink> = new Map();
  /** What has no OSD to go to, or may not go now. */
  readonly #homeless: Set<OsdRequest> = new Set();
  #mon: MonClient | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lastTid = 0;
  #closed = false;
  #unusable: DioriteError | null = null;

  /** Fails as `MonClient.connect` does, and where the cluster's map cannot be used. */
  static async connect(settings: ClusterSettings, options: ObjecterOptions = {}): Promise<Objecter> {
    const objecter = new Objecter(settings, options);
    const mon = await MonClient.connect(settings, { osdMap: (update) => objecter.#keeper.update(update) }, options);
    objecter.#mon = mon;
    mon.wantOsdMap(0);
    try {
      // The question keeps the process alive, has a deadline, and is answered no earlier than the map was sent.
      await mon.version('osdmap');
      await objecter.#firstMap();
      return objecter;
    } catch (error) {
      await objecter.close();
      throw error;
    }
  }

  async #firstMap(): Promise<void> {
    const { timeoutMs } = this.#settings;
    const timer = setTimeout(() => this.#keeper.stop(), timeoutMs);
    if (this.#unusable === null) await this.#keeper.atLeast(1);
    clearTimeout(timer);
    if (this.#unusable !== null) throw this.#unusable;
    if (this.#keeper.map === null) throw systemError('ETIMEDOUT', `the monitors sent no OSD map in ${timeoutMs} ms`);
  }

  private constructor(settings: ClusterSettings, { limits }: ObjecterOptions) {
    this.#settings = settings;
    this.#throttle = new Throttle(limits ?? LIMITS_DEFAULT);
    this.#keeper = new MapKeeper({
      want: (epoch) => this.#mon?.wantOsdMap(epoch),
      have: (epoch) => this.#mon?.haveOsdMap(epoch),
      changed: () => this.#mapChanged(),
      unusable: (error) => this.#mapUnusable(error),
    });
  }

  get mon(): MonClient {
    if (this.#mon === null) throw this.#closedError();
    return this.#mon;
  }

  get map(): OsdMap {
    const { map } = this.#keeper;
    if (map === null) throw this.#closedError();
    return map;
  }

  /** Resolves when the map is of this epoch or a later one. */
  reached(epoch: number): Promise<void> {
    return this.#keeper.atLeast(epoch);
  }

  /** Submitted, and not ended. */
  get inFlight(): number {
    return this.#requests.size;
  }

  /** Whether one more would wait here. */
  get isFull(): boolean {
    return this.#throttle.isFull;
  }

  /** Never calls back before it returns. Its memory is the objecter's until it is answered or fails. */
  submit(request: OsdRequest): void {
    if (this.#closed) {
      queueMicrotask(() => request.user.failed(this.#closedError(), true));
      return;
    }
    request.tid = ++this.#lastTid;
    request.deadlineMs = performance.now() + this.#settings.timeoutMs;
    request.onReply = (answered, result, reply) => this.#replied(answered, result, reply);
    request.onUnsendable = (failed, error) => this.#fail(failed, error);
    this.#requests.set(request.tid, request);
    this.#watch();
    if (this.#throttle.enter(request)) this.#dispatch(request);
  }

  /** The result where it is 0 or more; else the error that the OSD answered with. */
  execute(object: ObjectName, steps: readonly Step[], flags = 0): Promise<RequestResult> {
    return new Promise((resolve, reject) => {
      const answered = (result: RequestResult): void => {
        if (result.result >= 0) resolve(result);
        else reject(this.errorOf(request, result));
      };
      const request = new OsdRequest(object, steps, { answered, failed: reject }, flags);
      this.submit(request);
    });
  }

  /** It fails with ECANCELED, and its memory is free; an OSD may carry it out all the same. False: it has ended. */
  cancel(request: OsdRequest): boolean {
    if (this.#requests.get(request.tid) !== request) return false;
    this.#fail(request, systemError('ECANCELED', `the request for ${this.#nameOf(request)} was given up`));
    return true;
  }

  /** Fails what waits with ERR_DIORITE_CLOSED. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const request of [...this.#requests.values()]) this.#fail(request, this.#closedError());
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#keeper.stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#mon?.close();
  }

  /** What an OSD's answer below 0 says. */
  errorOf(request: OsdRequest, result: RequestResult): DioriteError {
    return answerError(this.#nameOf(request), this.#settings.user, request.steps, result);
  }

  #nameOf({ object: { pool, namespace, name } }: OsdRequest): string {
    return placeText({ objecter: this, pool, namespace }, name);
  }

  #closedError(): DioriteError {
    return errors.make('ERR_DIORITE_CLOSED', 'The connection to the cluster is closed');
  }

  #dispatch(request: OsdRequest): void {
    if (this.#unusable !== null) {
      const error = this.#unusable;
      queueMicrotask(() => this.#fail(request, error));
      return;
    }
    const { object } = request;
    const pool = this.map.pool(object.pool);
    if (pool === undefined) {
      this.#homeless.add(request);
      void this.#checkPool(request);
      return;
    }
    const refusal = refusalOf(pool, request.steps);
    if (refusal !== null) {
      const error = systemError('EOPNOTSUPP', `${this.#nameOf(request)}: ${refusal}`);
      queueMicrotask(() => this.#fail(request, error));
      return;
    }
    const location = locate(this.map, pool, object);
    if (location.primary === NO_OSD || this.#isPaused(request)) {
      this.#homeless.add(request);
      return;
    }
    this.#homeless.delete(request);
    const link = this.#link(location.primary);
    this.#linkOf.set(request, link);
    link.send(request, { globalId: this.mon.globalId, epoch: this.map.epoch, pool, location });
  }

  #isPaused(request: OsdRequest): boolean {
    const { flags } = this.map;
    return (
      (request.isWriting && (flags & MAP_PAUSE_WRITES) !== 0) || (request.isReading && (flags & MAP_PAUSE_READS) !== 0)
    );
  }

  #link(osd: number): OsdLink {
    let link = this.#links.get(osd);
    if (link === undefined) {
      const user = {
        mon: this.mon,
        timeoutMs: this.#settings.timeoutMs,
        osdMap: (front: DencReader) => this.#keeper.update(readOsdMap(front)),
        broken: (_: OsdLink, error: DioriteError) => this.#broken(error),
      };
      link = new OsdLink(osd, this.map.addressesOf(osd), user);
      this.#links.set(osd, link);
    }
    return link;
  }

  /** The monitors may know why; and a ticket may be too old for an OSD. */
  #broken(error: DioriteError): void {
    if (this.#closed) return;
    this.mon.wantOsdMap(this.map.epoch + 1);
    // It is tried again until the requests' time is up, with the new ticket or the old one.
    if (error.code === 'EACCES') this.mon.renewTickets().catch(() => undefined);
  }

  #mapUnusable(error: DioriteError): void {
    this.#unusable = error;
    this.#keeper.stop();
    for (const request of [...this.#requests.values()]) this.#fail(request, error);
  }

  /** What an OSD has no business with any more goes elsewhere, and what may have been dropped goes again: in order. */
  #mapChanged(): void {
    this.#unusable = null;
    if (this.#closed || this.#mon === null) return;
    for (const [osd, link] of [...this.#links]) {
      if (this.map.isUp(osd) && sameAddresses(link, this.map)) continue;
      this.#links.delete(osd);
      for (const request of link.close()) this.#unlink(request);
    }
    for (const request of [...this.#requests.values()]) this.#place(request);
  }

  #unlink(request: OsdRequest): void {
    this.#linkOf.delete(request);
    this.#homeless.add(request);
  }

  /** Under a new map. */
  #place(request: OsdRequest): void {
    if (this.#homeless.has(request)) {
      this.#dispatch(request);
      return;
    }
    const link = this.#linkOf.get(request);
    const { sending, object } = request;
    // One that waits for others to end has no place yet.
    if (link === undefined || sending === null) return;
    const pool = this.map.pool(object.pool);
    const location = pool === undefined ? null : locate(this.map, pool, object);
    if (pool === undefined || location === null || location.primary !== link.id) {
      link.remove(request);
      this.#unlink(request);
      this.#dispatch(request);
      return;
    }
    if (!isNewInterval(sending, pool, location)) return;
    link.sendAgain(request, { globalId: this.mon.globalId, epoch: this.map.epoch, pool, location });
  }

  /** No such pool in this map: in the newest one either? */
  async #checkPool(request: OsdRequest): Promise<void> {
    try {
      const { newest } = await this.mon.version('osdmap');
      await this.#keeper.atLeast(newest);
    } catch {
      // Its own time runs out, if no other answer comes.
      return;
    }
    const isThere = this.#requests.get(request.tid) === request && this.#homeless.has(request);
    if (!isThere || this.map.pool(request.object.pool) !== undefined) return;
    this.#fail(request, systemError('ENOENT', `${this.#nameOf(request)}: the cluster has no such pool`));
  }

  #replied(request: OsdRequest, result: RequestResult, reply: OsdReply): void {
    this.#linkOf.get(request)?.forget(request);
    this.#end(request);
    if (reply.isRedirected)
      request.user.failed(
        systemError('ENOTSUP', `${this.#nameOf(request)} stands in a cache tier, which is not supported`),
        true,
      );
    else request.user.answered(result);
    this.#goOn();
  }

  #fail(request: OsdRequest, error: DioriteError): void {
    if (this.#requests.get(request.tid) !== request) return;
    // Its memory is free before its owner hears of it.
    this.#linkOf.get(request)?.remove(request);
    this.#end(request);
    const unsent = request.attempts === 0;
    queueMicrotask(() => request.user.failed(error, unsent));
    this.#goOn();
  }

  #end(request: OsdRequest): void {
    this.#requests.delete(request.tid);
    this.#linkOf.delete(request);
    this.#homeless.delete(request);
    this.#throttle.leave(request);
  }

  #goOn(): void {
    if (this.#closed) return;
    for (let next = this.#throttle.next(); next !== null; next = this.#throttle.next()) this.#dispatch(next);
    if (this.#requests.size === 0 && this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
  }

  /** All have the same time: the first that was submitted is the first that is late. */
  #watch(): void {
    if (this.#timer !== null) return;
    const [first] = this.#requests.values();
    if (first === undefined) return;
    const dueMs = Math.max(1, first.deadlineMs - performance.now());
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#expire();
      this.#watch();
    }, dueMs);
  }

  #expire(): void {
    const nowMs = performance.now();
    for (const request of [...this.#requests.values()]) {
      if (request.deadlineMs > nowMs) return;
      const text = `${this.#nameOf(request)}: ${this.#whyLate(request)} in ${this.#settings.timeoutMs} ms`;
      this.#fail(request, systemError('ETIMEDOUT', text));
    }
  }

  #whyLate(request: OsdRequest): string {
    const link = this.#linkOf.get(request);
    if (link !== undefined) return `osd.${link.id} has not answered`;
    if (!this.#homeless.has(request)) return 'its turn has not come';
    return this.#isPaused(request) ? 'the cluster is paused, and did not go on' : 'no OSD serves its placement group';
  }
}

function locate(map: OsdMap, pool: Pool, { namespace, name, hash }: ObjectName): Location {
  return hash === undefined ? map.locate(pool, namespace, name) : map.locateHash(pool, hash);
}

function sameAddresses(link: OsdLink, map: OsdMap): boolean {
  const now = map.addressesOf(link.id);
  const same = (i: number): boolean => {
    const [a, b] = [link.addresses[i], now[i]];
    return a?.host === b?.host && a?.port === b?.port && a?.nonce === b?.nonce && a?.type === b?.type;
  };
  return now.length === link.addresses.length && now.every((_, i) => same(i));
}

/** The placement group began anew: its OSD has forgotten what was asked and not done (PastIntervals::is_new_interval). */
function isNewInterval({ pool: poolBefore, location: before, epoch }: Sending, pool: Pool, now: Location): boolean {
  const isSame =
    pool.lastForceResend <= epoch &&
    poolBefore.pgCount === pool.pgCount &&
    poolBefore.size === pool.size &&
    poolBefore.minSize === pool.minSize &&
    before.pg.seed === now.pg.seed &&
    before.shard === now.shard &&
    before.upPrimary === now.upPrimary &&
    String(before.acting) === String(now.acting) &&
    String(before.up) === String(now.up);
  return !isSame;
}
