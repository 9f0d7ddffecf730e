// Memory of segments as the views that a socket takes.
import { assert } from '../../base/assert.js';
import { memoryGone } from '../../iter/segments.js';
import type { SegmentList } from '../../plan/request.js';

const NO_MEMORY = Buffer.alloc(0);

/** Appends views of the first `bytes` of the segments. Throws ERR_DIORITE_DETACHED. */
export function gatherViews(segments: SegmentList, bytes: number, into: Uint8Array[]): void {
  // Neighbours come from the same few buffers: one look at each is enough.
  let whole: Buffer<ArrayBufferLike> = NO_MEMORY;
  for (let i = 0, rest = bytes; rest > 0; i++) {
    const buffer = segments.buffer[i];
    assert(buffer !== null && buffer !== undefined, 'each segment of a payload has memory');
    const from = segments.byteOffset[i] ?? 0;
    const length = Math.min(segments.length[i] ?? 0, rest);
    if (length === 0) continue;
    if (whole.buffer !== buffer) whole = wholeOf(buffer);
    if (from + length > whole.length) throw memoryGone('a write in flight');
    into.push(whole.subarray(from, from + length));
    rest -= length;
  }
}

/** Copies bytes into the segments' memory, from its start. Throws ERR_DIORITE_DETACHED. */
export function copyInto(segments: SegmentList, bytes: Uint8Array): void {
  const views: Uint8Array[] = [];
  gatherViews(segments, bytes.length, views);
  let at = 0;
  for (const view of views) {
    view.set(bytes.subarray(at, at + view.length));
    at += view.length;
  }
}

/** A Buffer, since a socket makes one of any other view. */
function wholeOf(buffer: ArrayBufferLike): Buffer<ArrayBufferLike> {
  try {
    return Buffer.from(buffer);
  } catch (error) {
    throw memoryGone('a write in flight', error);
  }
}
