// A pool, and a namespace of it, as a place for objects: what everything above the objecter is given.
import { DioriteError } from '../../../base/errors.js';
import type { Objecter } from './objecter.js';
import type { ObjectName } from './request.js';

export interface PoolRef {
  readonly objecter: Objecter;
  /** Its number. */
  readonly pool: number;
  /** '': the default one. */
  readonly namespace: string;
}

export function objectIn({ pool, namespace }: PoolRef, name: string): ObjectName {
  return { pool, namespace, name };
}

/** For messages: `data/name`, `data/space/name`, `data` alone for the pool itself. */
export function placeText({ objecter, pool, namespace }: PoolRef, name: string): string {
  return [objecter.map.data.poolNames.get(pool) ?? `pool ${pool}`, namespace, name].filter(Boolean).join('/');
}

/** Whether it is an error of this name: `ENOENT`. */
export function isError(error: unknown, code: string): error is DioriteError {
  return error instanceof DioriteError && error.code === code;
}
