// Waits until a descriptor is ready, without O_NONBLOCK: by an epoll instance of its own, or, without the addon, by time.
import { assert } from '../../base/assert.js';
import { loadAddon, type NativeWaiter } from '../../memory/addon.js';
import type { Direction } from '../../plan/limits.js';
import { EPERM } from '../../transfer/errno.js';

/** poll(2) and epoll(7) number them alike. */
export const POLLIN = 0x1;
export const POLLOUT = 0x4;

/** Without an event to wait for: asked again after 1, 2, 4 … ms, and no more seldom than this. */
const PAUSE_MAX_MS = 64;

/** Whether it is ready now. Takes no lock of a pipe, so that it never waits for its users. */
export function isReady(fd: number, event: number): boolean {
  const events = loadAddon()?.pollNow(fd, event) ?? 0;
  return events > 0 && (events & event) !== 0;
}

/** One descriptor, one direction, one who waits. */
export class Readiness {
  readonly #fd: number;
  readonly #events: number;
  #waiter: NativeWaiter | null = null;
  #callback: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;
  #pauseMs = 1;
  #closed = false;

  constructor(fd: number, direction: Direction) {
    this.#fd = fd;
    this.#events = direction === 'read' ? POLLIN : POLLOUT;
  }

  get waiting(): boolean {
    return this.#callback !== null;
  }

  /** Calls back once, never before it returns, when an attempt may do something: also when it will be an error or the end. */
  once(callback: () => void): void {
    assert(this.#callback === null && !this.#closed, 'one waits at a time, and not for what is closed');
    this.#callback = callback;
    const armed = this.#arm();
    if (armed === 'waits') return;
    const pauseMs = armed === 'ready' ? 0 : this.#pauseMs;
    if (armed !== 'ready') this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MAX_MS);
    this.#timer = setTimeout(this.#fire, pauseMs);
  }

  /** Calls back after a while, whatever the kernel says: it said "ready", and was wrong before. */
  later(callback: () => void, pauseMs: number): void {
    assert(this.#callback === null && !this.#closed, 'one waits at a time, and not for what is closed');
    this.#callback = callback;
    this.#timer = setTimeout(this.#fire, pauseMs);
  }

  /** Nothing is called back any more. */
  forget(): void {
    if (this.#callback === null) return;
    this.#callback = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    else this.#waiter?.arm(0);
    this.#timer = null;
  }

  /** There was progress: the next wait begins with a short pause. */
  moved(): void {
    this.#pauseMs = 1;
  }

  close(): void {
    this.forget();
    this.#closed = true;
    this.#waiter?.close();
    this.#waiter = null;
  }

  readonly #fire = (): void => {
    const callback = this.#callback;
    this.#callback = null;
    this.#timer = null;
    callback?.();
  };

  #arm(): 'waits' | 'ready' | 'unknown' {
    this.#waiter ??= createWaiter(this.#fd, this.#fire);
    if (this.#waiter === null) return 'unknown';
    const result = this.#waiter.arm(this.#events);
    if (result === 0) return 'waits';
    // epoll_ctl(2): this kind of file is always ready.
    return result === EPERM ? 'ready' : 'unknown';
  }
}

/** Null: by time then, which is slower and no less right (no addon, or no descriptor left for the instance). */
function createWaiter(fd: number, callback: () => void): NativeWaiter | null {
  try {
    return loadAddon()?.waiterCreate(fd, callback) ?? null;
  } catch {
    return null;
  }
}
