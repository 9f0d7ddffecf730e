// Finds what a path stands for, name by name from a directory, following symbolic links as open(2) does.
import { DioriteError } from '../../base/errors.js';
import type { FileHandle, NfsAttributes, NfsObject, NfsProtocol } from './protocol.js';
import { errnoOf } from './status.js';

/** PATH_MAX of Linux: of a path, and of what a link says. */
const PATH_BYTES_MAX = 4096;
/** MAXSYMLINKS of Linux: path_resolution(7). */
const LINKS_MAX = 40;

/** Where a walk stands: an object, and the directories that it was reached through. */
export class Place {
  readonly handle: FileHandle;
  readonly attributes: NfsAttributes;
  /** In `parent`; empty for the root of the protocol. */
  readonly name: string;
  readonly parent: Place | null;

  constructor(object: NfsObject, name: string, parent: Place | null) {
    this.handle = object.handle;
    this.attributes = object.attributes;
    this.name = name;
    this.parent = parent;
  }

  get isDirectory(): boolean {
    return this.attributes.type === 'directory';
  }

  get isLink(): boolean {
    return this.attributes.type === 'symlink';
  }

  /** From the root of the protocol, with no link in it: `dir/file`. */
  get path(): string {
    const names: string[] = [];
    for (let at: Place = this; at.parent !== null; at = at.parent) names.push(at.name);
    return names.reverse().join('/');
  }
}

/** What happens at the last name. `follow`: it too is followed, if it is a link. `name`: it is not even looked up. */
export type LastName = 'follow' | 'stay' | 'name';

export interface Found {
  /** The directory that holds the name. */
  readonly directory: Place;
  /** Null: the path ends in `.`, `..` or nothing, and stands for `directory` itself. */
  readonly name: string | null;
  /** Null: there is none of that name (`missing` says so in the server's words), or it was not looked up. */
  readonly place: Place | null;
  readonly missing: DioriteError | null;
  /** The path ends in a slash: it can only be a directory. */
  readonly mustBeDirectory: boolean;
}

/** An error that the walk itself finds, in the shape of what a server answers. */
export function localError(code: string, protocol: NfsProtocol, text: string): DioriteError {
  return new DioriteError(`${protocol.server}: ${text}`, { code, errno: errnoOf(code) });
}

interface Step {
  readonly name: string;
  /** The text of a link put it here, not the caller. */
  readonly fromLink: boolean;
}

class Walk {
  readonly #protocol: NfsProtocol;
  readonly #base: Place;
  /** The next one is the last. */
  readonly #steps: Step[] = [];
  #at: Place;
  #links = 0;
  #mustBeDirectory = false;

  constructor(protocol: NfsProtocol, base: Place) {
    this.#protocol = protocol;
    this.#base = base;
    this.#at = base;
  }

  async run(path: string, last: LastName): Promise<Found> {
    this.#push(path, false);
    for (;;) {
      const step = this.#steps.pop();
      if (step === undefined) return this.#found(null, this.#at, null);
      if (step.name === '.') continue;
      if (step.name === '..') this.#up(step.fromLink);
      else {
        const found = await this.#down(step.name, this.#steps.length === 0, last);
        if (found !== null) return found;
      }
    }
  }

  /** Null: the walk goes on. */
  async #down(name: string, isLast: boolean, last: LastName): Promise<Found | null> {
    if (isLast && last === 'name') return this.#found(name, null, null);
    let place: Place;
    try {
      place = new Place(await this.#protocol.lookup(this.#at.handle, name), name, this.#at);
    } catch (error) {
      if (isLast && error instanceof DioriteError && error.code === 'ENOENT') return this.#found(name, null, error);
      throw error;
    }
    if (place.isLink && (!isLast || last === 'follow' || this.#mustBeDirectory)) {
      await this.#follow(place);
      return null;
    }
    if ((!isLast || this.#mustBeDirectory) && !place.isDirectory)
      throw localError('ENOTDIR', this.#protocol, `"${place.path}" is no directory`);
    if (isLast) return this.#found(name, place, null);
    this.#at = place;
    return null;
  }

  async #follow(link: Place): Promise<void> {
    const what = `the symbolic link "${link.path}"`;
    if (++this.#links > LINKS_MAX)
      throw localError('ELOOP', this.#protocol, `more than ${LINKS_MAX} symbolic links, the last one ${what}`);
    const text = await this.#protocol.readLink(link.handle);
    if (text === '' || text.includes('\0'))
      throw localError('ENOENT', this.#protocol, `${what} holds nothing that could be a path`);
    if (text.startsWith('/')) this.#at = exportRoot(this.#at, this.#protocol);
    this.#push(text, true);
  }

  #push(path: string, fromLink: boolean): void {
    if (path === '') throw localError('ENOENT', this.#protocol, 'an empty path');
    if (Buffer.byteLength(path) > PATH_BYTES_MAX)
      throw localError('ENAMETOOLONG', this.#protocol, `a path of more than ${PATH_BYTES_MAX} bytes`);
    if (this.#steps.length === 0 && path.endsWith('/')) this.#mustBeDirectory = true;
    const names = path.split('/').filter((name) => name !== '');
    for (const name of names.reverse()) this.#steps.push({ name, fromLink });
  }

  /** Above the caller's own root there is nothing, as in POSIX; a link that goes there means another machine's tree. */
  #up(fromLink: boolean): void {
    const { parent } = this.#at;
    if (fromLink && (parent === null || this.#at === exportRoot(this.#at, this.#protocol)))
      throw localError(
        'EXDEV',
        this.#protocol,
        'a symbolic link leads out of the export, to what only the server sees',
      );
    if (parent !== null && (fromLink || this.#at !== this.#base)) this.#at = parent;
  }

  #found(name: string | null, place: Place | null, missing: DioriteError | null): Found {
    return { directory: this.#at, name, place, missing, mustBeDirectory: this.#mustBeDirectory };
  }
}

/**
 * v3: what was mounted. v4 shows all exports in one tree, whose upper part is made up (RFC 8881 §7.3): there it is where
 * the first file system begins below that.
 */
export function exportRoot(place: Place, { version }: NfsProtocol): Place {
  const chain: Place[] = [];
  for (let at: Place | null = place; at !== null; at = at.parent) chain.push(at);
  const root = chain.at(-1) ?? place;
  if (version === '3') return root;
  return chain.findLast(({ attributes }) => attributes.fsid !== root.attributes.fsid) ?? root;
}

/**
 * `base` is what '/' and the empty start of a relative path stand for. Rejects where a directory on the way is missing,
 * is none, or may not be entered. Nothing of it is remembered: names may have changed by the next call.
 */
export function walk(protocol: NfsProtocol, base: Place, path: string, last: LastName): Promise<Found> {
  return new Walk(protocol, base).run(path, last);
}

/** As `walk`, for something that must be there. */
export async function find(protocol: NfsProtocol, base: Place, path: string, last: 'follow' | 'stay'): Promise<Place> {
  const { place, missing } = await walk(protocol, base, path, last);
  if (place !== null) return place;
  throw missing ?? localError('ENOENT', protocol, `"${path}" is not there`);
}

/** `rest` is what a connection to a path leaves below the root of its protocol; '' is the root itself. */
export async function findBase(protocol: NfsProtocol, rest: string): Promise<Place> {
  const root = new Place(protocol.root, '', null);
  if (rest === '') return root;
  return find(protocol, root, `${rest}/`, 'follow');
}
