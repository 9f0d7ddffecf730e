// A file or a device that exists in memory only, answers in virtual time, and fails as it is told: the same every run.
//
// Fault model. What is simulated:
// - answers in any order, late, early, never; "full"; release later than the answer; cancelled or not cancellable;
// - errors (EIO, ENOSPC, ETIMEDOUT, ECANCELED) after which any sectors of the request have landed: none, all, a head,
//   all but a hole in the middle, any. Sectors themselves are never torn. EINVAL, EAGAIN, EINTR: nothing happened;
// - short answers at aligned and unaligned counts, with any sectors behind the count landed as well; answers of no
//   bytes at all; transient and persistent faults; bad extents;
// - the end: reads are short, then 0 ("end"); writes past the end of a device or of a full file system are short, then
//   ENOSPC; the size changes while requests are in flight;
// - a volatile cache: what no sync covered may be lost, sector by sector, in `crash`; a failed sync loses it though the
//   next one succeeds, as Linux has it since 4.13.
// What is not: silent corruption, misdirected writes, an answer that lies.
//
// Bytes move at the instant of the answer. Whoever breaks the contract of a target is told so by an assertion: memory
// of a write that changes before its release, more than the limits allow, requests after `close`. What a kernel
// refuses with EINVAL (misalignment) is refused with EINVAL.
import { AssertionFailure, assert } from '../../base/assert.js';
import type { DioriteError } from '../../base/errors.js';
import { alignDown, alignUp } from '../../base/integers.js';
import { hostPages } from '../../memory/pages.js';
import type { Direction, Limits } from '../../plan/limits.js';
import type { Request } from '../../transfer/request.js';
import type { Effect, Holes, IoMode, Target } from '../../transfer/target.js';
import { breach } from './checks.js';
import { SimClock } from './clock.js';
import { type FaultRule, Faults } from './faults.js';
import { SimHoles } from './holes.js';
import { Judge, type Verdict } from './judge.js';
import { kernelError } from './kernel-error.js';
import { Media } from './media.js';
import { Operation } from './operation.js';
import {
  type Latency,
  SIM_LIMITS,
  type SimEvent,
  type SimOptions,
  type SimOverlap,
  type SimStats,
  Zones,
} from './options.js';
import { Prng } from './prng.js';
import { WrittenRanges } from './written-ranges.js';

const LATENCY_DEFAULT: Latency = { minNanos: 10_000, meanNanos: 100_000 };
/** Longer than anything else takes. */
const LATE_NANOS = 1e12;
const QUEUE_DEPTH_DEFAULT = 128;
const SECTOR_BYTES_DEFAULT = 512;
/** Overlaps and violations kept: the first ones tell. */
const KEPT_MAX = 100;

export class SimTarget implements Target {
  readonly name: string;
  readonly seekable = true;
  readonly bestDepth: number;
  readonly durable: 'answer' | 'sync';
  readonly holes: Holes;
  readonly clock: SimClock;
  readonly media: Media;
  readonly stats: SimStats;
  readonly overlaps: SimOverlap[] = [];
  readonly violations: Error[] = [];

  readonly #options: SimOptions;
  readonly #limits: Zones;
  readonly #readLimits: Zones;
  readonly #faults: Faults;
  readonly #times: Prng;
  readonly #landings: Prng;
  readonly #judge: Judge;
  readonly #queueDepth: number;
  readonly #sectorBytes: number;
  readonly #noEffect: ReadonlySet<string>;
  readonly #held: Set<Operation> = new Set();
  readonly #written: WrittenRanges = new WrittenRanges();
  #unanswered = 0;
  #drained: (() => void)[] = [];
  #closing: (() => void)[] | null = null;

  constructor(options: SimOptions = {}) {
    const { seed = 1, kind = 'file', size = 0, limits = SIM_LIMITS } = options;
    this.#options = options;
    this.name = options.name ?? `sim:${kind}`;
    this.clock = options.clock ?? new SimClock(options.pump);
    this.media = new Media({ size, contentSeed: options.contents === 'random' ? seed : undefined });
    this.holes = new SimHoles(this.media, kind);
    this.#limits = new Zones(limits);
    this.#readLimits = new Zones(options.readLimits ?? limits);
    // A stream of its own for each purpose: a fault more does not change the times of everything after it.
    this.#times = new Prng(seed, 1);
    this.#landings = new Prng(seed, 2);
    this.#faults = new Faults(options.faults ?? [], new Prng(seed, 3));
    this.#judge = new Judge(this.media, this.#landings, {
      places: options.places ?? hostPages(),
      sizeMax: kind === 'device' ? size : size + (options.spaceBytes ?? Number.MAX_SAFE_INTEGER - size),
      shortAtHole: options.shortAtHole === true && options.contents !== 'random',
    });
    this.#queueDepth = options.queueDepth ?? QUEUE_DEPTH_DEFAULT;
    this.bestDepth = this.#queueDepth;
    this.#sectorBytes = options.sectorBytes ?? SECTOR_BYTES_DEFAULT;
    this.#noEffect = new Set(options.noEffect);
    this.durable = options.durable ?? 'sync';
    this.stats = {
      submitted: 0,
      answered: 0,
      failed: 0,
      released: 0,
      refused: 0,
      syncs: 0,
      inFlight: 0,
      inFlightMax: 0,
      inFlightBytes: 0,
      inFlightBytesMax: 0,
    };
  }

  get size(): number | undefined {
    return this.#options.knowsSize === false ? undefined : this.media.size;
  }

  limitsAt(offset: number, direction: Direction): Limits {
    return (direction === 'read' ? this.#readLimits : this.#limits).at(offset);
  }

  ioMode(_direction: Direction): IoMode {
    return 'direct';
  }

  effectOf(error: DioriteError, _direction: Direction): Effect {
    if (error.code === 'EAGAIN' || error.code === 'EINTR') return 'retry';
    return this.#noEffect.has(error.code) ? 'none' : 'unknown';
  }

  /** Lets everything that is scheduled happen now, without promises in between; returns how many events that were. */
  run(): number {
    return this.clock.run();
  }

  /** Lets everything happen, and everything that follows from it. */
  settle(): Promise<void> {
    return this.clock.settle();
  }

  /** Power loss: what no good sync covered may be as it was. Only while nothing is in flight. */
  crash(): void {
    assert(this.#held.size === 0, 'a crash is simulated while nothing is in flight');
    this.media.crash(this.#landings);
    this.#written.clear();
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  submit(request: Request): boolean {
    if (this.#closing !== null) this.#violated(`submitted after close: ${described(request)}`);
    if (this.#unanswered >= this.#queueDepth) return this.#refuse(request);
    const { direction, offset, bytes } = request;
    const broken = breach(request, this.limitsAt(offset, direction));
    if (broken !== null) this.#violated(`${described(request)}: ${broken}`);
    const rule = this.#faults.next(direction, offset, bytes);
    if (rule?.fault === 'full') return this.#refuse(request);
    this.#take(request, rule);
    return true;
  }

  onceDrained(callback: () => void): void {
    this.#drained.push(callback);
    // There may be room already, as after a fault: nobody else would call back then.
    this.clock.after(this.#latency(this.#options.latency), () => this.#drain());
  }

  cancel(request: Request): void {
    const operation = request.tag;
    if (this.#options.cancel !== 'honoured' || !(operation instanceof Operation) || operation.isAnswered) return;
    if (operation.isCancelled) return;
    operation.isCancelled = true;
    this.clock.after(0, () => this.#answer(operation));
  }

  #refuse(request: Request): boolean {
    this.stats.refused++;
    this.#tell('full', 0, request);
    return false;
  }

  #take(request: Request, fault: FaultRule | null): void {
    const { stats } = this;
    const watches = this.#options.watchesMemory !== false && this.#options.keepsBytes !== false;
    const operation = new Operation(++stats.submitted, request, fault, watches);
    request.tag = operation;
    if (request.route === 'end' && this.#options.ends === 'rewrite') this.#touchUnits(request);
    if (this.#options.keepsBytes !== false) this.#noteOverlaps(operation);
    this.#held.add(operation);
    this.#unanswered++;
    stats.inFlight++;
    stats.inFlightBytes += request.bytes;
    stats.inFlightMax = Math.max(stats.inFlightMax, stats.inFlight);
    stats.inFlightBytesMax = Math.max(stats.inFlightBytesMax, stats.inFlightBytes);
    this.#tell('submitted', operation.number, request);
    if (fault?.fault === 'resize') this.media.resize(fault.size ?? 0);
    if (fault?.fault === 'no-answer') return;
    this.clock.after(this.#delay(fault), () => this.#answer(operation));
  }

  #delay(fault: FaultRule | null): number {
    if (fault?.fault === 'early') return 0;
    const isLate = fault?.fault === 'late' || fault?.fault === 'ETIMEDOUT';
    return this.#latency(this.#options.latency) + (isLate ? LATE_NANOS : 0);
  }

  #latency(latency: Latency = LATENCY_DEFAULT): number {
    const spreadNanos = Math.max(0, latency.meanNanos - latency.minNanos);
    return Math.round(latency.minNanos + (spreadNanos === 0 ? 0 : this.#times.exponential(spreadNanos)));
  }

  #touchUnits(request: Request): void {
    const unitBytes = this.limitsAt(request.offset, request.direction).endAlignment;
    request.touchedOffset = alignDown(request.offset, unitBytes);
    request.touchedBytes = alignUp(request.offset + request.bytes, unitBytes) - request.touchedOffset;
  }

  #noteOverlaps(operation: Operation): void {
    const { request, number } = operation;
    for (const other of this.#held) {
      const there = other.request;
      if (other.isAnswered || (there.direction === 'read' && request.direction === 'read')) continue;
      const offset = Math.max(request.offset, there.offset);
      const bytes = Math.min(request.offset + request.bytes, there.offset + there.bytes) - offset;
      if (bytes > 0 && this.overlaps.length < KEPT_MAX)
        this.overlaps.push({ first: other.number, second: number, offset, bytes });
    }
  }

  // ---- answers ---------------------------------------------------------------------------------------------------

  #answer(operation: Operation): void {
    if (operation.isAnswered) return;
    const { request, number } = operation;
    this.#checkMemory(operation);
    const limits = this.limitsAt(request.offset, request.direction);
    const verdict = this.#judge.judge(operation, limits);
    operation.isAnswered = true;
    this.#unanswered--;
    if (verdict.code === null) this.#succeed(operation, verdict, limits);
    else {
      if (!this.#changesNothing(verdict.code)) this.#landSome(operation, limits, 0);
      this.stats.failed++;
      this.#tell('failed', number, request, verdict);
      request.fail(kernelError(verdict.code, request.direction, this.name, request.offset, request.bytes));
    }
    if (this.#options.releaseLatency === undefined) this.#release(operation);
    else this.clock.after(this.#latency(this.#options.releaseLatency), () => this.#release(operation));
    this.#drain();
  }

  #succeed(operation: Operation, verdict: Verdict, limits: Limits): void {
    const { request, number, fault } = operation;
    if (this.#options.keepsBytes !== false) operation.move(this.media, 0, verdict.bytes);
    // A split request whose middle failed: what lies behind the count may have been moved all the same.
    if (fault?.fault === 'short' || fault?.fault === 'short-unaligned')
      this.#landSome(operation, limits, verdict.bytes);
    if (request.direction === 'write' && verdict.bytes > 0) this.#noteWritten(request, verdict.bytes);
    this.stats.answered++;
    this.#tell('answered', number, request, verdict);
    request.answer(verdict.bytes, verdict.short);
  }

  #noteWritten(request: Request, bytes: number): void {
    if (request.dsync || this.durable === 'answer') this.media.syncRange(request.offset, bytes);
    else this.#written.add(request.offset, bytes);
  }

  #release(operation: Operation): void {
    const { request, number } = operation;
    this.#checkMemory(operation);
    this.#held.delete(operation);
    this.stats.released++;
    this.stats.inFlight--;
    this.stats.inFlightBytes -= request.bytes;
    this.#tell('released', number, request);
    request.release();
    if (this.#held.size === 0 && this.#closing !== null) for (const resolve of this.#closing.splice(0)) resolve();
  }

  #drain(): void {
    if (this.#unanswered >= this.#queueDepth || this.#drained.length === 0) return;
    // What is registered from within a callback waits for the next time.
    const callbacks = this.#drained;
    this.#drained = [];
    for (const callback of callbacks) callback();
  }

  #checkMemory(operation: Operation): void {
    const at = operation.firstChange();
    if (at === -1) return;
    const { number, request } = operation;
    this.#violated(
      `the memory of request ${number}, ${described(request)}, changed in flight, first at its byte ${at}`,
    );
  }

  /** Codes that leave everything as it was: nothing happened at all, or the target is set up to say so. */
  #changesNothing(code: string): boolean {
    return code === 'EINVAL' || code === 'EAGAIN' || code === 'EINTR' || this.#noEffect.has(code);
  }

  /** Of the bytes from `from` on, any sectors are moved. */
  #landSome(operation: Operation, limits: Limits, from: number): void {
    const { request } = operation;
    const reach = this.#judge.reach(request, limits);
    if (reach <= from || this.#options.keepsBytes === false) return;
    operation.moveSome(this.media, from, reach, this.#sectorBytes, this.#landings);
    if (request.direction === 'write') this.#written.add(request.offset + from, reach - from);
  }

  // ---- the rest --------------------------------------------------------------------------------------------------

  sync(_options: { readonly dataOnly?: boolean } = {}): Promise<void> {
    const number = ++this.stats.syncs;
    // What is written while the sync runs is not covered by it; the medium is told at once, for it has no time of its own.
    const rule = this.#faults.next('sync', 0, Number.MAX_SAFE_INTEGER);
    const extents = this.#written.take();
    if (rule === null) this.media.sync();
    else this.media.failSync();
    return new Promise((resolve, reject) => {
      this.clock.after(this.#latency(this.#options.latency), () => {
        if (rule === null) return resolve();
        const code = rule.fault === 'ENOSPC' ? 'ENOSPC' : 'EIO';
        const failure = kernelError(code, 'fsync', this.name, 0, 0);
        failure.extents = extents;
        failure.bytes = 0;
        failure.message += ` (sync ${number})`;
        reject(failure);
      });
    });
  }

  close(): Promise<void> {
    this.#closing ??= [];
    if (this.#held.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#closing?.push(resolve));
  }

  #violated(what: string): void {
    const failure = new AssertionFailure(`${this.name}: the contract of a target is broken: ${what}`);
    if (this.violations.length < KEPT_MAX) this.violations.push(failure);
    if (this.#options.onViolation === undefined) throw failure;
    this.#options.onViolation(failure);
  }

  #tell(kind: SimEvent['kind'], number: number, request: Request, verdict: Verdict | null = null): void {
    const { onEvent } = this.#options;
    if (onEvent === undefined) return;
    const { direction, route, offset, bytes, touchedOffset, touchedBytes } = request;
    onEvent({
      kind,
      number,
      nowNanos: this.clock.nowNanos,
      direction,
      route,
      offset,
      bytes,
      touchedOffset,
      touchedBytes,
      result: verdict?.bytes ?? 0,
      short: kind === 'answered' ? (verdict?.short ?? '') : '',
      code: verdict?.code ?? '',
    });
  }
}

function described(request: Request): string {
  return `a ${request.direction} of ${request.bytes} bytes at ${request.offset} (${request.route})`;
}
