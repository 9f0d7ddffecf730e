// Files in Ceph clusters as sources and destinations of copies, by URL.
import type { Stats } from 'node:fs';
import { DioriteError, errors } from '../../base/errors.js';
import type { File } from '../../handle/file.js';
import { toFile } from '../../handle/remote-file.js';
import { named } from '../../targets/net/named.js';
import { Patience } from '../../targets/net/patience.js';
import { toStats } from '../../targets/net/remote-stats.js';
import { systemError } from '../../targets/net/system-error.js';
import type { RadosConnection, RadosConnections } from '../../targets/rados/connections.js';
import { attributesOf, keyOf } from '../../targets/rados/facts.js';
import { type Found, findFile } from '../../targets/rados/find.js';
import { openRadosTarget } from '../../targets/rados/open.js';
import { type PoolRef, placeText } from '../../targets/rados/osd/pool-ref.js';
import { RadosPublishing } from '../../targets/rados/publish.js';
import { parseRadosUrl, type RadosUrl } from '../../targets/rados/url.js';
import type { Destination } from '../destination.js';
import type { CopySettings } from '../options.js';
import type { Place, Resolved, There } from '../place.js';
import type { ProbeResult } from '../probe.js';
import type { Readable, Source } from '../source.js';
import { beginRadosFile } from './published-file.js';

/** Of a striped file. */
const NOT_AT_ONCE = 'but a striped file cannot be replaced at once: the old one goes before the new one is whole';

/** A name, and the connection that it is reached by. */
export interface Reached {
  readonly url: RadosUrl;
  readonly connection: RadosConnection;
  readonly pool: PoolRef;
}

export class RadosPlace implements Place {
  readonly store = 'rados';
  readonly takesStreams = false;
  readonly #connections: RadosConnections;
  readonly #patience: Patience | null;
  /** Each name keeps its connection until the copy ends: what is opened and closed on the way shares it. */
  readonly #reached: Map<string, Promise<Reached>> = new Map();
  /** What is written and not visible yet, by the name that it is read back under. */
  readonly #unseen: Map<string, () => File> = new Map();

  /** `signal`: of a copy, which waits for no silent cluster any more when it is aborted. */
  constructor(connections: RadosConnections, signal?: AbortSignal) {
    this.#connections = connections;
    this.#patience = signal === undefined ? null : new Patience(signal);
  }

  /** `late`: for what comes when nobody waits for it any more. */
  #wait<T>(work: () => Promise<T>, late?: (value: T) => unknown): Promise<T> {
    return this.#patience === null ? work() : this.#patience.wait(work, late);
  }

  #reach(name: string): Promise<Reached> {
    const known = this.#reached.get(name);
    if (known !== undefined) return known;
    const reached = this.#wait(
      () => this.#connect(name),
      ({ connection }) => connection.release(),
    );
    this.#reached.set(name, reached);
    return reached;
  }

  #named<T>(syscall: string, path: string, work: () => Promise<T>): Promise<T> {
    return this.#wait(() => named({ syscall, path }, work));
  }

  async #connect(name: string): Promise<Reached> {
    const url = parseRadosUrl(name);
    return named({ syscall: 'connect', path: name }, async () => {
      const connection = await this.#connections.acquire(url.cluster);
      try {
        return { url, connection, pool: await connection.poolRef(url.pool, url.namespace) };
      } catch (error) {
        await Promise.allSettled([connection.release()]); // what led here is what is told
        throw error;
      }
    });
  }

  async #find(name: string): Promise<Found> {
    const { url, pool } = await this.#reach(name);
    return this.#named('stat', name, async () => {
      if (url.name === '') throw systemError('EISDIR', `${name} is a pool`);
      const found = await findFile(pool, url.name, url.striped, name);
      if (found === null) throw systemError('ENOENT', `${placeText(pool, url.name)} is not there`);
      return found;
    });
  }

  baseName(name: string): string {
    const path = parseRadosUrl(name).name;
    return path.slice(path.lastIndexOf('/') + 1);
  }

  async stat(name: string): Promise<Stats> {
    const { url, pool } = await this.#reach(name);
    return statsOf(pool, url.name, await this.#find(name));
  }

  async open(name: string): Promise<File> {
    const unseen = this.#unseen.get(name);
    if (unseen !== undefined) return unseen();
    const target = await this.#wait(
      () => openRadosTarget(this.#connections, name, 'r'),
      (late) => late.close(),
    );
    return toFile(target, {});
  }

  async sizeOf(_name: string, _file: Readable, stats: Stats): Promise<number> {
    return stats.size;
  }

  /** A pool alone takes the source's name. */
  async resolve(name: string, baseName: string): Promise<Resolved> {
    const path = parseRadosUrl(name).name === '' ? withName(name, baseName) : name;
    const { url, pool } = await this.#reach(path);
    return this.#named('copy', path, async () => {
      const found = await findFile(pool, url.name, url.striped, path);
      if (found?.kind === 'object' && url.striped === null) throw isObject(path);
      const replacing = found?.kind === 'striped' ? NOT_AT_ONCE : undefined;
      const stats = found === null ? null : statsOf(pool, url.name, found);
      return { place: this, kind: 'regular', path, stats, replacing };
    });
  }

  async begin(resolved: Resolved, source: Source, settings: CopySettings): Promise<Destination> {
    const { path, stats } = resolved;
    const publishing = new RadosPublishing(this.#connections);
    // No URL has a fragment here: nobody else could open it.
    const readBackPath = `${path}#unseen`;
    const { destination, reader } = await this.#wait(
      () => beginRadosFile(publishing, path, stats !== null, readBackPath, source, settings),
      (late) => late.destination.discard(),
    );
    this.#unseen.set(readBackPath, reader);
    return destination;
  }

  async identity({ path, stats }: There): Promise<string> {
    const { url, pool } = await this.#reach(path);
    const isStriped = stats === null ? url.striped !== false : (await this.#find(path)).kind === 'striped';
    return keyOf(pool, url.name, isStriped);
  }

  async overlap(one: There, other: There): Promise<boolean> {
    return (await this.identity(one)) === (await this.identity(other));
  }

  async probe(name: string): Promise<ProbeResult> {
    const { probeRados } = await import('./probe.js');
    return probeRados(name, await this.#reach(name));
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#reached.values()].map(async (reached) => (await reached).connection.release()));
    this.#patience?.end();
  }
}

function statsOf(pool: PoolRef, name: string, { kind, looked }: Found): Stats {
  return toStats(attributesOf(keyOf(pool, name, kind === 'striped'), looked));
}

function withName(pool: string, baseName: string): string {
  if (baseName === '')
    throw new DioriteError(`The destination is a pool, and the source has no name: ${pool}`, {
      code: 'EISDIR',
      path: pool,
    });
  const [, before = '', query = ''] = /^([^?]*?)\/?(\?.*)?$/s.exec(pool) ?? [];
  return `${before}/${encodeURIComponent(baseName)}${query}`;
}

/** Both under one name would be nobody's to tell apart. */
function isObject(path: string): DioriteError {
  const choice = 'striped=no replaces it (with force), striped=yes makes a striped file beside it';
  return errors.make('ERR_DIORITE_EXISTS', `The destination exists, as one object: ${path}: ${choice}`, {
    path,
    syscall: 'copy',
  });
}
