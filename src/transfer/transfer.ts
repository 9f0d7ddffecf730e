// Carries out a plan against a target: depth, byte budget, staging, short results, retries, abort, progress, ledger.
//
//      iterator ─ Planner ─ draw ─┬─ stage ─ submit ─── target ─── answered ─ released ─┐
//                  ▲   resumed    │                                                     │
//                  └── planners ◀─┴──────────── short: the rest is planned again ◀──────┘
//
// The first error stops new requests; those in flight are awaited, and only then does the transfer settle.
import { performance } from 'node:perf_hooks';
import { assert } from '../base/assert.js';
import { DioriteError, errors } from '../base/errors.js';
import { alignDown } from '../base/integers.js';
import { IovIter } from '../iter/iov-iter.js';
import { hostPages } from '../memory/pages.js';
import { UnitRuns } from '../plan/layout.js';
import type { Direction, Limits } from '../plan/limits.js';
import { Planner } from '../plan/planner.js';
import { onAbort } from './abort.js';
import { Account } from './account.js';
import { noProgress, shortWrite } from './failures.js';
import { BYTES_IN_FLIGHT_DEFAULT, isStable, type TransferOptions } from './options.js';
import { MovedAll, type Outcome } from './outcome.js';
import { PACED_BYTES_MIN, Pacing } from './pacing.js';
import { QueueProgress } from './queue-progress.js';
import type { Request, RequestOwner, Short } from './request.js';
import { recycleRequest, takeRequest } from './request-pool.js';
import { copyIn, copyOut, leaseBytes, placeStaged, stagingPool } from './staging.js';
import type { Target } from './target.js';
import { COSTLY_BYTES, turnIsUsedUp } from './turn.js';

/** EAGAIN and EINTR: how often one request is sent again. */
const ATTEMPTS_MAX = 32;
/** Short answers in a row that moved nothing past the last aligned boundary. */
const STALLS_MAX = 16;

/**
 * Starts to move `bytes` between the iterator's memory and the target at `offset`. The iterator is duplicated now and
 * moved once, by the bytes done, when the transfer settles (a queue's as it goes: see FolioQueue); its memory must stay
 * until then. Calls `resolve` when every byte is done (a read: or the data ended), `reject` with the ledger otherwise.
 */
export function runTransfer(
  target: Target,
  iter: IovIter,
  offset: number,
  bytes: number,
  direction: Direction,
  options: TransferOptions,
  resolve: (outcome: Outcome) => void,
  reject: (error: unknown) => void,
): void {
  assert(bytes <= iter.count, 'a transfer is no longer than its iterator');
  new Transfer(target, iter, offset, bytes, direction, options, resolve, reject).start();
}

/** As runTransfer, with a promise. */
export function startTransfer(
  target: Target,
  iter: IovIter,
  offset: number,
  bytes: number,
  direction: Direction,
  options: TransferOptions,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    runTransfer(target, iter, offset, bytes, direction, options, resolve, reject);
  });
}

/**
 * The transfer of a request that somebody else has sent, of one piece of memory and all of the range: it gets the answers
 * from now on, and ends as if it had planned the request itself.
 */
export function adoptRequest(
  request: Request,
  target: Target,
  options: TransferOptions,
  resolve: (outcome: Outcome) => void,
  reject: (error: unknown) => void,
): RequestOwner {
  const { direction, payloadOffset, payloadBytes, segments } = request;
  const buffer = segments.buffer[0];
  const byteOffset = segments.byteOffset[0] ?? 0;
  assert(buffer != null && segments.count === 1, 'what is adopted has one piece of memory');
  const isGone = byteOffset + payloadBytes > buffer.byteLength;
  const iter = isGone ? IovIter.discard(payloadBytes) : IovIter.ubuf(new Uint8Array(buffer, byteOffset, payloadBytes));
  const transfer = new Transfer(target, iter, payloadOffset, payloadBytes, direction, options, resolve, reject);
  transfer.adopt(request, isGone ? errors.make('ERR_DIORITE_DETACHED', 'The memory was detached meanwhile') : null);
  return transfer;
}

type LimitsAt = (offset: number, direction: Direction) => Limits;

/** Knows no transfer: one that did would keep it, and its memory, from young collections (V8 11: 15 full ones for 1 GiB). */
function limitsOf(target: Target, pacing: Pacing | null): LimitsAt {
  if (pacing === null) return (at, way) => target.limitsAt(at, way);
  return (at, way) => pacing.scale(target.limitsAt(at, way));
}

class Transfer extends Account implements RequestOwner {
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
  #limitsAt: LimitsAt;

  /** The last one is drawn from: the range's own planner lies at the bottom, those of resumed rests above it. */
  readonly #planners: Planner[] = [];
  /** The first planner's own. Duplicates of it, restored to a request's state, serve resumed rests and staged copies. */
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
    this.#limitsAt = limitsOf(target, null);
    this.#iter = iter.dup();
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
      if (pace !== null) this.#go(new Pacing(pace));
    }
    if (this.bytes > 0) this.#planners.push(this.#planFrom(this.#iter, this.offset, this.bytes));
    // Others may have used it up.
    if (this.bytes >= COSTLY_BYTES && turnIsUsedUp(true)) this.#pumpNextTurn();
    else this.#pump();
  }

  #go(pacing: Pacing): void {
    this.#pacing = pacing;
    this.#limitsAt = limitsOf(this.#target, pacing);
  }

  /** Instead of `start`: the request is in flight, and all that there is. `gone`: its memory is, and nothing more is sent. */
  adopt(request: Request, gone: Error | null): void {
    this.#inFlight = 1;
    this.#unanswered = 1;
    this.#inFlightBytes = request.bytes;
    this.#requests = 1;
    this.#error = gone;
  }

  #planFrom(iter: IovIter, offset: number, bytes: number): Planner {
    const { layout } = this.#target;
    const input = { iter, offset, bytes, direction: this.#direction, limitsAt: this.#limitsAt, pages: hostPages() };
    return new Planner(layout === undefined ? input : { ...input, layout, windowBytes: this.#bytesInFlightMax });
  }

  /** What a request has left behind the first `done` bytes of its payload. */
  #planRest(request: Request, done: number): Planner {
    const iter = this.#iter.dup();
    if (this.#target.layout !== undefined) {
      const units = UnitRuns.restOf(request, done, iter);
      const offset = request.payloadOffset;
      const pages = hostPages();
      return new Planner({
        iter,
        offset,
        bytes: 0,
        direction: this.#direction,
        limitsAt: this.#limitsAt,
        pages,
        units,
      });
    }
    iter.restore(request.state);
    iter.advance(done);
    return this.#planFrom(iter, request.payloadOffset + done, request.payloadBytes - done);
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
    return this.#planners.length > 0 || this.#waiting.length > 0;
  }

  #pumpNextTurn(): void {
    if (this.#wakePending) return;
    this.#wakePending = true;
    setImmediate(this.#waker());
  }

  /** What is called when there is room again. */
  #waker(): () => void {
    this.#wake ??= () => {
      this.#wakePending = false;
      if (!this.#settled) this.#pump();
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
    while (this.#planners.length > 0) {
      const planner = this.#planners[this.#planners.length - 1];
      assert(planner !== undefined, 'a planner is drawn from');
      if (planner.remaining === 0 || (this.end < Number.POSITIVE_INFINITY && planner.offset >= this.end)) {
        this.#planners.pop();
        continue;
      }
      const request = takeRequest();
      const drawn = planner.next(request);
      assert(drawn, 'a planner that has bytes left gives a request');
      if (planner.remaining === 0) this.#planners.pop();
      request.dsync = this.#options.dsync === true;
      request.stable = request.dsync || this.#options.stable !== false;
      request.isOnly = this.#requests === 0 && this.#planners.length === 0;
      return request;
    }
    return null;
  }

  /** Gets the request its lease and, for a write, its bytes. False: no room in the pool now; it waits. */
  #stage(request: Request): boolean {
    if (request.stagedBytes === 0 || request.lease !== null) return true;
    const pool = stagingPool();
    const lease = pool.lease(leaseBytes(request));
    if (lease === null) {
      this.#waiting.unshift(request);
      this.#wakePending = true;
      this.#pacing?.waits();
      pool.onceFree(this.#waker());
      return false;
    }
    request.lease = lease;
    placeStaged(request, lease);
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
    if (this.#target.releasesLater === true) this.#goOnUnreleased();
  }

  /** The memory may be kept for long: what it holds up is the byte budget, not the depth. */
  #goOnUnreleased(): void {
    this.#pump();
    const isQuiet = this.#unanswered === 0 && this.#inFlight > 0;
    if (isQuiet && this.#options.patient !== true) this.#target.hasten?.();
  }

  #count(request: Request, bytes: number, short: Short): void {
    const payload = Math.max(0, Math.min(bytes - request.headPadBytes, request.payloadBytes));
    if (!this.#delivered(request, payload)) return;
    if (request.viaCache) this.#bufferedBytes += payload;
    this.#requests += request.extraRequests;
    this.#copiedBytes += request.extraCopiedBytes;
    this.markDone(request, 0, payload);
    if (payload < request.payloadBytes) this.#shortened(request, payload, short);
    else this.#stalls = 0;
    this.#tellProgress();
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

  #tellProgress(): void {
    const { onProgress } = this.#options;
    if (onProgress === undefined) return;
    try {
      onProgress(this.doneBytes);
    } catch (error) {
      // The caller's own: it surfaces as an uncaught exception, and must not keep the request from being released.
      process.nextTick(() => {
        throw error;
      });
    }
  }

  #shortened(request: Request, payload: number, short: Short): void {
    if (short === 'continue' && !this.#isEnough(payload)) return this.#resume(request, payload);
    if (short === 'hole') return this.#zero(request, payload);
    if (this.#direction === 'read') this.markEnd(request, payload);
    else this.#fail(shortWrite(this.#target, request.payloadOffset + payload));
  }

  /** Of a read that takes what there is: whoever asked for it goes on by himself. */
  #isEnough(payload: number): boolean {
    return this.#options.partial === true && this.#direction === 'read' && payload > 0;
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

  /**
   * The rest is planned again from the last aligned boundary at or below what was reached, because O_DIRECT refuses to
   * go on in mid-block. Example: 1,572,964 of 4,194,304 bytes at offset 0 with alignment 4096: on from 1,572,864, and
   * the 100 bytes after it are moved twice.
   */
  #resume(request: Request, payload: number): void {
    const kept = this.#kept(request, payload);
    this.#stalls = kept > 0 ? 0 : this.#stalls + 1;
    // Sent, and not said to be done: only the resumed request can make it certain again. (A read as well: of a split
    // request, memory behind the count may have been filled.) What is consumed in order stops where the count says.
    if (this.#target.seekable) this.markUnknown(request, payload, request.payloadBytes);
    if (this.#stalls > STALLS_MAX) {
      this.#fail(noProgress(this.#target, request.payloadOffset + payload, STALLS_MAX));
      return;
    }
    this.takeBack(payload - kept);
    if (this.#error === null) this.#planners.push(this.#planRest(request, kept));
  }

  /** How many of the payload's first bytes need not be moved again. */
  #kept(request: Request, payload: number): number {
    // Nobody gives again, or takes again, what was consumed in order.
    if (request.route === 'end' || !this.#target.seekable) return payload;
    const limits = this.#target.limitsAt(request.payloadOffset, this.#direction);
    const alignment = this.#direction === 'write' ? limits.endAlignment : limits.offsetAlignment;
    const reached = request.offset + request.headPadBytes + payload;
    const kept = Math.max(0, payload - (reached - alignDown(reached, alignment)));
    // Nothing whole was written: on by the way of unaligned ends, which takes any byte. Else a device whose size is no
    // multiple of the alignment would give the same short answer for ever, and never its ENOSPC.
    return kept === 0 && this.#direction === 'write' ? payload : kept;
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
    const payload = Math.max(0, Math.min(request.answeredBytes - request.headPadBytes, request.payloadBytes));
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
    this.#queue?.reached(this.#behindAll() - this.offset);
    this.#pump();
    if (!this.#settled) this.#pacing?.released(bytes, this.#hasMore);
  }

  /** Up to here all is done, and nothing that is in flight, waits, or is to be planned again needs its memory. */
  #behindAll(): number {
    let least = this.offset + this.doneFromStart();
    const notBehind = (offset: number): void => {
      least = Math.min(least, offset);
    };
    for (const request of this.#flying ?? []) request.eachPiece(0, request.payloadBytes, notBehind);
    for (const request of this.#waiting) request.eachPiece(0, request.payloadBytes, notBehind);
    for (const planner of this.#planners) if (planner.remaining > 0) notBehind(planner.offset);
    return least;
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
    const extents = this.extents();
    const bytes = this.doneFromStart();
    this.#moveCaller(bytes);
    if (error instanceof DioriteError) {
      error.offset = this.offset;
      error.length = this.bytes;
      error.bytes = bytes;
      error.extents = extents;
    }
    this.#reject(error);
  }

  #moveCaller(bytes: number): void {
    if (this.#queue !== null) return this.#queue.end(bytes);
    // The caller may have moved it meanwhile: then it is the caller's, and a position past its end is not forced on it.
    if (bytes > 0) this.#caller.advance(Math.min(bytes, this.#caller.count));
  }
}
