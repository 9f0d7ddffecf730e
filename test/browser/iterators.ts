// Random programs of iterator operations against a list of bytes that shares no code with the library. For any host.
import { FolioQueue } from '../../src/iter/folio-queue.js';
import { IovIter, type Run } from '../../src/iter/iov-iter.js';
import { PortablePages } from '../../src/iter/portable-pages.js';
import { type Choices, check, patterned, sameBytes } from './choices.js';

const PAGE = 4096;
const BUFFERS = 3;
const BUFFER_BYTES: number = 4 * PAGE;
const OPERATIONS = 24;

const KINDS = ['ubuf', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq'] as const;
type Kind = (typeof KINDS)[number];

/** One byte of memory. */
interface Place {
  readonly buffer: number;
  readonly at: number;
}

interface Segment {
  readonly buffer: number;
  readonly from: number;
  readonly length: number;
}

function someSegments(choices: Choices, kind: Kind): Segment[] {
  const count = kind === 'ubuf' ? 1 : choices.below(7);
  const segments: Segment[] = [];
  for (let i = 0; i < count; i++) {
    const last = segments.at(-1);
    // Some go on where the last one ended; some are empty; some begin and end on pages.
    const follows = last !== undefined && choices.below(3) === 0;
    const buffer = follows ? last.buffer : choices.below(BUFFERS);
    const place = choices.below(BUFFER_BYTES);
    const from = follows ? last.from + last.length : choices.below(2) === 0 ? place - (place % PAGE) : place;
    const wanted = [0, 1, choices.below(60), PAGE, choices.below(2 * PAGE)][choices.below(5)] ?? 0;
    segments.push({ buffer, from, length: Math.min(wanted, BUFFER_BYTES - from) });
  }
  return segments;
}

/** An iterator and the bytes that it stands for, one by one. */
class Subject {
  readonly memories: readonly Uint8Array[];
  readonly pages: PortablePages = new PortablePages();
  readonly iter: IovIter;
  readonly bytes: Place[] = [];
  position = 0;
  end = 0;
  /** The number of each buffer's first page. */
  readonly #firsts: number[] = [];

  constructor(choices: Choices, kind: Kind) {
    this.memories = Array.from({ length: BUFFERS }, (_, buffer) => patterned(BUFFER_BYTES, 31, 101 * buffer));
    if (kind === 'bvec' || kind === 'xarray') this.#number();
    this.iter = kind === 'xarray' ? this.#overCache(choices) : this.#over(kind, someSegments(choices, kind));
    this.end = this.bytes.length;
  }

  #number(): void {
    const numbers = new Int32Array(BUFFER_BYTES / PAGE);
    for (const { buffer } of this.memories) {
      this.pages.get(buffer, 0, BUFFER_BYTES, numbers, 0, numbers.length);
      this.#firsts.push(numbers[0] ?? -1);
    }
  }

  #over(kind: Exclude<Kind, 'xarray'>, segments: readonly Segment[]): IovIter {
    for (const { buffer, from, length } of segments)
      for (let i = 0; i < length; i++) this.bytes.push({ buffer, at: from + i });
    const views = segments.map(({ buffer, from, length }) => this.#memory(buffer).subarray(from, from + length));
    switch (kind) {
      case 'ubuf':
        return IovIter.ubuf(views[0] ?? new Uint8Array(0));
      case 'iovec':
        return IovIter.iovec(views);
      case 'kvec':
        return IovIter.kvec(views);
      case 'bvec': {
        const bvecs = segments.map(({ buffer, from, length }) => ({
          page: this.#firsts[buffer] ?? 0,
          offset: from,
          length,
        }));
        return IovIter.bvec(bvecs, this.pages);
      }
      case 'folioq': {
        const queue = new FolioQueue();
        for (const view of views) queue.push(view);
        return IovIter.folioq(queue);
      }
    }
  }

  /** Each page of the cache is a page of some buffer, none twice. */
  #overCache(choices: Choices): IovIter {
    const perBuffer = BUFFER_BYTES / PAGE;
    const pool = Array.from({ length: BUFFERS * perBuffer }, (_, i) => i);
    choices.shuffle(pool);
    const start = choices.below(3 * PAGE);
    const count = choices.below(pool.length * PAGE - start + 1);
    for (let at = start; at < start + count; at++) {
      const page = pool[Math.floor(at / PAGE)] ?? 0;
      this.bytes.push({ buffer: Math.floor(page / perBuffer), at: (page % perBuffer) * PAGE + (at % PAGE) });
    }
    const pageAt = (index: number): number => {
      const page = pool[index] ?? 0;
      return (this.#firsts[Math.floor(page / perBuffer)] ?? 0) + (page % perBuffer);
    };
    return IovIter.xarray({ pageAt }, this.pages, start, count);
  }

  #memory(buffer: number): Uint8Array {
    const memory = this.memories[buffer];
    check(memory !== undefined, 'there are so many buffers');
    return memory;
  }

  get count(): number {
    return this.end - this.position;
  }

  indexOf(buffer: ArrayBufferLike): number {
    return this.memories.findIndex((memory) => memory.buffer === buffer);
  }

  /** The byte `index` of all that the iterator was made of. */
  value(index: number): number {
    const place = this.bytes[index];
    return place === undefined ? -1 : (this.#memory(place.buffer)[place.at] ?? -1);
  }
}

type Operation = (subject: Subject, choices: Choices) => void;

/** Up to a little more than there is. */
function amount(subject: Subject, choices: Choices): number {
  return choices.below(choices.below(3) === 0 ? subject.count + 20 : Math.min(subject.count, 300) + 1);
}

const OPERATIONS_BY_NAME: Readonly<Record<string, Operation>> = {
  advance(subject, choices) {
    const bytes = amount(subject, choices);
    if (bytes > subject.count) return refused('ERR_DIORITE_ITERATOR_BOUNDS', () => subject.iter.advance(bytes));
    subject.iter.advance(bytes);
    subject.position += bytes;
  },
  revert(subject, choices) {
    const bytes = choices.below(subject.position + 10);
    if (bytes > subject.position) return refused('ERR_DIORITE_ITERATOR_BOUNDS', () => subject.iter.revert(bytes));
    subject.iter.revert(bytes);
    subject.position -= bytes;
  },
  truncate(subject, choices) {
    const bytes = amount(subject, choices);
    subject.iter.truncate(bytes);
    subject.end = Math.min(subject.end, subject.position + bytes);
  },
  reexpand(subject, choices) {
    const most = subject.bytes.length - subject.position;
    const count = choices.below(most + 10);
    if (count > most) return refused('ERR_DIORITE_ITERATOR_BOUNDS', () => subject.iter.reexpand(count));
    subject.iter.reexpand(count);
    subject.end = subject.position + count;
  },
  saved(subject, choices) {
    const state = subject.iter.saveState();
    subject.iter.advance(choices.below(subject.count + 1));
    subject.iter.truncate(choices.below(subject.count + 1));
    subject.iter.restore(state);
  },
  dup(subject, choices) {
    subject.iter.dup().advance(choices.below(subject.count + 1));
    check(subject.iter.count === subject.count, 'a duplicate moves alone');
  },
  copyFrom(subject, choices) {
    const bytes = amount(subject, choices);
    const target = new Uint8Array(bytes + 1).fill(99);
    const got = subject.iter.copyFrom(target.subarray(0, bytes));
    check(got === Math.min(bytes, subject.count), `copyFrom(${bytes}) gave ${got}`);
    for (let i = 0; i < got; i++) check(target[i] === subject.value(subject.position + i), `copyFrom: byte ${i}`);
    check(
      target.subarray(got).every((byte, i) => byte === (i + got < bytes + 1 ? 99 : byte)),
      'and no more',
    );
    subject.position += got;
  },
  copyTo(subject, choices) {
    const source = Uint8Array.from({ length: amount(subject, choices) }, () => choices.below(256));
    expectWritten(subject, source, () => subject.iter.copyTo(source));
  },
  zero(subject, choices) {
    const bytes = amount(subject, choices);
    expectWritten(subject, new Uint8Array(bytes), () => subject.iter.zero(bytes));
  },
  runs(subject, choices) {
    const walk = new Walk(subject, choices.below(6));
    const size = amount(subject, choices);
    walk.end(
      size,
      subject.iter.forEachRun(size, (buffer, byteOffset, length) => walk.offer(buffer, byteOffset, length)),
    );
  },
  peek(subject, choices) {
    const run: Run = { buffer: new ArrayBuffer(0), byteOffset: 0, length: 0 };
    const most = Math.min(amount(subject, choices), subject.count);
    const length = subject.iter.peekRun(run, most);
    check(length === run.length && length <= most && length > 0 === most > 0, 'a run, where there is a byte');
    if (length > 0) new Walk(subject, 1).offer(run.buffer, run.byteOffset, length);
  },
  pages(subject, choices) {
    const walk = new Walk(subject, choices.below(12));
    const size = amount(subject, choices);
    const f = (page: number, from: number, length: number): boolean => {
      check(from + length <= PAGE, 'a fragment lies in its page');
      const { buffer, byteOffset } = subject.pages.viewOf(page, from, length);
      return walk.offer(buffer, byteOffset, length);
    };
    walk.end(size, subject.iter.forEachPage(size, f, subject.pages));
  },
};

/** What a walk must offer, until it is told to stop. */
class Walk {
  readonly #subject: Subject;
  readonly #stopAt: number;
  #calls = 0;
  #at: number;

  constructor(subject: Subject, stopAt: number) {
    this.#subject = subject;
    this.#stopAt = stopAt;
    this.#at = subject.position;
  }

  offer(buffer: ArrayBufferLike, byteOffset: number, length: number): boolean {
    if (this.#calls++ === this.#stopAt) return false;
    check(length > 0, 'what is offered holds a byte');
    const index = this.#subject.indexOf(buffer);
    for (let i = 0; i < length; i++) {
      const place = this.#subject.bytes[this.#at + i];
      check(place?.buffer === index && place.at === byteOffset + i, 'what is offered are the next bytes');
    }
    this.#at += length;
    return true;
  }

  end(size: number, accepted: number): void {
    const subject = this.#subject;
    check(accepted === this.#at - subject.position, 'a walk counts what was accepted');
    const wasStopped = this.#calls > this.#stopAt;
    check(wasStopped || accepted === Math.min(size, subject.count), 'a walk that nobody stops goes to its end');
    subject.position = this.#at;
  }
}

function expectWritten(subject: Subject, source: Uint8Array, write: () => number): void {
  const wanted = subject.memories.map((memory) => memory.slice());
  const moved = Math.min(source.length, subject.count);
  for (let i = 0; i < moved; i++) {
    const place = subject.bytes[subject.position + i];
    const memory = place === undefined ? undefined : wanted[place.buffer];
    // Bytes that the iterator has twice: the later one stays, as it is written later.
    if (place !== undefined && memory !== undefined) memory[place.at] = source[i] ?? 0;
  }
  check(write() === moved, 'all that fits is written');
  for (const [buffer, memory] of wanted.entries()) sameBytes(subject.memories[buffer], memory, 'memory');
  subject.position += moved;
}

function refused(code: string, f: () => void): void {
  let got: unknown = null;
  try {
    f();
  } catch (error) {
    got = error instanceof Error && 'code' in error ? error.code : error;
  }
  check(got === code, `refused with ${code}, not ${String(got)}`);
}

/** One program; what it did goes to `trace`. */
export function iteratorProgram(choices: Choices, trace: (word: string | number) => void): void {
  const kind = KINDS[choices.below(KINDS.length)] ?? 'iovec';
  const subject = new Subject(choices, kind);
  const held = subject.pages.held;
  const names = Object.keys(OPERATIONS_BY_NAME);
  trace(kind);
  for (let i = 0; i < OPERATIONS; i++) {
    const name = names[choices.below(names.length)] ?? '';
    OPERATIONS_BY_NAME[name]?.(subject, choices);
    trace(name);
    trace(subject.position);
    check(subject.iter.count === subject.count, `${name}: count ${subject.iter.count}, and ${subject.count} are left`);
    check(subject.pages.held === held, `${name}: every page is put back`);
  }
}
