// Files striped over objects as libradosstriper has them: what object 0 says of them, who may change them, and how they grow.
//
//      NAME.0000000000000000     striper.layout.*, striper.size: the file is there when these are; lock.striper.lock
//      NAME.0000000000000001 …   missing or short ones read as zeros up to the size
//
// New ones are made as unfinished.ts says, and changed as a whole as reshape.ts does. To write to one that is there: a
// shared lock, as libradosstriper's writers take, `growSize`, data. Readers need no lock.
import { systemError } from '../../net/system-error.js';
import { COMPARE_EQUAL, COMPARE_GREATER, COMPARE_NOT_EQUAL } from '../osd/codes.js';
import { HeldLock } from '../osd/held-lock.js';
import { isError, objectIn, type PoolRef, placeText } from '../osd/pool-ref.js';
import {
  assertExists,
  compareXattr,
  getXattrs,
  readNamedValues,
  readStat,
  removeXattr,
  setXattr,
  stat,
} from '../osd/step.js';
import {
  ATTRIBUTE_SIZE,
  ATTRIBUTE_UNIT,
  decodeHead,
  encodeHead,
  LOCK_NAME,
  LOCK_TAG,
  objectName,
  type StripedHead,
} from './layout.js';

/** Somebody else's growth comes between ours and our look at it: not so often. */
const GROW_ATTEMPTS = 16;
/** Ours, while a file is made or replaced: which objects there may be. libradosstriper knows no file there. */
export const ATTRIBUTE_UNFINISHED = 'diorite.unfinished';
const NOTHING: Uint8Array = new Uint8Array(0);

/** As it is stored on object 0. */
export interface StoredHead extends StripedHead {
  /** Of object 0, as libradosstriper has it: writes to other objects do not change it. */
  readonly mtimeMs: number;
}

/** Null: there is no such file, though objects of one that was never finished may be. */
export async function readHead(pool: PoolRef, name: string): Promise<StoredHead | null> {
  try {
    const { steps } = await pool.objecter.execute(objectIn(pool, objectName(name, 0)), [stat(), getXattrs()]);
    const { values } = readNamedValues(steps[1]?.data ?? NOTHING);
    const head = decodeHead(values, placeText(pool, name));
    return head === null ? null : { ...head, mtimeMs: readStat(steps[0]?.data ?? NOTHING).mtimeMs };
  } catch (error) {
    if (isError(error, 'ENOENT')) return null;
    throw error;
  }
}

export interface FileLockOptions {
  /** To make, truncate or remove a file; shared: to write to one. */
  readonly exclusive: boolean;
  /** Default: a minute. */
  readonly ttlMs?: number | undefined;
  /** Default: object 0 is made where it is not there. */
  readonly mustExist?: boolean | undefined;
}

/** libradosstriper's own lock. EBUSY, with who holds it, where another does; libradosstriper's readers do for a while. */
export function lockFile(pool: PoolRef, name: string, options: FileLockOptions): Promise<HeldLock> {
  return HeldLock.acquire(pool, objectName(name, 0), LOCK_NAME, { ...options, tag: LOCK_TAG });
}

export interface WriteHeadOptions {
  /** Where it is lost, nothing is written: EBUSY. */
  readonly lock: HeldLock;
  /** Nothing is written where there is a file: EEXIST. */
  readonly exclusive: boolean;
}

/** Layout and size in one operation: the file is there from then on, with this size. */
export async function writeHead(
  pool: PoolRef,
  name: string,
  head: StripedHead,
  { lock, exclusive }: WriteHeadOptions,
): Promise<void> {
  const attributes = encodeHead(head).map(([attribute, value]) => setXattr(attribute, Buffer.from(value)));
  const isNew = exclusive ? [compareXattr(ATTRIBUTE_UNIT, COMPARE_EQUAL, '')] : [];
  try {
    await pool.objecter.execute(objectIn(pool, objectName(name, 0)), [
      lock.guard,
      ...isNew,
      ...attributes,
      removeXattr(ATTRIBUTE_UNFINISHED),
    ]);
  } catch (error) {
    if (isError(error, 'ECANCELED')) throw systemError('EEXIST', `${placeText(pool, name)} is there`, error);
    throw error;
  }
}

/** The size is `sizeBytes` or more from then on. ENOENT where there is no such file. */
export async function growSize(pool: PoolRef, name: string, sizeBytes: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await pool.objecter.execute(objectIn(pool, objectName(name, 0)), [
        assertExists(),
        compareXattr(ATTRIBUTE_UNIT, COMPARE_NOT_EQUAL, ''),
        compareXattr(ATTRIBUTE_SIZE, COMPARE_GREATER, BigInt(sizeBytes)),
        setXattr(ATTRIBUTE_SIZE, Buffer.from(String(sizeBytes))),
      ]);
      return;
    } catch (error) {
      if (!isError(error, 'ECANCELED')) throw error;
      const head = await readHead(pool, name);
      if (head === null) throw systemError('ENOENT', `${placeText(pool, name)} is no striped file`, error);
      if (head.sizeBytes >= sizeBytes) return;
      if (attempt === GROW_ATTEMPTS) throw error;
    }
  }
}
