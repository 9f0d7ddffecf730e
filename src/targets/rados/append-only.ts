// Erasure-coded pools that take no overwrites: an object is written in order, by whole stripes of the code; so it is written at once.
import { systemError } from '../net/system-error.js';
import type { Striping } from '../striping.js';
import { REQUEST_BYTES_MAX } from './facts.js';
import { type PoolRef, placeText } from './osd/pool-ref.js';
import { appendAlignment } from './osdmap/pool.js';

/** What writes to objects of the pool are aligned to; 1: any byte. */
export function alignmentOf({ objecter, pool }: PoolRef): number {
  const found = objecter.map.pool(pool);
  return found === undefined ? 1 : appendAlignment(found);
}

export function isAppendOnly(pool: PoolRef): boolean {
  return alignmentOf(pool) > 1;
}

/** What a set of objects holds, which is gathered in memory before its objects are written. */
export function wholeBytesOf(pool: PoolRef, name: string, { objectBytes, stripeCount }: Striping): number {
  const bytes = objectBytes * stripeCount;
  if (bytes <= REQUEST_BYTES_MAX) return bytes;
  const why = `the pool is erasure-coded without overwrites: stripe_count times object_size is ${bytes}, more than ${REQUEST_BYTES_MAX}`;
  throw systemError('EINVAL', `${placeText(pool, name)}: ${why}`);
}
