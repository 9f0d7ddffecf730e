// rm of whole directories: what is in them first, a part at a time, however deep and however many.
import { DioriteError } from '../base/errors.js';
import { isPlaceLost, Listing } from '../targets/nfs/directory.js';
import type { NfsEntry, NfsProtocol } from '../targets/nfs/protocol.js';
import { localError, Place } from '../targets/nfs/walk.js';

/** Removals on their way at a time. */
const AT_ONCE = 16;
/** Looks at a directory from its start: whoever fills it as fast as it is emptied wins in the end. */
const LOOKS_MAX = 8;
/** PATH_MAX of Linux has room for no more directories within each other. */
const DEPTH_MAX = 2048;
/** What servers answer RMDIR with where something is in it still. */
const NOT_EMPTY: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST']);

/** A directory that is being emptied. */
interface Level {
  readonly place: Place;
  listing: Listing;
  looks: number;
  /** Directories of the part that was read last, to be emptied before the next one is read. */
  readonly inner: Place[];
}

function levelOf(protocol: NfsProtocol, place: Place): Level {
  return { place, listing: new Listing(protocol, place), looks: 1, inner: [] };
}

/** Null: that is what it failed with. */
async function unless<T>(codes: ReadonlySet<string>, work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DioriteError && codes.has(error.code)) return null;
    throw error;
  }
}

/** Somebody else removed it meanwhile, which is as well. */
const MISSING: ReadonlySet<string> = new Set(['ENOENT']);
/** It became a directory since it was listed. */
const MISSING_OR_DIRECTORY: ReadonlySet<string> = new Set(['ENOENT', 'EISDIR']);

/** Links are removed, never followed. `directory` is one, and not the root of the protocol. */
export async function removeTree(protocol: NfsProtocol, directory: Place): Promise<void> {
  const levels = [levelOf(protocol, directory)];
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    const inner = level.inner.pop();
    if (inner !== undefined) {
      if (levels.push(levelOf(protocol, inner)) > DEPTH_MAX)
        throw localError('ENAMETOOLONG', protocol, `"${directory.path}" is more than ${DEPTH_MAX} directories deep`);
      continue;
    }
    const part = await nextPart(level);
    if (part !== null) await removePart(protocol, level, part);
    else if (await removeEmptied(protocol, level)) levels.pop();
  }
}

/** Null: that was all, or the server does not know any more how far it was read. */
async function nextPart({ listing }: Level): Promise<NfsEntry[] | null> {
  try {
    return await listing.next();
  } catch (error) {
    if (isPlaceLost(error)) return null;
    throw error;
  }
}

/** False: something is in it still, and it is looked through again. */
async function removeEmptied(protocol: NfsProtocol, level: Level): Promise<boolean> {
  const { place } = level;
  try {
    await unless(MISSING, protocol.removeDirectory((place.parent ?? place).handle, place.name));
    return true;
  } catch (error) {
    const isNotEmpty = error instanceof DioriteError && NOT_EMPTY.has(error.code);
    if (!isNotEmpty || level.looks++ === LOOKS_MAX) throw error;
    level.listing = new Listing(protocol, place);
    return false;
  }
}

async function removePart(protocol: NfsProtocol, level: Level, part: readonly NfsEntry[]): Promise<void> {
  for (let at = 0; at < part.length; at += AT_ONCE) {
    const some = part.slice(at, at + AT_ONCE).map((entry) => removeEntry(protocol, level, entry));
    const failed = (await Promise.allSettled(some)).find((end) => end.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}

async function removeEntry(protocol: NfsProtocol, level: Level, { name, attributes }: NfsEntry): Promise<void> {
  const { place, inner } = level;
  if (attributes !== null && attributes.type !== 'directory') {
    await unless(MISSING_OR_DIRECTORY, protocol.remove(place.handle, name));
    return;
  }
  const object = await unless(MISSING, protocol.lookup(place.handle, name));
  if (object?.attributes.type === 'directory') inner.push(new Place(object, name, place));
  else if (object !== null) await unless(MISSING_OR_DIRECTORY, protocol.remove(place.handle, name));
}
