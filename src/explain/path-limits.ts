// What a path's target asks for: it is opened for reading, looked at and closed. Nothing is written, and nothing read.
import { stat } from 'node:fs/promises';
import { errors } from '../base/errors.js';
import { open, toUrl } from '../open.js';
import type { Direction, Limits } from '../plan/limits.js';

export interface PathLimits {
  readonly limits: Limits;
  /** Where they were learnt, in words. */
  readonly from: string;
}

export async function limitsOfPath(path: string, direction: Direction): Promise<PathLimits> {
  const url = toUrl(path);
  if (url === null || url.protocol === 'file:') await mustBeSeekable(url ?? path);
  const file = await open(path, 'r');
  try {
    const { facts, target } = file;
    const offsets = direction === 'write' ? facts.writeAlignment : facts.readAlignment;
    const notDirect = target.notDirect(direction);
    const learnt = `alignment of memory from ${facts.memoryAlignment.from}, of offsets from ${offsets.from}`;
    return {
      limits: file.limits(direction),
      from: `${facts.fsName}; ${notDirect === null ? learnt : `not direct: ${notDirect}`}`,
    };
  } finally {
    await file.close();
  }
}

/** Looked at before it is opened: to open a FIFO waits for its other end. */
async function mustBeSeekable(path: string | URL): Promise<void> {
  const stats = await stat(path);
  if (stats.isFile() || stats.isBlockDevice()) return;
  throw errors.make('ERR_DIORITE_UNSUPPORTED', `${path}: not a regular file or block device`, { path: String(path) });
}
