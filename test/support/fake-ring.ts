// A ring without a kernel: the queues in plain memory, and a test that plays the other side.
import assert from 'node:assert/strict';
import type { NativeRing } from '../../src/memory/addon.js';

const SQ_AT = 0;
const CQ_AT = 16;
const CQ_FLAGS_AT = 24;
const HEADER_WORDS = 32;
const SQE_WORDS = 16;

export interface TakenSqe {
  readonly opcode: number;
  readonly fd: number;
  readonly slot: number;
  readonly generation: number;
}

/** Checks what a kernel relies on: the queue never holds more than it has room for, nor does the completion queue. */
export class FakeRing implements NativeRing {
  readonly fd = 99;
  readonly features = 0;
  readonly sqRing: ArrayBuffer;
  readonly cqRing: ArrayBuffer;
  readonly sqes: ArrayBuffer;
  readonly sqOffsets: Uint32Array;
  readonly cqOffsets: Uint32Array;
  /** SQEs that were taken by enter and are not completed. */
  readonly taken: TakenSqe[] = [];
  /** How many each enter was given. */
  readonly enters: number[] = [];
  /** What the next enters answer instead of taking everything: −errno, or how many to take. */
  readonly script: number[] = [];
  /** After what an enter was given was taken. */
  onEnter: () => void = () => {};
  held = false;
  closed = false;
  readonly #words: Uint32Array;
  readonly #signed: Int32Array;
  readonly #sqes: Uint32Array;
  readonly #cqesAt: number;

  /** As of a device that is done before the call returns: what each enter takes is posted by it, with this result. */
  prompt: number | null = null;
  /** How often the eventfd would have been signalled. */
  signals = 0;

  constructor(sqEntries: number, cqEntries: number, first = 0) {
    this.sqEntries = sqEntries;
    this.cqEntries = cqEntries;
    const arrayAt = HEADER_WORDS;
    this.#cqesAt = arrayAt + this.sqEntries;
    const words = this.#cqesAt + this.cqEntries * 4;
    this.sqRing = new ArrayBuffer(words * 4);
    this.cqRing = this.sqRing;
    this.sqes = new ArrayBuffer(this.sqEntries * SQE_WORDS * 4);
    this.#words = new Uint32Array(this.sqRing);
    this.#signed = new Int32Array(this.sqRing);
    this.#sqes = new Uint32Array(this.sqes);
    const at = (base: number, last: number): Uint32Array =>
      Uint32Array.from([base, base + 1, base + 2, base + 3, base + 4, base + 5, last], (word) => word * 4);
    this.sqOffsets = at(SQ_AT, arrayAt);
    this.cqOffsets = at(CQ_AT, 0);
    this.cqOffsets[5] = this.#cqesAt * 4;
    this.cqOffsets[6] = CQ_FLAGS_AT * 4;
    for (const word of [SQ_AT, SQ_AT + 1, CQ_AT, CQ_AT + 1]) this.#words[word] = first;
  }

  readonly sqEntries: number;
  readonly cqEntries: number;

  enter(toSubmit: number, _minComplete: number, flags: number): number {
    if (toSubmit === 0) return 0;
    assert.equal(flags !== 0, this.#word(CQ_FLAGS_AT) !== 0, 'who looks at once is not signalled');
    this.enters.push(toSubmit);
    const scripted = this.script.shift() ?? toSubmit;
    if (scripted < 0) return scripted;
    const head = this.#word(SQ_AT);
    assert.equal((this.#word(SQ_AT + 1) - head) >>> 0, toSubmit, 'enter is told what stands in the queue');
    assert.ok(toSubmit <= this.sqEntries, 'the submission queue does not overflow');
    for (let i = 0; i < scripted; i++) this.#take((head + i) >>> 0);
    this.#words[SQ_AT] = head + scripted;
    this.onEnter();
    if (this.prompt !== null) this.postAll(this.prompt);
    return scripted;
  }

  #take(position: number): void {
    const index = this.#word(HEADER_WORDS + (position & (this.sqEntries - 1)));
    const [opcode = 0, fd = 0] = this.#sqes.subarray(index * SQE_WORDS);
    const [slot = 0, generation = 0] = this.#sqes.subarray(index * SQE_WORDS + 8);
    this.taken.push({ opcode, fd, slot, generation });
  }

  /** Posts the completion of something that was taken. */
  post(sqe: TakenSqe | undefined, result: number): void {
    assert.ok(sqe !== undefined, 'something was taken');
    const index = this.taken.indexOf(sqe);
    if (index >= 0) this.taken.splice(index, 1);
    const tail = this.#word(CQ_AT + 1);
    assert.ok((tail - this.#word(CQ_AT)) >>> 0 < this.cqEntries, 'the completion queue does not overflow');
    const at = this.#cqesAt + (tail & (this.cqEntries - 1)) * 4;
    this.#words[at] = sqe.slot;
    this.#words[at + 1] = sqe.generation;
    this.#signed[at + 2] = result;
    this.#words[CQ_AT + 1] = tail + 1;
    if (this.#word(CQ_FLAGS_AT) === 0) this.signals++;
  }

  /** Completes everything that was taken. */
  postAll(result: number): void {
    while (this.taken.length > 0) this.post(this.taken[0], result);
  }

  /** As a kernel before 5.19. */
  buffers(): number {
    return -22;
  }

  setBuffer(): number {
    return -22;
  }

  hold(held: boolean): void {
    assert.notEqual(held, this.held, 'hold is called for changes only');
    this.held = held;
  }

  /** As a kernel does: what it took is completed with ECANCELED, which is reaped later. */
  cancel(low: number, high: number): number {
    const sqe = this.taken.find(({ slot, generation }) => slot === low && generation === high);
    if (sqe === undefined) return -2;
    this.post(sqe, -125);
    return 0;
  }

  probe(): Uint8Array {
    return new Uint8Array(256).fill(1);
  }

  close(): void {
    this.closed = true;
  }

  #word(at: number): number {
    return this.#words[at] ?? 0;
  }
}
