// The requests of a plan with the memory that each is made of, told as places in the vectors. Pure and lazy.
import { assert } from '../base/assert.js';
import type { Plan, PlanRequest } from '../draw/plan.js';
import type { Piece } from '../plan/layout.js';
import type { CopiedWhy, Cut, Route } from '../plan/request.js';
import type { Vector } from './vectors.js';

/** `direct`: as it lies. `staged`: copied first. `end`: as it lies, by the way of a write's unaligned ends. */
export type How = 'direct' | 'staged' | 'end';

/** Memory without gap: one vector's, or that of neighbours. */
export interface MemoryPiece {
  readonly offset: number;
  readonly bytes: number;
  readonly firstVector: number;
  readonly lastVector: number;
}

/** One segment of a request, and the memory that its bytes come from or go to. */
export interface ExplainedSegment {
  readonly how: How;
  /** In the target, or in the unit. */
  readonly offset: number;
  readonly bytes: number;
  /** Of a read that is widened: bytes of the segment that nobody asked for. */
  readonly padBytes: number;
  readonly memory: readonly MemoryPiece[];
}

export interface ExplainedRequest {
  readonly index: number;
  readonly route: Route;
  /** Of the target's layout; '' where it has none. */
  readonly unit: string;
  /** In the target, or in the unit. */
  readonly offset: number;
  readonly bytes: number;
  readonly payloadOffset: number;
  readonly payloadBytes: number;
  readonly headPadBytes: number;
  /** Where the payload lies in the range: more than one piece where a unit gathers what is apart there. */
  readonly pieces: readonly Piece[];
  readonly stagedBytes: number;
  readonly copiedBytes: number;
  readonly copiedWhy: Readonly<CopiedWhy>;
  readonly cut: Cut;
  readonly segments: readonly ExplainedSegment[];
}

export function* explainedRequests(
  plan: Plan,
  vectors: readonly Vector[],
): Generator<ExplainedRequest, void, undefined> {
  const cursor = new VectorCursor(vectors, plan.offset);
  for (const request of plan) yield explained(request, cursor);
}

function explained(request: PlanRequest, cursor: VectorCursor): ExplainedRequest {
  const { index, route, unit, offset, bytes, payloadOffset, payloadBytes, headPadBytes, pieces } = request;
  const { stagedBytes, copiedBytes, copiedWhy, cut } = request;
  const segments: ExplainedSegment[] = [];
  const payload = new Payload(pieces, cursor);
  const begin = offset + headPadBytes;
  let at = offset;
  for (const segment of request.segments) {
    const end = at + segment.length;
    const asked = Math.max(0, Math.min(end, begin + payloadBytes) - Math.max(at, begin));
    const memory = payload.take(asked);
    const [piece] = memory;
    assert(
      segment.staged || piece?.offset === segment.byteOffset,
      'what goes as it lies is the memory at the position',
    );
    const how = route === 'end' ? 'end' : segment.staged ? 'staged' : 'direct';
    segments.push({ how, offset: at, bytes: segment.length, padBytes: segment.length - asked, memory });
    at = end;
  }
  return {
    index,
    route,
    unit,
    offset,
    bytes,
    payloadOffset,
    payloadBytes,
    headPadBytes,
    pieces,
    stagedBytes,
    copiedBytes,
    copiedWhy,
    cut,
    segments,
  };
}

/** The memory of a request's payload, in the order of its unit. */
class Payload {
  readonly #pieces: readonly Piece[];
  readonly #cursor: VectorCursor;
  #index = 0;
  #used = 0;

  constructor(pieces: readonly Piece[], cursor: VectorCursor) {
    this.#pieces = pieces;
    this.#cursor = cursor;
  }

  /** The memory of the next `bytes`, neighbours as one piece. */
  take(bytes: number): MemoryPiece[] {
    const memory: MemoryPiece[] = [];
    for (let left = bytes; left > 0; ) {
      const piece = this.#pieces[this.#index];
      assert(piece !== undefined, 'the pieces hold the payload');
      const taken = Math.min(left, piece.bytes - this.#used);
      this.#cursor.take(piece.offset + this.#used, taken, memory);
      left -= taken;
      this.#used += taken;
      if (this.#used < piece.bytes) continue;
      this.#index++;
      this.#used = 0;
    }
    return memory;
  }
}

/** Where the bytes of the range lie in the vectors. Mostly asked in order; of a layout's units, with leaps. */
class VectorCursor {
  readonly #vectors: readonly Vector[];
  #index = 0;
  /** In the range: where the current vector begins. */
  #begin: number;

  constructor(vectors: readonly Vector[], offset: number) {
    this.#vectors = vectors;
    this.#begin = offset;
  }

  #vector(index: number): Vector {
    const vector = this.#vectors[index];
    assert(vector !== undefined, 'the vectors hold what is planned');
    return vector;
  }

  #seek(at: number): void {
    while (at < this.#begin) this.#begin -= this.#vector(--this.#index).size;
    while (at >= this.#begin + this.#vector(this.#index).size) this.#begin += this.#vector(this.#index++).size;
  }

  take(from: number, bytes: number, pieces: MemoryPiece[]): void {
    for (let at = from; at < from + bytes; ) {
      this.#seek(at);
      const vector = this.#vector(this.#index);
      const inVector = at - this.#begin;
      const taken = Math.min(from + bytes - at, vector.size - inVector);
      join(pieces, vector.offset + inVector, taken, this.#index);
      at += taken;
    }
  }
}

function join(pieces: MemoryPiece[], offset: number, bytes: number, vector: number): void {
  const last = pieces.at(-1);
  if (last !== undefined && last.offset + last.bytes === offset)
    pieces[pieces.length - 1] = { ...last, bytes: last.bytes + bytes, lastVector: vector };
  else pieces.push({ offset, bytes, firstVector: vector, lastVector: vector });
}
