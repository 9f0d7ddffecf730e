// The limits that are explained against: a path's, or those of a usual disk, with what was asked for instead. Pure.
import { PAGE_SIZE } from '../base/integers.js';
import type { Limits } from '../plan/limits.js';

/** The limits that can be asked for; what is left out is the path's, or the usual disk's. */
export type LimitWishes = { readonly [Name in keyof Omit<Limits, 'until'>]?: number | undefined };

export const LIMIT_NAMES: readonly (keyof LimitWishes)[] = [
  'memoryAlignment',
  'offsetAlignment',
  'endAlignment',
  'maxBytes',
  'bestBytes',
  'maxSegments',
  'bestSegments',
  'copyBreakBytes',
  'boundaryBytes',
];

/** A disk with blocks of 512 bytes under ext4 or XFS, as open() finds it where there is a ring. */
export const USUAL_DISK: Limits = {
  memoryAlignment: 512,
  offsetAlignment: 512,
  endAlignment: PAGE_SIZE,
  maxBytes: 0x7ffff000,
  bestBytes: 2 ** 20,
  maxSegments: 256,
  bestSegments: 256,
  copyBreakBytes: 2 * PAGE_SIZE,
  boundaryBytes: 0,
  until: Number.POSITIVE_INFINITY,
};

/**
 * What was asked for stands; what was not gives way to it, so that `bestBytes: 8 MiB` needs no `maxBytes`, and
 * `offsetAlignment: 64 KiB` no `endAlignment`. What contradicts itself is for limitsProblem to say.
 */
export function limitsWith(base: Limits, wishes: LimitWishes): Limits {
  const offsetAlignment = wishes.offsetAlignment ?? base.offsetAlignment;
  const endAlignment = wishes.endAlignment ?? Math.max(base.endAlignment, offsetAlignment);
  const bestWish = wishes.bestBytes;
  const maxBytes = wishes.maxBytes ?? Math.max(base.maxBytes, bestWish ?? 0, endAlignment);
  const fitting = Math.max(endAlignment, Math.min(base.bestBytes, maxBytes));
  const bestBytes = bestWish ?? fitting - (fitting % endAlignment);
  const maxSegments = wishes.maxSegments ?? Math.max(base.maxSegments, wishes.bestSegments ?? 0);
  return {
    memoryAlignment: wishes.memoryAlignment ?? base.memoryAlignment,
    offsetAlignment,
    endAlignment,
    maxBytes,
    bestBytes,
    maxSegments,
    bestSegments: wishes.bestSegments ?? Math.min(base.bestSegments, maxSegments),
    copyBreakBytes: wishes.copyBreakBytes ?? base.copyBreakBytes,
    boundaryBytes: wishes.boundaryBytes ?? base.boundaryBytes,
    until: base.until,
  };
}
