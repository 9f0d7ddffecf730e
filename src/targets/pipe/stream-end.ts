// One direction of a stream: requests one after the other, each tried without waiting, and tried again when it is ready.
//
//      begin ─▶ engine ─▶ bytes, end, error ─▶ finished
//                 ▲ │
//                 │ └─ EAGAIN ─▶ Readiness ─┐        no thread is held while nothing comes, and it can be cancelled
//                 └─────────────────────────┘
//
// O_NONBLOCK is never set on the description that was given: other processes share it. Instead, as far as the kernel can:
// RWF_NOWAIT for each call (pipes, sockets); a description of our own with O_NONBLOCK (named pipes: they refuse
// RWF_NOWAIT, and may be opened again); or a call only after the kernel has said that it would not wait (terminals).
import { closeSync, constants, openSync } from 'node:fs';
import { assert } from '../../base/assert.js';
import { loadAddon } from '../../memory/addon.js';
import type { Direction } from '../../plan/limits.js';
import type { SegmentList } from '../../plan/request.js';
import { EAGAIN, ECANCELED, EINTR, EOPNOTSUPP } from '../../transfer/errno.js';
import type { Request } from '../../transfer/request.js';
import { type Engine, Op, type Operation, RWF_NOWAIT } from '../file/engines/engine.js';
import { submitWhenRoom } from '../file/run.js';
import { Attempts } from './attempts.js';
import { Readiness } from './readiness.js';

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** What a finished request is told beyond the kernel's own errors: the side says ready, and nothing moves. */
export const NO_PROGRESS: number = Number.NEGATIVE_INFINITY;

type Manner =
  /** RWF_NOWAIT. */
  | 'no-wait'
  /** By a description of our own that has O_NONBLOCK. */
  | 'own'
  /** A plain call, once the kernel has said ready. */
  | 'when-ready'
  /** A plain call, which may hold a thread: there is no addon to ask the kernel with. */
  | 'waits';

export interface EndOwner {
  finished(request: Request, result: number): void;
}

export interface EndInput {
  readonly fd: number;
  readonly direction: Direction;
  readonly engine: Engine;
  readonly owner: EndOwner;
  /** A pipe, named or not: it may be opened again. */
  readonly isPipe: boolean;
}

export class StreamEnd implements Operation {
  readonly op: Operation['op'];
  readonly offset = -1;
  readonly buffered = true;
  onPool = false;
  fd: number;
  length = 0;
  flags = 0;
  segments: SegmentList | null = null;
  readonly #input: EndInput;
  readonly #readiness: Readiness;
  #manner: Manner;
  #own: number | null = null;
  #request: Request | null = null;
  #cancelled = false;
  /** The kernel said ready since the last attempt. */
  #ready = false;
  readonly #attempts: Attempts = new Attempts();

  constructor(input: EndInput) {
    this.#input = input;
    this.fd = input.fd;
    this.op = input.direction === 'read' ? Op.READ : Op.WRITE;
    this.#readiness = new Readiness(input.fd, input.direction);
    const byFlags = input.engine.supports(this.op, RWF_NOWAIT);
    this.#manner = byFlags ? 'no-wait' : loadAddon() === null ? 'waits' : 'when-ready';
  }

  get busy(): boolean {
    return this.#request !== null;
  }

  /** A pipe that is ready takes a page without waiting, and perhaps no more. */
  get pageAtATime(): boolean {
    return this.#manner === 'when-ready' && this.op === Op.WRITE && this.#input.isPipe;
  }

  begin(request: Request): void {
    assert(this.#request === null, 'a stream is asked for one thing after the other');
    this.#request = request;
    this.length = request.bytes;
    this.segments = request.segments;
    this.#cancelled = false;
    this.#attempts.moved();
    this.#send();
  }

  cancel(request: Request): void {
    if (this.#request !== request) return;
    this.#cancelled = true;
    if (!this.#readiness.waiting) return; // the call comes back by itself, and is not repeated
    this.#readiness.forget();
    // Never from within a call of the owner's.
    process.nextTick(() => this.#finish(ECANCELED));
  }

  close(): void {
    assert(this.#request === null, 'a stream is closed when nothing is in flight');
    this.#readiness.close();
    if (this.#own !== null) closeSync(this.#own);
    this.#own = null;
  }

  complete(result: number): void {
    if (result === EOPNOTSUPP && this.#manner === 'no-wait') {
      this.#manner = this.#openOwn() ? 'own' : 'when-ready';
      return this.#retry();
    }
    if (result === EAGAIN) return this.#refused();
    if (result === EINTR) return this.#retry();
    if (result === 0 && this.op === Op.WRITE && this.length > 0) return this.#movedNothing();
    if (result > 0) this.#readiness.moved();
    this.#ready = false;
    this.#finish(result);
  }

  #retry(): void {
    if (this.#cancelled) this.#finish(ECANCELED);
    else this.#send();
  }

  #send(): void {
    if (this.#manner === 'when-ready' && !this.#ready) return this.#wait(0);
    this.flags = this.#manner === 'no-wait' ? RWF_NOWAIT : 0;
    this.onPool = this.#manner !== 'no-wait';
    submitWhenRoom(this.#input.engine, this);
  }

  /** EAGAIN: nobody reads, or nobody writes. Although the kernel had said ready: somebody else was quicker. */
  #refused(): void {
    if (this.#cancelled) return this.#finish(ECANCELED);
    const pauseMs = this.#ready ? this.#attempts.beaten() : 0;
    this.#ready = false;
    if (pauseMs < 0) return this.#finish(NO_PROGRESS);
    this.#wait(pauseMs);
  }

  #movedNothing(): void {
    if (!this.#attempts.empty()) return this.#finish(NO_PROGRESS);
    if (this.#cancelled) return this.#finish(ECANCELED);
    this.#wait(0);
  }

  #wait(pauseMs: number): void {
    if (pauseMs > 0) this.#readiness.later(this.#onReady, pauseMs);
    else this.#readiness.once(this.#onReady);
  }

  readonly #onReady = (): void => {
    this.#ready = true;
    this.#send();
  };

  #finish(result: number): void {
    const request = this.#request;
    if (request === null) return; // cancelled, and answered meanwhile
    this.#request = null;
    this.segments = null;
    this.#input.owner.finished(request, result);
  }

  /** The same pipe, by a description that nobody else has. False: not a pipe, or not allowed (another user's). */
  #openOwn(): boolean {
    const { fd, isPipe } = this.#input;
    if (!isPipe) return false;
    try {
      this.#own = openSync(`/proc/self/fd/${fd}`, (this.op === Op.READ ? O_RDONLY : O_WRONLY) | O_NONBLOCK);
    } catch {
      return false; // ENXIO: nobody reads any more, and a plain write says so too
    }
    this.fd = this.#own;
    return true;
  }
}
