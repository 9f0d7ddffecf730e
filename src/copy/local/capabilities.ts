// The table of what this machine can do for direct I/O, and how each is done here.
import { loadAddon } from '../../memory/addon.js';
import { chooseEngine, uringFeatures } from '../../targets/file/engines/choose.js';
import { type Engine, Op } from '../../targets/file/engines/engine.js';
import type { Capability, How } from '../probe.js';

interface Way {
  readonly how: How;
  readonly note: string;
}

const natively = (note: string): Way => ({ how: 'natively', note });
const slowly = (note: string): Way => ({ how: 'slowly', note });
const refused = (note: string): Way => ({ how: 'refused', note });

const BY_ADDON = 'needs the native addon';

function byOperation(engine: Engine, op: Op, note: string, without: Way): Way {
  return engine.supports(op) ? natively(note) : without;
}

/** cachestat(2) is asked about nothing, of a descriptor that is always there. */
function cachePages(): Way {
  const addon = loadAddon();
  if (addon === null) return slowly('what the kernel did is known from the file system only (no addon)');
  // EBADF says that there is such a system call.
  return addon.cachedPages(-1, 0, 1) === -38
    ? slowly('what the kernel did is known from the file system only (cachestat needs Linux 6.5)')
    : natively('whether pages appeared in the page cache: cachestat');
}

/** In the order in which they matter to a program. */
export function capabilities(): Capability[] {
  const addon = loadAddon() !== null;
  const ring = uringFeatures();
  const { engine } = chooseEngine('auto');
  const rows: Record<string, Way> = {
    'many requests in flight without threads': ring.available
      ? natively('io_uring')
      : slowly(`a pool of threads: ${ring.reason ?? 'no io_uring'}`),
    'alignment per file': addon ? natively('statx') : slowly('sysfs of the device, and a page where that is silent'),
    "zero copy from the caller's own memory": addon
      ? natively('its address is known')
      : slowly('copied, unless it is memory of the library'),
    'the truth about direct': cachePages(),
    'many small reads and writes as few requests': natively('readMany, writeMany: neighbours merge'),
    'hole maps': byOperation(engine, Op.SEEK_DATA, 'lseek: SEEK_DATA, SEEK_HOLE', slowly('everything is read')),
    'space reserved before writing': byOperation(
      engine,
      Op.FALLOCATE,
      'fallocate',
      slowly('the free space is compared'),
    ),
    'zeroing of ranges': byOperation(
      engine,
      Op.BLOCK_ZERO,
      'fallocate (punch, zero range) on files, BLKZEROOUT on devices',
      slowly('zeros are written'),
    ),
    'holes punched': byOperation(engine, Op.FALLOCATE, 'fallocate', refused(BY_ADDON)),
    'clones of files': byOperation(
      engine,
      Op.CLONE,
      'FICLONE, where the file system has it',
      slowly('bytes are moved'),
    ),
    'drop-behind': byOperation(engine, Op.DROP_CACHE, 'sync_file_range and posix_fadvise', refused(BY_ADDON)),
    'durable writes one by one': addon ? natively('RWF_DSYNC') : slowly('fdatasync after the write'),
    splice: byOperation(engine, Op.SPLICE, 'between pipes and direct files', slowly('bytes are staged')),
    'atomic writes': addon ? natively('RWF_ATOMIC, where statx says that the file has them') : refused(BY_ADDON),
  };
  return Object.entries(rows).map(([name, way]) => ({ name, ...way }));
}
