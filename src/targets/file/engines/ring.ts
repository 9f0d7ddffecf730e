// The ring: submission and completion queues of io_uring, written and read here, in memory shared with the kernel.
//
//   push()            nextTick: flush           kernel            eventfd → #wake           #reap
//   ┌──────────┐      ┌──────────────┐      ┌─────────────┐      ┌───────────────┐      ┌─────────────────┐
//   │ slot,    │ ───▶ │ publish tail │ ───▶ │ does it     │ ───▶ │ enter: post   │ ───▶ │ ≤ N, ≤ 5 ms     │
//   │ SQE      │      │ enter(n)     │      │             │      │ completions   │      │ complete(result)│
//   └──────────┘      └──────────────┘      └─────────────┘      └───────────────┘      └─────────────────┘
//        ▲                                                                                  │ the slot is free
//        └──────────────────────────────────────────────────────────────────────────────────┘
//
//   SQ   head ──────▶ tail            the kernel moves the head, only inside enter (no SQPOLL)
//        [ taken | #unsubmitted | free ]
//   CQ   head ──────▶ tail            the kernel moves the tail
//        [ free  | completed    | free ]
//
// Invariants: slots in use ≤ depth ≤ entries of the completion queue, so that it cannot overflow; an SQE is never
// dropped: a full submission queue is submitted first; each slot is completed once, by its generation.

import { performance } from 'node:perf_hooks';
import { assert } from '../../../base/assert.js';
import { TWO_32 } from '../../../base/integers.js';
import type { NativeRing } from '../../../memory/addon.js';
import { EAGAIN, EBUSY, EINTR, ENOENT } from '../../../transfer/errno.js';
import { type Completable, completeSafely, RoomQueue, reportUncaught } from './later.js';
import { Promptness } from './prompt.js';
import { Queues } from './queues.js';
import { Slots } from './slots.js';
import { SUBMISSION, SUBMIT_MANY_PROMPT, type Submission } from './submission.js';
import { ENTER_GETEVENTS, OP_NOP } from './uring-abi.js';

/** One turn of the event loop reaps at most this many, and for at most this long. */
const REAP_MAX = 256;
const REAP_BUDGET_MS = 5;
/** The clock is read once per so many completions, and not at all for fewer. */
const REAP_CLOCK_EVERY = 16;
/** The kernel posts 20 deferred completions per enter since Linux 6.13, so one wake-up may need several. */
const POST_MAX = 32;
/** An enter that says "try again" is tried again once a millisecond, so often, and is then an error. */
const RETRY_MAX = 2000;
const RETRY_MS = 1;

/** A user_data that no request has: slots end long before. */
const NO_SLOT = 0xffffffff;

function isTransient(result: number): boolean {
  return result === 0 || result === EAGAIN || result === EBUSY || result === EINTR;
}

/** `wake` is what ringCreate was given: it must reach the Ring that is made from its result. */
export class Ring {
  readonly depth: number;
  readonly #native: NativeRing;
  /** DEFER_TASKRUN: completions are posted by our own enter only. */
  readonly #deferred: boolean;
  readonly #submission: Submission;
  readonly #queues: Queues;
  readonly #slots: Slots;
  readonly #room: RoomQueue;

  #sqTail: number;
  #cqHead: number;
  #unsubmitted = 0;
  #flushScheduled = false;
  /** Somebody wants to know at once what the enter of this tick has done. */
  #prompt = false;
  #wakeScheduled = false;
  /** What is pushed now is handed over when all that was found is told. */
  #waking = false;
  #retries = 0;
  #retryTimer: NodeJS.Timeout | null = null;
  /** Of this tick. */
  #submittedEarly = 0;
  readonly #promptness: Promptness = new Promptness();
  #held = false;
  /** Of those in flight, how many the loop is not kept alive for. */
  #background = 0;
  #closed = false;

  constructor(native: NativeRing, depth: number, deferred: boolean, submission: Submission = SUBMISSION) {
    assert(depth <= native.cqEntries, 'the depth fits the completion queue');
    this.#native = native;
    this.#deferred = deferred;
    this.#submission = submission;
    this.depth = depth;
    this.#queues = new Queues(native);
    this.#slots = new Slots(depth);
    this.#sqTail = this.#queues.sqTail;
    this.#cqHead = this.#queues.cqHead;
    this.#room = new RoomQueue(() => this.#slots.freeCount > 0 && this.#unsubmitted < native.sqEntries);
  }

  /** Taken and not completed yet, submitted to the kernel or not. */
  get inFlight(): number {
    return this.depth - this.#slots.freeCount;
  }

  /** Taken, and not handed to the kernel yet. */
  get unsubmitted(): number {
    return this.#unsubmitted;
  }

  /** The slot that the next `push` takes, or −1: full. */
  nextSlot(): number {
    if (this.#slots.freeCount === 0 || this.#closed) return -1;
    if (this.#unsubmitted === this.#native.sqEntries) {
      this.#submit();
      if (this.#unsubmitted === this.#native.sqEntries) return -1;
    }
    return this.#slots.next;
  }

  /** Whether the kernel has all of these opcodes, and `cancel`: Linux 6.0. */
  offers(opcodes: readonly number[]): boolean {
    return this.supports(opcodes) && isCancelResult(this.#native.cancel(NO_SLOT, NO_SLOT));
  }

  supports(opcodes: readonly number[]): boolean {
    const probe = this.#native.probe();
    return opcodes.every((opcode) => probe[opcode] === 1);
  }

  /**
   * What is pushed next may be done within the enter, as a send is that its socket takes: it is completed in the same
   * tick then. For owners who yield to the event loop by themselves.
   */
  promptly(): void {
    this.#prompt = true;
  }

  /** One more, or one fewer, of those in flight waits for something that may never come, and keeps no process alive. */
  background(change: 1 | -1): void {
    this.#background += change;
    assert(this.#background >= 0, 'what left the background was in it');
    this.#holdIfBusy();
  }

  /**
   * Takes back all that this owner has in flight. When this returns, its memory is touched no more; it is completed
   * later, as ever: with ECANCELED, or with what was done before.
   */
  cancel(owner: Completable): void {
    this.#withdraw(owner);
    for (let slot = 0; slot < this.depth; slot++) {
      if (this.#slots.ownerOf(slot) !== owner) continue;
      const result = this.#native.cancel(slot, this.#slots.generationOf(slot));
      assert(isCancelResult(result), 'a request in flight is taken back, or done already');
    }
  }

  onceRoom(callback: () => void): void {
    this.#room.add(callback);
  }

  /**
   * Takes the slot that `nextSlot` named. Offsets and addresses are 0 … 2^53−1 (offset −1: the file's own position). Who
   * gives the upper word of the address by itself may give the lower one as any integer of those bits: what fits 32 bits
   * is passed on without an object for it.
   */
  push(
    owner: Completable,
    opcodeAndFlags: number,
    fd: number,
    offset: number,
    address: number,
    length: number,
    opFlags: number,
    bufferIndex = 0,
    addressHigh: number = Math.floor(address / TWO_32),
  ): void {
    assert(this.#unsubmitted < this.#native.sqEntries, 'push comes after a nextSlot that had room');
    const slot = this.#slots.take(owner);
    const generation = this.#slots.generationOf(slot);
    const at = this.#sqTail;
    this.#queues.write(at, opcodeAndFlags, fd, offset, address, addressHigh, length, opFlags);
    this.#queues.writeOwner(at, slot, generation, bufferIndex);
    this.#sqTail = (at + 1) >>> 0;
    this.#unsubmitted++;

    if (!this.#held) this.#hold(true);
    if (this.#isEnough) this.#submitEarly();
    if (!this.#flushScheduled && !this.#waking) this.#flushLater();
  }

  /** What this tick submits, continuations of promises included, shares its enters. */
  #flushLater(): void {
    if (this.#unsubmitted === 0 && !this.#looks && !this.#prompt) {
      // It has left, and nobody waits for the end of the tick: a callback of its own takes 3 µs where it is the only one.
      this.#submittedEarly = 0;
      this.#promptness.passed();
      return;
    }
    this.#flushScheduled = true;
    process.nextTick(this.#flushAtTick);
  }

  get #isEnough(): boolean {
    if (this.#looks) return this.#unsubmitted >= SUBMIT_MANY_PROMPT;
    const { many, alone } = this.#submission;
    return this.#unsubmitted >= many || (alone && this.inFlight - this.#background <= 1);
  }

  /** The device works while more are made. */
  #submitEarly(): void {
    if (this.#retryTimer !== null) return;
    // Until the end of the tick, which looks for what is done.
    if (this.#looks) this.#queues.signals = false;
    this.#submittedEarly += this.#unsubmitted;
    this.#submit();
  }

  /** Completions that others than our own enter post cannot be looked for. */
  get #looks(): boolean {
    return this.#deferred && this.#promptness.looks;
  }

  /** Hands over what is queued now, not at the end of the tick. */
  flush(): void {
    // A retry is waiting for its time; trying at once would only spin.
    if (this.#retryTimer === null) this.#submit();
  }

  /** Waits for what is in flight (blocking), and frees the ring. Completions that were not reaped are dropped. */
  close(): void {
    assert(this.inFlight === 0, 'a ring is closed when nothing is in flight');
    this.#closed = true;
    this.#native.close();
  }

  /** What the kernel has not seen yet becomes a request for nothing. */
  #withdraw(owner: Completable): void {
    for (let i = 1; i <= this.#unsubmitted; i++) {
      const at = (this.#sqTail - i) >>> 0;
      if (this.#slots.ownerOf(this.#queues.slotOf(at)) === owner) this.#queues.rewrite(at, OP_NOP);
    }
  }

  /** Called through the eventfd, and again by itself when a turn's budget was used up. */
  readonly wake = (): void => {
    if (this.#closed) return;
    this.#wakeScheduled = false;
    if (this.#deferred) this.#post();
    this.#waking = true;
    try {
      this.#reap();
    } finally {
      this.#waking = false;
      if (!this.#flushScheduled) this.#flushTick();
    }
  };

  readonly #flushAtTick = (): void => {
    this.#flushScheduled = false;
    this.#flushTick();
  };

  #flushTick(): void {
    const count = this.#unsubmitted + this.#submittedEarly;
    this.#submittedEarly = 0;
    if (count > 0 && this.#looks) {
      this.#flushAndLook(count);
    } else {
      if (count > 0) this.#promptness.passed();
      this.flush();
    }
    if (!this.#prompt) return;
    this.#prompt = false;
    this.#reap();
  }

  /** Submits, and handles what is done by then in this very tick, as long as others need not wait for it. */
  #flushAndLook(count: number): void {
    this.#queues.signals = false;
    if (this.#retryTimer === null) this.#submit(ENTER_GETEVENTS);
    // From here on completions signal again; those that came before this store are seen by the loads after it.
    this.#queues.signals = true;
    if (this.#queues.hasTaskWork) this.#post();
    const done = (this.#queues.cqTail - this.#cqHead) >>> 0;
    this.#promptness.saw(count, done);
    if (done === 0) return;
    if (this.#promptness.mayGoOn()) this.#reap();
    else this.#wakeAgain();
  }

  /** Has the kernel post what is done. Its work waits for our enter, which is what DEFER_TASKRUN means. */
  #post(): void {
    for (let i = 0; i < POST_MAX; i++) {
      // What is reaped is told first, for the queue to have room.
      this.#queues.cqHead = this.#cqHead;
      const result = this.#native.enter(0, 0, ENTER_GETEVENTS);
      if (result < 0) {
        // Nothing is lost: it is asked for again. Other errors than these cannot be had with these arguments.
        if (isTransient(result)) this.#wakeAgain();
        else reportUncaught(new Error(`diorite: io_uring_enter: errno ${-result}`));
        return;
      }
      if (!this.#queues.hasTaskWork) return;
    }
    this.#wakeAgain();
  }

  #wakeAgain(): void {
    if (this.#wakeScheduled) return;
    this.#wakeScheduled = true;
    setImmediate(this.wake);
  }

  #reap(): void {
    const tail = this.#queues.cqTail;
    const isShort = (tail - this.#cqHead) >>> 0 < REAP_CLOCK_EVERY;
    const stopMs = isShort ? Number.POSITIVE_INFINITY : performance.now() + REAP_BUDGET_MS;
    let reaped = 0;
    while (this.#cqHead !== tail && reaped < REAP_MAX) {
      const at = this.#cqHead;
      const slot = this.#queues.answeredSlot(at);
      const generation = this.#queues.answeredGeneration(at);
      const result = this.#queues.result(at);
      // In our own memory only: the kernel is told before the next enter, and until then nothing new can be posted
      // beyond what the slots allow.
      this.#cqHead = (at + 1) >>> 0;
      reaped++;
      this.#complete(slot, generation, result);
      if (reaped % REAP_CLOCK_EVERY === 0 && performance.now() >= stopMs) break;
    }
    this.#queues.cqHead = this.#cqHead;
    if (this.#cqHead !== tail) this.#wakeAgain();
    if (reaped > 0) this.#afterCompletions();
  }

  #complete(slot: number, generation: number, result: number): void {
    const owner = this.#slots.giveBack(slot, generation);
    if (owner !== null) completeSafely(owner, result);
    else reportUncaught(new Error(`diorite: broken invariant: a completion of slot ${slot}, which is not in flight`));
  }

  #afterCompletions(): void {
    this.#room.notify();
    this.#holdIfBusy();
  }

  #holdIfBusy(): void {
    this.#hold(this.inFlight > this.#background);
  }

  #hold(held: boolean): void {
    if (this.#held === held) return;
    this.#held = held;
    this.#native.hold(held);
  }

  /** Hands all SQEs to the kernel, or as many as it takes. Completes nothing but what the kernel refused. */
  #submit(flags = 0): void {
    this.#queues.cqHead = this.#cqHead;
    this.#queues.sqTail = this.#sqTail;
    while (this.#unsubmitted > 0) {
      const taken = this.#native.enter(this.#unsubmitted, 0, flags);
      if (taken <= 0) {
        this.#submitFailed(taken);
        return;
      }
      this.#retries = 0;
      this.#unsubmitted -= taken;
    }
    assert(this.#queues.sqHead === this.#sqTail, 'the kernel took what it said it took');
  }

  #submitFailed(result: number): void {
    if (this.#retryTimer !== null) return;
    const again = isTransient(result) && ++this.#retries <= RETRY_MAX;
    // Refusals too are answered from a turn of their own: nothing is answered before submit has returned.
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = null;
      if (again) this.#submit();
      else this.#refuse(result === 0 ? EAGAIN : result);
      this.#room.notify();
    }, RETRY_MS);
  }

  /** The kernel takes none of what is queued. It has not seen those SQEs: the tail goes back over them. */
  #refuse(result: number): void {
    this.#retries = 0;
    const count = this.#unsubmitted;
    const first = (this.#sqTail - count) >>> 0;
    const refused: Completable[] = [];
    for (let i = 0; i < count; i++) {
      const at = (first + i) >>> 0;
      const owner = this.#slots.giveBack(this.#queues.slotOf(at), this.#queues.generationOf(at));
      assert(owner !== null, 'an SQE that was not taken has an owner');
      refused.push(owner);
    }
    this.#sqTail = first;
    this.#unsubmitted = 0;
    this.#queues.sqTail = first;
    for (const owner of refused) completeSafely(owner, result);
    this.#afterCompletions();
  }
}

/** Linux before 6.0 answers EINVAL. */
function isCancelResult(result: number): boolean {
  return result === 0 || result === ENOENT;
}
