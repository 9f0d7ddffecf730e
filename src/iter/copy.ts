// Copying between an iterator's memory and a flat array, piece by piece.
import { assert } from '../base/assert.js';
import type { Crc32c } from '../base/crc32c.js';
import { setBytes } from '../base/views.js';
import { type Position, stepForward } from './movement.js';
import { ABSENT, mustHold, type Segments } from './segments.js';

function part(bytes: Uint8Array, from: number, length: number): Uint8Array {
  return from === 0 && length === bytes.length ? bytes : bytes.subarray(from, from + length);
}

type Way = 'to' | 'from' | 'zero';

/**
 * Moves over `bytes`. Where the caller's memory is written to, all of it is looked at before any is touched, so that a
 * detached buffer leaves everything as it was. Read from, each piece is looked at when its turn comes: to ask all of them
 * for their buffers takes longer than to copy what is in them, where they are small.
 */
function overPieces(segments: Segments, at: Position, bytes: number, way: Way, flat: Uint8Array, crc?: Crc32c): number {
  if (bytes === 0) return 0; // as in the kernel: not even empty segments are dropped
  const { views, lengths } = segments;
  let { segment, iovOffset } = at;
  if (way !== 'from')
    for (let piece = segment, left = bytes + iovOffset; left > 0; left -= segments.lengthOf(piece++))
      mustHold(views[piece] ?? ABSENT, segments.lengthOf(piece));
  for (let done = 0; done < bytes; ) {
    const view = views[segment];
    const whole = lengths[segment];
    assert(view !== undefined && whole !== undefined, 'the segments hold what the count says');
    const left = whole - iovOffset;
    const length = Math.min(left, bytes - done);
    if (length > 0) {
      if (view.length !== whole) mustHold(view, whole);
      if (way === 'from') take(view, iovOffset, length, flat, done);
      else if (way === 'zero') part(view, iovOffset, length).fill(0);
      else {
        const source = part(flat, done, length);
        crc?.update(source);
        setBytes(view, source, iovOffset);
      }
      done += length;
    }
    iovOffset = length < left ? iovOffset + length : 0;
    if (length === left) segment++;
  }
  at.set(segment, iovOffset, at.count - bytes, at.dropped);
  stepForward(segments, at, 0);
  return bytes;
}

function take(view: Uint8Array, from: number, length: number, flat: Uint8Array, done: number): void {
  try {
    setBytes(flat, part(view, from, length), done);
  } catch (error) {
    // Optimized code of V8 11 goes on telling a detached view's old length; what copies does not.
    if (error instanceof TypeError) mustHold(view, from + length);
    throw error;
  }
}

export function copyTo(segments: Segments, at: Position, source: Uint8Array, crc?: Crc32c): number {
  return overPieces(segments, at, Math.min(source.length, at.count), 'to', source, crc);
}

/** The checksum is of what arrived: memory that somebody writes to meanwhile cannot come between. */
export function copyFrom(segments: Segments, at: Position, target: Uint8Array, crc?: Crc32c): number {
  const bytes = overPieces(segments, at, Math.min(target.length, at.count), 'from', target);
  crc?.update(part(target, 0, bytes));
  return bytes;
}

export function zero(segments: Segments, at: Position, bytes: number): number {
  return overPieces(segments, at, Math.min(bytes, at.count), 'zero', ABSENT);
}
