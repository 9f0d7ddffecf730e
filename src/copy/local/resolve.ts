// What a destination's name stands for: followed through directories and links to the one thing that will be written.
import type { Stats } from 'node:fs';
import { lstat, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { DioriteError, errors } from '../../base/errors.js';
import { codeOf } from '../code-of.js';

/** `stats`: null where there is nothing of that name yet. */
export type ResolvedPath =
  | { readonly kind: 'regular'; readonly path: string; readonly stats: Stats | null }
  | { readonly kind: 'block' | 'sequential'; readonly path: string; readonly stats: Stats };

/** As many as the kernel follows. */
const LINKS_MAX = 40;

/** Null where nothing of that name exists. A dangling link is nothing for `stat` and something for `lstat`. */
export async function ifExists(question: Promise<Stats>): Promise<Stats | null> {
  try {
    return await question;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The name at the end of a chain of links; it need not exist. No `..` is resolved by text: links may lie before it. */
async function followLinks(path: string): Promise<string> {
  let at = path;
  for (let links = 0; links <= LINKS_MAX; links++) {
    const here = await ifExists(lstat(at));
    if (here === null || !here.isSymbolicLink()) return at;
    const to = await readlink(at);
    at = isAbsolute(to) ? to : `${await realpath(dirname(at))}/${to}`;
  }
  throw new DioriteError(`Too many symbolic links: ${path}`, { code: 'ELOOP', path });
}

async function resolveRegular(path: string, existing: Stats | null): Promise<ResolvedPath> {
  if (existing === null && path.endsWith('/'))
    throw new DioriteError(`Not a directory: ${path}`, { code: 'ENOTDIR', syscall: 'open', path });
  const end = await followLinks(path);
  // A link of /proc/self/fd may name a file that has no name any more: a new one of that name would be another file.
  const there = await ifExists(lstat(end));
  if (there?.ino !== existing?.ino || there?.dev !== existing?.dev)
    throw errors.make(
      'ERR_DIORITE_UNSUPPORTED',
      `The destination has no name that it could be replaced under: ${path}`,
      {
        path,
      },
    );
  return { kind: 'regular', path: end, stats: existing };
}

function resolveExisting(path: string, stats: Stats): Promise<ResolvedPath> | ResolvedPath {
  if (stats.isFile()) return resolveRegular(path, stats);
  // By the name that was given: links of /proc name pipes and terminals that no other path leads to.
  return { kind: stats.isBlockDevice() ? 'block' : 'sequential', path, stats };
}

/** `baseName`: the name inside a destination that is a directory. */
export async function resolveDestination(destination: string, baseName: string): Promise<ResolvedPath> {
  const stats = await ifExists(stat(destination));
  if (stats === null) return resolveRegular(destination, null);
  if (!stats.isDirectory()) return resolveExisting(destination, stats);
  const inside = join(destination, baseName);
  // A server's: a name that is not UTF-8 is refused rather than changed.
  if (Buffer.from(baseName).toString() !== baseName)
    throw errors.invalidValue('destination', 'a name of its own, for that of the source is not UTF-8', destination);
  const insideStats = await ifExists(stat(inside));
  if (insideStats === null) return resolveRegular(inside, null);
  if (insideStats.isDirectory())
    throw new DioriteError(`The destination is a directory: ${inside}`, { code: 'EISDIR', path: inside });
  return resolveExisting(inside, insideStats);
}
