// A file made of another one's blocks: both have them until one of the two is written (XFS with reflink=1, btrfs, NFS 4.2).
import { fstat } from 'node:fs';
import { promisify } from 'node:util';
import { errnoError } from '../../transfer/errno.js';
import { Op } from './engines/engine.js';
import type { FileTarget } from './file-target.js';
import { run } from './run.js';

const fstatFd = promisify(fstat);

/**
 * Makes `target`, which is empty, the same bytes as all of `source`, and moves none of them (FICLONE). Returns null, or
 * why it could not be done: another file system, one without clones, no addon. What the source has in the page cache is
 * written back first, by the kernel, so the clone is the source as it was at one moment.
 */
export async function cloneFile(source: FileTarget, target: FileTarget): Promise<string | null> {
  target.check();
  const { engine } = target;
  if (!engine.supports(Op.CLONE)) return 'FICLONE needs the native addon';
  if (source.facts.kind !== 'file') return 'the source is no regular file';
  const result = await run(engine, { op: Op.CLONE, fd: target.fd, flags: source.fd });
  if (result < 0) return `FICLONE: ${errnoError(result, 'ioctl(FICLONE)', target.name).code}`;
  target.noteCloned((await fstatFd(target.fd)).size);
  return null;
}
