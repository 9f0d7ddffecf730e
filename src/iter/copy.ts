// Copying between an iterator's memory and a flat array, piece by piece.
import { assert } from '../base/assert.js';
import { type Position, stepForward } from './movement.js';
import { mustHold, type Segments } from './segments.js';

function part(bytes: Uint8Array, from: number, length: number): Uint8Array {
  return from === 0 && length === bytes.length ? bytes : bytes.subarray(from, from + length);
}

/** All memory is looked at before any is touched, so that a detached buffer leaves everything as it was. */
function mustHoldAll(segments: Segments, at: Position, bytes: number): void {
  let piece = segments.pieceAt(at.segment, at.iovOffset);
  let left = bytes + at.iovOffset - segments.pieceOffset(piece);
  for (; left > 0; piece++) {
    const view = segments.views[piece];
    const length = segments.pieceLengths[piece];
    assert(view !== undefined && length !== undefined, 'the segments hold what the count says');
    mustHold(view, length);
    left -= length;
  }
}

/** Moves over `bytes`; `f` gets the memory of each piece, and how many bytes came before. */
function overPieces(
  segments: Segments,
  at: Position,
  bytes: number,
  f: (memory: Uint8Array, done: number) => void,
): number {
  if (bytes === 0) return 0; // as in the kernel: not even empty segments are dropped
  stepForward(segments, at, 0);
  mustHoldAll(segments, at, bytes);
  for (let done = 0; done < bytes; ) {
    const piece = segments.pieceAt(at.segment, at.iovOffset);
    const from = at.iovOffset - segments.pieceOffset(piece);
    const view = segments.views[piece];
    const length = Math.min((segments.pieceLengths[piece] ?? 0) - from, bytes - done);
    assert(view !== undefined && length > 0, 'each step of a copy consumes a byte');
    f(part(view, from, length), done);
    stepForward(segments, at, length);
    done += length;
  }
  return bytes;
}

export function copyTo(segments: Segments, at: Position, source: Uint8Array): number {
  return overPieces(segments, at, Math.min(source.length, at.count), (memory, done) => {
    memory.set(part(source, done, memory.length));
  });
}

export function copyFrom(segments: Segments, at: Position, target: Uint8Array): number {
  return overPieces(segments, at, Math.min(target.length, at.count), (memory, done) => {
    target.set(memory, done);
  });
}

export function zero(segments: Segments, at: Position, bytes: number): number {
  return overPieces(segments, at, Math.min(bytes, at.count), (memory) => {
    memory.fill(0);
  });
}
