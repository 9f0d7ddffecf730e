// nfs:// URLs opened: the connection, the walk from its root, the file, and the target over it.
import { errors } from '../../base/errors.js';
import { readUmask } from '../file/umask.js';
import { named } from '../net/named.js';
import type { Patience } from '../net/patience.js';
import type { NfsConnection, NfsConnections } from './connections.js';
import { NfsTarget } from './nfs-target.js';
import { openFile, toOpenFlags } from './open-file.js';
import { encodedName, parseNfsUrl } from './url.js';
import { Place } from './walk.js';

/** As fs.open has it by default, and all the bits that there are. */
const MODE_DEFAULT = 0o666;
const MODE_MAX = 0o7777;

export interface NfsOpenFileOptions {
  /** Permission bits of a file that is made, as Node's; the umask is taken off. */
  readonly mode?: number | string | undefined;
  /** How large a request is made, in bytes. Default: what the server likes best. */
  readonly requestBytes?: number | undefined;
  /** Of whoever opens and uses it. */
  readonly patience?: Patience | null | undefined;
}

/** A number, or a string of octal digits. */
export function toMode(mode: unknown, otherwise: number, name: string): number {
  if (mode === undefined || mode === null) return otherwise;
  const bits = typeof mode === 'string' && /^[0-7]{1,6}$/.test(mode) ? Number.parseInt(mode, 8) : mode;
  if (typeof bits === 'string') throw errors.invalidValue(name, 'octal digits', mode);
  if (typeof bits !== 'number') throw errors.invalidType(name, 'a number or a string of octal digits', mode);
  if (!Number.isInteger(bits) || bits < 0 || bits > 0xffffffff)
    throw errors.outOfRange(name, 'an integer >= 0 && <= 4294967295', mode);
  return bits & MODE_MAX;
}

/** Less the umask of this process, which no server knows. */
export async function createMode(mode: unknown, otherwise: number = MODE_DEFAULT): Promise<number> {
  return toMode(mode, otherwise, 'mode') & ~(await readUmask());
}

/** A path from the protocol's root as a URL with the options of `like`. */
export function urlOf(like: URL, { rootPath }: NfsConnection, path: string): URL {
  const names = `${rootPath}/${path}`.split('/').filter((name) => name !== '');
  const url = new URL(like);
  url.pathname = `/${names.map(encodedName).join('/')}`;
  return url;
}

/** Opens the file that the URL stands for; the connection is let go when the target is closed. */
export async function openNfsTarget(
  connections: NfsConnections,
  url: string | URL,
  flags: string | number | undefined,
  { mode, requestBytes, patience }: NfsOpenFileOptions,
): Promise<NfsTarget> {
  const { settings, path } = parseNfsUrl(url);
  const name = new URL(url).href;
  const openFlags = toOpenFlags(flags, name);
  const bits = await createMode(mode);
  return named({ syscall: 'open', path: name }, async () => {
    const connection = await connections.acquire(settings, path, 'file', patience ?? null);
    const { protocol, rest } = connection;
    try {
      const root = new Place(protocol.root, '', null);
      const { file, attributes } = await openFile(protocol, root, `/${rest}`, openFlags, bits);
      return new NfsTarget({ name, protocol, file, attributes, requestBytes, release: () => connection.release() });
    } catch (error) {
      await Promise.allSettled([connection.release()]); // what led here is what is told
      throw error;
    }
  });
}
