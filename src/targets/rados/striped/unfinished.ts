// A striped file while it is made: nobody sees it, it leaves nothing behind that a later one could show, and it can be taken back.
//
//      begin ─── lock; what was there is hidden, then removed; object 0 says what may come ───▶ data ─┬─ finish: a file
//                                                                                                     ├─ discard: nothing
//                                              the next begin removes what a maker left that died ◀───┘
import { systemError } from '../../net/system-error.js';
import type { Striping } from '../../striping.js';
import type { HeldLock } from '../osd/held-lock.js';
import { objectIn, type PoolRef, placeText } from '../osd/pool-ref.js';
import { getXattrs, readNamedValues, readStat, remove, removeXattr, setXattr, stat } from '../osd/step.js';
import { decodeHead, encodeHead, objectName, type StripedHead } from './layout.js';
import { empty, stripesOf } from './reshape.js';
import { ATTRIBUTE_UNFINISHED, lockFile, readHead, writeHead } from './striped-file.js';
import { changeObjects, removeUpward } from './sweep.js';

/**
 * Of a file whose size nobody knew: so many objects in a row are missing behind its last. Its maker has fewer on their
 * way, and writes them in order.
 */
const MISSING_IN_A_ROW = 1024;
const NOTHING: Uint8Array = new Uint8Array(0);

export interface NewFile {
  readonly striping: Striping;
  /** It becomes no larger; null: nobody knows. */
  readonly sizeBytes: number | null;
  /** What is there goes, before the new one is: there is no file then for a while. Else EEXIST. */
  readonly replace: boolean;
  /** Of the lock. Default: a minute. */
  readonly ttlMs?: number | undefined;
}

/** Takes the exclusive lock, which the caller keeps until `finish` or `discard`. All objects read as missing from then on. */
export async function begin(pool: PoolRef, name: string, file: NewFile): Promise<HeldLock> {
  // Before the lock, which would disturb who reads it by libradosstriper.
  if (!file.replace && (await readHead(pool, name)) !== null) throw exists(pool, name);
  const lock = await lockFile(pool, name, { exclusive: true, ttlMs: file.ttlMs });
  try {
    await clear(pool, name, lock, file.replace);
    const note = setXattr(ATTRIBUTE_UNFINISHED, Buffer.from(noteText(file)));
    await pool.objecter.execute(objectIn(pool, objectName(name, 0)), [lock.guard, empty(), note]);
    return lock;
  } catch (error) {
    await Promise.allSettled([lock.release()]); // what led here is what is told
    throw error;
  }
}

/** Layout and size in one operation: it is a file. Then the lock is let go. EBUSY where the lock was lost: it is none. */
export async function finish(pool: PoolRef, name: string, head: StripedHead, lock: HeldLock): Promise<void> {
  lock.lost.throwIfAborted();
  await writeHead(pool, name, head, { lock, exclusive: true });
  await Promise.allSettled([lock.release()]); // it expires by itself
}

/** All its objects go, and the lock with the last. */
export async function discard(pool: PoolRef, name: string, lock: HeldLock): Promise<void> {
  await clear(pool, name, lock, false);
  await pool.objecter.execute(objectIn(pool, objectName(name, 0)), [lock.guard, remove()]);
  await lock.release();
}

function exists(pool: PoolRef, name: string): Error {
  return systemError('EEXIST', `${placeText(pool, name)} is there`);
}

/** What object 0 has: a file, or what may have been left of one, or neither. */
interface Found {
  readonly head: StripedHead | null;
  readonly note: Note | null;
  readonly bytes: number;
}

async function look(pool: PoolRef, name: string): Promise<Found> {
  const { steps } = await pool.objecter.execute(objectIn(pool, objectName(name, 0)), [stat(), getXattrs()]);
  const { values } = readNamedValues(steps[1]?.data ?? NOTHING);
  const note = values.get(ATTRIBUTE_UNFINISHED);
  return {
    head: decodeHead(values, placeText(pool, name)),
    note: note === undefined ? null : parseNote(Buffer.from(note).toString('latin1')),
    bytes: readStat(steps[0]?.data ?? NOTHING).bytes,
  };
}

/** All objects but the first, by what that says of them. */
async function clear(pool: PoolRef, name: string, lock: HeldLock, replace: boolean): Promise<void> {
  const { head, note, bytes } = await look(pool, name);
  if (head !== null && !replace) throw exists(pool, name);
  if (head === null && note === null && bytes > 0)
    throw systemError('EEXIST', `${placeText(pool, objectName(name, 0))} is there, and is no striped file's`);
  if (head !== null) {
    const attributes = encodeHead(head).map(([attribute]) => removeXattr(attribute));
    const hidden = setXattr(ATTRIBUTE_UNFINISHED, Buffer.from(noteText(head)));
    await pool.objecter.execute(objectIn(pool, objectName(name, 0)), [lock.guard, hidden, ...attributes]);
  }
  const left: Note | null = head ?? note;
  if (left === null) return;
  const { striping, sizeBytes } = left;
  if (sizeBytes === null) await removeUpward(pool, name, lock, 1, MISSING_IN_A_ROW);
  else {
    const last = stripesOf(name, { striping, sizeBytes }).objectCount(sizeBytes) - 1;
    await changeObjects(pool, name, lock, [1, last], remove);
  }
}

/** Of what is not there yet, or not any more: which objects it may have. */
interface Note {
  readonly striping: Striping;
  readonly sizeBytes: number | null;
}

function noteText({ striping: { stripeUnitBytes, stripeCount, objectBytes }, sizeBytes }: Note): string {
  return [stripeUnitBytes, stripeCount, objectBytes, sizeBytes ?? '-'].join(' ');
}

/** One that nobody could have written says nothing of sizes. */
function parseNote(text: string): Note {
  const [unit = '', count = '', object = '', size = ''] = text.split(' ');
  const [stripeUnitBytes = 0, stripeCount = 0, objectBytes = 0] = [unit, count, object].map(Number);
  const isLayout = stripeUnitBytes >= 1 && stripeCount >= 1 && objectBytes >= 1 && objectBytes % stripeUnitBytes === 0;
  const isSize = /^\d{1,16}$/.test(size) && Number.isSafeInteger(Number(size));
  return {
    striping: { stripeUnitBytes, stripeCount, objectBytes },
    sizeBytes: isLayout && isSize ? Number(size) : null,
  };
}
