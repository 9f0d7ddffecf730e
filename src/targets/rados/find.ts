// What a name of a pool stands for: a file striped over objects, one object, or nothing yet; both is for the caller to settle.
import { errors } from '../../base/errors.js';
import type { Looked } from './body.js';
import { lookAtObject } from './object-body.js';
import type { PoolRef } from './osd/pool-ref.js';
import type { StoredHead } from './striped/striped-file.js';
import { readHead } from './striped/striped-file.js';

export type Found =
  | { readonly kind: 'striped'; readonly looked: StoredHead }
  | { readonly kind: 'object'; readonly looked: Looked };

/** `striped`: only the one, or only the other; null: whichever there is. Null where there is none. */
export async function findFile(
  pool: PoolRef,
  name: string,
  striped: boolean | null,
  url: string,
): Promise<Found | null> {
  const [head, object] = await Promise.all([
    striped === false ? null : readHead(pool, name),
    striped === true ? null : lookAtObject(pool, name),
  ]);
  if (head !== null && object !== null) {
    const choice = "'yes' or 'no': a striped file and one object have this name";
    throw errors.invalidValue('url.striped', choice, url);
  }
  if (head !== null) return { kind: 'striped', looked: head };
  return object === null ? null : { kind: 'object', looked: object };
}
