// The objects of a striped file, cut or removed many at a time: the last first, so that what is left is a beginning.
import type { HeldLock } from '../osd/held-lock.js';
import { isError, objectIn, type PoolRef } from '../osd/pool-ref.js';
import { remove, type Step } from '../osd/step.js';
import { objectName } from './layout.js';

/** Requests that are out at once. */
const WINDOW = 64;

/** Calls `f` for `last`, `last` − 1 … `first`, at most WINDOW at a time. After an error no more is begun, and what is out is awaited. */
async function eachDownward(first: number, last: number, f: (object: number) => Promise<unknown>): Promise<void> {
  let next = last;
  let failure: { readonly error: unknown } | null = null;
  const work = async (): Promise<void> => {
    while (next >= first && failure === null) {
      try {
        await f(next--);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.max(0, Math.min(WINDOW, last - first + 1)) }, work));
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
}

/** One step for each object from `last` down to `first`, while the lock is held; null: none. A missing object is well. */
export async function changeObjects(
  pool: PoolRef,
  name: string,
  lock: HeldLock,
  [first, last]: readonly [first: number, last: number],
  stepOf: (object: number) => Step | null,
): Promise<void> {
  await eachDownward(first, last, async (object) => {
    lock.lost.throwIfAborted();
    const step = stepOf(object);
    if (step !== null) await isThere(pool, objectName(name, object), step);
  });
}

async function isThere(pool: PoolRef, object: string, step: Step): Promise<boolean> {
  try {
    await pool.objecter.execute(objectIn(pool, object), [step]);
    return true;
  } catch (error) {
    if (isError(error, 'ENOENT')) return false;
    throw error;
  }
}

/** Removes objects from `first` upwards, until so many in a row were missing. */
export async function removeUpward(
  pool: PoolRef,
  name: string,
  lock: HeldLock,
  first: number,
  missing: number,
): Promise<void> {
  for (let from = first, gap = 0; gap < missing; from += WINDOW) {
    lock.lost.throwIfAborted();
    const objects = Array.from({ length: WINDOW }, (_, i) => objectName(name, from + i));
    const found = await Promise.all(objects.map((object) => isThere(pool, object, remove())));
    const last = found.lastIndexOf(true);
    gap = last < 0 ? gap + WINDOW : WINDOW - 1 - last;
  }
}
