// Random plans, carried out by hand on arrays of bytes: what is written and read is right, and every limit is kept.
import { IovIter } from '../../src/iter/iov-iter.js';
import type { Limits } from '../../src/plan/limits.js';
import { Planner } from '../../src/plan/planner.js';
import { PlannedRequest } from '../../src/plan/request.js';
import { type Choices, check, patterned, sameBytes } from './choices.js';

const BUFFERS = 3;
const BUFFER_BYTES = 3000;

interface Place {
  readonly buffer: number;
  readonly at: number;
}

interface Subject {
  readonly memories: readonly Uint8Array[];
  /** Where in its page each buffer begins; −1: nobody knows. */
  readonly inPage: readonly number[];
  readonly bytes: readonly Place[];
  readonly iter: IovIter;
}

function someMemory(choices: Choices): Subject {
  const memories = Array.from({ length: BUFFERS }, (_, buffer) => patterned(BUFFER_BYTES, 29, 77 * buffer));
  const inPage = memories.map(() => [0, 0, 16, 64, -1, choices.below(4096)][choices.below(6)] ?? 0);
  const bytes: Place[] = [];
  const views: Uint8Array[] = [];
  // Each from a new place, so that no byte is read into twice.
  const next = memories.map(() => 0);
  for (let i = choices.below(30); i >= 0; i--) {
    const buffer = choices.below(BUFFERS);
    const gap = [0, 0, 16, choices.below(40)][choices.below(4)] ?? 0;
    const from = Math.min(BUFFER_BYTES, (next[buffer] ?? 0) + gap);
    const wanted = [0, 1, 16, 64, 128, choices.below(300)][choices.below(6)] ?? 0;
    const length = Math.min(wanted, BUFFER_BYTES - from);
    next[buffer] = from + length;
    views.push((memories[buffer] ?? new Uint8Array(0)).subarray(from, from + length));
    for (let at = from; at < from + length; at++) bytes.push({ buffer, at });
  }
  return { memories, inPage, bytes, iter: IovIter.iovec(views) };
}

function someLimits(choices: Choices): Limits {
  const offsetAlignment = 2 ** choices.below(6);
  const endAlignment = offsetAlignment * 2 ** choices.below(3);
  const bestSegments = 1 + choices.below(8);
  return {
    memoryAlignment: 2 ** choices.below(6),
    offsetAlignment,
    endAlignment,
    maxBytes: 2 ** 20,
    bestBytes: endAlignment + offsetAlignment * choices.below(30),
    maxSegments: bestSegments + choices.below(3),
    bestSegments,
    copyBreakBytes: [0, 1, 32, 100][choices.below(4)] ?? 0,
    boundaryBytes: endAlignment * ([0, 0, 3, 8][choices.below(4)] ?? 0),
    until: Number.POSITIVE_INFINITY,
  };
}

/** What the target would refuse: the offset, the number and the lengths of segments, their memory, the boundary. */
function keepsLimits(request: PlannedRequest, limits: Limits, { memories, inPage }: Subject): void {
  const { segments } = request;
  check(segments.count <= limits.maxSegments, 'not more segments than the target takes');
  check(request.bytes <= limits.maxBytes, 'not more bytes than the target takes');
  if (request.route === 'end') return;
  check(request.offset % limits.offsetAlignment === 0, 'a request begins aligned');
  const takesAny = limits.memoryAlignment === 1 && limits.offsetAlignment === 1 && limits.copyBreakBytes === 0;
  for (let i = 0; i < segments.count; i++) {
    check((segments.length[i] ?? 0) % limits.offsetAlignment === 0, 'a segment is a multiple of the alignment');
    const buffer = segments.buffer[i] ?? null;
    if (buffer === null || takesAny) continue;
    const place = inPage[memories.findIndex((memory) => memory.buffer === buffer)] ?? -1;
    const address = place + (segments.byteOffset[i] ?? 0);
    check(place >= 0 && address % limits.memoryAlignment === 0, 'memory is aligned');
  }
  if (limits.boundaryBytes === 0) return;
  const last = request.offset + request.bytes - 1;
  const blockOf = (offset: number): number => Math.floor(offset / limits.boundaryBytes);
  check(blockOf(request.offset) === blockOf(last), 'no request crosses a boundary');
}

/** Calls `f` for each payload byte: where in the target, and its index. Padding lies in staged memory only. */
function eachByte(
  request: PlannedRequest,
  { memories, bytes }: Subject,
  done: number,
  f: (offset: number, index: number) => void,
): void {
  const { segments, headPadBytes, payloadBytes } = request;
  let at = 0;
  for (let i = 0; i < segments.count; i++) {
    const buffer = segments.buffer[i] ?? null;
    for (let j = 0; j < (segments.length[i] ?? 0); j++, at++) {
      const index = at - headPadBytes;
      const isPayload = index >= 0 && index < payloadBytes;
      const place = isPayload ? bytes[done + index] : undefined;
      if (buffer !== null) {
        check(place !== undefined, 'padding lies in staged memory');
        check(memories[place.buffer]?.buffer === buffer, 'a segment lies in the buffer of its bytes');
        check(place.at === (segments.byteOffset[i] ?? 0) + j, 'and where they are');
      }
      if (isPayload) f(request.offset + at, done + index);
      else check(request.direction === 'read', 'a write has no padding');
    }
  }
  check(at === request.bytes, 'the segments hold the bytes of the request');
}

/** One plan; what it was goes to `trace`. */
export function plannerProgram(choices: Choices, trace: (word: string | number) => void): void {
  const subject = someMemory(choices);
  const { iter, memories, inPage, bytes } = subject;
  const limits = someLimits(choices);
  const direction = choices.below(2) === 0 ? 'read' : 'write';
  const start = choices.below(500);
  const planner = new Planner({
    iter: iter.dup(),
    offset: start,
    bytes: iter.count,
    direction,
    limitsAt: () => limits,
    pages: { offsetInPage: (buffer) => inPage[memories.findIndex((memory) => memory.buffer === buffer)] ?? -1 },
  });
  const request = new PlannedRequest();
  const target = patterned(start + bytes.length + 4096, 13, 5);
  const targetWanted = target.slice();
  const memoryWanted = memories.map((memory) => memory.slice());
  for (const [i, { buffer, at }] of bytes.entries()) {
    const memory = memoryWanted[buffer];
    if (direction === 'write') targetWanted[start + i] = memory?.[at] ?? 0;
    else if (memory !== undefined) memory[at] = target[start + i] ?? 0;
  }
  let done = 0;
  trace(direction);
  while (planner.next(request)) {
    check(request.payloadOffset === start + done, 'requests follow each other');
    keepsLimits(request, limits, subject);
    eachByte(request, subject, done, (offset, index) => {
      const { buffer, at } = bytes[index] ?? { buffer: 0, at: 0 };
      const memory = memories[buffer];
      if (direction === 'write') target[offset] = memory?.[at] ?? 0;
      else if (memory !== undefined) memory[at] = target[offset] ?? 0;
    });
    trace(`${request.route} ${request.offset}+${request.bytes} ${request.segments.count} ${request.cut}`);
    done += request.payloadBytes;
  }
  check(done === bytes.length, 'a plan covers its range');
  sameBytes(target, targetWanted, 'the target');
  for (const [buffer, memory] of memories.entries()) sameBytes(memory, memoryWanted[buffer], 'memory');
}
