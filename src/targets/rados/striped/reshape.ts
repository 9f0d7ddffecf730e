// Striped files that are there, made shorter, longer, or removed: under libradosstriper's exclusive lock, by the stored layout.
import { SegmentList } from '../../../plan/request.js';
import { systemError } from '../../net/system-error.js';
import { Stripes } from '../../striping.js';
import type { HeldLock } from '../osd/held-lock.js';
import { isError, objectIn, type PoolRef, placeText } from '../osd/pool-ref.js';
import { remove, type Step, setXattr, truncate, writeFull } from '../osd/step.js';
import { appendAlignment } from '../osdmap/pool.js';
import { ATTRIBUTE_SIZE, objectName, type StripedHead } from './layout.js';
import { lockFile, readHead } from './striped-file.js';
import { changeObjects } from './sweep.js';

const NO_MEMORY: SegmentList = new SegmentList();

export function stripesOf(name: string, { striping }: StripedHead): Stripes {
  return new Stripes(striping, (object) => objectName(name, object));
}

/** No data is left in the object, in any pool: erasure-coded ones refuse to truncate. */
export function empty(): Step {
  return writeFull(NO_MEMORY, 0);
}

/** Its exclusive lock, and what is stored. ENOENT where there is no such file. */
async function lockThere(pool: PoolRef, name: string): Promise<{ lock: HeldLock; head: StripedHead }> {
  const lock = await lockFile(pool, name, { exclusive: true, mustExist: true }).catch((error: unknown) => {
    throw isError(error, 'ENOENT') ? noFile(pool, name) : error;
  });
  try {
    const head = await readHead(pool, name);
    if (head === null) throw noFile(pool, name);
    return { lock, head };
  } catch (error) {
    await letGo(lock);
    throw error;
  }
}

function noFile(pool: PoolRef, name: string): Error {
  return systemError('ENOENT', `${placeText(pool, name)}: no such striped file`);
}

/** What led here is what is told: the lock expires by itself. */
async function letGo(lock: HeldLock): Promise<void> {
  await Promise.allSettled([lock.release()]);
}

/**
 * From the last object down, object 0 last: until then the file is there, and what was removed reads as zeros. EBUSY where
 * somebody has it locked. Removing what failed half-way again removes the rest.
 */
export async function removeStriped(pool: PoolRef, name: string): Promise<void> {
  const { lock, head } = await lockThere(pool, name);
  try {
    const last = stripesOf(name, head).objectCount(head.sizeBytes) - 1;
    await changeObjects(pool, name, lock, [1, last], remove);
    await pool.objecter.execute(objectIn(pool, objectName(name, 0)), [lock.guard, remove()]);
  } finally {
    await letGo(lock);
  }
}

/**
 * To this size. What is beyond it goes from the end downwards, and the size is set last: until then what went reads as
 * zeros. `lock`: the exclusive one, where it is held already.
 */
export async function truncateStriped(
  pool: PoolRef,
  name: string,
  sizeBytes: number,
  lock: HeldLock | null = null,
): Promise<void> {
  if (lock !== null) {
    const head = await readHead(pool, name);
    if (head === null) throw noFile(pool, name);
    return cut(pool, name, head, sizeBytes, lock);
  }
  const taken = await lockThere(pool, name);
  try {
    await cut(pool, name, taken.head, sizeBytes, taken.lock);
  } finally {
    await letGo(taken.lock);
  }
}

async function cut(pool: PoolRef, name: string, head: StripedHead, sizeBytes: number, lock: HeldLock): Promise<void> {
  const stripes = stripesOf(name, head);
  const kept = stripes.objectCount(sizeBytes);
  const last = stripes.objectCount(head.sizeBytes) - 1;
  const { stripeCount } = head.striping;
  // Those before the last set of objects that stays are as long as before.
  const first = Math.max(0, kept - stripeCount);
  const target = pool.objecter.map.pool(pool.pool);
  const isAppendOnly = target !== undefined && appendAlignment(target) > 1;
  const stepOf = (object: number): Step | null => {
    const bytes = stripes.bytesOf(object, sizeBytes);
    if (bytes >= stripes.bytesOf(object, head.sizeBytes)) return null;
    if (bytes > 0) return truncate(bytes);
    return object === 0 ? empty() : remove();
  };
  if (isAppendOnly) mustBeWhole(pool, name, stripes, [first, Math.min(kept, last + 1)], head.sizeBytes, sizeBytes);
  await changeObjects(pool, name, lock, [first, last], stepOf);
  const size = setXattr(ATTRIBUTE_SIZE, Buffer.from(String(sizeBytes)));
  await pool.objecter.execute(objectIn(pool, objectName(name, 0)), [lock.guard, size]);
}

/** Before anything is done: no object may need to become shorter and stay. */
function mustBeWhole(
  pool: PoolRef,
  name: string,
  stripes: Stripes,
  [first, end]: readonly [first: number, end: number],
  oldBytes: number,
  newBytes: number,
): void {
  for (let object = first; object < end; object++) {
    const bytes = stripes.bytesOf(object, newBytes);
    if (bytes === 0 || bytes >= stripes.bytesOf(object, oldBytes)) continue;
    const text = `${placeText(pool, name)}: objects of this erasure-coded pool cannot be truncated`;
    throw systemError('EOPNOTSUPP', text);
  }
}
