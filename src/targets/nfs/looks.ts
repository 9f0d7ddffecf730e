// Whether a change of a directory whose answer was lost was carried out: told by what is there now, the same in all versions.
import type { FileHandle, NfsAttributes, NfsEntries, NfsObject } from './protocol.js';
import { systemError } from './rpc/rejections.js';

/** Of a directory's mode: set-group-ID is handed down by the directory above, whatever was asked. */
const COMPARED_MODE = 0o1777;
/** Enough to see whether a directory is empty. */
const PEEK_BYTES = 1024;

/** What a protocol offers to look with. */
export interface Looker {
  /** `host:port`, for messages. */
  readonly server: string;
  /** Null: there is no such name. */
  find(directory: FileHandle, name: string): Promise<NfsObject | null>;
  attributes(handle: FileHandle): Promise<NfsAttributes>;
  readLink(handle: FileHandle): Promise<string>;
  readDirectory(directory: FileHandle, cookie: bigint, verifier: bigint, bytes: number): Promise<NfsEntries>;
}

/** File ids are unique within a file system; handles of one file may differ (RFC 1813 §2.3.3, RFC 8881 §10.3.4). */
export function isSame(one: NfsAttributes, other: NfsAttributes): boolean {
  return one.fileId === other.fileId && one.fsid === other.fsid;
}

/** REMOVE, RMDIR. */
export async function lookRemoved(looker: Looker, directory: FileHandle, name: string): Promise<true | null> {
  return (await looker.find(directory, name)) === null ? true : null;
}

/** LINK: a name that is this very file. */
export async function lookLinked(
  looker: Looker,
  handle: FileHandle,
  directory: FileHandle,
  name: string,
): Promise<true | null> {
  const there = await looker.find(directory, name);
  return there !== null && isSame(there.attributes, await looker.attributes(handle)) ? true : null;
}

/** A symbolic link with the same text is what was asked for, whoever made it. */
export async function lookSymlink(
  looker: Looker,
  directory: FileHandle,
  name: string,
  to: string,
): Promise<NfsObject | null> {
  const there = await looker.find(directory, name);
  if (there?.attributes.type !== 'symlink') return null;
  return (await looker.readLink(there.handle)) === to ? there : null;
}

/** Nothing of the question is kept with a directory: an empty one of that mode is what was asked for, whoever made it. */
export async function lookDirectory(
  looker: Looker,
  directory: FileHandle,
  name: string,
  mode: number,
): Promise<NfsObject | null> {
  const there = await looker.find(directory, name);
  if (there === null || !hasMode(there.attributes, mode)) return null;
  const { entries, end } = await looker.readDirectory(there.handle, 0n, 0n, PEEK_BYTES);
  return end && entries.length === 0 ? there : null;
}

function hasMode({ type, mode }: NfsAttributes, wanted: number): boolean {
  return type === 'directory' && (mode & COMPARED_MODE) === (wanted & COMPARED_MODE);
}

export interface Renaming {
  readonly from: FileHandle;
  readonly fromName: string;
  readonly to: FileHandle;
  readonly toName: string;
  /** Of the file, asked for before: its id tells afterwards where it is. */
  readonly source: NfsAttributes;
  /** For messages. */
  readonly what: string;
}

export async function lookRenamed(looker: Looker, renaming: Renaming): Promise<true | null> {
  const { from, fromName, to, toName, source, what } = renaming;
  const target = await looker.find(to, toName);
  // Where both are names of one file, RENAME does nothing, as rename(2).
  if (target !== null && isSame(target.attributes, source)) return true;
  const left = await looker.find(from, fromName);
  if (left !== null && isSame(left.attributes, source)) return null;
  const message = `${looker.server}: ${what}: its answer was lost, and the file has neither name any more`;
  throw systemError('EIO', message);
}
