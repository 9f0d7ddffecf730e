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
import type { NativeRing } from '../../../memory/addon.js';
import { type Completable, completeSafely, RoomQueue, reportUncaught } from './later.js';
import { Promptness } from './prompt.js';
import { CQ, CQ_EVENTFD_DISABLED, CQE_WORDS, ENTER_GETEVENTS, OP_NOP, SQ, SQ_TASKRUN, SQE_WORDS } from './uring-abi.js';

const TWO_32 = 2 ** 32;

/** One turn of the event loop reaps at most this many, and for at most this long. */
const REAP_MAX = 256;
const REAP_BUDGET_MS = 5;
/** The clock is read once per so many completions. */
const REAP_CLOCK_EVERY = 16;
/** The kernel posts 20 deferred completions per enter since Linux 6.13, so one wake-up may need several. */
const POST_MAX = 32;
/** An enter that says "try again" is tried again once a millisecond, so often, and is then an error. */
const RETRY_MAX = 2000;
const RETRY_MS = 1;

/** A user_data that no request has: slots end long before. */
const NO_SLOT = 0xffffffff;

const ENOENT = 2;
/**
 * So many are submitted together, at most. A disk that waits for the end of a tick stands still meanwhile: 4 KiB at depth
 * 32 on virtio, writes 75 k/s by 32, 94 k by 8, 117 k by 2 (fio: 116 k); reads 56, 62 and 69 k (69 k). What is done
 * before the call returns loses nothing, and spares calls.
 */
const SUBMIT_MANY = 2;
const SUBMIT_MANY_PROMPT = 32;

const EINTR = 4;
const EAGAIN = 11;
const EBUSY = 16;

function isTransient(result: number): boolean {
  return result === 0 || result === -EAGAIN || result === -EBUSY || result === -EINTR;
}

/** `wake` is what ringCreate was given: it must reach the Ring that is made from its result. */
export class Ring {
  readonly depth: number;
  readonly #native: NativeRing;
  /** DEFER_TASKRUN: completions are posted by our own enter only. */
  readonly #deferred: boolean;
  readonly #submitMany: number;

  readonly #queues: Uint32Array;
  readonly #results: Int32Array;
  readonly #sqes: Uint32Array;
  readonly #sqTailAt: number;
  readonly #sqHeadAt: number;
  readonly #sqFlagsAt: number;
  readonly #sqMask: number;
  readonly #cqHeadAt: number;
  readonly #cqTailAt: number;
  readonly #cqesAt: number;
  readonly #cqMask: number;
  /** −1: completions are posted by others than our own enter, and cannot be looked for. */
  readonly #cqFlagsAt: number;

  #sqTail: number;
  #cqHead: number;
  #unsubmitted = 0;
  #flushScheduled = false;
  /** Somebody wants to know at once what the enter of this tick has done. */
  #prompt = false;
  #wakeScheduled = false;
  #retries = 0;
  #retryTimer: NodeJS.Timeout | null = null;
  /** Of this tick. */
  #submittedEarly = 0;
  readonly #promptness: Promptness = new Promptness();
  #held = false;
  /** Of those in flight, how many the loop is not kept alive for. */
  #background = 0;
  #closed = false;

  readonly #owners: (Completable | null)[];
  readonly #generations: Uint32Array;
  readonly #freeSlots: Uint16Array;
  #freeCount: number;
  readonly #room: RoomQueue;

  constructor(native: NativeRing, depth: number, deferred: boolean, submitMany: number = SUBMIT_MANY) {
    assert(depth > 0 && depth <= native.cqEntries && depth <= 65536, 'the depth fits the completion queue');
    this.#native = native;
    this.#deferred = deferred;
    this.#submitMany = submitMany;
    this.depth = depth;
    this.#queues = new Uint32Array(native.sqRing);
    this.#results = new Int32Array(native.cqRing);
    this.#sqes = new Uint32Array(native.sqes);
    this.#sqHeadAt = word(native.sqOffsets, SQ.head);
    this.#sqTailAt = word(native.sqOffsets, SQ.tail);
    this.#sqFlagsAt = word(native.sqOffsets, SQ.flags);
    this.#cqHeadAt = word(native.cqOffsets, CQ.head);
    this.#cqTailAt = word(native.cqOffsets, CQ.tail);
    this.#cqesAt = word(native.cqOffsets, CQ.cqes);
    this.#sqMask = native.sqEntries - 1;
    this.#cqMask = native.cqEntries - 1;
    this.#cqFlagsAt = deferred ? word(native.cqOffsets, CQ.flags) : -1;
    this.#sqTail = Atomics.load(this.#queues, this.#sqTailAt);
    this.#cqHead = Atomics.load(this.#queues, this.#cqHeadAt);
    // SQEs are used in order, so the indirection from queue to SQE never changes.
    const arrayAt = word(native.sqOffsets, SQ.array);
    for (let i = 0; i < native.sqEntries; i++) this.#queues[arrayAt + i] = i;

    this.#owners = new Array<Completable | null>(depth).fill(null);
    this.#generations = new Uint32Array(depth);
    this.#freeSlots = new Uint16Array(depth);
    for (let i = 0; i < depth; i++) this.#freeSlots[i] = depth - 1 - i;
    this.#freeCount = depth;
    this.#room = new RoomQueue(() => this.#freeCount > 0 && this.#unsubmitted < native.sqEntries);
  }

  /** Taken and not completed yet, submitted to the kernel or not. */
  get inFlight(): number {
    return this.depth - this.#freeCount;
  }

  /** Taken, and not handed to the kernel yet. */
  get unsubmitted(): number {
    return this.#unsubmitted;
  }

  /** The slot that the next `push` takes, or −1: full. */
  nextSlot(): number {
    if (this.#freeCount === 0 || this.#closed) return -1;
    if (this.#unsubmitted > this.#sqMask) {
      this.#submit();
      if (this.#unsubmitted > this.#sqMask) return -1;
    }
    return this.#freeSlots[this.#freeCount - 1] as number;
  }

  /** Whether the kernel has all of these opcodes, and `cancel`: Linux 6.0. */
  offers(opcodes: readonly number[]): boolean {
    const probe = this.#native.probe();
    return opcodes.every((opcode) => probe[opcode] === 1) && isCancelResult(this.#native.cancel(NO_SLOT, NO_SLOT));
  }

  /**
   * What was pushed last may be done within the enter, as a send is that its socket takes: it is completed in the same
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
      if (this.#owners[slot] !== owner) continue;
      const result = this.#native.cancel(slot, this.#generations[slot] as number);
      assert(isCancelResult(result), 'a request in flight is taken back, or done already');
    }
  }

  onceRoom(callback: () => void): void {
    this.#room.add(callback);
  }

  /** Takes the slot that `nextSlot` named. Offsets and addresses are 0 … 2^53−1 (offset −1: the file's own position). */
  push(
    owner: Completable,
    opcodeAndFlags: number,
    fd: number,
    offset: number,
    address: number,
    length: number,
    opFlags: number,
    bufferIndex = 0,
  ): void {
    assert(this.#freeCount > 0 && this.#unsubmitted <= this.#sqMask, 'push comes after a nextSlot that had room');
    const slot = this.#freeSlots[--this.#freeCount] as number;
    const generation = ((this.#generations[slot] as number) + 1) >>> 0;
    this.#generations[slot] = generation;
    this.#owners[slot] = owner;

    const sqes = this.#sqes;
    const at = (this.#sqTail & this.#sqMask) * SQE_WORDS;
    // 64-bit fields as two words: storing to a Uint32Array takes a number modulo 2^32. Words 11 to 15 stay 0.
    sqes[at] = opcodeAndFlags;
    sqes[at + 1] = fd;
    sqes[at + 2] = offset;
    sqes[at + 3] = Math.floor(offset / TWO_32);
    sqes[at + 4] = address;
    sqes[at + 5] = Math.floor(address / TWO_32);
    sqes[at + 6] = length;
    sqes[at + 7] = opFlags;
    sqes[at + 8] = slot;
    sqes[at + 9] = generation;
    sqes[at + 10] = bufferIndex;
    this.#sqTail = (this.#sqTail + 1) >>> 0;
    this.#unsubmitted++;

    if (!this.#held) this.#hold(true);
    if (!this.#flushScheduled) {
      // What this tick submits, continuations of promises included, shares its enters.
      this.#flushScheduled = true;
      process.nextTick(this.#flushAtTick);
    }
    if (this.#unsubmitted >= (this.#looks ? SUBMIT_MANY_PROMPT : this.#submitMany)) this.#submitEarly();
  }

  /** Many wait: the device works while more are made. */
  #submitEarly(): void {
    if (this.#retryTimer !== null) return;
    // Until the end of the tick, which looks for what is done.
    if (this.#looks) Atomics.store(this.#queues, this.#cqFlagsAt, CQ_EVENTFD_DISABLED);
    this.#submittedEarly += this.#unsubmitted;
    this.#submit();
  }

  get #looks(): boolean {
    return this.#cqFlagsAt >= 0 && this.#promptness.looks;
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
    const sqes = this.#sqes;
    for (let i = 1; i <= this.#unsubmitted; i++) {
      const at = ((this.#sqTail - i) & this.#sqMask) * SQE_WORDS;
      if (this.#owners[sqes[at + 8] as number] !== owner) continue;
      sqes.fill(0, at, at + 8);
      sqes[at] = OP_NOP;
    }
  }

  /** Called through the eventfd, and again by itself when a turn's budget was used up. */
  readonly wake = (): void => {
    if (this.#closed) return;
    this.#wakeScheduled = false;
    if (this.#deferred) this.#post();
    this.#reap();
  };

  readonly #flushAtTick = (): void => {
    this.#flushScheduled = false;
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
  };

  /** Submits, and handles what is done by then in this very tick, as long as others need not wait for it. */
  #flushAndLook(count: number): void {
    Atomics.store(this.#queues, this.#cqFlagsAt, CQ_EVENTFD_DISABLED);
    if (this.#retryTimer === null) this.#submit(ENTER_GETEVENTS);
    // From here on completions signal again; those that came before this store are seen by the loads after it.
    Atomics.store(this.#queues, this.#cqFlagsAt, 0);
    if ((Atomics.load(this.#queues, this.#sqFlagsAt) & SQ_TASKRUN) !== 0) this.#post();
    const done = (Atomics.load(this.#queues, this.#cqTailAt) - this.#cqHead) >>> 0;
    this.#promptness.saw(count, done);
    if (done === 0) return;
    if (this.#promptness.mayGoOn()) this.#reap();
    else this.#wakeAgain();
  }

  /** Has the kernel post what is done. Its work waits for our enter, which is what DEFER_TASKRUN means. */
  #post(): void {
    for (let i = 0; i < POST_MAX; i++) {
      // What is reaped is told first, for the queue to have room.
      Atomics.store(this.#queues, this.#cqHeadAt, this.#cqHead);
      const result = this.#native.enter(0, 0, ENTER_GETEVENTS);
      if (result < 0) {
        // Nothing is lost: it is asked for again. Other errors than these cannot be had with these arguments.
        if (isTransient(result)) this.#wakeAgain();
        else reportUncaught(new Error(`diorite: io_uring_enter: errno ${-result}`));
        return;
      }
      if ((Atomics.load(this.#queues, this.#sqFlagsAt) & SQ_TASKRUN) === 0) return;
    }
    this.#wakeAgain();
  }

  #wakeAgain(): void {
    if (this.#wakeScheduled) return;
    this.#wakeScheduled = true;
    setImmediate(this.wake);
  }

  #reap(): void {
    const tail = Atomics.load(this.#queues, this.#cqTailAt);
    const stopMs = performance.now() + REAP_BUDGET_MS;
    let reaped = 0;
    while (this.#cqHead !== tail && reaped < REAP_MAX) {
      const at = this.#cqesAt + (this.#cqHead & this.#cqMask) * CQE_WORDS;
      const slot = this.#queues[at] as number;
      const generation = this.#queues[at + 1] as number;
      const result = this.#results[at + 2] as number;
      // In our own memory only: the kernel is told before the next enter, and until then nothing new can be posted
      // beyond what the slots allow.
      this.#cqHead = (this.#cqHead + 1) >>> 0;
      reaped++;
      this.#complete(slot, generation, result);
      if (reaped % REAP_CLOCK_EVERY === 0 && performance.now() >= stopMs) break;
    }
    Atomics.store(this.#queues, this.#cqHeadAt, this.#cqHead);
    if (this.#cqHead !== tail) this.#wakeAgain();
    if (reaped > 0) this.#afterCompletions();
  }

  #complete(slot: number, generation: number, result: number): void {
    const owner = slot < this.depth ? this.#owners[slot] : null;
    if (owner === null || owner === undefined || this.#generations[slot] !== generation) {
      reportUncaught(new Error(`diorite: broken invariant: a completion of slot ${slot}, which is not in flight`));
      return;
    }
    this.#release(slot);
    completeSafely(owner, result);
  }

  #release(slot: number): void {
    this.#owners[slot] = null;
    this.#freeSlots[this.#freeCount++] = slot;
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
    Atomics.store(this.#queues, this.#cqHeadAt, this.#cqHead);
    Atomics.store(this.#queues, this.#sqTailAt, this.#sqTail);
    while (this.#unsubmitted > 0) {
      const taken = this.#native.enter(this.#unsubmitted, 0, flags);
      if (taken <= 0) {
        this.#submitFailed(taken);
        return;
      }
      this.#retries = 0;
      this.#unsubmitted -= taken;
    }
    assert(Atomics.load(this.#queues, this.#sqHeadAt) === this.#sqTail, 'the kernel took what it said it took');
  }

  #submitFailed(result: number): void {
    if (this.#retryTimer !== null) return;
    const again = isTransient(result) && ++this.#retries <= RETRY_MAX;
    // Refusals too are answered from a turn of their own: nothing is answered before submit has returned.
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = null;
      if (again) this.#submit();
      else this.#refuse(result === 0 ? -EAGAIN : result);
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
      const slot = this.#sqes[((first + i) & this.#sqMask) * SQE_WORDS + 8] as number;
      const owner = this.#owners[slot];
      assert(owner !== null && owner !== undefined, 'an SQE that was not taken has an owner');
      this.#release(slot);
      refused.push(owner);
    }
    this.#sqTail = first;
    this.#unsubmitted = 0;
    Atomics.store(this.#queues, this.#sqTailAt, first);
    for (const owner of refused) completeSafely(owner, result);
    this.#afterCompletions();
  }
}

/** Linux before 6.0 answers EINVAL. */
function isCancelResult(result: number): boolean {
  return result === 0 || result === -ENOENT;
}

/** An offset in bytes, as an index of 32-bit words. */
function word(offsets: Uint32Array, which: number): number {
  const offset = offsets[which];
  assert(offset !== undefined && offset % 4 === 0, 'the offsets of the queues are multiples of four');
  return offset / 4;
}
