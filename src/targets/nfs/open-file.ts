// open(2) over NFS: the flags that a server can honour, and the file that a path stands for, made where that is asked.
import { constants } from 'node:fs';
import { DioriteError, errors } from '../../base/errors.js';
import { parseFlags } from '../file/descriptors.js';
import type { NfsFileType, NfsOpened, NfsProtocol } from './protocol.js';
import { type Found, localError, type Place, walk } from './walk.js';

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_TRUNC, O_WRONLY, O_RDWR } = constants;

/** Names that are replaced while they are opened: another try finds the new file. */
const ATTEMPTS_MAX = 8;
/** Between the look and the open the file went, was replaced, or became a link. */
const CHANGED: ReadonlySet<string> = new Set(['ENOENT', 'ESTALE', 'ELOOP']);

const TYPE_NAMES: Readonly<Record<Exclude<NfsFileType, 'file' | 'directory' | 'symlink'>, string>> = {
  block: 'a block device',
  character: 'a character device',
  fifo: 'a FIFO',
  socket: 'a socket',
};

export interface OpenFlags {
  readonly reads: boolean;
  readonly writes: boolean;
  readonly creates: boolean;
  readonly exclusive: boolean;
  readonly truncates: boolean;
  readonly follows: boolean;
}

/** O_SYNC and O_DSYNC ask for what is so anyway: a write is answered when it is durable. O_DIRECT: nothing is cached. */
export function toOpenFlags(flags: string | number | null | undefined, name: string): OpenFlags {
  const bits = parseFlags(flags);
  if ((bits & O_APPEND) !== 0) {
    const why = 'NFS has no append: the end is asked for first, and two clients then write over each other';
    throw errors.make('ERR_DIORITE_UNSUPPORTED', `${name}: cannot be opened to append: ${why}`, { path: name });
  }
  if ((bits & O_DIRECTORY) !== 0) {
    const why = 'directories are read with opendir, and files without a name are not to be had over NFS';
    throw errors.make('ERR_DIORITE_UNSUPPORTED', `${name}: O_DIRECTORY, O_TMPFILE: ${why}`, { path: name });
  }
  const access = bits & (O_RDONLY | O_WRONLY | O_RDWR);
  return {
    reads: access !== O_WRONLY,
    writes: access !== O_RDONLY,
    creates: (bits & O_CREAT) !== 0,
    exclusive: (bits & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL),
    // Without write access it is the kernel's business what O_TRUNC does (open(2): unspecified).
    truncates: (bits & O_TRUNC) !== 0 && access !== O_RDONLY,
    follows: (bits & O_NOFOLLOW) === 0,
  };
}

/** `mode`: of a file that is made, the umask taken off already: servers know no umask. */
export async function openFile(
  protocol: NfsProtocol,
  base: Place,
  path: string,
  flags: OpenFlags,
  mode: number,
): Promise<NfsOpened> {
  const { reads, writes, exclusive } = flags;
  for (let attempt = 1; ; attempt++) {
    const last = exclusive ? 'name' : flags.follows ? 'follow' : 'stay';
    const found = await walk(protocol, base, path, last);
    const name = nameToOpen(protocol, found, flags);
    const create = found.place !== null ? 'never' : exclusive ? 'exclusive' : 'unchecked';
    try {
      const opened = await protocol.open(found.directory.handle, name, { reads, writes, create, mode });
      return await truncated(protocol, opened, flags);
    } catch (error) {
      const isChanged = error instanceof DioriteError && CHANGED.has(error.code);
      if (!isChanged || exclusive || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/** Throws where the walk has shown already that it cannot be opened. */
function nameToOpen(protocol: NfsProtocol, found: Found, { creates }: OpenFlags): string {
  const { directory, name, place, missing, mustBeDirectory } = found;
  if (name === null || (place?.isDirectory ?? (mustBeDirectory && creates)))
    throw localError('EISDIR', protocol, `"${(place ?? directory).path}" is a directory`);
  if (place === null) {
    if (creates) return name;
    throw missing ?? localError('ENOENT', protocol, `"${name}" is not there`);
  }
  const { type } = place.attributes;
  if (type === 'symlink') throw localError('ELOOP', protocol, `"${place.path}" is a symbolic link (O_NOFOLLOW)`);
  if (type !== 'file' && type !== 'directory') {
    const text = `${protocol.server}: "${place.path}" is ${TYPE_NAMES[type]}: what it stands for is not on the server`;
    throw errors.make('ERR_DIORITE_UNSUPPORTED', text);
  }
  return name;
}

/** Only when it is open for sure: an open that fails changes nothing. */
async function truncated(protocol: NfsProtocol, opened: NfsOpened, { truncates }: OpenFlags): Promise<NfsOpened> {
  const { file, attributes } = opened;
  if (!truncates || attributes.size === 0n) return opened;
  try {
    await protocol.setAttributes(file.handle, { size: 0 }, file);
    return { file, attributes: { ...attributes, size: 0n } };
  } catch (error) {
    await Promise.allSettled([protocol.closeFile(file)]); // what led here is what is told
    throw error;
  }
}
