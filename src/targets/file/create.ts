// Opens a file and knows whether it made it: so that an open which is then refused leaves nothing new behind.
import { type BigIntStats, close, constants, fstat, lstat, open, type PathLike, readlink, stat, unlink } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const openFd = promisify(open);
const closeFd = promisify(close);
const fstatFd = promisify(fstat);
const lstatPath = promisify(lstat);
const statPath = promisify(stat);
const readlinkPath = promisify(readlink);
const unlinkPath = promisify(unlink);

const { O_CREAT, O_EXCL } = constants;

/** Chains of dangling links, and others who make and remove the name meanwhile: as many turns as the kernel follows links. */
const TURNS_MAX = 40;

export interface Opened {
  readonly fd: number;
  /** The name under which this very open made the file; null: it was there, or nobody can tell. */
  readonly created: PathLike | null;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Null where `code` is what is wrong. */
async function unless<T>(code: string, promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch (error) {
    if (codeOf(error) === code) return null;
    throw error;
  }
}

/** Inode numbers are used again at once (ext4); the time of birth tells the new file from the old one. */
function sameFile(one: BigIntStats, other: BigIntStats): boolean {
  return one.dev === other.dev && one.ino === other.ino && one.birthtimeNs === other.birthtimeNs;
}

/** Names are bytes: Latin-1 keeps each of them, whatever the name's encoding is. */
function bytesOf(path: PathLike): Buffer {
  if (path instanceof URL) return Buffer.from(fileURLToPath(path));
  return typeof path === 'string' ? Buffer.from(path) : path;
}

/** What a link says, one step; null: no link. O_EXCL does not follow a dangling one, and open(2) without it does. */
async function followLink(path: PathLike): Promise<Buffer | null> {
  const bytes = bytesOf(path);
  const to = await unless('EINVAL', readlinkPath(bytes, 'latin1'));
  if (to === null) return null;
  return Buffer.from(isAbsolute(to) ? to : `${dirname(bytes.toString('latin1'))}/${to}`, 'latin1');
}

/**
 * As open(2) with these flags, errors included. With O_CREAT it first asks for a new file (O_EXCL); where there is one,
 * it is opened with the caller's flags, for O_CREAT is also what makes the kernel look at sticky directories
 * (fs.protected_regular), and is then held against what was there before.
 *
 *      O_CREAT|O_EXCL ── made ──────────────────────────────→ created
 *            │ EEXIST
 *          stat ──────── ENOENT: a dangling link: follow it, again; else removed meanwhile: again
 *            │ there
 *         O_CREAT ────── the same file ─────────────────────→ was there
 *            └────────── another one: removed meanwhile: close it, again
 */
export async function openOrCreate(path: PathLike, flags: number, mode: number | string | undefined): Promise<Opened> {
  if ((flags & O_CREAT) === 0) return { fd: await openFd(path, flags, mode), created: null };
  let name = path;
  for (let turn = 0; turn < TURNS_MAX; turn++) {
    const made = await unless('EEXIST', openFd(name, flags | O_EXCL, mode));
    if (made !== null) return { fd: made, created: name };
    if ((flags & O_EXCL) !== 0) break;
    const before = await unless('ENOENT', statPath(name, { bigint: true }));
    if (before === null) {
      name = (await unless('ENOENT', followLink(name))) ?? name;
      continue;
    }
    const fd = await openFd(name, flags, mode);
    if (sameFile(before, await fstatFd(fd, { bigint: true }))) return { fd, created: null };
    await closeFd(fd);
  }
  // The kernel's own answer: EEXIST for O_EXCL, ELOOP for links that lead nowhere.
  return { fd: await openFd(path, flags, mode), created: null };
}

/** Removes what `openOrCreate` made, if the name still stands for it and nobody has written to it meanwhile. */
export async function removeCreated({ fd, created }: Opened): Promise<void> {
  if (created === null) return;
  const now = await unless('ENOENT', lstatPath(created, { bigint: true }));
  if (now === null || now.size > 0n || !sameFile(now, await fstatFd(fd, { bigint: true }))) return;
  await unless('ENOENT', unlinkPath(created));
}
