// Looks for a monitor that opens a session: some at a time, in any order, until one does or time is up.
import { randomInt } from 'node:crypto';
import { DioriteError } from '../../../base/errors.js';
import type { BackOff } from '../../net/back-off.js';
import { systemError } from '../../net/system-error.js';
import { addressText, type EntityAddress } from '../denc/entity-address.js';
import type { DencReader } from '../denc/reader.js';
import type { MessageHeader } from '../msgr/message.js';
import { MonSession, type SessionSettings } from './session.js';

/** Monitors that are asked at the same time (mon_client_hunt_parallel is 3). */
const PARALLEL_MAX = 3;
/** One that has not answered after this is not waited for alone. */
const STAGGER_MS = 200;
/** A monitor has a part of the time, so that others are asked too. */
const ATTEMPT_PARTS = 3;

export interface HuntSettings extends Omit<SessionSettings, 'address' | 'method' | 'timeoutMs' | 'held'> {
  readonly monitors: readonly EntityAddress[];
  /** In the order in which they are offered. */
  readonly methods: readonly number[];
  readonly timeoutMs: number;
  /** Reset by its owner, where a session was of use. */
  readonly backOff: BackOff;
  /** False: goes on for ever, keeps no process alive, and only a refusal of the identity ends it. */
  readonly timed: boolean;
}

export interface HuntUser {
  /** The session is the user's from now on. */
  found(session: MonSession): void;
  failed(error: DioriteError): void;
  /** Of the session that was found, for as long as it is there. */
  message(header: MessageHeader, front: DencReader, data: Uint8Array): void;
  lost(session: MonSession, error: DioriteError): void;
}

interface Attempt {
  readonly address: EntityAddress;
  /** Index into the methods. */
  readonly method: number;
}

export class Hunt {
  readonly #settings: HuntSettings;
  readonly #user: HuntUser;
  readonly #open: Set<MonSession> = new Set();
  readonly #attempts: Map<MonSession, Attempt> = new Map();
  #round: Attempt[] = [];
  #deadline: NodeJS.Timeout | null = null;
  #timer: NodeJS.Timeout | null = null;
  #lastError: DioriteError | null = null;
  #ended = false;
  #found: MonSession | null = null;

  constructor(settings: HuntSettings, user: HuntUser) {
    this.#settings = settings;
    this.#user = user;
    if (settings.timed) this.#deadline = setTimeout(() => this.#late(), settings.timeoutMs);
    this.#later(() => this.#nextRound());
  }

  /** No one is called from now on; a session that was found is not touched. */
  stop(): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    for (const session of this.#open) session.close();
    this.#open.clear();
  }

  #late(): void {
    const { monitors, timeoutMs } = this.#settings;
    const names = monitors.map(addressText).join(', ');
    this.#fail(
      systemError(
        'ETIMEDOUT',
        `no monitor of ${names} opened a session in ${timeoutMs} ms`,
        this.#lastError ?? undefined,
      ),
    );
  }

  #fail(error: DioriteError): void {
    if (this.#ended) return;
    this.stop();
    this.#user.failed(error);
  }

  /** After the back-off's wait. */
  #later(what: () => void): void {
    this.#wait(() => {
      if (!this.#ended) what();
    }, this.#settings.backOff.nextMs());
  }

  /** All monitors once, in any order: clients of a cluster spread over them. */
  #nextRound(): void {
    this.#round = this.#settings.monitors.map((address) => ({ address, method: 0 }));
    for (let i = this.#round.length - 1; i > 0; i--) {
      const j = randomInt(i + 1);
      const [a, b] = [this.#round[i], this.#round[j]];
      if (a !== undefined && b !== undefined) [this.#round[i], this.#round[j]] = [b, a];
    }
    this.#try();
  }

  /** One more, and another one soon. */
  #try(): void {
    if (this.#ended) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const attempt = this.#open.size < PARALLEL_MAX ? this.#round.shift() : undefined;
    if (attempt === undefined) {
      if (this.#open.size === 0) this.#later(() => this.#nextRound());
      return;
    }
    this.#begin(attempt);
    if (!this.#ended) this.#wait(() => this.#try(), STAGGER_MS);
  }

  #wait(then: () => void, ms: number): void {
    this.#timer = setTimeout(then, ms);
    if (!this.#settings.timed) this.#timer.unref();
  }

  #begin(attempt: Attempt): void {
    const { methods, timeoutMs, identity, modes, transport, timed } = this.#settings;
    const method = methods[attempt.method];
    if (method === undefined) return;
    const { address } = attempt;
    const settings = { identity, modes, transport, method, address, held: timed, timeoutMs: timeoutMs / ATTEMPT_PARTS };
    try {
      const session = new MonSession(settings, {
        opened: (opened) => this.#opened(opened),
        message: (header, front, data) => this.#user.message(header, front, data),
        lost: (lost, error) => this.#lost(lost, error),
      });
      this.#open.add(session);
      this.#attempts.set(session, attempt);
    } catch (error) {
      if (!(error instanceof DioriteError)) throw error;
      this.#refused(attempt, error);
    }
  }

  #opened(session: MonSession): void {
    this.#open.delete(session);
    this.#found = session;
    this.stop();
    this.#user.found(session);
  }

  #lost(session: MonSession, error: DioriteError): void {
    if (session === this.#found) {
      this.#user.lost(session, error);
      return;
    }
    const attempt = this.#attempts.get(session);
    if (!this.#open.delete(session) || attempt === undefined) return;
    this.#lastError = error;
    this.#refused(attempt, error);
    this.#try();
  }

  /** What another method, or a fresh start, may mend is tried; a refused identity is refused everywhere. */
  #refused(attempt: Attempt, error: DioriteError): void {
    const { identity, methods } = this.#settings;
    const next = { address: attempt.address, method: attempt.method + 1 };
    const isRefusal = error.code === 'EACCES' || error.code === 'EPERM';
    const isOther = error.code === 'EOPNOTSUPP' || error.code === 'ENOTSUP' || (isRefusal && identity.key === null);
    if (isOther && next.method < methods.length) this.#round.unshift(next);
    else if (isRefusal && identity.globalId !== 0n) {
      identity.forget();
      this.#round.unshift(attempt);
    } else if (isRefusal || isOther) this.#fail(error);
  }
}
