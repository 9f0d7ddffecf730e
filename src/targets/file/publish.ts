// How a regular file becomes visible at once: written under a temporary name beside its own, then sync, rename, sync.
import { constants } from 'node:fs';
import { chmod, chown, link, lstat, open, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { DioriteError, errors } from '../../base/errors.js';
import type { BeginOptions, Publication, Publishing } from '../../transfer/target.js';
import { temporaryName } from '../temporary-name.js';
import type { FileTarget } from './file-target.js';
import { type FileTargetOptions, type OpenedFile, openFileTarget } from './open-file.js';
import { reserve } from './reserve.js';
import { readUmask } from './umask.js';

/** Names are random: a second collision means that something is wrong with the directory. */
const ATTEMPTS_MAX = 8;
/** As open(2) is asked for by default, less the umask. */
const MODE_DEFAULT = 0o666;

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface FileBeginOptions extends BeginOptions {
  /** Whose it is in the end, as far as this process may give files away. Default: who makes it. */
  readonly owner?: Owner | undefined;
}

/**
 * Local files, by path. What `begin` makes is a file of its own, `.NAME.diorite-XXXXXX`, that nobody else may read:
 * after a crash it is still there and can be told by its name.
 */
export class FilePublishing implements Publishing {
  readonly cannotPublish = null;
  readonly #options: Omit<FileTargetOptions, 'mode'>;
  readonly #open: typeof openFileTarget;

  /** `open`: for tests, to put something between the file and the disk. */
  constructor(options: Omit<FileTargetOptions, 'mode'> = {}, open: typeof openFileTarget = openFileTarget) {
    this.#options = options;
    this.#open = open;
  }

  /** `path` is followed through no link: a link of that name would be replaced itself. */
  async begin(path: string, options: FileBeginOptions): Promise<FilePublication> {
    const mode = options.mode ?? MODE_DEFAULT & ~(await readUmask());
    const temporary = await createBeside(path);
    let publication: FilePublication;
    try {
      const opened = await this.#open(temporary, constants.O_RDWR, this.#options);
      const { owner = null, replace = true } = options;
      publication = new FilePublication(path, temporary, opened, { mode, owner, replace });
    } catch (error) {
      await unlink(temporary);
      throw error instanceof DioriteError ? named(error, temporary, path) : error;
    }
    const { size = 0 } = options;
    try {
      await reserve(publication.target, size, [{ offset: 0, length: size }], path);
    } catch (error) {
      await publication.discard();
      throw error;
    }
    return publication;
  }
}

export type { OpenedFile } from './open-file.js';

interface End {
  readonly mode: number;
  readonly owner: Owner | null;
  readonly replace: boolean;
}

export class FilePublication implements Publication {
  readonly target: FileTarget;
  readonly temporaryName: string;
  /** For who makes a File of the target. */
  readonly opened: OpenedFile;
  readonly #path: string;
  readonly #end: End;
  /** Null: it is there, under its temporary name. */
  #ended: 'published' | 'discarded' | null = null;

  constructor(path: string, temporary: string, opened: OpenedFile, end: End) {
    this.target = opened.target;
    this.temporaryName = temporary;
    this.opened = opened;
    this.#path = path;
    this.#end = end;
  }

  async publish(): Promise<boolean> {
    if (this.#ended !== null)
      throw errors.make('ERR_DIORITE_CLOSED', `${this.#path}: ${this.#ended} already`, { path: this.#path });
    if (this.#end.owner !== null) await giveTo(this.temporaryName, this.#end.owner);
    // After the owner: a change of owner takes set-user-ID away.
    await chmod(this.temporaryName, this.#end.mode);
    await this.target.sync();
    await this.target.close();
    if (this.#end.replace) await this.#rename();
    else await this.#linkNew();
    this.#ended = 'published';
    return syncDirectory(dirname(this.#path));
  }

  async discard(): Promise<void> {
    if (this.#ended !== null) return;
    this.#ended = 'discarded';
    // What led here is the error that is told; a temporary file that cannot be removed is told apart by its name.
    await Promise.allSettled([this.target.close(), unlink(this.temporaryName)]);
  }

  async #rename(): Promise<void> {
    const there = await ifThere(this.#path);
    if (there !== null && !there.isFile())
      throw errors.make('ERR_DIORITE_EXISTS', `The destination is no regular file any more: ${this.#path}`, {
        path: this.#path,
      });
    await rename(this.temporaryName, this.#path);
  }

  /** A rename would replace what was made under that name meanwhile; a link refuses. */
  async #linkNew(): Promise<void> {
    try {
      await link(this.temporaryName, this.#path);
    } catch (error) {
      // FAT and others have no links, and some directories do not allow them.
      if (codeOf(error) === 'EEXIST' || (await ifThere(this.#path)) !== null) throw exists(this.#path);
      await rename(this.temporaryName, this.#path);
      return;
    }
    await unlink(this.temporaryName);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

async function ifThere(path: string): Promise<Awaited<ReturnType<typeof lstat>> | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Makes an empty file that nobody else may read, and returns its path. */
async function createBeside(path: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const temporary = `${dirname(path)}/${temporaryName(basename(path))}`;
    try {
      await (await open(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)).close();
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

async function giveTo(path: string, owner: Owner): Promise<void> {
  const now = await stat(path);
  if (now.uid === owner.uid && now.gid === owner.gid) return;
  try {
    await chown(path, owner.uid, owner.gid);
  } catch (error) {
    // Only root gives files away: it stays with who made it, as a file that is written anew does.
    if (codeOf(error) !== 'EPERM') throw error;
  }
}

function exists(path: string): DioriteError {
  return errors.make('ERR_DIORITE_EXISTS', `The destination exists: ${path}`, { path });
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
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
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
