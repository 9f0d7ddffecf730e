// One request of a plan: which bytes of the target, from or to which memory, and why it ends where it does.
import type { IterState } from '../iter/iov-iter.js';
import type { Direction } from './limits.js';

/**
 * Why a request ends: `end` of the range; `best-bytes` or `best-segments` reached; `boundary` of the target; `limits`
 * stop holding there; `unit`: no more of it follows within the window; `route`: an unaligned end of a write begins or stops here.
 */
export type Cut = 'end' | 'best-bytes' | 'best-segments' | 'boundary' | 'limits' | 'unit' | 'route';

/** `direct`: obeys every limit. `end`: an unaligned end of a write, of any offset, length and memory. */
export type Route = 'direct' | 'end';

/**
 * The memory of a request, in order, as parallel arrays: refilled for each request, so that a page costs no object.
 * Segment i is `length[i]` bytes at `byteOffset[i]` of `buffer[i]`; a staged one (`buffer[i]` null when planned) gets a
 * lease's memory from whoever carries the plan out.
 */
export class SegmentList {
  count = 0;
  readonly buffer: (ArrayBufferLike | null)[] = [];
  readonly byteOffset: number[] = [];
  readonly length: number[] = [];
  readonly staged: boolean[] = [];

  clear(): void {
    // Dropped, not only forgotten: a request that waits for reuse must not keep a caller's memory alive.
    for (let i = 0; i < this.count; i++) this.buffer[i] = null;
    this.count = 0;
  }

  push(buffer: ArrayBufferLike | null, byteOffset: number, length: number, staged: boolean): void {
    const i = this.count++;
    this.buffer[i] = buffer;
    this.byteOffset[i] = byteOffset;
    this.length[i] = length;
    this.staged[i] = staged;
  }
}

/** Parts of a transfer, in the order in which they lie in their unit, and the caller's iterator at each: reused as well. */
export class PieceList {
  count = 0;
  readonly offset: number[] = [];
  readonly bytes: number[] = [];
  readonly state: IterState[] = [];

  push(offset: number, bytes: number, { segment, iovOffset, count }: IterState): void {
    const i = this.count++;
    this.offset[i] = offset;
    this.bytes[i] = bytes;
    this.state[i] ??= { segment, iovOffset, count };
    Object.assign(this.state[i], { segment, iovOffset, count });
  }
}

/**
 * Why payload bytes pass through staging; the four add up to `copiedBytes`. `unknown`: nobody knows where the memory
 * lies. `misaligned`: it does not lie where the target wants it. `fraction`: what a run holds of a block of the target
 * that it does not fill, wherever it lies. `small`: could go as it lies, and copying is cheaper.
 */
export interface CopiedWhy {
  unknownBytes: number;
  misalignedBytes: number;
  fractionBytes: number;
  smallBytes: number;
}

/**
 * Reused: `Planner.next(request)` fills it, and it holds until it is filled again.
 *
 *      target    |·····[======================]···|        offset … offset+bytes      on the wire
 *      payload         [======================]            payloadOffset … +payloadBytes, the caller's part
 *                ^ a read that is unaligned is widened; what is too much lands in staged segments only
 */
export class PlannedRequest {
  direction: Direction = 'read';
  route: Route = 'direct';
  /** The unit of the target's layout that it goes to; '' where the target has no layout. */
  unit = '';
  /** Where it starts: in the target, or in the unit where there is a layout. */
  offset = 0;
  bytes = 0;
  payloadOffset = 0;
  payloadBytes = 0;
  /** Where the payload lies in the transfer, if it is more than one piece, which begins at `payloadOffset`: a file's never. */
  readonly pieces: PieceList = new PieceList();
  /** What a read was widened by before its payload: payload byte 0 is byte `headPadBytes` of the request. */
  headPadBytes = 0;
  /** What the address of every segment must be a multiple of, the staged ones' places included. */
  memoryAlignment = 1;
  /** Memory of all `bytes`, in order. */
  readonly segments: SegmentList = new SegmentList();
  /** How many bytes of the segments are staged (need a lease). */
  stagedBytes = 0;
  /** How many payload bytes pass through staging. */
  copiedBytes = 0;
  readonly copiedWhy: CopiedWhy = { unknownBytes: 0, misalignedBytes: 0, fractionBytes: 0, smallBytes: 0 };
  cut: Cut = 'end';
  /** The caller's iterator at the first payload byte: what a staged copy starts from. */
  readonly state: IterState = { segment: 0, iovOffset: 0, count: 0 };

  /** Forgets its memory, before it is filled again. */
  clear(): void {
    const why = this.copiedWhy;
    why.unknownBytes = 0;
    why.misalignedBytes = 0;
    why.fractionBytes = 0;
    why.smallBytes = 0;
    this.segments.clear();
    this.bytes = 0;
    this.stagedBytes = 0;
    this.copiedBytes = 0;
  }

  /** Calls f for the pieces of payload bytes `from` … `to`; `state` is the iterator's `skipped` bytes before the piece. */
  eachPiece(
    from: number,
    to: number,
    f: (offset: number, bytes: number, state: IterState, skipped: number) => void,
  ): void {
    const { count, offset, bytes, state } = this.pieces;
    if (count === 0 && to > from) f(this.payloadOffset + from, to - from, this.state, from);
    for (let i = 0, at = 0; i < count && at < to; at += bytes[i++] ?? 0) {
      const skipped = Math.max(0, from - at);
      const length = Math.min(bytes[i] ?? 0, to - at) - skipped;
      if (length > 0) f((offset[i] ?? 0) + skipped, length, state[i] ?? this.state, skipped);
    }
  }
}
