// Where an iterator stands, and the two steps that all its movement is made of.
import { assert } from '../base/assert.js';
import { errors } from '../base/errors.js';
import type { Segments } from './segments.js';

/** What `saveState` fills and `restore` takes. A plain object, to be used again and again. */
export interface IterState {
  /** Index of the current piece (of all that a queue ever had): of the segment, save where one lies apart. */
  segment: number;
  /** Bytes consumed of it. */
  iovOffset: number;
  /** Bytes left; the segments may hold more (see truncate). */
  count: number;
}

export class Position implements IterState {
  /** Index in the lists as they are now. */
  segment = 0;
  iovOffset = 0;
  count: number;
  /** Pieces that had been dropped when `segment` was last counted. */
  dropped = 0;
  /** A walk calls back from here: the iterator may not be moved. */
  walked = false;

  constructor(count: number) {
    this.count = count;
  }

  set(segment: number, iovOffset: number, count: number, dropped: number): void {
    this.segment = segment;
    this.iovOffset = iovOffset;
    this.count = count;
    this.dropped = dropped;
  }
}

/** A queue may have dropped segments since the position was last used. */
export function catchUp(segments: Segments, at: Position): void {
  const behind = segments.dropped - at.dropped;
  if (behind === 0) return;
  if (at.segment < behind)
    throw errors.make('ERR_DIORITE_ITERATOR_BOUNDS', 'The queue has dropped the segments at the position');
  at.segment -= behind;
  at.dropped = segments.dropped;
}

/** How many bytes lie between the first segment's start and the position. */
export function consumed(segments: Segments, at: IterState): number {
  return segments.before(at.segment) + at.iovOffset;
}

/**
 * Consumes `bytes`, and drops every segment that is then covered, empty ones too: a step of 0 leaves the position at a
 * byte, or behind the last segment.
 */
export function stepForward(segments: Segments, at: IterState, bytes: number): void {
  assert(bytes <= at.count, 'a step forward stays within the count');
  at.count -= bytes;
  const { lengths } = segments;
  const pieces = lengths.length;
  let offset = at.iovOffset + bytes;
  // All of it: the end, however many pieces that is.
  const isAll = at.segment === 0 && offset === segments.bytes;
  let segment = isAll ? pieces : at.segment;
  if (isAll) offset = 0;
  while (segment < pieces && offset >= (lengths[segment] ?? 0)) offset -= lengths[segment++] ?? 0;
  assert(segment < pieces || offset === 0, 'the segments hold what the count says');
  at.segment = segment;
  at.iovOffset = offset;
}

/**
 * Gives `bytes` back. A boundary is the start of the later segment, never the end of the earlier one; where the
 * position was already at a segment's start, going back lands in the nearest segment that holds a byte of it.
 */
export function stepBack(segments: Segments, at: IterState, bytes: number): void {
  assert(bytes <= consumed(segments, at), 'a step back stays behind the start');
  at.count += bytes;
  let left = bytes;
  while (left > at.iovOffset) {
    left -= at.iovOffset;
    at.segment--;
    at.iovOffset = segments.lengthOf(at.segment);
  }
  at.iovOffset -= left;
}
