// Which version of the protocol is spoken: the one that was asked for, or the highest that the server has.
import { DioriteError } from '../../base/errors.js';
import type { NfsProtocol } from './protocol.js';
import type { NfsSettings } from './settings.js';
import { errnoOf } from './status.js';

export interface Connected {
  readonly protocol: NfsProtocol;
  /** What of the path lies below the protocol's root: `dir/file`. */
  readonly rest: string;
}

/** Rejects with EPROTONOSUPPORT where the server lacks the version. */
export type Connect = (settings: NfsSettings, path: string) => Promise<Connected>;

/** One that can be asked for; what speaks it is loaded when it is first used. */
export interface Version {
  readonly name: NonNullable<NfsSettings['version']>;
  readonly load: () => Promise<Connect>;
}

/**
 * After these another version may still do: it may be served elsewhere, and v4 shows exports under other paths than
 * MOUNT does (mount.nfs(8) goes on after the same).
 */
const GO_ON: ReadonlySet<string> = new Set([
  'EPROTONOSUPPORT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPROTO',
  'ENOENT',
  'ENOTDIR',
  'EACCES',
  'EPERM',
  'ENOTSUP',
]);

interface Failure {
  readonly version: string;
  readonly error: DioriteError;
}

/** Nobody listens at the port, or somebody else does. */
const OF_THE_PORT: ReadonlySet<string> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPROTO']);

/** What a server says of the path tells most; that it lacks a version tells least. */
function weightOf({ error }: Failure): number {
  if (error.code === 'EPROTONOSUPPORT') return 0;
  return error.code === 'ECONNREFUSED' ? 1 : 2;
}

function mostTelling(failures: readonly Failure[]): DioriteError {
  const weights = failures.map(weightOf);
  const best = failures[weights.indexOf(Math.max(...weights))];
  if (best === undefined) return new DioriteError('no version of NFS was tried', { code: 'EPROTONOSUPPORT' });
  const others = failures.filter((failure) => failure !== best && failure.error.message !== best.error.message);
  if (others.length === 0) return best.error;
  const told = others.map(({ version, error }) => `NFSv${version}: ${error.message}`).join('; ');
  const { code, errno, message } = best.error;
  const text = `NFSv${best.version}: ${message} (${told})`;
  return new DioriteError(text, { code, errno, cause: best.error });
}

/**
 * v4 connects to the root of the server's tree, whatever path is asked for: that there is such an export shows when its
 * first name is looked up. What may be the name of a file that is yet to be made says nothing.
 */
async function mustExport({ protocol, rest }: Connected): Promise<void> {
  const [first = '', ...others] = rest.split('/');
  if (protocol.version !== '3' && others.length > 0) await protocol.lookup(protocol.root.handle, first);
}

async function connectBy(
  connect: Connect,
  settings: NfsSettings,
  path: string,
  isOneOfMany: boolean,
): Promise<Connected> {
  const connected = await connect(settings, path);
  try {
    if (isOneOfMany) await mustExport(connected);
    return connected;
  } catch (error) {
    await Promise.allSettled([connected.protocol.close()]); // what led here is what is told
    throw error;
  }
}

async function tryEach(versions: readonly Version[], settings: NfsSettings, path: string): Promise<Connected> {
  const failures: Failure[] = [];
  /** Minor versions share the port and the tree: what one met there the others would meet as well. */
  let hasMetPort = false;
  for (const { name, load } of versions) {
    if (hasMetPort && name !== '3') continue;
    try {
      const connect = await load();
      return await connectBy(connect, { ...settings, version: name }, path, versions.length > 1);
    } catch (error) {
      if (!(error instanceof DioriteError)) throw error;
      failures.push({ version: name, error });
      const isSamePort = OF_THE_PORT.has(error.code) && settings.port !== null;
      if (!GO_ON.has(error.code) || isSamePort) break;
      hasMetPort = error.code !== 'EPROTONOSUPPORT';
    }
  }
  throw mostTelling(failures);
}

/** Within the timeout in all, however many connections it takes; what is still on its way then is closed when it comes. */
export async function negotiate(versions: readonly Version[], settings: NfsSettings, path: string): Promise<Connected> {
  const wanted = settings.version === null ? versions : versions.filter(({ name }) => name === settings.version);
  const { host, port, timeoutMs } = settings;
  const server = port === null ? host : `${host}:${port}`;
  const attempt = tryEach(wanted, settings, path);
  let timer: NodeJS.Timeout | undefined;
  let isLate = false;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      isLate = true;
      reject(
        new DioriteError(`${server}: no answer within ${timeoutMs / 1000} s`, {
          code: 'ETIMEDOUT',
          errno: errnoOf('ETIMEDOUT'),
        }),
      );
    }, timeoutMs);
  });
  try {
    return await Promise.race([attempt, late]);
  } finally {
    clearTimeout(timer);
    if (isLate)
      attempt.then(
        ({ protocol }) => protocol.close(),
        () => {}, // the caller was told that time is up
      );
  }
}
