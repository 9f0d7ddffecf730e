// A file striped over objects as a target sees it: where its bytes lie, and how its size is stored.
import { DioriteError } from '../../../base/errors.js';
import type { Layout } from '../../../plan/layout.js';
import type { Request } from '../../../transfer/request.js';
import { systemError } from '../../net/system-error.js';
import { Stripes, type Striping } from '../../striping.js';
import { isAppendOnly, wholeBytesOf } from '../append-only.js';
import type { Looked, RadosBody } from '../body.js';
import type { HeldLock } from '../osd/held-lock.js';
import { type PoolRef, placeText } from '../osd/pool-ref.js';
import { endOf } from '../reach.js';
import { objectName } from './layout.js';
import { truncateStriped } from './reshape.js';
import { growSize, lockFile, readHead } from './striped-file.js';
import { StripedHoles } from './striped-holes.js';

/** Of larger objects a part at a time, so that several are on the way. */
const REQUEST_BYTES_BEST: number = 4 * 2 ** 20;

export interface StripedBodyInput {
  readonly pool: PoolRef;
  readonly name: string;
  readonly striping: Striping;
  /** Null: it is only read, which needs none. */
  readonly lock: HeldLock | null;
  /** It is not visible yet, and becomes no larger than this; null: nobody knows how large. Its lock is its maker's. */
  readonly draftBytesMax?: number | null;
}

export class StripedBody implements RadosBody {
  readonly pool: PoolRef;
  readonly name: string;
  readonly striping: Striping;
  readonly hasHoles = true;
  readonly layout: Layout;
  readonly requestBytesBest: number;
  readonly wholeBytes: number | null;
  readonly isDraft: boolean;
  readonly grow: ((sizeBytes: number) => Promise<void>) | null;
  readonly #bytesMax: number;
  #lock: HeldLock | null;
  /** Why nothing is written any more. */
  #problem: DioriteError | null = null;

  constructor({ pool, name, striping, lock, draftBytesMax }: StripedBodyInput) {
    this.pool = pool;
    this.name = name;
    this.striping = striping;
    this.isDraft = draftBytesMax !== undefined;
    this.#bytesMax = draftBytesMax ?? Number.MAX_SAFE_INTEGER;
    this.#lock = lock;
    this.layout = new Stripes(striping, (object) => objectName(name, object)).layout;
    this.wholeBytes = isAppendOnly(pool) ? wholeBytesOf(pool, name, striping) : null;
    const best = this.wholeBytes === null ? REQUEST_BYTES_BEST : striping.objectBytes;
    this.requestBytesBest = Math.min(striping.objectBytes, best);
    this.grow = this.isDraft ? null : (sizeBytes) => growSize(pool, name, sizeBytes);
  }

  holes(check: () => void): StripedHoles {
    return new StripedHoles(this.pool, this.layout, check);
  }

  objectName(unit: string): string {
    return unit;
  }

  /** Somebody else may truncate or remove the file by then. */
  refusal(write: Request): DioriteError | null {
    if (this.#problem !== null) return this.#problem;
    const end = endOf(write);
    if (end > this.#bytesMax) {
      const text = `${this.#bytesMax} bytes are to be written at most, not ${end}`;
      return systemError('EFBIG', `${placeText(this.pool, this.name)}: ${text}`);
    }
    if (this.#lock?.lost.aborted !== true) return null;
    const { reason } = this.#lock.lost;
    if (reason instanceof DioriteError) return reason;
    return systemError('EBUSY', `${placeText(this.pool, this.name)}: its lock is lost`, reason);
  }

  async look(): Promise<Looked> {
    const head = await readHead(this.pool, this.name);
    if (head === null) throw systemError('ENOENT', `${placeText(this.pool, this.name)} is no striped file any more`);
    return head;
  }

  async truncate(sizeBytes: number, knownBytes: number): Promise<void> {
    if (this.isDraft) {
      // What is added reads as zeros, and its size is stored when it is published.
      if (sizeBytes >= knownBytes) return;
      throw systemError('ENOTSUP', `${placeText(this.pool, this.name)} is not whole yet, and becomes no shorter`);
    }
    // It is for who has the file alone. Who else shares it with us is told by EBUSY.
    await this.#lock?.release();
    try {
      await truncateStriped(this.pool, this.name, sizeBytes);
    } finally {
      await this.#shareAgain();
    }
  }

  async #shareAgain(): Promise<void> {
    try {
      this.#lock = await lockFile(this.pool, this.name, { exclusive: false, mustExist: true });
    } catch (error) {
      this.#problem = error instanceof DioriteError ? error : systemError('EIO', 'its lock is not to be had', error);
    }
  }

  async close(): Promise<void> {
    // All that was written is durable: a lock that cannot be let go expires by itself.
    if (!this.isDraft) await Promise.allSettled([this.#lock?.release()]);
  }
}
