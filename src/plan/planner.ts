// The planner: lays an iterator over a target's range as requests, one at a time. Pure, lazy, synchronous.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import { forEachOwnRun, type IovIter, type RunCallback, skipShortRuns } from '../iter/iov-iter.js';
import { type Layout, UnitRuns } from './layout.js';
import { assertLimits, type Direction, type Limits } from './limits.js';
import { bytesOfPieces, phase, reachOf } from './reach.js';
import type { CopiedWhy, PlannedRequest } from './request.js';

/*
 * How memory becomes segments. The planner walks the runs of the memory beside the target's positions and cuts each run
 * into at most three parts. Example: blocks of 512 (offsetAlignment), memory at multiples of 512 (memoryAlignment),
 * copyBreakBytes 4096; `|` are multiples of 512 in the target, A and B the runs, both aligned where a block begins:
 *
 *      target    |.......|.......| … |.......|.......|.......|.......|
 *      runs      A A A A A A A A A A A A A A A A A B B B B C C C C C C
 *      parts     `------- body, 8 KiB ------´`tail´`head´`-- body ---´     C's body is 1 KiB: less than copyBreakBytes
 *      segments  [ A as it lies              ][staged: A's tail, B, C ]    2 segments: three staged parts are one
 *
 *   head, tail   what does not fill a block of the target: staged. A run that is misaligned or unknown is all head.
 *   body         goes as it lies when it is long (copyBreakBytes); a small one is staged if it has a staged neighbour, or
 *                a small one, to merge with: copying it then saves a segment. A small one alone saves nothing: it goes.
 *
 * Hence #open, the state of the last segment:    CLOSED  a long body, or none: the next part starts a segment
 *                                                LONE    one small body, as it lies; becomes STAGED if anything merges
 *                                                STAGED  grows with every part that is staged
 * Segments begin and end at multiples of offsetAlignment, because only bodies close a staged one, and they begin there.
 *
 * Reads are widened to whole blocks: the pad is part of a staged segment, so it never lands in the caller's memory.
 */

const CLOSED = 0;
const LONE = 1;
const STAGED = 2;
type Open = typeof CLOSED | typeof LONE | typeof STAGED;

/** Shared: an ArrayBuffer costs more to make than a request to plan. */
const NO_MEMORY: ArrayBuffer = new ArrayBuffer(0);

export interface PlannerInput {
  /** The planner's own duplicate: it moves it. */
  readonly iter: IovIter;
  /** The range in the target; `iter` holds at least `bytes`. */
  readonly offset: number;
  readonly bytes: number;
  readonly direction: Direction;
  /** Asked at the offset of each request's first payload byte. */
  readonly limitsAt: (offset: number, direction: Direction) => Limits;
  /** Where the memory lies: a PageSource will do. */
  readonly pages: { offsetInPage(buffer: ArrayBufferLike): number };
  readonly layout?: Layout | undefined;
  /** How far ahead pieces of one unit are looked for. */
  readonly windowBytes?: number | undefined;
  /** Instead of a layout: what is planned from. `offset` and `bytes` count for nothing then. */
  readonly units?: UnitRuns | undefined;
}

export class Planner {
  readonly #iter: IovIter;
  readonly #end: number;
  readonly #direction: Direction;
  readonly #limitsAt: (offset: number, direction: Direction) => Limits;
  readonly #pages: { offsetInPage(buffer: ArrayBufferLike): number };
  readonly #units: UnitRuns | null;
  readonly #isDiscard: boolean;
  #offset: number;
  #limits: Limits | null = null;
  #asItLies = false;
  #open: Open = CLOSED;
  /** The ArrayBuffer of the last run, and where in its page it begins: asked once for runs in a row. */
  #buffer: ArrayBufferLike | null = null;
  #bufferInPage = -1;

  constructor(input: PlannerInput) {
    const { iter, offset, bytes, layout, windowBytes } = input;
    assert(bytes <= iter.count, 'the memory of a plan holds its range');
    this.#iter = input.iter;
    this.#offset = input.offset;
    this.#end = input.offset + input.bytes;
    this.#direction = input.direction;
    this.#limitsAt = input.limitsAt;
    this.#pages = input.pages;
    if (layout === undefined) this.#units = input.units ?? null;
    else this.#units = new UnitRuns(layout, iter.dup(), offset, bytes, windowBytes);
    this.#isDiscard = input.iter.kind === 'discard';
    if (this.#isDiscard && this.#direction === 'write')
      throw errors.make('ERR_DIORITE_DIRECTION', 'A discard iterator has no bytes to write');
  }

  /** Bytes of the range that no request has been planned for. */
  get remaining(): number {
    return this.#units === null ? this.#end - this.#offset : this.#units.remaining;
  }

  /** The first byte in the target that no request has been planned for. */
  get offset(): number {
    return this.#units === null ? this.#offset : this.#units.firstOffset;
  }

  /** Fills `request` with the next request, in file order (of each unit); false at the end of the range. */
  next(request: PlannedRequest): boolean {
    if (this.remaining === 0) return false;
    request.pieces.count = 0;
    if (this.#units !== null) this.#choose(this.#units);
    const limits = this.#limitsHere();
    this.#place(request, limits);
    const bytes = this.#measure(request, limits);
    this.#iter.saveState(request.state);
    if (request.route === 'end') this.#fillEnd(request, limits, bytes);
    else this.#fill(request, limits, bytes);
    assert(request.payloadBytes > 0, 'every request of a plan makes progress');
    if (this.#units === null) this.#offset += request.payloadBytes;
    else this.#units.take(request, this.#iter);
    return true;
  }

  /** Sees more than one request can carry, so that the end of what is seen never cuts it. */
  #choose(units: UnitRuns): void {
    const { bestBytes, endAlignment, offsetAlignment } = this.#limits ?? this.#limitsHere();
    const grain = this.#direction === 'write' ? endAlignment : offsetAlignment;
    units.choose(bestBytes + grain, grain, this.#iter);
    this.#offset = units.offset;
  }

  #limitsHere(): Limits {
    const limits = this.#limitsAt(this.#offset, this.#direction);
    if (limits !== this.#limits || limits.until <= this.#offset) {
      assertLimits(limits, this.#offset);
      this.#limits = limits;
      // Such a target takes any memory, even at an unknown address, and copying never pays.
      this.#asItLies = limits.memoryAlignment === 1 && limits.offsetAlignment === 1 && limits.copyBreakBytes === 0;
    }
    return limits;
  }

  /** Where the request begins: its unit, and its offset there. */
  #place(request: PlannedRequest, limits: Limits): void {
    request.direction = this.#direction;
    request.payloadOffset = this.#offset;
    request.headPadBytes = 0;
    request.memoryAlignment = limits.memoryAlignment;
    request.unit = this.#units === null ? '' : this.#units.unit;
    request.offset = this.#units === null ? this.#offset : this.#units.unitOffset;
  }

  /** How many payload bytes the request may have. Sets its route and its cut, and widens the start of a read. */
  #measure(request: PlannedRequest, limits: Limits): number {
    const units = this.#units;
    const bytes = units === null ? this.#end - this.#offset : units.bytes;
    const isLast = bytes === this.remaining;
    const untilBytes = units === null ? limits.until - this.#offset : units.bytesBefore(limits.until);
    return reachOf(request, limits, bytes, isLast, untilBytes, bytesOfPieces(this.#iter, limits));
  }

  /** The end of a write takes any memory; only the number of segments can cut it short. */
  #fillEnd(request: PlannedRequest, limits: Limits, bytes: number): void {
    request.clear();
    this.#open = CLOSED;
    while (request.bytes < bytes && request.cut !== 'best-segments') {
      this.#eachRun(bytes - request.bytes, (buffer, byteOffset, length) => {
        if (request.segments.count === limits.maxSegments) {
          request.cut = 'best-segments';
          return false;
        }
        request.segments.push(buffer, byteOffset, length, false);
        request.bytes += length;
        return true;
      });
    }
    request.payloadBytes = request.bytes;
  }

  /** `bytes` end at a multiple of the grain, or (reads) where the range or unit ends. */
  #fill(request: PlannedRequest, limits: Limits, bytes: number): void {
    // A direct request ends at a multiple of this, so that the next one can begin there.
    const grain = this.#direction === 'write' ? limits.endAlignment : limits.offsetAlignment;
    let payload = bytes;
    request.clear();
    this.#open = CLOSED;
    if (request.headPadBytes > 0) this.#stage(request, limits, request.headPadBytes);
    let taken = 0;
    let isFull = false;
    const { offsetAlignment, memoryAlignment } = limits;
    const take: RunCallback = (buffer, byteOffset, length) => {
      // All of it a body, in memory that is known: as #split would take it, at half the cost.
      const address = this.#bufferInPage + byteOffset;
      const over = phase(address, memoryAlignment - 1) | phase(request.bytes | length, offsetAlignment - 1);
      const isBody = over === 0 && buffer === this.#buffer && this.#bufferInPage >= 0;
      if (isBody && this.#take(request, limits, buffer, byteOffset, length)) return true;
      taken = this.#split(request, limits, buffer, byteOffset, length);
      isFull = taken < length;
      return !isFull;
    };
    for (let left = bytes; left > 0; ) {
      left -= this.#stageFractions(request, limits, left);
      if (left === 0) break;
      left -= this.#eachRun(left, take);
      if (!isFull) continue;
      isFull = false;
      // Segments have run out. Parts that want a segment of their own begin at multiples of offsetAlignment.
      this.#advance(taken);
      left -= taken;
      if (request.bytes < grain) {
        left -= this.#stageGrain(request, grain);
        continue;
      }
      payload = bytes - left - phase(request.bytes, grain - 1);
      request.cut = 'best-segments';
      if (payload === bytes - left) break;
      // Not a multiple of the grain. The same walk over fewer bytes takes no more segments: see the drawing.
      if (this.#units === null) this.#iter.restore(request.state);
      else this.#units.rewind(this.#iter);
      this.#fill(request, limits, payload);
      return;
    }
    this.#finish(request, limits, payload);
  }

  /** Widens the tail of a read, and adds up. */
  #finish(request: PlannedRequest, limits: Limits, payload: number): void {
    const mask = limits.offsetAlignment - 1;
    const over = phase(request.bytes, mask);
    if (over !== 0) {
      assert(this.#direction === 'read' && this.#open === STAGED, 'only a read is widened, in a staged segment');
      this.#stage(request, limits, mask + 1 - over);
    }
    request.payloadBytes = payload;
    request.copiedBytes = request.stagedBytes - (request.bytes - payload);
    assert(request.headPadBytes + payload <= request.bytes, 'the payload lies in its request');
  }

  /**
   * Offers runs from the position on, up to the end of the unit's piece, and moves over those that `f` accepts. A discard
   * iterator has no memory: it is a run that can only be staged.
   */
  #eachRun(maxBytes: number, f: RunCallback): number {
    const units = this.#units;
    const most = units === null ? maxBytes : Math.min(maxBytes, units.left);
    assert(most > 0 && most <= this.#iter.count, 'the memory of a plan holds its range');
    let moved = 0;
    if (!this.#isDiscard) moved = forEachOwnRun(this.#iter, most, f);
    else if (f(NO_MEMORY, 0, most) !== false) {
      this.#iter.advance(most);
      moved = most;
    }
    units?.moved(this.#iter, moved);
    return moved;
  }

  #advance(bytes: number): void {
    if (this.#units === null) this.#iter.advance(bytes);
    else this.#units.advance(this.#iter, bytes);
  }

  /** Splits a run into head, body and tail, and takes them. Returns how much it took before the segments ran out. */
  #split(request: PlannedRequest, limits: Limits, buffer: ArrayBufferLike, byteOffset: number, length: number): number {
    if (this.#asItLies && !this.#isDiscard) return this.#take(request, limits, buffer, byteOffset, length) ? length : 0;
    const inPage = limits.anyMemory === true ? 0 : this.#inPage(buffer);
    // Less than a block goes nowhere as it lies, wherever that is.
    const isShort = length < limits.offsetAlignment && limits.memoryAlignment <= limits.offsetAlignment;
    if (inPage < 0 && !isShort) return this.#copy(request, limits, length, 'unknownBytes') ? length : 0;
    // The first byte where both alignments hold, if there is one: the coarser says where, the finer must agree there.
    const grid = limits.offsetAlignment - 1;
    const memory = limits.memoryAlignment - 1;
    const address = inPage + byteOffset;
    const head = grid >= memory ? phase(-request.bytes, grid) : phase(-address, memory);
    const body = head >= length ? 0 : length - head - phase(length - head, grid);
    if (body === 0) {
      const why = grid >= memory ? 'fractionBytes' : 'misalignedBytes';
      return this.#copy(request, limits, length, why) ? length : 0;
    }
    if (phase(request.bytes + head, grid) !== 0 || phase(address + head, memory) !== 0)
      return this.#copy(request, limits, length, 'misalignedBytes') ? length : 0;
    if (head > 0 && !this.#copy(request, limits, head, grid >= memory ? 'fractionBytes' : 'misalignedBytes')) return 0;
    if (!this.#take(request, limits, buffer, byteOffset + head, body)) return head;
    const tail = length - head - body;
    if (tail > 0 && !this.#copy(request, limits, tail, 'fractionBytes')) return head + body;
    return length;
  }

  /** Stages runs that are shorter than a block, up to one that is not, without a look at each. Returns how many bytes. */
  #stageFractions(request: PlannedRequest, limits: Limits, maxBytes: number): number {
    const { offsetAlignment, memoryAlignment, bestSegments } = limits;
    const isFull = this.#open === CLOSED && request.segments.count === bestSegments;
    if (isFull || offsetAlignment < Math.max(2, memoryAlignment) || this.#isDiscard) return 0;
    const units = this.#units;
    const most = Math.min(maxBytes, units?.left ?? maxBytes);
    // Bytes to be written are copied before the request goes out; those that are read, when it is too late to refuse.
    const bytes = skipShortRuns(this.#iter, most, offsetAlignment, this.#direction === 'read');
    if (bytes > 0) this.#copy(request, limits, bytes, 'fractionBytes');
    units?.moved(this.#iter, bytes);
    return bytes;
  }

  /** Stages payload, and notes why. */
  #copy(request: PlannedRequest, limits: Limits, bytes: number, why: keyof CopiedWhy): boolean {
    if (!this.#stage(request, limits, bytes)) return false;
    request.copiedWhy[why] += bytes;
    return true;
  }

  #inPage(buffer: ArrayBufferLike): number {
    if (this.#isDiscard) return -1;
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#bufferInPage = this.#pages.offsetInPage(buffer);
    }
    return this.#bufferInPage;
  }

  /** Adds bytes to the staged segment at the end, or starts one. False: there is no segment left. */
  #stage(request: PlannedRequest, limits: Limits, bytes: number): boolean {
    const segments = request.segments;
    if (this.#open === CLOSED) {
      if (segments.count === limits.bestSegments) return false;
      segments.push(null, 0, bytes, true);
    } else {
      const last = segments.count - 1;
      const length = segments.length[last] ?? 0;
      if (this.#open === LONE) {
        segments.buffer[last] = null;
        segments.byteOffset[last] = 0;
        segments.staged[last] = true;
        request.stagedBytes += length;
        request.copiedWhy.smallBytes += length;
      }
      segments.length[last] = length + bytes;
    }
    this.#open = STAGED;
    request.bytes += bytes;
    request.stagedBytes += bytes;
    return true;
  }

  /** A body of a run: as it lies, or staged where that saves a segment and is cheap. */
  #take(request: PlannedRequest, limits: Limits, buffer: ArrayBufferLike, byteOffset: number, bytes: number): boolean {
    const isSmall = bytes < limits.copyBreakBytes;
    if (isSmall && this.#open !== CLOSED) {
      request.copiedWhy.smallBytes += bytes;
      return this.#stage(request, limits, bytes);
    }
    const segments = request.segments;
    if (segments.count === limits.bestSegments) return false;
    segments.push(buffer, byteOffset, bytes, false);
    this.#open = isSmall ? LONE : CLOSED;
    request.bytes += bytes;
    return true;
  }

  /**
   * More pieces than segments within one grain: only a copy of the whole grain makes progress. Returns how many bytes
   * that takes beyond those that the request has; a write, the only one whose grain is more than a block, holds them.
   */
  #stageGrain(request: PlannedRequest, grain: number): number {
    const more = grain - request.bytes;
    this.#advance(more);
    request.copiedWhy.smallBytes += grain - request.stagedBytes;
    request.segments.clear();
    request.segments.push(null, 0, grain, true);
    request.bytes = grain;
    request.stagedBytes = grain;
    this.#open = STAGED;
    return more;
  }
}
