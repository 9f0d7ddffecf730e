// One object as a file: its size is the object's own.
import type { DioriteError } from '../../base/errors.js';
import type { Request } from '../../transfer/request.js';
import { systemError } from '../net/system-error.js';
import { isAppendOnly } from './append-only.js';
import type { Looked, RadosBody } from './body.js';
import { OBJECT_WRITE_BYTES_MAX } from './facts.js';
import { isError, objectIn, type PoolRef, placeText } from './osd/pool-ref.js';
import { assertExists, create, readStat, stat, truncate } from './osd/step.js';
import { endOf } from './reach.js';

/** As many as the default layout's objects: large enough for an OSD, small enough to have several on the way. */
const REQUEST_BYTES_BEST: number = 4 * 2 ** 20;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Null: there is no such object. */
export async function lookAtObject(pool: PoolRef, name: string): Promise<Looked | null> {
  try {
    const { steps } = await pool.objecter.execute(objectIn(pool, name), [stat()]);
    const { bytes, mtimeMs } = readStat(steps[0]?.data ?? NOTHING);
    return { sizeBytes: bytes, mtimeMs };
  } catch (error) {
    if (isError(error, 'ENOENT')) return null;
    throw error;
  }
}

export class ObjectBody implements RadosBody {
  readonly pool: PoolRef;
  readonly name: string;
  readonly hasHoles = false;
  readonly requestBytesBest: number;
  readonly wholeBytes: number | null;
  readonly isDraft = false;
  readonly grow = null;

  constructor(pool: PoolRef, name: string) {
    this.pool = pool;
    this.name = name;
    this.wholeBytes = isAppendOnly(pool) ? OBJECT_WRITE_BYTES_MAX : null;
    this.requestBytesBest = this.wholeBytes ?? REQUEST_BYTES_BEST;
  }

  /** EEXIST where there is one, if `exclusive`. */
  async create(exclusive: boolean): Promise<void> {
    await this.pool.objecter.execute(objectIn(this.pool, this.name), [create(exclusive)]);
  }

  objectName(): string {
    return this.name;
  }

  refusal(write: Request): DioriteError | null {
    return endOf(write) <= OBJECT_WRITE_BYTES_MAX ? null : this.#tooLarge(endOf(write));
  }

  #tooLarge(bytes: number): DioriteError {
    const place = placeText(this.pool, this.name);
    const text = `one object holds at most ${OBJECT_WRITE_BYTES_MAX} bytes here, not ${bytes}: a striped file holds more`;
    return systemError('EFBIG', `${place}: ${text}`);
  }

  async look(): Promise<Looked> {
    const looked = await lookAtObject(this.pool, this.name);
    if (looked === null) throw systemError('ENOENT', `${placeText(this.pool, this.name)} is not there`);
    return looked;
  }

  async truncate(sizeBytes: number): Promise<void> {
    if (sizeBytes > OBJECT_WRITE_BYTES_MAX) throw this.#tooLarge(sizeBytes);
    await this.pool.objecter.execute(objectIn(this.pool, this.name), [assertExists(), truncate(sizeBytes)]);
  }

  async close(): Promise<void> {
    // Nothing is held.
  }
}
