// Makes the client known to the server and gives it a session, the first time and whenever the server has lost them.
import { setTimeout as pause } from 'node:timers/promises';
import { DioriteError } from '../../../base/errors.js';
import type { Rpc } from '../rpc/call.js';
import { systemError } from '../rpc/rejections.js';
import { nfsError } from '../status.js';
import { StatusError } from './compound.js';
import {
  SEQ4_STATUS_ADMIN_STATE_REVOKED,
  SEQ4_STATUS_EXPIRED_ALL_STATE_REVOKED,
  SEQ4_STATUS_EXPIRED_SOME_STATE_REVOKED,
  SEQ4_STATUS_RESTART_RECLAIM_NEEDED,
  STATUS,
} from './constants.js';
import { afterReclaim, DELAY_FIRST_MS, isSessionAlive, nextDelayMs, recoveryDecision } from './decisions.js';
import type { Dispatcher } from './dispatcher.js';
import type { OpenFile } from './open-file.js';
import type { Recoverer } from './recoverer.js';
import { Session } from './session.js';
import { type ClientId, type ClientOwner, createSession, destroySession, exchangeId } from './session-wire.js';
import { freeState, isRevoked, reclaimComplete, reclaimOpen, reopen, TESTED_MAX, testStates } from './states.js';

const STATES_REVOKED =
  SEQ4_STATUS_EXPIRED_ALL_STATE_REVOKED | SEQ4_STATUS_EXPIRED_SOME_STATE_REVOKED | SEQ4_STATUS_ADMIN_STATE_REVOKED;

/** A server that loses its sessions faster than this is asked for new ones with pauses in between. */
const STORM_MS = 5_000;

/** How many of the longest pauses a call's time holds. */
const PAUSES = 8;

export interface RecoveryOptions {
  readonly rpc: Rpc;
  readonly dispatcher: Dispatcher;
  readonly owner: ClientOwner;
  /** The most that one call or answer holds, all in all. */
  readonly messageBytes: number;
  readonly slots: number;
  readonly files: Iterable<OpenFile>;
  /** Infinite: calls wait for ever. */
  readonly timeoutMs: number;
}

/** Each includes what stands behind it as far as the server's answer asks for it. */
interface Needs {
  client: boolean;
  session: boolean;
  states: boolean;
}

export class Recovery implements Recoverer {
  readonly #options: RecoveryOptions;
  readonly #dispatcher: Dispatcher;
  #client: ClientId | null = null;
  #epoch = 0;
  /** RECLAIM_COMPLETE was said for this client id. */
  #isComplete = false;
  #needs: Needs = { client: false, session: false, states: false };
  #running = false;
  #closed = false;
  #flags = 0;
  #recoveredMs = Number.NEGATIVE_INFINITY;
  #delayMs = 0;

  constructor(options: RecoveryOptions) {
    this.#options = options;
    this.#dispatcher = options.dispatcher;
    options.dispatcher.attach(this);
  }

  get epoch(): number {
    return this.#epoch;
  }

  get clientId(): bigint {
    return this.#client?.id ?? 0n;
  }

  /** The first session. Rejects with a StatusError or a DioriteError; waits as long as the server asks to. */
  async establish(timeoutMs: number): Promise<void> {
    const untilMs = performance.now() + timeoutMs;
    this.#running = true;
    for (;;) {
      try {
        await this.#meet({ client: true, session: true, states: false });
        break;
      } catch (error) {
        const isTransient = error instanceof StatusError && recoveryDecision(error.status) !== 'fail';
        if (!isTransient || this.#closed || performance.now() > untilMs) throw error;
        await this.#pause(true);
      }
    }
    this.#running = false;
    this.#dispatcher.resume();
  }

  /** No new attempts. */
  close(): void {
    this.#closed = true;
  }

  // ---- what went wrong ----

  sessionLost(status: number): void {
    if (isSessionAlive(status) && !this.#needs.session) this.#forget();
    this.#needs.session = true;
    this.#start();
  }

  clientLost(): void {
    if (!this.#needs.client) this.#forget();
    this.#needs.client = true;
    this.#needs.states = true;
    this.#start();
  }

  checkStates(): void {
    this.#needs.states = true;
    this.#start();
  }

  /** The server repeats its flags in every answer: only changes count. */
  flagged(flags: number): void {
    const known = flags & (STATES_REVOKED | SEQ4_STATUS_RESTART_RECLAIM_NEEDED);
    if (known === this.#flags) return;
    const news = known & ~this.#flags;
    this.#flags = known;
    if ((news & SEQ4_STATUS_RESTART_RECLAIM_NEEDED) !== 0) {
      // It has restarted and kept the session: the files are still to be taken back.
      this.#epoch++;
      this.#isComplete = false;
    }
    if (news !== 0) this.checkStates();
  }

  wanted(): void {
    this.#start();
  }

  // ---- recovery ----

  #start(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    this.#dispatcher.pause();
    this.#run().then(
      () => {
        this.#running = false;
      },
      (error: unknown) => {
        this.#running = false;
        throw error;
      },
    );
  }

  /** Until all is well, or nobody waits for it any more; who comes then starts it again. */
  async #run(): Promise<void> {
    await this.#calm();
    while (!this.#closed) {
      const needs = this.#needs;
      this.#needs = { client: false, session: false, states: false };
      try {
        await this.#meet(needs);
      } catch (error) {
        this.#restore(needs);
        if (!this.#isWorthwhile(error)) return;
        await this.#pause();
        continue;
      }
      const { client, session, states } = this.#needs;
      if (client || session || states) continue;
      this.#recoveredMs = performance.now();
      this.#dispatcher.resume();
      return;
    }
  }

  async #calm(): Promise<void> {
    if (performance.now() - this.#recoveredMs < STORM_MS) await this.#pause();
    else this.#delayMs = 0;
  }

  /** `ref`: it keeps the process alive. */
  async #pause(ref: boolean = this.#dispatcher.isAwaited): Promise<void> {
    // Whoever begins to wait in the middle of the longest pause still sees several attempts.
    const longestMs = Math.max(DELAY_FIRST_MS, this.#options.timeoutMs / PAUSES);
    this.#delayMs = Math.min(nextDelayMs(this.#delayMs, 'delay'), longestMs);
    await pause(this.#delayMs, undefined, { ref });
  }

  #restore(needs: Needs): void {
    this.#needs.client ||= needs.client;
    this.#needs.session ||= needs.session;
    this.#needs.states ||= needs.states;
  }

  /** Whether trying again may help, and somebody waits for it; else who waits is told why not. */
  #isWorthwhile(error: unknown): boolean {
    if (error instanceof StatusError) {
      const decision = recoveryDecision(error.status);
      if (decision === 'client') this.#needs.client = true;
      if (decision === 'session') this.#needs.session = true;
      if (decision !== 'fail') return this.#dispatcher.isAwaited;
      this.#dispatcher.failWaiting(this.#dispatcher.named(error, 'recovery of the session'));
      return false;
    }
    if (!(error instanceof DioriteError)) throw error;
    // Each call that waits has its own deadline: another attempt may still be in time for some.
    if (error.code === 'ETIMEDOUT') return this.#dispatcher.isAwaited;
    this.#dispatcher.failWaiting(error);
    return false;
  }

  async #meet(needs: Needs): Promise<void> {
    if (needs.client || needs.session || this.#dispatcher.session === null) await this.#newSession(needs.client);
    if (!this.#isComplete) await this.#reclaim();
    else if (needs.states) await this.#checkStates();
    await this.#reopen();
  }

  // ---- client id and session ----

  async #newSession(newClient: boolean): Promise<void> {
    if (this.#client !== null && !newClient && (await this.#tryCreateSession(this.#client))) return;
    const { rpc, owner } = this.#options;
    const client = await rpc.request(exchangeId(this.#dispatcher.minorVersion, owner));
    if (!client.confirmed || client.id !== this.#client?.id) {
      // Nothing that was open under the id before is known to the server.
      this.#epoch++;
      this.#isComplete = false;
    }
    this.#client = client;
    await this.#createSession(client);
  }

  /** False: the server does not know the client id any more, or counts its sessions otherwise. */
  async #tryCreateSession(client: ClientId): Promise<boolean> {
    try {
      await this.#createSession(client);
      return true;
    } catch (error) {
      if (error instanceof StatusError && recoveryDecision(error.status) === 'client') return false;
      throw error;
    }
  }

  async #createSession(client: ClientId): Promise<void> {
    const { rpc, messageBytes, slots } = this.#options;
    const request = createSession(this.#dispatcher.minorVersion, client, { messageBytes, slots });
    const session = new Session(client, await rpc.request(request));
    this.#client = { ...client, sequence: (client.sequence + 1) >>> 0 };
    this.#flags = 0;
    this.#dispatcher.install(session);
  }

  /** One that is out of step, and still there: what it costs the server ends sooner. */
  #forget(): void {
    const { session, minorVersion } = this.#dispatcher;
    if (session === null) return;
    // Refused or lost: the session ends with the client id at the latest.
    this.#options.rpc.request(destroySession(minorVersion, session.id)).catch(() => undefined);
  }

  // ---- open files ----

  async #reclaim(): Promise<void> {
    const lost = [...this.#options.files].filter((file) => file.failure === null && file.epoch !== this.#epoch);
    await settleAll(lost.map((file) => this.#reclaimFile(file)));
    try {
      await this.#dispatcher.run(reclaimComplete(), 'recovery');
    } catch (error) {
      if (!(error instanceof StatusError) || error.status !== STATUS.COMPLETE_ALREADY) throw error;
    }
    this.#isComplete = true;
  }

  async #reclaimFile(file: OpenFile): Promise<void> {
    const epoch = this.#epoch;
    try {
      file.reclaimed(await this.#dispatcher.run(reclaimOpen(file, this.clientId), 'recovery'), epoch);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      const decision = afterReclaim(error.status);
      if (decision === 'late' && file.mayReopen) return;
      if (decision !== 'late' && decision !== 'lost') throw error;
      file.lose(nfsError(error.status, `OPEN ${file.name} again`, this.#dispatcher.server));
    }
  }

  /** After RECLAIM_COMPLETE: until then a server opens nothing that it had not open before (RFC 8881 §8.4.2.1). */
  async #reopen(): Promise<void> {
    const files = [...this.#options.files].filter((file) => {
      return file.failure === null && file.epoch !== this.#epoch && file.mayReopen;
    });
    await settleAll(files.map((file) => this.#reopenFile(file)));
  }

  async #reopenFile(file: OpenFile): Promise<void> {
    const epoch = this.#epoch;
    try {
      const { stateid, change } = await this.#dispatcher.run(reopen(file, this.clientId), 'recovery');
      file.reclaimed(stateid, epoch);
      if (file.isUnchanged(change)) return;
      // What the server has open for it now ends with the client.
      const { server } = this.#dispatcher;
      file.lose(
        systemError('EIO', `${server}: ${file.name} was changed after it was opened, and the lease on it has run out`),
      );
    } catch (error) {
      if (!(error instanceof StatusError) || recoveryDecision(error.status) !== 'fail') throw error;
      file.lose(nfsError(error.status, `OPEN ${file.name} again`, this.#dispatcher.server));
    }
  }

  async #checkStates(): Promise<void> {
    const files = [...this.#options.files].filter((file) => file.failure === null);
    for (let from = 0; from < files.length; from += TESTED_MAX) {
      const tested = files.slice(from, from + TESTED_MAX);
      const statuses = await this.#dispatcher.run(testStates(tested), 'recovery');
      await settleAll(tested.map((file, i) => this.#judge(file, statuses[i] ?? STATUS.BAD_STATEID)));
    }
  }

  async #judge(file: OpenFile, status: number): Promise<void> {
    // Closed in between, or a version that another call has moved on.
    if (status === STATUS.OK || status === STATUS.OLD_STATEID) return;
    const lapsed = status === STATUS.EXPIRED || status === STATUS.BAD_STATEID || status === STATUS.STALE_STATEID;
    if (lapsed && file.mayReopen) file.forgotten();
    else file.lose(nfsError(status, `the open file ${file.name}`, this.#dispatcher.server));
    if (!isRevoked(status)) return;
    try {
      await this.#dispatcher.run(freeState(file.stateid), 'recovery');
    } catch (error) {
      // What it does not know any more need not be freed.
      if (!(error instanceof StatusError) || recoveryDecision(error.status) !== 'fail') throw error;
    }
  }
}

/** Rejects with the first error, and not before all are settled. */
async function settleAll(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}
