// How something new becomes visible at once: a striped file by its layout and size, one object as a copy of a temporary one.
import { DioriteError, errors } from '../../base/errors.js';
import type { BeginOptions, Publication, Publishing } from '../../transfer/target.js';
import { named } from '../net/named.js';
import { systemError } from '../net/system-error.js';
import { COURTESY_MS, within } from '../net/within.js';
import { temporaryName } from '../temporary-name.js';
import type { RadosConnection, RadosConnections } from './connections.js';
import { OBJECT_WRITE_BYTES_MAX } from './facts.js';
import { lookAtObject, ObjectBody } from './object-body.js';
import { parseNamed } from './open.js';
import type { HeldLock } from './osd/held-lock.js';
import { objectIn, type PoolRef, placeText } from './osd/pool-ref.js';
import { copyFrom, create, remove, stat } from './osd/step.js';
import { RadosTarget } from './rados-target.js';
import { StripedBody } from './striped/striped-body.js';
import { begin, discard, finish } from './striped/unfinished.js';
import type { RadosUrl } from './url.js';

export interface RadosPublishingOptions {
  readonly requestBytes?: number | undefined;
}

/** Files of clusters, by rados:// URL. */
export class RadosPublishing implements Publishing {
  readonly cannotPublish = null;
  readonly #connections: RadosConnections;
  readonly #options: RadosPublishingOptions;

  constructor(connections: RadosConnections, options: RadosPublishingOptions = {}) {
    this.#connections = connections;
    this.#options = options;
  }

  /**
   * One object replaces another at once. A striped file cannot: what is there goes before the new one is, unless
   * `replace: false` refuses it; `size`, where it is given, is then the most that is written.
   */
  begin(name: string, options: BeginOptions): Promise<RadosPublication> {
    const url = parseNamed(name);
    return named({ syscall: 'open', path: name }, async () => {
      const connection = await this.#connections.acquire(url.cluster);
      try {
        const pool = await connection.poolRef(url.pool, url.namespace);
        const draft =
          url.striped === false
            ? await ObjectDraft.begin(pool, url.name, options)
            : await StripedDraft.begin(pool, url, options);
        return new RadosPublication(name, connection, draft, this.#options.requestBytes);
      } catch (error) {
        await Promise.allSettled([connection.release()]); // what led here is what is told
        throw error;
      }
    });
  }
}

/** What is not visible yet. */
interface Draft {
  readonly body: ObjectBody | StripedBody;
  /** All is written, and the target is closed. */
  publish(sizeBytes: number): Promise<void>;
  discard(): Promise<void>;
}

export class RadosPublication implements Publication {
  readonly target: RadosTarget;
  readonly #url: string;
  readonly #connection: RadosConnection;
  readonly #draft: Draft;
  #ended: 'published' | 'discarded' | null = null;

  constructor(url: string, connection: RadosConnection, draft: Draft, requestBytes: number | undefined) {
    const own = connection.retain();
    const { body } = draft;
    const looked = { sizeBytes: 0, mtimeMs: Date.now() };
    this.target = new RadosTarget({ name: url, body, looked, requestBytes, release: () => own.release() });
    this.#url = url;
    this.#connection = connection;
    this.#draft = draft;
  }

  /** See RadosBody. */
  get wholeBytes(): number | null {
    return this.#draft.body.wholeBytes;
  }

  /** What was written, for who reads it back before it is visible. */
  reader(): RadosTarget {
    const own = this.#connection.retain();
    const { body } = this.#draft;
    const looked = { sizeBytes: this.target.size, mtimeMs: Date.now() };
    return new RadosTarget({ name: this.#url, body, looked, release: () => own.release() });
  }

  /** OSDs answer a change when it is durable. */
  async publish(): Promise<boolean> {
    if (this.#ended !== null)
      throw errors.make('ERR_DIORITE_CLOSED', `${this.#url}: ${this.#ended} already`, { path: this.#url });
    await named({ syscall: 'publish', path: this.#url }, async () => {
      await this.target.close();
      await this.#draft.publish(this.target.size);
    });
    this.#ended = 'published';
    await this.#connection.release();
    return true;
  }

  /** What led here is the error that is told. An OSD that was silent before is not waited for again. */
  async discard(): Promise<void> {
    if (this.#ended !== null) return;
    this.#ended = 'discarded';
    await Promise.allSettled([this.target.close()]);
    const clearing = this.#draft.discard();
    if (this.target.isSilent) await within(COURTESY_MS, clearing);
    else await Promise.allSettled([clearing]);
    await Promise.allSettled([this.#connection.release()]);
  }
}

class StripedDraft implements Draft {
  readonly body: StripedBody;
  readonly #lock: HeldLock;

  private constructor(body: StripedBody, lock: HeldLock) {
    this.body = body;
    this.#lock = lock;
  }

  static async begin(
    pool: PoolRef,
    { name, striping }: RadosUrl,
    { replace, size }: BeginOptions,
  ): Promise<StripedDraft> {
    const sizeBytes = size ?? null;
    const lock = await begin(pool, name, { striping, sizeBytes, replace: replace ?? true });
    return new StripedDraft(new StripedBody({ pool, name, striping, lock, draftBytesMax: sizeBytes }), lock);
  }

  async publish(sizeBytes: number): Promise<void> {
    const { pool, name, striping } = this.body;
    await finish(pool, name, { striping, sizeBytes }, this.#lock);
  }

  async discard(): Promise<void> {
    await discard(this.body.pool, this.body.name, this.#lock);
  }
}

/** Written beside its own name, and copied to it by its OSD in one operation. */
class ObjectDraft implements Draft {
  readonly body: ObjectBody;
  readonly #pool: PoolRef;
  readonly #name: string;
  readonly #replace: boolean;

  private constructor(pool: PoolRef, name: string, temporary: string, replace: boolean) {
    this.#pool = pool;
    this.#name = name;
    this.#replace = replace;
    this.body = new ObjectBody(pool, temporary);
  }

  static async begin(pool: PoolRef, name: string, { replace = true, size = 0 }: BeginOptions): Promise<ObjectDraft> {
    if (size > OBJECT_WRITE_BYTES_MAX) {
      const text = `one object holds at most ${OBJECT_WRITE_BYTES_MAX} bytes here, not ${size}: a striped file holds more`;
      throw systemError('EFBIG', `${placeText(pool, name)}: ${text}`);
    }
    if (!replace && (await lookAtObject(pool, name)) !== null) throw exists(pool, name);
    const draft = new ObjectDraft(pool, name, temporaryName(name), replace);
    await draft.body.create(true);
    return draft;
  }

  async publish(): Promise<void> {
    const { objecter } = this.#pool;
    const source = objectIn(this.#pool, this.body.name);
    const { version } = await objecter.execute(source, [stat()]);
    const first = this.#replace ? [] : [create(true)];
    try {
      await objecter.execute(objectIn(this.#pool, this.#name), [...first, copyFrom(source, version)]);
    } catch (error) {
      if (error instanceof DioriteError && error.code === 'EEXIST') throw exists(this.#pool, this.#name);
      throw error;
    }
    // It is there under its name: what is left under the other is a matter of tidiness.
    await Promise.allSettled([this.discard()]);
  }

  async discard(): Promise<void> {
    await this.#pool.objecter.execute(objectIn(this.#pool, this.body.name), [remove()]);
  }
}

function exists(pool: PoolRef, name: string): DioriteError {
  return errors.make('ERR_DIORITE_EXISTS', `The destination exists: ${placeText(pool, name)}`);
}
