// Memory as programs have it: views of any alignment and number, with guards around them that nothing may touch.
import assert from 'node:assert/strict';
import { IovIter } from '../../src/iter.js';
import type { Random } from './random.js';

const GUARD = 0xa5;
const GUARD_BYTES = 16;

function guardedView(random: Random, bytes: number): Uint8Array {
  const before = GUARD_BYTES + random.below(4200);
  const arena = new ArrayBuffer(before + bytes + GUARD_BYTES);
  new Uint8Array(arena).fill(GUARD);
  return new Uint8Array(arena, before, bytes);
}

/** Page-aligned memory, on most calls: resizable buffers start on a page. */
function alignedView(bytes: number): Uint8Array {
  const options = { maxByteLength: Math.max(bytes, 1) };
  const Constructor = ArrayBuffer as new (length: number, options: object) => ArrayBuffer;
  return new Uint8Array(new Constructor(bytes, options), 0, bytes);
}

function ordinaryView(bytes: number): Uint8Array {
  return Buffer.alloc(bytes);
}

/** Pages of one arena in any order, the first and last cut: runs that merge, and runs that do not. */
function pageViews(random: Random, bytes: number): Uint8Array[] {
  const pages = Math.ceil(bytes / 4096) + 1;
  const arena = alignedView(pages * 4096);
  const order = Array.from({ length: pages }, (_, page) => page);
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.chance(2) ? random.below(i + 1) : i;
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  const views: Uint8Array[] = [];
  let left = bytes;
  for (const page of order) {
    if (left === 0) break;
    const length = Math.min(left, 4096);
    views.push(arena.subarray(page * 4096, page * 4096 + length));
    left -= length;
  }
  return views;
}

function splitSizes(random: Random, bytes: number): number[] {
  const sizes: number[] = [];
  let left = bytes;
  const unit = random.pick([1, 512, 4096]);
  while (left > 0 && sizes.length < 40) {
    const size = Math.min(left, Math.max(1, random.below(Math.max(2, Math.ceil(bytes / unit / 6))) * unit));
    sizes.push(size);
    left -= size;
  }
  if (left > 0) sizes.push(left);
  return sizes;
}

/** `bytes` of memory in one piece or many; some pieces may be empty. */
export function scatteredViews(random: Random, bytes: number): Uint8Array[] {
  switch (random.below(5)) {
    case 0:
      return [guardedView(random, bytes)];
    case 1:
      return [alignedView(bytes)];
    case 2:
      return [ordinaryView(bytes)];
    case 3:
      return pageViews(random, bytes);
    default: {
      const views = splitSizes(random, bytes).map((size) => guardedView(random, size));
      if (random.chance(4)) views.splice(random.below(views.length + 1), 0, new Uint8Array(0));
      return views;
    }
  }
}

export function gather(views: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(views));
}

export function scatter(source: Uint8Array, views: readonly Uint8Array[]): void {
  let at = 0;
  for (const view of views) {
    view.set(source.subarray(at, at + view.length));
    at += view.length;
  }
}

export function assertGuards(views: readonly Uint8Array[]): void {
  for (const view of views) {
    const around = new Uint8Array(view.buffer);
    const before = view.byteOffset;
    if (before < GUARD_BYTES || around[before - 1] !== GUARD || around.length !== before + view.length + GUARD_BYTES)
      continue;
    const intact = around.subarray(0, before).every(isGuard) && around.subarray(before + view.length).every(isGuard);
    assert.ok(intact, 'memory beside the view was touched');
  }
}

function isGuard(byte: number): boolean {
  return byte === GUARD;
}

/** An iterator over the views that has already moved: it starts in the middle of more memory than is wanted. */
export function iteratorOver(random: Random, views: readonly Uint8Array[]): IovIter {
  const skipped = random.below(5000);
  const iterator = IovIter.iovec([new Uint8Array(skipped), ...views]);
  iterator.advance(skipped);
  return iterator;
}
