// Which part of a path names the export: the longest that the server lists, or the longest that it mounts.
import { DioriteError } from '../../../base/errors.js';
import type { FileHandle } from '../protocol.js';
import type { Rpc } from '../rpc/call.js';
import { STATUS } from '../status.js';
import { MOUNT_PATH_BYTES_MAX } from './constants.js';
import { listExports, mount } from './mount.js';

/** How many exports an error names. */
const NAMED_MAX = 8;

export interface FoundExport {
  readonly directory: string;
  readonly handle: FileHandle;
  /** What lies below it, without a slash at the start: '' is the export itself. */
  readonly rest: string;
}

/** `path` begins with a slash and has none at its end, but for '/'. */
export async function findExport(rpc: Rpc, path: string): Promise<FoundExport> {
  const exports = await exportsOf(rpc);
  const prefixes = prefixesOf(path);
  const listed = new Set(exports?.map(withoutSlash));
  // A server may mount what it does not list (a directory within an export), and list what it does not mount here.
  const candidates = [
    ...prefixes.filter((prefix) => listed.has(prefix)),
    ...prefixes.filter((prefix) => !listed.has(prefix)),
  ];
  let refused: DioriteError | null = null;
  for (const directory of candidates) {
    const answer = await mount(rpc, directory);
    if ('handle' in answer) return { directory, handle: answer.handle, rest: restOf(path, directory) };
    // What the server lists and refuses is told at once: a shorter name would lead past what its owner meant to guard.
    if (listed.has(directory)) throw answer.error;
    if (!isElsewhere(answer.status)) throw answer.error;
    refused ??= answer.error;
  }
  throw noExport(rpc.name, path, exports, refused);
}

/** Null: the server does not tell. Some do not offer EXPORT, and a list may be longer than what is accepted. */
async function exportsOf(rpc: Rpc): Promise<string[] | null> {
  try {
    return await listExports(rpc);
  } catch (error) {
    if (error instanceof DioriteError && (error.code === 'ENOTSUP' || error.code === 'EIO')) return null;
    throw error;
  }
}

/** What servers say of a directory that is no export, or no directory: the one above may be. */
function isElsewhere(status: number): boolean {
  return status === STATUS.NOENT || status === STATUS.ACCES || status === STATUS.NOTDIR || status === STATUS.INVAL;
}

/** `/a/b/c`, `/a/b`, `/a`, `/`: those that MOUNT can carry. */
function prefixesOf(path: string): string[] {
  const found: string[] = [];
  for (let prefix = path; prefix !== '' && prefix !== '/'; prefix = prefix.slice(0, prefix.lastIndexOf('/')))
    if (Buffer.byteLength(prefix) <= MOUNT_PATH_BYTES_MAX) found.push(prefix);
  return [...found, '/'];
}

function withoutSlash(directory: string): string {
  return directory.length > 1 && directory.endsWith('/') ? directory.slice(0, -1) : directory;
}

function restOf(path: string, directory: string): string {
  return directory === '/' ? path.slice(1) : path.slice(directory.length + 1);
}

function noExport(server: string, path: string, exports: string[] | null, refused: DioriteError | null): DioriteError {
  const named = exports?.slice(0, NAMED_MAX).join(', ') ?? '';
  const more = exports !== null && exports.length > NAMED_MAX ? ` and ${exports.length - NAMED_MAX} more` : '';
  const list = exports === null ? 'its exports are not known' : `it exports ${named === '' ? 'nothing' : named}${more}`;
  const why = refused?.message ?? `${server}: MNT ${JSON.stringify(path)}: no export`;
  return new DioriteError(`${why}; ${list}`, {
    code: refused?.code ?? 'ENOENT',
    errno: refused?.errno,
    path,
    cause: refused ?? undefined,
  });
}
