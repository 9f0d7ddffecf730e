// The objects and striped files of a pool: listed, looked at, changed, locked; no mount, no native library.
import '../memory/host.js';
import { errors } from '../base/errors.js';
import { toOffset } from '../base/integers.js';
import type { File } from '../handle/file.js';
import type { OpenOptions } from '../handle/open-options.js';
import { mustNotAskForRing, toFile } from '../handle/remote-file.js';
import { ClientCalls } from '../targets/net/client-calls.js';
import { named } from '../targets/net/named.js';
import { systemError } from '../targets/net/system-error.js';
import type { RadosConnection, RadosConnections } from '../targets/rados/connections.js';
import { radosConnections } from '../targets/rados/connections.js';
import { findFile } from '../targets/rados/find.js';
import { openRadosTarget } from '../targets/rados/open.js';
import { FLAG_RETURN_VECTOR } from '../targets/rados/osd/codes.js';
import { HeldLock } from '../targets/rados/osd/held-lock.js';
import { ALL_NAMESPACES, type ListedObject, listPages } from '../targets/rados/osd/listing.js';
import * as locks from '../targets/rados/osd/lock-steps.js';
import { objectIn, type PoolRef, placeText } from '../targets/rados/osd/pool-ref.js';
import { appendAlignment, ERASURE } from '../targets/rados/osdmap/pool.js';
import { removeStriped, truncateStriped } from '../targets/rados/striped/reshape.js';
import { parseRadosUrl } from '../targets/rados/url.js';
import type { Operated, RadosLockOptions, RadosPool, RadosStat, StepResults } from './results.js';
import { type OmapPage, type RadosBytes, type RadosPayload, type RadosStep, step } from './step.js';

const NAME_BYTES_MAX = 2048;
/** A lock is renewed three times in its time, and by the clock of the OSD: no shorter one is of use. */
const TTL_MS_MIN = 100;
/** What a timer of Node takes is more: a day. */
const TTL_MS_MAX = 24 * 3600 * 1000;

interface RadosClientInput {
  readonly url: string;
  readonly query: string;
  readonly connections: RadosConnections;
  readonly connection: RadosConnection;
  readonly pool: PoolRef;
}

/**
 * A pool, or a namespace of it, by URL. Names are those of objects; where a striped file may be meant, `stat`,
 * `truncate` and `remove` find which of the two there is, unless `striped` says it. What a call has changed is durable
 * when it resolves. Errors name the object, the pool and the cluster; calls fail with ETIMEDOUT where no answer comes in
 * the URL's `timeout` (30 s), and what was to be changed then is changed, or is yet, or is not.
 */
export class RadosClient {
  /** Without its options. */
  readonly url: string;
  readonly #connections: RadosConnections;
  readonly #pool: PoolRef;
  /** Its options, with their question mark. */
  readonly #query: string;
  readonly #calls: ClientCalls;

  /** See `connect`. */
  constructor({ url, query, connections, connection, pool }: RadosClientInput) {
    this.url = url;
    this.#query = query;
    this.#connections = connections;
    this.#calls = new ClientCalls(url, () => connection.release());
    this.#pool = pool;
  }

  /** `rados://pool?conf=&keyring=&user=&mon=&namespace=&timeout=` */
  static connect(url: string | URL): Promise<RadosClient> {
    return connectThrough(radosConnections, url);
  }

  /** Of the cluster: what Ceph tells clusters apart by. */
  get fsid(): string {
    return this.#pool.objecter.map.fsid;
  }

  /** As the newest map that came has it. */
  get pool(): RadosPool {
    const { map } = this.#pool.objecter;
    const pool = map.pool(this.#pool.pool);
    if (pool === undefined)
      throw errors.make('ERR_DIORITE_CLOSED', `the pool is gone: ${this.url}`, { path: this.url });
    return {
      name: map.data.poolNames.get(pool.id) ?? '',
      id: pool.id,
      type: pool.type === ERASURE ? 'erasure' : 'replicated',
      size: pool.size,
      alignment: appendAlignment(pool),
    };
  }

  // ---- files -----------------------------------------------------------------------------------------------------

  /**
   * Opens a striped file, or an object as a file, as `open` of the main entry does with the URL of the name: layout and
   * `striped` of the client's URL hold for what is new. It stays open when the client is closed.
   */
  async open(name: string, flags?: string | number, options: OpenOptions = {}): Promise<File> {
    checkName(name);
    const url = `${this.url}/${encodeURIComponent(name)}${this.#query}`;
    mustNotAskForRing(url, options);
    const { requestBytes } = options;
    return this.#run('open', name, async () => {
      return toFile(await openRadosTarget(this.#connections, url, flags, { requestBytes }), options);
    });
  }

  // ---- names -----------------------------------------------------------------------------------------------------

  /**
   * The objects, in no order that means something, as they are found: what is made or removed meanwhile may be there or
   * not. `namespaces: 'all'`: of every namespace of the pool.
   */
  async *list(options: { readonly namespaces?: 'all' | undefined } = {}): AsyncGenerator<ListedObject, void, void> {
    const namespace = options.namespaces === 'all' ? ALL_NAMESPACES : this.#pool.namespace;
    const pages = listPages({ ...this.#pool, namespace });
    for (;;) {
      const { value } = await this.#run('list', '', () => pages.next());
      if (value === undefined) return;
      yield* value;
    }
  }

  /** ENOENT where there is neither object nor striped file. */
  stat(name: string, { striped }: { readonly striped?: boolean | undefined } = {}): Promise<RadosStat> {
    return this.#run('stat', name, async () => {
      const { kind, looked } = await this.#find(name, striped);
      const layout = kind === 'striped' ? looked.striping : null;
      return { kind, size: looked.sizeBytes, mtime: new Date(looked.mtimeMs), layout };
    });
  }

  /** A striped file is removed by its stored layout, under its lock; EBUSY where somebody else has that. */
  remove(name: string, { striped }: { readonly striped?: boolean | undefined } = {}): Promise<void> {
    return this.#run('remove', name, async () => {
      const { kind } = await this.#find(name, striped);
      if (kind === 'striped') await removeStriped(this.#pool, name);
      else await this.#one(name, step.remove());
    });
  }

  /** Longer or shorter; the new bytes are zeros. */
  async truncate(
    name: string,
    size: number | bigint = 0,
    { striped }: { readonly striped?: boolean | undefined } = {},
  ): Promise<void> {
    const bytes = toOffset(size, 'size');
    return this.#run('truncate', name, async () => {
      const { kind } = await this.#find(name, striped);
      if (kind === 'striped') await truncateStriped(this.#pool, name, bytes);
      else await this.#operate(name, [step.assertExists(), step.truncate(bytes)]);
    });
  }

  async #find(name: string, striped: boolean | undefined): Promise<NonNullable<Awaited<ReturnType<typeof findFile>>>> {
    const found = await findFile(this.#pool, name, striped ?? null, `${this.url}/${name}`);
    if (found !== null) return found;
    const what = striped === undefined ? 'object or striped file' : striped ? 'striped file' : 'object';
    throw systemError('ENOENT', `${placeText(this.#pool, name)}: no such ${what}`);
  }

  // ---- data ------------------------------------------------------------------------------------------------------

  /** `length` 0: all there is. Short at the object's end. */
  async read(name: string, offset: number | bigint = 0, length: number | bigint = 0): Promise<Buffer> {
    const reading = step.read(offset, length);
    return this.#run('read', name, () => this.#one(name, reading));
  }

  /** The object is made where there is none. */
  async write(name: string, payload: RadosPayload, offset: number | bigint = 0): Promise<void> {
    const writing = step.write(payload, offset);
    return this.#run('write', name, () => this.#one(name, writing));
  }

  /** The object holds just this from then on. */
  async writeFull(name: string, payload: RadosPayload): Promise<void> {
    const writing = step.writeFull(payload);
    return this.#run('write', name, () => this.#one(name, writing));
  }

  async append(name: string, payload: RadosPayload): Promise<void> {
    const writing = step.append(payload);
    return this.#run('write', name, () => this.#one(name, writing));
  }

  // ---- attributes and omap ---------------------------------------------------------------------------------------

  /** ENODATA where there is none of that name. */
  getXattr(name: string, attribute: string): Promise<Buffer> {
    return this.#run('getxattr', name, () => this.#one(name, step.getXattr(attribute)));
  }

  xattrs(name: string): Promise<Map<string, Buffer>> {
    return this.#run('listxattr', name, () => this.#one(name, step.xattrs()));
  }

  async setXattr(name: string, attribute: string, value: RadosBytes): Promise<void> {
    const setting = step.setXattr(attribute, value);
    return this.#run('setxattr', name, () => this.#one(name, setting));
  }

  removeXattr(name: string, attribute: string): Promise<void> {
    return this.#run('removexattr', name, () => this.#one(name, step.removeXattr(attribute)));
  }

  /** Keys that begin with `prefix` and their values, in order, asked for page by page. */
  async *omap(name: string, prefix = ''): AsyncGenerator<[key: string, value: Buffer], void, void> {
    for (let after = ''; ; ) {
      const page: OmapPage<Map<string, Buffer>> = await this.#run('omap', name, () =>
        this.#one(name, step.omapValues(after, prefix)),
      );
      yield* page.entries;
      const last = [...page.entries.keys()].at(-1);
      if (!page.more || last === undefined) return;
      after = last;
    }
  }

  /** Those of these keys that there are. */
  async getOmap(name: string, keys: readonly string[]): Promise<Map<string, Buffer>> {
    const getting = step.getOmap(keys);
    return this.#run('omap', name, () => this.#one(name, getting));
  }

  setOmap(name: string, values: ReadonlyMap<string, RadosBytes> | Readonly<Record<string, RadosBytes>>): Promise<void> {
    const setting = step.setOmap(values);
    return this.#run('omap', name, () => this.#one(name, setting));
  }

  async removeOmap(name: string, keys: readonly string[]): Promise<void> {
    const removing = step.removeOmap(keys);
    return this.#run('omap', name, () => this.#one(name, removing));
  }

  // ---- locks -----------------------------------------------------------------------------------------------------

  /**
   * Held until `release`: it expires after `ttlMs` (a minute) where this process dies, and is renewed while it lives;
   * `lost` is aborted where it could not be. EBUSY, with who holds it, where another does.
   */
  async lock(name: string, lock: string, options: RadosLockOptions = {}): Promise<HeldLock> {
    const { exclusive = true, ttlMs } = options;
    const isTime = ttlMs === undefined || (Number.isFinite(ttlMs) && ttlMs >= TTL_MS_MIN && ttlMs <= TTL_MS_MAX);
    if (!isTime) throw errors.outOfRange('options.ttlMs', `>= ${TTL_MS_MIN} and <= ${TTL_MS_MAX}`, ttlMs);
    return this.#run('lock', name, () => HeldLock.acquire(this.#pool, name, lock, { ...options, exclusive }));
  }

  /** Who holds a lock, and how. */
  lockInfo(name: string, lock: string): Promise<locks.LockInfo> {
    return this.#run('lock', name, async () => {
      const { steps } = await this.#pool.objecter.execute(objectIn(this.#pool, name), [locks.lockInfo(lock)]);
      return locks.readLockInfo(steps[0]?.data ?? Buffer.alloc(0));
    });
  }

  /** Takes it from one of those whom `lockInfo` tells. ENOENT where that does not hold it any more. */
  async breakLock(name: string, lock: string, locker: Pick<locks.Locker, 'client' | 'cookie'>): Promise<void> {
    const breaking = locks.breakLock(lock, locker);
    await this.#run('lock', name, () => this.#pool.objecter.execute(objectIn(this.#pool, name), [breaking]));
  }

  /** Names of locks that are held, or once were. */
  lockNames(name: string): Promise<string[]> {
    return this.#run('lock', name, async () => {
      const { steps } = await this.#pool.objecter.execute(objectIn(this.#pool, name), [locks.lockNames()]);
      return locks.readLockNames(steps[0]?.data ?? Buffer.alloc(0));
    });
  }

  // ---- compound operations ---------------------------------------------------------------------------------------

  /**
   * All steps on one object, in order, all or none; the error says which one failed. Steps that read give nothing back
   * beside steps that change unless `returnData`: OSDs then take at most 64 bytes of each (osd_max_write_op_reply_len).
   */
  operate<const S extends readonly RadosStep[]>(
    name: string,
    steps: S,
    options: { readonly returnData?: boolean | undefined } = {},
  ): Promise<Operated<S>> {
    return this.#run('operate', name, () => this.#operate(name, steps, options.returnData));
  }

  async #operate<const S extends readonly RadosStep[]>(
    name: string,
    steps: S,
    returnData = false,
  ): Promise<Operated<S>> {
    if (steps.length === 0) throw errors.invalidValue('steps', 'one or more', steps.length);
    const isMixed = steps.some(({ inner }) => inner.changes) && steps.some(({ gives }) => gives);
    if (isMixed && !returnData)
      throw errors.invalidValue(
        'options.returnData',
        'true where steps that read stand beside steps that change',
        false,
      );
    const flags = returnData ? FLAG_RETURN_VECTOR : 0;
    const inner = steps.map((each) => each.inner);
    const { version, steps: ends } = await this.#pool.objecter.execute(objectIn(this.#pool, name), inner, flags);
    const results = steps.map((each, i) => each.read(ends[i] ?? { result: 0, bytes: 0, data: Buffer.alloc(0) }));
    // Each result is made by the `read` of its own step.
    return { version, results: results as StepResults<S> };
  }

  async #one<T>(name: string, only: RadosStep<T>): Promise<T> {
    const { results } = await this.#operate(name, [only]);
    return results[0];
  }

  // ---- the client ------------------------------------------------------------------------------------------------

  /** Waits for what was called before. Locks that are held are let go by their own `release`, before. Idempotent. */
  close(): Promise<void> {
    return this.#calls.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run<T>(syscall: string, name: string, work: () => Promise<T>): Promise<T> {
    if (syscall !== 'list') checkName(name);
    return this.#calls.run(() => named({ syscall, path: name, url: `${this.url} of cluster ${this.fsid}` }, work));
  }
}

function checkName(name: unknown): void {
  if (typeof name !== 'string') throw errors.invalidType('name', 'a string', name);
  if (name === '') throw errors.invalidValue('name', 'not empty', name);
  if (Buffer.byteLength(name) > NAME_BYTES_MAX)
    throw errors.invalidValue('name', `at most ${NAME_BYTES_MAX} bytes`, name);
}

/** `connections`: those of this process, or a test's own. */
export async function connectThrough(connections: RadosConnections, given: string | URL): Promise<RadosClient> {
  const text = typeof given === 'string' ? given : given.href;
  const parsed = parseRadosUrl(text);
  const [base = text, ...options] = text.split('?');
  const url = base.replace(/\/+$/, '');
  const query = options.length === 0 ? '' : `?${options.join('?')}`;
  if (parsed.name !== '') throw errors.invalidValue('url', 'a pool, without a name: rados://pool', url);
  return named({ syscall: 'connect', path: url }, async () => {
    const connection = await connections.acquire(parsed.cluster);
    try {
      const pool = await connection.poolRef(parsed.pool, parsed.namespace);
      return new RadosClient({ url, query, connections, connection, pool });
    } catch (error) {
      await Promise.allSettled([connection.release()]); // what led here is what is told
      throw error;
    }
  });
}
