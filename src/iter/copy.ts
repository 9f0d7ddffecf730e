// Copying between an iterator's memory and a flat array, by runs.
import { assert } from '../base/assert.js';
import { type IterState, type Position, stepForward } from './movement.js';
import type { Segments } from './segments.js';
import { newRun, peekRun } from './walk.js';

/** All memory is looked at before any is touched, so that a detached buffer leaves everything as it was. */
function mustHoldAll(segments: Segments, at: IterState, bytes: number): void {
  const ahead: IterState = { segment: at.segment, iovOffset: at.iovOffset, count: at.count };
  const run = newRun();
  for (let left = bytes; left > 0; ) {
    const length = peekRun(segments, ahead, run, left);
    assert(length > 0, 'each step of a walk consumes a byte');
    stepForward(segments, ahead, length);
    left -= length;
  }
}

/** Moves over `bytes`; `f` gets each run as an array and a range of it, and how many bytes came before. */
function overRuns(
  segments: Segments,
  at: Position,
  bytes: number,
  f: (memory: Uint8Array, from: number, to: number, done: number) => void,
): number {
  mustHoldAll(segments, at, bytes);
  const run = newRun();
  let memory = new Uint8Array(run.buffer);
  for (let done = 0; done < bytes; ) {
    const length = peekRun(segments, at, run, bytes - done);
    assert(length > 0, 'each step of a walk consumes a byte');
    // Scattered memory mostly lies in few buffers: one array for each change of buffer, not one for each run.
    if (memory.buffer !== run.buffer) memory = new Uint8Array(run.buffer);
    f(memory, run.byteOffset, run.byteOffset + length, done);
    stepForward(segments, at, length);
    done += length;
  }
  return bytes;
}

export function copyTo(segments: Segments, at: Position, source: Uint8Array): number {
  const bytes = Math.min(source.byteLength, at.count);
  return overRuns(segments, at, bytes, (memory, from, to, done) => {
    memory.set(source.subarray(done, done + to - from), from);
  });
}

export function copyFrom(segments: Segments, at: Position, target: Uint8Array): number {
  const bytes = Math.min(target.byteLength, at.count);
  return overRuns(segments, at, bytes, (memory, from, to, done) => {
    target.set(memory.subarray(from, to), done);
  });
}

export function zero(segments: Segments, at: Position, bytes: number): number {
  return overRuns(segments, at, Math.min(bytes, at.count), (memory, from, to) => {
    memory.fill(0, from, to);
  });
}
