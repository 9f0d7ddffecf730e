// Files and directories of an NFS server, in the shape of node:fs/promises: no mount, no root, no native library.
import '../memory/host.js';
import { type BigIntStats, type BigIntStatsFs, constants, type Stats, type StatsFs } from 'node:fs';
import { errors } from '../base/errors.js';
import { toOffset } from '../base/integers.js';
import type { File } from '../handle/file.js';
import { mustNotAskForRing, toFile } from '../handle/remote-file.js';
import { type OpenOptions, toOptions } from '../open.js';
import { ClientCalls } from '../targets/net/client-calls.js';
import { named } from '../targets/net/named.js';
import { toBigIntStats, toStats } from '../targets/net/remote-stats.js';
import { nfsConnections } from '../targets/nfs/connect.js';
import type { NfsConnection, NfsConnections } from '../targets/nfs/connections.js';
import { asText, listDirents, listNames, NfsDirectory, type NfsDirent } from '../targets/nfs/directory.js';
import { NfsTarget } from '../targets/nfs/nfs-target.js';
import { createMode, toMode } from '../targets/nfs/open.js';
import { openFile, toOpenFlags } from '../targets/nfs/open-file.js';
import { toBigIntStatsFs, toStatsFs } from '../targets/nfs/stats.js';
import { parseNfsUrl } from '../targets/nfs/url.js';
import { findBase, type Place } from '../targets/nfs/walk.js';
import { encodeText } from '../targets/nfs/xdr/text.js';
import { checkOptions, type NfsPath, toEncoding, toId, toNanos, toPath } from './arguments.js';
import * as names from './names.js';

/** When something was last read or written: a Date, seconds, or nanoseconds as a bigint, which are kept exactly. */
export type NfsTime = Date | number | string | bigint;

const DIRECTORY_MODE = 0o777;

/**
 * A directory of an NFS server, by URL; paths begin at it, with or without a slash. Calls take, give and reject with what
 * those of node:fs/promises do; the message of an error names the server, the export and the status of the protocol.
 * What a call has changed is durable when it resolves. Flags, modes and ids are Linux's.
 * Names are strings, or bytes in a Buffer. What is no UTF-8 in them stands in strings as U+DC80 … U+DCFF, a byte each, and
 * leads back to the same name.
 */
export class NfsClient {
  /** Without its options. */
  readonly url: string;
  readonly #connection: NfsConnection;
  readonly #root: names.Root;
  readonly #calls: ClientCalls;

  /** See `connect`. */
  constructor(url: string, connection: NfsConnection, base: Place) {
    this.url = url;
    this.#connection = connection;
    this.#calls = new ClientCalls(url, () => connection.release());
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
  async open(path: NfsPath, flags?: string | number, modeOrOptions?: number | string | OpenOptions): Promise<File> {
    const given = toPath(path, 'path');
    const options = toOptions(modeOrOptions);
    mustNotAskForRing(given, options);
    const openFlags = toOpenFlags(flags, given);
    const mode = await createMode(options.mode);
    return this.#run('open', given, async ({ protocol, base }, at) => {
      const { file, attributes } = await openFile(protocol, base, at, openFlags, mode);
      const own = this.#connection.retain();
      const name = `${this.url}/${at.replace(/^\/+/, '')}`;
      const { requestBytes } = options;
      const release = (): Promise<void> => own.release();
      return toFile(new NfsTarget({ name, protocol, file, attributes, requestBytes, release }), options);
    });
  }

  async truncate(path: NfsPath, length: number | bigint = 0): Promise<void> {
    const size = typeof length === 'number' && length < 0 && Number.isInteger(length) ? 0 : toOffset(length, 'len');
    return this.#run('truncate', path, (root, at) => names.truncate(root, at, size));
  }

  // ---- attributes ------------------------------------------------------------------------------------------------

  /** Of what a symbolic link leads to. */
  stat(path: NfsPath, options?: { readonly bigint?: false | undefined }): Promise<Stats>;
  stat(path: NfsPath, options: { readonly bigint: true }): Promise<BigIntStats>;
  stat(path: NfsPath, options?: { readonly bigint?: boolean | undefined }): Promise<Stats | BigIntStats> {
    return this.#stat('stat', path, 'follow', options);
  }

  /** Of the symbolic link itself. */
  lstat(path: NfsPath, options?: { readonly bigint?: false | undefined }): Promise<Stats>;
  lstat(path: NfsPath, options: { readonly bigint: true }): Promise<BigIntStats>;
  lstat(path: NfsPath, options?: { readonly bigint?: boolean | undefined }): Promise<Stats | BigIntStats> {
    return this.#stat('lstat', path, 'stay', options);
  }

  async #stat(
    syscall: string,
    path: NfsPath,
    last: 'follow' | 'stay',
    options: { readonly bigint?: boolean | undefined } | undefined,
  ): Promise<Stats | BigIntStats> {
    checkOptions(options, ['bigint']);
    const attributes = await this.#run(syscall, path, (root, at) => names.attributesOf(root, at, last));
    return options?.bigint === true ? toBigIntStats(attributes) : toStats(attributes);
  }

  /** Rejects where there is none of that name, or the server does not allow what is asked: R_OK, W_OK, X_OK. */
  async access(path: NfsPath, mode: number = constants.F_OK): Promise<void> {
    const known = constants.R_OK | constants.W_OK | constants.X_OK;
    if (typeof mode !== 'number') throw errors.invalidType('mode', 'a number', mode);
    if (!Number.isInteger(mode) || mode < 0 || mode > known)
      throw errors.outOfRange('mode', `an integer >= 0 && <= ${known}`, mode);
    return this.#run('access', path, (root, at) => names.mustBeAllowed(root, at, mode));
  }

  async chmod(path: NfsPath, mode: number | string): Promise<void> {
    if (mode === undefined || mode === null) throw errors.invalidType('mode', 'a number or a string', mode);
    const bits = toMode(mode, 0, 'mode');
    return this.#run('chmod', path, (root, at) => names.setAttributes(root, at, { mode: bits }));
  }

  /** −1 leaves the user or the group as it is. */
  async chown(path: NfsPath, uid: number, gid: number): Promise<void> {
    const ids = { uid: toId(uid, 'uid'), gid: toId(gid, 'gid') };
    return this.#run('chown', path, (root, at) => names.setAttributes(root, at, ids));
  }

  async lchown(path: NfsPath, uid: number, gid: number): Promise<void> {
    const ids = { uid: toId(uid, 'uid'), gid: toId(gid, 'gid') };
    return this.#run('lchown', path, (root, at) => names.setAttributes(root, at, ids, 'stay'));
  }

  async utimes(path: NfsPath, atime: NfsTime, mtime: NfsTime): Promise<void> {
    const times = { atimeNs: toNanos(atime, 'atime'), mtimeNs: toNanos(mtime, 'mtime') };
    return this.#run('utime', path, (root, at) => names.setAttributes(root, at, times));
  }

  async lutimes(path: NfsPath, atime: NfsTime, mtime: NfsTime): Promise<void> {
    const times = { atimeNs: toNanos(atime, 'atime'), mtimeNs: toNanos(mtime, 'mtime') };
    return this.#run('lutime', path, (root, at) => names.setAttributes(root, at, times, 'stay'));
  }

  /** Of the file system that the path lies on; in blocks of 4,096 bytes. */
  statfs(path: NfsPath, options?: { readonly bigint?: false | undefined }): Promise<StatsFs>;
  statfs(path: NfsPath, options: { readonly bigint: true }): Promise<BigIntStatsFs>;
  async statfs(path: NfsPath, options?: { readonly bigint?: boolean | undefined }): Promise<StatsFs | BigIntStatsFs> {
    checkOptions(options, ['bigint']);
    const space = await this.#run('statfs', path, (root, at) => names.spaceOf(root, at));
    return options?.bigint === true ? toBigIntStatsFs(space) : toStatsFs(space);
  }

  // ---- names -----------------------------------------------------------------------------------------------------

  /** What is there under the new name is replaced at once. */
  async rename(oldPath: NfsPath, newPath: NfsPath): Promise<void> {
    const to = toPath(newPath, 'newPath');
    return this.#run('rename', oldPath, (root, at) => names.rename(root, at, to), to);
  }

  unlink(path: NfsPath): Promise<void> {
    return this.#run('unlink', path, (root, at) => names.unlink(root, at));
  }

  /** `recursive`: a directory and all that is in it. `force`: what is not there is as well. */
  async rm(path: NfsPath, options?: { readonly recursive?: boolean; readonly force?: boolean }): Promise<void> {
    checkOptions(options, ['recursive', 'force']);
    const { recursive = false, force = false } = options ?? {};
    return this.#run('rm', path, (root, at) => names.remove(root, at, recursive, force));
  }

  /** A second name for a file. */
  async link(existingPath: NfsPath, newPath: NfsPath): Promise<void> {
    const to = toPath(newPath, 'newPath');
    return this.#run('link', existingPath, (root, at) => names.link(root, at, to), to);
  }

  /** `target` is kept as it is: whoever follows the link takes it from the link's directory, or from its own root. */
  async symlink(target: NfsPath, path: NfsPath): Promise<void> {
    const at = toPath(path, 'path');
    return this.#run('symlink', target, (root, text) => names.makeLink(root, text, at), at);
  }

  readlink(path: NfsPath, options: BufferEncodingOption): Promise<Buffer>;
  readlink(path: NfsPath, options?: EncodingOption): Promise<string>;
  async readlink(path: NfsPath, options?: EncodingOption | BufferEncodingOption): Promise<string | Buffer> {
    const wantsBytes = toEncoding(typeof options === 'object' ? options?.encoding : options) === 'buffer';
    const text = await this.#run('readlink', path, (root, at) => names.readLink(root, at));
    return wantsBytes ? encodeText(text) : text;
  }

  // ---- directories -----------------------------------------------------------------------------------------------

  /** `recursive`: with the directories above it; resolves with the first that had to be made. */
  async mkdir(
    path: NfsPath,
    options?:
      | number
      | string
      | { readonly recursive?: boolean | undefined; readonly mode?: number | string | undefined },
  ): Promise<string | undefined> {
    const given = typeof options === 'object' && options !== null ? options : { mode: options };
    const { mode: asked, ...flags } = given as { recursive?: boolean; mode?: number | string };
    checkOptions(flags, ['recursive']);
    const mode = await createMode(asked, DIRECTORY_MODE);
    return this.#run('mkdir', path, async (root, at) => {
      if (flags.recursive === true) return names.makeDirectories(root, at, mode);
      await names.makeDirectory(root, at, mode);
      return undefined;
    });
  }

  rmdir(path: NfsPath): Promise<void> {
    return this.#run('rmdir', path, (root, at) => names.removeDirectory(root, at));
  }

  /** All names at once, in the server's order; for large directories see `opendir`. */
  readdir(path: NfsPath, options?: ReaddirOptions<false> | string | null): Promise<string[]>;
  readdir(path: NfsPath, options: ReaddirOptions<true>): Promise<NfsDirent[]>;
  readdir(path: NfsPath, options: 'buffer' | ReaddirOptions<false, 'buffer'>): Promise<Buffer[]>;
  readdir(path: NfsPath, options: ReaddirOptions<true, 'buffer'>): Promise<NfsDirent<Buffer>[]>;
  async readdir(
    path: NfsPath,
    options?: ReaddirOptions<boolean, string | null> | string | null,
  ): Promise<(string | Buffer | NfsDirent | NfsDirent<Buffer>)[]> {
    const { encoding, ...flags } = typeof options === 'object' && options !== null ? options : { encoding: options };
    const wantsBytes = toEncoding(encoding) === 'buffer';
    checkOptions(flags, ['withFileTypes']);
    const withFileTypes = 'withFileTypes' in flags && flags.withFileTypes === true;
    return this.#run<(string | Buffer | NfsDirent | NfsDirent<Buffer>)[]>('scandir', path, async (root, at) => {
      const directory = await names.findDirectory(root, at);
      if (withFileTypes) {
        if (wantsBytes) return listDirents(root.protocol, directory, at, encodeText);
        return listDirents(root.protocol, directory, at, asText);
      }
      const all = await listNames(root.protocol, directory);
      return wantsBytes ? all.map(encodeText) : all;
    });
  }

  /** For directories of any size: `for await (const entry of await client.opendir(path))`. It is closed by its end. */
  opendir(path: NfsPath): Promise<NfsDirectory> {
    return this.#run('opendir', path, async (root, at) => {
      const directory = await names.findDirectory(root, at);
      const own = this.#connection.retain();
      const call = { syscall: 'opendir', path: at, url: this.url };
      const name = <T>(work: () => Promise<T>): Promise<T> => named(call, work);
      return new NfsDirectory(at, root.protocol, directory, name, () => own.release());
    });
  }

  // ---- the client ------------------------------------------------------------------------------------------------

  /** Waits for what was called before. Idempotent. */
  close(): Promise<void> {
    return this.#calls.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** `work` is given the path as text. */
  async #run<T>(
    syscall: string,
    given: NfsPath,
    work: (root: names.Root, path: string) => Promise<T>,
    dest?: string,
  ): Promise<T> {
    const path = toPath(given, 'path');
    return this.#calls.run(() => named({ syscall, path, dest, url: this.url }, () => work(this.#root, path)));
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

export interface ReaddirOptions<T extends boolean, E extends string | null = 'utf8' | 'utf-8' | null> {
  readonly withFileTypes?: T | undefined;
  readonly encoding?: E | undefined;
}

type EncodingOption = string | null | { readonly encoding?: string | null | undefined };
type BufferEncodingOption = 'buffer' | { readonly encoding: 'buffer' };
