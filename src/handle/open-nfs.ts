// Opens an nfs:// URL as a File. Loaded at the first one.
import '../memory/host.js';
import { errors } from '../base/errors.js';
import { nfsConnections } from '../targets/nfs/connect.js';
import type { NfsTarget } from '../targets/nfs/nfs-target.js';
import { openNfsTarget } from '../targets/nfs/open.js';
import { File } from './file.js';
import type { OpenOptions } from './open-options.js';

export async function openNfs(
  url: string | URL,
  flags: string | number | undefined,
  options: OpenOptions,
): Promise<File> {
  const { mode, requestBytes } = options;
  mustNotAskForRing(String(url), options);
  return toFile(await openNfsTarget(nfsConnections, url, flags, { mode, requestBytes }), options);
}

/** The ring is of files: what would go through it here is refused rather than carried by something else. */
export function mustNotAskForRing(name: string, { engine }: OpenOptions): void {
  if (engine !== 'uring') return;
  const message = `${name}: engine: 'uring' cannot be had: the requests go through a socket`;
  throw errors.make('ERR_DIORITE_UNSUPPORTED', message, { path: name });
}

export function toFile(target: NfsTarget, { depth, bytesInFlight }: OpenOptions): File {
  return new File({ target, engineReason: null, depth, bytesInFlight, appends: false });
}
