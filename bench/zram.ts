// A disk that is memory, with XFS on it: what is measured there is the processor's work, not a device's. Needs root.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const CONTROL = '/sys/class/zram-control';

export interface Zram {
  /** Where its file system is mounted. */
  readonly directory: string;
  readonly remove: () => void;
}

/** Null: it can be made. */
export function zramProblem(): string | null {
  if (process.getuid?.() !== 0) return 'zram needs root';
  if (!existsSync(CONTROL)) return 'this kernel has no zram (modprobe zram)';
  try {
    execFileSync('mkfs.xfs', ['-V'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'mkfs.xfs is not installed (xfsprogs)';
  }
}

/** Removed at the latest when the process ends. Random bytes in it take as much memory as they are long. */
export function makeZram(parent: string, bytes: number): Zram {
  // Reading it adds a device (Documentation/admin-guide/blockdev/zram.rst).
  const number = readFileSync(join(CONTROL, 'hot_add'), 'utf8').trim();
  const device = `/dev/zram${number}`;
  const directory = join(parent, `zram${number}`);
  let mounted = false;
  let removed = false;
  const remove = (): void => {
    if (removed) return;
    removed = true;
    if (mounted) execFileSync('umount', [directory]);
    if (existsSync(directory)) rmdirSync(directory);
    writeFileSync(`/sys/block/zram${number}/reset`, '1');
    writeFileSync(join(CONTROL, 'hot_remove'), number);
  };
  // Before the scratch directory is removed, in which it is mounted.
  process.prependOnceListener('exit', remove);
  try {
    writeFileSync(`/sys/block/zram${number}/disksize`, String(bytes));
    execFileSync('mkfs.xfs', ['-q', '-f', device]);
    mkdirSync(directory);
    execFileSync('mount', [device, directory]);
    mounted = true;
    return { directory, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
