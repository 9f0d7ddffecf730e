// Opens an nfs:// URL as a File. Loaded at the first one.
import '../memory/host.js';
import { nfsConnections } from '../targets/nfs/connect.js';
import { openNfsTarget } from '../targets/nfs/open.js';
import type { File } from './file.js';
import type { OpenOptions } from './open-options.js';
import { mustNotAskForRing, toFile } from './remote-file.js';

export async function openNfs(
  url: string | URL,
  flags: string | number | undefined,
  options: OpenOptions,
): Promise<File> {
  const { mode, requestBytes } = options;
  mustNotAskForRing(String(url), options);
  return toFile(await openNfsTarget(nfsConnections, url, flags, { mode, requestBytes }), options);
}
