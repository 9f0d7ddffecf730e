// A file, device, pipe or striped object that exists in memory only, answers in virtual time, and fails as it is told: the same every run.
//
// Fault model. What is simulated:
// - answers in any order, late, early, never; "full"; release later than the answer; cancelled or not cancellable;
// - errors (EIO, ENOSPC, ETIMEDOUT, ECANCELED) after which any sectors of the request have landed: none, all, a head,
//   all but a hole in the middle, any; or sectors are torn as well. EINVAL, EAGAIN, EINTR, EPIPE: nothing happened;
// - short answers at aligned and unaligned counts, with any sectors behind the count landed as well; answers of no
//   bytes at all; transient and persistent faults; bad extents;
// - the end: reads are short, then 0 ("end"); writes past the end of a device or of a full file system are short, then
//   ENOSPC; the size changes while requests are in flight;
// - a volatile cache: what no sync covered may be lost, sector by sector, in `crash`; a failed sync loses it though the
//   next one succeeds, as Linux has it since 4.13, or poisons the target, or leaves it dirty;
// - every shape of a target: unseekable, striped, unknown size, holes, limits by place, releases by commits.
// What is not: silent corruption, misdirected writes, an answer that lies.
//
// Bytes move at the instant of the answer. Whoever breaks the contract of a target is told so by an assertion: memory
// of a write that changes before its release, more than the limits allow, requests after `close`. What a kernel
// refuses with EINVAL (misalignment) is refused with EINVAL.
import { assert } from '../../base/assert.js';
import type { DioriteError } from '../../base/errors.js';
import { alignDown, alignUp } from '../../base/integers.js';
import { hostPages } from '../../memory/pages.js';
import type { Piece } from '../../plan/layout.js';
import type { Direction, Limits } from '../../plan/limits.js';
import type { Request } from '../../transfer/request.js';
import type { Effect, Holes, IoMode, Layout, Target } from '../../transfer/target.js';
import { breach } from './checks.js';
import { SimClock } from './clock.js';
import { Durability } from './durability.js';
import { type FaultRule, Faults } from './faults.js';
import { SimHoles } from './holes.js';
import { Judge, type Verdict } from './judge.js';
import { kernelError } from './kernel-error.js';
import { Media } from './media.js';
import { Operation, type Sectors } from './operation.js';
import {
  type Latency,
  newStats,
  PIPE_LIMITS,
  SIM_LIMITS,
  type SimEvent,
  type SimOptions,
  type SimOverlap,
  type SimStats,
  Zones,
} from './options.js';
import { Place } from './place.js';
import { Prng } from './prng.js';
import { Releases } from './releases.js';
import { described, Watch } from './watch.js';

const LATENCY_DEFAULT: Latency = { minNanos: 10_000, meanNanos: 100_000 };
/** Longer than anything else takes. */
const LATE_NANOS = 1e12;
const QUEUE_DEPTH_DEFAULT = 128;
const SECTOR_BYTES_DEFAULT = 512;
/** As a pipe of Linux. */
const PIPE_BYTES_DEFAULT = 65_536;

export class SimTarget implements Target {
  readonly name: string;
  readonly seekable: boolean;
  readonly releasesLater: boolean;
  readonly bestDepth: number;
  readonly durable: 'answer' | 'sync' | 'never';
  readonly layout?: Layout;
  readonly holes?: Holes;
  readonly clock: SimClock;
  readonly media: Media;
  readonly stats: SimStats = newStats();
  readonly #options: SimOptions;
  readonly #limits: Zones;
  readonly #readLimits: Zones;
  readonly #faults: Faults;
  readonly #times: Prng;
  readonly #landings: Prng;
  readonly #judge: Judge;
  readonly #place: Place;
  readonly #durability: Durability;
  readonly #releases: Releases;
  readonly #watch: Watch;
  readonly #queueDepth: number;
  readonly #sectors: Sectors;
  readonly #noEffect: ReadonlySet<string>;
  readonly #held: Set<Operation> = new Set();
  #unanswered = 0;
  #sawEnd = false;
  /** Of a pipe: how many bytes have come out of it, and gone in. */
  readonly #position: { read: number; write: number };
  #drained: (() => void)[] = [];
  #closing: (() => void)[] | null = null;

  constructor(options: SimOptions = {}) {
    const { seed = 1, kind = 'file', size = 0, limits = kind === 'pipe' ? PIPE_LIMITS : SIM_LIMITS } = options;
    const { sectorBytes = SECTOR_BYTES_DEFAULT, tearsSectors = false, position = 0 } = options;
    assert(options.shortAtHole !== true || options.knowsSize !== false, 'who answers with holes knows the size');
    assert(options.striping === undefined || options.ends !== 'rewrite', 'an object takes any bytes');
    this.#options = options;
    this.name = options.name ?? `sim:${kind}`;
    this.seekable = kind !== 'pipe';
    this.clock = options.clock ?? new SimClock(options.pump);
    const contentSeed = options.contents === 'random' ? seed : undefined;
    this.media = new Media({ size, contentSeed, sectorBytes, tearsSectors });
    if (kind !== 'pipe' && options.mapsHoles !== false) this.holes = new SimHoles(this.media, kind);
    this.#place = new Place(options.striping);
    if (this.#place.stripes !== null) this.layout = this.#place.stripes.layout;
    this.#limits = new Zones(limits);
    this.#readLimits = new Zones(options.readLimits ?? limits);
    // A stream of its own for each purpose: a fault more does not change the times of everything after it.
    this.#times = new Prng(seed, 1);
    this.#landings = new Prng(seed, 2);
    this.#faults = new Faults(options.faults ?? [], new Prng(seed, 3));
    this.#judge = new Judge(this.media, this.#place, this.#landings, {
      places: options.places ?? hostPages(),
      sizeMax: kind === 'device' ? size : size + (options.spaceBytes ?? Number.MAX_SAFE_INTEGER - size),
      shortAtHole: options.shortAtHole === true && options.contents !== 'random',
      pipeBytes: kind === 'pipe' ? (options.pipeBytes ?? PIPE_BYTES_DEFAULT) : Number.POSITIVE_INFINITY,
    });
    this.#watch = new Watch(this.name, options.onViolation);
    this.#durability = new Durability(this.name, this.media, options);
    this.#releases = new Releases(
      this.clock,
      options,
      () => this.#latency(options.releaseLatency),
      (operation, lost) => this.#release(operation, lost),
      () => this.#commit(),
    );
    this.#queueDepth = options.queueDepth ?? QUEUE_DEPTH_DEFAULT;
    this.releasesLater = options.commits !== undefined || options.releaseLatency !== undefined;
    this.bestDepth = this.seekable ? this.#queueDepth : 1;
    this.#sectors = { bytes: sectorBytes, torn: tearsSectors };
    this.#noEffect = new Set(options.noEffect);
    this.#position = { read: position, write: position };
    this.durable = this.#durability.kind;
  }

  /** Requests that met in flight, and broken contracts: the first of each. */
  get overlaps(): readonly SimOverlap[] {
    return this.#watch.overlaps;
  }

  get violations(): readonly Error[] {
    return this.#watch.violations;
  }

  get size(): number | undefined {
    const isKnown = this.#sawEnd || (this.seekable && this.#options.knowsSize !== false);
    return isKnown ? this.media.size : undefined;
  }

  limitsAt(offset: number, direction: Direction): Limits {
    return (direction === 'read' ? this.#readLimits : this.#limits).at(offset);
  }

  ioMode(_direction: Direction): IoMode {
    return 'direct';
  }

  effectOf(error: DioriteError, _direction: Direction): Effect {
    if (error.code === 'EAGAIN' || error.code === 'EINTR') return 'retry';
    return error.code === 'EPIPE' || this.#isNoEffect(error.code) ? 'none' : 'unknown';
  }

  /** What a pipe is asked for and did not give stays in it: cancelling changes nothing. */
  #isNoEffect(code: string): boolean {
    return this.#noEffect.has(code) || (code === 'ECANCELED' && !this.seekable);
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
    this.#durability.crash(this.#landings);
  }

  // ---- requests --------------------------------------------------------------------------------------------------

  submit(request: Request): boolean {
    if (this.#closing !== null) this.#watch.violated(`submitted after close: ${described(request)}`);
    if (this.#unanswered >= this.#queueDepth) return this.#refuse(request);
    const { direction, payloadOffset } = request;
    const broken = breach(request, this.limitsAt(payloadOffset, direction), this.#place) ?? this.#outOfTurn(request);
    if (broken !== null) this.#watch.violated(`${described(request)}: ${broken}`);
    const rule = this.#faults.next(direction, (from, length) => this.#touches(request, from, from + length));
    if (rule?.fault === 'full') return this.#refuse(request);
    this.#take(request, rule);
    return true;
  }

  onceDrained(callback: () => void): void {
    this.#drained.push(callback);
    // There may be room already, as after a fault: nobody else would call back then.
    this.clock.after(this.#latency(this.#options.latency), () => this.#drain());
  }

  hasten(): void {
    this.#releases.hasten();
  }

  cancel(request: Request): void {
    const operation = request.tag;
    if (this.#options.cancel !== 'honoured' || !(operation instanceof Operation) || operation.isAnswered) return;
    if (operation.isCancelled) return;
    operation.isCancelled = true;
    this.clock.after(0, () => this.#answer(operation));
  }

  /** A pipe is consumed in order: one request at a time, where the last one has stopped. */
  #outOfTurn({ direction, offset }: Request): string | null {
    if (this.seekable) return null;
    if (offset !== this.#position[direction]) return `the pipe stands at ${this.#position[direction]}`;
    const other = [...this.#held].find(({ request, isAnswered }) => request.direction === direction && !isAnswered);
    return other === undefined ? null : `request ${other.number} is in flight`;
  }

  #touches(request: Request, from: number, to: number): boolean {
    let touches = false;
    this.#place.each(request, 0, request.bytes, (offset, bytes) => {
      touches ||= offset < to && offset + bytes > from;
    });
    return touches;
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
    if (this.#options.keepsBytes !== false) this.#watch.noteOverlaps(operation, this.#held);
    this.#held.add(operation);
    this.#unanswered++;
    stats.inFlight++;
    stats.inFlightBytes += request.bytes;
    stats.inFlightMax = Math.max(stats.inFlightMax, stats.inFlight);
    stats.unansweredMax = Math.max(stats.unansweredMax, this.#unanswered);
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

  // ---- answers ---------------------------------------------------------------------------------------------------

  #answer(operation: Operation): void {
    if (operation.isAnswered) return;
    const { request, number } = operation;
    this.#watch.checkMemory(operation);
    const limits = this.limitsAt(request.payloadOffset, request.direction);
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
    this.#releases.answered(operation, verdict.code !== null);
    this.#drain();
  }

  #succeed(operation: Operation, verdict: Verdict, limits: Limits): void {
    const { request, number, fault } = operation;
    if (this.#options.keepsBytes !== false) operation.move(this.media, this.#place, 0, verdict.bytes);
    // A split request whose middle failed: what lies behind the count may have been moved all the same.
    if (this.seekable && (fault?.fault === 'short' || fault?.fault === 'short-unaligned'))
      this.#landSome(operation, limits, verdict.bytes);
    this.#position[request.direction] += verdict.bytes;
    if (request.direction === 'write')
      this.#place.each(request, 0, verdict.bytes, (offset, bytes) =>
        this.#durability.noteAnswered(offset, bytes, request.dsync),
      );
    else this.#sawEnd ||= verdict.bytes < request.bytes && verdict.short === 'end';
    this.stats.answered++;
    this.#tell('answered', number, request, verdict);
    request.answer(verdict.bytes, verdict.short);
  }

  #commit(): DioriteError | null {
    if (this.durable === 'never') return null;
    const rule = this.#faults.next('sync', () => true);
    return this.#durability.sync(rule, this.stats.syncs);
  }

  #release(operation: Operation, lost: DioriteError | null): void {
    const { request, number } = operation;
    this.#watch.checkMemory(operation);
    if (lost !== null && request.answeredBytes > 0) request.lose(lost);
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

  /** Codes that leave everything as it was: nothing happened at all, or the target is set up to say so. */
  #changesNothing(code: string): boolean {
    return code === 'EINVAL' || code === 'EAGAIN' || code === 'EINTR' || code === 'EPIPE' || this.#isNoEffect(code);
  }

  /** Of the bytes from `from` on, any sectors are moved. */
  #landSome(operation: Operation, limits: Limits, from: number): void {
    const { request } = operation;
    const reach = this.#judge.reach(request, limits);
    if (reach <= from || this.#options.keepsBytes === false) return;
    if (!this.seekable) return this.#passSome(operation, reach);
    operation.moveSome(this.media, this.#place, from, reach, this.#sectors, this.#landings);
    if (request.direction === 'write')
      this.#place.each(request, from, reach, (offset, bytes) => this.#durability.noteWritten(offset, bytes));
  }

  /** Of a pipe, bytes pass in order: the first so many of them, and nobody is told how many. */
  #passSome(operation: Operation, reach: number): void {
    const passed = this.#landings.between(0, reach);
    operation.move(this.media, this.#place, 0, passed);
    this.#position[operation.request.direction] += passed;
  }

  // ---- the rest --------------------------------------------------------------------------------------------------

  sync(_options: { readonly dataOnly?: boolean } = {}): Promise<void> {
    const number = ++this.stats.syncs;
    const rule = this.#faults.next('sync', () => true);
    // What is written while the sync runs is not covered by it.
    const failure = this.#durability.sync(rule, number);
    const covered = this.#releases.take();
    return new Promise((resolve, reject) => {
      this.clock.after(this.#latency(this.#options.latency), () => {
        for (const operation of covered) this.#release(operation, failure);
        if (failure === null) resolve();
        else reject(failure);
      });
    });
  }

  close(): Promise<void> {
    this.#closing ??= [];
    if (this.#held.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#closing?.push(resolve));
  }

  #tell(kind: SimEvent['kind'], number: number, request: Request, verdict: Verdict | null = null): void {
    const { onEvent } = this.#options;
    if (onEvent === undefined) return;
    const { direction, route, unit, offset, bytes, headPadBytes, touchedOffset, touchedBytes } = request;
    const payload: Piece[] = [];
    this.#place.each(request, headPadBytes, headPadBytes + request.payloadBytes, (from, length) =>
      payload.push({ offset: from, bytes: length }),
    );
    onEvent({
      kind,
      number,
      unit,
      headPadBytes,
      payload,
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
