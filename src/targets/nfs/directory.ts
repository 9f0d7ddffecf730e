// Directories as streams: a part at a time, however many entries there are, and nothing believed that a server makes up.
import { DioriteError, errors } from '../../base/errors.js';
import { type FileType, Typed } from './file-type.js';
import type { NfsEntries, NfsEntry, NfsProtocol } from './protocol.js';
import { errnoOf, STATUS, statusOf } from './status.js';
import { localError, type Place } from './walk.js';

/** Of one answer: a thousand names with their attributes, about. */
const PART_BYTES = 128 * 1024;
/** Answers without an entry, one after the other, and no end. */
const EMPTY_PARTS_MAX = 16;
/** What a list in memory may hold, some 400 MB: more is read as a stream. */
const NAMES_MAX = 4 * 1024 * 1024;
/** A directory that changes all the time is listed from its start so often. */
const LISTINGS_MAX = 4;
/** Of entries that came without their type. */
const LOOKUPS_AT_ONCE = 16;

/** Names as they are held here. */
export function asText(name: string): string {
  return name;
}

export class NfsDirent<N extends string | Buffer = string> extends Typed {
  readonly name: N;
  /** Of the directory, as the caller gave it. */
  readonly parentPath: string;
  /** The same: Node's older name for it. */
  readonly path: string;

  constructor(name: N, parentPath: string, type: FileType) {
    super(type);
    this.name = name;
    this.parentPath = parentPath;
    this.path = parentPath;
  }
}

/** The entries of a directory, a part at a time. */
export class Listing {
  readonly #protocol: NfsProtocol;
  readonly #directory: Place;
  #cookie = 0n;
  #verifier = 0n;
  #end = false;
  #emptyParts = 0;
  #parts = 0;
  /** A cookie from before: what comes back to it goes round for ever (Brent's algorithm: it is replaced ever more rarely). */
  #milestone: bigint | null = null;

  constructor(protocol: NfsProtocol, directory: Place) {
    this.#protocol = protocol;
    this.#directory = directory;
  }

  /** Null: that was all. `.` and `..` are left out. */
  async next(): Promise<NfsEntry[] | null> {
    while (!this.#end) {
      const part = await this.#ask();
      this.#end = part.end;
      if (!part.end) this.#mustAdvance(part);
      this.#cookie = part.cookie;
      this.#verifier = part.verifier;
      const entries = part.entries.filter(({ name }) => name !== '.' && name !== '..');
      for (const { name } of entries) this.#checkName(name);
      if (entries.length > 0) return entries;
    }
    return null;
  }

  async #ask(): Promise<NfsEntries> {
    try {
      return await this.#protocol.readDirectory(this.#directory.handle, this.#cookie, this.#verifier, PART_BYTES);
    } catch (error) {
      throw this.#cookie !== 0n && isLost(error) ? this.#lost(error) : error;
    }
  }

  #mustAdvance({ entries, cookie }: NfsEntries): void {
    this.#emptyParts = entries.length === 0 ? this.#emptyParts + 1 : 0;
    this.#parts++;
    const stands = cookie === this.#cookie && entries.length > 0;
    if (stands || cookie === this.#milestone || this.#emptyParts > EMPTY_PARTS_MAX)
      throw this.#error('EIO', "the server's list of the directory goes round in circles");
    if (Number.isInteger(Math.log2(this.#parts))) this.#milestone = cookie;
  }

  /** Programs put names into paths of their own: one with a slash would lead them elsewhere. */
  #checkName(name: string): void {
    if (name === '' || name.includes('/') || name.includes('\0'))
      throw this.#error('EIO', `the server's list of the directory holds what is no name: ${JSON.stringify(name)}`);
  }

  #lost(cause: DioriteError): DioriteError {
    const text = 'the directory changed, and the server lost the place up to which it was read; begin again';
    return new DioriteError(`${cause.message}: ${text}`, { code: 'EAGAIN', errno: errnoOf('EAGAIN'), cause });
  }

  #error(code: string, text: string): DioriteError {
    return localError(code, this.#protocol, `"${this.#directory.path}": ${text}`);
  }
}

/** The directory is there: it is its list that has to begin again. */
export function isPlaceLost(error: unknown): boolean {
  return error instanceof DioriteError && isLost(error.cause);
}

function isLost(error: unknown): error is DioriteError {
  const status = statusOf(error);
  return status === STATUS.BAD_COOKIE || status === STATUS.NOT_SAME;
}

/** All names at once. Where the server loses the place, it begins again. */
export async function listNames(protocol: NfsProtocol, directory: Place): Promise<string[]> {
  return listAll(protocol, directory, (entries, names) => {
    for (const { name } of entries) names.push(name);
  });
}

/** `nameOf`: what names are told as. */
export async function listDirents<N extends string | Buffer>(
  protocol: NfsProtocol,
  directory: Place,
  path: string,
  nameOf: (name: string) => N,
): Promise<NfsDirent<N>[]> {
  return listAll(protocol, directory, async (entries, all) => {
    all.push(...(await toDirents(protocol, directory, path, entries, nameOf)));
  });
}

async function listAll<T>(
  protocol: NfsProtocol,
  directory: Place,
  add: (entries: readonly NfsEntry[], to: T[]) => void | Promise<void>,
): Promise<T[]> {
  for (let attempt = 1; ; attempt++) {
    const all: T[] = [];
    const listing = new Listing(protocol, directory);
    try {
      for (let entries = await listing.next(); entries !== null; entries = await listing.next()) {
        await add(entries, all);
        if (all.length > NAMES_MAX) throw tooMany(protocol, directory);
      }
      return all;
    } catch (error) {
      if (!isPlaceLost(error) || attempt === LISTINGS_MAX) throw error;
    }
  }
}

function tooMany({ server }: NfsProtocol, { path }: Place): DioriteError {
  const text = `${server}: "${path}" holds more than ${NAMES_MAX} names: read it as a stream, with opendir`;
  return errors.make('ERR_DIORITE_UNSUPPORTED', text);
}

/** What was removed meanwhile is left out. Where the directory may be read but not entered, nobody knows the types. */
async function toDirents<N extends string | Buffer>(
  protocol: NfsProtocol,
  directory: Place,
  path: string,
  entries: readonly NfsEntry[],
  nameOf: (name: string) => N,
): Promise<NfsDirent<N>[]> {
  const found: NfsDirent<N>[] = [];
  let mayEnter = true;
  for (let at = 0; at < entries.length; at += LOOKUPS_AT_ONCE) {
    const types = entries
      .slice(at, at + LOOKUPS_AT_ONCE)
      .map(async ({ name, attributes }): Promise<FileType | null> => {
        if (attributes !== null) return attributes.type;
        if (!mayEnter) return 'unknown';
        try {
          return (await protocol.lookup(directory.handle, name)).attributes.type;
        } catch (error) {
          if (!(error instanceof DioriteError)) throw error;
          if (error.code === 'ENOENT') return null;
          if (error.code !== 'EACCES') throw error;
          mayEnter = false;
          return 'unknown';
        }
      });
    for (const [i, type] of (await Promise.all(types)).entries()) {
      const entry = entries[at + i];
      if (type !== null && entry !== undefined) found.push(new NfsDirent(nameOf(entry.name), path, type));
    }
  }
  return found;
}

/** An open directory, as fs.Dir: read one by one, or iterated over, which closes it. Memory for one part is all it takes. */
export class NfsDirectory implements AsyncIterable<NfsDirent> {
  readonly path: string;
  readonly #protocol: NfsProtocol;
  readonly #directory: Place;
  readonly #listing: Listing;
  readonly #names: <T>(work: () => Promise<T>) => Promise<T>;
  readonly #release: () => Promise<void>;
  #part: readonly NfsDirent[] = [];
  #next = 0;
  /** Reads run in the order in which they were asked for. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | null = null;

  /** `names` gives errors their names; `release` is called once. */
  constructor(
    path: string,
    protocol: NfsProtocol,
    directory: Place,
    names: <T>(work: () => Promise<T>) => Promise<T>,
    release: () => Promise<void>,
  ) {
    this.path = path;
    this.#protocol = protocol;
    this.#directory = directory;
    this.#listing = new Listing(protocol, directory);
    this.#names = names;
    this.#release = release;
  }

  /** Null: that was all. */
  read(): Promise<NfsDirent | null> {
    const turn = this.#turn.then(() => this.#read());
    this.#turn = turn.catch(() => {}); // whoever asked has it
    return turn;
  }

  async #read(): Promise<NfsDirent | null> {
    if (this.#closed !== null)
      throw errors.make('ERR_DIORITE_CLOSED', `the directory is closed: ${this.path}`, { path: this.path });
    while (this.#next >= this.#part.length) {
      const entries = await this.#names(() => this.#listing.next());
      if (entries === null) return null;
      this.#part = await this.#names(() => toDirents(this.#protocol, this.#directory, this.path, entries, asText));
      this.#next = 0;
    }
    return this.#part[this.#next++] ?? null;
  }

  /** Idempotent: what is being read is waited for. */
  close(): Promise<void> {
    this.#closed ??= this.#turn.then(() => this.#release());
    return this.#closed;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<NfsDirent, void, undefined> {
    try {
      for (let entry = await this.read(); entry !== null; entry = await this.read()) yield entry;
    } finally {
      await this.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
