// Random programs of iterator operations, run beside the model; failing ones are made small. Nothing here needs Node.
import { Crc32c } from '../../src/base/crc32c.js';
import type { PageSource } from '../../src/base/page-source.js';
import { FolioQueue } from '../../src/iter/folio-queue.js';
import { type Bvec, IovIter } from '../../src/iter/iov-iter.js';
import { FIRST_PAGE, type Fragment, Model, type ModelPiece, naiveCrc32c, PAGE } from './model.js';

const BUFFERS = 3;
const BUFFER_PAGES = 4;
const BUFFER_BYTES = BUFFER_PAGES * PAGE;
/** Buffer 0 starts on a page, the others somewhere within one. */
const PLACES: readonly number[] = [0, 512, 4095];
const ABSENT = -1;

export const KINDS = ['ubuf', 'iovec', 'kvec', 'bvec', 'xarray', 'folioq'] as const;
type Kind = (typeof KINDS)[number];

const OPS = [
  'advance',
  'revert',
  'truncate',
  'reexpand',
  'save',
  'restore',
  'dup',
  'tooFar',
  'copyTo',
  'copyFrom',
  'copyToFull',
  'copyFromFull',
  'zero',
  'peekRun',
  'forEachRun',
  'forEachPage',
  'throwing',
  'reentering',
  'getPages',
  'getPagesAlloc',
  'extractBvecs',
  'queries',
  'push',
  'drop',
] as const;
type Op = (typeof OPS)[number];

export interface Step {
  op: Op;
  /** Whatever the operation needs, modulo what makes sense where it runs. */
  a: number;
  b: number;
}

export interface Program {
  kind: Kind;
  pieces: ModelPiece[];
  /** Pages of the most that the source gives at once; 0: it holds whole buffers. */
  batch: number;
  /** The page that cannot be had, or −1. */
  bad: number;
  steps: Step[];
}

/** Any source of seeded choices. */
export interface Choices {
  /** 0 … below − 1. */
  below(below: number): number;
}

export function drawProgram(random: Choices, steps: number): Program {
  const kind = KINDS[random.below(KINDS.length)] ?? 'iovec';
  const pieces: ModelPiece[] = [];
  for (let i = random.below(6); i >= 0; i--) pieces.push(drawPiece(random, pieces.at(-1)));
  const bad = random.below(4) === 0 ? (1 + random.below(BUFFERS)) * FIRST_PAGE + random.below(BUFFER_PAGES) : ABSENT;
  const batch = [0, 1, 2, 3, 64][random.below(5)] ?? 0;
  return { kind, pieces, batch, bad, steps: Array.from({ length: steps }, () => drawStep(random)) };
}

function drawStep(random: Choices): Step {
  const small = random.below(3) === 0;
  return {
    op: OPS[random.below(OPS.length)] ?? 'queries',
    a: random.below(small ? 4 : 3 * PAGE),
    b: random.below(small ? 4 : 64),
  };
}

function drawPiece(random: Choices, last: ModelPiece | undefined): ModelPiece {
  const shape = random.below(8);
  if (shape === 0) return { buffer: random.below(BUFFERS), from: random.below(BUFFER_BYTES), length: 0 };
  let buffer = random.below(BUFFERS);
  let from = random.below(BUFFER_BYTES);
  if (shape < 4) from -= (from + (PLACES[buffer] ?? 0)) % PAGE;
  if (shape === 4 && last !== undefined) {
    buffer = last.buffer;
    from = last.from + last.length;
  }
  from = Math.max(0, from);
  const wanted = shape < 3 ? PAGE * (random.below(4) === 0 ? 2 : 1) : random.below(shape === 7 ? PAGE : 40);
  return { buffer, from, length: Math.min(wanted, BUFFER_BYTES - from) };
}

/** The page source of a program: batches, one page that cannot be had, and every pin counted. */
class ProgramPages implements PageSource {
  readonly #buffers: readonly ArrayBufferLike[];
  readonly #model: Model;
  readonly #batch: number;
  readonly #bad: number;
  readonly pins = new Map<number, number>();
  readonly hold?: (buffer: ArrayBufferLike) => number;
  readonly release?: (buffer: ArrayBufferLike) => void;

  constructor(program: Program, buffers: readonly ArrayBufferLike[], model: Model) {
    this.#buffers = buffers;
    this.#model = model;
    this.#batch = program.batch === 0 ? 64 : program.batch;
    this.#bad = program.bad;
    if (program.batch !== 0 || program.bad !== ABSENT) return;
    this.hold = (buffer) => this.#pin(this.#pageOf(buffer, 0), 1);
    this.release = (buffer) => void this.#pin(this.#pageOf(buffer, 0), -1);
  }

  #pageOf(buffer: ArrayBufferLike, at: number): number {
    return this.#model.pageOf(this.#buffers.indexOf(buffer), at);
  }

  #pin(page: number, by: number): number {
    const pins = (this.pins.get(page) ?? 0) + by;
    check(pins >= 0, 'no page is put back more often than it was taken');
    if (pins === 0) this.pins.delete(page);
    else this.pins.set(page, pins);
    return page;
  }

  offsetInPage(buffer: ArrayBufferLike): number {
    return PLACES[this.#buffers.indexOf(buffer)] ?? -1;
  }

  get(buffer: ArrayBufferLike, from: number, length: number, pages: Int32Array, at: number, maxPages: number): number {
    const first = this.#pageOf(buffer, from);
    const last = this.#pageOf(buffer, from + length - 1);
    let got = 0;
    for (let page = first; page <= last && page !== this.#bad && got < Math.min(maxPages, this.#batch); page++)
      pages[at + got++] = this.#pin(page, 1);
    if (got === 0) throw new PageFault();
    return got;
  }

  put(pages: Int32Array, at: number, count: number): void {
    for (const page of pages.subarray(at, at + count)) this.#pin(page, -1);
  }

  viewOf(page: number, from: number, size: number): Uint8Array {
    const index = Math.floor(page / FIRST_PAGE) - 1;
    const buffer = this.#buffers[index];
    check(buffer !== undefined, 'a page has a buffer');
    return new Uint8Array(buffer, (page % FIRST_PAGE) * PAGE + from - (PLACES[index] ?? 0), size);
  }
}

/** Differs between neighbours and far neighbours. (A loop: Uint8Array.from costs as much as all the rest.) */
function patterned(length: number, salt: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = i * 7 + (i >>> 8) * 31 + salt * 101;
  return bytes;
}

class PageFault extends Error {}
class Stop extends Error {}

function check(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

function same(actual: unknown, expected: unknown, what: string): void {
  const [told, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (told !== wanted) throw new Error(`${what}: ${told.slice(0, 300)} and not ${wanted.slice(0, 300)}`);
}

/** What the kinds make of the pieces: a ubuf is one, and a cache has whole pages between its ends. */
function piecesOf({ kind, pieces }: Program): ModelPiece[] {
  if (kind === 'ubuf') return [pieces.find(({ length }) => length > 0) ?? { buffer: 0, from: 0, length: 0 }];
  if (kind !== 'xarray') return pieces;
  const pages = pieces.filter(({ length }) => length > 0);
  return pages.map(({ from, length }, index) => {
    const page = Math.floor(from / PAGE);
    const begin = index === 0 ? from % PAGE : 0;
    const end = index === pages.length - 1 ? Math.max(begin + 1, length % PAGE) : PAGE;
    return { buffer: 0, from: page * PAGE + begin, length: end - begin };
  });
}

class Machine {
  readonly #program: Program;
  readonly #model: Model;
  readonly #pages: ProgramPages;
  readonly #buffers: ArrayBuffer[];
  readonly #queue = new FolioQueue();
  #iter: IovIter;
  #saved: { state: ReturnType<IovIter['saveState']>; start: number; end: number };
  /** What a queue has dropped: nobody goes back there. */
  #droppedBytes = 0;
  #droppedSegments = 0;

  constructor(program: Program) {
    this.#program = program;
    this.#buffers = Array.from({ length: BUFFERS }, (_, index) => patterned(BUFFER_BYTES, index).buffer);
    this.#model = new Model(
      this.#buffers.map((buffer) => new Uint8Array(buffer.slice(0))),
      PLACES,
    );
    this.#pages = new ProgramPages(program, this.#buffers, this.#model);
    const pieces = piecesOf(program);
    for (const piece of pieces) this.#model.push(piece);
    this.#model.end = this.#model.bytes;
    this.#iter = this.#make(pieces);
    this.#saved = { state: this.#iter.saveState(), start: 0, end: this.#model.end };
  }

  /** A page that is not there is the bad one, for kinds that name their pages: only a cache can lack it. */
  get #bad(): number {
    return this.#program.kind === 'bvec' ? ABSENT : this.#program.bad;
  }

  #viewOf({ buffer, from, length }: ModelPiece): Uint8Array {
    return new Uint8Array(this.#buffers[buffer] ?? new ArrayBuffer(0), from, length);
  }

  #make(pieces: readonly ModelPiece[]): IovIter {
    const views = pieces.map((piece) => this.#viewOf(piece));
    const [first] = views;
    switch (this.#program.kind) {
      case 'ubuf':
        return IovIter.ubuf(first ?? new Uint8Array(0));
      case 'iovec':
        return IovIter.iovec(views);
      case 'kvec':
        return IovIter.kvec(views);
      case 'folioq':
        for (const view of views) this.#queue.push(view);
        return IovIter.folioq(this.#queue);
      case 'bvec': {
        const bvecs = pieces.map((piece): Bvec => {
          const { buffer, from, length } = piece;
          return { page: this.#model.pageOf(buffer, from), offset: this.#model.inPageOf(buffer, from), length };
        });
        return IovIter.bvec(bvecs, this.#pages);
      }
      case 'xarray': {
        const pageAt = (index: number): number => {
          const piece = pieces[index - 5];
          const page = piece === undefined ? ABSENT : this.#model.pageOf(0, piece.from);
          return page === this.#program.bad ? ABSENT : page;
        };
        const start = 5 * PAGE + ((pieces[0]?.from ?? 0) % PAGE);
        return IovIter.xarray({ pageAt }, this.#pages, start, this.#model.end);
      }
    }
  }

  run(step: Step): void {
    const before = this.#iter.saveState();
    this.#step(step);
    const model = this.#model;
    same(this.#iter.count, model.count, 'count');
    check(this.#pages.pins.size === 0, 'pins return to zero');
    this.#checkPlace();
    if (this.#iter.count === before.count && model.count > 0) return;
    if (step.op.startsWith('copyTo') || step.op === 'zero') this.#checkMemory();
  }

  #checkMemory(): void {
    for (const [index, buffer] of this.#buffers.entries()) {
      const [words, expected] = [new Int32Array(buffer), new Int32Array(this.#model.memories[index]?.buffer ?? buffer)];
      for (let i = 0; i < words.length; i++)
        if (words[i] !== expected[i]) throw new Error(`bytes ${4 * i} to ${4 * i + 3} of buffer ${index} differ`);
    }
  }

  #checkPlace(): void {
    const { lengths, start } = this.#model;
    if (this.#program.kind === 'xarray') {
      same(this.#iter.iovOffset, start, 'iovOffset');
      return same(this.#iter.nrSegs, start < this.#model.bytes ? 1 : 0, 'nrSegs');
    }
    const segment = lengths.length - this.#iter.nrSegs;
    let before = 0;
    for (const length of lengths.slice(0, segment)) before += length;
    same(before + this.#iter.iovOffset, start, 'the position');
    check(
      this.#iter.iovOffset === 0 || this.#iter.iovOffset < (lengths[segment] ?? 0),
      'iovOffset lies in the segment',
    );
  }

  #throws(f: () => unknown, isExpected: (error: unknown) => boolean): void {
    const before = this.#iter.saveState();
    try {
      f();
    } catch (error) {
      if (!isExpected(error)) throw error;
      return same(this.#iter.saveState(), before, 'an error leaves the iterator where it was');
    }
    throw new Error('an error was expected');
  }

  /** Of a page that cannot be had. */
  readonly #isFault = (error: unknown): boolean => {
    if (this.#program.kind === 'xarray') return codeOf(error) === 'ERR_DIORITE_ITERATOR_BOUNDS';
    return error instanceof PageFault;
  };

  #step({ op, a, b }: Step): void {
    const model = this.#model;
    const iter = this.#iter;
    const forward = Math.min(a, model.count);
    switch (op) {
      case 'advance':
        iter.advance(forward);
        model.start += forward;
        return;
      case 'revert': {
        const back = Math.min(a, model.start - this.#droppedBytes);
        iter.revert(back);
        model.start -= back;
        return;
      }
      case 'truncate':
        iter.truncate(a);
        model.end = Math.min(model.end, model.start + a);
        return;
      case 'reexpand': {
        const count = Math.min(a, model.bytes - model.start);
        iter.reexpand(count);
        model.end = model.start + count;
        return;
      }
      case 'save':
        this.#saved = { state: iter.saveState(), start: model.start, end: model.end };
        return;
      case 'restore':
        if (this.#saved.state.segment < this.#droppedSegments)
          return this.#throws(() => iter.restore(this.#saved.state), isBounds);
        iter.restore(this.#saved.state);
        model.start = this.#saved.start;
        model.end = this.#saved.end;
        return;
      case 'dup': {
        const twin = iter.dup();
        iter.advance(forward);
        this.#iter = twin;
        return;
      }
      case 'tooFar':
        this.#throws(() => iter.advance(model.count + 1 + b), isBounds);
        this.#throws(() => iter.revert(model.start - this.#droppedBytes + 1 + b), isBounds);
        return this.#throws(() => iter.reexpand(model.bytes - model.start + 1 + b), isBounds);
      case 'push': {
        if (this.#program.kind !== 'folioq') return;
        const piece = {
          buffer: a % BUFFERS,
          from: (b % BUFFER_PAGES) * PAGE,
          length: b % 5 === 0 ? 0 : a % (PAGE + 1),
        };
        if (model.bytes > 12 * PAGE) return;
        this.#queue.push(this.#viewOf(piece));
        model.push(piece);
        if (b % 2 === 0) return;
        iter.reexpand(model.bytes - model.start);
        model.end = model.bytes;
        return;
      }
      case 'drop': {
        if (this.#program.kind !== 'folioq') return this.#throws(() => iter.dropConsumed(), isUnsupported);
        this.#droppedSegments += iter.dropConsumed();
        same(this.#queue.firstSlot, this.#droppedSegments, 'slots dropped');
        this.#droppedBytes = 0;
        for (const length of model.lengths.slice(0, this.#droppedSegments)) this.#droppedBytes += length;
        return same(this.#queue.bytes, model.bytes - this.#droppedBytes, 'bytes in the queue');
      }
      default:
        if (this.#hasAbsent()) return this.#pageStep({ op, a, b });
        return this.#memoryStep({ op, a, b }) ? undefined : this.#pageStep({ op, a, b });
    }
  }

  /** Memory of a cache that lacks a page is looked at by page only: the rest is a test of its own. */
  #hasAbsent(): boolean {
    return this.#program.kind === 'xarray' && this.#model.fragments(this.#model.count, this.#program.bad).fault;
  }

  /** False: not one of these. */
  #memoryStep({ op, a, b }: Step): boolean {
    const model = this.#model;
    const iter = this.#iter;
    const bytes = Math.min(a, model.count);
    const crc = b % 2 === 0 ? new Crc32c() : undefined;
    const source = patterned(a, b);
    const isFull = op === 'copyToFull' || op === 'copyFromFull';
    if (op === 'copyTo' || op === 'copyToFull') {
      const done = isFull && a > model.count ? 0 : bytes;
      if (isFull) same(iter.copyToFull(source, crc), a <= model.count, op);
      else same(iter.copyTo(source, crc), done, op);
      model.write(done, (index) => source[index] ?? 0);
      if (crc !== undefined) same(crc.value, naiveCrc32c(source.subarray(0, done)), 'crc');
      model.start += done;
    } else if (op === 'copyFrom' || op === 'copyFromFull') {
      const done = isFull && a > model.count ? 0 : bytes;
      const target = new Uint8Array(a + 1).fill(0xee);
      const expected = model.read(done);
      if (isFull) same(iter.copyFromFull(target.subarray(0, a), crc), a <= model.count, op);
      else same(iter.copyFrom(target.subarray(0, a), crc), done, op);
      const isRight = target.every((byte, index) => byte === (expected[index] ?? 0xee));
      check(isRight, 'copyFrom gives the bytes, and no more');
      if (crc !== undefined) same(crc.value, naiveCrc32c(expected), 'crc');
      model.start += done;
    } else if (op === 'zero') {
      same(iter.zero(a), bytes, op);
      model.write(bytes, () => 0);
      model.start += bytes;
    } else if (op === 'peekRun') {
      const run = { buffer: new ArrayBuffer(0) as ArrayBufferLike, byteOffset: 0, length: 0 };
      const [expected] = model.runs(a);
      same(iter.peekRun(run, a), expected?.[2] ?? 0, op);
      if (expected !== undefined)
        same([this.#buffers.indexOf(run.buffer as ArrayBuffer), run.byteOffset, run.length], expected, op);
    } else if (op === 'forEachRun') {
      const runs = model.runs(a).slice(0, b);
      const seen: unknown[] = [];
      const accepted = iter.forEachRun(a, (buffer, byteOffset, size) => {
        if (seen.length === b) return false;
        seen.push([this.#buffers.indexOf(buffer as ArrayBuffer), byteOffset, size]);
        return true;
      });
      same(seen, runs, op);
      same(accepted, sum(runs), op);
      model.start += accepted;
    } else return false;
    return true;
  }

  #pageStep({ op, a, b }: Step): void {
    const model = this.#model;
    const iter = this.#iter;
    switch (op) {
      case 'forEachPage':
      case 'throwing':
      case 'reentering':
        return this.#walk(op, a, b);
      case 'getPages':
      case 'getPagesAlloc': {
        const maxPages = op === 'getPages' ? b % 9 : Number.POSITIVE_INFINITY;
        const stitch = b % 3 !== 0;
        const spans = this.#program.kind === 'xarray' || this.#program.kind === 'folioq';
        const { pages, start, reach } = model.pages(a, maxPages, stitch || spans, this.#bad);
        const array = new Int32Array(9);
        const options = { stitch, source: this.#pages };
        const take = (): unknown =>
          op === 'getPages' ? iter.getPages(array, a, maxPages, options) : iter.getPagesAlloc(a, options);
        if (reach.fault && pages.length === 0) return this.#throws(take, this.#isFault);
        const got = take() as ReturnType<IovIter['getPagesAlloc']>; // as both return
        same([got.bytes, got.start], [reach.bytes, start], op);
        const told = got.pages.subarray(0, pages.length);
        same([...told], pages, op);
        if (op === 'getPagesAlloc') same(got.pages.length, pages.length, 'as many entries as pages');
        same(pages.length, Math.ceil((start + reach.bytes) / PAGE), 'the number of pages');
        if (iter.extractWillPin) this.#pages.put(told, 0, pages.length);
        model.start += reach.bytes;
        return;
      }
      case 'extractBvecs':
        return this.#extract(a, b % 7, [1, 4, 512][b % 3] ?? 1);
      case 'queries':
        same(iter.npages(Number.POSITIVE_INFINITY, this.#pages), model.npages(), 'npages');
        same(iter.npages(b, this.#pages), Math.min(b, model.npages()), 'npages, at most');
        same(iter.alignment(this.#pages), model.alignment(model.count), 'alignment');
        same(iter.gapAlignment(this.#pages), model.gapAlignment(), 'gapAlignment');
        return;
      default:
        return;
    }
  }

  #walk(op: Op, size: number, stopAt: number): void {
    const model = this.#model;
    const { fragments, fault } = model.fragments(size, this.#bad);
    const expected = fragments.slice(0, stopAt);
    const seen: Fragment[] = [];
    const f = (page: number, from: number, bytes: number): boolean => {
      if (seen.length === stopAt && op === 'throwing') throw new Stop();
      if (seen.length === stopAt) return false;
      same(this.#iter.count, model.count - sum(seen), 'f sees where the iterator stands');
      if (this.#iter.extractWillPin && this.#program.batch !== 0)
        check(this.#pages.pins.has(page), 'a page is held while f runs');
      seen.push([page, from, bytes]);
      if (op === 'reentering' && seen.length % 3 === 1) this.#reenter(fragments, seen.length);
      return true;
    };
    const meets = stopAt < fragments.length;
    const throws = meets ? op === 'throwing' : fault;
    let thrown: unknown;
    let accepted = -1;
    try {
      accepted = this.#iter.forEachPage(size, f, this.#pages);
    } catch (error) {
      thrown = error;
      const isExpected = meets ? error instanceof Stop : this.#isFault(error);
      if (!throws || !isExpected) throw error;
    }
    same(seen, expected, op);
    check(throws === (thrown !== undefined), 'it throws exactly when it must');
    if (!throws) same(accepted, sum(expected), 'bytes accepted');
    model.start += sum(expected);
  }

  /** A walk within a walk over the same memory, by a duplicate. */
  #reenter(fragments: readonly Fragment[], seen: number): void {
    const inner: Fragment[] = [];
    const rest = fragments.slice(seen - 1, seen + 2);
    this.#iter.dup().forEachPage(sum(rest), (page, from, bytes) => void inner.push([page, from, bytes]), this.#pages);
    same(inner, rest, 'a walk within a walk');
  }

  #extract(size: number, maxVecs: number, unit: number): void {
    const model = this.#model;
    const options = { maxVecs, lengthAlignment: unit, source: this.#pages };
    const into: Bvec[] = [];
    const bits = model.alignment(size);
    if (bits !== 0) {
      const memoryAlignment = 2 * (bits & -bits);
      if (memoryAlignment <= PAGE)
        this.#throws(() => this.#iter.extractBvecs(into, size, { ...options, memoryAlignment }), isInvalid);
    }
    const { vectors, bytes, fault } = model.vectors(size, maxVecs, unit, this.#bad);
    const extract = (): number => this.#iter.extractBvecs(into, size, options);
    const possible = model.vectors(size, maxVecs, 1, this.#bad).bytes;
    if (maxVecs > 0 && possible === 0 && fault) this.#throws(extract, this.#isFault);
    else if (possible > 0 && bytes === 0) this.#throws(extract, isInvalid);
    else same(extract(), bytes, 'bytes extracted');
    same(
      into.map(({ page, offset, length }) => [page, offset, length]),
      vectors,
      'vectors',
    );
    for (const { page, offset, length } of this.#iter.extractWillPin ? into : [])
      for (let i = 0; i < Math.ceil((offset + length) / PAGE); i++) this.#pages.put(Int32Array.of(page + i), 0, 1);
    model.start += bytes;
  }
}

function sum(sized: readonly (readonly [number, number, number])[]): number {
  let total = 0;
  for (const [, , size] of sized) total += size;
  return total;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function isBounds(error: unknown): boolean {
  return codeOf(error) === 'ERR_DIORITE_ITERATOR_BOUNDS';
}

function isUnsupported(error: unknown): boolean {
  return codeOf(error) === 'ERR_DIORITE_UNSUPPORTED';
}

function isInvalid(error: unknown): boolean {
  return codeOf(error) === 'ERR_INVALID_ARG_VALUE';
}

/** Throws at the first step that does something else than the model says, and says which. */
export function runProgram(program: Program): void {
  const machine = new Machine(program);
  for (const [index, step] of program.steps.entries()) {
    try {
      machine.run(step);
    } catch (error) {
      throw new Error(`step ${index}, ${step.op}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }
}

/** Runs programs until `steps` steps are done; a failure is shown small, as what to add to the counter-examples. */
export function runPrograms(random: Choices, steps: number, perProgram: number): void {
  for (let done = 0; done < steps; done += perProgram) {
    const program = drawProgram(random, perProgram);
    const failure = failureOf(program);
    if (failure === null) continue;
    const small = shrink(program);
    throw new Error(`${failureOf(small)?.message ?? failure.message}\n${JSON.stringify(small)}`, { cause: failure });
  }
}

function failureOf(program: Program): Error | null {
  try {
    runProgram(program);
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const SHRINK_TRIES_MAX = 3000;

/** Leaves out and lowers, for as long as it still fails. */
export function shrink(program: Program): Program {
  let best = program;
  let tries = 0;
  const stillFails = (candidate: Program): boolean => ++tries <= SHRINK_TRIES_MAX && failureOf(candidate) !== null;
  for (let found: Program | undefined = best; found !== undefined; found = smaller(best).find(stillFails)) best = found;
  return best;
}

function smaller(program: Program): Program[] {
  const { steps, pieces } = program;
  const candidates: Program[] = [];
  for (let size = Math.ceil(steps.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = 0; at < steps.length; at += size)
      candidates.push({ ...program, steps: [...steps.slice(0, at), ...steps.slice(at + size)] });
  for (let i = 0; i < pieces.length; i++)
    candidates.push({ ...program, pieces: pieces.filter((_, index) => index !== i) });
  if (program.bad !== ABSENT) candidates.push({ ...program, bad: ABSENT });
  for (const [index, piece] of pieces.entries())
    for (const less of lower(piece, ['from', 'length']))
      candidates.push({ ...program, pieces: pieces.map((other, i) => (i === index ? less : other)) });
  for (const [index, step] of steps.entries())
    for (const less of lower(step, ['a', 'b']))
      candidates.push({ ...program, steps: steps.map((other, i) => (i === index ? less : other)) });
  return candidates;
}

function lower<T, K extends keyof T>(value: T, keys: readonly K[]): T[] {
  return keys.flatMap((key) => {
    const number = Number(value[key]);
    const fewer = [0, number >> 1, number - (number >> 2), number - 1].filter((less) => less >= 0 && less < number);
    return [...new Set(fewer)].map((less) => ({ ...value, [key]: less }));
  });
}
