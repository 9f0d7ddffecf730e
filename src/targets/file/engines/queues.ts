// The two queues of a ring as they lie in memory shared with the kernel. Positions count on and wrap at 2^32.
import { assert } from '../../../base/assert.js';
import { TWO_32 } from '../../../base/integers.js';
import type { NativeRing } from '../../../memory/addon.js';
import { CQ, CQ_EVENTFD_DISABLED, CQE_WORDS, SQ, SQ_TASKRUN, SQE_WORDS } from './uring-abi.js';

/** Where the slot stands in an SQE. */
const SQE_SLOT = 8;

export class Queues {
  readonly #words: Uint32Array;
  readonly #results: Int32Array;
  readonly #sqes: Uint32Array;
  readonly #sqTailAt: number;
  readonly #sqHeadAt: number;
  readonly #sqFlagsAt: number;
  readonly #sqMask: number;
  readonly #cqHeadAt: number;
  readonly #cqTailAt: number;
  readonly #cqFlagsAt: number;
  readonly #cqesAt: number;
  readonly #cqMask: number;

  constructor(native: NativeRing) {
    this.#words = new Uint32Array(native.sqRing);
    this.#results = new Int32Array(native.cqRing);
    this.#sqes = new Uint32Array(native.sqes);
    this.#sqHeadAt = word(native.sqOffsets, SQ.head);
    this.#sqTailAt = word(native.sqOffsets, SQ.tail);
    this.#sqFlagsAt = word(native.sqOffsets, SQ.flags);
    this.#cqHeadAt = word(native.cqOffsets, CQ.head);
    this.#cqTailAt = word(native.cqOffsets, CQ.tail);
    this.#cqFlagsAt = word(native.cqOffsets, CQ.flags);
    this.#cqesAt = word(native.cqOffsets, CQ.cqes);
    this.#sqMask = native.sqEntries - 1;
    this.#cqMask = native.cqEntries - 1;
    // SQEs are used in order, so the indirection from queue to SQE never changes.
    const arrayAt = word(native.sqOffsets, SQ.array);
    for (let i = 0; i < native.sqEntries; i++) this.#words[arrayAt + i] = i;
  }

  get sqHead(): number {
    return Atomics.load(this.#words, this.#sqHeadAt);
  }

  get sqTail(): number {
    return Atomics.load(this.#words, this.#sqTailAt);
  }

  /** SQEs before it are the kernel's to read. */
  set sqTail(position: number) {
    Atomics.store(this.#words, this.#sqTailAt, position);
  }

  /** Completions wait for an enter of ours. */
  get hasTaskWork(): boolean {
    return (Atomics.load(this.#words, this.#sqFlagsAt) & SQ_TASKRUN) !== 0;
  }

  get cqHead(): number {
    return Atomics.load(this.#words, this.#cqHeadAt);
  }

  /** Answers before it have been read. */
  set cqHead(position: number) {
    Atomics.store(this.#words, this.#cqHeadAt, position);
  }

  get cqTail(): number {
    return Atomics.load(this.#words, this.#cqTailAt);
  }

  /** Whether completions signal the eventfd: a full barrier, so that what came before is seen by loads after it. */
  set signals(on: boolean) {
    Atomics.store(this.#words, this.#cqFlagsAt, on ? 0 : CQ_EVENTFD_DISABLED);
  }

  /** 64-bit fields as two words: storing to a Uint32Array takes a number modulo 2^32. Words 11 to 15 stay 0. */
  write(
    position: number,
    opcodeAndFlags: number,
    fd: number,
    offset: number,
    address: number,
    addressHigh: number,
    length: number,
    opFlags: number,
  ): void {
    const sqes = this.#sqes;
    const at = (position & this.#sqMask) * SQE_WORDS;
    sqes[at] = opcodeAndFlags;
    sqes[at + 1] = fd;
    sqes[at + 2] = offset;
    sqes[at + 3] = Math.floor(offset / TWO_32);
    sqes[at + 4] = address;
    sqes[at + 5] = addressHigh;
    sqes[at + 6] = length;
    sqes[at + 7] = opFlags;
  }

  writeOwner(position: number, slot: number, generation: number, bufferIndex: number): void {
    const sqes = this.#sqes;
    const at = (position & this.#sqMask) * SQE_WORDS;
    sqes[at + SQE_SLOT] = slot;
    sqes[at + 9] = generation;
    sqes[at + 10] = bufferIndex;
  }

  /** Of a request that was written. */
  slotOf(position: number): number {
    return this.#sqes[(position & this.#sqMask) * SQE_WORDS + SQE_SLOT] as number;
  }

  generationOf(position: number): number {
    return this.#sqes[(position & this.#sqMask) * SQE_WORDS + SQE_SLOT + 1] as number;
  }

  /** All of it but whose it is. */
  rewrite(position: number, opcode: number): void {
    const at = (position & this.#sqMask) * SQE_WORDS;
    this.#sqes.fill(0, at, at + SQE_SLOT);
    this.#sqes[at] = opcode;
  }

  /** Of a completion. */
  answeredSlot(position: number): number {
    return this.#words[this.#cqesAt + (position & this.#cqMask) * CQE_WORDS] as number;
  }

  answeredGeneration(position: number): number {
    return this.#words[this.#cqesAt + (position & this.#cqMask) * CQE_WORDS + 1] as number;
  }

  result(position: number): number {
    return this.#results[this.#cqesAt + (position & this.#cqMask) * CQE_WORDS + 2] as number;
  }
}

/** An offset in bytes, as an index of 32-bit words. */
function word(offsets: Uint32Array, which: number): number {
  const offset = offsets[which];
  assert(offset !== undefined && offset % 4 === 0, 'the offsets of the queues are multiples of four');
  return offset / 4;
}
