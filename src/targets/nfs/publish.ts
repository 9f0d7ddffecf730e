// How a file on a server becomes visible at once: written under a temporary name beside its own, COMMIT, RENAME or LINK.
import { DioriteError, errors } from '../../base/errors.js';
import type { BeginOptions, Publication, Publishing } from '../../transfer/target.js';
import { named } from '../net/named.js';
import type { Patience } from '../net/patience.js';
import { COURTESY_MS, within } from '../net/within.js';
import { temporaryName } from '../temporary-name.js';
import type { NfsConnection, NfsConnections } from './connections.js';
import { isSame } from './looks.js';
import { NfsTarget } from './nfs-target.js';
import { createMode, urlOf } from './open.js';
import type { FileHandle, NfsAttributes, NfsOpened, NfsProtocol } from './protocol.js';
import { parseNfsUrl } from './url.js';
import { localError, Place, walk } from './walk.js';

/** Names are random: a second collision means that something is wrong with the directory. */
const ATTEMPTS_MAX = 8;
/** Until it is published nobody else may read it. */
const MODE_HIDDEN = 0o600;
/** File systems without links: what servers answer LINK with there (FAT, and others that are exported). */
const NO_LINKS: ReadonlySet<string> = new Set(['ENOTSUP', 'EPERM', 'EMLINK']);
/** Only root gives files away, and not where it is squashed; a server may not know an owner at all. */
const NOT_GIVEN: ReadonlySet<string> = new Set(['EPERM', 'EACCES', 'EINVAL']);

export interface NfsBeginOptions extends BeginOptions {
  /** Whose it is in the end, as far as the server lets this user give files away. Default: who makes it. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
}

export interface NfsPublishingOptions {
  readonly requestBytes?: number | undefined;
  /** Of whoever publishes. */
  readonly patience?: Patience | null | undefined;
}

/** Files of servers, by nfs:// URL. */
export class NfsPublishing implements Publishing {
  readonly cannotPublish = null;
  readonly #connections: NfsConnections;
  readonly #options: NfsPublishingOptions;

  constructor(connections: NfsConnections, options: NfsPublishingOptions = {}) {
    this.#connections = connections;
    this.#options = options;
  }

  /** The last name of the URL is followed through no link: a link of that name is in the way of what is published. */
  async begin(name: string, options: NfsBeginOptions): Promise<NfsPublication> {
    const url = new URL(name);
    const { settings, path } = parseNfsUrl(url);
    const { owner = null, replace = true, size = 0 } = options;
    const mode = options.mode ?? (await createMode(undefined));
    return named({ syscall: 'open', path: name }, async () => {
      const connection = await this.#connections.acquire(settings, path, 'file', this.#options.patience ?? null);
      try {
        const place = await placeFor(connection);
        await mustHaveRoom(connection.protocol, place.directory, size);
        const [temporary, opened] = await createBeside(connection.protocol, place);
        const { requestBytes } = this.#options;
        const end = { ...place, temporary, mode, owner, replace };
        const temporaryUrl = urlOf(url, connection, `${place.directory.path}/${temporary}`).href;
        return new NfsPublication(name, temporaryUrl, connection, opened, end, requestBytes);
      } catch (error) {
        await Promise.allSettled([connection.release()]); // what led here is what is told
        throw error;
      }
    });
  }
}

interface NamePlace {
  readonly directory: Place;
  readonly name: string;
}

async function placeFor({ protocol, rest }: NfsConnection): Promise<NamePlace> {
  const { directory, name } = await walk(protocol, new Place(protocol.root, '', null), `/${rest}`, 'name');
  if (name === null) throw localError('EISDIR', protocol, `"${directory.path}" is a directory`);
  return { directory, name };
}

async function mustHaveRoom(protocol: NfsProtocol, { handle, path }: Place, size: number): Promise<void> {
  if (size === 0) return;
  const { bytesAvailable } = await protocol.space(handle);
  // File systems that do not count their space say 0.
  if (BigInt(size) <= bytesAvailable || bytesAvailable === 0n) return;
  const text = `the file system of "${path}" has room for ${bytesAvailable} bytes, ${size} are to be written`;
  throw localError('ENOSPC', protocol, text);
}

async function createBeside(protocol: NfsProtocol, { directory, name }: NamePlace): Promise<[string, NfsOpened]> {
  for (let attempt = 1; ; attempt++) {
    const temporary = temporaryName(name);
    const options = { reads: true, writes: true, create: 'exclusive', mode: MODE_HIDDEN, isPrivate: true } as const;
    try {
      return [temporary, await protocol.open(directory.handle, temporary, options)];
    } catch (error) {
      if (codeOf(error) === 'EEXIST' && attempt < ATTEMPTS_MAX) continue;
      // It may have been made before something went wrong.
      if (codeOf(error) !== 'EEXIST') await removeUnwanted(protocol, directory.handle, temporary);
      throw error;
    }
  }
}

/** Nobody else uses a temporary name; nobody waits for a server that has left its client waiting before. */
async function removeUnwanted(protocol: NfsProtocol, directory: FileHandle, temporary: string): Promise<void> {
  if (!protocol.isSilent) await within(COURTESY_MS, protocol.remove(directory, temporary));
}

function codeOf(error: unknown): string | null {
  return error instanceof DioriteError ? error.code : null;
}

interface End extends NamePlace {
  readonly temporary: string;
  readonly mode: number;
  readonly owner: NfsBeginOptions['owner'] | null;
  readonly replace: boolean;
}

export class NfsPublication implements Publication {
  readonly target: NfsTarget;
  /** A URL. */
  readonly temporaryName: string;
  readonly #url: string;
  /** Beside the target's own: there is something to do when the target is closed. */
  readonly #connection: NfsConnection;
  readonly #opened: NfsOpened;
  readonly #end: End;
  /** Null: it is there, under its temporary name. */
  #ended: 'published' | 'discarded' | null = null;

  constructor(
    url: string,
    temporaryUrl: string,
    connection: NfsConnection,
    opened: NfsOpened,
    end: End,
    requestBytes: number | undefined,
  ) {
    const { protocol } = connection;
    const { file, attributes } = opened;
    const own = connection.retain();
    this.target = new NfsTarget({ name: url, protocol, file, attributes, requestBytes, release: () => own.release() });
    this.temporaryName = temporaryUrl;
    this.#url = url;
    this.#connection = connection;
    this.#opened = opened;
    this.#end = end;
  }

  /** Servers answer a change of names when it is durable (RFC 1813 §4.8). */
  async publish(): Promise<boolean> {
    if (this.#ended !== null)
      throw errors.make('ERR_DIORITE_CLOSED', `${this.#url}: ${this.#ended} already`, { path: this.#url });
    const { protocol } = this.#connection;
    const { replace, mode } = this.#end;
    await named({ syscall: 'publish', path: this.#url }, async () => {
      await this.#giveAway();
      // After the owner: a change of owner takes set-user-ID away.
      await protocol.setAttributes(this.#opened.file.handle, { mode }, this.#opened.file);
      await this.target.sync();
      await this.target.close();
      if (replace) await this.#rename();
      else await this.#linkNew();
    });
    this.#ended = 'published';
    await this.#connection.release();
    return true;
  }

  async discard(): Promise<void> {
    if (this.#ended !== null) return;
    this.#ended = 'discarded';
    const { directory, temporary } = this.#end;
    const { protocol } = this.#connection;
    // What led here is the error that is told; a temporary file that cannot be removed is told apart by its name.
    await this.target.drop();
    await removeUnwanted(protocol, directory.handle, temporary);
    await Promise.allSettled([this.#connection.release()]);
  }

  async #giveAway(): Promise<void> {
    const { owner } = this.#end;
    const { file, attributes } = this.#opened;
    if (owner === null || owner === undefined) return;
    if (attributes.uid === owner.uid && attributes.gid === owner.gid) return;
    const { uid, gid } = owner;
    try {
      await this.#connection.protocol.setAttributes(file.handle, { uid, gid }, file);
    } catch (error) {
      if (!NOT_GIVEN.has(codeOf(error) ?? '')) throw error;
    }
  }

  async #rename(): Promise<void> {
    const { directory, name, temporary } = this.#end;
    const there = await this.#there();
    if (there !== null && there.type !== 'file')
      throw errors.make('ERR_DIORITE_EXISTS', `The destination is no regular file any more: ${this.#url}`, {
        path: this.#url,
      });
    await this.#connection.protocol.rename(directory.handle, temporary, directory.handle, name);
  }

  /** A rename would replace what was made under that name meanwhile; a link refuses. */
  async #linkNew(): Promise<void> {
    const { protocol } = this.#connection;
    const { directory, name, temporary } = this.#end;
    try {
      await protocol.link(this.#opened.file.handle, directory.handle, name);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') await this.#mustBeOwn();
      else if (NO_LINKS.has(codeOf(error) ?? '')) return this.#claimAndRename();
      else throw error;
    }
    await protocol.remove(directory.handle, temporary);
  }

  /** A LINK whose answer was lost, and that was sent again, finds its own name there. */
  async #mustBeOwn(): Promise<void> {
    const there = await this.#there();
    if (there === null || !isSame(there, this.#opened.attributes)) throw exists(this.#url);
  }

  /** Where there are no links: an empty file is made that nobody else has made, and replaced. */
  async #claimAndRename(): Promise<void> {
    const { protocol } = this.#connection;
    const { directory, name, temporary } = this.#end;
    const options = { reads: false, writes: true, create: 'exclusive', mode: MODE_HIDDEN } as const;
    let claim: NfsOpened;
    try {
      claim = await protocol.open(directory.handle, name, options);
    } catch (error) {
      throw codeOf(error) === 'EEXIST' ? exists(this.#url) : error;
    }
    try {
      await protocol.closeFile(claim.file);
      await protocol.rename(directory.handle, temporary, directory.handle, name);
    } catch (error) {
      await Promise.allSettled([this.#removeClaim(claim)]); // what led here is what is told
      throw error;
    }
  }

  async #removeClaim({ attributes }: NfsOpened): Promise<void> {
    const { directory, name } = this.#end;
    const there = await this.#there();
    if (there !== null && isSame(there, attributes)) await this.#connection.protocol.remove(directory.handle, name);
  }

  async #there(): Promise<NfsAttributes | null> {
    const { directory, name } = this.#end;
    try {
      return (await this.#connection.protocol.lookup(directory.handle, name)).attributes;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return null;
      throw error;
    }
  }
}

function exists(url: string): DioriteError {
  return errors.make('ERR_DIORITE_EXISTS', `The destination exists: ${url}`, { path: url });
}
