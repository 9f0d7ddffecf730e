// Write-behind: chunks of any size gathered to full, aligned requests, several of them in flight, in bounded memory.
//
//      chunks     |··|····|·|···|                    |==== large, aligned ====|··|
//                     one copy ▼                              as it lies │    ▼
//      gathered   [ request ][ request ][ being gathered ]               │ [ ... ]
//                 `- in flight, each a transfer of its own -´ ◀──────────┘
import { assert } from '../base/assert.js';
import type { Extent } from '../base/errors.js';
import { alignDown, PAGE_SIZE } from '../base/integers.js';
import { IovIter } from '../iter/iov-iter.js';
import { hostPages } from '../memory/pages.js';
import type { Lease } from '../memory/pool.js';
import type { Limits } from '../plan/limits.js';
import type { TransferOptions } from '../transfer/options.js';
import type { Outcome } from '../transfer/outcome.js';
import { tellProgress } from '../transfer/progress.js';
import { turnIsUsedUp } from '../transfer/turn.js';
import { Gather, streamPool } from './gather.js';
import { bytesOf, depthOf, type StreamHost } from './host.js';
import { Linger } from './linger.js';
import { type Piece, Pieces } from './pieces.js';
import { type Sent, StreamLedger } from './stream-ledger.js';

/** Where every request goes alone (O_APPEND, a pipe) larger ones gain nothing. */
const ALONE_BYTES_MAX = 1024 * 1024;
/** Chunks from this size on are weighed against the turn: a socket hands over two megabytes of them without a pause. */
const LARGE_CHUNK_BYTES: number = 16 * 1024;

export interface WriteBehindEvents {
  /** What `take` did not take at once is taken now, and its memory is the caller's again; or it never will be. */
  taken(error: Error | null): void;
  /** By itself: nobody waits for `taken` or for the end. Everything in flight was answered. */
  failed(error: Error): void;
}

export interface WriteBehindOptions {
  /** Null: at the handle's own position. */
  readonly start: number | null;
  readonly dsync: boolean;
  /** False: a network target need not make it durable. */
  readonly stable?: boolean | undefined;
  /** Called with the bytes that are written, from the first on without a break, when something has landed. */
  readonly onProgress?: ((doneBytes: number) => void) | undefined;
}

export class WriteBehind {
  readonly #host: StreamHost;
  readonly #events: WriteBehindEvents;
  readonly #depth: number;
  readonly #bytesMax: number;
  readonly #transferOptions: TransferOptions;
  /** Of a pipe that nobody reads: what it takes may never come to be taken. */
  readonly #cancel: AbortController | null;
  readonly #onProgress: ((doneBytes: number) => void) | undefined;
  readonly #ledger = new StreamLedger();
  /** Where the next request goes; null: the handle's own position. */
  #position: number | null;
  /** Where the last one ended. */
  #next = 0;

  readonly #gather = new Gather();
  readonly #linger = new Linger(this.#gather, () => this.#sendGathered());
  /** The target takes any bytes: what is gathered goes as soon as nothing else is on its way. */
  #eager = false;
  #gatheredBytes = 0;
  #droppedBytes = 0;

  /** Given, and not taken. */
  readonly #pieces = new Pieces();
  /** Somebody waits for `taken`. */
  #owes = false;

  #inFlight = 0;
  #inFlightBytes = 0;
  /** In flight, of chunks that go as they lie: their memory is the caller's only when they are answered. */
  #lying = 0;
  #error: unknown = null;
  #told: Error | null = null;
  #onEnd: ((error: Error | null) => void) | null = null;
  #stopped = false;
  /** Stopped: what was given is still taken. */
  #takesRest = false;
  #onStopped: (() => void) | null = null;

  constructor(host: StreamHost, options: WriteBehindOptions, events: WriteBehindEvents) {
    this.#host = host;
    this.#events = events;
    this.#depth = depthOf(host);
    this.#bytesMax = bytesOf(host);
    this.#position = options.start;
    this.#onProgress = options.onProgress;
    this.#cancel = host.target.seekable ? null : new AbortController();
    this.#transferOptions = {
      depth: this.#depth,
      bytesInFlight: this.#bytesMax,
      dsync: options.dsync,
      stable: options.stable,
      patient: true,
      signal: this.#cancel?.signal,
    };
  }

  /** The unbroken run of bytes that are written. */
  get bytesWritten(): number {
    return this.#ledger.bytes;
  }

  /** What is known of every byte that was given: `failed` was never sent. */
  get extents(): readonly Extent[] {
    return this.#ledger.extents(this.#position ?? this.#next, this.#unsentBytes());
  }

  /** The error with the ledger of all that was given in place of its own. */
  tell(error: unknown): Error {
    return this.#ledger.tell(error, this.#position ?? this.#next, this.#unsentBytes());
  }

  outcome(synced: boolean): Outcome {
    return this.#ledger.outcome(this.#host.target, this.#gatheredBytes, synced);
  }

  /** True: the chunk is taken, and its memory the caller's again. False: `taken` says when; nothing is given until then. */
  take(chunk: Uint8Array): boolean {
    const { byteLength } = chunk;
    const gather = this.#gather;
    if (byteLength >= gather.capacity - gather.at || byteLength >= LARGE_CHUNK_BYTES || byteLength === 0)
      return this.takeAll([{ chunk }]);
    gather.bytes.set(chunk, gather.at);
    gather.at += byteLength;
    return true;
  }

  /** As `take`, of all of them. */
  takeAll(pieces: readonly Piece[]): boolean {
    assert(!this.#owes && this.#onEnd === null, 'one chunk, or one list of them, is given at a time, before the end');
    this.#pieces.give(pieces);
    if (this.#drain()) return true;
    this.#owes = true;
    if (this.#error !== null) setImmediate(this.#settle);
    return false;
  }

  /** Sends what is gathered and calls back when all is answered. */
  end(callback: (error: Error | null) => void): void {
    assert(!this.#owes && this.#onEnd === null, 'the end comes once, after all chunks');
    this.#onEnd = callback;
    this.#sendGathered();
    if (this.#inFlight === 0) setImmediate(this.#settle);
  }

  /**
   * Takes nothing more, or no more than what was given (`all`); calls back when all that was taken is answered. Of a pipe
   * at once: it is taken back.
   */
  stop(all: boolean, callback: () => void): void {
    this.#stopped = true;
    this.#takesRest = all && this.#cancel === null;
    this.#onStopped = callback;
    this.#cancel?.abort();
    this.#settle();
  }

  // ---- taking ----------------------------------------------------------------------------------------------------

  /** Takes as much as there is room for. True: all of it, and nothing of it is in flight as it lies. */
  #drain(): boolean {
    for (let { chunk } = this.#pieces; chunk !== null; { chunk } = this.#pieces) {
      if (this.#error !== null || (this.#stopped && !this.#takesRest)) return false;
      if (chunk.byteLength >= LARGE_CHUNK_BYTES && this.#mustPause()) return false;
      const bytes = this.#lyingBytes(chunk);
      const isTaken = bytes > 0 ? this.#sendAsItLies(chunk, bytes) : this.#copy(chunk);
      if (!isTaken) return false;
    }
    return this.#lying === 0;
  }

  /** How much of the rest of the chunk the target takes as it lies, in whole blocks; 0: it is gathered. */
  #lyingBytes(chunk: Uint8Array): number {
    const rest = chunk.byteLength - this.#pieces.at;
    if (rest < PAGE_SIZE) return 0;
    const where = this.#where();
    const limits = this.#limitsAt(where);
    if (rest < this.#requestBytes(limits) || where % limits.endAlignment !== 0) return 0;
    const inPage = hostPages().offsetInPage(chunk.buffer);
    if (inPage < 0 || (inPage + chunk.byteOffset + this.#pieces.at) % limits.memoryAlignment !== 0) return 0;
    return alignDown(rest, limits.endAlignment);
  }

  /** False: no room now. */
  #sendAsItLies(chunk: Uint8Array, bytes: number): boolean {
    if (!this.#sendGathered() || !this.#maySend(bytes)) return false;
    const { at } = this.#pieces;
    const view = chunk.subarray(at, at + bytes);
    this.#pieces.advance(bytes);
    this.#lying++;
    this.#send(IovIter.ubuf(view), bytes, null);
    return true;
  }

  /** Copies what fits of the chunk. False: no room now. */
  #copy(chunk: Uint8Array): boolean {
    const gather = this.#gather;
    const mustGo = gather.lease !== null && (gather.room === 0 || this.#wouldSplit(chunk));
    if (mustGo && !this.#sendGathered()) return false;
    if (gather.lease === null && !this.#openGather()) return false;
    this.#pieces.advance(gather.copy(chunk, this.#pieces.at));
    // Full: it goes now if it can; else when something has landed.
    if (gather.room === 0) this.#sendGathered();
    return true;
  }

  /** Appending: what is one request lands in one piece, whoever else appends; so a chunk is not cut without need. */
  #wouldSplit(chunk: Uint8Array): boolean {
    return this.#host.appends && this.#pieces.at === 0 && chunk.byteLength > this.#gather.room;
  }

  #openGather(): boolean {
    const where = this.#where();
    const limits = this.#limitsAt(where);
    const bytes = this.#requestBytes(limits);
    if (this.#inFlight > 0 && this.#inFlightBytes + bytes > this.#bytesMax) return false;
    if (this.#mustPause()) return false;
    const lease = streamPool().lease(bytes);
    if (lease === null) {
      streamPool().onceFree(this.#again);
      return false;
    }
    // Blocks of the target lie on blocks of the memory: an unaligned start costs one request of its own, and no more.
    this.#gather.open(lease, where % Math.min(limits.endAlignment, bytes), bytes);
    this.#eager = limits.endAlignment === 1;
    if (!this.#eager) this.#linger.start();
    else if (this.#inFlight === 0) setImmediate(this.#settle);
    return true;
  }

  /** The turn of the event loop is used up: what is left is taken in the next one. */
  #mustPause(): boolean {
    if (!turnIsUsedUp(true)) return false;
    setImmediate(this.#again);
    return true;
  }

  #where(): number {
    return (this.#position ?? this.#host.ownPosition) + this.#gather.length;
  }

  #limitsAt(offset: number): Limits {
    return this.#host.target.limitsAt(offset, 'write');
  }

  #requestBytes({ bestBytes }: Limits): number {
    return this.#depth === 1 ? Math.min(bestBytes, ALONE_BYTES_MAX) : bestBytes;
  }

  #unsentBytes(): number {
    return this.#droppedBytes + this.#gather.length + this.#pieces.bytesLeft;
  }

  // ---- sending ---------------------------------------------------------------------------------------------------

  #maySend(bytes: number): boolean {
    if (this.#inFlight === 0) return true;
    return this.#inFlight < this.#depth && this.#inFlightBytes + bytes <= this.#bytesMax;
  }

  /** False: it has to wait. */
  #sendGathered(): boolean {
    if (this.#gather.lease === null) return true;
    if (this.#inFlight >= this.#depth) return false;
    const { view, lease } = this.#gather.takeOut();
    this.#gatheredBytes += view.byteLength;
    this.#send(IovIter.kvec([view]), view.byteLength, lease);
    return true;
  }

  #send(iter: IovIter, bytes: number, lease: Lease | null): void {
    this.#inFlight++;
    this.#inFlightBytes += bytes;
    if (this.#position === null) {
      this.#host.take(bytes, (position) => this.#start(iter, position, bytes, lease));
      return;
    }
    const position = this.#position;
    this.#position += bytes;
    this.#start(iter, position, bytes, lease);
  }

  #start(iter: IovIter, position: number, bytes: number, lease: Lease | null): void {
    const sent = this.#ledger.begin(position, bytes);
    this.#next = position + bytes;
    try {
      this.#host.transfer(
        iter,
        position,
        bytes,
        'write',
        this.#transferOptions,
        (outcome) => {
          this.#ledger.done(sent, outcome);
          tellProgress(this.#onProgress, this.#ledger.bytes);
          this.#landed(bytes, lease);
        },
        (error) => this.#failed(sent, lease, error),
      );
    } catch (error) {
      // Refused before anything was sent: the target is closed, or a sync has failed. Told later, as every answer is.
      setImmediate(() => this.#failed(sent, lease, error));
    }
  }

  #failed(sent: Sent, lease: Lease | null, error: unknown): void {
    this.#ledger.failed(sent, error);
    this.#error ??= error;
    this.#dropGather();
    this.#landed(sent.bytes, lease);
  }

  #landed(bytes: number, lease: Lease | null): void {
    this.#inFlight--;
    this.#inFlightBytes -= bytes;
    if (lease === null) this.#lying--;
    else lease.release();
    this.#settle();
  }

  // ---- going on --------------------------------------------------------------------------------------------------

  /** After anything has changed: takes and sends what now can be, and tells who waits. */
  readonly #settle = (): void => {
    if (this.#stopped) return this.#settleStopped();
    if (this.#error !== null) return this.#settleFailed(this.#error);
    // Before more is taken: it was there first.
    if (this.#isRipe()) this.#sendGathered();
    if (this.#owes && this.#drain()) {
      this.#owes = false;
      this.#events.taken(null);
    }
    if (this.#onEnd !== null && this.#inFlight === 0 && this.#gather.lease === null) this.#settleEnd();
  };

  readonly #again = (): void => {
    if (this.#owes) this.#settle();
  };

  #isRipe(): boolean {
    return this.#gather.room === 0 || this.#onEnd !== null || (this.#eager && this.#inFlight === 0);
  }

  #settleStopped(): void {
    const isTaken = this.#error !== null || !this.#owes || !this.#takesRest || this.#drain();
    // Before it may be called back: the last of it was taken just now.
    if (this.#error === null && isTaken) this.#sendGathered();
    const callback = this.#onStopped;
    if (this.#inFlight > 0 || !isTaken || callback === null) return;
    if (this.#owes && this.#takesRest) {
      this.#owes = false;
      this.#events.taken(this.#error === null ? null : this.tell(this.#error));
    }
    this.#onStopped = null;
    this.#linger.stop();
    callback();
  }

  /** Everything that is in flight is awaited first: then the ledger is final. */
  #settleFailed(error: unknown): void {
    if (this.#inFlight > 0) return;
    const isFirst = this.#told === null;
    this.#told ??= this.tell(error);
    if (this.#owes) {
      this.#owes = false;
      this.#events.taken(this.#told);
    } else if (this.#onEnd !== null) this.#settleEnd(this.#told);
    else if (isFirst) this.#events.failed(this.#told);
  }

  #settleEnd(error: Error | null = null): void {
    const callback = this.#onEnd;
    this.#onEnd = null;
    this.#linger.stop();
    callback?.(error);
  }

  #dropGather(): void {
    this.#linger.stop();
    this.#droppedBytes += this.#gather.drop();
  }
}
