// rados:// URLs opened: the connection, what there is under the name, and the target over it.
import { constants } from 'node:fs';
import { errors } from '../../base/errors.js';
import { parseFlags } from '../file/descriptors.js';
import { named } from '../net/named.js';
import { systemError } from '../net/system-error.js';
import type { Looked, RadosBody } from './body.js';
import type { RadosConnection, RadosConnections } from './connections.js';
import { type Found, findFile } from './find.js';
import { ObjectBody } from './object-body.js';
import { type PoolRef, placeText } from './osd/pool-ref.js';
import { RadosTarget } from './rados-target.js';
import { createStriped, openStriped } from './striped/open-striped.js';
import { parseRadosUrl, type RadosUrl } from './url.js';

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_TRUNC, O_WRONLY, O_RDWR } = constants;

export interface RadosOpenOptions {
  /** How large a request is made, in bytes. Default: an object, and 4 MiB at most. */
  readonly requestBytes?: number | undefined;
}

interface OpenFlags {
  readonly writes: boolean;
  readonly creates: boolean;
  readonly exclusive: boolean;
  readonly truncates: boolean;
}

/** O_SYNC and O_DSYNC ask for what is so anyway: a write is answered when it is durable. O_DIRECT: nothing is cached. */
function toOpenFlags(flags: string | number | null | undefined, name: string): OpenFlags {
  const bits = parseFlags(flags);
  if ((bits & O_APPEND) !== 0) {
    const why = 'the end of a striped file is asked for first, and two clients then write over each other';
    throw errors.make('ERR_DIORITE_UNSUPPORTED', `${name}: cannot be opened to append: ${why}`, { path: name });
  }
  if ((bits & O_DIRECTORY) !== 0)
    throw errors.make('ERR_DIORITE_UNSUPPORTED', `${name}: O_DIRECTORY: a pool has no directories`, { path: name });
  const access = bits & (O_RDONLY | O_WRONLY | O_RDWR);
  return {
    writes: access !== O_RDONLY,
    creates: (bits & O_CREAT) !== 0,
    exclusive: (bits & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL),
    truncates: (bits & O_TRUNC) !== 0 && access !== O_RDONLY,
  };
}

/** Opens what the URL stands for; the connection is let go when the target is closed. */
export async function openRadosTarget(
  connections: RadosConnections,
  url: string | URL,
  flags: string | number | null | undefined,
  { requestBytes }: RadosOpenOptions = {},
): Promise<RadosTarget> {
  const name = typeof url === 'string' ? url : url.href;
  const parsed = parseNamed(url);
  const openFlags = toOpenFlags(flags, name);
  return named({ syscall: 'open', path: name }, async () => {
    const connection = await connections.acquire(parsed.cluster);
    try {
      const { body, looked } = await openBody(connection, parsed, openFlags, name);
      return new RadosTarget({ name, body, looked, requestBytes, release: () => connection.release() });
    } catch (error) {
      await Promise.allSettled([connection.release()]); // what led here is what is told
      throw error;
    }
  });
}

/** A URL that names an object. */
export function parseNamed(url: string | URL): RadosUrl {
  const parsed = parseRadosUrl(url);
  if (parsed.name === '') throw errors.invalidValue('url', 'a pool and a name: rados://pool/name', String(url));
  return parsed;
}

interface Opened {
  readonly body: RadosBody;
  readonly looked: Looked;
}

async function openBody(connection: RadosConnection, url: RadosUrl, flags: OpenFlags, name: string): Promise<Opened> {
  const pool = await connection.poolRef(url.pool, url.namespace);
  const found = await findFile(pool, url.name, url.striped, name);
  if (found !== null && flags.exclusive) throw systemError('EEXIST', `${placeText(pool, url.name)} is there`);
  if (found === null && !flags.creates) throw systemError('ENOENT', `${placeText(pool, url.name)} is not there`);
  const opened = found === null ? await createBody(pool, url) : await existing(pool, url, found, flags.writes);
  if (!flags.truncates || opened.looked.sizeBytes === 0) return opened;
  const { body, looked } = opened;
  try {
    await body.truncate(0, looked.sizeBytes);
    return { body, looked: { ...looked, sizeBytes: 0 } };
  } catch (error) {
    await Promise.allSettled([body.close()]); // what led here is what is told
    throw error;
  }
}

async function createBody(pool: PoolRef, { name, striped, striping }: RadosUrl): Promise<Opened> {
  if (striped !== false) return createStriped(pool, name, striping);
  const body = new ObjectBody(pool, name);
  await body.create(true);
  return { body, looked: await body.look() };
}

async function existing(pool: PoolRef, { name }: RadosUrl, found: Found, writes: boolean): Promise<Opened> {
  if (found.kind === 'striped') return openStriped(pool, name, found.looked, writes);
  return { body: new ObjectBody(pool, name), looked: found.looked };
}
