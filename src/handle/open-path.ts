// Opens a path as a File. Loaded at the first open: a program that only plans, or only parses, does not pay for it.
import '../memory/host.js';
import { openTarget } from '../targets/file/open-file.js';
import { File } from './file.js';
import type { OpenOptions } from './open-options.js';

export async function openPath(
  path: string | Buffer,
  flags: string | number | undefined,
  options: OpenOptions,
): Promise<File> {
  const { depth, bytesInFlight } = options;
  return new File({ ...(await openTarget(path, flags, options)), depth, bytesInFlight });
}
