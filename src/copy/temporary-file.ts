// A regular file as destination: written under a temporary name beside its own, and published by sync, rename, sync.
import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { chmod, chown, link, lstat, open as openNode, rename, statfs, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { DioriteError, errors } from '../base/errors.js';
import type { File } from '../handle/file.js';
import { open } from '../open.js';
import type { DataRange, IoMode } from '../transfer/target.js';
import type { Destination } from './destination.js';
import type { Permissions } from './mode.js';
import type { CopySettings } from './options.js';
import { codeOf, ifExists } from './resolve.js';
import { Tally } from './tally.js';

/** NAME_MAX of every Linux file system, in bytes. */
const NAME_BYTES_MAX = 255;
/** Names are random: a second collision means that something is wrong with the directory. */
const ATTEMPTS_MAX = 8;
/** A map of more ranges than this is not reserved range by range: its sum is compared with the free space. */
const RANGES_RESERVED_MAX = 4096;

/** `.NAME.diorite-XXXXXX`: what a crash leaves behind can be told by its name. A long name is cut, by characters. */
export function temporaryPathFor(path: string): string {
  const suffix = `.diorite-${randomBytes(6).toString('hex')}`;
  let name = basename(path);
  while (Buffer.byteLength(name) + suffix.length + 1 > NAME_BYTES_MAX) name = [...name].slice(0, -1).join('');
  return `${dirname(path)}/.${name}${suffix}`;
}

/** Makes an empty file that nobody else may read, and returns its path. */
async function createBeside(path: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const temporary = temporaryPathFor(path);
    try {
      await (await openNode(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)).close();
      return temporary;
    } catch (error) {
      if (codeOf(error) === 'EEXIST' && attempt < ATTEMPTS_MAX) continue;
      throw cannotCreate(path, error);
    }
  }
}

/** What is wrong with the temporary file is wrong with what it stands for. */
function named(error: DioriteError, temporary: string, path: string): DioriteError {
  const { code, errno, syscall } = error;
  return new DioriteError(error.message.replaceAll(temporary, path), { code, errno, syscall, path, cause: error });
}

export class TemporaryFile implements Destination {
  readonly path: string;
  readonly readBackPath: string;
  readonly sequential = false;
  readonly freshReadsZero = true;
  readonly tally: Tally = new Tally();
  readonly #file: File;
  readonly #replaces: boolean;
  readonly #permissions: Permissions;
  #exists = true;

  private constructor(path: string, temporary: string, file: File, replaces: boolean, permissions: Permissions) {
    this.path = path;
    this.readBackPath = temporary;
    this.#file = file;
    this.#replaces = replaces;
    this.#permissions = permissions;
  }

  /** `existing` is what the name stands for now, or null. Nobody else may read the file until it is published. */
  static async create(
    path: string,
    existing: Stats | null,
    permissions: Permissions,
    settings: CopySettings,
  ): Promise<TemporaryFile> {
    const temporary = await createBeside(path);
    try {
      const { io, engine, requestBytes } = settings;
      const file = await open(temporary, constants.O_RDWR, { io, engine, requestBytes });
      return new TemporaryFile(path, temporary, file, existing !== null, permissions);
    } catch (error) {
      await unlink(temporary);
      throw error instanceof DioriteError ? named(error, temporary, path) : error;
    }
  }

  get engine(): string {
    return this.#file.engine;
  }

  get engineReason(): string | null {
    return this.#file.engineReason;
  }

  /**
   * The size first: what is then allocated, and written, does not extend the file, which file systems do one request
   * at a time. Then the space of the data, so that a full disk shows now.
   */
  async reserve(bytes: number, ranges: () => AsyncIterable<DataRange>): Promise<void> {
    if (bytes === 0) return;
    await this.#file.truncate(bytes);
    let dataBytes = 0;
    let count = 0;
    let allocates = true;
    for await (const { offset, length } of ranges()) {
      dataBytes += length;
      if (allocates && count++ < RANGES_RESERVED_MAX) allocates = await this.#allocate(offset, length);
    }
    if (!allocates || count > RANGES_RESERVED_MAX) await this.#refuseIfFull(dataBytes);
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    this.tally.add(bytes.length, await this.#file.write(bytes, 0, bytes.length, position));
  }

  async zero(): Promise<void> {
    // Fresh space reads as zeros.
  }

  async settle(bytes: number): Promise<void> {
    if ((await this.#file.stat()).size !== bytes) await this.#file.truncate(bytes);
    const { mode, owner } = this.#permissions;
    if (owner !== null) await this.#giveTo(owner);
    // After the owner: a change of owner takes set-user-ID away.
    await chmod(this.readBackPath, mode);
    await this.#file.sync();
  }

  ioMode(): IoMode {
    return this.#file.target.ioMode('write');
  }

  async publish(): Promise<boolean> {
    await this.#file.close();
    if (this.#replaces) await this.#rename();
    else await this.#linkNew();
    this.#exists = false;
    return syncDirectory(dirname(this.path));
  }

  async discard(): Promise<void> {
    const attempts = [this.#file.close(), this.#exists ? unlink(this.readBackPath) : Promise.resolve()];
    // What led here is the error that is told; a temporary file that cannot be removed is told apart by its name.
    await Promise.allSettled(attempts);
  }

  /** False: the file system cannot. */
  async #allocate(offset: number, length: number): Promise<boolean> {
    try {
      await this.#file.allocate(offset, length);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ERR_DIORITE_UNSUPPORTED') return false;
      if (codeOf(error) === 'ENOSPC') throw noSpace(this.path, error);
      throw error;
    }
  }

  async #refuseIfFull(dataBytes: number): Promise<void> {
    const { bavail, bsize, type } = await statfs(dirname(this.path));
    // File systems that do not count their blocks say 0 of 0.
    if (type === 0 || bavail * bsize >= dataBytes) return;
    const { blocks } = await this.#file.stat();
    if (bavail * bsize + blocks * 512 < dataBytes) throw noSpace(this.path, undefined);
  }

  async #giveTo(owner: { readonly uid: number; readonly gid: number }): Promise<void> {
    const now = await this.#file.stat();
    if (now.uid === owner.uid && now.gid === owner.gid) return;
    try {
      await chown(this.readBackPath, owner.uid, owner.gid);
    } catch (error) {
      // Only root gives files away: it stays with who copies, as a file that is written anew does.
      if (codeOf(error) !== 'EPERM') throw error;
    }
  }

  async #rename(): Promise<void> {
    const there = await ifExists(lstat(this.path));
    if (there !== null && !there.isFile())
      throw errors.make('ERR_DIORITE_EXISTS', `The destination is no regular file any more: ${this.path}`, {
        path: this.path,
      });
    await rename(this.readBackPath, this.path);
  }

  /** A rename would replace what was made under that name meanwhile; a link refuses. */
  async #linkNew(): Promise<void> {
    try {
      await link(this.readBackPath, this.path);
    } catch (error) {
      if (codeOf(error) === 'EEXIST') throw alreadyExists(this.path);
      // FAT and others have no links, and some directories do not allow them.
      if ((await ifExists(lstat(this.path))) !== null) throw alreadyExists(this.path);
      await rename(this.readBackPath, this.path);
      return;
    }
    await unlink(this.readBackPath);
  }
}

export function alreadyExists(path: string): DioriteError {
  return errors.make('ERR_DIORITE_EXISTS', `The destination exists: ${path} (force: true, or --force, replaces it)`, {
    path,
    syscall: 'copy',
  });
}

function noSpace(path: string, cause: unknown): DioriteError {
  return new DioriteError(`No space left on device: the copy does not fit beside ${path}`, {
    code: 'ENOSPC',
    syscall: 'fallocate',
    path,
    cause,
  });
}

function cannotCreate(path: string, cause: unknown): unknown {
  const code = codeOf(cause);
  if (code === undefined || code.startsWith('ERR_')) return cause;
  const directory = dirname(path);
  const what = `Cannot create a file in ${directory} (${code}), where the copy is written until it is complete`;
  return new DioriteError(what, { code, syscall: 'open', path: directory, cause });
}

/** Makes a rename durable. False: this file system has no such thing. */
async function syncDirectory(path: string): Promise<boolean> {
  const directory = await openNode(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
    return true;
  } catch (error) {
    if (codeOf(error) === 'EINVAL' || codeOf(error) === 'ENOTSUP') return false;
    throw error;
  } finally {
    await directory.close();
  }
}
