// Copying between an iterator's memory and a flat array, piece by piece.
import { assert } from '../base/assert.js';
import type { Crc32c } from '../base/crc32c.js';
import { type Position, stepForward } from './movement.js';
import { mustHold, type Segments } from './segments.js';

function part(bytes: Uint8Array, from: number, length: number): Uint8Array {
  return from === 0 && length === bytes.length ? bytes : bytes.subarray(from, from + length);
}

/**
 * Moves over `bytes`; `f` gets the memory of each piece, and how many bytes came before. All memory is looked at before
 * any is touched, so that a detached buffer leaves everything as it was.
 */
function overPieces(
  segments: Segments,
  at: Position,
  bytes: number,
  f: (memory: Uint8Array, done: number) => void,
): number {
  if (bytes === 0) return 0; // as in the kernel: not even empty segments are dropped
  const { views, lengths } = segments;
  for (let piece = at.segment, left = bytes + at.iovOffset; left > 0; piece++) {
    const view = views[piece];
    const length = segments.lengthOf(piece);
    assert(view !== undefined, 'each piece has a view');
    mustHold(view, length);
    left -= length;
  }
  stepForward(segments, at, 0);
  for (let done = 0; done < bytes; ) {
    const from = at.iovOffset;
    const view = views[at.segment];
    const length = Math.min((lengths[at.segment] ?? 0) - from, bytes - done);
    assert(view !== undefined && length > 0, 'each step of a copy consumes a byte');
    f(part(view, from, length), done);
    stepForward(segments, at, length);
    done += length;
  }
  return bytes;
}

export function copyTo(segments: Segments, at: Position, source: Uint8Array, crc?: Crc32c): number {
  return overPieces(segments, at, Math.min(source.length, at.count), (memory, done) => {
    const bytes = part(source, done, memory.length);
    crc?.update(bytes);
    memory.set(bytes);
  });
}

/** The checksum is of what arrived: memory that somebody writes to meanwhile cannot come between. */
export function copyFrom(segments: Segments, at: Position, target: Uint8Array, crc?: Crc32c): number {
  return overPieces(segments, at, Math.min(target.length, at.count), (memory, done) => {
    target.set(memory, done);
    crc?.update(part(target, done, memory.length));
  });
}

export function zero(segments: Segments, at: Position, bytes: number): number {
  return overPieces(segments, at, Math.min(bytes, at.count), (memory) => {
    memory.fill(0);
  });
}
