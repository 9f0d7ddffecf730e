// An advisory lock that is held for as long as it takes: it expires where its holder dies, and is renewed while it lives.
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { DioriteError } from '../../../base/errors.js';
import { systemError } from '../../net/system-error.js';
import { assertLocked, type Locker, type LockTerms, lock, lockInfo, readLockInfo, unlock } from './lock-steps.js';
import { isError, objectIn, type PoolRef, placeText } from './pool-ref.js';
import { assertExists, type Step } from './step.js';

/** A holder that dies is missed for so long; one that is cut off for less keeps it. */
export const LOCK_TTL_MS_DEFAULT = 60_000;
/** Renewed so often in that time: two may fail. */
const RENEWALS_PER_TTL = 3;
/** Holders that a message names. */
const HOLDERS_SHOWN = 3;

export interface LockOptions {
  /** Alone, or with others that share it. */
  readonly exclusive: boolean;
  /** Default: LOCK_TTL_MS_DEFAULT. */
  readonly ttlMs?: number | undefined;
  /** ENOENT where the object is not there. Default: it is made, empty. */
  readonly mustExist?: boolean | undefined;
  /** All who share it must give the same. */
  readonly tag?: string | undefined;
  /** For who looks. Default: the host and the process. */
  readonly description?: string | undefined;
}

/**
 *      acquire ──▶ held ──renewed──▶ held ── … ──▶ release
 *                    └── not renewed within its time, or gone ──▶ lost: somebody else may hold it by now
 *
 * Nothing stops writes that are on their way when it is lost: `guard` is a step for requests to the locked object itself.
 */
export class HeldLock {
  readonly #pool: PoolRef;
  readonly #object: string;
  readonly #terms: LockTerms;
  readonly #ttlMs: number;
  readonly #description: string;
  readonly #lost: AbortController = new AbortController();
  /** From when on, by our clock, it may have expired: counted from before it was asked for. */
  #expiresAtMs: number;
  #timers: NodeJS.Timeout[] = [];
  #released: Promise<void> | null = null;

  private constructor(pool: PoolRef, object: string, terms: LockTerms, description: string, ttlMs: number) {
    this.#pool = pool;
    this.#object = object;
    this.#terms = terms;
    this.#description = description;
    this.#ttlMs = ttlMs;
    this.#expiresAtMs = performance.now() + ttlMs;
  }

  /** EBUSY, with who holds it, where another does. */
  static async acquire(pool: PoolRef, object: string, name: string, options: LockOptions): Promise<HeldLock> {
    const terms = { name, exclusive: options.exclusive, cookie: randomUUID(), tag: options.tag ?? '' };
    const description = options.description ?? `diorite on ${hostname()}, process ${process.pid}`;
    const held = new HeldLock(pool, object, terms, description, options.ttlMs ?? LOCK_TTL_MS_DEFAULT);
    const first = options.mustExist === true ? [assertExists()] : [];
    try {
      await pool.objecter.execute(objectIn(pool, object), [...first, held.#step('no')]);
    } catch (error) {
      throw isError(error, 'EBUSY') ? await busy(pool, object, name, error) : error;
    }
    held.#arm();
    return held;
  }

  /** Aborted when it may have expired, or is another's. `reason` says how. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** First in a request to the locked object: EBUSY, and nothing is done, where it is not held any more. */
  get guard(): Step {
    return assertLocked(this.#terms);
  }

  /** Idempotent; one that is gone already is no error. Where it fails, the lock expires by itself. */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #step(renew: 'no' | 'must'): Step {
    return lock({ ...this.#terms, description: this.#description, ttlMs: this.#ttlMs, renew });
  }

  async #release(): Promise<void> {
    this.#stop();
    try {
      await this.#pool.objecter.execute(objectIn(this.#pool, this.#object), [assertExists(), unlock(this.#terms)]);
    } catch (error) {
      if (!isError(error, 'ENOENT')) throw error;
    }
  }

  /** The next renewal, and the end where none comes through in time. */
  #arm(): void {
    this.#stop();
    if (this.#released !== null || this.lost.aborted) return;
    const leftMs = this.#expiresAtMs - performance.now();
    const late = (): void => this.#end(systemError('ETIMEDOUT', `${this.#text} was not renewed in ${this.#ttlMs} ms`));
    this.#timers = [
      setTimeout(() => void this.#renew(), this.#ttlMs / RENEWALS_PER_TTL),
      setTimeout(late, Math.max(0, leftMs)),
    ];
    // Whoever works under the lock keeps the process alive.
    for (const timer of this.#timers) timer.unref();
  }

  #stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = [];
  }

  async #renew(): Promise<void> {
    const startMs = performance.now();
    try {
      await this.#pool.objecter.execute(objectIn(this.#pool, this.#object), [assertExists(), this.#step('must')]);
      this.#expiresAtMs = startMs + this.#ttlMs;
    } catch (error) {
      // Anything else may pass while there is time.
      if (!(error instanceof DioriteError) || isGone(error)) this.#end(error);
    }
    this.#arm();
  }

  #end(reason: unknown): void {
    this.#stop();
    if (this.#released === null && !this.lost.aborted) this.#lost.abort(reason);
  }

  get #text(): string {
    return `the lock ${this.#terms.name} of ${placeText(this.#pool, this.#object)}`;
  }
}

/** Expired, broken, with its object removed, or taken by another: not to be had again by asking. */
function isGone(error: DioriteError): boolean {
  return ['ENOENT', 'EBUSY', 'EACCES', 'EPERM', 'EBLOCKLISTED', 'ERR_DIORITE_CLOSED'].includes(error.code);
}

async function busy(pool: PoolRef, object: string, name: string, cause: DioriteError): Promise<DioriteError> {
  const holders = await holdersOf(pool, object, name);
  const text = `${placeText(pool, object)} is locked (${name})`;
  return systemError('EBUSY', holders === '' ? text : `${text} by ${holders}`, cause);
}

/** '': they cannot be asked for, or there are none any more. */
async function holdersOf(pool: PoolRef, object: string, name: string): Promise<string> {
  try {
    const { steps } = await pool.objecter.execute(objectIn(pool, object), [lockInfo(name)]);
    const { lockers } = readLockInfo(steps[0]?.data ?? new Uint8Array(0));
    const shown = lockers.slice(0, HOLDERS_SHOWN).map(holderText);
    const more = lockers.length - shown.length;
    return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(', ');
  } catch (error) {
    if (error instanceof DioriteError) return '';
    throw error;
  }
}

function holderText({ client, description, expires }: Locker): string {
  const what = description === '' ? client : `${client} (${description})`;
  return expires === null ? `${what} for ever` : `${what} until ${expires.toISOString()}`;
}
