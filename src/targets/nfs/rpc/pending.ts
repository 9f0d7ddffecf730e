// Calls that wait for their answers, by xid and in the order in which they were made.
import { randomInt } from 'node:crypto';
import { assert } from '../../../base/assert.js';
import type { ReplySink, RpcCall } from './call.js';

/** Reused from call to call. */
export class PendingCall {
  xid = 0;
  /** Null: given up; its answer is dropped when it comes. */
  call: RpcCall | null = null;
  /** Whoever gave it up waits for its end. */
  gone: ((answered: boolean) => void) | null = null;
  /** How many times it was handed to a connection. */
  sends = 0;
  deadlineMs = 0;
  /** Some of its sink's memory is read into without a copy. */
  direct = false;
  /** Whether it stands in a queue, and who comes after it there. */
  queued = false;
  next: PendingCall | null = null;
}

/** First in, first out, without an object of its own for anyone. */
export class CallQueue {
  #first: PendingCall | null = null;
  #last: PendingCall | null = null;

  push(pending: PendingCall): void {
    assert(!pending.queued, 'a call stands in the queue once');
    pending.queued = true;
    if (this.#last === null) this.#first = pending;
    else this.#last.next = pending;
    this.#last = pending;
  }

  /** The first that nobody gave up meanwhile. */
  shift(): PendingCall | null {
    for (;;) {
      const first = this.#first;
      if (first === null) return null;
      this.#first = first.next;
      if (this.#first === null) this.#last = null;
      first.next = null;
      first.queued = false;
      if (first.call !== null) return first;
    }
  }
}

export class PendingCalls {
  /** In the order in which they were made, as Maps are. */
  readonly #byXid: Map<number, PendingCall> = new Map();
  readonly #free: PendingCall[] = [];
  /** Anywhere: a server remembers answers by xid, and those of an earlier process are none of ours. */
  #xid: number = randomInt(2 ** 32);
  #sinks = 0;
  #directs = 0;
  #abandoned = 0;
  #sinkBytesMax = 0;
  /** Pieces of memory from here on are read into without a copy: the connection's transport says so. */
  directBytes: number = Number.POSITIVE_INFINITY;

  /** Those that were given up included. */
  get size(): number {
    return this.#byXid.size;
  }

  /** Calls whose owners wait. */
  get live(): number {
    return this.#byXid.size - this.#abandoned;
  }

  /** The largest payload that was ever waited for. */
  get sinkBytesMax(): number {
    return this.#sinkBytesMax;
  }

  /** How many wait for a payload. */
  get sinks(): number {
    return this.#sinks;
  }

  /** How many have memory that is read into without a copy. */
  get directs(): number {
    return this.#directs;
  }

  add(call: RpcCall, deadlineMs: number): PendingCall {
    const pending = this.#free.pop() ?? new PendingCall();
    do this.#xid = (this.#xid + 1) >>> 0;
    while (this.#byXid.has(this.#xid));
    pending.xid = this.#xid;
    pending.call = call;
    pending.sends = 0;
    pending.deadlineMs = deadlineMs;
    pending.direct = call.sink !== null && hasDirectRun(call.sink, this.directBytes);
    if (pending.direct) this.#directs++;
    if (call.sink !== null) this.#sinks++;
    this.#sinkBytesMax = Math.max(this.#sinkBytesMax, call.sink?.bytes ?? 0);
    this.#byXid.set(pending.xid, pending);
    return pending;
  }

  byXid(xid: number): PendingCall | undefined {
    return this.#byXid.get(xid);
  }

  of(call: RpcCall): PendingCall | undefined {
    for (const pending of this.#byXid.values()) if (pending.call === call) return pending;
    return undefined;
  }

  /** Nobody waits any more; its answer is known when it comes, and dropped. */
  abandon(pending: PendingCall, gone: ((answered: boolean) => void) | null = null): void {
    assert(pending.call !== null && !pending.queued, 'a call that was sent is given up once');
    this.#abandoned++;
    this.#forget(pending);
    pending.gone = gone;
  }

  /** Takes one out that was given up: its answer has come, or can come no more. */
  drop(pending: PendingCall, answered: boolean): void {
    const { gone } = pending;
    this.remove(pending);
    if (gone !== null) queueMicrotask(() => gone(answered));
  }

  #forget(pending: PendingCall): void {
    if (pending.direct) this.#directs--;
    if (pending.call !== null && pending.call.sink !== null) this.#sinks--;
    pending.direct = false;
    pending.call = null;
    pending.gone = null;
  }

  /** Takes it out and gives its call back; the object serves another call from now on. */
  remove(pending: PendingCall): RpcCall | null {
    const { call } = pending;
    assert(this.#byXid.delete(pending.xid), 'a call is answered once');
    if (call === null) this.#abandoned--;
    this.#forget(pending);
    // One that stands in a queue still is left to the collector when it comes out there.
    if (!pending.queued) this.#free.push(pending);
    return call;
  }

  oldest(): PendingCall | undefined {
    for (const pending of this.#byXid.values()) return pending;
    return undefined;
  }

  /** A copy: calls may be added and removed while it is gone through. */
  all(): PendingCall[] {
    return [...this.#byXid.values()];
  }
}

function hasDirectRun({ segments, bytes }: ReplySink, directBytes: number): boolean {
  if (bytes < directBytes) return false;
  for (let i = 0, at = 0; i < segments.count && at < bytes; i++) {
    const length = segments.length[i] ?? 0;
    if (length >= directBytes) return true;
    at += length;
  }
  return false;
}
