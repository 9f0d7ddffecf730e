// Opens a rados:// URL as a File. Loaded at the first one.
import '../memory/host.js';
import { radosConnections } from '../targets/rados/connections.js';
import { openRadosTarget } from '../targets/rados/open.js';
import type { File } from './file.js';
import type { OpenOptions } from './open-options.js';
import { mustNotAskForRing, toFile } from './remote-file.js';

/** `mode` is nobody's: objects have no permission bits. */
export async function openRados(
  url: string | URL,
  flags: string | number | undefined,
  options: OpenOptions,
): Promise<File> {
  mustNotAskForRing(String(url), options);
  const { requestBytes } = options;
  return toFile(await openRadosTarget(radosConnections, url, flags, { requestBytes }), options);
}
