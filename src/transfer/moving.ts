// A transfer that is under way: depth, byte budget, staging, short results, retries, abort, progress, ledger.
//
//      iterator ─ Plans ─ draw ─┬─ stage ─ submit ─── target ─── answered ─ released ─┐
//                   ▲    again  │                                                     │
//                   └───────────┴──────────── short: the rest is planned again ◀──────┘
//
// The first error stops new requests; those in flight are awaited, and only then does the transfer settle.
import { performance } from 'node:perf_hooks';
import { assert } from '../base/assert.js';
import { type DioriteError, errors } from '../base/errors.js';
import type { IovIter } from '../iter/iov-iter.js';
import type { Direction } from '../plan/limits.js';
import { onAbort } from './abort.js';
import { Account } from './account.js';
import { noProgress, shortWrite } from './failures.js';
import { BYTES_IN_FLIGHT_DEFAULT, isStable, type TransferOptions } from './options.js';
import { MovedAll, type Outcome } from './outcome.js';
import { PACED_BYTES_MIN, Pacing } from './pacing.js';
import { keptBytes, Plans } from './plans.js';
import { tellProgress } from './progress.js';
import { QueueProgress } from './queue-progress.js';
import type { Request, RequestOwner, Short } from './request.js';
import { recycleRequest } from './request-pool.js';
import { copyIn, copyOut, stagingPool, takeStaging } from './staging.js';
import type { Target } from './target.js';
import { COSTLY_BYTES, turnIsUsedUp } from './turn.js';

/** EAGAIN and EINTR: how often one request is sent again. */
const ATTEMPTS_MAX = 32;
/** Short answers in a row that moved nothing past the last aligned boundary. */
const STALLS_MAX = 16;

export class Transfer extends Account implements RequestOwner {
  readonly #target: Target;
  readonly #caller: IovIter;
  readonly #direction: Direction;
  readonly #options: TransferOptions;
  readonly #resolve: (outcome: Outcome) => void;
  readonly #reject: (error: unknown) => void;
  readonly #depth: number;
  readonly #bytesInFlightMax: number;
  /** Instead of `#depth` where nobody asked for one, and there is enough to learn from. */
  #pacing: Pacing | null = null;
  readonly #plans: Plans;
  /** The plans' own. A duplicate of it, restored to a request's state, serves staged copies. */
  readonly #iter: IovIter;
  #scratch: IovIter | null = null;
  /** In flight: kept only where there is a signal to cancel them, or a queue that they hold back. */
  readonly #flying: Set<Request> | null;
  /** What moves the caller's iterator as the transfer goes: of a queue. */
  readonly #queue: QueueProgress | null;
  /** Drawn, and staged if need be, but not taken yet. */
  #waiting: Request[] = [];

  #inFlight = 0;
  #inFlightBytes = 0;
  #unanswered = 0;
  #requests = 0;
  #copiedBytes = 0;
  #bufferedBytes = 0;
  #stalls = 0;
  #error: Error | null = null;
  #wakePending = false;
  /** Until the next turn: this one is used up. */
  #pausing = false;
  /** Made when it is first waited with: whoever waits twice must be known as the same. */
  #wake: (() => void) | null = null;
  #settled = false;
  #onSettled: (() => void) | null = null;

  constructor(
    target: Target,
    iter: IovIter,
    offset: number,
    bytes: number,
    direction: Direction,
    options: TransferOptions,
    resolve: (outcome: Outcome) => void,
    reject: (error: unknown) => void,
  ) {
    super(offset, bytes);
    this.#target = target;
    this.#caller = iter;
    this.#direction = direction;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    // What goes in order cannot go on behind a short answer, or at the end, if more was asked for already.
    this.#depth = target.bestDepth === 1 ? 1 : (options.depth ?? target.bestDepth);
    this.#bytesInFlightMax = options.bytesInFlight ?? target.bestBytesInFlight ?? BYTES_IN_FLIGHT_DEFAULT;
    this.#iter = iter.dup();
    this.#plans = new Plans(target, direction, this.#iter, this.#bytesInFlightMax);
    const isQueue = iter.kind === 'folioq';
    this.#flying = options.signal === undefined && !isQueue ? null : new Set();
    this.#queue = isQueue ? new QueueProgress(iter, bytes, direction) : null;
  }

  start(): void {
    const { signal } = this.#options;
    if (signal !== undefined) {
      if (signal.aborted) return this.#abort(signal);
      this.#onSettled = onAbort(signal, () => this.#abort(signal));
    }
    if (this.bytes > PACED_BYTES_MIN && this.#options.depth === undefined) {
      const pace = this.#target.paceOf?.(this.#direction) ?? null;
      this.#pacing = pace === null ? null : new Pacing(pace);
      if (this.#pacing !== null) this.#plans.paceBy(this.#pacing);
    }
    if (this.bytes > 0) this.#plans.begin(this.offset, this.bytes);
    // Others may have used it up.
    if (this.bytes >= COSTLY_BYTES && turnIsUsedUp(true)) this.#pumpNextTurn();
    else this.#pump();
  }

  /** Instead of `start`: the request is in flight, and all that there is. `gone`: its memory is, and nothing more is sent. */
  adopt(request: Request, gone: Error | null): void {
    this.#inFlight = 1;
    this.#unanswered = 1;
    this.#inFlightBytes = request.bytes;
    this.#requests = 1;
    this.#error = gone;
  }

  // ---- going out -------------------------------------------------------------------------------------------------

  #pump(): void {
    try {
      this.#sendWhileRoom();
    } catch (error) {
      // The iterator refused: its memory was detached meanwhile. What is in flight is still awaited.
      this.#fail(error);
    }
    this.#settleIfDone();
  }

  /** Draws and submits until something is full, all is drawn, or the turn's time is used up. */
  #sendWhileRoom(): void {
    while (this.#error === null && this.#hasRoom()) {
      const request = this.#waiting.shift() ?? this.#draw();
      if (request === null) return;
      if (!this.#fits(request) || !this.#stage(request) || !this.#send(request)) return;
      const isUsedUp = turnIsUsedUp(request.stagedBytes > 0 || request.bytes >= COSTLY_BYTES);
      if (!this.#hasMore) return;
      if (isUsedUp) return this.#pumpNextTurn();
    }
  }

  get #hasMore(): boolean {
    return !this.#plans.isEmpty || this.#waiting.length > 0;
  }

  #pumpNextTurn(): void {
    if (this.#wakePending) return;
    this.#wakePending = this.#pausing = true;
    setImmediate(this.#waker());
  }

  /** What is called when there is room again. */
  #waker(): () => void {
    this.#wake ??= () => {
      this.#wakePending = this.#pausing = false;
      if (this.#settled) return;
      this.#pump();
      this.#hastenIfQuiet();
    };
    return this.#wake;
  }

  #hasRoom(): boolean {
    if (this.#wakePending) return false;
    if (this.#inFlight === 0) return true;
    const depth = this.#pacing?.depth ?? this.#depth;
    return this.#unanswered < depth && this.#inFlightBytes < this.#bytesInFlightMax;
  }

  /** False: it would pass the byte budget, and waits for a release. */
  #fits(request: Request): boolean {
    if (this.#inFlight === 0 || this.#inFlightBytes + request.bytes <= this.#bytesInFlightMax) return true;
    this.#waiting.unshift(request);
    return false;
  }

  #draw(): Request | null {
    const request = this.#plans.draw(this.end);
    if (request === null) return null;
    request.dsync = this.#options.dsync === true;
    request.stable = request.dsync || this.#options.stable !== false;
    request.isOnly = this.#requests === 0 && this.#plans.isEmpty;
    return request;
  }

  /** Gets the request its lease and, for a write, its bytes. False: no room in the pool now; it waits. */
  #stage(request: Request): boolean {
    if (request.stagedBytes === 0 || request.lease !== null) return true;
    if (!takeStaging(request)) {
      this.#waiting.unshift(request);
      this.#wakePending = true;
      this.#pacing?.waits();
      stagingPool().onceFree(this.#waker());
      return false;
    }
    if (this.#direction === 'read') return true;
    try {
      copyIn(request, this.#scratchIter());
    } catch (error) {
      recycleRequest(request);
      throw error;
    }
    return true;
  }

  #scratchIter(): IovIter {
    this.#scratch ??= this.#iter.dup();
    return this.#scratch;
  }

  /** False: the target is full; the request waits. */
  #send(request: Request): boolean {
    request.begin(this);
    const pacing = this.#pacing;
    const startedMs = pacing === null ? 0 : performance.now();
    if (!this.#target.submit(request)) {
      request.takeBack();
      this.#waiting.unshift(request);
      this.#wakePending = true;
      this.#target.onceDrained(this.#waker());
      return false;
    }
    pacing?.sent(startedMs);
    this.#inFlight++;
    this.#unanswered++;
    this.#inFlightBytes += request.bytes;
    this.#requests++;
    this.#copiedBytes += request.copiedBytes;
    this.#flying?.add(request);
    return true;
  }

  // ---- coming back -----------------------------------------------------------------------------------------------

  answered(request: Request, bytes: number, short: Short): void {
    this.#unanswered--;
    this.#count(request, bytes, short);
    if (this.#target.releasesLater !== true) return;
    // The memory may be kept for long: what it holds up is the byte budget, not the depth.
    this.#pump();
    this.#hastenIfQuiet();
  }

  /** All that went out is answered and its memory still held, and it is not the turn's time that keeps the rest back. */
  #hastenIfQuiet(): void {
    if (this.#pausing || this.#unanswered > 0 || this.#inFlight === 0) return;
    if (this.#options.patient !== true) this.#target.hasten?.();
  }

  #count(request: Request, bytes: number, short: Short): void {
    const payload = request.payloadOf(bytes);
    if (!this.#delivered(request, payload)) return;
    if (request.viaCache) this.#bufferedBytes += payload;
    this.#requests += request.extraRequests;
    this.#copiedBytes += request.extraCopiedBytes;
    this.markDone(request, 0, payload);
    if (payload < request.payloadBytes) this.#shortened(request, payload, short);
    else this.#stalls = 0;
    tellProgress(this.#options.onProgress, this.doneBytes);
  }

  /** Copies what was staged for a read to where it belongs. False: the caller's memory was detached meanwhile. */
  #delivered(request: Request, payload: number): boolean {
    if (this.#direction === 'write' || request.stagedBytes === 0 || payload === 0) return true;
    try {
      copyOut(request, payload, this.#scratchIter());
      return true;
    } catch (error) {
      this.markUnknown(request, 0, payload);
      this.#fail(error);
      return false;
    }
  }

  #shortened(request: Request, payload: number, short: Short): void {
    // Of a read that takes what there is: whoever asked for it goes on by himself.
    const isEnough = this.#options.partial === true && this.#direction === 'read' && payload > 0;
    if (short === 'continue' && !isEnough) return this.#resume(request, payload);
    if (short === 'hole') return this.#zero(request, payload);
    if (this.#direction === 'read') this.markEnd(request, payload);
    else this.#fail(shortWrite(this.#target, request.payloadOffset + payload));
  }

  #zero(request: Request, payload: number): void {
    const { size } = this.#target;
    assert(this.#direction === 'read' && size !== undefined, 'a hole answers a read, of a target that knows its size');
    try {
      this.fillHole(request, payload, size, this.#scratchIter());
    } catch (error) {
      this.markUnknown(request, payload, request.payloadBytes);
      this.#fail(error);
    }
  }

  #resume(request: Request, payload: number): void {
    const kept = keptBytes(this.#target, request, payload);
    this.#stalls = kept > 0 ? 0 : this.#stalls + 1;
    // Sent, and not said to be done: only the resumed request can make it certain again. (A read as well: of a split
    // request, memory behind the count may have been filled.) What is consumed in order stops where the count says.
    if (this.#target.seekable) this.markUnknown(request, payload, request.payloadBytes);
    if (this.#stalls > STALLS_MAX) {
      this.#fail(noProgress(this.#target, request.payloadOffset + payload, STALLS_MAX));
      return;
    }
    this.takeBack(payload - kept);
    if (this.#error === null) this.#plans.again(request, kept);
  }

  failed(request: Request, error: DioriteError): void {
    this.#unanswered--;
    const effect = this.#target.effectOf(error, this.#direction);
    if (effect === 'retry' && request.attempts < ATTEMPTS_MAX && this.#error === null) {
      request.again = true;
      return;
    }
    if (effect === 'unknown') this.markTouched(request);
    this.#fail(error);
  }

  lost(request: Request, error: DioriteError): void {
    const payload = request.payloadOf(request.answeredBytes);
    this.markUnknown(request, 0, payload);
    this.takeBack(payload);
    this.#fail(error);
  }

  released(request: Request): void {
    this.#inFlight--;
    this.#inFlightBytes -= request.bytes;
    this.#flying?.delete(request);
    if (request.again && this.#error === null) {
      request.again = false;
      this.#waiting.push(request);
      // On the next turn: EAGAIN at once and again must not hold the event loop.
      this.#pumpNextTurn();
      return;
    }
    const { bytes } = request;
    recycleRequest(request);
    if (this.#queue !== null) this.#tellQueue(this.#queue);
    this.#pump();
    if (!this.#settled) this.#pacing?.released(bytes, this.#hasMore);
  }

  /** How far all is done, and nothing that is in flight, waits, or is to be planned again needs its memory. */
  #tellQueue(queue: QueueProgress): void {
    let least = this.offset + this.doneFromStart();
    const needed = (offset: number): void => {
      least = Math.min(least, offset);
    };
    for (const requests of [this.#flying ?? [], this.#waiting])
      for (const request of requests) request.eachPiece(0, request.payloadBytes, needed);
    this.#plans.eachOffset(needed);
    queue.reached(least - this.offset);
  }

  // ---- the end ---------------------------------------------------------------------------------------------------

  #fail(error: unknown): void {
    this.#error ??= error instanceof Error ? error : new Error(String(error));
  }

  #abort(signal: AbortSignal): void {
    this.#fail(errors.aborted(signal.reason));
    for (const request of this.#flying ?? []) this.#target.cancel(request);
    this.#settleIfDone();
  }

  #settleIfDone(): void {
    if (this.#settled || this.#inFlight > 0) return;
    if (this.#error === null && (this.#wakePending || this.#hasMore)) return;
    this.#settled = true;
    this.#pacing?.end();
    for (const request of this.#waiting) recycleRequest(request);
    this.#waiting = [];
    this.#onSettled?.();
    if (this.#error === null) this.#succeed();
    else this.#rejectWith(this.#error);
  }

  #succeed(): void {
    const bytes = Math.min(this.bytes, Math.max(0, this.end - this.offset));
    assert(this.doneFromStart() >= bytes, 'what is told as done is done');
    this.#moveCaller(bytes);
    const stable = this.#direction === 'write' && isStable(this.#target, this.#options);
    const io = this.#target.ioMode(this.#direction);
    const chosen = this.#pacing?.chosen ?? null;
    const [requests, copied, buffered] = [this.#requests, this.#copiedBytes, this.#bufferedBytes];
    this.#resolve(new MovedAll(this.offset, bytes, requests, copied, buffered, io, stable, chosen));
  }

  #rejectWith(error: Error): void {
    this.#moveCaller(this.tellIn(error));
    this.#reject(error);
  }

  #moveCaller(bytes: number): void {
    if (this.#queue !== null) return this.#queue.end(bytes);
    // The caller may have moved it meanwhile: then it is the caller's, and a position past its end is not forced on it.
    if (bytes > 0) this.#caller.advance(Math.min(bytes, this.#caller.count));
  }
}
