// The requests of a plan with the memory that each is made of, told as places in the vectors. Pure and lazy.
import { assert } from '../base/assert.js';
import type { Plan, PlanRequest } from '../draw/plan.js';
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
  /** In the target. */
  readonly offset: number;
  readonly bytes: number;
  /** Of a read that is widened: bytes of the segment that nobody asked for. */
  readonly padBytes: number;
  readonly memory: readonly MemoryPiece[];
}

export interface ExplainedRequest {
  readonly index: number;
  readonly route: Route;
  readonly offset: number;
  readonly bytes: number;
  readonly payloadOffset: number;
  readonly payloadBytes: number;
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
  const cursor = new VectorCursor(vectors);
  for (const request of plan) yield explained(request, cursor);
}

function explained(request: PlanRequest, cursor: VectorCursor): ExplainedRequest {
  const { index, route, offset, bytes, payloadOffset, payloadBytes, stagedBytes, copiedBytes, copiedWhy, cut } =
    request;
  const segments: ExplainedSegment[] = [];
  const payloadEnd = payloadOffset + payloadBytes;
  let at = offset;
  for (const segment of request.segments) {
    const end = at + segment.length;
    const asked = Math.max(0, Math.min(end, payloadEnd) - Math.max(at, payloadOffset));
    const memory = cursor.take(asked);
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
    offset,
    bytes,
    payloadOffset,
    payloadBytes,
    stagedBytes,
    copiedBytes,
    copiedWhy,
    cut,
    segments,
  };
}

/** Walks the vectors in order; requests are in file order, so it never goes back. */
class VectorCursor {
  readonly #vectors: readonly Vector[];
  #index = 0;
  #used = 0;

  constructor(vectors: readonly Vector[]) {
    this.#vectors = vectors;
  }

  /** The memory of the next `bytes`, neighbours as one piece. */
  take(bytes: number): MemoryPiece[] {
    const pieces: MemoryPiece[] = [];
    for (let left = bytes; left > 0; ) {
      const vector = this.#vectors[this.#index];
      assert(vector !== undefined, 'the vectors hold what is planned');
      const taken = Math.min(left, vector.size - this.#used);
      if (taken > 0) join(pieces, vector.offset + this.#used, taken, this.#index);
      left -= taken;
      this.#used += taken;
      if (this.#used === vector.size) {
        this.#index++;
        this.#used = 0;
      }
    }
    return pieces;
  }
}

function join(pieces: MemoryPiece[], offset: number, bytes: number, vector: number): void {
  const last = pieces.at(-1);
  if (last !== undefined && last.offset + last.bytes === offset)
    pieces[pieces.length - 1] = { ...last, bytes: last.bytes + bytes, lastVector: vector };
  else pieces.push({ offset, bytes, firstVector: vector, lastVector: vector });
}
