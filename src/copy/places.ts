// The table of schemes that copy() and probe() know, a line for each, and names taken apart by it.
import { fileURLToPath } from 'node:url';
import { errors } from '../base/errors.js';
import { toUrl } from '../open.js';
import type { Place } from './place.js';

/** `signal`: of the copy that it is for. */
export type PlaceTable = Readonly<Record<string, (signal?: AbortSignal) => Promise<Place>>>;

/** Loaded when a name has the scheme: a copy between local files loads no network client. `fd://0`: a descriptor. */
const PLACES: PlaceTable = {
  'file:': async () => new (await import('./local/local-place.js')).LocalPlace(),
  'nfs:': async (signal) => {
    const [{ NfsPlace }, { nfsConnections }] = await Promise.all([
      import('./nfs/nfs-place.js'),
      import('../targets/nfs/connect.js'),
    ]);
    return new NfsPlace(nfsConnections, signal);
  },
  'rados:': async (signal) => {
    const [{ RadosPlace }, { radosConnections }] = await Promise.all([
      import('./rados/rados-place.js'),
      import('../targets/rados/connections.js'),
    ]);
    return new RadosPlace(radosConnections, signal);
  },
  'fd:': async () => new (await import('./stdio/stdio-place.js')).StdioPlace(),
};

/** A name of its scheme: a path for `file:`, the whole URL otherwise, as it was given. */
export interface Location {
  readonly scheme: string;
  readonly name: string;
}

export interface Located {
  readonly place: Place;
  readonly name: string;
}

/** A name as open() takes it. A path that is not UTF-8 is refused rather than changed. */
export function toLocation(value: unknown, argument: string): Location {
  const url = value instanceof URL || typeof value === 'string' ? toUrl(value) : null;
  if (url === null || url.protocol === 'file:') return { scheme: 'file:', name: toPath(url ?? value, argument) };
  if (!Object.hasOwn(PLACES, url.protocol))
    throw errors.invalidValue(
      argument,
      `a path or a URL with one of the schemes ${Object.keys(PLACES).join(', ')}`,
      url.href,
    );
  // The text: a URL has dropped `..` already, which a server's links may make into something else.
  return { scheme: url.protocol, name: typeof value === 'string' ? value : url.href };
}

/** A path as node:fs takes it, as a string. */
function toPath(value: unknown, argument: string): string {
  if (value instanceof URL) return fileURLToPath(value);
  if (value instanceof Uint8Array) {
    const text = Buffer.from(value).toString('utf8');
    if (!Buffer.from(text).equals(value)) throw errors.invalidValue(argument, 'a path in UTF-8', text);
    return toPath(text, argument);
  }
  if (typeof value !== 'string') throw errors.invalidType(argument, 'a string, a Buffer or a URL', value);
  if (value === '' || value.includes('\0')) throw errors.invalidValue(argument, 'a path without null bytes', value);
  return value;
}

/** The places of one copy, each made at its first name. */
export class Places {
  readonly #table: PlaceTable;
  readonly #signal: AbortSignal | undefined;
  readonly #places: Map<string, Promise<Place>> = new Map();

  /** `others`: for tests, in place of those of the table. */
  constructor(others: PlaceTable = {}, signal?: AbortSignal) {
    this.#table = { ...PLACES, ...others };
    this.#signal = signal;
  }

  async locate({ scheme, name }: Location): Promise<Located> {
    return { place: await this.#of(scheme), name };
  }

  #of(scheme: string): Promise<Place> {
    const known = this.#places.get(scheme);
    if (known !== undefined) return known;
    const load = this.#table[scheme];
    if (load === undefined) throw errors.make('ERR_DIORITE_ASSERTION', 'a location has a scheme of the table');
    const made = load(this.#signal);
    this.#places.set(scheme, made);
    return made;
  }

  /** Never rejects: what was copied is published by then, and what failed has told why. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#places.values()].map(async (place) => (await place).close()));
  }
}
