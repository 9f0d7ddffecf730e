// Files and directories of an NFS server, in the shape of node:fs/promises: no mount, no root, no native library.
import '../memory/host.js';
import { type BigIntStats, type BigIntStatsFs, constants, type Stats, type StatsFs } from 'node:fs';
import { errors } from '../base/errors.js';
import { toOffset } from '../base/integers.js';
import type { File } from '../handle/file.js';
import { mustNotAskForRing, toFile } from '../handle/open-nfs.js';
import { type OpenOptions, toOptions } from '../open.js';
import { nfsConnections } from '../targets/nfs/connect.js';
import type { NfsConnection, NfsConnections } from '../targets/nfs/connections.js';
import { listDirents, listNames, NfsDirectory, type NfsDirent } from '../targets/nfs/directory.js';
import { named } from '../targets/nfs/named.js';
import { NfsTarget } from '../targets/nfs/nfs-target.js';
import { createMode, toMode } from '../targets/nfs/open.js';
import { openFile, toOpenFlags } from '../targets/nfs/open-file.js';
import { toBigIntStats, toBigIntStatsFs, toStats, toStatsFs } from '../targets/nfs/stats.js';
import { parseNfsUrl } from '../targets/nfs/url.js';
import { checkPath, findBase, type Place } from '../targets/nfs/walk.js';
import { checkEncoding, checkOptions, toId, toNanos } from './arguments.js';
import * as names from './names.js';

/** When something was last read or written: a Date, seconds, or nanoseconds as a bigint, which are kept exactly. */
export type NfsTime = Date | number | string | bigint;

const DIRECTORY_MODE = 0o777;

/**
 * A directory of an NFS server, by URL; paths begin at it, with or without a slash. Calls take, give and reject with what
 * those of node:fs/promises do; the message of an error names the server, the export and the status of the protocol.
 * What a call has changed is durable when it resolves. Names are UTF-8; flags, modes and ids are Linux's.
 */
export class NfsClient {
  /** Without its options. */
  readonly url: string;
  readonly #connection: NfsConnection;
  readonly #root: names.Root;
  #pending = 0;
  #onIdle: (() => void) | null = null;
  #closed: Promise<void> | null = null;

  /** See `connect`. */
  constructor(url: string, connection: NfsConnection, base: Place) {
    this.url = url;
    this.#connection = connection;
    this.#root = { protocol: connection.protocol, base };
  }

  /** `nfs://host[:port]/export[/directory]?version=&mountport=&uid=&gid=&gids=&connections=&timeo=&hard` */
  static async connect(url: string | URL): Promise<NfsClient> {
    return connectThrough(nfsConnections, url);
  }

  /** The version that is spoken. */
  get version(): '3' | '4.1' | '4.2' {
    return this.#root.protocol.version;
  }

  // ---- files -----------------------------------------------------------------------------------------------------

  /**
   * Opens a file: reads and writes as diorite's `open` gives them, whose options it takes. `flags` are those of fs.open,
   * without appending. The file stays open when the client is closed.
   */
  async open(path: string, flags?: string | number, modeOrOptions?: number | string | OpenOptions): Promise<File> {
    checkPath(path, 'path');
    const options = toOptions(modeOrOptions);
    mustNotAskForRing(path, options);
    const openFlags = toOpenFlags(flags, path);
    const mode = await createMode(options.mode);
    return this.#run('open', path, async ({ protocol, base }) => {
      const { file, attributes } = await openFile(protocol, base, path, openFlags, mode);
      const own = this.#connection.retain();
      const name = `${this.url}/${path.replace(/^\/+/, '')}`;
      const { requestBytes } = options;
      const release = (): Promise<void> => own.release();
      return toFile(new NfsTarget({ name, protocol, file, attributes, requestBytes, release }), options);
    });
  }

  async truncate(path: string, length: number | bigint = 0): Promise<void> {
    const size = typeof length === 'number' && length < 0 && Number.isInteger(length) ? 0 : toOffset(length, 'len');
    return this.#run('truncate', path, (root) => names.truncate(root, path, size));
  }

  // ---- attributes ------------------------------------------------------------------------------------------------

  /** Of what a symbolic link leads to. */
  stat(path: string, options?: { readonly bigint?: false | undefined }): Promise<Stats>;
  stat(path: string, options: { readonly bigint: true }): Promise<BigIntStats>;
  stat(path: string, options?: { readonly bigint?: boolean | undefined }): Promise<Stats | BigIntStats> {
    return this.#stat('stat', path, 'follow', options);
  }

  /** Of the symbolic link itself. */
  lstat(path: string, options?: { readonly bigint?: false | undefined }): Promise<Stats>;
  lstat(path: string, options: { readonly bigint: true }): Promise<BigIntStats>;
  lstat(path: string, options?: { readonly bigint?: boolean | undefined }): Promise<Stats | BigIntStats> {
    return this.#stat('lstat', path, 'stay', options);
  }

  async #stat(
    syscall: string,
    path: string,
    last: 'follow' | 'stay',
    options: { readonly bigint?: boolean | undefined } | undefined,
  ): Promise<Stats | BigIntStats> {
    checkOptions(options, ['bigint']);
    const attributes = await this.#run(syscall, path, (root) => names.attributesOf(root, path, last));
    return options?.bigint === true ? toBigIntStats(attributes) : toStats(attributes);
  }

  /** Rejects where there is none of that name, or the server does not allow what is asked: R_OK, W_OK, X_OK. */
  async access(path: string, mode: number = constants.F_OK): Promise<void> {
    const known = constants.R_OK | constants.W_OK | constants.X_OK;
    if (typeof mode !== 'number') throw errors.invalidType('mode', 'a number', mode);
    if (!Number.isInteger(mode) || mode < 0 || mode > known)
      throw errors.outOfRange('mode', `an integer >= 0 && <= ${known}`, mode);
    return this.#run('access', path, (root) => names.mustBeAllowed(root, path, mode));
  }

  async chmod(path: string, mode: number | string): Promise<void> {
    if (mode === undefined || mode === null) throw errors.invalidType('mode', 'a number or a string', mode);
    const bits = toMode(mode, 0, 'mode');
    return this.#run('chmod', path, (root) => names.setAttributes(root, path, { mode: bits }));
  }

  /** −1 leaves the user or the group as it is. */
  async chown(path: string, uid: number, gid: number): Promise<void> {
    const ids = { uid: toId(uid, 'uid'), gid: toId(gid, 'gid') };
    return this.#run('chown', path, (root) => names.setAttributes(root, path, ids));
  }

  async lchown(path: string, uid: number, gid: number): Promise<void> {
    const ids = { uid: toId(uid, 'uid'), gid: toId(gid, 'gid') };
    return this.#run('lchown', path, (root) => names.setAttributes(root, path, ids, 'stay'));
  }

  async utimes(path: string, atime: NfsTime, mtime: NfsTime): Promise<void> {
    const times = { atimeNs: toNanos(atime, 'atime'), mtimeNs: toNanos(mtime, 'mtime') };
    return this.#run('utime', path, (root) => names.setAttributes(root, path, times));
  }

  async lutimes(path: string, atime: NfsTime, mtime: NfsTime): Promise<void> {
    const times = { atimeNs: toNanos(atime, 'atime'), mtimeNs: toNanos(mtime, 'mtime') };
    return this.#run('lutime', path, (root) => names.setAttributes(root, path, times, 'stay'));
  }

  /** Of the file system that the path lies on; in blocks of 4,096 bytes. */
  statfs(path: string, options?: { readonly bigint?: false | undefined }): Promise<StatsFs>;
  statfs(path: string, options: { readonly bigint: true }): Promise<BigIntStatsFs>;
  async statfs(path: string, options?: { readonly bigint?: boolean | undefined }): Promise<StatsFs | BigIntStatsFs> {
    checkOptions(options, ['bigint']);
    const space = await this.#run('statfs', path, (root) => names.spaceOf(root, path));
    return options?.bigint === true ? toBigIntStatsFs(space) : toStatsFs(space);
  }

  // ---- names -----------------------------------------------------------------------------------------------------

  /** What is there under the new name is replaced at once. */
  async rename(oldPath: string, newPath: string): Promise<void> {
    checkPath(newPath, 'newPath');
    return this.#run('rename', oldPath, (root) => names.rename(root, oldPath, newPath), newPath);
  }

  unlink(path: string): Promise<void> {
    return this.#run('unlink', path, (root) => names.unlink(root, path));
  }

  /** `recursive`: a directory and all that is in it. `force`: what is not there is as well. */
  async rm(path: string, options?: { readonly recursive?: boolean; readonly force?: boolean }): Promise<void> {
    checkOptions(options, ['recursive', 'force']);
    const { recursive = false, force = false } = options ?? {};
    return this.#run('rm', path, (root) => names.remove(root, path, recursive, force));
  }

  /** A second name for a file. */
  async link(existingPath: string, newPath: string): Promise<void> {
    checkPath(newPath, 'newPath');
    return this.#run('link', existingPath, (root) => names.link(root, existingPath, newPath), newPath);
  }

  /** `target` is kept as it is: whoever follows the link takes it from the link's directory, or from its own root. */
  async symlink(target: string, path: string): Promise<void> {
    checkPath(path, 'path');
    return this.#run('symlink', target, (root) => names.makeLink(root, target, path), path);
  }

  async readlink(path: string, options?: string | { readonly encoding?: string | undefined }): Promise<string> {
    checkEncoding(typeof options === 'object' ? options?.encoding : options);
    return this.#run('readlink', path, (root) => names.readLink(root, path));
  }

  // ---- directories -----------------------------------------------------------------------------------------------

  /** `recursive`: with the directories above it; resolves with the first that had to be made. */
  async mkdir(
    path: string,
    options?:
      | number
      | string
      | { readonly recursive?: boolean | undefined; readonly mode?: number | string | undefined },
  ): Promise<string | undefined> {
    const given = typeof options === 'object' && options !== null ? options : { mode: options };
    const { mode: asked, ...flags } = given as { recursive?: boolean; mode?: number | string };
    checkOptions(flags, ['recursive']);
    const mode = await createMode(asked, DIRECTORY_MODE);
    return this.#run('mkdir', path, async (root) => {
      if (flags.recursive === true) return names.makeDirectories(root, path, mode);
      await names.makeDirectory(root, path, mode);
      return undefined;
    });
  }

  rmdir(path: string): Promise<void> {
    return this.#run('rmdir', path, (root) => names.removeDirectory(root, path));
  }

  /** All names at once, in the server's order; for large directories see `opendir`. */
  readdir(path: string, options?: ReaddirOptions<false> | string | null): Promise<string[]>;
  readdir(path: string, options: ReaddirOptions<true>): Promise<NfsDirent[]>;
  async readdir(path: string, options?: ReaddirOptions<boolean> | string | null): Promise<string[] | NfsDirent[]> {
    const { encoding, ...flags } = typeof options === 'object' && options !== null ? options : { encoding: options };
    checkEncoding(encoding);
    checkOptions(flags, ['withFileTypes']);
    const withFileTypes = 'withFileTypes' in flags && flags.withFileTypes === true;
    return this.#run<string[] | NfsDirent[]>('scandir', path, async (root) => {
      const directory = await names.findDirectory(root, path);
      if (withFileTypes) return listDirents(root.protocol, directory, path);
      return listNames(root.protocol, directory);
    });
  }

  /** For directories of any size: `for await (const entry of await client.opendir(path))`. It is closed by its end. */
  opendir(path: string): Promise<NfsDirectory> {
    return this.#run('opendir', path, async (root) => {
      const directory = await names.findDirectory(root, path);
      const own = this.#connection.retain();
      const name = <T>(work: () => Promise<T>): Promise<T> => named({ syscall: 'opendir', path, url: this.url }, work);
      return new NfsDirectory(path, root.protocol, directory, name, () => own.release());
    });
  }

  // ---- the client ------------------------------------------------------------------------------------------------

  /** Waits for what was called before. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#connection.release();
  }

  async #run<T>(syscall: string, path: string, work: (root: names.Root) => Promise<T>, dest?: string): Promise<T> {
    checkPath(path, 'path');
    if (this.#closed !== null)
      throw errors.make('ERR_DIORITE_CLOSED', `the client is closed: ${this.url}`, { path: this.url });
    this.#pending++;
    try {
      return await named({ syscall, path, dest, url: this.url }, () => work(this.#root));
    } finally {
      this.#pending--;
      if (this.#pending === 0) this.#onIdle?.();
    }
  }
}

/** `connections`: those of this process, or a test's own. */
export async function connectThrough(connections: NfsConnections, given: string | URL): Promise<NfsClient> {
  const { settings, path } = parseNfsUrl(given);
  const { href } = new URL(given);
  const url = href.split('?', 1)[0] ?? href;
  return named({ syscall: 'connect', path: url }, async () => {
    const connection = await connections.acquire(settings, path, 'directory');
    try {
      return new NfsClient(url, connection, await findBase(connection.protocol, connection.rest));
    } catch (error) {
      await Promise.allSettled([connection.release()]); // what led here is what is told
      throw error;
    }
  });
}

export interface ReaddirOptions<T extends boolean> {
  readonly withFileTypes?: T | undefined;
  readonly encoding?: string | null | undefined;
}
