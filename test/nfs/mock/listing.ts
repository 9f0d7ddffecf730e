// A part of a directory as both versions of the mock list it: which entries, from where on, how many fit.
import { fail, STATUS } from './status.js';
import type { Entry, Node } from './tree.js';
import type { World } from './world.js';

export interface Listing {
  readonly entries: readonly Entry[];
  readonly verifier: bigint;
  readonly end: boolean;
}

/** `.` and `..` have cookies below those of all entries: v3 lists them, v4 does not. */
export function dots(directory: Node): readonly Entry[] {
  return [
    { name: '.', node: directory, cookie: 3n },
    { name: '..', node: directory.parent, cookie: 4n },
  ];
}

/**
 * What follows the cookie, as long as it fits: `bytesOf` says how long an entry becomes on the wire, `roomBytes` how much
 * there is. Not even one: TOOSMALL.
 */
export function listDirectory(
  world: World,
  entries: Iterable<Entry>,
  directory: Node,
  from: { readonly cookie: bigint; readonly verifier: bigint },
  roomBytes: number,
  bytesOf: (entry: Entry) => number,
): Listing {
  const { strictCookies, entriesMax } = world.settings;
  const verifier = strictCookies ? directory.change : 0n;
  if (from.cookie !== 0n && from.verifier !== verifier) fail(strictCookies ? STATUS.BAD_COOKIE : STATUS.NOT_SAME);
  const taken: Entry[] = [];
  let room = roomBytes;
  for (const entry of entries) {
    if (entry.cookie <= from.cookie) continue;
    room -= bytesOf(entry);
    if (room < 0 || taken.length === entriesMax) {
      if (taken.length === 0) fail(STATUS.TOOSMALL);
      return { entries: taken, verifier, end: false };
    }
    taken.push(entry);
  }
  return { entries: taken, verifier, end: true };
}
