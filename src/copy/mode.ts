// The permission bits and the owner that a copy gets: those that `cp` gives.
import type { Stats } from 'node:fs';
import { readUmask } from '../targets/file/umask.js';

export interface Permissions {
  readonly mode: number;
  /** Null: whoever made the file. */
  readonly owner: { readonly uid: number; readonly gid: number } | null;
}

const PERMISSION_BITS = 0o777;
const ALL_BITS = 0o7777;
const SET_USER_ID = 0o4000;
const SET_GROUP_ID = 0o2000;
const GROUP_EXECUTE = 0o010;

/** A new file: the source's bits without set-user-ID, set-group-ID and sticky, less the umask. */
async function forNewFile(source: Pick<Stats, 'mode'>): Promise<Permissions> {
  return { mode: source.mode & PERMISSION_BITS & ~(await readUmask()), owner: null };
}

/**
 * A file that is replaced keeps its bits and its owner, as when its bytes are written over: the kernel then takes
 * set-user-ID away, and set-group-ID from what the group may execute, unless root writes.
 */
function forExisting(existing: Stats, asRoot: boolean): Permissions {
  let mode = existing.mode & ALL_BITS;
  if (!asRoot) {
    mode &= ~SET_USER_ID;
    if ((mode & GROUP_EXECUTE) !== 0) mode &= ~SET_GROUP_ID;
  }
  return { mode, owner: { uid: existing.uid, gid: existing.gid } };
}

/** `asRoot`: who writes has every right there. */
export function permissionsFor(
  source: Pick<Stats, 'mode'>,
  existing: Stats | null,
  asRoot: boolean,
): Promise<Permissions> {
  return existing === null ? forNewFile(source) : Promise.resolve(forExisting(existing, asRoot));
}
