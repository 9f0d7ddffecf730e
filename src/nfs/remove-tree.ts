// rm of whole directories: what is in them first, a part at a time, however deep and however many.
import { DioriteError } from '../base/errors.js';
import { Listing } from '../targets/nfs/directory.js';
import type { NfsProtocol } from '../targets/nfs/protocol.js';
import { localError, Place } from '../targets/nfs/walk.js';

/** Removals on their way at a time. */
const AT_ONCE = 16;
/** A name that was removed and is listed again: by a server that remembers its lists, or by somebody who makes it anew. */
const SAME_FIRST_MAX = 8;
/** PATH_MAX of Linux has room for no more directories within each other. */
const DEPTH_MAX = 2048;

interface Level {
  readonly place: Place;
  /** The first name of the last list, and how often it was the first one after another. */
  first: string;
  sameFirst: number;
}

/** Null: somebody else removed it meanwhile, which is as well. */
async function unlessMissing<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DioriteError && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Links are removed, never followed. `directory` is one, and not the root of the protocol. */
export async function removeTree(protocol: NfsProtocol, directory: Place): Promise<void> {
  const levels: Level[] = [{ place: directory, first: '', sameFirst: 0 }];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const inner = await empty(protocol, level);
    if (inner !== null) {
      if (levels.push({ place: inner, first: '', sameFirst: 0 }) > DEPTH_MAX)
        throw localError('ENAMETOOLONG', protocol, `"${directory.path}" is more than ${DEPTH_MAX} directories deep`);
      continue;
    }
    const { place } = level;
    await unlessMissing(protocol.removeDirectory((place.parent ?? place).handle, place.name));
    levels.pop();
  }
}

/**
 * Removes what is no directory; a directory that it meets is given back, to be emptied first. Each look begins at the
 * start: after removals, no server is sure to know where an earlier look had come to.
 */
async function empty(protocol: NfsProtocol, level: Level): Promise<Place | null> {
  const { place } = level;
  for (;;) {
    const names = (await new Listing(protocol, place).next())?.map(({ name }) => name) ?? [];
    const [first] = names;
    if (first === undefined) return null;
    level.sameFirst = first === level.first ? level.sameFirst + 1 : 0;
    level.first = first;
    if (level.sameFirst > SAME_FIRST_MAX)
      throw localError('ENOTEMPTY', protocol, `"${place.path}": "${first}" is there again after each removal`);
    const inner = await removeEntries(protocol, place, names);
    if (inner !== null) return inner;
  }
}

async function removeEntries(protocol: NfsProtocol, place: Place, names: readonly string[]): Promise<Place | null> {
  for (let at = 0; at < names.length; at += AT_ONCE) {
    const some = names.slice(at, at + AT_ONCE).map((name) => removeEntry(protocol, place, name));
    const ends = await Promise.allSettled(some);
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    for (const end of ends) if (end.status === 'fulfilled' && end.value !== null) return end.value;
  }
  return null;
}

async function removeEntry(protocol: NfsProtocol, place: Place, name: string): Promise<Place | null> {
  const object = await unlessMissing(protocol.lookup(place.handle, name));
  if (object === null) return null;
  if (object.attributes.type === 'directory') return new Place(object, name, place);
  await unlessMissing(protocol.remove(place.handle, name));
  return null;
}
