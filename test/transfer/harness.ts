// Runs one transfer against the simulator, under whatever faults, and holds everything it claims against the oracle.
import assert from 'node:assert/strict';
import { DioriteError, type Extent } from '../../src/base/errors.js';
import type { FolioQueue } from '../../src/iter/folio-queue.js';
import { IovIter } from '../../src/iter/iov-iter.js';
import { hostPages } from '../../src/memory/pages.js';
import type { Direction } from '../../src/plan/limits.js';
import { SimClock, type SimEvent, type SimOptions, SimTarget } from '../../src/targets/sim/index.js';
import { BYTES_IN_FLIGHT_DEFAULT, type TransferOptions } from '../../src/transfer/options.js';
import { doneExtents, type Outcome } from '../../src/transfer/outcome.js';
import { stagingPool } from '../../src/transfer/staging.js';
import { startTransfer } from '../../src/transfer/transfer.js';
import type { MemoryKind } from '../support/iterators.js';
import { AnswerModel, checkBytes, checkExtents, checkSame } from '../support/oracle.js';
import { Prng } from '../support/prng.js';
import { canBe, memoryAs } from '../support/transfer-memory.js';
import { CaseMemory, fillFrom, type Shape } from './memory.js';

/** How far around the range bytes are watched. */
const MARGIN_BYTES = 65_536;

export interface Case {
  readonly seed: number;
  readonly direction: Direction;
  readonly shape: Shape;
  /** Of the iterator: where the shape allows it. By default a list of views, from its first byte on. */
  readonly kind?: MemoryKind | undefined;
  readonly offset: number;
  readonly bytes: number;
  /** By default the target ends well behind the range. */
  readonly size?: number;
  readonly sim?: SimOptions;
  readonly options?: TransferOptions;
  /** Aborts after so many events of this kind. */
  readonly abortAt?: { readonly kind: SimEvent['kind']; readonly count: number };
}

export interface Result {
  readonly outcome: Outcome | null;
  readonly error: DioriteError | null;
  readonly sim: SimTarget;
  /** Whether the fault or abort that was asked for has come: the loops "for N = 1, 2, 3 …" end when it has not. */
  readonly aborted: boolean;
}

/** Throws when anything that a transfer promises does not hold; the message says of which case. */
export async function runCase(aCase: Case): Promise<Result> {
  try {
    return await new Runner(aCase).run();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\n    in ${described(aCase)}`, { cause: error });
  }
}

function described(aCase: Case): string {
  return JSON.stringify(aCase, (_key, value: unknown) => (value === Number.POSITIVE_INFINITY ? 'Infinity' : value));
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

class Runner {
  readonly #case: Case;
  readonly #memory: CaseMemory;
  readonly #sim: SimTarget;
  readonly #model: AnswerModel;
  readonly #controller: AbortController = new AbortController();
  readonly #windowOffset: number;
  readonly #before: Uint8Array;
  readonly #sizeBefore: number;
  readonly #thrown: AbortController = new AbortController();
  readonly #iter: IovIter;
  readonly #queue: FolioQueue | null;
  readonly #isAroundUntouched: () => boolean;
  readonly #countBefore: number;
  #movedBefore = 0;
  #overBudget = '';
  readonly #counts: Map<SimEvent['kind'], number> = new Map();

  constructor(aCase: Case) {
    this.#case = aCase;
    const { seed, offset, bytes } = aCase;
    const prng = new Prng(seed, 77);
    this.#memory = new CaseMemory(aCase.shape, bytes, prng);
    const { views } = this.#memory;
    const isKind = aCase.kind !== undefined && canBe(aCase.kind, views);
    const made = isKind ? memoryAs(aCase.kind, views) : { iter: IovIter.from(views), queue: null };
    this.#iter = made.iter;
    this.#queue = made.queue;
    this.#isAroundUntouched = 'isAroundUntouched' in made ? made.isAroundUntouched : () => true;
    this.#countBefore = made.iter.count;
    this.#windowOffset = Math.max(0, offset - MARGIN_BYTES);
    this.#sizeBefore = aCase.size ?? offset + bytes + 2 * MARGIN_BYTES + 100;
    this.#before = new Uint8Array(offset + bytes + MARGIN_BYTES - this.#windowOffset);
    // What an event throws is a broken invariant of the transfer (or of the target): the promise would never settle.
    const clock = new SimClock(aCase.sim?.pump, (error) => this.#thrown.abort(error));
    this.#sim = new SimTarget({
      seed,
      clock,
      size: this.#sizeBefore,
      position: offset,
      ...aCase.sim,
      onEvent: (event) => this.#onEvent(event),
    });
    this.#fillTarget(prng);
    this.#model = new AnswerModel(
      this.#windowOffset,
      this.#before.length,
      (code) => this.#sim.effectOf(new DioriteError(code, { code }), aCase.direction) === 'unknown',
      () => this.#sim.media.size,
      this.#sim.seekable,
    );
  }

  async run(): Promise<Result> {
    const { direction, offset, bytes, options } = this.#case;
    const iter = this.#iter;
    const payload = this.#memory.gather();
    let outcome: Outcome | null = null;
    let error: DioriteError | null = null;
    try {
      const signal = this.#case.abortAt === undefined ? options?.signal : this.#controller.signal;
      const transfer = startTransfer(this.#sim, iter, offset, bytes, direction, { ...options, signal });
      outcome = await Promise.race([transfer, rejectedBy(this.#thrown.signal)]);
    } catch (thrown) {
      if (!(thrown instanceof DioriteError)) throw thrown;
      error = thrown;
    }
    this.#checkAtRest();
    const moved = outcome?.bytes ?? error?.bytes ?? -1;
    assert.equal(this.#countBefore - iter.count, moved, 'the iterator stands at the bytes that were moved');
    if (outcome !== null) this.#checkOutcome(outcome);
    if (error !== null) this.#checkError(error);
    const extents = outcome === null ? (error?.extents ?? []) : doneExtents(outcome.offset, outcome.bytes);
    this.#checkAllBytes(extents, payload);
    this.#memory.checkSurroundings();
    assert.ok(this.#isAroundUntouched(), 'what the iterator holds before and behind the transfer is not touched');
    if (this.#queue !== null && direction === 'write')
      assert.equal(this.#queue.bytes, iter.count + iter.iovOffset, 'what is consumed was let go');
    return { outcome, error, sim: this.#sim, aborted: this.#controller.signal.aborted };
  }

  #fillTarget(prng: Prng): void {
    const length = Math.max(0, Math.min(this.#before.length, this.#sizeBefore - this.#windowOffset));
    const old = this.#before.subarray(0, length);
    if (this.#case.sim?.shortAtHole === true) {
      // Data and holes in turn.
      for (let at = 0; at + 20_000 < length; at += 50_000) fillFrom(prng, old.subarray(at, at + 20_000));
      for (let at = 0; at + 20_000 < length; at += 50_000)
        this.#sim.media.write(this.#windowOffset + at, old.subarray(at, at + 20_000));
      return;
    }
    fillFrom(prng, old);
    if (length > 0) this.#sim.media.write(this.#windowOffset, old);
  }

  #onEvent(event: SimEvent): void {
    this.#model.tell(event);
    if (event.kind === 'submitted') this.#checkBudget();
    this.#checkMoved();
    const count = (this.#counts.get(event.kind) ?? 0) + 1;
    this.#counts.set(event.kind, count);
    const { abortAt } = this.#case;
    // A target runs nobody else's code within `submit`: the abort comes right after.
    if (abortAt?.kind === event.kind && abortAt.count === count) queueMicrotask(() => this.#controller.abort());
  }

  /** While it runs, a queue moves on, never back, and never past what is done; any other iterator stays. */
  #checkMoved(): void {
    const { offset, bytes } = this.#case;
    const moved = this.#countBefore - this.#iter.count;
    assert.ok(moved >= this.#movedBefore && (moved === 0 || this.#queue !== null), 'the iterator moves too early');
    if (moved > this.#movedBefore) assert.ok(moved <= this.#model.doneFrom(offset, bytes), 'what is consumed is done');
    this.#movedBefore = moved;
  }

  /** Nothing is in flight, leased or pinned, and nothing has gone wrong between the two sides. */
  #checkAtRest(): void {
    const { stats, violations, overlaps } = this.#sim;
    assert.deepEqual(violations, []);
    assert.deepEqual(overlaps, [], 'no two requests of a transfer overlap in flight');
    assert.equal(stats.inFlight, 0, 'nothing is in flight');
    assert.equal(stats.released, stats.submitted);
    assert.equal(stagingPool().leased, 0, 'every lease is released');
    assert.equal(hostPages().held, 0, 'every pin is put back');
    const { bestDepth } = this.#sim;
    const depth = bestDepth === 1 ? 1 : (this.#case.options?.depth ?? bestDepth);
    assert.ok(stats.unansweredMax <= depth, `${stats.unansweredMax} requests unanswered, of at most ${depth}`);
    assert.equal(this.#overBudget, '');
  }

  /** In flight counts until the release. One request may always go, whatever the budget. */
  #checkBudget(): void {
    const { inFlight, inFlightBytes } = this.#sim.stats;
    const most = this.#case.options?.bytesInFlight ?? BYTES_IN_FLIGHT_DEFAULT;
    if (inFlight > 1 && inFlightBytes > most) this.#overBudget = `${inFlightBytes} bytes in flight, of at most ${most}`;
  }

  #checkOutcome(outcome: Outcome): void {
    const { direction, offset, bytes } = this.#case;
    assert.equal(outcome.requests, this.#sim.stats.submitted, 'requests');
    assert.ok(outcome.bytes <= this.#model.doneFrom(offset, bytes), 'what is told as done is done');
    assert.equal(outcome.offset, offset);
    if (direction === 'write') {
      assert.equal(outcome.bytes, bytes, 'a write resolves when every byte is done');
      if (bytes > 0) assert.ok((this.#sim.size ?? offset + bytes) >= offset + bytes);
    } else if (!this.#isResized()) {
      assert.equal(outcome.bytes, Math.max(0, Math.min(bytes, this.#sizeBefore - offset)), 'short only at the end');
    }
  }

  #checkError(error: DioriteError): void {
    const { direction, offset, bytes } = this.#case;
    const { extents } = error;
    assert.ok(extents !== undefined, `an error of a transfer carries its ledger: ${error.stack}`);
    checkExtents(extents, offset, bytes);
    this.#model.checkLedger(extents, offset, bytes, direction);
    assert.equal(error.bytes, this.#model.doneFrom(offset, bytes), 'bytes is the unbroken run of done ones');
    assert.equal(error.offset, offset);
    assert.equal(error.length, bytes);
  }

  #checkAllBytes(extents: readonly Extent[], payload: Uint8Array): void {
    const { direction, offset, bytes } = this.#case;
    const after = new Uint8Array(this.#before.length);
    this.#sim.media.read(this.#windowOffset, after);
    const from = offset - this.#windowOffset;
    const memory = this.#memory.gather();
    if (direction === 'read') {
      const source = this.#before.subarray(from, from + bytes);
      // A read that failed may have filled its memory with anything.
      const known = extents.filter((extent) => extent.state !== 'unknown');
      checkBytes({ direction, offset, bytes, extents: known, before: payload, after: memory, source });
      return;
    }
    checkSame(memory, payload, 0, bytes, 'the memory of a write is not changed');
    checkSame(after, this.#before, 0, from, 'nothing is changed before the range');
    checkSame(after, this.#before, from + bytes, after.length, 'nothing is changed behind the range');
    const target = { before: this.#before.subarray(from, from + bytes), after: after.subarray(from, from + bytes) };
    checkBytes({ direction, offset, bytes, extents, ...target, source: payload });
  }

  #isResized(): boolean {
    return (this.#case.sim?.faults ?? []).some((rule) => rule.fault === 'resize');
  }
}
