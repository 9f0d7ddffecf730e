// Files of NFS servers as sources and destinations of copies, by URL.
import { constants, type Stats } from 'node:fs';
import { DioriteError, errors } from '../../base/errors.js';
import type { File } from '../../handle/file.js';
import { toFile } from '../../handle/remote-file.js';
import { named } from '../../targets/net/named.js';
import { Patience } from '../../targets/net/patience.js';
import { toStats } from '../../targets/net/remote-stats.js';
import type { NfsConnection, NfsConnections } from '../../targets/nfs/connections.js';
import type { NfsTarget } from '../../targets/nfs/nfs-target.js';
import { openNfsTarget, urlOf } from '../../targets/nfs/open.js';
import type { NfsAttributes } from '../../targets/nfs/protocol.js';
import { NfsPublishing } from '../../targets/nfs/publish.js';
import { parseNfsUrl } from '../../targets/nfs/url.js';
import { type Found, find, Place as Walked, walk } from '../../targets/nfs/walk.js';
import type { Destination } from '../destination.js';
import { permissionsFor } from '../mode.js';
import type { CopySettings } from '../options.js';
import type { Place, Resolved, There } from '../place.js';
import type { ProbeResult } from '../probe.js';
import type { Readable, Source } from '../source.js';
import { beginNfsFile } from './published-file.js';

/** A name, and the connection that it is reached by. */
export interface Reached {
  readonly url: URL;
  /** What it is in the protocol's tree. */
  readonly path: string;
  readonly uid: number;
  readonly connection: NfsConnection;
  readonly root: Walked;
}

export class NfsPlace implements Place {
  readonly store = 'nfs';
  readonly takesStreams = false;
  readonly #connections: NfsConnections;
  readonly #patience: Patience | null;
  /** Each name keeps its connection until the copy ends: what is opened and closed on the way shares it. */
  readonly #reached: Map<string, Promise<Reached>> = new Map();

  /** `signal`: of a copy, which waits for no silent server any more when it is aborted. */
  constructor(connections: NfsConnections, signal?: AbortSignal) {
    this.#connections = connections;
    this.#patience = signal === undefined ? null : new Patience(signal);
  }

  #reach(name: string): Promise<Reached> {
    const known = this.#reached.get(name);
    if (known !== undefined) return known;
    const reached = this.#connect(name);
    this.#reached.set(name, reached);
    return reached;
  }

  async #connect(name: string): Promise<Reached> {
    const { settings, path } = parseNfsUrl(name);
    const connection = await named({ syscall: 'connect', path: name }, () =>
      this.#connections.acquire(settings, path, 'file', this.#patience),
    );
    const root = new Walked(connection.protocol.root, '', null);
    return { url: new URL(name), path: `/${connection.rest}`, uid: settings.uid, connection, root };
  }

  async #find(name: string): Promise<Walked> {
    const { connection, root, path } = await this.#reach(name);
    return named({ syscall: 'stat', path: name }, () => find(connection.protocol, root, path, 'follow'));
  }

  baseName(name: string): string {
    const { path } = parseNfsUrl(name);
    return path.slice(path.lastIndexOf('/') + 1);
  }

  async stat(name: string): Promise<Stats> {
    return toStats((await this.#find(name)).attributes);
  }

  /** How large its requests are is the server's word; a piece of a copy is what bounds them. */
  async open(name: string): Promise<File> {
    return toFile(await this.#target(name), {});
  }

  #target(name: string): Promise<NfsTarget> {
    return openNfsTarget(this.#connections, name, constants.O_RDONLY, { patience: this.#patience });
  }

  async sizeOf(_name: string, _file: Readable, stats: Stats): Promise<number> {
    return stats.size;
  }

  async resolve(name: string, baseName: string): Promise<Resolved> {
    const reached = await this.#reach(name);
    return named({ syscall: 'copy', path: name }, async () => {
      const found = await this.#walk(reached, reached.path);
      if (found.name !== null && found.place?.isDirectory !== true) {
        // Taken apart, a URL has lost the slash that only a directory may have.
        if (reached.url.pathname.endsWith('/'))
          throw new DioriteError(`Not a directory: ${name}`, { code: 'ENOTDIR', syscall: 'open', path: name });
        return this.#resolved(reached, found);
      }
      const directory = found.place ?? found.directory;
      const inside = await this.#walk(reached, `/${directory.path}/${baseName}`);
      if (inside.place?.isDirectory !== true && inside.name !== null) return this.#resolved(reached, inside);
      const path = urlOf(reached.url, reached.connection, `${directory.path}/${baseName}`).href;
      throw new DioriteError(`The destination is a directory: ${path}`, { code: 'EISDIR', path });
    });
  }

  #walk({ connection, root }: Reached, path: string): Promise<Found> {
    return walk(connection.protocol, root, path, 'follow');
  }

  #resolved({ url, connection }: Reached, { directory, name, place }: Found): Resolved {
    const path = urlOf(url, connection, place?.path ?? `${directory.path}/${name}`).href;
    if (place === null) return { place: this, kind: 'regular', path, stats: null };
    if (place.attributes.type !== 'file')
      throw errors.make('ERR_DIORITE_UNSUPPORTED', `The destination is no regular file: ${path}`, { path });
    return { place: this, kind: 'regular', path, stats: toStats(place.attributes) };
  }

  async begin(resolved: Resolved, source: Source, settings: CopySettings): Promise<Destination> {
    const { path, stats } = resolved;
    const { uid } = await this.#reach(path);
    const permissions = await permissionsFor(source, stats, uid === 0);
    const publishing = new NfsPublishing(this.#connections, { patience: this.#patience });
    return beginNfsFile(publishing, path, stats !== null, permissions, source, settings);
  }

  /** By the server's own numbers, which a Stats rounds. */
  async identity({ path, stats }: There): Promise<string> {
    const { connection, root, path: inTree } = await this.#reach(path);
    const keyOf = ({ fsid, fileId }: NfsAttributes): string => `${connection.protocol.server} ${fsid} ${fileId}`;
    if (stats !== null) return `nfs ${keyOf((await this.#find(path)).attributes)}`;
    const { directory, name } = await walk(connection.protocol, root, inTree, 'name');
    return `nfs name ${keyOf(directory.attributes)} ${name}`;
  }

  async overlap(one: There, other: There): Promise<boolean> {
    if (one.stats === null || other.stats === null) return false;
    return (await this.identity(one)) === (await this.identity(other));
  }

  async probe(name: string): Promise<ProbeResult> {
    const { probeNfs } = await import('./probe.js');
    return probeNfs(name, await this.#reach(name), await this.#find(name), () => this.#target(name));
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#reached.values()].map(async (reached) => (await reached).connection.release()));
    this.#patience?.end();
  }
}
